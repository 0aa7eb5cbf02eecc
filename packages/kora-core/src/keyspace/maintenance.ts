/**
 * The background work of a shard, cut into slices: what is due is expired first, then memory is
 * brought under its limit, then flushed databases and forgotten watches are freed and indexes of
 * vector sets linked, then sparse slabs are evacuated, then free pages go back to the system. One
 * `step` does at most one slice of each, about a millisecond in all, and says whether more waits.
 */
import type { Shard } from '../shard/shard.ts';
import type { Cycle } from '../shard/shard-observer.ts';
import { Evacuation } from './evacuation.ts';
import { Evictor } from './eviction.ts';
import { ActiveExpiry } from './expiry.ts';
import { GiveBack } from './give-back.ts';
import type { MemoryBudget } from './memory-budget.ts';
import { Stat } from './statistics.ts';

export class Maintenance {
  readonly expiry: ActiveExpiry;
  readonly evictor: Evictor;
  readonly evacuation: Evacuation;
  readonly giveBack: GiveBack;
  readonly #shard: Shard;

  constructor(shard: Shard, budget: MemoryBudget) {
    this.#shard = shard;
    this.expiry = new ActiveExpiry(shard);
    this.evictor = new Evictor(shard, budget);
    this.evacuation = new Evacuation(shard);
    this.giveBack = new GiveBack(shard);
  }

  /** One slice of each kind of work; true when more waits. */
  step(): boolean {
    const shard = this.#shard;
    const isPaused = shard.pause.isActive(shard.nowMs);
    let hasMore = !isPaused && this.#observed('expire-cycle', this.expiry);
    if (!isPaused && shard.settings.maxmemoryBytes !== 0) this.evictor.ensureRoom();
    const { keeper } = shard.keyspace;
    if (keeper !== null) hasMore = keeper.maintain() || hasMore;
    if (keeper === null || keeper.mayFree()) hasMore = shard.lazyFree.step() || hasMore;
    hasMore = shard.transactions.watches.step() || hasMore;
    hasMore = shard.tracking.step() || hasMore;
    hasMore = shard.vectors.step() || hasMore;
    // A snapshot keeps places in values: as in Redis, nothing is moved while one is taken.
    if (keeper === null) {
      hasMore = this.#observed('active-defrag-cycle', this.evacuation) || hasMore;
    }
    hasMore = this.giveBack.step() || hasMore;
    const used = shard.usedBytes();
    const { counts } = shard.stats;
    if (used > (counts[Stat.PeakUsedBytes] ?? 0)) counts[Stat.PeakUsedBytes] = used;
    return hasMore;
  }

  /** One slice, whose length may be of interest. */
  #observed(cycle: Cycle, work: { step(): boolean }): boolean {
    const { observer, platform } = this.#shard;
    if (observer?.watchesCycles !== true) return work.step();
    const startUs = platform.clock.monotonicUs();
    const hasMore = work.step();
    observer.onCycle(cycle, platform.clock.monotonicUs() - startUs);
    return hasMore;
  }

  /**
   * How long nothing of this falls due after a `step` that left nothing, unless a command runs
   * meanwhile.
   * @param msMax the most that is of interest, ms
   * @returns ms from the shard's time, 0 = come again with the next tick
   */
  restMs(msMax: number): number {
    const shard = this.#shard;
    if (shard.pause.isActive(shard.nowMs) || !this.evictor.mayRest()) return 0;
    if (shard.lazyFree.pending > 0 || this.evacuation.isActive || shard.vectors.isBusy) return 0;
    return Math.min(this.expiry.restMs(msMax), this.giveBack.restMs(msMax));
  }
}
