/**
 * All keys of a shard out as a dump has them, and keys of a dump in, without commands or sockets:
 * for programs that hold the shard themselves. Reading is one look at a shard that stands still
 * meanwhile: nothing of it may run until `visitKeys` has returned.
 *
 * Invariants: a key that is loaded takes its place only when its value is whole, and is announced
 *   to the journal as RESTORE announces it; what cannot be loaded changes nothing. Keys whose time
 *   has come are not given.
 * Cost: O(bytes); a value passes in parts, so only a collection's packed form stands on the heap.
 */
import { assert } from '../assert.ts';
import { idleSeconds, lfuCounter } from '../keyspace/access.hot.ts';
import { dropAside } from '../keyspace/collection-entry.ts';
import { EffectOp, EffectReason } from '../keyspace/effect.ts';
import { encodeEffect } from '../keyspace/effect-codec.ts';
import type { EffectWriter } from '../keyspace/effect-writer.ts';
import { KeyEvent } from '../keyspace/events.ts';
import type { KeyBytes } from '../keyspace/move-entry.ts';
import { ValueType } from '../keyspace/type-handler.ts';
import { KEY_BYTES_MAX } from '../limits.ts';
import type { Shard } from '../shard/shard.ts';
import { CHAIN_SLOTS_MAX } from '../structs/dict-layout.ts';
import {
  entryAccess, entryIsDue, entryKeyAt, entryKeyBytes, setEntryAccess,
} from '../structs/entry.hot.ts';
import { loadValue } from './load-value.ts';

const TWO_32 = 4_294_967_296;
/** The LRU clock wraps here, in seconds. */
const IDLE_SECONDS_END = 16_777_216;
const FREQUENCY_MAX = 255;

/** What a dump tells of a key besides its value. */
export interface DumpedKeyFacts {
  /** Deadline in ms since 1970, -1 = none. */
  readonly expireMs: number;
  /** Seconds since it was used, -1 = not told. */
  readonly idleSeconds: number;
  /** LFU counter, 0..255, -1 = not told. */
  readonly frequency: number;
}

/** Gets keys, each followed by its value. */
export interface KeyVisitor {
  /** The next key; its bytes are the visitor's. */
  key(key: Uint8Array, facts: DumpedKeyFacts): void;
  /** The next bytes of its value: type byte, then body; valid during the call. */
  valuePart(part: Uint8Array): void;
}

/** A key to be loaded. */
export interface LoadedKey extends DumpedKeyFacts {
  readonly db: number;
  readonly key: Uint8Array;
  /** Type byte and body. */
  readonly value: Uint8Array;
}

/** Gives the visitor every key of a database. @throws {RdbError} `memory` for a value too long */
export function visitKeys(shard: Shard, db: number, visitor: KeyVisitor): void {
  visitEntries(shard, db, (ref) => {
    visitKey(shard, ref, visitor);
  });
}

/** Calls `visit` with the entry of every key of a database; nothing may change meanwhile. */
export function visitEntries(shard: Shard, db: number, visit: (ref: number) => void): void {
  const { keyspace, memory } = shard;
  const database = keyspace.databases[db];
  assert(database !== undefined, 'a database that there is');
  const { dict } = database;
  const slots = new Int32Array(CHAIN_SLOTS_MAX);
  const lines = dict.header === 0 ? 0 : dict.lines();
  for (let line = 0; line < lines; line++) {
    const count = dict.collectLine(line, slots);
    for (let i = 0; i < count; i++) {
      const ref = memory.i32[slots[i] ?? 0] ?? 0;
      if (entryIsDue(memory.i32, ref, keyspace.nowLow, keyspace.nowHigh)) continue;
      visit(ref);
    }
  }
}

/** Where the entry's key lies. */
export function entryKeyRange({ memory }: Shard, ref: number): KeyBytes {
  return { at: entryKeyAt(memory.i32, ref), bytes: entryKeyBytes(memory.i32, ref) };
}

/** Writes the record that gives the entry's key all that it has now, as the journal has it. */
export function encodeEntry(shard: Shard, db: number, ref: number, writer: EffectWriter): void {
  const { keyspace, memory } = shard;
  const keyAt = entryKeyAt(memory.i32, ref);
  const keyBytes = entryKeyBytes(memory.i32, ref);
  const op = keyspace.isType(ref, ValueType.String) ? EffectOp.StringSet : EffectOp.ValueSet;
  const effect = shard.effectOf(op, db, keyAt, keyBytes, KeyEvent.Restore);
  effect.ref = ref;
  encodeEffect(shard, effect, shard.nowMs, writer);
}

function visitKey(shard: Shard, ref: number, visitor: KeyVisitor): void {
  const { keyspace, memory, rdb } = shard;
  const { access } = keyspace;
  const key = new Uint8Array(entryKeyBytes(memory.i32, ref));
  rdb.copyOut(entryKeyAt(memory.i32, ref), key.length, key, 0);
  const field = entryAccess(memory.i32, ref);
  const isLfu = access.isLfu !== 0;
  visitor.key(key, {
    expireMs: keyspace.expireMs(ref),
    idleSeconds: isLfu ? -1 : idleSeconds(field, access),
    frequency: isLfu ? lfuCounter(field, access) : -1,
  });
  rdb.beginStream((part) => {
    visitor.valuePart(part);
  });
  shard.handlerOf(ref).save(shard, ref, rdb);
  rdb.end();
}

/**
 * Gives the key the value, whatever it held; a deadline that has passed removes it.
 * @returns false when memory is short: nothing has changed then
 * @throws {RdbError} `format` when the bytes are no value; nothing has changed then
 */
export function loadKey(shard: Shard, loaded: LoadedKey): boolean {
  const { key } = loaded;
  assert(key.length <= KEY_BYTES_MAX, 'a key is no longer than keys may be');
  const { lowAllocator, low } = shard.memory;
  const block = lowAllocator.alloc(Math.max(1, key.length));
  if (block === 0) return false;
  try {
    low.set(key, block * 8);
    return loadAt(shard, loaded, block * 8);
  } finally {
    lowAllocator.free(block);
  }
}

function loadAt(shard: Shard, loaded: LoadedKey, keyAt: number): boolean {
  const { keyspace } = shard;
  const { expireMs, value } = loaded;
  const keyBytes = loaded.key.length;
  const database = keyspace.databases[loaded.db];
  assert(database !== undefined, 'a database that there is');
  const ref = loadValue(shard, value, 0, value.length, {
    keyAt, keyBytes, hasTtl: expireMs < 0 ? 0 : 1,
    expireLow: Math.max(0, expireMs) | 0, expireHigh: Math.floor(Math.max(0, expireMs) / TWO_32),
  });
  if (ref === 0) return false;
  if (expireMs >= 0 && expireMs <= shard.nowMs) {
    dropAside(shard, ref);
    const old = keyspace.find(database, keyAt, keyBytes);
    if (old !== 0) shard.removeLastLookup(old, KeyEvent.Del, EffectReason.Command);
    return true;
  }
  if (!keyspace.reserve(0, 0, 0, 0)) {
    dropAside(shard, ref);
    return false;
  }
  keyspace.find(database, keyAt, keyBytes);
  keyspace.link(ref);
  setEntryAccess(shard.memory.i32, ref, accessOf(shard, loaded));
  const op = keyspace.isType(ref, ValueType.String) ? EffectOp.StringSet : EffectOp.ValueSet;
  shard.effectOf(op, loaded.db, keyAt, keyBytes, KeyEvent.Restore).ref = ref;
  shard.commit();
  return true;
}

/** The access field of a dump's facts, where they are of the kind that the policy keeps. */
function accessOf(shard: Shard, facts: DumpedKeyFacts): number {
  const { access } = shard.keyspace;
  if (access.isLfu !== 0) {
    const { frequency } = facts;
    return frequency < 0
      ? access.initial() : (access.minutes << 8) | Math.min(frequency, FREQUENCY_MAX);
  }
  return facts.idleSeconds < 0
    ? access.initial() : access.seconds - (facts.idleSeconds % IDLE_SECONDS_END);
}
