/**
 * Eviction: keeps what all shards use under `maxmemory` by removing keys as `maxmemory-policy`
 * says (allkeys-: any key, volatile-: keys with a deadline), at most
 * EVICTION_STEPS_PER_COMMAND_MAX keys a call; the rest is for the shard's maintenance.
 * LRU, LFU and TTL score samples and keep the best in a pool. Samples are whole dict lines, until
 *   `maxmemory-samples` keys were seen: one cache miss shows seven keys. Where few keys have a
 *   deadline, the wheel's records name lines that hold one. A candidate is looked up and scored
 *   again before it goes: one that was used meanwhile returns to the pool with its new score.
 * Of several shards those above their fair share of the limit evict. One below may grow by
 *   GRACE_BYTES beyond it until they have; then its own keys go for what it adds, and no more.
 * Keys that the shard's guard holds are passed over; while it holds some, finding none is no end.
 * With a policy that may evict, keys go also when the arena is filled beyond ARENA_SHARE_MAX.
 * Invariants: false only when nothing can be evicted and the memory is above the limit; a shard's
 *   lease covers what it used when ensureRoom last answered.
 * Cost: under the limit a few loads; an eviction about 2 us with its sample.
 * Source: Redis's approximated LRU and LFU, policies and field formats as redis-server 7.0.
 */
import { assert } from '../assert.ts';
import { EVICTION_STEPS_PER_COMMAND_MAX } from '../limits.ts';
import { EvictionPolicy } from '../settings/shard-settings.ts';
import type { Shard } from '../shard/shard.ts';
import { CHAIN_SLOTS_MAX } from '../structs/dict-layout.ts';
import { entryAccess, entryExpireMs, entryHasTtl } from '../structs/entry.hot.ts';
import { PAGE_BYTES } from '../structs/memory-layout.ts';
import { idleSeconds, LFU_COUNTER_MAX, lfuCounter } from './access.hot.ts';
import type { Database } from './database.ts';
import { EffectReason } from './effect.ts';
import { KeyEvent } from './events.ts';
import { EvictionPool } from './eviction-pool.ts';
import { collectMatches, warmSlots } from './hash-sweep.hot.ts';
import type { MemoryBudget } from './memory-budget.ts';
import { Stat } from './statistics.ts';

/** A shard leases this much ahead while there is room: the shared words are seldom asked. */
export const LEASE_STEP_BYTES = 1_048_576;
/** A shard below its fair share evicts nothing while all are above the limit by no more. */
export const GRACE_BYTES = 262_144;
/** Lines, or records of the wheel, looked at for one sample of one database. */
const LINES_PER_SAMPLE_MAX = 32;
/** Samples taken before the search for a key with a deadline walks the lines in order. */
const SAMPLES_PER_EVICTION_MAX = 4;
/** Lines walked in order, by one eviction, for a key with a deadline. */
const LINES_WALKED_MAX = 4_096;
/** With fewer than one key in this many having a deadline, the wheel's records are sampled. */
const SPARSE_DEADLINES_SHARE = 4;
/** Share of the arena that is filled before keys go; the rest is for growth and for fragments. */
const ARENA_SHARE_MAX = 0.875;
/** Of several shards one rests only while all together have leased no more than this share. */
const RESTING_SHARE_MAX = 0.5;
/** Steps that one slice of freeing flushed databases counts for. */
const LAZY_FREE_STEP_COST = 128;
/** Keys drawn from one database by chance before the next one has its turn: some may be held. */
const DRAWS_MAX = 8;

export class Evictor {
  /** Bytes of the budget that this shard holds. */
  leasedBytes = 0;
  readonly pool = new EvictionPool();
  readonly #shard: Shard;
  readonly #budget: MemoryBudget;
  readonly #shardIndex: number;
  readonly #slots = new Int32Array(CHAIN_SLOTS_MAX);
  readonly #hashes = new Int32Array(1);
  readonly #arenaBytesMax: number;
  #limitSeen = 0;
  #pressureSeen = 0;
  #isOver = false;
  /** Bytes in use when the shard last saw that all together left the limit. */
  #calmBytes = 0;
  #policy: number = EvictionPolicy.NoEviction;
  #nextDb = 0;
  #walkLine = 0;
  /** Result of warming reads; kept so that they are made. @internal */
  warmth = 0;

  constructor(shard: Shard, budget: MemoryBudget) {
    this.#shard = shard;
    this.#budget = budget;
    this.#shardIndex = budget.register();
    const { pagesMax, arenaFirstPage } = shard.memory;
    this.#arenaBytesMax = (pagesMax - arenaFirstPage) * PAGE_BYTES * ARENA_SHARE_MAX;
  }

  /**
   * Brings the memory under the limit, in bounded work.
   * @returns false when it stays above and nothing can be evicted: commands that need memory are
   *   refused; true also while a call's bound was met before the work was done, as in Redis
   */
  ensureRoom(): boolean {
    const limitBytes = this.#shard.settings.maxmemoryBytes;
    if (limitBytes !== this.#limitSeen) {
      this.#limitSeen = limitBytes;
      this.#budget.setLimit(limitBytes);
    }
    if (limitBytes === 0) return true;
    const isCalm = !this.#isOver && this.#budget.pressure() === this.#pressureSeen;
    const hasArena = this.#arenaExcessBytes() <= 0;
    if (isCalm && hasArena && this.#shard.usedBytes() <= this.leasedBytes) return true;
    return (this.#settle() && hasArena) || this.#makeRoomObserved();
  }

  /**
   * True when no key of this shard has to go unless a command of its own runs. What other shards
   * add may make it go all the same: so only while the limit is far.
   */
  mayRest(): boolean {
    const limitBytes = this.#shard.settings.maxmemoryBytes;
    if (limitBytes === 0) return true;
    if (this.#isOver || limitBytes !== this.#limitSeen) return false;
    if (this.#arenaExcessBytes() > 0) return false;
    const isAlone = this.#budget.shardCount === 1;
    return isAlone || this.#budget.totalLeasedBytes() <= limitBytes * RESTING_SHARE_MAX;
  }

  /** Bytes in the arena above its share, at most 0 when there are none or none may be evicted. */
  #arenaExcessBytes(): number {
    if (this.#shard.settings.maxmemoryPolicy === EvictionPolicy.NoEviction) return 0;
    return this.#shard.memory.arenaAllocator.usedBytes() - this.#arenaBytesMax;
  }

  /** Gives the shard's lease back: the shard is closing. */
  close(): void {
    this.#budget.release(this.#shardIndex, this.leasedBytes);
    this.leasedBytes = 0;
  }

  /** Makes the lease cover what is used; true when all leases are within the limit. */
  #settle(): boolean {
    this.#pressureSeen = this.#budget.pressure();
    const used = this.#shard.usedBytes();
    if (!this.#isOver) this.#calmBytes = used;
    const missing = used - this.leasedBytes;
    if (missing > 0) {
      const ahead = missing + LEASE_STEP_BYTES;
      if (this.#budget.lease(this.#shardIndex, ahead)) {
        this.leasedBytes += ahead;
      } else {
        this.#budget.charge(this.#shardIndex, missing);
        this.leasedBytes = used;
      }
    }
    let excess = this.#budget.excessBytes();
    const slack = this.leasedBytes - used;
    if (slack > 2 * LEASE_STEP_BYTES || (excess > 0 && slack > 0)) {
      this.#budget.release(this.#shardIndex, slack);
      this.leasedBytes = used;
      excess = this.#budget.excessBytes();
    }
    this.#isOver = excess > 0;
    return excess === 0;
  }

  /** As #makeRoom; how long it takes may be of interest. */
  #makeRoomObserved(): boolean {
    const { observer, platform, timer } = this.#shard;
    timer.breakOff();
    if (observer?.watchesCycles !== true) return this.#makeRoom();
    const startUs = platform.clock.monotonicUs();
    const hasRoom = this.#makeRoom();
    observer.onCycle('eviction-cycle', platform.clock.monotonicUs() - startUs);
    return hasRoom;
  }

  #makeRoom(): boolean {
    const shard = this.#shard;
    // Paused or replaying shards change nothing of their own accord; commands pass, as in Redis.
    if (shard.isReplaying || shard.pause.isActive(shard.nowMs)) return true;
    this.#followPolicy();
    const isAlone = this.#budget.shardCount === 1;
    let steps = 0;
    while (steps < EVICTION_STEPS_PER_COMMAND_MAX) {
      const owedBytes = Math.max(this.#owedBytes(), this.#arenaExcessBytes());
      // What is left is for others, who are above their share.
      if (owedBytes <= 0) return true;
      const goalBytes = shard.usedBytes() - owedBytes;
      while (shard.usedBytes() > goalBytes && steps < EVICTION_STEPS_PER_COMMAND_MAX) {
        if (shard.lazyFree.pending > 0) {
          shard.lazyFree.step();
          steps += LAZY_FREE_STEP_COST;
        } else if (shard.keyspace.keeper?.freeSome() === true) {
          steps += LAZY_FREE_STEP_COST;
        } else if (this.evictOne()) {
          steps++;
        } else {
          return this.#settle() || shard.guard !== null;
        }
      }
      const hasDone = !isAlone && shard.usedBytes() <= goalBytes;
      if ((this.#settle() || hasDone) && this.#arenaExcessBytes() <= 0) return true;
    }
    shard.platform.scheduler.requestTurn();
    return true;
  }

  /** Bytes of the budget's excess that this shard evicts. */
  #owedBytes(): number {
    const excessBytes = this.#budget.excessBytes();
    if (this.#policy === EvictionPolicy.NoEviction) return excessBytes;
    const ownBytes = this.#budget.excessOf(this.#shardIndex);
    if (ownBytes > 0 || excessBytes <= GRACE_BYTES) return ownBytes;
    return Math.min(excessBytes, Math.max(0, this.#shard.usedBytes() - this.#calmBytes));
  }

  /** Evicts one key by the policy; false when there is none that it may take. */
  evictOne(): boolean {
    this.#followPolicy();
    const policy = this.#policy;
    if (policy === EvictionPolicy.NoEviction) return false;
    if (policy === EvictionPolicy.AllKeysRandom) return this.#evictAnyKey();
    for (let samples = 0; samples < SAMPLES_PER_EVICTION_MAX; samples++) {
      if (!this.#hasCandidates()) return false;
      if (policy === EvictionPolicy.VolatileRandom) this.pool.clear();
      this.#sampleAll();
      if (this.#evictBest()) return true;
    }
    // Keys with a deadline exist, but chance did not find one.
    return this.#walkForDeadline();
  }

  /** Scores of another policy mean nothing. */
  #followPolicy(): void {
    const { maxmemoryPolicy } = this.#shard.settings;
    if (maxmemoryPolicy === this.#policy) return;
    this.#policy = maxmemoryPolicy;
    this.pool.clear();
  }

  get #isVolatile(): boolean {
    return this.#policy >= EvictionPolicy.VolatileLru;
  }

  #hasCandidates(): boolean {
    for (const db of this.#shard.keyspace.databases) {
      if ((this.#isVolatile ? db.expiringCount : db.count) > 0) return true;
    }
    return false;
  }

  /** A key of the next database that has one, by chance. */
  #evictAnyKey(): boolean {
    const { keyspace, memory, platform } = this.#shard;
    const { databases } = keyspace;
    for (let i = 0; i < databases.length; i++) {
      this.#nextDb = (this.#nextDb + 1) % databases.length;
      const db = databases[this.#nextDb];
      if (db === undefined || db.count === 0) continue;
      for (let draws = 0; draws < DRAWS_MAX; draws++) {
        const slot = db.dict.randomSlot(platform.chance.next32(), platform.chance.next32());
        if (slot === 0) break;
        const ref = memory.i32[slot] ?? 0;
        if (this.#isHeld(ref)) continue;
        this.#evict(db, db.dict.hashOfEntry(ref), slot, ref);
        return true;
      }
    }
    return false;
  }

  #isHeld(ref: number): boolean {
    const { guard } = this.#shard;
    return guard !== null && guard.holds(ref);
  }

  #sampleAll(): void {
    for (const db of this.#shard.keyspace.databases) {
      if ((this.#isVolatile ? db.expiringCount : db.count) > 0) this.#sample(db);
    }
  }

  /** Offers the keys of some lines to the pool, until enough were seen. */
  #sample(db: Database): void {
    const { settings, platform } = this.#shard;
    const wanted = settings.maxmemorySamples;
    const usesWheel = this.#isVolatile && db.expiringCount * SPARSE_DEADLINES_SHARE < db.count;
    let seen = 0;
    for (let lines = 0; lines < LINES_PER_SAMPLE_MAX && seen < wanted; lines++) {
      const random = platform.chance.next32();
      if (!usesWheel) {
        seen += this.#offerLine(db, (random >>> 0) % db.dict.lines());
      } else if (db.wheel.sampleHashes(random, this.#hashes, 1) === 1) {
        seen += this.#offerLine(db, db.dict.lineOf(this.#hashes[0] ?? 0));
      }
    }
  }

  /** Offers all keys of a line that the policy may take; returns how many there were. */
  #offerLine(db: Database, line: number): number {
    const { i32 } = this.#shard.memory;
    const count = db.dict.collectLine(line, this.#slots);
    this.warmth = warmSlots(i32, this.#slots, count);
    let seen = 0;
    for (let i = 0; i < count; i++) {
      const ref = i32[this.#slots[i] ?? 0] ?? 0;
      if (this.#isVolatile && !entryHasTtl(i32, ref)) continue;
      seen++;
      const score = this.#score(i32, ref);
      if (this.pool.takes(score)) this.pool.offer(db.index, db.dict.hashOfEntry(ref), score);
    }
    return seen;
  }

  /** How much a key deserves to go; higher goes first. */
  #score(i32: Int32Array, ref: number): number {
    const { access } = this.#shard.keyspace;
    switch (this.#policy) {
      case EvictionPolicy.AllKeysLfu:
      case EvictionPolicy.VolatileLfu:
        return LFU_COUNTER_MAX - lfuCounter(entryAccess(i32, ref), access);
      case EvictionPolicy.VolatileTtl:
        return -entryExpireMs(i32, ref);
      case EvictionPolicy.VolatileRandom:
        return this.#shard.platform.chance.next32();
      default:
        return idleSeconds(entryAccess(i32, ref), access);
    }
  }

  /** Evicts the pool's best candidate that still stands; false when the pool ran empty. */
  #evictBest(): boolean {
    const { keyspace, memory } = this.#shard;
    const { pool } = this;
    while (pool.count > 0) {
      const best = pool.count - 1;
      const db = keyspace.databases[pool.dbs[best] ?? 0];
      const hash = pool.hashes[best] ?? 0;
      const score = pool.scores[best] ?? 0;
      pool.dropBest();
      if (db === undefined || db.count === 0) continue;
      const slot = this.#findCandidate(db, hash);
      if (slot === 0) continue;
      const ref = memory.i32[slot] ?? 0;
      const isChance = this.#policy === EvictionPolicy.VolatileRandom;
      const scoreNow = isChance ? score : this.#score(memory.i32, ref);
      if (scoreNow < score) {
        pool.offer(db.index, hash, scoreNow);
        continue;
      }
      this.#evict(db, hash, slot, ref);
      return true;
    }
    return false;
  }

  /** Slot of a key with this hash that the policy may take, 0 when it is gone. */
  #findCandidate(db: Database, hash: number): number {
    const { i32 } = this.#shard.memory;
    const count = collectMatches(db.dict, hash, this.#slots);
    for (let i = 0; i < count; i++) {
      const slot = this.#slots[i] ?? 0;
      const ref = i32[slot] ?? 0;
      if (this.#isVolatile && !entryHasTtl(i32, ref)) continue;
      if (db.dict.hashOfEntry(ref) === hash && !this.#isHeld(ref)) return slot;
    }
    return 0;
  }

  /** Walks lines in order, from where the last walk ended, to a key with a deadline. */
  #walkForDeadline(): boolean {
    const { keyspace, memory } = this.#shard;
    for (let walked = 0; walked < LINES_WALKED_MAX; walked++) {
      const db = keyspace.databases[this.#nextDb];
      assert(db !== undefined, 'the walk is in some database');
      if (db.expiringCount === 0 || this.#walkLine >= db.dict.lines()) {
        this.#nextDb = (this.#nextDb + 1) % keyspace.databases.length;
        this.#walkLine = 0;
        continue;
      }
      const count = db.dict.collectLine(this.#walkLine++, this.#slots);
      for (let i = 0; i < count; i++) {
        const slot = this.#slots[i] ?? 0;
        const ref = memory.i32[slot] ?? 0;
        if (!entryHasTtl(memory.i32, ref) || this.#isHeld(ref)) continue;
        this.#evict(db, db.dict.hashOfEntry(ref), slot, ref);
        return true;
      }
    }
    return false;
  }

  #evict(db: Database, hash: number, slot: number, ref: number): void {
    const { keyspace, stats } = this.#shard;
    keyspace.db = db;
    keyspace.hash = hash;
    keyspace.slot = slot;
    stats.counts[Stat.EvictedKeys] = (stats.counts[Stat.EvictedKeys] ?? 0) + 1;
    this.#shard.removeLastLookup(ref, KeyEvent.Evicted, EffectReason.Evicted);
  }
}
