/**
 * The one order of what has to come in the same order on all shards: a log per shard that names, by
 * ticket, whose messages come next and how far they reach. Who publishes holds the lock: what it
 * has written into its ordered lanes gets its place on all shards in one moment (docs/adr/0016).
 *   line 0      lock | visible: number of the last publication that is whole
 *               | f64: number of the last transaction
 *   then        of each shard two lines: tickets published | consumed when last looked at,
 *                                        tickets consumed
 *   then        of each shard ORDER_ENTRY_COUNT entries:
 *               sender | its ring's tail | publication | stamp: its ticket + 1
 * Invariants: all but consumed tickets change under the lock; an entry is written before its stamp,
 *   and again only when it is consumed; published is at most ORDER_ENTRY_COUNT ahead of what was
 *   last looked at, so tickets may count modulo 2^32. An entry is there for readers once its
 *   publication is visible: from one moment on, on all shards.
 * Cost: a compare-exchange, two stores, and two for each shard, a publication. Of lines that two
 *   cores write, a reader fetches that of the entry and line 0. Allocates nothing.
 */
import { assert } from '../assert.ts';
import { ORDER_ENTRY_COUNT } from '../limits.ts';

const LINE_WORDS = 16;
const LOCK = 0;
const VISIBLE = 1;
const NUMBER_F64 = 1;
const SHARDS = LINE_WORDS;
const LOOKED = 1;
const CONSUMED = LINE_WORDS;
const SHARD_WORDS = 2 * LINE_WORDS;
/** No entry lies in two lines. */
const ENTRY_WORDS = 4;
const STAMP = 3;
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
    // Who only looks does not take the line from the holder, who is about to write it.
    if (Atomics.load(this.#words, LOCK) !== 0) return false;
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

  /** Numbers of transactions go on behind this one. Before any other thread has the order. */
  startAfter(number: number): void {
    this.#doubles[NUMBER_F64] = number;
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
    // Publish the entry and the messages before it; pair with the loads in `published` and `isAt`.
    Atomics.store(this.#words, word, (ticket + 1) | 0);
    Atomics.store(this.#words, entry + STAMP, (ticket + 1) | 0);
  }

  /**
   * The ticket behind the last that is published for the shard.
   * @param from the ticket that its own worker has come to: it looks at the entries from there on
   */
  published(shard: number, from?: number): number {
    if (from === undefined) {
      return this.#visibleOf(shard, Atomics.load(this.#words, this.#shardWord(shard)));
    }
    let ticket = from;
    while (this.#isStamped(shard, ticket)) ticket = (ticket + 1) | 0;
    return ticket === from ? from : this.#visibleOf(shard, ticket);
  }

  /** True when the ticket is published for the shard; its worker has come to it. */
  isAt(shard: number, ticket: number): boolean {
    if (!this.#isStamped(shard, ticket)) return false;
    const publication = this.#words[this.#entryWord(shard, ticket) + 2] ?? 0;
    const visible = Atomics.load(this.#words, VISIBLE); // Pairs with the store in `unlock`.
    return ((publication - visible) | 0) <= 0;
  }

  /** Pairs with the store in `append`: all of the entry is there. */
  #isStamped(shard: number, ticket: number): boolean {
    const stamp = Atomics.load(this.#words, this.#entryWord(shard, ticket) + STAMP);
    return stamp === ((ticket + 1) | 0);
  }

  /** At most of one publication, that of the last ones, entries are there and it is not whole. */
  #visibleOf(shard: number, published: number): number {
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
