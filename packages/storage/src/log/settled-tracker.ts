/**
 * How far the logs of all shards are settled while they run: a reply under `every_write` that may
 * not be lost waits for this and not for its own log alone. Fed with parts of transactions as they
 * become durable, of each shard in its log's order; what a shard hears of others may be late, which
 * makes its answer too low and never too high. So each thread may have a tracker of its own.
 *
 * The answer is the fixpoint of recovery (settled.ts) over the parts that are not settled yet: two
 * logs may hold two transactions in opposite orders, where each waits for the other and both are
 * settled at once.
 * Cost: nothing for shards without parts; O(parts that wait) per turn in which one arrived.
 */
import { assert } from '@kora/core/control';
import { TRANSACTION_PART_COUNT_MAX } from '../limits.ts';
import { settledCounts } from './settled.ts';

/** A part of a transaction that is durable. */
export interface DurablePart {
  readonly transaction: number;
  /** All shards of the transaction, a bit each. */
  readonly shards: number;
  /** Sequence of the record before the part, in its shard's log. */
  readonly sequenceBefore: number;
}

/** Settled ends of the logs of one set. */
export class SettledTracker {
  /** By shard: parts that are durable and not settled, in the log's order. */
  readonly #waiting: DurablePart[][];
  #hasNew = false;

  constructor(shardCount: number) {
    this.#waiting = Array.from({ length: shardCount }, () => []);
  }

  /** True when no more parts should be begun: too many wait for others. */
  get isFull(): boolean {
    return this.#waiting.some((parts) => parts.length >= TRANSACTION_PART_COUNT_MAX);
  }

  /** A part is durable in the log of `shard`, and so is all before it. */
  partDurable(shard: number, part: DurablePart): void {
    const parts = this.#waiting[shard];
    assert(parts !== undefined, 'the part is of a shard of this set');
    assert((part.shards & (1 << shard)) !== 0, 'the shard is one of the transaction');
    parts.push(part);
    this.#hasNew = true;
  }

  /**
   * Last sequence of a log that no loss of power takes.
   * @param durableSequence of that shard's log
   */
  settledSequence(shard: number, durableSequence: number): number {
    if (this.#hasNew) this.#settle();
    const first = this.#waiting[shard]?.[0];
    return first === undefined ? durableSequence : Math.min(durableSequence, first.sequenceBefore);
  }

  #settle(): void {
    this.#hasNew = false;
    const logs = this.#waiting.map((parts, shard) => ({ shard, parts }));
    const counts = settledCounts(logs);
    this.#waiting.forEach((parts, shard) => { parts.splice(0, counts[shard] ?? 0); });
  }
}
