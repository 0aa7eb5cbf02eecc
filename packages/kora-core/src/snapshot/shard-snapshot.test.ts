/**
 * What a snapshot promises besides the right data: a long value is given in parts and changed
 * without being saved as a whole, what is given up leaves nothing behind, access fields and
 * deadlines come back, and a loader refuses what does not hold together instead of breaking.
 */
import { describe, expect, it } from 'vitest';
import { Fault } from '../errors/fault.ts';
import { SNAPSHOT_CHUNK_BYTES } from '../limits.ts';
import { SeededChance } from '../platform/platform.ts';
import type { Shard } from '../shard/shard.ts';
import { ChunkList } from '../testing/chunk-list.ts';
import { CommandDriver } from '../testing/command-driver.ts';
import { EVERY_TYPE, RandomTypeCommands } from '../testing/random-type-commands.ts';
import { contentsOf } from '../testing/shard-contents.ts';
import { ShardSnapshot } from './shard-snapshot.ts';
import { SnapshotLoader } from './snapshot-loader.ts';

function begin(shard: Shard, sink: ChunkList): ShardSnapshot {
  const snapshot = ShardSnapshot.begin(shard, sink);
  if (snapshot === null) throw new Error('a snapshot begins');
  return snapshot;
}

function wholeSnapshot(shard: Shard): ChunkList {
  const sink = new ChunkList();
  const snapshot = begin(shard, sink);
  while (snapshot.step());
  expect(snapshot.isDone).toBe(true);
  return sink;
}

function filled(seed: number): CommandDriver {
  const driver = new CommandDriver({ seed });
  const random = new RandomTypeCommands(new SeededChance(seed), EVERY_TYPE);
  for (let i = 0; i < 300; i++) driver.reply(...random.next());
  driver.run('SADD', 'bigset', ...Array.from({ length: 700 }, (_, i) => `member ${i}`));
  driver.run('SET', 'rope', 'x'.repeat(200_000));
  return driver;
}

describe('long values', () => {
  it('are given in parts, and changes of them wait for none', () => {
    const driver = new CommandDriver();
    driver.run('SET', 'rope', 'r'.repeat(20_000_000));
    const members = Array.from({ length: 50_000 }, (_, i) => `member:${i}`);
    const value = 'v'.repeat(40);
    driver.replyAs(driver.client, ['ZADD', 'zset', ...members.flatMap((name, i) => [i, name])]);
    driver.replyAs(driver.client, ['HSET', 'hash', ...members.flatMap((name) => [name, value])]);
    driver.replyAs(driver.client, ['SADD', 'set', ...members]);
    const sink = new ChunkList();
    const snapshot = begin(driver.shard, sink);
    driver.run('ZADD', 'zset', 7, 'member:40000', 8, 'new');
    driver.run('HSET', 'hash', 'member:40000', 'changed');
    driver.run('SREM', 'set', 'member:40000');
    driver.run('ZREM', 'zset', 'member:1');
    // Four members of a hundred and fifty thousand fit the chunk that is open.
    expect(sink.chunks.length).toBe(0);
    driver.run('UNLINK', 'set');
    driver.run('DEL', 'zset');
    driver.run('SET', 'hash', 'short');
    driver.run('SET', 'rope', 'short');
    expect(sink.chunks.length).toBe(0);
    let most = 0;
    for (let hasMore = true; hasMore;) {
      const before = sink.chunks.length;
      hasMore = snapshot.step(1);
      most = Math.max(most, sink.chunks.length - before);
    }
    expect(most).toBeLessThanOrEqual(2);
    for (const chunk of sink.chunks) expect(chunk.length).toBeLessThanOrEqual(SNAPSHOT_CHUNK_BYTES);
    const other = new CommandDriver();
    expect(sink.loadInto(other.shard)).toBe(4);
    expect(other.run('STRLEN', 'rope')).toBe(':20000000');
    expect(other.run('ZSCORE', 'zset', 'member:40000')).toBe('$"40000"');
    expect(other.run('ZCARD', 'zset')).toBe(':50000');
    expect(other.run('HGET', 'hash', 'member:40000')).toBe(`$"${value}"`);
    expect(other.run('SCARD', 'set')).toBe(':50000');
    driver.settle();
    driver.emptyCompletely();
    expect(driver.memory.arenaAllocator.usedBytes()).toBe(0);
  });
});

describe('a long list', () => {
  /** What the snapshot holds of the last element, which changes in its place meanwhile. */
  const lastElement = (isTold: boolean): string => {
    const driver = new CommandDriver();
    const elements = Array.from({ length: 4000 }, (_, i) => `element:${10_000 + i}`.padEnd(100));
    driver.run('RPUSH', 'list', ...elements);
    const sink = new ChunkList();
    const snapshot = begin(driver.shard, sink);
    if (!isTold) Object.assign(snapshot, { savePack: () => undefined });
    driver.run('LSET', 'list', 0, 'first'.padEnd(100));
    driver.run('LSET', 'list', -1, 'changed'.padEnd(100));
    expect(sink.chunks.length).toBe(0);
    while (snapshot.step());
    const other = new CommandDriver();
    sink.loadInto(other.shard);
    expect(other.run('LLEN', 'list')).toBe(':4000');
    return other.run('LINDEX', 'list', -1).trim();
  };

  it('is saved block by block, and a snapshot that is not told of blocks is found out', () => {
    expect(lastElement(true)).toContain('element:13999');
    expect(lastElement(false)).toContain('changed');
  });
});

describe('a snapshot that is given up', () => {
  it('leaves nothing behind, and the next one is whole', () => {
    for (let seed = 1; seed <= 12; seed++) {
      const driver = filled(seed);
      const { shard } = driver;
      const random = new RandomTypeCommands(new SeededChance(seed + 100), EVERY_TYPE);
      const lowBytes = shard.memory.lowAllocator.usedBytes();
      const sink = new ChunkList();
      const snapshot = begin(shard, sink);
      for (let i = 0; i < seed; i++) {
        for (let j = 0; j < 5; j++) driver.reply(...random.next());
        snapshot.step(20);
        driver.run('SREM', 'bigset', `member ${i}`);
      }
      if (seed % 3 === 0) driver.run('DEL', 'bigset', 'rope');
      if (seed % 4 === 0) driver.run('FLUSHALL', 'ASYNC');
      snapshot.abort();
      const given = sink.chunks.length;
      expect(snapshot.step()).toBe(false);
      for (let j = 0; j < 20; j++) driver.reply(...random.next());
      driver.run('SREM', 'bigset', 'member 500');
      driver.settle();
      expect(snapshot.isDone).toBe(false);
      expect(shard.keyspace.keeper).toBeNull();
      expect(sink.chunks.length).toBe(given);
      expect(shard.memory.lowAllocator.usedBytes()).toBe(lowBytes);
      const wanted = contentsOf(shard);
      const other = new CommandDriver({ startMs: shard.nowMs });
      wholeSnapshot(shard).loadInto(other.shard);
      expect(contentsOf(other.shard), `seed ${seed}`).toEqual(wanted);
      driver.emptyCompletely();
      expect(shard.memory.arenaAllocator.usedBytes(), `seed ${seed}`).toBe(0);
    }
  });
});

describe('what is loaded', () => {
  it('has its access fields where keys may be evicted', () => {
    for (const [policy, word] of [['allkeys-lfu', 'FREQ'], ['allkeys-lru', 'IDLETIME']] as const) {
      const settings = { 'maxmemory-policy': policy, maxmemory: '200mb' };
      const driver = new CommandDriver({ settings });
      driver.run('SET', 'k', 'v');
      for (let i = 0; i < 2000; i++) driver.run('GET', 'k');
      driver.clock.advance(30_000);
      const wanted = driver.run('OBJECT', word, 'k');
      driver.run('PING');
      const other = new CommandDriver({ settings, startMs: driver.clock.nowMs() });
      wholeSnapshot(driver.shard).loadInto(other.shard);
      expect(other.run('OBJECT', word, 'k'), policy).toBe(wanted);
    }
  });

  it('is what the filter lets in, and deadlines act afterwards', () => {
    const driver = new CommandDriver();
    for (let i = 0; i < 100; i++) driver.run('SET', `key:${i}`, 'v', 'PX', 50);
    const sink = wholeSnapshot(driver.shard);
    const other = new CommandDriver({ startMs: driver.clock.nowMs() + 10 });
    const loader = new SnapshotLoader(other.shard, (low, at, bytes) =>
      (low[at + bytes - 1] ?? 0) % 2 === 0);
    for (const chunk of sink.chunks) loader.chunk(chunk, 0, chunk.length);
    loader.finish();
    expect(loader.keyCount).toBe(50);
    expect(other.run('PTTL', 'key:10')).toBe(':40');
    expect(other.run('EXISTS', 'key:11')).toBe(':0');
    other.advance(100);
    expect(other.run('DBSIZE')).toBe(':0');
  });
});

describe('a damaged chunk', () => {
  it('is refused or loaded, and breaks nothing', () => {
    const chance = new SeededChance(5);
    const { chunks } = wholeSnapshot(filled(3).shard);
    let refused = 0;
    for (let round = 0; round < 400; round++) {
      const at = (chance.next32() >>> 0) % chunks.length;
      const damaged = chunks.map((chunk, i) => (i === at ? damage(chunk, chance) : chunk));
      const driver = new CommandDriver({ memoryOptions: { bytesMax: 64 * 1024 * 1024 } });
      const loader = new SnapshotLoader(driver.shard);
      try {
        for (const chunk of damaged) loader.chunk(chunk, 0, chunk.length);
        loader.finish();
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        expect(['CORRUPT_SNAPSHOT', 'OUT_OF_MEMORY']).toContain(error.code);
        refused++;
        if (error.code === 'OUT_OF_MEMORY' || round % 2 === 0) loader.close();
      }
      expect(driver.run('PING')).toBe('+"PONG"');
    }
    expect(refused).toBeGreaterThan(100);
  });
});

/** Flips a byte, or cuts the end off. */
function damage(chunk: Uint8Array, chance: SeededChance): Uint8Array {
  const at = (chance.next32() >>> 0) % chunk.length;
  if (chance.next32() % 4 === 0) return chunk.slice(0, at);
  const copy = chunk.slice();
  copy[at] = (copy[at] ?? 0) ^ (1 << (chance.next32() & 7));
  return copy;
}
