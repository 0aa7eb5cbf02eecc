/**
 * Puts the arguments of a call where commands expect them: bytes in low memory, 64 KiB and more in
 * ropes, offsets and lengths in the frame. Text becomes UTF-8. One per engine, filled again for
 * every call:
 *   begin(); add(...) for each argument; bind(frame); run; release();
 * Invariant: after `release` no extra block is held; a rope nobody adopted was freed by the
 * executor, or
 *   is freed by `discard` when the call never ran.
 * Cost: short ASCII text 30 ns; nothing is allocated for arguments that fit the block.
 */
import {
  ARGUMENT_COUNT_MAX, BIG_ARGUMENT_BYTES_MIN, Fault, SCRATCH_BYTES,
} from '@kora/core';
import type { ArgFrame, Shard, WorkerMemory } from '@kora/core';
import { SHORT_TEXT_CHARACTERS_MAX, writeAscii } from './short-bytes.hot.ts';

/** What an argument may be. Numbers and bigints are written in decimal. */
export type CallArgument = string | number | bigint | Uint8Array;

/** Bytes of low memory that arguments of a call share before extra blocks are taken. */
const BLOCK_BYTES = 128 * 1024;
/** Bytes that UTF-8 needs for one UTF-16 unit, at most. */
const UTF8_BYTES_PER_UNIT_MAX = 3;
const FIRST_ARGUMENTS = 16;

export class Arguments {
  readonly #shard: Shard;
  readonly #memory: WorkerMemory;
  /** Low memory as a Buffer, for native UTF-8. */
  readonly #lowBuffer: Buffer;
  readonly #blockAt: number;
  readonly #blockEnd: number;
  #next: number;
  #count = 0;
  #at = new Int32Array(FIRST_ARGUMENTS);
  #bytes = new Int32Array(FIRST_ARGUMENTS);
  /** Extra blocks of the running call. */
  readonly #extraRefs: number[] = [];

  /** @throws {Fault} OUT_OF_MEMORY when low memory has no room for the block */
  constructor(shard: Shard) {
    this.#shard = shard;
    this.#memory = shard.memory;
    this.#lowBuffer = lowBufferOf(this.#memory);
    const ref = this.#memory.lowAllocator.alloc(BLOCK_BYTES);
    if (ref === 0) throw outOfMemory('the arguments of calls');
    this.#blockAt = ref * 8;
    this.#blockEnd = this.#blockAt + BLOCK_BYTES;
    this.#next = this.#blockAt;
  }

  /** Starts the arguments of a call whose first one is the command's name. */
  begin(): void {
    if (this.#count > 0) this.discard();
    this.#next = this.#blockAt;
  }

  /** Starts the arguments of a command that is known already: its name is left empty. */
  beginKnown(): void {
    this.begin();
    this.#note(this.#next, 0);
  }

  /** Adds what the caller gave, whatever it claims to be.
   * @throws {Fault} INVALID_ARGUMENT for a value that is no argument, OUT_OF_MEMORY */
  add(value: CallArgument): void {
    if (typeof value === 'string') this.addText(value);
    else if (value instanceof Uint8Array) this.addBytes(value);
    else if (typeof value === 'bigint') this.addText(String(value));
    else this.addText(numberText(value, this.#count));
  }

  addText(text: string): void {
    const { length } = text;
    if (length <= SHORT_TEXT_CHARACTERS_MAX && this.#next + length <= this.#blockEnd) {
      if (writeAscii(this.#memory.low, this.#next, text)) {
        this.#note(this.#next, length);
        this.#next += length;
        return;
      }
    }
    const bytesMax = length * UTF8_BYTES_PER_UNIT_MAX;
    if (bytesMax < BIG_ARGUMENT_BYTES_MIN && this.#next + bytesMax <= this.#blockEnd) {
      const bytes = this.#lowBuffer.write(text, this.#next, bytesMax, 'utf8');
      this.#note(this.#next, bytes);
      this.#next += bytes;
      return;
    }
    this.addBytes(Buffer.from(text, 'utf8'));
  }

  addBytes(bytes: Uint8Array): void {
    if (bytes.length >= BIG_ARGUMENT_BYTES_MIN) {
      this.#note(-this.#ropeOf(bytes) - 1, bytes.length);
      return;
    }
    let at = this.#next;
    if (at + bytes.length <= this.#blockEnd) this.#next += bytes.length;
    else at = this.#extraBlock(bytes.length);
    this.#memory.low.set(bytes, at);
    this.#note(at, bytes.length);
  }

  /** Points the frame at the arguments. Ropes among them are the frame's from here on. */
  bind(frame: ArgFrame): void {
    frame.bind(this.#at, this.#bytes, this.#count);
  }

  /** After the call: gives extra blocks back. */
  release(): void {
    this.#count = 0;
    while (this.#extraRefs.length > 0) {
      const ref = this.#extraRefs.pop();
      if (ref !== undefined) this.#memory.lowAllocator.free(ref);
    }
  }

  /** Instead of the call: frees the ropes too. `begin` does it for a call that was given up. */
  discard(): void {
    for (let i = 0; i < this.#count; i++) {
      const at = this.#at[i] ?? 0;
      if (at < 0) this.#shard.ropes.free(-at - 1);
    }
    this.release();
  }

  #note(at: number, bytes: number): void {
    if (this.#count === this.#at.length) this.#growColumns();
    this.#at[this.#count] = at;
    this.#bytes[this.#count] = bytes;
    this.#count++;
  }

  #growColumns(): void {
    if (this.#count >= ARGUMENT_COUNT_MAX) {
      throw new Fault(
        'INVALID_ARGUMENT', `a call takes at most ${ARGUMENT_COUNT_MAX} arguments`,
      );
    }
    const at = new Int32Array(this.#at.length * 2);
    const bytes = new Int32Array(this.#bytes.length * 2);
    at.set(this.#at);
    bytes.set(this.#bytes);
    this.#at = at;
    this.#bytes = bytes;
  }

  #extraBlock(bytes: number): number {
    const ref = this.#memory.lowAllocator.alloc(bytes);
    if (ref === 0) throw outOfMemory('the arguments of this call', true);
    this.#extraRefs.push(ref);
    return ref * 8;
  }

  #ropeOf(bytes: Uint8Array): number {
    const { ropes } = this.#shard;
    const root = ropes.create(bytes.length);
    if (root === 0) throw outOfMemory('a big argument of this call', true);
    const { low } = this.#memory;
    const { scratchAt } = this.#shard; // Free here: no command runs yet.
    for (let done = 0; done < bytes.length; done += SCRATCH_BYTES) {
      const part = bytes.subarray(done, done + SCRATCH_BYTES);
      low.set(part, scratchAt);
      ropes.write(root, done, scratchAt, part.length);
    }
    return root;
  }
}

/** Low memory as a Buffer. It never moves, so one is enough for an engine's life. */
export function lowBufferOf(memory: WorkerMemory): Buffer {
  const { buffer, byteOffset, byteLength } = memory.low;
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** A Fault OUT_OF_MEMORY: there is no room for `what`. */
export function outOfMemory(what: string, isRetryable = false): Fault {
  return new Fault(
    'OUT_OF_MEMORY', `the engine's memory has no room for ${what}`, { isRetryable },
  );
}

/** A number in decimal; what is none is refused.
 * @throws {Fault} INVALID_ARGUMENT */
export function numberText(value: unknown, index: number): string {
  if (typeof value === 'number' && !Number.isNaN(value)) return String(value);
  const given = value === null ? 'null' : Number.isNaN(value) ? 'NaN' : typeof value;
  throw new Fault(
    'INVALID_ARGUMENT',
    `argument ${index} is ${given}; an argument is a string, a Uint8Array, a number or a bigint`,
  );
}
