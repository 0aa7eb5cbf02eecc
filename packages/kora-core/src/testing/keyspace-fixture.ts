/**
 * A shard under a virtual clock with plain string entries, for tests of what works below commands:
 * expiry, eviction, evacuation. Values are filled with a byte derived from their key, so that a
 * lost or mixed-up entry shows. Everything goes through the key space, nothing through commands.
 */
import { assert } from '../assert.ts';
import { touchAccess } from '../keyspace/access.hot.ts';
import { ROOT_BYTES } from '../keyspace/collection-entry.ts';
import type { Database } from '../keyspace/database.ts';
import { KeyEvent } from '../keyspace/events.ts';
import { MemoryBudget } from '../keyspace/memory-budget.ts';
import { ValueType } from '../keyspace/type-handler.ts';
import { SeededChance, VirtualClock } from '../platform/platform.ts';
import { Shard } from '../shard/shard.ts';
import { entryValueAt, entryValueBytes } from '../structs/entry.hot.ts';
import { WorkerMemory } from '../structs/worker-memory.ts';
import { buildChain, chainHandler } from './chain-handler.ts';
import { inlineHandler } from './inline-handler.ts';

const LOW_BYTES = 1_048_576;
const TWO_32 = 4_294_967_296;

/** How to make a fixture. */
export interface KeyspaceFixtureOptions {
  readonly seed?: number;
  readonly bytesMax?: number;
  /** Shared by several fixtures that stand for shards of one process. */
  readonly budget?: MemoryBudget;
}

export class KeyspaceFixture {
  readonly clock = new VirtualClock();
  readonly shard: Shard;
  readonly budget: MemoryBudget;
  /** Turns that the shard asked for. */
  turnsAsked = 0;
  readonly #keyAt: number;
  readonly #encoder = new TextEncoder();

  constructor(options: KeyspaceFixtureOptions = {}) {
    this.budget = options.budget ?? new MemoryBudget();
    this.shard = new Shard({
      memory: WorkerMemory.create({
        lowBytes: LOW_BYTES,
        ...(options.bytesMax === undefined ? {} : { bytesMax: options.bytesMax }),
      }),
      platform: {
        clock: this.clock,
        chance: new SeededChance(options.seed ?? 1),
        scheduler: { requestTurn: () => this.turnsAsked++ },
      },
      budget: this.budget,
      commandCount: 1,
    });
    this.shard.registerType(ValueType.String, inlineHandler);
    this.shard.registerType(ValueType.List, chainHandler);
    this.#keyAt = this.shard.scratchAt;
  }

  /** Database by number. */
  database(index = 0): Database {
    const db = this.shard.keyspace.databases[index];
    if (db === undefined) throw new RangeError(`no database ${index}`);
    return db;
  }

  /** Moves the clock and lets the shard see it. */
  advance(ms: number): void {
    this.clock.advance(ms);
    this.shard.refreshClock();
  }

  /** Ref of the key's entry, 0 when absent; a key that is due is expired by the look. */
  find(key: string, dbIndex = 0): number {
    const keyBytes = this.#putKey(key);
    return this.shard.keyspace.find(this.database(dbIndex), this.#keyAt, keyBytes);
  }

  /** Sets a key; `ttlMs` from now, none when absent. False when memory is short. */
  set(key: string, valueBytes: number, ttlMs?: number, dbIndex = 0): boolean {
    const { keyspace, memory } = this.shard;
    this.find(key, dbIndex);
    if (!keyspace.reserve(key.length, valueBytes, 0, 0)) return false;
    const expireMs = ttlMs === undefined ? 0 : this.shard.nowMs + ttlMs;
    const ref = keyspace.put(
      this.#keyAt, this.#putKey(key), ValueType.String, valueBytes, valueBytes,
      ttlMs === undefined ? 0 : 1, expireMs | 0, Math.floor(expireMs / TWO_32),
    );
    memory.kernel.fill(entryValueAt(memory.i32, ref), fillOf(key), valueBytes);
    return true;
  }

  /** Gives a key, new or not, a chain of `length` blocks of `bytes` bytes. */
  setChain(key: string, length: number, bytes: number, dbIndex = 0): void {
    const { shard } = this;
    this.find(key, dbIndex);
    const isReserved = shard.keyspace.reserve(key.length, ROOT_BYTES, length, length * bytes);
    assert(isReserved, 'memory holds the chain of a test');
    const at = this.#keyAt;
    const ref = shard.keyspace.put(
      at, this.#putKey(key), ValueType.List, 0, ROOT_BYTES, 0, 0, 0,
    );
    buildChain(shard, ref, length, bytes);
  }

  /** Gives a key another deadline; undefined takes it away. False when the key is absent. */
  expire(key: string, ttlMs: number | undefined, dbIndex = 0): boolean {
    const ref = this.find(key, dbIndex);
    if (ref === 0) return false;
    const { keyspace } = this.shard;
    if (ttlMs === undefined) {
      keyspace.clearExpire(ref);
    } else {
      const expireMs = this.shard.nowMs + ttlMs;
      keyspace.setExpire(ref, expireMs | 0, Math.floor(expireMs / TWO_32));
    }
    return true;
  }

  /** Notes an access, as a read does. */
  touch(key: string, dbIndex = 0): boolean {
    const ref = this.find(key, dbIndex);
    if (ref !== 0) touchAccess(this.shard.memory.i32, ref, this.shard.keyspace.access);
    return ref !== 0;
  }

  /** Deletes a key. */
  remove(key: string, dbIndex = 0): boolean {
    const ref = this.find(key, dbIndex);
    if (ref !== 0) this.shard.removeLastLookup(ref, KeyEvent.Del, 0);
    return ref !== 0;
  }

  /** Number of value bytes of a key whose every byte is as it was set; -1 absent, -2 damaged. */
  check(key: string, dbIndex = 0): number {
    const ref = this.find(key, dbIndex);
    if (ref === 0) return -1;
    const { memory, scratchAt } = this.shard;
    const bytes = entryValueBytes(memory.i32, ref);
    memory.kernel.copy(scratchAt, entryValueAt(memory.i32, ref), bytes);
    const fill = fillOf(key);
    for (let i = 0; i < bytes; i++) if (memory.low[scratchAt + i] !== fill) return -2;
    return bytes;
  }

  /** Calls `onRemove` with the key and reason of every removal that the journal announces. */
  listen(onRemove: (key: string, reason: number) => void): () => void {
    const { memory, scratchAt } = this.shard;
    const decoder = new TextDecoder();
    return this.shard.journal.listen((effect) => {
      const { keyAt, keyBytes } = effect;
      memory.kernel.copy(scratchAt, keyAt, keyBytes);
      const key = decoder.decode(memory.low.slice(scratchAt, scratchAt + keyBytes));
      onRemove(key, effect.reason);
    });
  }

  #putKey(key: string): number {
    const bytes = this.#encoder.encode(key);
    this.shard.memory.low.set(bytes, this.#keyAt);
    return bytes.length;
  }
}


function fillOf(key: string): number {
  let sum = 7;
  for (let i = 0; i < key.length; i++) sum = (sum * 31 + key.charCodeAt(i)) & 0xff;
  return sum;
}
