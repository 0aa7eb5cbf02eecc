/**
 * Puts the chunks of a snapshot into a shard: the way back from shard-snapshot.ts. Deadlines do not
 * act while it runs, for the log that follows a snapshot names every expiry; nothing is journalled.
 * Believes nothing: what does not hold together, or a key that comes twice, is refused. What was
 * loaded by then stays: whoever loads drops the shard.
 * Cost: a short string 0.5 us, most of it cache misses; a value in parts stands on the heap unless
 * it is a long string.
 */
import { assert } from '../assert.ts';
import { Fault } from '../errors/fault.ts';
import type { Database } from '../keyspace/database.ts';
import { KEY_BYTES_MAX, ROPE_BYTES_MIN, SNAPSHOT_CHUNK_BYTES } from '../limits.ts';
import { loadValue } from '../rdb/load-value.ts';
import { RdbError } from '../rdb/rdb-error.ts';
import type { Shard } from '../shard/shard.ts';
import {
  ENTRY_ENCODING_SHIFT, ENTRY_RAW, setEntryAccess,
} from '../structs/entry.hot.ts';
import { dropAside } from '../keyspace/collection-entry.ts';
import { putRope, putString, PLAIN_FLAGS, STRING_TEXT } from '../types/string/string.ts';
import { ChunkReader } from './chunk-reader.ts';
import { OpenValue } from './open-value.ts';
import {
  RECORD_KIND_MASK, SnapshotRecord, TRAIT_ACCESS, TRAIT_GOES_ON, TRAIT_MARK, TRAIT_TEXT, TRAIT_TTL,
} from './snapshot-format.ts';

/** Keys that a dict is made ready for, at most: what a shard of 4 GiB could hold. */
const SIZE_MAX = 100_000_000;
/** Of a part that is loaded for several shards, a quarter of the room: chains may be that long. */
const FILTERED_SHIFT = 2;

/** Says whether a key is to be loaded: `bytes` bytes of `low` at `at`. */
export type KeyFilter = (low: Uint8Array, at: number, bytes: number) => boolean;

/** What a record says of a key besides key and value. */
export interface RecordFacts {
  traits: number;
  expireLow: number;
  expireHigh: number;
  access: number;
}

export class SnapshotLoader {
  /** Keys loaded so far. */
  keyCount = 0;
  readonly #shard: Shard;
  readonly #owns: KeyFilter | null;
  /** Ref of a chunk in low memory. */
  readonly #block: number;
  readonly #reader: ChunkReader;
  readonly #open = new Map<number, OpenValue>();
  readonly #facts: RecordFacts = { traits: 0, expireLow: 0, expireHigh: 0, access: 0 };
  #db: Database | null = null;
  #isLfu = false;

  /**
   * @param owns null: all keys are the shard's
   * @throws {Fault} `OUT_OF_MEMORY`
   */
  constructor(shard: Shard, owns: KeyFilter | null = null) {
    this.#shard = shard;
    this.#owns = owns;
    this.#block = shard.memory.lowAllocator.alloc(SNAPSHOT_CHUNK_BYTES);
    if (this.#block === 0) throw outOfMemory(0);
    this.#reader = new ChunkReader(shard.memory);
  }

  /**
   * Loads a chunk: `length` bytes of `bytes` from `at` on, borrowed for the call.
   * @throws {Fault} `CORRUPT_SNAPSHOT`, `OUT_OF_MEMORY`
   */
  chunk(bytes: Uint8Array, at: number, length: number): void {
    const shard = this.#shard;
    if (length > SNAPSHOT_CHUNK_BYTES) throw corrupt('a chunk longer than chunks are');
    const from = this.#block * 8;
    shard.memory.low.set(bytes.subarray(at, at + length), from);
    const wasReplaying = shard.isReplaying;
    shard.isReplaying = true;
    this.#db = null;
    this.#reader.start(from, from + length);
    try {
      while (this.#reader.left > 0) this.#record();
    } catch (cause) {
      if (!(cause instanceof RdbError)) throw cause;
      throw cause.kind === 'memory' ? outOfMemory(this.keyCount) : corrupt(cause.message);
    } finally {
      shard.isReplaying = wasReplaying;
    }
  }

  /** Behind the last chunk. @throws {Fault} `CORRUPT_SNAPSHOT` when a value is not whole */
  finish(): void {
    const isWhole = this.#open.size === 0;
    this.close();
    if (!isWhole) throw corrupt('a value without an end');
  }

  /** Gives back what it holds; also after an error. */
  close(): void {
    for (const value of this.#open.values()) value.drop();
    this.#open.clear();
    this.#shard.memory.lowAllocator.free(this.#block);
  }

  #record(): void {
    const reader = this.#reader;
    const head = reader.u8();
    switch (head & RECORD_KIND_MASK) {
      case SnapshotRecord.String:
        this.#whole(head, true);
        return;
      case SnapshotRecord.Value:
        this.#whole(head, false);
        return;
      case SnapshotRecord.Database:
        this.#db = this.#database();
        return;
      case SnapshotRecord.Size:
        this.#makeRoom(this.#database(), reader.count());
        return;
      case SnapshotRecord.Access:
        this.#isLfu = reader.u8() !== 0;
        return;
      case SnapshotRecord.Open:
        this.#begin(head);
        return;
      case SnapshotRecord.Part:
        this.#part((head & TRAIT_GOES_ON) !== 0);
        return;
      case SnapshotRecord.Close:
        this.#end();
        return;
      default:
        throw corrupt('a record of an unknown kind');
    }
  }

  #database(): Database {
    const db = this.#shard.keyspace.databases[this.#reader.u8()];
    if (db === undefined) throw corrupt('a database beyond the last');
    return db;
  }

  /**
   * Keys come in the order of a dict. Where that has the seeds of this one (a simulation), its
   * first lines would get them all.
   */
  #makeRoom(db: Database, keys: number): void {
    const own = this.#owns === null ? keys : keys >>> FILTERED_SHIFT;
    if (own === 0 || own > SIZE_MAX) return;
    if (db.dict.header === 0 && db.dict.create() === 0) throw outOfMemory(0);
    db.dict.growFor(db.count + own);
  }

  /** A key with its value in one piece. */
  #whole(head: number, isString: boolean): void {
    const reader = this.#reader;
    const keyBytes = reader.count();
    const bytes = reader.count();
    this.#readFacts(head);
    const keyAt = reader.take(keyBytes);
    const at = reader.take(bytes);
    if (isString && bytes >= ROPE_BYTES_MIN) throw corrupt('a long string in one piece');
    if (!this.#isWanted(keyAt, keyBytes)) return;
    if (isString) this.#putString(keyAt, keyBytes, at, bytes);
    else this.#putValue(keyAt, keyBytes, this.#shard.memory.low, at, at + bytes);
  }

  #putString(keyAt: number, keyBytes: number, at: number, bytes: number): void {
    const { expireLow, expireHigh, traits } = this.#facts;
    const ref = putString(
      this.#shard, keyAt, keyBytes, at, bytes, stringFlags(traits), ttlOf(traits), expireLow,
      expireHigh,
    );
    this.#noteLoaded(ref);
  }

  /** Stores a value in the RDB format, u8[from .. end), under the key looked up last. */
  #putValue(
    keyAt: number, keyBytes: number, u8: Uint8Array, from: number, end: number,
  ): void {
    const { keyspace } = this.#shard;
    const { expireLow, expireHigh, traits } = this.#facts;
    const isWide = (traits & TRAIT_MARK) !== 0;
    const ref = loadValue(this.#shard, u8, from, end, {
      keyAt, keyBytes, hasTtl: ttlOf(traits), expireLow, expireHigh, isWide,
    });
    if (ref === 0) throw outOfMemory(this.keyCount);
    if (!keyspace.reserve(0, 0, 0, 0)) {
      dropAside(this.#shard, ref);
      throw outOfMemory(this.keyCount);
    }
    keyspace.link(ref);
    this.#noteLoaded(ref);
  }

  /** Looks a key up; false when it is another shard's. */
  #isWanted(keyAt: number, keyBytes: number): boolean {
    const { keyspace, memory } = this.#shard;
    const db = this.#db;
    if (db === null) throw corrupt('a key without a database');
    if (this.#owns !== null && !this.#owns(memory.low, keyAt, keyBytes)) return false;
    if (keyspace.find(db, keyAt, keyBytes) !== 0) throw corrupt('a key twice');
    return true;
  }

  #noteLoaded(ref: number): void {
    if (ref === 0) throw outOfMemory(this.keyCount);
    const { keyspace, memory } = this.#shard;
    const { access, traits } = this.#facts;
    // Under another policy the field means something else.
    const isKnown = (traits & TRAIT_ACCESS) !== 0 && this.#isLfu === (keyspace.access.isLfu !== 0);
    if (isKnown) setEntryAccess(memory.i32, ref, access);
    this.keyCount++;
  }

  #readFacts(head: number): void {
    const reader = this.#reader;
    const facts = this.#facts;
    facts.traits = head;
    const hasTtl = (head & TRAIT_TTL) !== 0;
    facts.expireLow = hasTtl ? reader.i32() : 0;
    facts.expireHigh = hasTtl ? reader.i32() : 0;
    if (facts.expireHigh < 0) throw corrupt('a deadline before 1970');
    facts.access = (head & TRAIT_ACCESS) !== 0 ? reader.u24() : 0;
  }

  // ------------------------------------------------------------------ values in parts

  #begin(head: number): void {
    const reader = this.#reader;
    const id = reader.count();
    const form = reader.u8();
    const keyBytes = reader.count();
    const bytes = reader.count();
    this.#readFacts(head);
    const db = this.#db;
    if (db === null) throw corrupt('a key without a database');
    if (keyBytes > KEY_BYTES_MAX) throw corrupt('a key that is too long');
    if (bytes > this.#shard.settings.stringBytesMax) throw corrupt('a string that is too long');
    if (this.#open.has(id)) throw corrupt('a value that begins twice');
    this.#open.set(id, new OpenValue(this.#shard, db, form, keyBytes, bytes, { ...this.#facts }));
  }

  #part(goesOn: boolean): void {
    const reader = this.#reader;
    const value = this.#open.get(reader.count());
    const bytes = reader.count();
    const at = reader.take(bytes);
    if (value === undefined) throw corrupt('a part of no value');
    if (!value.add(at, bytes, goesOn)) throw outOfMemory(this.keyCount);
  }

  #end(): void {
    const id = this.#reader.count();
    const value = this.#open.get(id);
    if (value === undefined) throw corrupt('an end of no value');
    const keyBytes = value.key.length;
    const block = this.#shard.memory.lowAllocator.alloc(Math.max(1, keyBytes));
    if (block === 0) throw outOfMemory(this.keyCount);
    try {
      this.#shard.memory.low.set(value.key, block * 8);
      this.#store(value, block * 8, keyBytes);
    } finally {
      this.#shard.memory.lowAllocator.free(block);
    }
    this.#open.delete(id);
    value.drop();
  }

  /** Stores a value that has come whole. */
  #store(value: OpenValue, keyAt: number, keyBytes: number): void {
    const shard = this.#shard;
    const dbBefore = this.#db;
    Object.assign(this.#facts, value.facts);
    this.#db = value.db;
    const isWanted = this.#isWanted(keyAt, keyBytes);
    this.#db = dbBefore;
    const whole = value.whole();
    if (!isWanted) return;
    const { expireLow, expireHigh, traits } = value.facts;
    if (value.entry !== 0) {
      if (!shard.keyspace.reserve(0, 0, 0, 0)) throw outOfMemory(this.keyCount);
      const ref = value.entry;
      value.give();
      shard.keyspace.link(ref);
      shard.handlerOf(ref).finishFragments?.(shard, ref);
      this.#noteLoaded(ref);
      return;
    }
    if (!value.isString) {
      this.#putValue(keyAt, keyBytes, whole, 0, whole.length);
      return;
    }
    const flags = stringFlags(traits);
    if (value.root !== 0) {
      const ref = putRope(
        shard, keyAt, keyBytes, value.root, flags, ttlOf(traits), expireLow, expireHigh,
      );
      if (ref !== 0) value.give();
      this.#noteLoaded(ref);
      return;
    }
    assert(whole.length < ROPE_BYTES_MIN, 'a longer string is a rope');
    shard.memory.low.set(whole, shard.scratchAt);
    this.#putString(keyAt, keyBytes, shard.scratchAt, whole.length);
  }
}

function ttlOf(traits: number): number {
  return (traits & TRAIT_TTL) !== 0 ? 1 : 0;
}

function stringFlags(traits: number): number {
  return PLAIN_FLAGS | ((traits & TRAIT_MARK) !== 0 ? ENTRY_RAW : 0)
    | ((traits & TRAIT_TEXT) !== 0 ? STRING_TEXT << ENTRY_ENCODING_SHIFT : 0);
}

function corrupt(what: string): Fault {
  return new Fault('CORRUPT_SNAPSHOT', `The snapshot is damaged: ${what}.`);
}

function outOfMemory(keys: number): Fault {
  return new Fault('OUT_OF_MEMORY', `The memory is full after ${keys} keys of the snapshot.`);
}
