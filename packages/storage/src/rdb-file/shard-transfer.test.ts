/**
 * Shards dumped and loaded without a command: the same data as through DUMP and RESTORE, facts of
 * keys included, journal and expiry told of it, and shards that are short of memory or given damage
 * left as they were.
 */
import { DATABASE_COUNT, Fault, SeededChance } from '@kora/core';
import type { Shard } from '@kora/core';
import {
  CommandDriver, contentsOf, JournalRecorder, RandomTypeCommands, replayEffect,
} from '@kora/core/testing';
import { describe, expect, it } from 'vitest';
import { bytesOf, joined, readAll } from '../testing/dump-fixture.ts';
import type { DumpFormat } from './rdb-file-writer.ts';
import type { RdbKey } from './rdb-item.ts';
import { dumpShards, ShardLoader } from './shard-transfer.ts';

function dumpOf(shards: readonly Shard[], format: DumpFormat = 'valkey'): Uint8Array {
  const parts: Uint8Array[] = [];
  const report = dumpShards(shards, (part) => parts.push(part.slice()), {
    format, facts: new Map([['redis-ver', '7.0.15']]),
  });
  const dump = joined(parts);
  expect(report.bytes).toBe(dump.length);
  expect(report.keys).toBe(keysOf(dump).length);
  return dump;
}

function keysOf(dump: Uint8Array): RdbKey[] {
  return readAll(dump).flatMap((item) => (item.kind === 'key' ? [item] : []));
}

function load(dump: Uint8Array, shard: Shard): void {
  const loader = new ShardLoader(() => shard);
  for (const key of keysOf(dump)) loader.load(key);
}

/** Values without encodings, which are chosen anew. */
function dataOf(driver: CommandDriver): Map<string, unknown> {
  return new Map([...contentsOf(driver.shard)].map(
    ([name, { type, value, deadlineMs }]) => [name, { type, value, deadlineMs }],
  ));
}

describe('shards dumped and loaded', () => {
  for (let seed = 1; seed <= 8; seed++) {
    it(`have the same data, seed ${seed}`, () => {
      const driver = new CommandDriver({ seed });
      const random = new RandomTypeCommands(new SeededChance(seed));
      for (let step = 0; step < 400; step++) driver.reply(...random.next());
      const dump = dumpOf([driver.shard]);
      const other = new CommandDriver({ seed, startMs: driver.clock.nowMs() });
      other.run('SET', 'string1', 'what was there');
      load(dump, other.shard);
      const wanted = dataOf(driver);
      expect(wanted.size).toBeGreaterThan(3);
      if (!wanted.has('0/string1')) other.run('DEL', 'string1');
      expect(dataOf(other)).toEqual(wanted);
    });
  }

  it('become one dump, and two again', () => {
    const left = new CommandDriver();
    const right = new CommandDriver();
    for (let i = 0; i < 50; i++) left.run('SET', `left:${i}`, 'v'.repeat(i * 5000));
    for (let i = 0; i < 50; i++) right.run('RPUSH', `right:${i}`, 'a', i);
    right.run('SELECT', DATABASE_COUNT - 1);
    right.run('SET', 'right:last', 'v');
    const dump = dumpOf([left.shard, right.shard], 'redis');
    const [first, second] = [new CommandDriver(), new CommandDriver()];
    const loader = new ShardLoader(([letter]) => (letter === 0x6c ? first : second).shard);
    for (const key of keysOf(dump)) loader.load(key);
    expect(loader.keys).toBe(101);
    expect(dataOf(first)).toEqual(dataOf(left));
    expect(dataOf(second)).toEqual(dataOf(right));
  });

  it('tell the journal, so that a replay has the data too', () => {
    const driver = new CommandDriver();
    driver.run('HSET', 'h', 'f', 'v');
    driver.run('SET', 's', 'v', 'PX', 5000);
    driver.run('SET', 'gone', 'v', 'PX', 50);
    const dump = dumpOf([driver.shard]);
    const other = new CommandDriver({ startMs: driver.clock.nowMs() + 100 });
    other.run('SET', 'gone', 'older');
    const recorder = new JournalRecorder(other.shard);
    other.run('PING');
    load(dump, other.shard);
    expect(other.run('GET', 'gone')).toBe('_');
    const third = new CommandDriver({ startMs: other.clock.nowMs() });
    third.run('SET', 'gone', 'older');
    for (const record of recorder.records) replayEffect(third.shard, record);
    recorder.close();
    expect(dataOf(third)).toEqual(dataOf(other));
    expect(other.run('PTTL', 's')).toBe(':4900');
    other.clock.advance(5000);
    expect(other.run('EXISTS', 's')).toBe(':0');
  });

  it('keep how often and when keys were used', () => {
    for (const [policy, word] of [['allkeys-lfu', 'FREQ'], ['allkeys-lru', 'IDLETIME']] as const) {
      const settings = { 'maxmemory-policy': policy };
      const driver = new CommandDriver({ settings });
      driver.run('SET', 'k', 'v');
      for (let i = 0; i < 2000; i++) driver.run('GET', 'k');
      driver.clock.advance(30_000);
      const wanted = driver.run('OBJECT', word, 'k');
      const other = new CommandDriver({ settings, startMs: driver.clock.nowMs() });
      load(dumpOf([driver.shard]), other.shard);
      expect(other.run('OBJECT', word, 'k'), policy).toBe(wanted);
      expect(wanted, policy).not.toBe(':0');
    }
  });

  it('lose deadlines of fields for Redis, and count them', () => {
    const driver = new CommandDriver();
    driver.run('HSET', 'h', 'f', 'v');
    driver.run('HPEXPIRE', 'h', 5000, 'FIELDS', 1, 'f');
    driver.run('SET', 'z', 'v');
    const parts: Uint8Array[] = [];
    const report = dumpShards([driver.shard], (part) => parts.push(part.slice()), {
      format: 'redis', facts: new Map(),
    });
    expect(report.plainHashes).toBe(1);
    const other = new CommandDriver();
    load(joined(parts), other.shard);
    expect(other.run('HTTL', 'h', 'FIELDS', 1, 'f')).toBe('*[:-1]');
    expect(other.run('GET', 'z')).toBe('$"v"');
  });
});

describe('a key that cannot be loaded', () => {
  const key = (value: number[]): RdbKey => ({
    kind: 'key', db: 0, key: bytesOf('k'), value: Uint8Array.from(value), expireMs: -1,
    idleSeconds: -1, frequency: -1, offset: 77,
  });

  it('leaves what was there', () => {
    const driver = new CommandDriver();
    driver.run('SET', 'k', 'mine');
    const loader = new ShardLoader(() => driver.shard);
    for (const value of [[2, 2, 1, 0x61, 1, 0x61], [4, 0], [99, 1], [0, 5, 1]]) {
      expect(() => {
        loader.load(key(value));
      }).toThrow(/The dump is damaged: the value of a key: .* \(at byte 77/);
    }
    expect(driver.run('GET', 'k')).toBe('$"mine"');
    expect(loader.keys).toBe(0);
  });

  it('for want of memory says so', () => {
    const driver = new CommandDriver({ memoryOptions: { bytesMax: 64 * 1024 * 1024 } });
    driver.run('SET', 'k', 'mine');
    const loader = new ShardLoader(() => driver.shard);
    const long = new Uint8Array(100_000_006).fill(7);
    long.set([0, 0x80, 0x05, 0xf5, 0xe1, 0x00]);
    let fault: unknown;
    try {
      loader.load({ ...key([]), value: long });
    } catch (error) {
      fault = error;
    }
    expect(fault).toBeInstanceOf(Fault);
    expect(fault instanceof Fault && fault.code).toBe('OUT_OF_MEMORY');
    expect(driver.run('GET', 'k')).toBe('$"mine"');
  });
});
