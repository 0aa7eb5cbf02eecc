/**
 * A HyperLogLog on its way into a key: a copy in the scratch area, sparse until it must be dense,
 * which is changed and then stored whole. So a command that finds its value corrupt half-way has
 * changed nothing.
 *
 *   scratch   | sparse value, 35 KiB | 16,384 registers of a byte | dense value |
 *
 * The registers of a byte are for merging: `mergeInto` raises them to those of a key.
 * A sparse value longer than any sound one (SETRANGE can make it) is loaded without its end, which
 *   no register needs: registers may be raised in their place, all else finds it corrupt.
 * Cost: a copy of the value; registers are set as sparse-registers.hot.ts says.
 */
import { assert } from '../../assert.ts';
import { ROPE_BYTES_MIN, SCRATCH_BYTES } from '../../limits.ts';
import type { Shard } from '../../shard/shard.ts';
import {
  copyStringRange, growString, patchString, putString, RAW_FLAGS, replaceText, stringBytes,
} from '../string/string.ts';
import {
  denseRegister, mergeDense, packDense, setDenseRegister,
} from './dense-registers.hot.ts';
import {
  DENSE_REGISTERS_BYTES, HLL_DENSE, HLL_DENSE_BYTES, HLL_ENCODING_AT, HLL_HEADER_BYTES, HLL_MAGIC,
  HLL_SPARSE, HLL_STALE, HLL_STALE_AT, REGISTER_COUNT,
} from './hll-layout.ts';
import {
  expandSparse, mergeSparse, setSparse, SPARSE_CORRUPT, SPARSE_FULL, SPARSE_GROWTH_BYTES_MAX,
  SPARSE_SAME,
} from './sparse-registers.hot.ts';

const SPARSE_ROOM_BYTES = 35_840;
const DENSE_FROM = SPARSE_ROOM_BYTES + REGISTER_COUNT;
/** Longer sparse values tell more registers than there are: two bytes each at most. */
const SPARSE_BYTES_MAX: number = SPARSE_ROOM_BYTES - 2 * SPARSE_GROWTH_BYTES_MAX;
/** One run of zeros over all registers. */
const ALL_ZERO = [0x7f, 0xff];

assert(DENSE_FROM + HLL_DENSE_BYTES <= SCRATCH_BYTES, 'a draft fits the scratch area');
assert(SPARSE_BYTES_MAX < ROPE_BYTES_MIN, 'a draft is a short value');
assert(HLL_HEADER_BYTES + REGISTER_COUNT * 2 <= SPARSE_BYTES_MAX, 'every sound value fits');

/** What `raise` did. */
export const Raised = Object.freeze({ No: 0, Yes: 1, Corrupt: 2 } as const);

export class HllDraft {
  readonly #shard: Shard;
  /** Byte offset in low memory, and length, of the value as it is now. */
  #at: number;
  #bytes: number;
  /** Bytes of the value in its key behind those that were loaded. */
  #tailBytes = 0;

  constructor(shard: Shard) {
    this.#shard = shard;
    this.#at = shard.scratchAt;
    this.#bytes = 0;
  }

  get isDense(): boolean {
    return this.#at !== this.#shard.scratchAt;
  }

  /** Makes it empty: the value that PFADD without elements creates. */
  startEmpty(): void {
    const { i32, low } = this.#shard.memory;
    this.#at = this.#shard.scratchAt;
    low.fill(0, this.#at, this.#at + HLL_HEADER_BYTES);
    i32[this.#at >>> 2] = HLL_MAGIC;
    low[this.#at + HLL_ENCODING_AT] = HLL_SPARSE;
    low.set(ALL_ZERO, this.#at + HLL_HEADER_BYTES);
    this.#bytes = HLL_HEADER_BYTES + ALL_ZERO.length;
  }

  /** Copies the value of entry `ref`, which has a sound header. */
  load(ref: number, isDense: boolean): void {
    const shard = this.#shard;
    const bytes = stringBytes(shard, ref);
    this.#bytes = isDense ? bytes : Math.min(bytes, SPARSE_BYTES_MAX);
    this.#tailBytes = bytes - this.#bytes;
    this.#at = shard.scratchAt + (isDense ? DENSE_FROM : 0);
    copyStringRange(shard, ref, 0, this.#bytes, this.#at);
    // What a run of two bytes finds when it lacks the second.
    shard.memory.low[this.#at + this.#bytes] = 0;
  }

  /** Raises a register, by which a sparse value may become dense. @returns one of Raised */
  raise(register: number, value: number): number {
    const { memory, settings } = this.#shard;
    const start = this.#at + HLL_HEADER_BYTES;
    if (!this.isDense) {
      const isWhole = this.#tailBytes === 0;
      const bytesMax = isWhole ? Math.min(settings.hllSparseBytesMax, SPARSE_BYTES_MAX) : 0;
      const end = setSparse(
        memory.low, start, this.#at + this.#bytes, register, value, this.#at + bytesMax, isWhole,
      );
      if (end === SPARSE_SAME) return Raised.No;
      if (end === SPARSE_CORRUPT) return Raised.Corrupt;
      if (end === SPARSE_FULL) {
        return this.toDense() ? this.raise(register, value) : Raised.Corrupt;
      }
      // A long run that told one register has become a short one: what follows would move.
      if (!isWhole && end !== this.#at + this.#bytes) return Raised.Corrupt;
      this.#bytes = end - this.#at;
      return Raised.Yes;
    }
    if (denseRegister(memory.i32, start, register) >= value) return Raised.No;
    setDenseRegister(memory.i32, start, register, value);
    return Raised.Yes;
  }

  /** Makes it dense; false when its runs are corrupt. */
  toDense(): boolean {
    if (this.isDense) return true;
    const { i32, kernel, low } = this.#shard.memory;
    const to = this.#shard.scratchAt + DENSE_FROM;
    const start = this.#at + HLL_HEADER_BYTES;
    kernel.copy(to, this.#at, HLL_HEADER_BYTES);
    low[to + HLL_ENCODING_AT] = HLL_DENSE;
    low.fill(0, to + HLL_HEADER_BYTES, to + HLL_DENSE_BYTES);
    if (!expandSparse(low, i32, start, this.#at + this.#bytes, to + HLL_HEADER_BYTES)) {
      return false;
    }
    this.#at = to;
    this.#bytes = HLL_DENSE_BYTES;
    return true;
  }

  /**
   * Raises all registers to those of a byte each, lowest first, for runs depend on the order. Those
   * of a byte are raised too. @returns false when corrupt
   */
  raiseAll(): boolean {
    const { low } = this.#shard.memory;
    const registers = registersAt(this.#shard);
    for (let i = 0; i < REGISTER_COUNT && !this.isDense; i++) {
      const value = low[registers + i] ?? 0;
      if (value !== 0 && this.raise(i, value) === Raised.Corrupt) return false;
    }
    if (this.isDense) {
      mergeDense(low, this.#at + HLL_HEADER_BYTES, registers);
      packDense(low, registers, this.#at + HLL_HEADER_BYTES);
    }
    return true;
  }

  /**
   * Stores it as the value of the key looked up last: of entry `ref`, which keeps its deadline, or
   * of a new one (`ref` 0).
   * @param isStale the cardinality must be counted again
   * @returns the entry, 0 when memory is short
   */
  store(keyAt: number, keyBytes: number, ref: number, isStale: boolean): number {
    const shard = this.#shard;
    const { low } = shard.memory;
    const staleAt = this.#at + HLL_STALE_AT;
    if (isStale) low[staleAt] = (low[staleAt] ?? 0) | HLL_STALE;
    if (this.#tailBytes > 0) return this.#storeHead(ref);
    if (ref !== 0) return replaceText(shard, ref, this.#at, this.#bytes, RAW_FLAGS);
    return putString(shard, keyAt, keyBytes, this.#at, this.#bytes, RAW_FLAGS, 0, 0, 0);
  }

  /** Puts what was loaded back in its place; what follows it stays. */
  #storeHead(ref: number): number {
    const shard = this.#shard;
    const entry = growString(shard, ref, this.#bytes + this.#tailBytes);
    if (entry !== 0) patchString(shard, entry, 0, this.#at, this.#bytes);
    return entry;
  }
}

/** Byte offset, in low memory, of the registers of a byte each. */
export function registersAt(shard: Shard): number {
  return shard.scratchAt + SPARSE_ROOM_BYTES;
}

/** Makes the registers of a byte each 0. */
export function clearRegisters(shard: Shard): void {
  const at = registersAt(shard);
  shard.memory.low.fill(0, at, at + REGISTER_COUNT);
}

/**
 * Raises the registers of a byte each to those of entry `ref`, whose header is sound.
 * @returns false when its runs are corrupt
 */
export function mergeInto(shard: Shard, ref: number, isDense: boolean): boolean {
  const { low } = shard.memory;
  const at = loadRegisters(shard, ref, isDense);
  if (at < 0) return false;
  if (isDense) {
    mergeDense(low, at, registersAt(shard));
    return true;
  }
  const end = at + stringBytes(shard, ref) - HLL_HEADER_BYTES;
  return mergeSparse(low, at, end, registersAt(shard));
}

/**
 * Copies what follows the header of entry `ref` to low memory: registers of 6 bits, or runs.
 * @returns its byte offset; -1 when there are more runs than can be sound
 */
export function loadRegisters(shard: Shard, ref: number, isDense: boolean): number {
  const at = shard.scratchAt + (isDense ? DENSE_FROM : 0);
  const bytes = isDense ? DENSE_REGISTERS_BYTES : stringBytes(shard, ref) - HLL_HEADER_BYTES;
  if (bytes > SPARSE_BYTES_MAX) return -1;
  copyStringRange(shard, ref, HLL_HEADER_BYTES, bytes, at);
  shard.memory.low[at + bytes] = 0;
  return at;
}
