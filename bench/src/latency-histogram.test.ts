/**
 * The histogram against a sorted list of the same latencies: a percentile is never below the true
 * one and never more than a bucket above it.
 */
import { randomSource } from '@kora/core/testing';
import { describe, expect, it } from 'vitest';
import { LatencyHistogram } from './latency-histogram.ts';

describe('LatencyHistogram', () => {
  it.each([1, 2, 3])('agrees with a sorted list within a bucket, seed %i', (seed) => {
    const random = randomSource(seed);
    const histogram = new LatencyHistogram();
    const list: number[] = [];
    for (let i = 0; i < 20_000; i++) {
      const us = random.below(10 ** (1 + random.below(7))) / 10;
      histogram.record(us);
      list.push(us);
    }
    list.sort((a, b) => a - b);
    for (const percent of [0, 1, 25, 50, 90, 99, 99.9, 99.99, 100]) {
      const place = Math.max(1, Math.ceil((list.length * percent) / 100)) - 1;
      const exact = list[place] ?? NaN;
      const got = histogram.percentileUs(percent);
      const where = `seed ${seed}, ${percent} %: ${got}, truly ${exact}`;
      expect(got, where).toBeGreaterThanOrEqual(exact);
      expect(got, where).toBeLessThanOrEqual(exact * (1 + 1 / 128) + 0.1);
    }
    expect(histogram.count).toBe(list.length);
    expect(histogram.maxUs).toBe(list.at(-1));
  });

  it('keeps small latencies apart, to a tenth of a microsecond', () => {
    const histogram = new LatencyHistogram();
    for (let tenths = 0; tenths < 100; tenths++) histogram.record(tenths / 10);
    expect(histogram.percentileUs(50)).toBeCloseTo(4.9, 9);
    expect(histogram.percentileUs(100)).toBeCloseTo(9.9, 9);
  });

  it('takes what is out of its range', () => {
    const histogram = new LatencyHistogram();
    expect(histogram.percentileUs(50)).toBeNaN();
    histogram.record(-3);
    histogram.record(1e12);
    expect(histogram.percentileUs(50)).toBe(0);
    expect(histogram.percentileUs(100)).toBeGreaterThan(200e6);
    expect(histogram.maxUs).toBe(1e12);
  });
});
