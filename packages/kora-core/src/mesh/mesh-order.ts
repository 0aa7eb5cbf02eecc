/**
 * The one order of what has to come in the same order on all shards: a log per shard that names, by
 * ticket, whose messages come next and how far they reach. Who publishes holds the lock: what it
 * has written into its ordered lanes gets its place on all shards in one moment (docs/adr/0016).
 *   line 0      lock               line 1   f64: number of the last transaction
 *   line 2      visible: number of the last publication that is whole
 *   then        of each shard two lines: tickets published | consumed when last looked at,
 *                                        tickets consumed
 *   then        of each shard ORDER_ENTRY_COUNT entries: sender | its ring's tail | publication
 * Invariants: all but consumed tickets change under the lock; an entry is written before its ticket
 *   is published, and again only when it is consumed; published is at most ORDER_ENTRY_COUNT ahead
 *   of what was last looked at, so tickets may count modulo 2^32. An entry is there for readers
 *   once its publication is visible: from one moment on, on all shards.
 * Cost: a compare-exchange, two stores, and one for each shard, a publication; allocates nothing.
 */
import { assert } from '../assert.ts';
import { ORDER_ENTRY_COUNT } from '../limits.ts';

const LINE_WORDS = 16;
const LOCK = 0;
const NUMBER_F64 = LINE_WORDS / 2;
const VISIBLE = 2 * LINE_WORDS;
const SHARDS = 3 * LINE_WORDS;
const LOOKED = 1;
const CONSUMED = LINE_WORDS;
const SHARD_WORDS = 2 * LINE_WORDS;
/** One to spare, so that no entry lies in two lines. */
const ENTRY_WORDS = 4;
const MASK = ORDER_ENTRY_COUNT - 1;

export class MeshOrder {
  readonly #words: Int32Array;
  readonly #doubles: Float64Array;
  readonly #workerCount: number;
  readonly #entries: number;
  #hasAppended: boolean;

  /** @param at byte offset of its `bytesFor(workerCount)` bytes, a multiple of 64 */
  constructor(workerCount: number, buffer: SharedArrayBuffer, at: number) {
    const bytes = MeshOrder.bytesFor(workerCount);
    this.#words = new Int32Array(buffer, at, bytes / 4);
    this.#doubles = new Float64Array(buffer, at, bytes / 8);
    this.#workerCount = workerCount;
    this.#entries = SHARDS + workerCount * SHARD_WORDS;
    this.#hasAppended = false;
  }

  /** Bytes that the order of so many shards takes, a multiple of 64. */
  static bytesFor(workerCount: number): number {
    const words = workerCount * (SHARD_WORDS + ORDER_ENTRY_COUNT * ENTRY_WORDS);
    return (SHARDS + words) * 4;
  }

  /** @returns false when another worker is at it */
  tryLock(): boolean {
    // Pairs with the store in `unlock`: what the last holder wrote is seen.
    return Atomics.compareExchange(this.#words, LOCK, 0, 1) === 0;
  }

  /** Gives the lock back; what was appended under it is there for all from now on. */
  unlock(): void {
    if (this.#hasAppended) {
      this.#hasAppended = false;
      // The one moment of the publication; pairs with the load in `published`.
      Atomics.store(this.#words, VISIBLE, ((this.#words[VISIBLE] ?? 0) + 1) | 0);
    }
    Atomics.store(this.#words, LOCK, 0);
  }

  /** The number of a transaction; larger = later, on every shard. Under the lock. */
  takeNumber(): number {
    const number = (this.#doubles[NUMBER_F64] ?? 0) + 1;
    this.#doubles[NUMBER_F64] = number;
    return number;
  }

  /** True when the shard's log takes one more entry. Under the lock. */
  hasRoom(shard: number): boolean {
    const word = this.#shardWord(shard);
    const published = this.#words[word] ?? 0;
    // Whoever looked last: what one worker keeps for itself may be older than tickets can count.
    if (((published - (this.#words[word + LOOKED] ?? 0)) | 0) < ORDER_ENTRY_COUNT) return true;
    // Pairs with the store in `consume`: what it freed has been read.
    const consumed = Atomics.load(this.#words, word + CONSUMED);
    this.#words[word + LOOKED] = consumed;
    return ((published - consumed) | 0) < ORDER_ENTRY_COUNT;
  }

  /**
   * The messages of `sender` up to `tail` of its ordered lane come next on the shard; they have
   * been written. Under the lock, and there is room.
   */
  append(shard: number, sender: number, tail: number): void {
    const word = this.#shardWord(shard);
    const ticket = this.#words[word] ?? 0;
    const entry = this.#entryWord(shard, ticket);
    this.#words[entry] = sender;
    this.#words[entry + 1] = tail;
    this.#words[entry + 2] = ((this.#words[VISIBLE] ?? 0) + 1) | 0;
    this.#hasAppended = true;
    // Publishes the entry and the messages before it; pairs with the load in `published`.
    Atomics.store(this.#words, word, (ticket + 1) | 0);
  }

  /**
   * The ticket behind the last that is published for the shard.
   * @param from the ticket the asker has come to: with nothing behind it, only the shard's own line
   *   is looked at
   */
  published(shard: number, from?: number): number {
    const published = Atomics.load(this.#words, this.#shardWord(shard));
    if (published === from) return published;
    // Of one publication at most the shards' entries are there and it is not whole: the last ones.
    const last = (published - 1) | 0;
    const publication = this.#words[this.#entryWord(shard, last) + 2] ?? 0;
    const visible = Atomics.load(this.#words, VISIBLE); // Pairs with the store in `unlock`.
    return ((publication - visible) | 0) > 0 ? last : published;
  }

  /** Whose messages have the ticket. Good until it is consumed. */
  senderAt(shard: number, ticket: number): number {
    return this.#words[this.#entryWord(shard, ticket)] ?? 0;
  }

  /** How far they reach in the sender's lane. */
  tailAt(shard: number, ticket: number): number {
    return this.#words[this.#entryWord(shard, ticket) + 1] ?? 0;
  }

  /** The shard's own worker: entries before `ticket` will not be looked at any more. */
  consume(shard: number, ticket: number): void {
    Atomics.store(this.#words, this.#shardWord(shard) + CONSUMED, ticket);
  }

  #shardWord(shard: number): number {
    assert(shard >= 0 && shard < this.#workerCount, 'the order is of shards of this mesh');
    return SHARDS + shard * SHARD_WORDS;
  }

  #entryWord(shard: number, ticket: number): number {
    return this.#entries + (shard * ORDER_ENTRY_COUNT + (ticket & MASK)) * ENTRY_WORDS;
  }
}
