/**
 * The histogram against an array of all durations, sorted: percentiles within the promised error,
 * cumulative counts between the exact ones of the level and of its cell's end, merging equal to
 * recording everything in one.
 */
import { SeededChance } from '@kora/core';
import { describe, expect, it } from 'vitest';
import { DURATION_NS_MAX, Histogram } from './histogram.ts';

const RELATIVE_ERROR_MAX = 1 / 128;

/** Durations over all magnitudes. */
function randomDurations(seed: number, count: number): number[] {
  const chance = new SeededChance(seed);
  return Array.from({ length: count }, () => {
    const bits = (chance.next32() >>> 0) % 31;
    return Math.min(DURATION_NS_MAX, Math.max(1, (chance.next32() >>> 0) % (2 ** bits + 1)));
  });
}

function exactPercentile(sorted: readonly number[], percent: number): number {
  const wanted = Math.max(1, Math.floor((percent / 100) * sorted.length + 0.5));
  return sorted[wanted - 1] ?? 0;
}

describe.each([1, 2, 3, 4, 5, 6])('a histogram, seed %i', (seed) => {
  const durations = randomDurations(seed, 200 + seed * 371);
  const sorted = [...durations].sort((a, b) => a - b);
  const histogram = new Histogram();
  for (const ns of durations) histogram.record(ns);

  it('keeps percentiles within its error', () => {
    for (const percent of [1, 10, 25, 50, 75, 90, 99, 99.9, 100]) {
      const exact = exactPercentile(sorted, percent);
      const read = histogram.percentile(percent);
      expect(read, `p${percent}, seed ${seed}`).toBeGreaterThanOrEqual(exact);
      expect(read, `p${percent}, seed ${seed}`).toBeLessThanOrEqual(
        exact * (1 + RELATIVE_ERROR_MAX),
      );
    }
    const least = sorted[0] ?? 0;
    expect(histogram.percentile(0)).toBeLessThanOrEqual(least);
    expect(histogram.percentile(0)).toBeGreaterThanOrEqual(least * (1 - RELATIVE_ERROR_MAX));
  });
  it('counts every duration once', () => {
    expect(histogram.total).toBe(sorted.length);
    const counts = histogram.cells().filter((_, i) => i % 2 === 1);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(sorted.length);
  });
  it('accumulates them', () => {
    const points = histogram.cumulative();
    expect(points.at(-1)?.count).toBe(sorted.length);
    for (const { us, count } of points) {
      const below = sorted.filter((ns) => ns < us * 1000).length;
      const upTo = sorted.filter((ns) => ns < (us + 1) * 1000).length;
      expect(count, `${us} us, seed ${seed}`).toBeGreaterThanOrEqual(below);
      expect(count, `${us} us, seed ${seed}`).toBeLessThanOrEqual(upTo);
    }
  });
  it('is the sum of its parts', () => {
    const parts = [new Histogram(), new Histogram(), new Histogram()];
    durations.forEach((ns, i) => parts[i % 3]?.record(ns));
    const whole = new Histogram();
    for (const part of parts) whole.merge(part);
    expect(whole.cells()).toEqual(histogram.cells());
    expect(whole.total).toBe(histogram.total);
  });
});

describe('a histogram', () => {
  it('weighs', () => {
    const one = new Histogram();
    const other = new Histogram();
    one.record(5000, 64);
    for (let i = 0; i < 64; i++) other.record(5000);
    expect(one.cells()).toEqual(other.cells());
  });
  it('takes what lies outside of its range as its ends', () => {
    const histogram = new Histogram();
    histogram.record(0);
    histogram.record(-3);
    histogram.record(0.2);
    histogram.record(7e9);
    histogram.record(Infinity);
    expect(histogram.percentile(1)).toBe(1);
    expect(histogram.percentile(100)).toBe(DURATION_NS_MAX);
    expect(histogram.total).toBe(5);
  });
  it('names the levels as Redis does', () => {
    const histogram = new Histogram();
    for (let level = 512; level <= 2 ** 30; level *= 2) histogram.record(level + 1);
    expect(histogram.cumulative().map(({ us }) => us)).toEqual([
      1, 2, 4, 8, 16, 33, 66, 132, 264, 528, 1056, 2113, 4227, 8454, 16_908, 33_816, 67_633,
      135_266, 270_532, 541_065, 1_073_741,
    ]);
  });
  it('is empty at first', () => {
    const histogram = new Histogram();
    expect(histogram.percentile(50)).toBe(0);
    expect(histogram.cumulative()).toEqual([]);
    expect(histogram.cells()).toEqual([]);
  });
});
