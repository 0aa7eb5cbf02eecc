/**
 * The key space below the commands against maps: put, resize, setExpire, clearExpire, remove,
 * unlink and link at random, with values in the entry and values that own a block, under both
 * kernels and a moving clock. After each step every key of every database is read back. At the end
 * the allocator holds what it held at the start, which proves that every block had one owner, and
 * the wheels have freed everything that had a deadline.
 */
import { describe, expect, it } from 'vitest';
import { SeededChance, VirtualClock } from '../platform/platform.ts';
import { Shard } from '../shard/shard.ts';
import {
  entryRoot, entryType, entryValueAt, entryValueBytes, setEntryRoot,
} from '../structs/entry.hot.ts';
import { WorkerMemory } from '../structs/worker-memory.ts';
import { inlineHandler } from '../testing/inline-handler.ts';
import { latin1Bytes } from '../testing/latin1-text.ts';
import { modelPasses, playPass } from '../testing/model-passes.ts';
import type { KernelName, ModelRun } from '../testing/model-passes.ts';
import { checkAtLeast, checkSame } from '../testing/quick-checks.ts';
import type { Database } from './database.ts';
import { EffectReason } from './effect.ts';
import { KeyEvent } from './events.ts';
import { MemoryBudget } from './memory-budget.ts';
import type { TypeHandler } from './type-handler.ts';
import { ValueType } from './type-handler.ts';

const TWO_32 = 4_294_967_296;
const DATABASES_USED = 3;
const STEPS = 400;
const FAR_FUTURE_MS = 10_000_000;

interface Held {
  /** Byte that fills the value, and how many; an owned block has the same contents. */
  readonly fill: number;
  readonly bytes: number;
  readonly isOwned: boolean;
  readonly deadlineMs: number | null;
}

/** A type whose value is one block of its own. */
const ownedHandler: TypeHandler = {
  ...inlineHandler,
  name: 'list',
  freeValue: (shard, ref) => {
    shard.memory.arenaAllocator.free(entryRoot(shard.memory.i32, ref));
  },
};

/** Bytes of the keys met: some are long, and looked up after every step. */
const keyBytes = new Map<string, Uint8Array>();

class Run implements ModelRun {
  readonly shard: Shard;
  readonly clock = new VirtualClock();
  readonly models = Array.from({ length: DATABASES_USED }, () => new Map<string, Held>());
  readonly #chance: SeededChance;
  readonly #keyCount: number;
  readonly #keyAt: number;
  readonly #seed: number;

  constructor(seed: number, kernel: KernelName) {
    this.#seed = seed;
    this.#chance = new SeededChance(seed);
    this.#keyCount = this.pick([1, 3, 12, 200]);
    const memory = WorkerMemory.create({ lowBytes: 1 << 20, bytesMax: 128 << 20, kernel });
    const platform = {
      clock: this.clock,
      chance: new SeededChance(seed + 1),
      scheduler: { requestTurn: () => undefined },
    };
    this.shard = new Shard({ memory, platform, budget: new MemoryBudget(), commandCount: 1 });
    this.shard.registerType(ValueType.String, inlineHandler);
    this.shard.registerType(ValueType.List, ownedHandler);
    this.#keyAt = memory.lowAllocator.alloc(100_000) * 8;
  }

  below(n: number): number {
    return (this.#chance.next32() >>> 0) % n;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new RangeError('a choice of nothing');
    return item;
  }

  /** Keys of all lengths around the places where the header changes. */
  #key(): string {
    const n = this.below(this.#keyCount);
    if (n === 5) return 'L'.repeat(65_534);
    if (n === 6) return 'L'.repeat(65_535);
    return n === 7 ? 'L'.repeat(70_001) : `${n}`.padStart(n % 40, '-');
  }

  database(index: number): Database {
    const db = this.shard.keyspace.databases[index];
    if (db === undefined) throw new RangeError(`no database ${index}`);
    return db;
  }

  #model(index: number): Map<string, Held> {
    const model = this.models[index];
    if (model === undefined) throw new RangeError(`no database ${index}`);
    return model;
  }

  find(index: number, key: string): number {
    let bytes = keyBytes.get(key);
    if (bytes === undefined) keyBytes.set(key, bytes = latin1Bytes(key));
    this.shard.memory.low.set(bytes, this.#keyAt);
    return this.shard.keyspace.find(this.database(index), this.#keyAt, key.length);
  }

  /** Forgets what is due in the model, as the shard must at once. */
  expire(): void {
    for (const model of this.models) {
      for (const [key, { deadlineMs }] of model) {
        if (deadlineMs !== null && deadlineMs < this.clock.nowMs()) model.delete(key);
      }
    }
  }

  step(): void {
    this.#change();
    this.compare();
  }

  #change(): void {
    const index = this.below(DATABASES_USED);
    const key = this.#key();
    switch (this.below(9)) {
      case 0: case 1: case 2: return this.#put(index, key);
      case 3: return this.#resize(index, key);
      case 4: return this.#setExpire(index, key);
      case 5: return this.#clearExpire(index, key);
      case 6: return this.#remove(index, key);
      case 7: return this.#move(index, key, this.below(DATABASES_USED));
      default: return this.#passTime();
    }
  }

  #deadline(): number | null {
    if (this.below(2) === 0) return null;
    return this.clock.nowMs() + this.pick([0, 1, 40, 3_000, 200_000, FAR_FUTURE_MS]);
  }

  #put(index: number, key: string): void {
    const { keyspace, memory } = this.shard;
    const held = {
      fill: this.below(256), bytes: this.pick([0, 1, 7, 90, 91, 400, 5_000, 70_000]),
      isOwned: this.below(3) === 0, deadlineMs: this.#deadline(),
    };
    this.find(index, key);
    const inlineBytes = held.isOwned ? 4 : held.bytes;
    const isReserved = keyspace.reserve(key.length, inlineBytes, 1, held.bytes + 8);
    expect(isReserved, `seed ${this.#seed}: room`).toBe(true);
    const owned = held.isOwned ? memory.arenaAllocator.alloc(held.bytes + 1) : 0;
    const deadlineMs = held.deadlineMs ?? 0;
    const ref = keyspace.put(
      this.#keyAt, key.length, held.isOwned ? ValueType.List : ValueType.String,
      held.bytes, inlineBytes,
      held.deadlineMs === null ? 0 : 1, deadlineMs | 0, Math.floor(deadlineMs / TWO_32),
    );
    if (held.isOwned) setEntryRoot(memory.i32, ref, owned);
    const valueAt = held.isOwned ? owned * 8 : entryValueAt(memory.i32, ref);
    memory.kernel.fill(valueAt, held.fill, held.bytes);
    this.#model(index).set(key, held);
  }

  #resize(index: number, key: string): void {
    const { keyspace, memory } = this.shard;
    const ref = this.find(index, key);
    const held = this.#model(index).get(key);
    if (ref === 0 || held === undefined || held.isOwned) return;
    const bytes = this.pick([0, 3, held.bytes + 1, held.bytes * 2, held.bytes >>> 1, 2_000]);
    expect(keyspace.reserve(key.length, bytes, 0, 0), `seed ${this.#seed}: room`).toBe(true);
    const entry = keyspace.resize(ref, bytes, bytes);
    const more = Math.max(0, bytes - held.bytes);
    memory.kernel.fill(entryValueAt(memory.i32, entry) + bytes - more, held.fill, more);
    this.#model(index).set(key, { ...held, bytes });
  }

  #setExpire(index: number, key: string): void {
    const { keyspace } = this.shard;
    const ref = this.find(index, key);
    const held = this.#model(index).get(key);
    if (ref === 0 || held === undefined) return;
    const deadlineMs = this.#deadline() ?? this.clock.nowMs() + 77;
    const inlineBytes = held.isOwned ? 4 : held.bytes;
    expect(keyspace.reserve(key.length, inlineBytes, 0, 0), `seed ${this.#seed}: room`).toBe(true);
    keyspace.setExpire(ref, deadlineMs | 0, Math.floor(deadlineMs / TWO_32));
    this.#model(index).set(key, { ...held, deadlineMs });
  }

  #clearExpire(index: number, key: string): void {
    const { keyspace } = this.shard;
    const ref = this.find(index, key);
    const held = this.#model(index).get(key);
    if (ref === 0 || held === undefined) return;
    const inlineBytes = held.isOwned ? 4 : held.bytes;
    expect(keyspace.reserve(key.length, inlineBytes, 0, 0), `seed ${this.#seed}: room`).toBe(true);
    keyspace.clearExpire(ref);
    this.#model(index).set(key, { ...held, deadlineMs: null });
  }

  #remove(index: number, key: string): void {
    const ref = this.find(index, key);
    if (ref !== 0) this.shard.removeLastLookup(ref, KeyEvent.Del, EffectReason.Command);
    this.#model(index).delete(key);
  }

  /** Links the entry elsewhere, replacing what is there, as a move to a taken key would. */
  #move(index: number, key: string, to: number): void {
    const { keyspace } = this.shard;
    const ref = this.find(index, key);
    const held = this.#model(index).get(key);
    if (ref === 0 || held === undefined || index === to) return;
    expect(keyspace.reserve(0, 0, 0, 0), `seed ${this.#seed}: room`).toBe(true);
    keyspace.unlink(ref);
    this.find(to, key);
    keyspace.link(ref);
    this.#model(index).delete(key);
    this.#model(to).set(key, held);
  }

  #passTime(): void {
    this.clock.advance(this.pick([1, 5, 100, 10_000]));
    this.shard.refreshClock();
    if (this.below(2) === 0) this.settle();
  }

  settle(): void {
    for (let slices = 0; this.shard.maintain(); slices++) {
      if (slices > 100_000) throw new Error(`seed ${this.#seed}: background work does not end`);
    }
  }

  /** Reads every key of the model, and one that is in none. */
  compare(): void {
    this.expire();
    this.models.forEach((model, index) => {
      for (const [key, held] of model) this.#check(index, key, held);
      checkSame(this.find(index, 'in no model'), 0, `seed ${this.#seed}: in no model`);
      const { count } = this.database(index);
      checkAtLeast(count, model.size, `seed ${this.#seed}: count`);
    });
  }

  #check(index: number, key: string, held: Held): void {
    const { keyspace, memory } = this.shard;
    const where = `seed ${this.#seed}: ${index}/${key.slice(0, 20)}`;
    const ref = this.find(index, key);
    if (ref === 0) throw new Error(`${where} is missing`);
    const { i32 } = memory;
    const type = held.isOwned ? ValueType.List : ValueType.String;
    checkSame(entryType(i32, ref), type, where);
    checkSame(entryValueBytes(i32, ref), held.bytes, where);
    checkSame(keyspace.expireMs(ref), held.deadlineMs ?? -1, where);
    const valueAt = held.isOwned ? entryRoot(i32, ref) * 8 : entryValueAt(i32, ref);
    if (!isFilled(memory, valueAt, held.bytes, held.fill)) throw new Error(`${where} is damaged`);
  }

  /** Nothing with a deadline survives its deadline, and what is counted is what lives. */
  finish(usedBytes: number): void {
    this.clock.advance(2 * FAR_FUTURE_MS);
    this.settle();
    this.compare();
    for (let index = 0; index < DATABASES_USED; index++) {
      const db = this.database(index);
      const living = this.#model(index).size;
      expect([db.count, db.expiringCount], `seed ${this.#seed}`).toEqual([living, 0]);
      this.shard.lazyFree.take(db);
    }
    this.settle();
    expect(this.shard.memory.usedBytes(), `seed ${this.#seed}: memory`).toBe(usedBytes);
  }

  /** Makes what a database keeps for good, the wheel's header; returns the bytes used then. */
  warmUp(): number {
    for (let index = 0; index < DATABASES_USED; index++) {
      this.#put(index, 'warm');
      this.#setExpire(index, 'warm');
      this.shard.lazyFree.take(this.database(index));
      this.#model(index).clear();
    }
    return this.shard.memory.usedBytes();
  }
}

/** True when all bytes have this value: the first has, and each equals the one after it. */
function isFilled(memory: WorkerMemory, at: number, bytes: number, fill: number): boolean {
  if (bytes === 0) return true;
  const first = ((memory.i32[at >>> 2] ?? 0) >>> ((at & 3) * 8)) & 0xff;
  return first === fill && (bytes === 1 || memory.kernel.equal(at, at + 1, bytes - 1) === 1);
}

describe('Keyspace', () => {
  for (const pass of modelPasses(1, 8)) {
    it(`agrees with maps and keeps its account, ${pass.title}`, () => {
      playPass(pass, STEPS, (seed, kernel) => new Run(seed, kernel));
    });
  }
});
