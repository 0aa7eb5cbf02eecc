/**
 * The keys of locked slots, guarded against expiry and eviction in the background while some
 * transaction of the shard is between two of its steps. Whoever runs such transactions says when
 * one begins and ends here; while there is none the shard has no guard and nobody is asked.
 * Invariant: the shard's guard is this one exactly while `count` is not 0.
 * Cost: O(bytes of the key) an entry that is about to go, and only then.
 */
import { assert } from '../assert.ts';
import { slotOfKey } from '../bytes/crc16.hot.ts';
import type { KeyGuard } from '../keyspace/key-guard.ts';
import { SCRATCH_BYTES } from '../limits.ts';
import type { Shard } from '../shard/shard.ts';
import { entryKeyAt, entryKeyBytes } from '../structs/entry.hot.ts';
import type { SlotLocks } from './slot-locks.ts';

export class LockedKeys implements KeyGuard {
  /** Transactions that are between two steps. */
  count: number;
  readonly #shard: Shard;
  readonly #locks: SlotLocks;

  constructor(shard: Shard, locks: SlotLocks) {
    this.count = 0;
    this.#shard = shard;
    this.#locks = locks;
  }

  /** A transaction that has its locks begins. */
  begin(): void {
    this.count++;
    this.#shard.guard = this;
  }

  /** It is over. */
  end(): void {
    assert(this.count > 0, 'what ends has begun');
    this.count--;
    if (this.count === 0) this.#shard.guard = null;
  }

  /** True where the key's slot is locked, by whomever; keys longer than the scratch area always. */
  holds(ref: number): boolean {
    const { memory, scratchAt } = this.#shard;
    const keyBytes = entryKeyBytes(memory.i32, ref);
    if (keyBytes > SCRATCH_BYTES) return true;
    memory.kernel.copy(scratchAt, entryKeyAt(memory.i32, ref), keyBytes);
    return this.#locks.conflictsWith(slotOfKey(memory.low, scratchAt, keyBytes), true);
  }
}
