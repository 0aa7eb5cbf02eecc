/**
 * What the key space asks of lists: freeing in slices, moving out of sparse slabs, weighing, and
 * the RDB forms, which are checked against payloads as Redis writes them and against damage.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { RdbError } from '../../rdb/rdb-error.ts';
import { RdbReader } from '../../rdb/rdb-reader.ts';
import { createCollection, dropAside, newAside } from '../../keyspace/collection-entry.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { randomSource } from '../../testing/random-source.ts';
import { listHandler } from './list-handler.ts';
import { LIST_FLAGS, listBounds } from './list.ts';

const NODE_BYTES_MAX = listBounds.nodeBytesMax;

afterEach(() => {
  listBounds.nodeBytesMax = NODE_BYTES_MAX;
});

function refOf(driver: CommandDriver, key: string): number {
  const { memory, shard } = driver;
  for (let i = 0; i < key.length; i++) memory.low[shard.scratchAt + i] = key.charCodeAt(i);
  const [db] = shard.keyspace.databases;
  if (db === undefined) throw new RangeError('a shard has databases');
  return shard.keyspace.find(db, shard.scratchAt, key.length);
}

/** Loads a body into a new key `k`; what LRANGE says then, or the kind of the error. */
function loaded(rdbType: number, body: readonly number[]): string {
  const driver = new CommandDriver();
  const { memory, shard } = driver;
  const usedBefore = memory.arenaAllocator.usedBytes();
  memory.low[shard.scratchAt] = 'k'.charCodeAt(0);
  const ref = newAside(shard, shard.scratchAt, 1, LIST_FLAGS);
  const reader = new RdbReader(memory, Uint8Array.from(body));
  try {
    expect(listHandler.load(shard, rdbType, reader, ref)).toBe(true);
    reader.expectEnd();
  } catch (error) {
    if (!(error instanceof RdbError)) throw error;
    dropAside(shard, ref);
    expect(memory.arenaAllocator.usedBytes()).toBe(usedBefore);
    return error.kind;
  } finally {
    reader.close();
  }
  const [db] = shard.keyspace.databases;
  if (db === undefined) throw new RangeError('a shard has databases');
  shard.keyspace.find(db, shard.scratchAt, 1);
  expect(shard.keyspace.reserve(1, 4, 0, 0)).toBe(true);
  shard.keyspace.link(ref);
  listHandler.check(shard, ref);
  return driver.run('LRANGE', 'k', 0, -1);
}

const text = (value: string): number[] => [...value].map((character) => character.charCodeAt(0));
const counted = (bytes: readonly number[]): number[] => [bytes.length, ...bytes];
/** A listpack of `a`, 1, `bc`, and a ziplist of the same. */
const LISTPACK = [
  ...[18, 0, 0, 0], ...[3, 0], ...[0x81, 0x61, 2], ...[1, 1], ...[0x82, 0x62, 0x63, 3], 0xff,
];
const ZIPLIST = [
  ...[20, 0, 0, 0], ...[15, 0, 0, 0], ...[3, 0],
  ...[0, 1, 0x61], ...[3, 0xf2], ...[2, 2, 0x62, 0x63], 0xff,
];
LISTPACK[0] = LISTPACK.length;
ZIPLIST[0] = ZIPLIST.length;

describe('lists in the RDB format', () => {
  it('are read in every form', () => {
    expect(loaded(1, [2, ...counted(text('a')), ...counted(text('bc'))])).toBe('*[$"a" $"bc"]');
    expect(loaded(10, counted(ZIPLIST))).toBe('*[$"a" $"1" $"bc"]');
    expect(loaded(14, [2, ...counted(ZIPLIST), ...counted(ZIPLIST)])).toBe(
      '*[$"a" $"1" $"bc" $"a" $"1" $"bc"]',
    );
    expect(loaded(18, [2, 2, ...counted(LISTPACK), 1, ...counted(text('plain'))])).toBe(
      '*[$"a" $"1" $"bc" $"plain"]',
    );
  });

  it('are refused when they are damaged, cut off, empty or of an unknown node', () => {
    expect(loaded(1, [0])).toBe('format');
    expect(loaded(18, [0])).toBe('format');
    expect(loaded(18, [1, 3, ...counted(LISTPACK)])).toBe('format');
    expect(loaded(18, [9, 2, ...counted(LISTPACK)])).toBe('format');
    expect(loaded(1, [0x80, 0x7f, 0xff, 0xff, 0xff])).toBe('format');
    const whole = [2, 2, ...counted(LISTPACK), 1, ...counted(text('plain'))];
    for (let end = 0; end < whole.length; end++) {
      expect(loaded(18, whole.slice(0, end)), `${end} bytes`).toBe('format');
    }
    const random = randomSource(7);
    for (let i = 0; i < 400; i++) {
      const bent = whole.slice();
      bent[random.below(bent.length)] = random.below(256);
      loaded(18, bent); // Some value or a refusal, and nothing leaks.
    }
  });

  it('come back as they were, filled as list-max-listpack-size says', () => {
    for (const setting of ['-2', '-1', '3', '1']) {
      const driver = new CommandDriver({ settings: { 'list-max-listpack-size': setting } });
      const elements = Array.from({ length: 700 }, (_, i) => (i % 3 === 0 ? i : `e${i}`.repeat(9)));
      driver.run('RPUSH', 'k', ...elements);
      const { shard } = driver;
      shard.rdb.begin();
      listHandler.save(shard, refOf(driver, 'k'), shard.rdb);
      const saved = Array.from(shard.rdb.bytes());
      expect(saved[0]).toBe(18);
      expect(loaded(18, saved.slice(1))).toBe(driver.run('LRANGE', 'k', 0, -1));
      if (setting === '3') expect(saved.slice(1, 3)).toEqual([0x40, 234]);
    }
  });
});

describe('long lists in the key space', () => {
  it('are freed in slices, with nothing left', () => {
    listBounds.nodeBytesMax = 64;
    const driver = new CommandDriver();
    driver.run('RPUSH', 'k', 'x');
    driver.run('DEL', 'k');
    const used = driver.memory.arenaAllocator.usedBytes();
    const elements = Array.from({ length: 9000 }, (_, i) => `element ${i}`);
    driver.run('RPUSH', 'k', ...elements);
    driver.run('UNLINK', 'k');
    expect(driver.run('EXISTS', 'k')).toBe(':0');
    const waiting = driver.memory.arenaAllocator.usedBytes();
    expect(waiting).toBeGreaterThan(used + 40_000);
    driver.shard.maintain();
    const left = driver.memory.arenaAllocator.usedBytes();
    expect(left).toBeLessThan(waiting);
    expect(left).toBeGreaterThan(used + 20_000);
    driver.settle();
    expect(driver.memory.arenaAllocator.usedBytes()).toBe(used);
  });

  it('leave sparse slabs, some packs at a time', () => {
    const driver = new CommandDriver();
    const { shard } = driver;
    const allocator = driver.memory.arenaAllocator;
    const random = randomSource(3);
    for (let i = 0; i < 30_000; i++) {
      driver.run('RPUSH', `list ${i % 40}`, 'z'.repeat(20 + random.below(40)));
    }
    for (let i = 0; i < 40; i++) if (i % 4 !== 0) driver.run('DEL', `list ${i}`);
    const before = driver.run('LRANGE', 'list 8', 0, -1);
    const heldBefore = allocator.heldBytes();
    while (allocator.markSparse() === 0 && allocator.isMarking());
    for (let i = 0; i < 40; i += 4) {
      const ref = refOf(driver, `list ${i}`);
      let cursor = 0;
      do cursor = listHandler.evacuate(shard, ref, cursor); while (cursor !== 0);
      listHandler.check(shard, ref);
    }
    expect(allocator.heldBytes()).toBeLessThan(heldBefore);
    expect(driver.run('LRANGE', 'list 8', 0, -1)).toBe(before);
  });

  it('weigh what they hold, and answer quicklist', () => {
    const driver = new CommandDriver();
    const before = driver.memory.arenaAllocator.usedBytes();
    const elements = Array.from({ length: 5000 }, (_, i) => `some element ${i}`);
    driver.run('RPUSH', 'k', ...elements);
    const used = driver.memory.arenaAllocator.usedBytes() - before;
    const owned = listHandler.ownedBytes(driver.shard, refOf(driver, 'k'));
    expect(Math.abs(owned - used) / used).toBeLessThan(0.35);
    expect(driver.run('OBJECT', 'ENCODING', 'k')).toBe('$"quicklist"');
    driver.run('LTRIM', 'k', 0, 0);
    expect(driver.run('OBJECT', 'ENCODING', 'k')).toBe('$"quicklist"');
  });

  it('take no more bytes than their elements and a little', () => {
    const driver = new CommandDriver();
    driver.run('RPUSH', 'k', 'x');
    const before = driver.memory.arenaAllocator.usedBytes();
    const element = 'e'.repeat(32);
    const batch = Array.from({ length: 500 }, () => element);
    for (let i = 0; i < 100; i++) driver.run('RPUSH', 'k', ...batch);
    const used = driver.memory.arenaAllocator.usedBytes() - before;
    expect(used / 50_000).toBeLessThan(34.3);
  });

  it('are nothing to free while they are empty', () => {
    const driver = new CommandDriver();
    const { memory, shard } = driver;
    refOf(driver, 'k');
    expect(shard.keyspace.reserve(1, 4, 0, 0)).toBe(true);
    const ref = createCollection(shard, shard.scratchAt, 1, LIST_FLAGS);
    expect(listHandler.ownedBytes(shard, ref)).toBe(0);
    expect(listHandler.evacuate(shard, ref, 0)).toBe(0);
    listHandler.check(shard, ref);
    shard.keyspace.remove(ref);
    expect(memory.usedBytes()).toBeGreaterThan(0);
  });
});
