/**
 * Reads a block of a stream (drawn in stream-blocks.hot.ts) entry by entry, dead ones included, and
 * the fields and values of the entry it stands on. An entry can be marked dead under the cursor.
 *
 * Invariants: the block lies still while the cursor is used; offsets are inside the block and never
 *   addresses, so they fit an int32 wherever the arena ends.
 * Cost: an entry is skipped by its length, O(1); its pairs are decoded only when asked for.
 */
import type { WorkerMemory } from '../../structs/worker-memory.ts';
import {
  BLOCK_COUNTS, BLOCK_FIRST, BLOCK_HEADER_BYTES, BLOCK_KEY, BLOCK_USED, ENTRY_HAS_BLOCK_FIELDS,
  ENTRY_IS_DEAD,
} from './stream-blocks.hot.ts';
import { StreamId } from './stream-id.hot.ts';

/** Words that `gather` writes for a pair: address and length of field and value. */
export const PAIR_WORDS = 4;

export class BlockCursor {
  readonly memory: WorkerMemory;
  block: number;
  /** ID of the entry the cursor stands on. */
  readonly id: StreamId;
  /** Pairs of that entry. */
  pairs: number;
  isDead: boolean;
  /** Byte offset of that entry in its block, and of the one behind it. */
  entryOffset: number;
  nextOffset: number;
  private readonly base: StreamId;
  private end: number;
  private offset: number;
  private flagsOffset: number;
  private pairsOffset: number;
  private hasBlockFields: boolean;
  private pairsLeft: number;
  private fieldOffset: number;
  private valueOffset: number;
  private high: number;
  private low: number;

  constructor(memory: WorkerMemory) {
    this.memory = memory;
    this.block = 0;
    this.id = new StreamId();
    this.pairs = 0;
    this.isDead = false;
    this.entryOffset = 0;
    this.nextOffset = 0;
    this.base = new StreamId();
    this.end = 0;
    this.offset = 0;
    this.flagsOffset = 0;
    this.pairsOffset = 0;
    this.hasBlockFields = false;
    this.pairsLeft = 0;
    this.fieldOffset = 0;
    this.valueOffset = 0;
    this.high = 0;
    this.low = 0;
  }

  /** Puts the cursor before the first entry of a block. */
  open(block: number): void {
    const i32 = this.memory.i32;
    const word = block << 1;
    this.block = block;
    this.base.readKey(i32, word + BLOCK_KEY);
    this.nextOffset = i32[word + BLOCK_FIRST]!;
    this.end = i32[word + BLOCK_USED]!;
  }

  /** Steps to the next entry, dead or alive; false behind the last one. */
  next(): boolean {
    if (this.nextOffset >= this.end) return false;
    this.readAt(this.nextOffset);
    return true;
  }

  /** Stands on the entry at a byte offset that `entryOffset` told before. */
  readAt(offset: number): void {
    this.entryOffset = offset;
    this.offset = offset;
    const bodyBytes = this.takeVarint();
    this.nextOffset = this.offset + bodyBytes;
    this.flagsOffset = this.offset;
    const flags = this.takeByte();
    this.isDead = (flags & ENTRY_IS_DEAD) !== 0;
    this.hasBlockFields = (flags & ENTRY_HAS_BLOCK_FIELDS) !== 0;
    this.readId();
    this.pairsOffset = this.offset;
    this.pairs = 0;
  }

  private readId(): void {
    const base = this.base;
    const id = this.id;
    this.takeLong();
    const isSameMs = (this.high | this.low) === 0;
    const msLow = (base.msLow + this.low) | 0;
    const msCarry = msLow >>> 0 < this.low >>> 0 ? 1 : 0;
    id.msHigh = (base.msHigh + this.high + msCarry) | 0;
    id.msLow = msLow;
    this.takeLong();
    if (!isSameMs) {
      id.seqHigh = this.high;
      id.seqLow = this.low;
      return;
    }
    const seqLow = (base.seqLow + this.low) | 0;
    const seqCarry = seqLow >>> 0 < this.low >>> 0 ? 1 : 0;
    id.seqHigh = (base.seqHigh + this.high + seqCarry) | 0;
    id.seqLow = seqLow;
  }

  /** Marks the live entry the cursor stands on as dead. */
  kill(): void {
    const i32 = this.memory.i32;
    const word = (this.block << 1) + (this.flagsOffset >>> 2);
    i32[word] = i32[word]! | (ENTRY_IS_DEAD << ((this.flagsOffset & 3) << 3));
    i32[(this.block << 1) + BLOCK_COUNTS]! += 0xffff; // One live less, one dead more.
    this.isDead = true;
  }

  /** True when the entry has the fields of its block, and no names of its own. */
  hasFieldsOfBlock(): boolean {
    return this.hasBlockFields;
  }

  /** Goes to the pairs of the entry. @returns their number, also in `pairs` */
  startPairs(): number {
    if (this.hasBlockFields) {
      this.offset = BLOCK_HEADER_BYTES;
      this.pairs = this.takeVarint();
      this.fieldOffset = this.offset;
      this.valueOffset = this.pairsOffset;
    } else {
      this.offset = this.pairsOffset;
      this.pairs = this.takeVarint();
      this.fieldOffset = this.offset;
      this.valueOffset = this.offset;
    }
    this.pairsLeft = this.pairs;
    return this.pairs;
  }

  /**
   * Writes the next pairs as words from `word` on: address and length of the field, address and
   * length of the value, PAIR_WORDS each.
   * @returns pairs written, at most `pairsMax`; 0 behind the last one
   */
  gather(word: number, pairsMax: number): number {
    const i32 = this.memory.i32;
    const blockAt = this.block * 8;
    const count = this.pairsLeft < pairsMax ? this.pairsLeft : pairsMax;
    let out = word;
    for (let i = 0; i < count; i++) {
      this.offset = this.fieldOffset;
      const fieldBytes = this.takeVarint();
      i32[out] = blockAt + this.offset;
      i32[out + 1] = fieldBytes;
      this.fieldOffset = this.offset + fieldBytes;
      this.offset = this.hasBlockFields ? this.valueOffset : this.fieldOffset;
      const valueBytes = this.takeVarint();
      i32[out + 2] = blockAt + this.offset;
      i32[out + 3] = valueBytes;
      this.valueOffset = this.offset + valueBytes;
      if (!this.hasBlockFields) this.fieldOffset = this.valueOffset;
      out += PAIR_WORDS;
    }
    this.pairsLeft -= count;
    return count;
  }

  private takeByte(): number {
    const word = this.memory.i32[(this.block << 1) + (this.offset >>> 2)]!;
    return (word >>> ((this.offset++ & 3) << 3)) & 0xff;
  }

  private takeVarint(): number {
    let byte = this.takeByte();
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    let shift = 7;
    do {
      byte = this.takeByte();
      value |= (byte & 0x7f) << shift;
      shift += 7;
    } while (byte >= 0x80);
    return value;
  }

  /** A varint of 64 bits into `high` and `low`. */
  private takeLong(): void {
    let byte = this.takeByte();
    this.high = 0;
    this.low = byte & 0x7f;
    let shift = 7;
    while (byte >= 0x80) {
      byte = this.takeByte();
      const bits = byte & 0x7f;
      if (shift < 32) this.low |= bits << shift;
      if (shift === 28) this.high = bits >>> 4;
      else if (shift > 28) this.high |= bits << (shift - 32);
      shift += 7;
    }
  }
}
