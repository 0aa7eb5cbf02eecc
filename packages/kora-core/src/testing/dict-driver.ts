/**
 * Drives one dict with text keys and int32 values, as a Map would be, and walks its structure.
 * For tests and benchmarks of the dict alone; entries are made and freed here, keys go through a
 * request area in low memory. Throws Error when the dict breaks a promise.
 */
import { Dict } from '../structs/dict.hot.ts';
import {
  CHAIN_SLOTS_MAX, DICT_OVERFLOW, LINE_NEXT, LINE_REFS, LINE_SLOTS, LINE_WORDS,
} from '../structs/dict-layout.ts';
import {
  entryBytesFor, entryKeyAt, entryKeyBytes, entryValueAt, writeEntryHeader,
} from '../structs/entry.hot.ts';
import { WorkerMemory } from '../structs/worker-memory.ts';

/** Where keys of requests lie: unaligned on purpose. */
export const REQUEST_KEY_AT = 70_001;
const LOW_BYTES = 2 * 65_536;
const BYTES_MAX = 512 * 1024 * 1024;

/** A small memory; long keys need more low bytes. */
export function makeDictMemory(
  kernel: 'wasm' | 'twin' = 'wasm', bytesMax = BYTES_MAX, lowBytes = LOW_BYTES,
): WorkerMemory {
  return WorkerMemory.create({ lowBytes, bytesMax, kernel });
}

export class DictDriver {
  readonly memory: WorkerMemory;
  readonly dict: Dict;
  readonly out = new Int32Array(CHAIN_SLOTS_MAX);
  readonly #encoder = new TextEncoder();
  readonly #decoder = new TextDecoder();

  constructor(memory: WorkerMemory) {
    this.memory = memory;
    this.dict = new Dict(memory, memory.arenaAllocator, 0x243f6a88, 0x85a308d3);
    if (this.dict.create() === 0) throw new Error('no memory for a dict');
  }

  /** Writes the key where requests lie. @returns its bytes */
  key(text: string): number {
    const { read, written } = this.#encoder.encodeInto(
      text, this.memory.low.subarray(REQUEST_KEY_AT),
    );
    if (read !== text.length) throw new Error('the key is longer than the request area');
    return written;
  }

  slotOf(text: string): number {
    const bytes = this.key(text);
    return this.dict.find(REQUEST_KEY_AT, bytes, this.dict.hashOf(REQUEST_KEY_AT, bytes));
  }

  /** False when memory is full; nothing has changed then. */
  set(text: string, value: number): boolean {
    const { dict, memory } = this;
    const bytes = this.key(text);
    const hash = dict.hashOf(REQUEST_KEY_AT, bytes);
    const found = dict.find(REQUEST_KEY_AT, bytes, hash);
    const entryBytes = entryBytesFor(bytes, 4, false);
    const { arenaAllocator } = memory;
    const isReserved = found === 0
      ? dict.reserveInsert(entryBytes) : arenaAllocator.reserve(1, entryBytes);
    if (!isReserved) return false;
    const ref = arenaAllocator.alloc(entryBytes);
    if (ref === 0) throw new Error('a reserved entry was refused');
    writeEntryHeader(memory.i32, ref, 0, bytes, 4);
    memory.kernel.copy(entryKeyAt(memory.i32, ref), REQUEST_KEY_AT, bytes);
    memory.i32[entryValueAt(memory.i32, ref) / 4] = value;
    if (found !== 0) {
      const epoch = dict.epoch();
      arenaAllocator.free(this.refAt(found));
      dict.replaceAt(found, ref);
      if (dict.epoch() !== epoch) throw new Error('replaceAt changed the epoch');
      return true;
    }
    const epoch = dict.epoch();
    const slot = dict.insert(hash, ref);
    if (memory.i32[slot] !== ref) throw new Error('insert returned another slot');
    if (dict.epoch() === epoch) throw new Error('insert kept the epoch');
    return true;
  }

  get(text: string): number | undefined {
    const slot = this.slotOf(text);
    return slot === 0 ? undefined : this.valueAt(slot);
  }

  valueAt(slot: number): number {
    const i32 = this.memory.i32;
    return i32[entryValueAt(i32, this.refAt(slot)) / 4] ?? 0;
  }

  keyAt(slot: number): string {
    const i32 = this.memory.i32;
    const ref = this.refAt(slot);
    const bytes = entryKeyBytes(i32, ref);
    // Through low memory, as everything that leaves the arena; a copy, for a view is shared.
    this.memory.kernel.copy(REQUEST_KEY_AT, entryKeyAt(i32, ref), bytes);
    return this.#decoder.decode(
      this.memory.low.slice(REQUEST_KEY_AT, REQUEST_KEY_AT + bytes),
    );
  }

  refAt(slot: number): number {
    return this.memory.i32[slot] ?? 0;
  }

  delete(text: string): boolean {
    const slot = this.slotOf(text);
    if (slot === 0) return false;
    const ref = this.refAt(slot);
    this.dict.removeAt(slot, this.dict.hashOfEntry(ref));
    this.memory.arenaAllocator.free(ref);
    return true;
  }

  /** All contents by walking the lines; checks the shape of every chain on the way. */
  contents(): Map<string, number> {
    const { dict } = this;
    const found = new Map<string, number>();
    let overflow = 0;
    for (let line = 0; line < dict.lines(); line++) {
      const count = dict.collectLine(line, this.out);
      for (const slot of this.out.slice(0, count)) {
        const hash = dict.hashOfEntry(this.refAt(slot));
        if (dict.lineOf(hash) !== line) throw new Error('an entry in a wrong line');
        found.set(this.keyAt(slot), this.valueAt(slot));
      }
      overflow += this.#checkChain(dict.addressLine(line));
    }
    const counted = this.memory.i32[(dict.header << 1) + DICT_OVERFLOW];
    if (counted !== overflow) throw new Error(`${overflow} overflow lines, ${counted} counted`);
    return found;
  }

  /** Entries met by walking all lines. */
  entries(): number {
    let count = 0;
    for (let line = 0; line < this.dict.lines(); line++) {
      count += this.dict.collectLine(line, this.out);
    }
    return count;
  }

  /** Every line but the last is full, and no overflow line is empty. @returns overflow lines */
  #checkChain(home: number): number {
    const i32 = this.memory.i32;
    let overflow = 0;
    let at = home;
    for (let next = i32[at + LINE_NEXT] ?? 0; next !== 0; next = i32[at + LINE_NEXT] ?? 0) {
      for (let i = 0; i < LINE_SLOTS; i++) {
        if (i32[at + LINE_REFS + i] === 0) throw new Error('a hole before the last line');
      }
      overflow++;
      at = next << 1;
      const refs = i32.slice(at + LINE_REFS, at + LINE_WORDS);
      if (refs.every((ref) => ref === 0)) throw new Error('an empty overflow line');
    }
    return overflow;
  }

  /** Frees all entries and the dict. */
  destroy(): void {
    for (let line = 0; line < this.dict.lines(); line++) {
      const count = this.dict.collectLine(line, this.out);
      for (const slot of this.out.slice(0, count)) {
        this.memory.arenaAllocator.free(this.refAt(slot));
      }
    }
    this.dict.destroy();
  }
}
