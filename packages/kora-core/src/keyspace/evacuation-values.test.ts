/**
 * What a collection owns beside its members: the index of a dict, root blocks, the header of a
 * stream. After most keys are gone these lie in slabs that are nearly empty too; a pass of the
 * evacuation moves them, every value stays what it was and goes on changing, and memory that is
 * held comes down to what is used. Groups of streams stay in their place, and stay right.
 */
import { describe, expect, it } from 'vitest';
import { checkShard } from '../admin/shard-check.ts';
import { DICT_DIRECTORY } from '../structs/dict-layout.ts';
import { entryRoot } from '../structs/entry.hot.ts';
import { CommandDriver } from '../testing/command-driver.ts';

const KEYS = 800;
/** As many keys that headers of 24 bytes fill several slabs. */
const MANY_KEYS = 6_000;
/** One key in so many is kept. */
const KEPT_EACH = 8;
const MEMBERS = 200;

interface Subject {
  readonly name: string;
  readonly keyCount: number;
  /** Commands that make the value of a key. */
  readonly made: (key: string) => readonly (readonly (string | number)[])[];
  /** Commands that show it whole, its order apart. */
  readonly shown: (key: string) => readonly (string | number)[];
  /** Refs of the blocks that are to move, from the entry's root. */
  readonly blocks: (i32: Int32Array, root: number) => readonly number[];
  /** A command that changes it afterwards, and one that undoes that. */
  readonly changed: (key: string) => readonly (readonly (string | number)[])[];
}

const members = Array.from({ length: MEMBERS }, (_, i) => `member:${i}`);

/** Header and first chunk of a dict; a directory of 8 bytes shares its slab with all others. */
function indexOf(i32: Int32Array, header: number): readonly number[] {
  const directory = i32[(header << 1) + DICT_DIRECTORY] ?? 0;
  return [header, (i32[directory << 1] ?? 0) >>> 1];
}

/** Headers of the dict and of the tree that a root block names, and the dict's first chunk. */
function dictAndTreeOf(i32: Int32Array, root: number): readonly number[] {
  return [...indexOf(i32, i32[root << 1] ?? 0), i32[(root << 1) + 1] ?? 0];
}

const SUBJECTS: readonly Subject[] = [
  {
    name: 'a set', keyCount: KEYS, shown: (key) => ['SMEMBERS', key],
    made: (key) => [['SADD', key, ...members]],
    blocks: indexOf, changed: (key) => [['SADD', key, 'more'], ['SREM', key, 'more']],
  },
  {
    name: 'a sorted set', keyCount: KEYS,
    made: (key) => [['ZADD', key, ...members.flatMap((name, i) => [i, name])]],
    shown: (key) => ['ZRANGE', key, 0, -1, 'WITHSCORES'],
    blocks: dictAndTreeOf,
    changed: (key) => [['ZADD', key, 7.5, 'more'], ['ZREM', key, 'more']],
  },
  {
    name: 'a hash', keyCount: KEYS,
    made: (key) => [['HSET', key, ...members.flatMap((name) => [name, 'v'])]],
    shown: (key) => ['HGETALL', key], blocks: indexOf,
    changed: (key) => [['HSET', key, 'more', 'v'], ['HDEL', key, 'more']],
  },
  {
    name: 'a hash with deadlines', keyCount: MANY_KEYS, shown: (key) => ['HGETALL', key],
    made: (key) => [
      ['HSET', key, 'f', 'v', 'g', 'w'], ['HEXPIRE', key, 1000, 'FIELDS', 2, 'f', 'g'],
    ],
    blocks: dictAndTreeOf,
    changed: (key) => [['HSET', key, 'more', 'v'], ['HDEL', key, 'more']],
  },
  {
    name: 'a vector set', keyCount: MANY_KEYS, shown: (key) => ['VRANGE', key, '-', '+'],
    made: (key) => [['VADD', key, 'VALUES', 2, 3, 1, 'member']],
    blocks: (i32, root) => [root, ...indexOf(i32, i32[root << 1] ?? 0)],
    changed: (key) => [['VADD', key, 'VALUES', 2, 1, 1, 'more'], ['VREM', key, 'more']],
  },
  {
    name: 'a stream with a group', keyCount: KEYS, shown: (key) => ['XRANGE', key, '-', '+'],
    made: (key) => [
      ...members.slice(0, 20).map((name, i) => ['XADD', key, `${i + 1}-0`, name, 'v'.repeat(200)]),
      ['XGROUP', 'CREATE', key, 'g', '0'],
      ['XREADGROUP', 'GROUP', 'g', 'c', 'COUNT', 5, 'STREAMS', key, '>'],
    ],
    blocks: (_i32, root) => [root],
    changed: (key) => [['XADD', key, '99-0', 'f', 'v'], ['XDEL', key, '99-0'],
      ['XREADGROUP', 'GROUP', 'g', 'c', 'COUNT', 1, 'STREAMS', key, '0']],
  },
];

function rootOf(driver: CommandDriver, key: string): number {
  const { memory, shard } = driver;
  memory.low.set(Buffer.from(key), shard.scratchAt);
  const [db] = shard.keyspace.databases;
  if (db === undefined) throw new Error('there is a database 0');
  return entryRoot(memory.i32, shard.keyspace.find(db, shard.scratchAt, key.length));
}

describe('evacuation', () => {
  const subjects = SUBJECTS.map((subject) => [subject.name, subject] as const);

  it.each(subjects)('moves what %s owns beside its members', (_name, subject) => {
    const driver = new CommandDriver();
    const { arenaAllocator } = driver.memory;
    const keys = Array.from({ length: subject.keyCount }, (_, i) => `key:${i}`);
    for (const key of keys) for (const command of subject.made(key)) driver.reply(...command);
    const kept = keys.filter((_, i) => i % KEPT_EACH === 3);
    const blocksOf = (key: string): readonly number[] =>
      subject.blocks(driver.memory.i32, rootOf(driver, key));
    const before = kept.map(blocksOf);
    const values = kept.map((key) => driver.run(...subject.shown(key)).split(' ').sort().join(' '));
    const heldBefore = arenaAllocator.heldBytes();
    keys.forEach((key, i) => {
      if (i % KEPT_EACH !== 3) driver.reply('UNLINK', key);
    });
    driver.settle();
    expect(driver.shard.maintenance.evacuation.isActive).toBe(false);
    const moved = (before[0] ?? []).map((_, part) =>
      kept.filter((key, i) => blocksOf(key)[part] !== before[i]?.[part]).length);
    const where = `of ${kept.length}: ${moved.join(' ')}`;
    for (const count of moved) expect(count, where).toBeGreaterThan(kept.length / 2);
    expect(arenaAllocator.heldBytes()).toBeLessThan(heldBefore / 3);
    kept.forEach((key, i) => {
      for (const command of subject.changed(key)) expect(driver.run(...command)).not.toMatch(/^-/);
      expect(driver.run(...subject.shown(key)).split(' ').sort().join(' ')).toBe(values[i]);
    });
    checkShard(driver.shard);
    for (const key of kept) driver.reply('DEL', key);
    driver.settle();
    expect(driver.errors).toEqual([]);
  });
});
