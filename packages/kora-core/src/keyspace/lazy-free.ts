/**
 * Frees big values and whole databases in the background. Neither UNLINK of a set of ten million
 * members nor FLUSHALL must stop the shard for seconds: what is big is detached from its owner, and
 * the shard's maintenance frees it in slices: values node by node, as their types do it, before any
 * more entries; then entries line by line, then the index, then the records of the wheel. What
 * waits here still counts as used memory. Small databases are freed at once, and small values by
 * their types.
 *
 * Invariants: what is detached has no other owner; at most WAITING_MAX databases wait, and the
 *   smallest pays with being freed at once when one more comes; at most VALUES_WAITING_MAX values
 *   wait, and one more is freed at once.
 * Cost: a slice about 100 us, up to 0.4 ms where it gives back the index (1.6 us for 16 KiB).
 */
import { assert } from '../assert.ts';
import type { Shard } from '../shard/shard.ts';
import { CHAIN_SLOTS_MAX } from '../structs/dict-layout.ts';
import { Dict } from '../structs/dict.hot.ts';
import { TimingWheel } from '../structs/timing-wheel.hot.ts';
import type { Database } from './database.ts';
import type { SnapshotKeeper } from './snapshot-keeper.ts';
import { Stat } from './statistics.ts';
import type { DetachedValue } from './type-handler.ts';

/** Databases up to this many keys ... */
const FREED_AT_ONCE_MAX = 2048;
/** ... fewer while a snapshot runs, which has to save them first ... */
const SAVED_AT_ONCE_MAX = 64;
/** ... with at most this many records of deadlines are freed within the command. */
const RECORDS_FREED_AT_ONCE_MAX = 8192;
/** Detached databases that may wait. */
const WAITING_MAX = 64;
/** Entries freed in one slice. */
const ENTRIES_PER_SLICE = 512;
/** The same where each may have to be saved first. */
const SAVED_PER_SLICE = 128;
/** Chunks of the index, 256 lines each, freed in one slice. */
const LINE_CHUNKS_PER_SLICE = 256;
/** Chunks of wheel records freed in one slice. */
const RECORD_CHUNKS_PER_SLICE = 1024;
/** Values that may wait: several slices of entries that are all big. */
export const VALUES_WAITING_MAX = 4096;
/** Parts of values freed in one slice ... */
const VALUE_PARTS_PER_SLICE = 4;
/** ... and blocks of each part. */
export const VALUE_BLOCKS_PER_PART = 256;

/** What was a database's; freed from left to right. */
interface DetachedDatabase {
  /** Header of the dict, 0 when it is freed. */
  dict: number;
  readonly lines: number;
  nextLine: number;
  entriesLeft: number;
  /** Header of the wheel, 0 when there is none. */
  readonly wheel: number;
  /** The snapshot that ran when it was taken, which may want its entries; else null. */
  readonly keeper: SnapshotKeeper | null;
  /** Its number at that snapshot's cut. */
  readonly indexAtCut: number;
}

export class LazyFree {
  readonly #shard: Shard;
  readonly #dict: Dict;
  readonly #wheel: TimingWheel;
  readonly #slots = new Int32Array(CHAIN_SLOTS_MAX);
  readonly #waiting: DetachedDatabase[] = [];
  readonly #values: DetachedValue[] = [];

  constructor(shard: Shard) {
    const { memory } = shard;
    this.#shard = shard;
    this.#dict = new Dict(memory, memory.arenaAllocator, 0, 0);
    this.#wheel = new TimingWheel(memory, memory.arenaAllocator);
  }

  /** Detached databases and values of which something is left; 0 = nothing to do. */
  get pending(): number {
    return this.#waiting.length + this.#values.length;
  }

  /** Entries and values that wait to be freed. */
  get pendingObjects(): number {
    const entries = this.#waiting.reduce((sum, { entriesLeft }) => sum + entriesLeft, 0);
    return entries + this.#values.length;
  }

  /**
   * Takes the structure of a collection away from its entry, which is about to go or to change:
   * `handler.freeSlice` of the type gets it in parts. For values of more than a few blocks.
   * @param encoding encoding bits of the entry (0..15)
   * @param root root ref of the structure, not 0
   */
  takeValue(type: number, encoding: number, root: number): void {
    assert(root !== 0, 'a detached value has a root');
    const value: DetachedValue = { type, encoding, root, cursor: 0 };
    if (this.#values.length >= VALUES_WAITING_MAX) {
      while (!this.#freeValuePart(value));
      return;
    }
    this.#values.push(value);
    this.#shard.platform.scheduler.requestTurn();
  }

  /** Empties a database; its entries are freed now or later. Returns the number of keys it had. */
  take(db: Database): number {
    if (db.dict.header === 0) return 0;
    const { count } = db;
    const { keeper } = this.#shard.keyspace;
    const countMax = keeper === null ? FREED_AT_ONCE_MAX : SAVED_AT_ONCE_MAX;
    const isSmall = count <= countMax && db.wheel.recordCount() <= RECORDS_FREED_AT_ONCE_MAX;
    const detached: DetachedDatabase = {
      dict: db.dict.header, lines: db.dict.lines(), nextLine: 0, entriesLeft: count,
      wheel: db.wheel.header, keeper, indexAtCut: db.indexAtCut,
    };
    db.dict.bind(0);
    db.wheel.bind(0);
    db.expiringCount = 0;
    db.timedAtRebuild = 0;
    this.#shard.noteMutation();
    this.#shard.keyspace.generation++;
    if (isSmall) {
      this.#freeAll(detached);
      return count;
    }
    this.#waiting.push(detached);
    if (this.#waiting.length > WAITING_MAX) this.#freeAll(this.#takeSmallest());
    this.#shard.platform.scheduler.requestTurn();
    return count;
  }

  /** True when a database waits that was taken while this snapshot ran. */
  hasOf(keeper: SnapshotKeeper): boolean {
    return this.#waiting.some((detached) => detached.keeper === keeper && detached.dict !== 0);
  }

  /** Frees a bounded number of blocks, entries or records; true when more is waiting. */
  step(): boolean {
    if (this.#values.length > 0) {
      this.#freeValues();
      return this.pending > 0;
    }
    const first = this.#waiting[0];
    if (first === undefined) return false;
    if (this.#freeSlice(first)) this.#waiting.shift();
    return this.pending > 0;
  }

  /** Frees parts of the values that came last: where they wait does not matter to them. */
  #freeValues(): void {
    for (let parts = 0; parts < VALUE_PARTS_PER_SLICE; parts++) {
      const last = this.#values[this.#values.length - 1];
      if (last === undefined) return;
      if (this.#freeValuePart(last)) this.#values.pop();
    }
  }

  /** True when nothing of the value is left. */
  #freeValuePart(value: DetachedValue): boolean {
    const handler = this.#shard.typeHandlers[value.type];
    assert(handler !== undefined, 'a detached value has a registered type');
    if (!handler.freeSlice(this.#shard, value, VALUE_BLOCKS_PER_PART)) return false;
    const { counts } = this.#shard.stats;
    counts[Stat.LazyFreedObjects] = (counts[Stat.LazyFreedObjects] ?? 0) + 1;
    return true;
  }

  #takeSmallest(): DetachedDatabase {
    let smallest = 0;
    this.#waiting.forEach(({ entriesLeft }, i) => {
      if (entriesLeft < (this.#waiting[smallest]?.entriesLeft ?? 0)) smallest = i;
    });
    const [taken] = this.#waiting.splice(smallest, 1);
    assert(taken !== undefined, 'something waits');
    return taken;
  }

  #freeAll(detached: DetachedDatabase): void {
    while (!this.#freeSlice(detached));
  }

  /** True when nothing of the database is left. */
  #freeSlice(detached: DetachedDatabase): boolean {
    if (detached.dict === 0) return this.#freeRecords(detached.wheel);
    this.#dict.bind(detached.dict);
    if (detached.nextLine < detached.lines) {
      this.#freeEntries(detached);
      return false;
    }
    assert(detached.entriesLeft === 0, 'every entry of a detached dict was freed');
    if (this.#dict.freeChunks(LINE_CHUNKS_PER_SLICE)) return false;
    this.#dict.destroy();
    detached.dict = 0;
    return detached.wheel === 0;
  }

  #freeEntries(detached: DetachedDatabase): void {
    const { memory, stats } = this.#shard;
    const dict = this.#dict;
    // A snapshot that is over wants nothing any more.
    const keeper = detached.keeper === this.#shard.keyspace.keeper ? detached.keeper : null;
    const freedMax = keeper === null ? ENTRIES_PER_SLICE : SAVED_PER_SLICE;
    let freed = 0;
    while (detached.nextLine < detached.lines && freed < freedMax) {
      const line = detached.nextLine++;
      const count = dict.collectLine(line, this.#slots);
      for (let i = 0; i < count; i++) {
        const ref = memory.i32[this.#slots[i] ?? 0] ?? 0;
        assert(ref !== 0, 'a collected slot holds an entry');
        if (keeper?.takeDetached(detached.indexAtCut, ref) === true) continue;
        this.#shard.freeValue(ref);
        memory.arenaAllocator.free(ref);
      }
      dict.freeOverflow(line);
      freed += count;
    }
    detached.entriesLeft -= freed;
    const at = Stat.LazyFreedObjects;
    stats.counts[at] = (stats.counts[at] ?? 0) + freed;
  }

  /** True when nothing of the wheel is left. */
  #freeRecords(wheel: number): boolean {
    this.#wheel.bind(wheel);
    if (this.#wheel.clearStep(RECORD_CHUNKS_PER_SLICE)) return false;
    this.#wheel.destroy();
    return true;
  }
}
