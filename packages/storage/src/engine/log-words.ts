/**
 * What the logs of a process know of each other, in shared memory: how far each has come, and
 * whether it fails. Sequences are compared modulo 2^32, so what is asked for lies at most 2^31
 * records behind.
 *
 *   of each shard, i32: appended | settled | errno, 0 = none | who waits, a bit each | loading
 *
 * Invariants: a shard's words but "who waits" are stored by its own thread; `appended` before any
 *   other thread can hear of the change; who waits sets its bit before it looks at `settled`, and
 *   `settled` is stored before the bits are taken, so nobody waits for what has happened.
 */
import { assert } from '@kora/core/control';

const APPENDED = 0;
const SETTLED = 1;
const ERRNO = 2;
const WAITING = 3;
const LOADING = 4;
/** A line for each shard. */
const SHARD_WORDS = 16;

/** A place in a shard's log: the low bits of a sequence. */
export type LogPlace = number;

/** Positions of all logs of a process. */
export class LogWords {
  /** Give it to other threads; `new LogWords(shardCount, buffer)` there is the same. */
  readonly buffer: SharedArrayBuffer;
  readonly shardCount: number;
  readonly #words: Int32Array;

  constructor(
    shardCount: number,
    buffer = new SharedArrayBuffer(shardCount * SHARD_WORDS * Int32Array.BYTES_PER_ELEMENT),
  ) {
    assert(shardCount >= 1 && shardCount <= 31, 'a bit for every shard');
    this.buffer = buffer;
    this.shardCount = shardCount;
    this.#words = new Int32Array(buffer);
  }

  /** The word of `appended`, for the shard's own thread (EffectLog.publishTo). */
  appendedOf(shard: number): Int32Array {
    const at = shard * SHARD_WORDS + APPENDED;
    return this.#words.subarray(at, at + 1);
  }
  /** The last record of the shard that others may know of. */
  appended(shard: number): LogPlace {
    return Atomics.load(this.#words, shard * SHARD_WORDS + APPENDED);
  }

  /**
   * Records up to this one are there after a loss of power.
   * @returns shards that wait for that, a bit each: they are to be woken
   */
  setSettled(shard: number, sequence: number): number {
    const at = shard * SHARD_WORDS;
    if (Atomics.load(this.#words, at + SETTLED) === (sequence | 0)) return 0;
    // Pairs with `wait`: either it sees this, or the bits are seen here.
    Atomics.store(this.#words, at + SETTLED, sequence | 0);
    if (Atomics.load(this.#words, at + WAITING) === 0) return 0;
    return Atomics.exchange(this.#words, at + WAITING, 0);
  }
  hasSettled(shard: number, place: LogPlace): boolean {
    return ((Atomics.load(this.#words, shard * SHARD_WORDS + SETTLED) - place) | 0) >= 0;
  }
  /** `waiter` is woken when more of the shard's log has settled. Ask `hasSettled` afterwards. */
  wait(shard: number, waiter: number): void {
    Atomics.or(this.#words, shard * SHARD_WORDS + WAITING, 1 << waiter);
  }

  /** The places of all logs now. */
  places(): LogPlace[] {
    const places: LogPlace[] = [];
    for (let shard = 0; shard < this.shardCount; shard++) places.push(this.appended(shard));
    return places;
  }
  /**
   * True when all places have settled. Else the shard `waiter` is woken when the logs of others
   * come further; of its own it learns in its turns.
   */
  hasCome(places: readonly LogPlace[], waiter: number): boolean {
    for (const [shard, place] of places.entries()) {
      if (this.hasSettled(shard, place)) continue;
      if (shard === waiter) return false;
      this.wait(shard, waiter);
      if (!this.hasSettled(shard, place)) return false;
    }
    return true;
  }

  /** Why the shard's log cannot be written, 0 = it can. */
  setErrno(shard: number, errno: number): void {
    Atomics.store(this.#words, shard * SHARD_WORDS + ERRNO, errno);
  }
  /** The errno of some log that cannot be written, 0 = all can. */
  get errno(): number {
    for (let shard = 0; shard < this.shardCount; shard++) {
      const errno = Atomics.load(this.#words, shard * SHARD_WORDS + ERRNO);
      if (errno !== 0) return errno;
    }
    return 0;
  }

  setLoading(shard: number, isLoading: boolean): void {
    Atomics.store(this.#words, shard * SHARD_WORDS + LOADING, isLoading ? 1 : 0);
  }
  /** True while some shard has not read all of its data. */
  get isLoading(): boolean {
    for (let shard = 0; shard < this.shardCount; shard++) {
      if (Atomics.load(this.#words, shard * SHARD_WORDS + LOADING) === 1) return true;
    }
    return false;
  }
}
