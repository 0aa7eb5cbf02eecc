/**
 * A snapshot of a shard while the shard goes on working: what every database held at one moment,
 * the cut, given to a sink in chunks (snapshot-format.ts), in slices, without a fork or a stop.
 *
 *   ShardSnapshot.begin(shard, sink)     the cut; O(databases)
 *   step()                               a slice, about 100 us; false when nothing is left
 *   abort()                              gives it up; the shard's maintenance clears what is left
 *   saving ── all saved ─▶ over          clearing ── all marked ─▶ over
 *      └────── abort ─────▶ clearing
 *
 * Each entry is saved once, by the walk or before its first change: a bit of it says whether
 * (keyspace/snapshot-keeper.ts). Long values of removed keys are taken over. The walk goes by scan
 * cursors, which miss no key that is there all the time. The sink bounds what waits by `isFull`: it
 * holds the walk and the freeing of flushed databases, but not what changes.
 * Cost: 110 ns a short entry, about 200 once for one that changes before its turn.
 */
import type { Database } from '../keyspace/database.ts';
import { warmValues } from '../keyspace/hash-sweep.hot.ts';
import type { SnapshotKeeper } from '../keyspace/snapshot-keeper.ts';
import { ValueType } from '../keyspace/type-handler.ts';
import {
  SNAPSHOT_CHUNK_BYTES, SNAPSHOT_TAKEN_BYTES_MAX, SNAPSHOT_TAKEN_ELEMENTS_MIN,
} from '../limits.ts';
import { COPY_BLOCK_BYTES } from '../rdb/rdb-writer.ts';
import type { Shard } from '../shard/shard.ts';
import { CHAIN_SLOTS_MAX } from '../structs/dict-layout.ts';
import type { MemberKeeper } from '../structs/dict.hot.ts';
import type { PackKeeper } from '../structs/packs.hot.ts';
import {
  ENTRY_SNAPSHOT, entryFlags, entryType, entryValueBytes, ownsBlocks, setEntryFlags,
} from '../structs/entry.hot.ts';
import { EntrySaver } from './entry-saver.ts';
import type { SnapshotSink } from './snapshot-format.ts';
import { SnapshotStage } from './snapshot-stage.ts';

/** Work of a slice: entries, lines and half kibibytes of values. */
const STEP_UNITS = 512;
const UNIT_BYTES = 512;
/** Lines whose entries are read together. */
const LINES_TOGETHER = 8;
/** A slice of clearing looks at this many lines. */
const LINES_CLEARED = 256;

type State = 'saving' | 'clearing' | 'over';

/** A value whose key was removed before it was saved. */
interface TakenValue {
  readonly db: number;
  readonly ref: number;
  readonly bytes: number;
}

export class ShardSnapshot implements MemberKeeper, PackKeeper, SnapshotKeeper {
  /** Sequence of the last change before the cut. */
  readonly sequence: number;
  readonly #shard: Shard;
  readonly #sink: SnapshotSink;
  /** Ref of the chunk in low memory, 0 when it was given back. */
  #block: number;
  readonly #stage: SnapshotStage;
  readonly #saver: EntrySaver;
  /** Databases that are left to walk; a database is the same object after SWAPDB. */
  readonly #databases: Database[];
  #cursor = 0;
  readonly #taken: TakenValue[] = [];
  #takenBytes = 0;
  readonly #slots = new Int32Array(CHAIN_SLOTS_MAX * LINES_TOGETHER);
  readonly #lineSlots = new Int32Array(CHAIN_SLOTS_MAX);
  #state: State = 'saving';
  #isAborted = false;
  /** Keys saved so far. */
  keyCount = 0;
  /** Result of warming reads; kept so that they are made. @internal */
  warmth = 0;

  /**
   * Fixes the cut between two commands: now.
   * @returns null while another snapshot of the shard is being taken or cleared, or when low memory
   *   has no room for a chunk
   */
  static begin(shard: Shard, sink: SnapshotSink): ShardSnapshot | null {
    if (shard.keyspace.keeper !== null) return null;
    const { lowAllocator } = shard.memory;
    // The chunk, and the block of the writer of collections.
    if (!lowAllocator.reserve(2, SNAPSHOT_CHUNK_BYTES + COPY_BLOCK_BYTES)) return null;
    return new ShardSnapshot(shard, sink, lowAllocator.alloc(SNAPSHOT_CHUNK_BYTES));
  }

  private constructor(shard: Shard, sink: SnapshotSink, block: number) {
    const { keyspace, memory, journal } = shard;
    this.#shard = shard;
    this.#sink = sink;
    this.#block = block;
    this.#stage = new SnapshotStage(memory, block, sink);
    this.#saver = new EntrySaver(shard, this.#stage);
    this.sequence = journal.sequence;
    this.#databases = [...keyspace.databases];
    for (const db of this.#databases) db.indexAtCut = db.index;
    keyspace.snapshotPhase ^= ENTRY_SNAPSHOT;
    this.#tell(this);
  }

  /** True when the snapshot is whole: every chunk was given to the sink. */
  get isDone(): boolean {
    return this.#state === 'over' && !this.#isAborted;
  }

  /**
   * A slice of the walk; none while the sink is full.
   * @returns false when the snapshot is whole or given up
   */
  step(units = STEP_UNITS): boolean {
    let left = units;
    while (left > 0 && this.#state === 'saving') {
      if (this.#sink.isFull) return true;
      left -= this.#work();
    }
    return this.#state === 'saving';
  }

  /** Gives the snapshot up: the sink gets nothing more. */
  abort(): void {
    if (this.#state !== 'saving') return;
    this.#isAborted = true;
    this.#state = 'clearing';
    for (const { ref } of this.#taken.splice(0)) this.#free(ref);
    this.#letGo();
    this.#shard.platform.scheduler.requestTurn();
  }

  // ------------------------------------------------------------------ what the key space tells

  beforeChange(db: Database, ref: number): void {
    if (ref !== 0 && !this.#isSaved(ref)) this.#save(db.indexAtCut, ref);
  }

  takeOver(db: Database, ref: number): boolean {
    return this.takeDetached(db.indexAtCut, ref);
  }

  takeDetached(indexAtCut: number, ref: number): boolean {
    if (!this.#isSaved(ref)) {
      if (this.#takes(indexAtCut, ref)) return true;
      this.#save(indexAtCut, ref);
    }
    return this.#saver.adopt(ref);
  }

  /** Puts a long value aside to be saved by the walk; false when it has to be saved now. */
  #takes(db: number, ref: number): boolean {
    const { i32 } = this.#shard.memory;
    if (this.#state !== 'saving' || !ownsBlocks(entryFlags(i32, ref))) return false;
    if (entryType(i32, ref) === ValueType.String) return false;
    if (entryValueBytes(i32, ref) < SNAPSHOT_TAKEN_ELEMENTS_MIN) return false;
    const bytes = this.#shard.handlerOf(ref).ownedBytes(this.#shard, ref);
    if (this.#takenBytes + bytes > SNAPSHOT_TAKEN_BYTES_MAX) return false;
    this.#mark(ref);
    this.#taken.push({ db, ref, bytes });
    this.#takenBytes += bytes;
    return true;
  }

  saveMember(header: number, ref: number): void {
    this.#saver.saveMember(header, ref);
  }

  savePack(pack: number): void {
    this.#saver.savePack(pack);
  }

  freeSome(): boolean {
    if (this.#state !== 'saving') return false;
    if (this.#taken.length === 0 && !this.#saver.hasAdopted) return false;
    this.#work();
    return true;
  }

  mayFree(): boolean {
    return this.#state !== 'saving' || !this.#sink.isFull;
  }

  maintain(): boolean {
    if (this.#state !== 'clearing') return false;
    if (this.#saver.openCount > 0) {
      this.#saver.step();
      return true;
    }
    for (let lines = 0; lines < LINES_CLEARED; lines += LINES_TOGETHER) {
      if (this.#databases.length === 0) {
        this.#end();
        return false;
      }
      this.#walk();
    }
    return true;
  }

  // ------------------------------------------------------------------ the walk

  /** One piece of work. @returns its units */
  #work(): number {
    if (this.#saver.openCount > 0) return this.#stepOpen();
    const taken = this.#taken.pop();
    if (taken !== undefined) {
      this.#takenBytes -= taken.bytes;
      const units = this.#write(taken.db, taken.ref);
      if (!this.#saver.adopt(taken.ref)) this.#free(taken.ref);
      return units;
    }
    if (this.#databases.length > 0) return this.#walk();
    const { lazyFree } = this.#shard;
    if (lazyFree.hasOf(this)) {
      lazyFree.step();
      return STEP_UNITS;
    }
    this.#stage.flush();
    this.#letGo();
    this.#end();
    return 0;
  }

  /** A part of a value that comes in parts. @returns units */
  #stepOpen(): number {
    const units = this.#saver.step() / UNIT_BYTES;
    if (!this.#saver.hasLists) this.#shard.collections.packs.keeper = null;
    return units;
  }

  /** The entries of some lines. @returns units */
  #walk(): number {
    const db = this.#databases[0];
    if (db === undefined) return 0;
    if (db.dict.header === 0) this.#cursor = 0;
    const count = db.dict.header === 0 ? 0 : this.#collect(db);
    const { i32 } = this.#shard.memory;
    const slots = this.#slots;
    this.warmth = warmValues(i32, slots, count);
    let units = LINES_TOGETHER;
    for (let i = 0; i < count; i++) {
      const ref = i32[slots[i] ?? 0] ?? 0;
      if (!this.#isSaved(ref)) units += this.#save(db.indexAtCut, ref);
    }
    if (this.#cursor === 0) this.#databases.shift();
    return units;
  }

  /** Slots of the entries of the next lines; their cache misses overlap. */
  #collect(db: Database): number {
    const { dict } = db;
    const { i32 } = this.#shard.memory;
    let cursor = this.#cursor;
    let warmth = 0;
    for (let lines = 0; lines < LINES_TOGETHER; lines++) {
      warmth ^= i32[dict.addressLine(dict.lineAtCursor(cursor))] ?? 0;
      cursor = dict.scanNext(cursor);
      if (cursor === 0) break;
    }
    this.warmth = warmth;
    let count = 0;
    for (let lines = 0; lines < LINES_TOGETHER; lines++) {
      const inLine = dict.collectLine(dict.lineAtCursor(this.#cursor), this.#lineSlots);
      for (let i = 0; i < inLine; i++) this.#slots[count++] = this.#lineSlots[i] ?? 0;
      this.#cursor = dict.scanNext(this.#cursor);
      if (this.#cursor === 0) break;
    }
    return count;
  }

  #isSaved(ref: number): boolean {
    const { keyspace, memory } = this.#shard;
    return (entryFlags(memory.i32, ref) & ENTRY_SNAPSHOT) === keyspace.snapshotPhase;
  }

  #mark(ref: number): void {
    const { i32 } = this.#shard.memory;
    setEntryFlags(i32, ref, entryFlags(i32, ref) ^ ENTRY_SNAPSHOT);
  }

  /** @returns units */
  #save(db: number, ref: number): number {
    this.#mark(ref);
    return this.#state === 'saving' ? this.#write(db, ref) : 1;
  }

  #write(db: number, ref: number): number {
    this.keyCount++;
    const bytes = this.#saver.save(db, ref);
    if (this.#saver.hasLists) this.#shard.collections.packs.keeper = this;
    return 1 + bytes / UNIT_BYTES;
  }

  /** Frees a value that was taken over. */
  #free(ref: number): void {
    this.#shard.freeValue(ref);
    this.#shard.memory.arenaAllocator.free(ref);
  }

  #letGo(): void {
    this.#saver.close();
    this.#shard.memory.lowAllocator.free(this.#block);
    this.#block = 0;
  }

  #end(): void {
    this.#state = 'over';
    this.#tell(null);
  }

  /** Who hears of changes of entries, and of members of collections. */
  #tell(keeper: ShardSnapshot | null): void {
    const { collections, keyspace } = this.#shard;
    keyspace.keeper = keeper;
    collections.dict.keeper = keeper;
    collections.otherDict.keeper = keeper;
    collections.packs.keeper = null;
  }
}
