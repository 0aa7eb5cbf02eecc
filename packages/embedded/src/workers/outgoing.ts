/**
 * What is on its way to one worker and has not found room in its ring: messages in order, each with
 * a block of bytes. Calls are written into the last block while it is their slot's and has room, so
 * a run of calls becomes one message; what is longer than a block continues in the next one.
 *   | block | block | block being written |      oldest first; a block is a message
 * The queue is bounded by the program's memory alone: a program that calls without waiting for
 * replies keeps what it has asked for here, about 60 bytes a short call.
 * Blocks that have left serve again, SPARE_BLOCKS_MAX of them.
 */
import { assert, MESSAGE_BYTES_MAX, MESSAGE_HEADER_BYTES } from '@kora/core';
import type { RingWriter } from '@kora/core';
import { PipeKind } from './pipe-plan.ts';

/** Bytes of one block: the longest message, in whole words. */
export const BLOCK_BYTES = MESSAGE_BYTES_MAX - MESSAGE_HEADER_BYTES;
const SPARE_BLOCKS_MAX = 16;
/** Blocks that have left before the queue is shortened. */
const SHIFT_COUNT_MIN = 64;

/** A message and its bytes. */
export class Block {
  readonly buffer: Buffer;
  readonly words: Int32Array;
  kind = 0;
  slot = 0;
  bytes = 0;

  constructor(capacity: number) {
    const memory = new ArrayBuffer(capacity);
    this.buffer = Buffer.from(memory);
    this.words = new Int32Array(memory);
  }
}

const NO_BYTES = new Block(0);

export class Outgoing {
  #blocks: Block[] = [];
  /** Blocks at the start of the queue that have left. */
  #goneCount = 0;
  readonly #spares: Block[] = [];
  /** The last block, while calls may be added to it. */
  #last: Block = NO_BYTES;
  /** Bytes of all others that wait. */
  #bytesBefore = 0;

  /** True when nothing waits. */
  get isEmpty(): boolean {
    return this.#goneCount === this.#blocks.length;
  }

  /** Messages that wait; the last one may be short. */
  get blockCount(): number {
    return this.#blocks.length - this.#goneCount;
  }

  /** Bytes of them. */
  get bytes(): number {
    return this.#bytesBefore + this.#last.bytes;
  }

  /** A block of this slot with room for `bytes` more, at most BLOCK_BYTES. */
  roomFor(slot: number, bytes: number): Block {
    const last = this.#last;
    if (last.slot === slot && last !== NO_BYTES && last.bytes + bytes <= BLOCK_BYTES) return last;
    assert(bytes <= BLOCK_BYTES, 'what does not fit into a block is written in parts');
    return this.#add(PipeKind.Bytes, slot, this.#spares.pop() ?? new Block(BLOCK_BYTES));
  }

  /** A message of a kind that has no bytes. */
  addWord(kind: number, slot: number): void {
    this.#add(kind, slot, new Block(0));
    this.#last = NO_BYTES;
  }

  /** Appends bytes of any number, in as many blocks as they need. */
  addBytes(slot: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      const block = this.roomFor(slot, 1);
      const step = Math.min(bytes.length - done, BLOCK_BYTES - block.bytes);
      block.buffer.set(bytes.subarray(done, done + step), block.bytes);
      block.bytes += step;
      done += step;
    }
  }

  /** Writes what fits into the ring. @returns false when something still waits */
  writeTo(out: RingWriter): boolean {
    for (;;) {
      const block = this.#blocks[this.#goneCount];
      if (block === undefined) break;
      const word = out.begin(block.kind, block.bytes);
      if (word < 0) return false;
      out.header(block.slot, 0, 0);
      if (block.bytes > 0) out.copyFrom(block.words, 0, word, block.bytes);
      out.end(block.bytes);
      this.#goneCount++;
      this.#give(block);
      if (this.#goneCount >= SHIFT_COUNT_MIN) this.#shift();
    }
    this.#blocks.length = 0;
    this.#goneCount = 0;
    return true;
  }

  /** Bytes of the message that is next, 0 when there is none. */
  get nextBytes(): number {
    return this.#blocks[this.#goneCount]?.bytes ?? 0;
  }

  /** Forgets all. */
  clear(): void {
    this.#blocks = [];
    this.#goneCount = 0;
    this.#bytesBefore = 0;
    this.#last = NO_BYTES;
  }

  #add(kind: number, slot: number, block: Block): Block {
    this.#bytesBefore += this.#last.bytes;
    block.kind = kind;
    block.slot = slot;
    block.bytes = 0;
    this.#blocks.push(block);
    this.#last = block;
    return block;
  }

  #give(block: Block): void {
    if (block === this.#last) this.#last = NO_BYTES;
    else this.#bytesBefore -= block.bytes;
    if (block.buffer.length === 0 || this.#spares.length >= SPARE_BLOCKS_MAX) return;
    this.#spares.push(block);
  }

  /** Lets go of blocks that have left; half of the queue at least, so that it costs little. */
  #shift(): void {
    if (this.#goneCount * 2 < this.#blocks.length) return;
    this.#blocks.splice(0, this.#goneCount);
    this.#goneCount = 0;
  }
}
