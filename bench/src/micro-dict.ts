/**
 * The dict by itself: nanoseconds of get, miss, overwrite, insert, delete and batched get at 1 M
 * keys of 16 bytes with values of 64, the request bytes lying in the same memory, in random order.
 * Prints the median over batches of 256 operations and the 10th percentile, because the machine is
 * shared and means are of no use; then bytes a key.
 * Usage: node bench/dist/micro-dict.js [keys] [value bytes] [twin]
 */
import {
  Dict, entryBytesFor, entryKeyAt, entryValueAt, WorkerMemory, writeEntryHeader,
} from '@kora/core/testing';
import { foundInGroups } from './found-in-groups.ts';

const BATCH = 256;
const KEY_BYTES = 16;
const KEYS_AT = 65_536;
const VALUE_AT = 131_072;
const LIST_AT = 262_144;
const PLACED = { keysAt: KEYS_AT, keyBytes: KEY_BYTES, count: BATCH, listAt: LIST_AT };
const COPY_AT = 270_336;
const OPERATIONS_MIN = 1_000_000;
const NS_PER_MS = 1e6;
/** Targets at 1 M keys, ns: docs/internals/arena.md. */
const targets = new Map([
  ['insert', 560], ['get', 420], ['overwrite', 500], ['get in batches of 16', 150],
]);

const keys = Number(process.argv[2] ?? 1_000_000);
const valueBytes = Number(process.argv[3] ?? 64);
const kernel = process.argv[4] === 'twin' ? 'twin' : 'wasm';

class DictBench {
  readonly memory = WorkerMemory.create({ kernel });
  readonly allocator = this.memory.arenaAllocator;
  readonly dict = new Dict(this.memory, this.allocator, 0x243f6a88, 0x85a308d3);
  readonly entryBytes = entryBytesFor(KEY_BYTES, valueBytes, false);

  constructor() {
    this.dict.warmRarePaths();
    this.dict.create();
    for (let i = 0; i < valueBytes; i++) this.memory.low[VALUE_AT + i] = 97 + (i % 26);
  }

  /** Writes the names of these keys where requests lie. */
  putKeys(ids: Int32Array): void {
    const low = this.memory.low;
    for (let i = 0; i < BATCH; i++) {
      let digits = ids[i] ?? 0;
      let at = KEYS_AT + i * KEY_BYTES;
      low[at++] = 107;
      low[at++] = 58;
      for (let place = KEY_BYTES - 3; place >= 0; place--) {
        low[at + place] = 48 + (digits % 10);
        digits = Math.floor(digits / 10);
      }
    }
  }

  set(key: number): boolean {
    const { dict, memory, allocator } = this;
    const hash = dict.hashOf(key, KEY_BYTES);
    const slot = dict.find(key, KEY_BYTES, hash);
    if (!dict.reserveInsert(this.entryBytes)) throw new Error('memory is full');
    if (slot !== 0) {
      memory.kernel.copy(entryValueAt(memory.i32, memory.i32[slot] ?? 0), VALUE_AT, valueBytes);
      return false;
    }
    const ref = allocator.alloc(this.entryBytes);
    const i32 = memory.i32;
    writeEntryHeader(i32, ref, 0, KEY_BYTES, valueBytes);
    memory.kernel.copy(entryKeyAt(i32, ref), key, KEY_BYTES);
    memory.kernel.copy(entryValueAt(i32, ref), VALUE_AT, valueBytes);
    dict.insert(hash, ref);
    return true;
  }

  get(key: number): boolean {
    const { dict } = this;
    return dict.find(key, KEY_BYTES, dict.hashOf(key, KEY_BYTES)) !== 0;
  }

  delete(key: number): boolean {
    const { dict, memory } = this;
    const hash = dict.hashOf(key, KEY_BYTES);
    const slot = dict.find(key, KEY_BYTES, hash);
    if (slot === 0) return false;
    const ref = memory.i32[slot] ?? 0;
    dict.removeAt(slot, hash);
    this.allocator.free(ref);
    return true;
  }

  /** Keys of BATCH found, `group` at a time. */
  getBatch(group: number): number {
    return foundInGroups(this.dict, PLACED, group);
  }
}

const bench = new DictBench();
const ids = new Int32Array(BATCH);
const lines: string[] = [];

/** Runs `total` operations in timed batches and notes the median. */
function measure(name: string, total: number, pick: () => number, batch: () => number): void {
  const samples: number[] = [];
  let result = 0;
  for (let done = 0; done + BATCH <= total; done += BATCH) {
    for (let i = 0; i < BATCH; i++) ids[i] = pick();
    bench.putKeys(ids);
    const start = performance.now();
    result += batch();
    samples.push(((performance.now() - start) * NS_PER_MS) / BATCH);
  }
  samples.sort((a, b) => a - b);
  const median = samples[samples.length >> 1] ?? NaN;
  const low = samples[Math.floor(samples.length / 10)] ?? NaN;
  const target = keys === 1_000_000 ? targets.get(name) : undefined;
  lines.push(`${name.padEnd(22)}${median.toFixed(0).padStart(6)} ns  (10th ${low.toFixed(0)})`
    + `${target === undefined ? '' : `  target ${target}`}  results ${result}`);
}

function each(operation: (key: number) => boolean): () => number {
  return () => {
    let result = 0;
    for (let i = 0; i < BATCH; i++) if (operation(KEYS_AT + i * KEY_BYTES)) result++;
    return result;
  };
}

let state = 99;
function random(limit: number): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % limit;
}

/** Every key once, in a scattered order. */
function scattered(): () => number {
  const period = 2 ** Math.ceil(Math.log2(keys));
  let place = 1;
  return () => {
    do place = (Math.imul(place, 1_664_525) + 1_013_904_223) & (period - 1); while (place >= keys);
    return place;
  };
}

const operations = Math.max(keys, OPERATIONS_MIN);
measure('insert', keys, scattered(), each((key) => bench.set(key)));
measure('get', operations, () => random(keys), each((key) => bench.get(key)));
measure('miss', operations, () => keys + random(keys), each((key) => bench.get(key)));
for (const group of [4, 16, 64]) {
  const name = `get in batches of ${group}`;
  measure(name, operations, () => random(keys), () => bench.getBatch(group));
}
measure('overwrite', operations, () => random(keys), each((key) => bench.set(key)));
measure('hash', operations, () => random(keys), each((key) => {
  return bench.dict.hashOf(key, KEY_BYTES) > 0;
}));
measure(`copy ${valueBytes} B`, operations, () => 0, () => {
  for (let i = 0; i < BATCH; i++) bench.memory.kernel.copy(COPY_AT, KEYS_AT + i * 16, valueBytes);
  return 0;
});
const index = bench.dict.indexBytes() / bench.dict.count();
const used = bench.allocator.usedBytes() / bench.dict.count();
measure('delete', keys, scattered(), each((key) => bench.delete(key)));
process.stdout.write(`${keys} keys of ${KEY_BYTES} B, values of ${valueBytes} B, ${kernel} kernel, `
  + `Node ${process.version}\n${lines.join('\n')}\n`
  + `index ${index.toFixed(1)} B a key, all in ${used.toFixed(1)}\n`);
