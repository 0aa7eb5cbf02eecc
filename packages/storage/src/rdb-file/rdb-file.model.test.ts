/**
 * Dumps written and read again: whatever random commands made of a shard comes back the same in
 * another, in pieces of any size, and facts of keys stay with their keys.
 */
import { SeededChance } from '@kora/core';
import { CommandDriver, contentsOf, RandomTypeCommands } from '@kora/core/testing';
import type { ShardContents } from '@kora/core/testing';
import { describe, expect, it } from 'vitest';
import { bytesOf, dumpOf, joined, readAll, restoreInto } from '../testing/dump-fixture.ts';
import { RdbFileReader } from './rdb-file-reader.ts';
import { RdbFileWriter } from './rdb-file-writer.ts';

function randomDriver(seed: number, steps: number): CommandDriver {
  const driver = new CommandDriver({ seed });
  const random = new RandomTypeCommands(new SeededChance(seed));
  for (let step = 0; step < steps; step++) driver.reply(...random.next());
  return driver;
}

/** What a dump keeps of a shard: encodings are chosen anew when it is loaded, as in Redis. */
function keptOf(driver: CommandDriver): ShardContents {
  const contents = contentsOf(driver.shard);
  for (const [name, value] of contents) {
    contents.set(name, { ...value, encoding: 'any' });
  }
  return contents;
}

describe('a dump of a shard', () => {
  for (let seed = 1; seed <= 12; seed++) {
    it(`gives another shard the same data, seed ${seed}`, () => {
      const driver = randomDriver(seed, 400);
      const dump = dumpOf(driver);
      const other = new CommandDriver({ seed, startMs: driver.clock.nowMs() });
      expect(restoreInto(other, dump)).toEqual([]);
      const kept = keptOf(driver);
      expect(kept.size).toBeGreaterThan(3);
      expect(keptOf(other)).toEqual(kept);
    });
  }

  it('reads the same in pieces of any size, seed 3', () => {
    const dump = dumpOf(randomDriver(3, 300));
    const whole = readAll(dump);
    expect(whole.at(-1)).toEqual({ kind: 'end', checksum: 'verified' });
    for (const chunkBytes of [1, 2, 3, 7, 64, 1000]) {
      expect(readAll(dump, chunkBytes), `pieces of ${chunkBytes}`).toEqual(whole);
    }
  });
});

describe('what a dump tells of keys', () => {
  it('belongs to one key each', () => {
    const parts: Uint8Array[] = [];
    const writer = new RdbFileWriter((part) => parts.push(part.slice()));
    const value = Uint8Array.of(0, 1, 0x78);
    writer.aux('redis-ver', '7.0.15');
    writer.functionCode(bytesOf('#!lua name=l\n'));
    writer.database(0, 3, 1);
    writer.key(bytesOf('a'), value, { expireMs: 1_700_000_000_123, frequency: 200 });
    writer.key(bytesOf('b'), value, { idleSeconds: 70_000 });
    writer.database(15, 1, 0);
    writer.key(bytesOf('12345'), value);
    writer.finish();
    const dump = joined(parts);
    expect(writer.bytes).toBe(dump.length);
    const none = { expireMs: -1, idleSeconds: -1, frequency: -1 };
    expect(readAll(dump).map((item) => (item.kind === 'key' ? { ...item, offset: 0 } : item)))
      .toEqual([
        { kind: 'version', name: 'REDIS', version: 10 },
        { kind: 'aux', name: 'redis-ver', value: '7.0.15' },
        { kind: 'function', code: bytesOf('#!lua name=l\n') },
        { kind: 'sizes', db: 0, keyCount: 3, expireCount: 1 },
        {
          kind: 'key', db: 0, key: bytesOf('a'), value, ...none, expireMs: 1_700_000_000_123,
          frequency: 200, offset: 0,
        },
        { kind: 'key', db: 0, key: bytesOf('b'), value, ...none, idleSeconds: 70_000, offset: 0 },
        { kind: 'sizes', db: 15, keyCount: 1, expireCount: 0 },
        { kind: 'key', db: 15, key: bytesOf('12345'), value, ...none, offset: 0 },
        { kind: 'end', checksum: 'verified' },
      ]);
  });

  it('stays right for values longer than every buffer, written in parts', () => {
    const parts: Uint8Array[] = [];
    const writer = new RdbFileWriter((part) => parts.push(part.slice()));
    writer.database(0, 2, 0);
    const long = new Uint8Array(3_000_000).fill(7);
    const value = joined([Uint8Array.of(0, 0x80, 0, 0x2d, 0xc6, 0xc0), long]);
    writer.beginKey(bytesOf('long'));
    for (let at = 0; at < value.length; at += 700_000) {
      writer.valuePart(value.subarray(at, at + 700_000));
    }
    writer.key(bytesOf('short'), Uint8Array.of(0, 0));
    writer.finish();
    const [, , first, second] = readAll(joined(parts), 100_000);
    expect(first?.kind === 'key' && Buffer.from(first.value).equals(value)).toBe(true);
    expect(second?.kind === 'key' && second.key).toEqual(bytesOf('short'));
  });
});

describe('what follows a dump', () => {
  it('is left to whoever reads on', () => {
    const parts: Uint8Array[] = [];
    const writer = new RdbFileWriter((part) => parts.push(part.slice()));
    writer.finish();
    const dump = joined(parts);
    const reader = new RdbFileReader();
    reader.feed(joined([dump, bytesOf('rest')]));
    expect(reader.next()?.kind).toBe('version');
    expect(reader.next()).toEqual({ kind: 'end', checksum: 'verified' });
    expect(reader.offset).toBe(dump.length);
    expect(reader.takeRest()).toEqual(bytesOf('rest'));
    expect(() => reader.next()).toThrow('read no further');
  });
});
