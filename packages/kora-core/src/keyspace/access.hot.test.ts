/**
 * The access field against Redis's own formulas, written plainly: LRU idle time with wrap, LFU
 * decay and logarithmic increments, and the counters that Redis documents for many hits.
 */
import { describe, expect, it } from 'vitest';
import { SeededChance } from '../platform/platform.ts';
import { entryAccess } from '../structs/entry.hot.ts';
import {
  AccessClock, idleSeconds, LFU_INITIAL, lfuCounter, lfuIncrement, touchAccess,
} from './access.hot.ts';

const MINUTE_MS = 60_000;

function newClock(seed = 1): AccessClock {
  return new AccessClock(new SeededChance(seed));
}

describe('access field', () => {
  it('counts idle seconds, also over the wrap of the 24-bit clock', () => {
    const clock = newClock();
    const wrapMs = 2 ** 24 * 1_000;
    for (const idle of [0, 1, 59, 86_400, 2 ** 23]) {
      clock.setNow(5 * wrapMs + 30_000 - idle * 1_000);
      const access = clock.initial();
      clock.setNow(5 * wrapMs + 30_000);
      expect(idleSeconds(access, clock)).toBe(idle);
    }
  });

  it('decays one per decay time, as Redis does, and never with decay time 0', () => {
    const clock = newClock();
    clock.isLfu = 1;
    for (const decayMinutes of [1, 2, 7]) {
      clock.decayMinutes = decayMinutes;
      for (const elapsed of [0, 1, 5, 13, 300]) {
        for (const counter of [0, 5, 100, 255]) {
          clock.setNow(1_700_000_000_000);
          const access = (clock.minutes << 8) | counter;
          clock.setNow(1_700_000_000_000 + elapsed * MINUTE_MS);
          const expected = Math.max(0, counter - Math.floor(elapsed / decayMinutes));
          expect(lfuCounter(access, clock)).toBe(expected);
        }
      }
    }
    clock.decayMinutes = 0;
    expect(lfuCounter((0 << 8) | 77, clock)).toBe(77);
  });

  it('reaches the counters that Redis documents for its log factors', () => {
    // lfu-log-factor, hits, counter: the table in redis.conf of 7.0.
    const table: [number, number, number][] = [
      [0, 100, 104], [0, 1_000, 255], [1, 100, 18], [1, 1_000, 49], [1, 100_000, 255],
      [10, 100, 10], [10, 1_000, 18], [10, 100_000, 142], [100, 100, 8], [100, 1_000, 11],
      [100, 100_000, 49],
    ];
    for (const [logFactor, hits, expected] of table) {
      const runs = hits >= 100_000 ? 5 : 40;
      let sum = 0;
      for (let run = 0; run < runs; run++) {
        const clock = newClock(run + 1);
        clock.logFactor = logFactor;
        let counter = LFU_INITIAL;
        for (let i = 0; i < hits; i++) counter = lfuIncrement(counter, clock);
        sum += counter;
      }
      const mean = sum / runs;
      expect(Math.abs(mean - expected), `factor ${logFactor}, ${hits} hits: ${mean}`).toBeLessThan(
        Math.max(3, expected * 0.12),
      );
    }
  });

  it('writes the field of an entry in both forms and leaves its neighbours alone', () => {
    const clock = newClock();
    const i32 = new Int32Array(64).fill(-1);
    clock.setNow(1_700_000_000_000);
    touchAccess(i32, 4, clock);
    expect(entryAccess(i32, 4)).toBe(clock.seconds);
    clock.isLfu = 1;
    clock.logFactor = 0;
    i32[9] = (0xab << 24) | (clock.minutes << 8) | 40;
    touchAccess(i32, 4, clock);
    expect(entryAccess(i32, 4)).toBe((clock.minutes << 8) | 41);
    expect(i32[9] >>> 24).toBe(0xab);
    expect(i32[8]).toBe(-1);
    expect(i32[10]).toBe(-1);
  });
});
