/**
 * A key and value that come in parts while a snapshot is loaded. Long strings are filled into a
 * rope as they come, fragments of collections are added to an entry that no dict knows; all else is
 * gathered on the heap until it is whole.
 * Invariant: it owns its rope and its entry until `give`.
 */
import { Fault } from '../errors/fault.ts';
import { dropAside, newEntryAside, ROOT_BYTES } from '../keyspace/collection-entry.ts';
import type { Database } from '../keyspace/database.ts';
import { ValueType } from '../keyspace/type-handler.ts';
import { ROPE_BYTES_MIN } from '../limits.ts';
import { RdbReader } from '../rdb/rdb-reader.ts';
import { RDB_BYTES_MAX } from '../rdb/rdb-writer.ts';
import type { Shard } from '../shard/shard.ts';
import { ENTRY_WIDE, setEntryRoot } from '../structs/entry.hot.ts';
import { OpenForm, TRAIT_MARK, TRAIT_TTL } from './snapshot-format.ts';
import type { RecordFacts } from './snapshot-loader.ts';

/** Bytes before a block of a list. */
const PLACE_BYTES = 4;

const TYPE_OF_FORM: Readonly<Record<number, number>> = {
  [OpenForm.SetFragments]: ValueType.Set, [OpenForm.HashFragments]: ValueType.Hash,
  [OpenForm.ZsetFragments]: ValueType.SortedSet, [OpenForm.ListFragments]: ValueType.List,
  [OpenForm.VectorFragments]: ValueType.VectorSet,
  [OpenForm.VectorNodeFragments]: ValueType.VectorSet,
};

export class OpenValue {
  readonly db: Database;
  readonly facts: Readonly<RecordFacts>;
  readonly isString: boolean;
  readonly key: Uint8Array;
  /** Rope of a long string, 0 before its first part and for all else. */
  root = 0;
  /** Entry of a collection that comes in fragments, 0 before the first and for all else. */
  entry = 0;
  readonly #shard: Shard;
  readonly #bytes: number;
  /** ValueType of fragments, -1 for all else. */
  readonly #type: number;
  #parts: Uint8Array[] = [];
  /** Blocks of a list that came before their turn, by their place. */
  readonly #early = new Map<number, Uint8Array>();
  #nextPlace = 0;
  #keyDone = 0;
  #done = 0;

  /**
   * @param bytes length of a string; 0 for all else
   * @throws {Fault} `CORRUPT_SNAPSHOT` for an unknown form
   */
  constructor(
    shard: Shard, db: Database, form: number, keyBytes: number, bytes: number, facts: RecordFacts,
  ) {
    this.#type = TYPE_OF_FORM[form] ?? -1;
    if (this.#type === -1 && form !== OpenForm.String && form !== OpenForm.Value) {
      throw corrupt('an unknown form');
    }
    this.#shard = shard;
    this.db = db;
    this.facts = facts;
    this.isString = form === OpenForm.String;
    this.key = new Uint8Array(keyBytes);
    this.#bytes = bytes;
  }

  /**
   * Takes the next part: of the key, then of the value; in low memory.
   * @param goesOn the fragment does not end with it
   * @returns false when memory is short
   * @throws {Fault} `CORRUPT_SNAPSHOT` @throws {RdbError}
   */
  add(at: number, bytes: number, goesOn: boolean): boolean {
    const { low } = this.#shard.memory;
    if (this.#keyDone < this.key.length) {
      if (this.#keyDone + bytes > this.key.length) throw corrupt('a key beyond its length');
      this.key.set(low.subarray(at, at + bytes), this.#keyDone);
      this.#keyDone += bytes;
      return true;
    }
    const most = this.isString ? this.#bytes : RDB_BYTES_MAX;
    if (this.#done + bytes > most) throw corrupt('a value beyond its length');
    if (this.#type !== -1) return this.#addFragment(low.slice(at, at + bytes), goesOn);
    if (this.isString && this.#bytes >= ROPE_BYTES_MIN) {
      if (this.root === 0) this.root = this.#shard.ropes.create(this.#bytes);
      if (this.root === 0) return false;
      this.#shard.ropes.write(this.root, this.#done, at, bytes);
    } else {
      this.#parts.push(low.slice(at, at + bytes));
    }
    this.#done += bytes;
    return true;
  }

  #addFragment(part: Uint8Array, goesOn: boolean): boolean {
    this.#parts.push(part);
    this.#done = goesOn ? this.#done + part.length : 0;
    if (goesOn) return true;
    const fragment = this.#gathered();
    this.#parts = [];
    return this.#type === ValueType.List ? this.#addBlock(fragment) : this.#load(fragment, 0);
  }

  /** Adds the elements of a block, and of those that wait behind it; keeps it when it is early. */
  #addBlock(fragment: Uint8Array): boolean {
    if (fragment.length <= PLACE_BYTES) throw corrupt('a block of a list without elements');
    const place = readPlace(fragment);
    if (place < this.#nextPlace || this.#early.has(place)) throw corrupt('a block of a list twice');
    this.#early.set(place, fragment);
    for (;;) {
      const next = this.#early.get(this.#nextPlace);
      if (next === undefined) return true;
      this.#early.delete(this.#nextPlace++);
      if (!this.#load(next, PLACE_BYTES)) return false;
    }
  }

  /** Adds a value in the RDB format to what there is. */
  #load(fragment: Uint8Array, from: number): boolean {
    if (this.entry === 0) this.entry = this.#newEntry();
    if (this.entry === 0) return false;
    const handler = this.#shard.handlerOf(this.entry);
    const reader = new RdbReader(this.#shard.memory, fragment, from);
    try {
      const rdbType = reader.u8();
      const rdbTypes = handler.fragmentTypes ?? handler.rdbTypes;
      if (!rdbTypes.includes(rdbType)) throw corrupt('a fragment of another type');
      const isLoaded = handler.load(this.#shard, rdbType, reader, this.entry);
      if (isLoaded && reader.left > 0) throw corrupt('a fragment with more behind it');
      return isLoaded;
    } finally {
      reader.close();
    }
  }

  /** An empty collection under the key, known to no dict; 0 when memory is short. */
  #newEntry(): number {
    const { memory } = this.#shard;
    const { traits, expireLow, expireHigh } = this.facts;
    const block = memory.lowAllocator.alloc(Math.max(1, this.key.length));
    if (block === 0) return 0;
    memory.low.set(this.key, block * 8);
    const flags = this.#type | ((traits & TRAIT_MARK) !== 0 ? ENTRY_WIDE : 0);
    const ref = newEntryAside(
      this.#shard, block * 8, this.key.length, flags, 0, ROOT_BYTES,
      (traits & TRAIT_TTL) !== 0 ? 1 : 0, expireLow, expireHigh,
    );
    memory.lowAllocator.free(block);
    if (ref !== 0) setEntryRoot(memory.i32, ref, 0);
    return ref;
  }

  /** What was gathered. @throws {Fault} `CORRUPT_SNAPSHOT` when something is missing */
  whole(): Uint8Array {
    let isWhole = this.#keyDone === this.key.length;
    if (this.isString) isWhole &&= this.#done === this.#bytes;
    if (this.#type !== -1) isWhole &&= this.entry !== 0 && this.#isAllThere;
    if (!isWhole) throw corrupt('a value that ends too early');
    return this.root !== 0 || this.entry !== 0 ? new Uint8Array(0) : this.#gathered();
  }

  get #isAllThere(): boolean {
    return this.#parts.length === 0 && this.#early.size === 0;
  }

  #gathered(): Uint8Array {
    const first = this.#parts[0];
    if (first !== undefined && this.#parts.length === 1) return first;
    const whole = new Uint8Array(this.#parts.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of this.#parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }

  /** Rope and entry are somebody else's from now on. */
  give(): void {
    this.root = 0;
    this.entry = 0;
  }

  /** Frees what it owns. */
  drop(): void {
    if (this.root !== 0) this.#shard.ropes.free(this.root);
    if (this.entry !== 0) dropAside(this.#shard, this.entry);
    this.give();
  }
}

/** The u32, little-endian, at the start of a fragment of a list. */
function readPlace(fragment: Uint8Array): number {
  let place = 0;
  for (let i = PLACE_BYTES - 1; i >= 0; i--) place = place * 256 + (fragment[i] ?? 0);
  return place;
}

function corrupt(what: string): Fault {
  return new Fault('CORRUPT_SNAPSHOT', `The snapshot is damaged: ${what}.`);
}
