/**
 * Claim words: one for each command of this worker's connections that waits for keys of other
 * workers. Whoever ends the wait takes the word first, by compare-exchange: an owner before it
 * takes anything out of a key for it, the origin before it ends it by time or because its
 * connection has gone. So one of them does.
 *
 *   WAITING --an owner: claim--> TAKEN --the origin: reopen, the owner: give back--> WAITING
 *   WAITING --the origin: cancel--> over
 *
 *   word | number of the wait:30 | state:2 |       in low memory of the origin, which peers see
 *
 * Invariants: words stay claim words for good, and a number is used once in 2^30 waits of a word:
 *   who comes late finds another number there and takes nothing.
 * Cost: 4 bytes a wait. Owner: the origin; peers claim.
 */
import type { WorkerMemory } from '@kora/core';
import { assert } from '@kora/core';

const WAITING = 1;
const TAKEN = 2;
const OVER = 3;
const STATE_BITS = 2;
/** Words of a block. */
const BLOCK_WORDS = 1024;
/** Commands of one worker that wait for keys of others. */
export const CLAIM_COUNT_MAX = 65_536;

/**
 * An owner takes the word.
 * @param words of the origin's memory
 * @param at byte offset of the word
 * @param waiting what the word is while nobody has taken it
 */
export function takeClaim(words: Int32Array, at: number, waiting: number): boolean {
  const taken = (waiting & ~WAITING) | TAKEN;
  return Atomics.compareExchange(words, at >>> 2, waiting, taken) === waiting;
}

/** An owner gives the word back that it has taken: others, or the origin, may take it again. */
export function giveClaimBack(words: Int32Array, at: number, waiting: number): void {
  Atomics.store(words, at >>> 2, waiting);
}

export class Claims {
  readonly #memory: WorkerMemory;
  readonly #blocks: number[] = [];
  readonly #free: number[] = [];
  #count = 0;

  constructor(memory: WorkerMemory) {
    this.#memory = memory;
  }

  /** The number of a free word; -1 when there is no memory, or too many wait. */
  open(): number {
    const free = this.#free.pop();
    const index = free ?? this.#grow();
    if (index < 0) return -1;
    const word = this.atOf(index) >>> 2;
    const number = ((this.#memory.i32[word] ?? 0) >>> STATE_BITS) + 1;
    Atomics.store(this.#memory.i32, word, (number << STATE_BITS) | WAITING);
    return index;
  }

  /** Byte offset of a word. */
  atOf(index: number): number {
    return (this.#blocks[Math.floor(index / BLOCK_WORDS)] ?? 0) * 8 + (index % BLOCK_WORDS) * 4;
  }

  /** What the word is while nobody has taken it. */
  waitingOf(index: number): number {
    const word = Atomics.load(this.#memory.i32, this.atOf(index) >>> 2);
    return (word & ~(WAITING | TAKEN)) | WAITING;
  }

  /** The origin ends the wait; false when an owner has taken it. */
  cancel(index: number): boolean {
    const waiting = this.waitingOf(index);
    const word = this.atOf(index) >>> 2;
    return Atomics.compareExchange(this.#memory.i32, word, waiting, waiting | OVER) === waiting;
  }

  /** The owner that had taken it had nothing in the end. */
  reopen(index: number): void {
    Atomics.store(this.#memory.i32, this.atOf(index) >>> 2, this.waitingOf(index));
  }

  /** The word is free for the next wait. */
  close(index: number): void {
    Atomics.store(this.#memory.i32, this.atOf(index) >>> 2, this.waitingOf(index) | OVER);
    this.#free.push(index);
  }

  #grow(): number {
    if (this.#count >= CLAIM_COUNT_MAX) return -1;
    if (this.#count % BLOCK_WORDS === 0) {
      const ref = this.#memory.lowAllocator.alloc(BLOCK_WORDS * 4);
      if (ref === 0) return -1;
      this.#memory.i32.fill(0, ref * 2, ref * 2 + BLOCK_WORDS);
      this.#blocks.push(ref);
    }
    assert(this.#blocks.length * BLOCK_WORDS > this.#count, 'there is a block for every word');
    return this.#count++;
  }
}
