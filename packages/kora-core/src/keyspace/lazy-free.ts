/**
 * Frees whole databases in the background. FLUSHALL of ten million keys must not stop the shard for
 * seconds, so a big dict and its wheel of deadlines are detached, and the shard's maintenance frees
 * them in slices: entries line by line, then the index, then the wheel's records. What waits here
 * still counts as used memory. Small databases are freed at once.
 *
 * Invariants: a detached dict and wheel have no other owner; at most WAITING_MAX wait, and the
 *   smallest pays with being freed at once when one more comes.
 * Cost: a slice about 100 us, up to 0.4 ms where it gives back the index (1.6 us for 16 KiB).
 */
import { assert } from '../assert.ts';
import type { Shard } from '../shard/shard.ts';
import { CHAIN_SLOTS_MAX } from '../structs/dict-layout.ts';
import { Dict } from '../structs/dict.hot.ts';
import { TimingWheel } from '../structs/timing-wheel.hot.ts';
import type { Database } from './database.ts';
import { Stat } from './statistics.ts';

/** Databases up to this many keys ... */
const FREED_AT_ONCE_MAX = 2048;
/** ... with at most this many records of deadlines are freed within the command. */
const RECORDS_FREED_AT_ONCE_MAX = 8192;
/** Detached databases that may wait. */
const WAITING_MAX = 64;
/** Entries freed in one slice. */
const ENTRIES_PER_SLICE = 512;
/** Chunks of the index, 256 lines each, freed in one slice. */
const LINE_CHUNKS_PER_SLICE = 256;
/** Chunks of wheel records freed in one slice. */
const RECORD_CHUNKS_PER_SLICE = 1024;

/** What was a database's; freed from left to right. */
interface DetachedDatabase {
  /** Header of the dict, 0 when it is freed. */
  dict: number;
  readonly lines: number;
  nextLine: number;
  entriesLeft: number;
  /** Header of the wheel, 0 when there is none. */
  readonly wheel: number;
}

export class LazyFree {
  readonly #shard: Shard;
  readonly #dict: Dict;
  readonly #wheel: TimingWheel;
  readonly #slots = new Int32Array(CHAIN_SLOTS_MAX);
  readonly #waiting: DetachedDatabase[] = [];

  constructor(shard: Shard) {
    const { memory } = shard;
    this.#shard = shard;
    this.#dict = new Dict(memory, memory.arenaAllocator, 0, 0);
    this.#wheel = new TimingWheel(memory, memory.arenaAllocator);
  }

  /** Detached databases of which something is left; 0 = nothing to do. */
  get pending(): number {
    return this.#waiting.length;
  }

  /** Entries that wait to be freed. */
  get pendingObjects(): number {
    return this.#waiting.reduce((sum, { entriesLeft }) => sum + entriesLeft, 0);
  }

  /** Empties a database; its entries are freed now or later. Returns the number of keys it had. */
  take(db: Database): number {
    if (db.dict.header === 0) return 0;
    const { count } = db;
    const isSmall =
      count <= FREED_AT_ONCE_MAX && db.wheel.recordCount() <= RECORDS_FREED_AT_ONCE_MAX;
    const detached: DetachedDatabase = {
      dict: db.dict.header, lines: db.dict.lines(), nextLine: 0, entriesLeft: count,
      wheel: db.wheel.header,
    };
    db.dict.bind(0);
    db.wheel.bind(0);
    db.expiringCount = 0;
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

  /** Frees a bounded number of entries or records; true when more is waiting. */
  step(): boolean {
    const first = this.#waiting[0];
    if (first === undefined) return false;
    if (this.#freeSlice(first)) this.#waiting.shift();
    return this.#waiting.length > 0;
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
    let freed = 0;
    while (detached.nextLine < detached.lines && freed < ENTRIES_PER_SLICE) {
      const line = detached.nextLine++;
      const count = dict.collectLine(line, this.#slots);
      for (let i = 0; i < count; i++) {
        const ref = memory.i32[this.#slots[i] ?? 0] ?? 0;
        assert(ref !== 0, 'a collected slot holds an entry');
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
