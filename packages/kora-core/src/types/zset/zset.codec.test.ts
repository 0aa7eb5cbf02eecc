/**
 * What a sorted set keeps of itself as bytes beside members and scores: the sign of -0, which a
 * `skiplist` of Redis has and a `listpack` has not. Payloads show what the set is from then on; a
 * journal that tells a whole set repeats it as it was, whatever the settings are where it replays.
 * What redis-server answers to the same stands in generic/dump.reference.test.ts.
 */
import { describe, expect, it } from 'vitest';
import { replayEffect } from '../../keyspace/effect-codec.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { JournalRecorder } from '../../testing/journal-recorder.ts';
import { zsetLayout } from './zset-layout.ts';

/** A member that makes its set a `skiplist`. */
const LONG = 'y'.repeat(70);

function restoredScores(driver: CommandDriver): string {
  const payload = driver.reply('DUMP', 'k');
  if (payload.kind !== 'bulk') throw new Error(`a payload, not ${payload.kind}`);
  expect(driver.run('RESTORE', 'copy', '0', payload.text, 'REPLACE')).toBe('+"OK"');
  return driver.run('ZMSCORE', 'copy', 'below', 'above');
}

describe('the sign of -0 in a payload', () => {
  it.each([64, 0])('stays where the set stays wide, packs of %i pairs', (packPairsMax) => {
    const before = { ...zsetLayout };
    Object.assign(zsetLayout, { packPairsMax });
    try {
      const driver = new CommandDriver();
      // A payload goes from the highest score down: one zero comes before the long member.
      driver.run('ZADD', 'k', '-1', LONG, '-0', 'below', '0', 'above');
      expect(restoredScores(driver)).toBe('*[$"-0" $"0"]');
      driver.run('ZADD', 'k', '1', LONG);
      expect(restoredScores(driver)).toBe('*[$"-0" $"0"]');
      driver.run('ZREM', 'k', LONG);
      expect(driver.run('ZSCORE', 'k', 'below')).toBe('$"-0"');
      expect(restoredScores(driver)).toBe('*[$"0" $"0"]');
    } finally {
      Object.assign(zsetLayout, before);
    }
  });

  it('goes by the settings of the side that restores', () => {
    const driver = new CommandDriver();
    driver.run('ZADD', 'k', '-1', LONG, '-0', 'below', '0', 'above');
    driver.run('CONFIG', 'SET', 'zset-max-listpack-value', '100');
    expect(restoredScores(driver)).toBe('*[$"0" $"0"]');
    driver.run('CONFIG', 'SET', 'zset-max-listpack-entries', '2');
    expect(restoredScores(driver)).toBe('*[$"-0" $"0"]');
  });
});

describe('the journal', () => {
  it('repeats -0 in a whole value that was wide by settings of another time', () => {
    const driver = new CommandDriver({ settings: { 'zset-max-listpack-entries': '1' } });
    const recorder = new JournalRecorder(driver.shard);
    driver.run('ZADD', 'k', '1', 'long', '-0', 'below', '0', 'above');
    driver.run('ZREM', 'k', 'long');
    expect(restoredScores(driver)).toBe('*[$"-0" $"0"]');
    recorder.close();
    const fresh = new CommandDriver();
    for (const record of recorder.records) replayEffect(fresh.shard, record);
    for (const asked of [['ZMSCORE', 'copy', 'below', 'above'], ['OBJECT', 'ENCODING', 'copy']]) {
      expect(fresh.run(...asked)).toBe(driver.run(...asked));
    }
  });
});
