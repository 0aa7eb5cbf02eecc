/**
 * Turns entries into blocks: fills the codec's input with pieces, and when it is full makes a block
 * of it, compressed where that saves something. An entry is written front to back without knowing
 * its length and may be of any size.
 * Cost: O(bytes); one copy in, one copy of what is stored. See lz4.bench.ts.
 */
import { assert } from '@kora/core/control';
import { copyBytes } from '../bytes/copy-bytes.ts';
import { put32 } from '../bytes/words.hot.ts';
import { crc32 } from '../crc/crc32.ts';
import { SNAPSHOT_BLOCK_BYTES } from '../limits.ts';
import { PIECE_GOES_ON, PIECE_HEADER_BYTES } from '../log/log-layout.ts';
import type { Lz4Codec } from '../lz4/lz4-codec.ts';
import { BLOCK_HEADER_BYTES, BLOCK_MAGIC } from './snapshot-layout.ts';

/** Takes a finished block: `length` bytes of `block` from 0 on, which is the taker's now. */
export type BlockTaker = (block: Uint8Array, length: number) => void;

/** Blocks of one part. */
export class BlockEncoder {
  readonly #codec: Lz4Codec;
  readonly #tag: number;
  readonly #take: BlockTaker;
  readonly #spare: Uint8Array[] = [];
  /** Bytes of the block that are filled. */
  #filled = 0;
  #pieceAt = -1;
  /** Index of the next block, and so the number of blocks before. */
  blockCount = 0;
  entryCount = 0;
  rawBytes = 0;
  /** Of the checksums of all blocks, in order. */
  blocksCrc = 0;

  /** @param codec the encoder's until the last block was taken; its input holds the open block */
  constructor(tag: number, take: BlockTaker, codec: Lz4Codec) {
    assert(codec.blockBytesMax >= SNAPSHOT_BLOCK_BYTES, 'a codec takes whole blocks');
    this.#codec = codec;
    this.#tag = tag;
    this.#take = take;
  }

  beginEntry(): void {
    assert(this.#pieceAt === -1, 'the entry before has ended');
    if (SNAPSHOT_BLOCK_BYTES - this.#filled < 2 * PIECE_HEADER_BYTES) this.#closeBlock();
    this.#openPiece();
  }
  endEntry(): void {
    this.#closePiece(0);
    this.entryCount++;
  }
  u8(value: number): void {
    this.#ensureRoom();
    this.#codec.bytes[this.#codec.inputAt + this.#filled] = value;
    this.#filled++;
  }
  u32(value: number): void {
    for (let shift = 0; shift < 32; shift += 8) this.u8((value >>> shift) & 255);
  }
  bytes(from: Uint8Array, at: number, length: number): void {
    let done = 0;
    while (done < length) {
      this.#ensureRoom();
      const count = Math.min(length - done, SNAPSHOT_BLOCK_BYTES - this.#filled);
      const to = this.#codec.inputAt + this.#filled;
      copyBytes(this.#codec.bytes, to, from, at + done, count);
      this.#filled += count;
      done += count;
    }
  }
  /** Makes a block of what is there: the next entry begins one. */
  endBlock(): void {
    assert(this.#pieceAt === -1, 'an entry has ended');
    if (this.#filled > 0) this.#closeBlock();
  }
  /** Makes a block of what is left. */
  finish(): void {
    assert(this.#pieceAt === -1, 'the last entry has ended');
    if (this.#filled > 0) this.#closeBlock();
  }
  /** Takes back a block that is written. */
  giveBack(block: Uint8Array): void {
    if (this.#spare.length < 4) this.#spare.push(block);
  }

  #ensureRoom(): void {
    assert(this.#pieceAt !== -1, 'an entry is open');
    if (this.#filled < SNAPSHOT_BLOCK_BYTES) return;
    this.#closePiece(PIECE_GOES_ON);
    this.#closeBlock();
    this.#openPiece();
  }
  #openPiece(): void {
    this.#pieceAt = this.#filled;
    this.#filled += PIECE_HEADER_BYTES;
  }
  #closePiece(flag: number): void {
    assert(this.#pieceAt !== -1, 'an entry is open');
    const length = this.#filled - this.#pieceAt - PIECE_HEADER_BYTES;
    put32(this.#codec.bytes, this.#codec.inputAt + this.#pieceAt, length + flag);
    this.#pieceAt = -1;
  }

  #closeBlock(): void {
    const raw = this.#filled;
    const codec = this.#codec;
    // Less than one part in 32 saved is not worth decompressing.
    const packed = codec.compress(raw, raw - (raw >>> 5) - 1);
    const stored = packed === 0 ? raw : packed;
    const block = this.#spare.pop() ?? new Uint8Array(BLOCK_HEADER_BYTES + SNAPSHOT_BLOCK_BYTES);
    const from = packed === 0 ? codec.inputAt : codec.outputAt;
    copyBytes(block, BLOCK_HEADER_BYTES, codec.bytes, from, stored);
    put32(block, 0, BLOCK_MAGIC);
    put32(block, 8, this.#tag);
    put32(block, 12, this.blockCount);
    put32(block, 16, stored);
    put32(block, 20, raw);
    put32(block, 4, crc32(block, 8, BLOCK_HEADER_BYTES - 8 + stored));
    this.blocksCrc = crc32(block, 4, 4, this.blocksCrc);
    this.blockCount++;
    this.rawBytes += raw;
    this.#filled = 0;
    this.#take(block, BLOCK_HEADER_BYTES + stored);
  }
}
