/**
 * One shard's part of a transaction as a block of low memory: what its intent says and the commands
 * it runs. It is built at the origin and copied to the participant as it is; on the origin's own
 * shard the same block is handed over.
 *
 *   word 0-1     number of the transaction, f64     word 2     shards that log it, a bit each
 *                                                   word 3     form of the intent
 *   word 4       flags: PART_EXEC ...
 *   word 5       lock of the whole shard            word 6     locks on slots
 *   word 7       byte of the locks, from the start  word 8-9   client id, f64
 *   word 10-11   the instant, ms, f64               word 12    commands
 *   word 14 ...  of each command: call | arguments | bytes of each | arguments, padded to 4
 *   then         locks, u16 each
 *
 * Arguments that are ropes are flat here, so one of more than FLAT_ARGUMENT_BYTES_MAX is refused.
 */
import type { ArgFrame, Planner, Shard } from '@kora/core';
import { assert, FLAT_ARGUMENT_BYTES_MAX, PART_KEY_COUNT } from '@kora/core';

const NUMBER_F64 = 0;
const LOGGED = 2;
const FORM = 3;
const FLAGS = 4;
const WHOLE = 5;
const LOCK_COUNT = 6;
const LOCKS_AT = 7;
const CLIENT_F64 = 4;
const NOW_F64 = 5;
const COMMAND_COUNT = 12;
const HEAD_WORDS = 14;
const COMMAND_HEAD_WORDS = 2;

/** The commands are those of an EXEC: one instant, one reply each. */
export const PART_EXEC = 1;
/** The client watches keys of this shard: the part is refused when one has changed. */
export const PART_WATCHES = 2;
/** The client speaks RESP3. */
export const PART_RESP3 = 4;
/** The part runs a command for other shards too (led-parts.ts) ... */
export const PART_LEADS = 8;
/** ... or lends it the values of keys, and is told what became of them ... */
export const PART_LENDS = 16;
/** ... or one element, and takes it away afterwards. */
export const PART_MOVES = 32;
/** What is changed of the keys that it lends may need memory. */
export const PART_GROWS = 64;
/** The part runs in steps, of which the coordinator tells one after the other (script.ts). */
export const PART_SCRIPT = 128;
/** The part's command waits for keys (wait-parts.ts). */
export const PART_WAITS = 256;
/** Events of the key space go to the coordinator, which puts them in order (step-events.ts). */
export const PART_EVENTS = 512;

const FIRST_BYTES = 512;
const padded = (bytes: number): number => (bytes + 3) & ~3;
const encoder = new TextEncoder();
const NO_BYTES = new Uint8Array(0);

/** A built part. */
export interface PartBlock {
  readonly ref: number;
  readonly bytes: number;
}

/** Builds one part; used again for the next. */
export class PartWriter {
  readonly #shard: Shard;
  #ref = 0;
  #capacity = 0;
  #bytes = 0;
  #commandCount = 0;
  #flags = 0;
  #clientId = 0;
  #nowMs = 0;
  /** Memory was short, or an argument too long: the part cannot be had. */
  #isLost = false;

  constructor(shard: Shard) {
    this.#shard = shard;
  }

  /** Begins a part. It takes memory with its first command. */
  start(flags: number, clientId: number, nowMs: number): void {
    assert(this.#ref === 0, 'one part is built after the other');
    this.#isLost = false;
    this.#commandCount = 0;
    this.#bytes = HEAD_WORDS * 4;
    this.#flags = flags;
    this.#clientId = clientId;
    this.#nowMs = nowMs;
  }

  /**
   * Adds a command: `count` arguments of the frame, by index; PART_KEY_COUNT stands for `keyCount`
   * as text, when there are keys.
   */
  add(frame: ArgFrame, call: number, indices: Int32Array, count: number, keyCount: number): void {
    const countText = keyCount === 0 ? NO_BYTES : encoder.encode(String(keyCount));
    let bytes = (COMMAND_HEAD_WORDS + count) * 4;
    for (let i = 0; i < count; i++) {
      const length = lengthOf(frame, indices[i] ?? 0, countText);
      if (length > FLAT_ARGUMENT_BYTES_MAX) this.#isLost = true;
      bytes += padded(length);
    }
    if (this.#isLost || !this.#ensure(this.#bytes + bytes)) return;
    const { memory, ropes } = this.#shard;
    const { i32 } = memory;
    const word = this.#ref * 2 + this.#bytes / 4;
    i32[word] = call;
    i32[word + 1] = count;
    let to = (word + COMMAND_HEAD_WORDS + count) * 4;
    for (let i = 0; i < count; i++) {
      const index = indices[i] ?? 0;
      const length = lengthOf(frame, index, countText);
      i32[word + COMMAND_HEAD_WORDS + i] = length;
      if (index === PART_KEY_COUNT) memory.low.set(countText, to);
      else if (frame.isBig(index)) ropes.read(frame.ropeOf(index), 0, to, length);
      else memory.kernel.copy(to, frame.at[index] ?? 0, length);
      to += padded(length);
    }
    this.#bytes += bytes;
    this.#commandCount++;
  }

  /** Adds to the flags of the part, which may have no command yet. */
  mark(flags: number): void {
    this.#flags |= flags;
  }

  /** Gives the part up. */
  drop(): void {
    if (this.#ref !== 0) this.#shard.memory.lowAllocator.free(this.#ref);
    this.#ref = 0;
    this.#capacity = 0;
  }

  /** Ends the part with the planner's locks of shard `target`. @returns null when it is lost */
  finish(planner: Planner, target: number): PartBlock | null {
    const lockCount = planner.lockCountOf(target);
    if (!this.#isLost) this.#ensure(this.#bytes + padded(lockCount * 2));
    if (this.#isLost) {
      this.drop();
      return null;
    }
    const ref = this.#ref;
    this.#ref = 0;
    this.#capacity = 0;
    const { i32, f64, low } = this.#shard.memory;
    const word = ref * 2;
    i32[word + FLAGS] = this.#flags;
    f64[ref + CLIENT_F64] = this.#clientId;
    f64[ref + NOW_F64] = this.#nowMs;
    i32[word + WHOLE] = planner.wholeOf(target);
    i32[word + LOCK_COUNT] = lockCount;
    i32[word + LOCKS_AT] = this.#bytes;
    i32[word + COMMAND_COUNT] = this.#commandCount;
    planner.copyLocks(target, halfWords(low, ref * 8 + this.#bytes, lockCount), 0);
    return { ref, bytes: this.#bytes + padded(lockCount * 2) };
  }

  #ensure(bytes: number): boolean {
    if (bytes <= this.#capacity) return true;
    const { lowAllocator, kernel } = this.#shard.memory;
    const capacity = Math.max(bytes, this.#capacity * 2, FIRST_BYTES);
    const ref = lowAllocator.alloc(capacity);
    if (ref === 0) {
      this.#isLost = true;
      return false;
    }
    if (this.#ref !== 0) {
      kernel.copy(ref * 8, this.#ref * 8, this.#bytes);
      lowAllocator.free(this.#ref);
    }
    this.#ref = ref;
    this.#capacity = capacity;
    return true;
  }
}

function lengthOf(frame: ArgFrame, index: number, countText: Uint8Array): number {
  return index === PART_KEY_COUNT ? countText.length : frame.bytes[index] ?? 0;
}

function halfWords(low: Uint8Array, at: number, count: number): Uint16Array {
  return new Uint16Array(low.buffer, low.byteOffset + at, count);
}

/** Reads and completes blocks of one shard's memory. */
export class PartBlocks {
  /** The call of the command bound last (message-kinds.ts). */
  call = 0;
  #at = new Int32Array(64);
  #bytes = new Int32Array(64);
  #firstWord = 0;
  #nextWord = 0;
  #left = 0;
  readonly #shard: Shard;

  constructor(shard: Shard) {
    this.#shard = shard;
  }

  /** What is known only when the transaction has its place. */
  complete(ref: number, transaction: number, form: number, logged: number): void {
    const { i32, f64 } = this.#shard.memory;
    f64[ref + NUMBER_F64] = transaction;
    i32[ref * 2 + LOGGED] = logged;
    i32[ref * 2 + FORM] = form;
  }

  /** Shards whose logs have a part of the transaction, a bit each; 0 = it changes nothing. */
  loggedOf(ref: number): number {
    return this.#word(ref, LOGGED);
  }

  transactionOf(ref: number): number {
    return this.#shard.memory.f64[ref + NUMBER_F64] ?? 0;
  }

  formOf(ref: number): number {
    return this.#word(ref, FORM);
  }

  flagsOf(ref: number): number {
    return this.#word(ref, FLAGS);
  }

  clientIdOf(ref: number): number {
    return this.#shard.memory.f64[ref + CLIENT_F64] ?? 0;
  }

  nowMsOf(ref: number): number {
    return this.#shard.memory.f64[ref + NOW_F64] ?? 0;
  }

  wholeOf(ref: number): number {
    return this.#word(ref, WHOLE);
  }

  /** Locks of the part; borrowed. */
  locksOf(ref: number): Uint16Array {
    const at = ref * 8 + this.#word(ref, LOCKS_AT);
    return halfWords(this.#shard.memory.low, at, this.#word(ref, LOCK_COUNT));
  }

  /** Goes to before the part's first command. */
  rewind(ref: number): void {
    this.#firstWord = ref * 2 + HEAD_WORDS;
    this.#nextWord = this.#firstWord;
    this.#left = this.#word(ref, COMMAND_COUNT);
  }

  /** Where the next command is: `resume` goes back there. */
  get position(): number {
    return this.#nextWord - this.#firstWord;
  }

  /** Goes to before command `index` of the part, where `position` was; 0 for that of the first. */
  resume(ref: number, index: number, position: number): void {
    this.rewind(ref);
    this.#nextWord += position;
    this.#left -= index;
  }

  /** Passes over the next command. */
  skip(): void {
    assert(this.#left > 0, 'a part has the commands that it is told of');
    this.#left--;
    const { i32 } = this.#shard.memory;
    const word = this.#nextWord + COMMAND_HEAD_WORDS;
    const argc = i32[this.#nextWord + 1] ?? 0;
    let at = (word + argc) * 4;
    for (let i = 0; i < argc; i++) at += padded(i32[word + i] ?? 0);
    this.#nextWord = at / 4;
  }

  /** Points the frame at the arguments of the next command, in the block; false: there is none. */
  next(frame: ArgFrame): boolean {
    if (this.#left === 0) return false;
    this.#left--;
    const { i32 } = this.#shard.memory;
    const word = this.#nextWord;
    this.call = i32[word] ?? 0;
    const argc = i32[word + 1] ?? 0;
    if (argc > this.#at.length) {
      this.#at = new Int32Array(argc);
      this.#bytes = new Int32Array(argc);
    }
    let at = (word + COMMAND_HEAD_WORDS + argc) * 4;
    for (let i = 0; i < argc; i++) {
      const bytes = i32[word + COMMAND_HEAD_WORDS + i] ?? 0;
      this.#at[i] = at;
      this.#bytes[i] = bytes;
      at += padded(bytes);
    }
    this.#nextWord = at / 4;
    frame.bind(this.#at, this.#bytes, argc);
    return true;
  }

  #word(ref: number, word: number): number {
    return this.#shard.memory.i32[ref * 2 + word] ?? 0;
  }
}
