/**
 * The watch table against a list of (watcher, database, key, state): random watching, letting go,
 * changes of keys and flushes, with keys that are due and keys that are not there. After each step
 * every watcher is dirty in both or in neither. The data is real, and so is the journal through
 * which the table hears of it; the model is told what the commands do to keys.
 */
import { describe, expect, it } from 'vitest';
import { slotOfKey } from '../bytes/crc16.hot.ts';
import { WATCH_COUNT_MAX } from '../limits.ts';
import { CommandDriver } from '../testing/command-driver.ts';
import { placeArguments } from '../testing/placed-arguments.ts';
import { randomSource } from '../testing/random-source.ts';
import { SlotSet } from './slot-set.ts';
import type { WatchTable } from './watch-table.ts';

const KEYS = ['a', 'b', '{tag}c', '{tag}d', 'long'.repeat(30), ''];
const FOREVER = Infinity;

/** How a watcher found a key, by the rules of redis-server. */
interface NaiveWatch {
  readonly db: number;
  readonly key: string;
  state: 'alive' | 'absent' | 'expired';
  readonly dueMs: number;
}

interface NaiveWatcher {
  isDirty: boolean;
  watches: NaiveWatch[];
}

/** Keys with their deadlines; those that are due stay until somebody looks them up. */
class NaiveData {
  nowMs: number;
  readonly dbs: Map<string, number>[] = [new Map(), new Map()];
  readonly watchers = new Map<number, NaiveWatcher>();

  constructor(nowMs: number) {
    this.nowMs = nowMs;
  }

  isDue(dueMs: number): boolean {
    return dueMs < this.nowMs;
  }

  watch(id: number, db: number, key: string): void {
    const watcher = this.watchers.get(id)!;
    if (watcher.isDirty) return;
    if (watcher.watches.some((watch) => watch.db === db && watch.key === key)) return;
    const dueMs = this.dbs[db]!.get(key);
    const state = dueMs === undefined ? 'absent' : this.isDue(dueMs) ? 'expired' : 'alive';
    watcher.watches.push({ db, key, state, dueMs: state === 'alive' ? dueMs! : FOREVER });
  }

  /** Everybody who watches the key is dirty, but those who knew it as due and see it go. */
  touch(db: number, key: string, isGone: boolean): void {
    for (const watcher of this.watchers.values()) {
      for (const watch of watcher.watches) {
        if (watch.db !== db || watch.key !== key) continue;
        if (watch.state === 'expired' && isGone) watch.state = 'absent';
        else watcher.isDirty = true;
      }
    }
  }

  /** A command looks the key up: one that is due goes. */
  look(db: number, key: string): void {
    const dueMs = this.dbs[db]!.get(key);
    if (dueMs === undefined || !this.isDue(dueMs)) return;
    this.dbs[db]!.delete(key);
    this.touch(db, key, true);
  }

  set(db: number, key: string, dueMs: number): void {
    this.look(db, key);
    this.dbs[db]!.set(key, dueMs);
    this.touch(db, key, false);
  }

  del(db: number, key: string): void {
    this.look(db, key);
    if (this.dbs[db]!.delete(key)) this.touch(db, key, true);
  }

  flush(db: number): void {
    for (const key of this.dbs[db]!.keys()) this.touch(db, key, true);
    this.dbs[db]!.clear();
  }

  swap(): void {
    const [one, other] = this.dbs as [Map<string, number>, Map<string, number>];
    for (const watcher of this.watchers.values()) {
      for (const watch of watcher.watches) {
        const [before, after] = watch.db === 0 ? [one, other] : [other, one];
        const dueMs = after.get(watch.key);
        if (!before.has(watch.key) && dueMs === undefined) continue;
        const isDue = dueMs !== undefined && this.isDue(dueMs);
        if (watch.state === 'expired' && dueMs === undefined) watch.state = 'absent';
        else if (watch.state === 'expired' && isDue) continue;
        else if (watch.state !== 'expired' && !before.has(watch.key) && isDue) {
          watch.state = 'expired';
        } else watcher.isDirty = true;
      }
    }
    this.dbs.reverse();
  }

  /** The slot of each key that is watched, while nothing has changed. */
  slotsOf(id: number): number[] {
    const { isDirty, watches } = this.watchers.get(id)!;
    return isDirty ? [] : watches.map(({ key }) => slotOf(key)).sort((a, b) => a - b);
  }

  isDirty(id: number): boolean {
    const watcher = this.watchers.get(id)!;
    return watcher.isDirty || watcher.watches.some(({ dueMs }) => this.isDue(dueMs));
  }
}

/** What the table tells of a watcher, ascending. */
function slotsOf(watches: WatchTable, id: number, countMax = Infinity): number[] {
  const slots: number[] = [];
  watches.addSlots(id, {
    addSlot: (slot, isWrite) => {
      expect(isWrite).toBe(false);
      return slots.push(slot) < countMax;
    },
  });
  return slots.sort((a, b) => a - b);
}

function slotOf(key: string): number {
  return slotOfKey(Buffer.from(key, 'latin1'), 0, key.length);
}

describe('the watch table', () => {
  it.each(Array.from({ length: 12 }, (_, i) => i + 1))('knows who is dirty (seed %i)', (seed) => {
    const random = randomSource(seed);
    const driver = new CommandDriver({ seed });
    const { watches } = driver.shard.transactions;
    driver.shard.settings.isActiveExpireOn = false;
    const model = new NaiveData(driver.clock.nowMs());
    const clients = [driver.newClient(), driver.newClient()];
    clients[1]!.db = 1;
    const ids: number[] = [];
    const keyCount = 1 + random.below(KEYS.length);
    const flushes = random.chance(0.5) ? 0.03 : 0;
    for (let step = 0; step < 600; step++) {
      const where = `seed ${seed}, step ${step}`;
      const db = random.below(2);
      const key = KEYS[random.below(keyCount)]!;
      const roll = random.below(100);
      if (ids.length === 0 || roll < 6) {
        const id = watches.open();
        ids.push(id);
        model.watchers.set(id, { isDirty: false, watches: [] });
      } else if (roll < 12) {
        const [id] = ids.splice(random.below(ids.length), 1);
        watches.drop(id!);
        model.watchers.delete(id!);
      } else if (roll < 45) {
        const id = ids[random.below(ids.length)]!;
        watchKey(driver, watches, id, db, key);
        model.watch(id, db, key);
      } else if (roll < 60) {
        const ttlMs = random.chance(0.5) ? 1 + random.below(40) : 0;
        driver.runAs(clients[db]!, 'SET', key, 'v', ...(ttlMs === 0 ? [] : ['PX', ttlMs]));
        model.set(db, key, ttlMs === 0 ? FOREVER : model.nowMs + ttlMs);
      } else if (roll < 70) {
        driver.runAs(clients[db]!, 'DEL', key);
        model.del(db, key);
      } else if (roll < 80) {
        driver.runAs(clients[db]!, 'GET', key);
        model.look(db, key);
      } else if (roll < 90) {
        const ms = random.below(30);
        driver.clock.advance(ms);
        driver.shard.refreshClock();
        model.nowMs += ms;
      } else if (roll < 95) {
        driver.run('SWAPDB', '0', '1');
        model.swap();
      } else if (random.chance(flushes * 10)) {
        driver.runAs(clients[db]!, 'FLUSHDB');
        model.flush(db);
      }
      for (const id of ids) {
        expect(watches.isDirty(id), where).toBe(model.isDirty(id));
        expect(slotsOf(watches, id), where).toEqual(model.slotsOf(id));
      }
    }
    for (const id of ids) watches.drop(id);
    expect(watches.watchCount).toBe(0);
    expect(driver.shard.journal.keyListener).toBeNull();
    driver.run('FLUSHALL');
    driver.emptyCompletely();
    expect(driver.memory.arenaAllocator.usedBytes()).toBe(0);
    expect(driver.errors).toEqual([]);
  });

  it('listens only while something is watched', () => {
    const driver = new CommandDriver();
    const { journal } = driver.shard;
    expect(journal.keyListener).toBeNull();
    driver.run('WATCH', 'a', 'b');
    expect(journal.keyListener).not.toBeNull();
    expect(journal.isHeard).toBe(false);
    driver.run('SET', 'a', '1');
    expect(journal.keyListener).not.toBeNull();
    driver.run('UNWATCH');
    expect(journal.keyListener).toBeNull();
  });

  it('lets go of many watches in slices, and hears of changes meanwhile', () => {
    const driver = new CommandDriver();
    const { watches } = driver.shard.transactions;
    const usedBytes = driver.memory.arenaAllocator.usedBytes();
    const keys = Array.from({ length: 20_000 }, (_, i) => `key:${i}`);
    driver.run('WATCH', ...keys);
    expect(watches.watchCount).toBe(20_000);
    const turns = driver.turnsRequested;
    driver.run('UNWATCH');
    expect(driver.turnsRequested).toBe(turns + 1);
    expect(watches.watchCount).toBe(20_000);
    driver.run('SET', 'key:1', 'v');
    driver.run('WATCH', 'key:2');
    expect(watches.step()).toBe(true);
    expect(watches.watchCount).toBe(20_001 - 1024);
    driver.run('SET', 'key:2', 'v');
    driver.settle();
    expect(watches.watchCount).toBe(1);
    expect(driver.run('MULTI')).toBe('+"OK"');
    expect(driver.run('EXEC')).toBe('*_');
    driver.run('DEL', 'key:1', 'key:2');
    driver.emptyCompletely();
    expect(driver.memory.arenaAllocator.usedBytes()).toBe(usedBytes);
  });

  it('keeps one key of ten thousand watchers, and ten thousand keys of one', () => {
    const driver = new CommandDriver();
    const { watches } = driver.shard.transactions;
    const clients = Array.from({ length: 10_000 }, () => driver.newClient());
    for (const client of clients) driver.runAs(client, 'WATCH', 'hot', 'hot');
    expect(watches.watchCount).toBe(10_000);
    for (const client of clients) driver.runAs(client, 'WATCH', 'hot');
    expect(watches.watchCount).toBe(10_000);
    driver.run('WATCH', ...Array.from({ length: 10_000 }, (_, i) => `cold:${i}`));
    driver.run('WATCH', ...Array.from({ length: 10_000 }, (_, i) => `cold:${i}`));
    expect(watches.watchCount).toBe(20_000);
    const bytesEach = (driver.memory.arenaAllocator.usedBytes() - 64) / 20_000;
    expect(bytesEach).toBeLessThan(100);
    driver.run('SET', 'hot', '1');
    expect(clients.every(({ watcher }) => watches.isDirty(watcher))).toBe(true);
    expect(watches.isDirty(driver.client.watcher)).toBe(false);
    for (const client of clients) driver.runAs(client, 'UNWATCH');
    expect(watches.watchCount).toBe(10_000);
  });

  it('tells of the slots of what a client watches, as many as it is asked for', () => {
    const driver = new CommandDriver();
    const { transactions } = driver.shard;
    const keys = Array.from({ length: 5000 }, (_, i) => `key:${i}`);
    driver.run('WATCH', ...keys);
    const { watcher } = driver.client;
    const slots = keys.map(slotOf).sort((a, b) => a - b);
    expect(slotsOf(transactions.watches, watcher)).toEqual(slots);
    expect(slotsOf(transactions.watches, watcher, 7)).toHaveLength(7);
    const set = new SlotSet(5000);
    transactions.addWatchedSlots(driver.client, set);
    expect(set.count).toBe(new Set(slots).size);
    expect(transactions.takeWatcher(driver.client)).toBe(watcher);
    expect([transactions.takeWatcher(driver.client), driver.client.watcher]).toEqual([0, 0]);
    set.clear();
    transactions.addWatchedSlots(driver.client, set);
    expect(set.count).toBe(0);
    driver.run('SET', keys[0]!, 'v');
    expect(slotsOf(transactions.watches, watcher)).toEqual([]);
    transactions.watches.drop(watcher);
    driver.settle();
    expect(transactions.watches.watchCount).toBe(0);
  });

  it('refuses what is too much, or what no memory can be had for, as a whole', () => {
    const driver = new CommandDriver();
    const { watches } = driver.shard.transactions;
    const { arenaAllocator } = driver.memory;
    watches.watchCount = WATCH_COUNT_MAX - 1;
    expect(driver.run('WATCH', 'a', 'b')).toBe('-"OOM too many keys are watched"');
    watches.watchCount = 0;
    arenaAllocator.reserve = () => false;
    const usedBytes = arenaAllocator.usedBytes();
    expect(driver.run('WATCH', 'a', 'b')).toBe('-"OOM the memory of this shard is full"');
    Reflect.deleteProperty(arenaAllocator, 'reserve');
    expect(watches.watchCount).toBe(0);
    expect(arenaAllocator.usedBytes()).toBe(usedBytes);
    expect(driver.client.watcher).toBe(0);
    expect(driver.run('WATCH', 'a', 'b')).toBe('+"OK"');
  });
});

function watchKey(
  driver: CommandDriver, watches: WatchTable, id: number, db: number, key: string,
): void {
  const { at, bytes } = placeArguments(driver, [key], driver.shard.scratchAt);
  expect(watches.reserve(1, key.length)).toBeNull();
  watches.add(id, db, at[0]!, bytes[0]!);
}
