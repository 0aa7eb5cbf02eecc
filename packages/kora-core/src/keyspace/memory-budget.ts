/**
 * One memory limit for all shards of a process. A shard holds a lease that covers what it uses;
 * the sum of the leases is compared with the limit, so `maxmemory` bounds the process and not each
 * shard, and one shard alone is exact to the byte.
 *
 *   shared words, i64   | limit, 0 = none | sum of leases | shards registered | pressure, low i32 |
 *                       | lease of shard 0 | of shard 1 | ...
 *
 * A lease is asked for (`lease`: granted only under the limit) or, for memory that is in use
 * already, taken (`charge`: always; the excess shows, and whoever sees it evicts).
 * Pressure changes when the limit changes or is exceeded: what a shard has to look at, by one plain
 *   load, to learn that it should give back or evict although its own use did not grow.
 * Invariant: the sum is the sum of the leases, also while several threads change theirs: each
 *   change is one compare-exchange or add on the sum, followed by an add on the shard's own lease,
 *   which only its shard changes.
 * Cost: two atomics on BigInts a call; shards lease ahead in steps, so that calls are rare.
 */
import { assert } from '../assert.ts';

/** Shards one budget can tell apart. */
export const BUDGET_SHARD_COUNT_MAX = 256;

const LIMIT = 0;
const SUM = 1;
const SHARDS = 2;
const PRESSURE_I32 = 6;
const LEASES = 4;

export class MemoryBudget {
  /** Give it to other threads; `new MemoryBudget(buffer)` there is the same budget. */
  readonly buffer: SharedArrayBuffer;
  private readonly words: BigInt64Array;
  private readonly flags: Int32Array;

  /** A new budget without a limit, or another thread's view of an existing one. */
  constructor(buffer?: SharedArrayBuffer) {
    this.buffer = buffer ?? new SharedArrayBuffer((LEASES + BUDGET_SHARD_COUNT_MAX) * 8);
    this.words = new BigInt64Array(this.buffer);
    this.flags = new Int32Array(this.buffer);
  }

  /** Shards that share it. */
  get shardCount(): number {
    return Number(Atomics.load(this.words, SHARDS));
  }

  /** Takes a place for one more shard; returns its index. */
  register(): number {
    const index = Number(Atomics.add(this.words, SHARDS, 1n));
    assert(index < BUDGET_SHARD_COUNT_MAX, 'the budget has a place for every shard');
    return index;
  }

  /** Bytes that all shards together may use, 0 = no limit. */
  get limitBytes(): number {
    return Number(Atomics.load(this.words, LIMIT));
  }

  /** Changes the limit. Below the sum of leases nothing is taken away: the excess shows. */
  setLimit(bytes: number): void {
    assert(Number.isSafeInteger(bytes) && bytes >= 0, 'a memory limit is a count of bytes');
    Atomics.store(this.words, LIMIT, BigInt(bytes));
    Atomics.add(this.flags, PRESSURE_I32, 1);
  }

  /** Adds `bytes` to a shard's lease if the sum stays within the limit; false changes nothing. */
  lease(shardIndex: number, bytes: number): boolean {
    const more = BigInt(bytes);
    for (;;) {
      const sum = Atomics.load(this.words, SUM);
      const limit = Atomics.load(this.words, LIMIT);
      if (limit !== 0n && sum + more > limit) return false;
      // Another shard may have changed the sum since the load; then the limit is asked again.
      if (Atomics.compareExchange(this.words, SUM, sum, sum + more) === sum) {
        Atomics.add(this.words, LEASES + shardIndex, more);
        return true;
      }
    }
  }

  /** Adds `bytes` that the shard uses already, limit or not. */
  charge(shardIndex: number, bytes: number): void {
    Atomics.add(this.words, SUM, BigInt(bytes));
    Atomics.add(this.words, LEASES + shardIndex, BigInt(bytes));
    if (this.excessBytes() > 0) Atomics.add(this.flags, PRESSURE_I32, 1);
  }

  /** A number that changes when the limit changes or is exceeded. */
  pressure(): number {
    return Atomics.load(this.flags, PRESSURE_I32);
  }

  /** Gives `bytes` of a shard's lease back. */
  release(shardIndex: number, bytes: number): void {
    assert(bytes <= this.leasedBytes(shardIndex), 'a shard gives back what it leased');
    Atomics.sub(this.words, SUM, BigInt(bytes));
    Atomics.sub(this.words, LEASES + shardIndex, BigInt(bytes));
  }

  /** A shard's lease in bytes. */
  leasedBytes(shardIndex: number): number {
    return Number(Atomics.load(this.words, LEASES + shardIndex));
  }

  /** Sum of all leases in bytes. */
  totalLeasedBytes(): number {
    return Number(Atomics.load(this.words, SUM));
  }

  /**
   * Bytes of the excess that a shard has to free. A fair share is the limit divided by the shards;
   * those above theirs share the excess in proportion to how far they are above. So nobody goes
   * below its fair share for what others have filled. Cost: O(shards); asked only under pressure.
   */
  excessOf(shardIndex: number): number {
    const excess = this.excessBytes();
    const count = this.shardCount;
    if (excess === 0 || count === 1) return excess;
    const fairBytes = this.limitBytes / count;
    let aboveBytes = 0;
    for (let shard = 0; shard < count; shard++) {
      aboveBytes += Math.max(0, this.leasedBytes(shard) - fairBytes);
    }
    const ownBytes = Math.max(0, this.leasedBytes(shardIndex) - fairBytes);
    // Others may have given everything back since the sum was read.
    return aboveBytes === 0 ? 0 : Math.ceil((excess * ownBytes) / aboveBytes);
  }

  /** Bytes by which the leases exceed the limit, 0 when they do not. */
  excessBytes(): number {
    const limit = Atomics.load(this.words, LIMIT);
    if (limit === 0n) return 0;
    const excess = Atomics.load(this.words, SUM) - limit;
    return excess > 0n ? Number(excess) : 0;
  }
}
