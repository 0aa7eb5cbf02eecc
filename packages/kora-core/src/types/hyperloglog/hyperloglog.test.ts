/**
 * HyperLogLogs beside the comparison with a redis-server: deadlines stay, the kept cardinality is
 * used and told to the journal, corrupt values are left alone, the estimate keeps its promise, and
 * the journal of it all gives equal bytes.
 */
import { describe, expect, it } from 'vitest';
import { checkShard } from '../../admin/shard-check.ts';
import { replayEffect } from '../../keyspace/effect-codec.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { JournalRecorder } from '../../testing/journal-recorder.ts';
import { RandomHyperloglogCommands } from '../../testing/random-hyperloglog-commands.ts';
import { contentsOf } from '../../testing/shard-contents.ts';
import { estimateCardinality } from './estimate.ts';

const CORRUPT = '-"INVALIDOBJ Corrupted HLL object detected"';
const STALE_HEADER = 'HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80';

function elements(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, i) => `element:${from + i}`);
}

function eventsOf(driver: CommandDriver, ...line: readonly string[]): number[] {
  const events: number[] = [];
  const stop = driver.shard.journal.listen((effect) => void events.push(effect.event));
  driver.run(...line);
  stop();
  return events;
}

function latin1Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

describe('HyperLogLog commands', () => {
  it('estimate within five standard errors, over five decades', () => {
    const driver = new CommandDriver();
    let added = 0;
    for (const cardinality of [1, 10, 100, 1000, 10_000, 100_000]) {
      for (; added < cardinality; added += Math.min(1000, cardinality - added)) {
        const next = Math.min(added + 1000, cardinality);
        driver.run('PFADD', 'p', ...elements(added, next));
      }
      const reply = driver.reply('PFCOUNT', 'p');
      const estimate = reply.kind === 'integer' ? Number(reply.text) : NaN;
      const wrongMax = Math.max(1, cardinality * 0.0406);
      expect(Math.abs(estimate - cardinality), String(cardinality)).toBeLessThanOrEqual(wrongMax);
    }
    expect(estimateCardinality(new Int32Array(64).fill(16_384, 0, 1))).toBe(0);
  });

  it('keep the deadline of their key', () => {
    const driver = new CommandDriver();
    driver.run('PFADD', 'p', 'a');
    driver.run('PEXPIRE', 'p', '5000');
    for (const line of [
      ['PFADD', 'p', 'b'], ['PFCOUNT', 'p'], ['PFMERGE', 'p', 'other'],
      ['PFADD', 'p', ...elements(0, 3000)], ['PFADD', 'p', 'c'], ['PFDEBUG', 'GETREG', 'p'],
    ]) {
      driver.run(...line);
      expect(driver.run('PTTL', 'p'), line[0]).toBe(':5000');
    }
  });

  it('count once, keep the result and tell it to the journal alone', () => {
    const driver = new CommandDriver();
    const { None, PfAdd } = KeyEvent;
    expect(eventsOf(driver, 'PFADD', 'p', 'a', 'b')).toEqual([PfAdd]);
    expect(eventsOf(driver, 'PFCOUNT', 'p')).toEqual([None]);
    expect(eventsOf(driver, 'PFCOUNT', 'p')).toEqual([]);
    expect(eventsOf(driver, 'PFADD', 'p', 'a')).toEqual([]);
    driver.run('PFDEBUG', 'TODENSE', 'p');
    expect(eventsOf(driver, 'PFADD', 'p', 'c')).toEqual([None, PfAdd]);
    expect(eventsOf(driver, 'PFADD', 'p', 'd')).toEqual([PfAdd]);
    expect(driver.run('PFCOUNT', 'p')).toBe(':4');
    // What a header says is believed, as long as it does not say that it is stale.
    driver.run('SETRANGE', 'p', '8', '\x39\x05\0\0\0\0\0\0');
    expect(driver.run('PFCOUNT', 'p')).toBe(':1337');
    driver.run('SETRANGE', 'p', '8', '\xff\xff\xff\xff\xff\xff\xff\x7f');
    expect(driver.run('PFCOUNT', 'p')).toBe(':9223372036854775807');
  });

  it('leave corrupt values as they are', () => {
    const driver = new CommandDriver();
    for (const runs of ['', '\x7f\xfe', '\x40', '\xff'.repeat(5000), '\0'.repeat(70_000)]) {
      driver.run('SET', 'p', `${STALE_HEADER}${runs}`);
      driver.run('PFADD', 'sound', 'a');
      const before = contentsOf(driver.shard, latin1Of);
      expect(driver.run('PFCOUNT', 'p')).toBe(CORRUPT);
      expect(driver.run('PFCOUNT', 'sound', 'p')).toBe(CORRUPT);
      expect(driver.run('PFMERGE', 'sound', 'p')).toBe(CORRUPT);
      expect(driver.run('PFMERGE', 'p', 'sound')).toBe(CORRUPT);
      expect(contentsOf(driver.shard, latin1Of), JSON.stringify(runs.slice(0, 9))).toEqual(before);
    }
    driver.run('SET', 'p', `${STALE_HEADER}\x7f\xf0`);
    const before = contentsOf(driver.shard, latin1Of);
    expect(driver.run('PFADD', 'p', ...elements(0, 3000))).toBe(CORRUPT);
    expect(contentsOf(driver.shard, latin1Of)).toEqual(before);
    expect(driver.errors).toEqual([]);
  });

  it.each([1, 2, 3])('replay to equal bytes, seed %i', (seed) => {
    const driver = new CommandDriver({ seed });
    const recorder = new JournalRecorder(driver.shard);
    const random = new RandomHyperloglogCommands(seed);
    for (let step = 0; step < 400; step++) driver.reply(...random.next());
    expect(driver.errors).toEqual([]);
    checkShard(driver.shard);
    const fresh = new CommandDriver();
    for (const record of recorder.records) replayEffect(fresh.shard, record);
    const same = contentsOf(driver.shard, latin1Of);
    expect(contentsOf(fresh.shard, latin1Of), `seed ${seed}`).toEqual(same);
  });
});
