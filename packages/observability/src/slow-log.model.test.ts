/**
 * The slow logs of several shards against one array: random calls, lengths and resets; what they
 * show together is what one log of a process would show.
 */
import { SeededChance } from '@kora/core';
import { describe, expect, it } from 'vitest';
import type { SlowEntry } from './slow-log.ts';
import {
  mergeSlowEntries, SLOW_LOG_BYTES_MAX, SLOW_LOG_WORDS, SlowLog, SlowLogIds,
} from './slow-log.ts';

const call = (us: number, word = 'get'): Omit<SlowEntry, 'id'> => ({
  atSeconds: us, us, words: [word], address: '127.0.0.1:1', clientName: '',
});

describe.each([1, 2, 3, 4])('slow logs of %i shards', (shardCount) => {
  it.each([11, 12, 13])('are one log, seed %i', (seed) => {
    const chance = new SeededChance(seed);
    const words = new BigInt64Array(
      new SharedArrayBuffer(SLOW_LOG_WORDS * BigInt64Array.BYTES_PER_ELEMENT),
    );
    const logs = Array.from({ length: shardCount }, () => new SlowLog(new SlowLogIds(words)));
    let model: { readonly id: number; readonly us: number }[] = [];
    let nextId = 0;
    let countMax = 128;
    for (let step = 0; step < 2000; step++) {
      const dice = (chance.next32() >>> 0) % 100;
      const log = logs[(chance.next32() >>> 0) % shardCount];
      if (dice < 2) {
        countMax = dice === 0 ? 0 : (chance.next32() >>> 0) % 40;
        for (const each of logs) each.entryCountMax = countMax;
      } else if (dice < 4) {
        log?.reset();
        model = [];
      } else {
        log?.add(call(step));
        model.push({ id: nextId++, us: step });
        while (model.length > countMax) model.shift();
      }
      const asked = [0, 1, 10, -1][(chance.next32() >>> 0) % 4] ?? 0;
      const shown = mergeSlowEntries(
        logs.map((each) => each.newest(asked < 0 ? Infinity : asked)), asked,
      );
      const expected = [...model].reverse().slice(0, asked < 0 ? model.length : asked);
      const where = `seed ${seed}, step ${step}`;
      expect(shown.map(({ id, us }) => ({ id, us })), where).toEqual(expected);
      expect(logs[0]?.length, where).toBe(model.length);
    }
  });
});

describe('a slow log', () => {
  it('keeps a length that was made smaller until the next entry, as Redis does', () => {
    const log = new SlowLog();
    for (let i = 0; i < 10; i++) log.add(call(i));
    log.entryCountMax = 2;
    expect(log.length).toBe(10);
    log.add(call(10));
    expect(log.newest(100).map(({ us }) => us)).toEqual([10, 9]);
  });
  it('is bounded in bytes, whatever slowlog-max-len says', () => {
    const log = new SlowLog();
    log.entryCountMax = Number.MAX_SAFE_INTEGER;
    const text = 'x'.repeat(4000);
    for (let i = 0; i < 10_000; i++) log.add(call(i, text));
    expect(log.length).toBeLessThan(SLOW_LOG_BYTES_MAX / text.length);
    expect(log.length).toBeGreaterThan(1000);
    expect(log.newest(Infinity)).toHaveLength(log.length);
    expect(log.newest(1)[0]?.us).toBe(9999);
  });
});
