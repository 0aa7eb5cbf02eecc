/**
 * Blocks of a stream: up to a hundred entries that share the names of their fields. Writing and
 * layout; block-cursor.hot.ts reads them. Numbers but the words are varints, 7 bits a byte.
 *
 *   word 0      a member's header: key length 16, MEMBER_OF_SET
 *   words 1-4   ID of the first entry ever in the block, as a key (stream-id.hot.ts)
 *   word 5      bytes used, this header included        word 6   live entries:16 | dead:16
 *   word 7      byte offset of the first entry that may be alive
 *   fields      count, then length and bytes of each: those of the first entry
 *   entries     bytes that follow | flags | ms - block's | seq, less the block's where ms are equal
 *               | [count of fields, unless they are the block's] | [length and bytes of the field,
 *               unless ...], length and bytes of the value, for each
 *
 * A dead entry keeps its bytes until its block goes. An entry of one field costs 6 bytes and its
 *   value, redis-server's 12. Invariants: IDs of live entries ascend; no block is without one.
 * Cost: appending O(bytes); a block grows by doubling and is cut when it is closed.
 */
import type { Allocator } from '../../structs/allocator.hot.ts';
import { MEMBER_OF_SET } from '../../structs/member.hot.ts';
import type { WorkerMemory } from '../../structs/worker-memory.ts';
import type { StreamId } from './stream-id.hot.ts';
import { STREAM_ID_BYTES, swapBytes } from './stream-id.hot.ts';

export const BLOCK_KEY = 1;
export const BLOCK_USED = 5;
export const BLOCK_COUNTS = 6;
export const BLOCK_FIRST = 7;
export const BLOCK_HEADER_BYTES = 32;
/** Most entries of a block, whatever the settings say; its counts would hold 65535. */
export const BLOCK_ENTRIES_MAX = 4096;
/** Bits of an entry's flags. */
export const ENTRY_IS_DEAD = 1;
export const ENTRY_HAS_BLOCK_FIELDS = 2;
/** A block that grows takes at most this much more than it needs. */
const GROWTH_BYTES_MAX = 2048;

/** Bytes of a varint; value an integer, 0 .. 2^31-1. */
export function varintBytes(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x200000) return 3;
  return value < 0x10000000 ? 4 : 5;
}

/** Bytes of a varint of 64 bits, two int32 words. */
export function varint64Bytes(high: number, low: number): number {
  if (high === 0) {
    if (low >>> 7 === 0) return 1;
    if (low >>> 14 === 0) return 2;
    if (low >>> 21 === 0) return 3;
    return low >>> 28 === 0 ? 4 : 5;
  }
  if (high >>> 3 === 0) return 5;
  if (high >>> 10 === 0) return 6;
  if (high >>> 17 === 0) return 7;
  if (high >>> 24 === 0) return 8;
  return high >>> 31 === 0 ? 9 : 10;
}

/** Live entries. */
export function blockLive(i32: Int32Array, block: number): number {
  return i32[(block << 1) + BLOCK_COUNTS]! & 0xffff;
}

/** Entries that were deleted and still have their bytes. */
export function blockDead(i32: Int32Array, block: number): number {
  return i32[(block << 1) + BLOCK_COUNTS]! >>> 16;
}

/**
 * Writes entries. The fields and values of an entry come as columns: field i lies at
 * `at[from + 2i]`, `bytes[from + 2i]`, its value one further; all in low memory.
 */
export class StreamBlocks {
  readonly memory: WorkerMemory;
  readonly allocator: Allocator;
  /** What `measure` found: 1 when the fields are those of the block. */
  hasBlockFields: number;
  /** What `measure` found: bytes of the entry behind its own length. */
  bodyBytes: number;
  /** Words of the differences to the block's ID that `measure` computed. */
  msHigh: number;
  msLow: number;
  seqHigh: number;
  seqLow: number;
  private offset: number;

  constructor(memory: WorkerMemory, allocator: Allocator) {
    this.memory = memory;
    this.allocator = allocator;
    this.hasBlockFields = 0;
    this.bodyBytes = 0;
    this.msHigh = 0;
    this.msLow = 0;
    this.seqHigh = 0;
    this.seqLow = 0;
    this.offset = 0;
  }

  /** Bytes of the list of fields that a block with this first entry would have. */
  fieldsBytes(bytes: Int32Array, from: number, pairs: number): number {
    let sum = varintBytes(pairs);
    for (let i = 0; i < pairs; i++) {
      const length = bytes[from + i * 2]!;
      sum += varintBytes(length) + length;
    }
    return sum;
  }

  /** Bytes of a block whose first entry is this one, without room for more. */
  firstBytes(bytes: Int32Array, from: number, pairs: number): number {
    this.seqHigh = 0;
    this.seqLow = 0;
    this.msHigh = 0;
    this.msLow = 0;
    this.hasBlockFields = 1;
    this.bodyBytes = this.bodyOf(bytes, from, pairs);
    return BLOCK_HEADER_BYTES + this.fieldsBytes(bytes, from, pairs)
      + varintBytes(this.bodyBytes) + this.bodyBytes;
  }

  /** Bytes that the entry takes in the block; what it found serves the `append` that follows. */
  measure(
    block: number, id: StreamId, at: Int32Array, bytes: Int32Array, from: number, pairs: number,
  ): number {
    const i32 = this.memory.i32;
    const word = (block << 1) + BLOCK_KEY;
    const baseHigh = swapBytes(i32[word]!);
    const baseLow = swapBytes(i32[word + 1]!);
    const isSameMs = baseHigh === id.msHigh && baseLow === id.msLow;
    this.msLow = (id.msLow - baseLow) | 0;
    this.msHigh = (id.msHigh - baseHigh - (id.msLow >>> 0 < baseLow >>> 0 ? 1 : 0)) | 0;
    this.seqHigh = id.seqHigh;
    this.seqLow = id.seqLow;
    if (isSameMs) {
      const seqHigh = swapBytes(i32[word + 2]!);
      const seqLow = swapBytes(i32[word + 3]!);
      this.seqLow = (id.seqLow - seqLow) | 0;
      this.seqHigh = (id.seqHigh - seqHigh - (id.seqLow >>> 0 < seqLow >>> 0 ? 1 : 0)) | 0;
    }
    this.hasBlockFields = this.isOfBlock(block, at, bytes, from, pairs) ? 1 : 0;
    this.bodyBytes = this.bodyOf(bytes, from, pairs);
    return this.measuredBytes();
  }

  /** Bytes of the entry that was measured last. */
  measuredBytes(): number {
    return varintBytes(this.bodyBytes) + this.bodyBytes;
  }

  /**
   * A block with this entry in it; 0 when memory is short.
   * @param room bytes that it has at least; 0 = no room for more
   */
  create(
    id: StreamId, at: Int32Array, bytes: Int32Array, from: number, pairs: number, room: number,
  ): number {
    const needed = this.firstBytes(bytes, from, pairs);
    const block = this.allocator.alloc(needed < room ? room : needed);
    if (block === 0) return 0;
    const i32 = this.memory.i32;
    const word = block << 1;
    i32[word] = STREAM_ID_BYTES | (MEMBER_OF_SET << 16);
    id.writeKey(i32, word + BLOCK_KEY);
    let offset = putVarint(i32, word, BLOCK_HEADER_BYTES, pairs);
    for (let i = from; i < from + pairs * 2; i += 2) {
      offset = this.putBytes(block, offset, at[i]!, bytes[i]!);
    }
    i32[word + BLOCK_USED] = offset;
    i32[word + BLOCK_FIRST] = offset;
    i32[word + BLOCK_COUNTS] = 0;
    this.append(block, at, bytes, from, pairs);
    return block;
  }

  /** Writes the entry that was measured last behind the others; the block has room for it. */
  append(
    block: number, at: Int32Array, bytes: Int32Array, from: number, pairs: number,
  ): void {
    const i32 = this.memory.i32;
    const word = block << 1;
    const isAlike = this.hasBlockFields === 1;
    let offset = putVarint(i32, word, i32[word + BLOCK_USED]!, this.bodyBytes);
    putByte(i32, word, offset, isAlike ? ENTRY_HAS_BLOCK_FIELDS : 0);
    offset = putLong(i32, word, offset + 1, this.msHigh, this.msLow);
    offset = putLong(i32, word, offset, this.seqHigh, this.seqLow);
    if (!isAlike) offset = putVarint(i32, word, offset, pairs);
    for (let i = from; i < from + pairs * 2; i += 2) {
      if (!isAlike) offset = this.putBytes(block, offset, at[i]!, bytes[i]!);
      offset = this.putBytes(block, offset, at[i + 1]!, bytes[i + 1]!);
    }
    i32[word + BLOCK_USED] = offset;
    i32[word + BLOCK_COUNTS]! += 1;
  }

  /** Bytes of the block that `grow` makes, so that `more` bytes fit; 0 when they fit already. */
  growBytes(block: number, more: number): number {
    const needed = this.memory.i32[(block << 1) + BLOCK_USED]! + more;
    if (needed <= this.allocator.sizeOf(block)) return 0;
    return needed + (needed < GROWTH_BYTES_MAX ? needed : GROWTH_BYTES_MAX);
  }

  /** Moves the block to one of `bytes` bytes, at least those used. @returns 0: memory is short */
  resize(block: number, bytes: number): number {
    const moved = this.allocator.alloc(bytes);
    if (moved === 0) return 0;
    const used = this.memory.i32[(block << 1) + BLOCK_USED]!;
    this.memory.kernel.copy(moved * 8, block * 8, used);
    this.allocator.free(block);
    return moved;
  }

  private bodyOf(bytes: Int32Array, from: number, pairs: number): number {
    let sum = 1 + varint64Bytes(this.msHigh, this.msLow)
      + varint64Bytes(this.seqHigh, this.seqLow);
    if (this.hasBlockFields === 0) sum += varintBytes(pairs);
    for (let i = from; i < from + pairs * 2; i += 2) {
      const value = bytes[i + 1]!;
      sum += varintBytes(value) + value;
      if (this.hasBlockFields === 0) sum += varintBytes(bytes[i]!) + bytes[i]!;
    }
    return sum;
  }

  /** True when the fields are those of the block, in their order. */
  private isOfBlock(
    block: number, at: Int32Array, bytes: Int32Array, from: number, pairs: number,
  ): boolean {
    this.offset = BLOCK_HEADER_BYTES;
    if (this.takeVarint(block) !== pairs) return false;
    const kernel = this.memory.kernel;
    for (let i = 0; i < pairs; i++) {
      const length = this.takeVarint(block);
      if (length !== bytes[from + i * 2]!) return false;
      if (kernel.equal(block * 8 + this.offset, at[from + i * 2]!, length) === 0) return false;
      this.offset += length;
    }
    return true;
  }

  private takeVarint(block: number): number {
    const i32 = this.memory.i32;
    const base = block << 1;
    let value = 0;
    let shift = 0;
    let byte = 0;
    do {
      byte = (i32[base + (this.offset >>> 2)]! >>> ((this.offset & 3) << 3)) & 0xff;
      value |= (byte & 0x7f) << shift;
      shift += 7;
      this.offset++;
    } while (byte >= 0x80);
    return value;
  }

  /** Writes length and bytes at an offset of the block; the offset behind them. */
  private putBytes(block: number, offset: number, at: number, bytes: number): number {
    const next = putVarint(this.memory.i32, block << 1, offset, bytes);
    this.memory.kernel.copy(block * 8 + next, at, bytes);
    return next + bytes;
  }
}

/** Writes a byte at a byte offset from word `base`. */
function putByte(i32: Int32Array, base: number, offset: number, byte: number): void {
  const word = base + (offset >>> 2);
  const shift = (offset & 3) << 3;
  i32[word] = (i32[word]! & ~(0xff << shift)) | (byte << shift);
}

/** Writes a varint; the offset behind it. */
function putVarint(i32: Int32Array, base: number, offset: number, value: number): number {
  let next = offset;
  let rest = value;
  while (rest >= 0x80) {
    putByte(i32, base, next++, (rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  putByte(i32, base, next, rest);
  return next + 1;
}

/** Writes a varint of 64 bits; the offset behind it. */
function putLong(
  i32: Int32Array, base: number, offset: number, high: number, low: number,
): number {
  if (high === 0 && low >= 0) return putVarint(i32, base, offset, low);
  let next = offset;
  let restHigh = high;
  let restLow = low;
  while (restHigh !== 0 || restLow >>> 7 !== 0) {
    putByte(i32, base, next++, (restLow & 0x7f) | 0x80);
    restLow = (restLow >>> 7) | (restHigh << 25);
    restHigh >>>= 7;
  }
  putByte(i32, base, next, restLow);
  return next + 1;
}
