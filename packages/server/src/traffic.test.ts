/**
 * Rates: the mean of the last sixteen samples per second; a total that was reset or a clock that
 * was set back never shows as a negative rate.
 */
import { Stat, Statistics } from '@kora/core';
import { expect, it } from 'vitest';
import { Traffic } from './traffic.ts';

it('is the mean over sixteen samples', () => {
  const stats = new Statistics(1);
  const traffic = new Traffic();
  traffic.sample(1000, stats);
  for (let i = 1; i <= 16; i++) {
    stats.counts[Stat.Commands] = i * 50;
    stats.counts[Stat.InputBytes] = i * 1000;
    stats.counts[Stat.OutputBytes] = i * 2000;
    traffic.sample(1000 + i * 100, stats);
  }
  expect(traffic.operations.mean).toBe(500);
  expect(traffic.input.mean).toBe(10_000);
  expect(traffic.output.mean).toBe(20_000);
  for (let i = 17; i <= 32; i++) traffic.sample(1000 + i * 100, stats);
  expect(traffic.operations.mean).toBe(0);
});

it('counts a look that comes late for as many spans as it spans', () => {
  const stats = new Statistics(1);
  const traffic = new Traffic();
  traffic.sample(1000, stats);
  stats.counts[Stat.Commands] = 160;
  traffic.sample(1400, stats);
  expect(traffic.operations.mean).toBe(100); // 160 within the last 1.6 s.
  traffic.sample(2000, stats);
  expect(traffic.operations.mean).toBe(100);
  traffic.sample(2900, stats);
  expect(traffic.operations.mean).toBe(25); // A span of 100 ms of the four is left.
  traffic.sample(9000, stats);
  expect(traffic.operations.mean).toBe(0);
});

it('takes no sample of less than half a span: what is read twice stays', () => {
  const stats = new Statistics(1);
  const traffic = new Traffic();
  traffic.sample(1000, stats);
  stats.counts[Stat.Commands] = 16;
  traffic.sample(1100, stats);
  stats.counts[Stat.Commands] = 1000;
  traffic.sample(1149, stats);
  expect(traffic.operations.mean).toBe(10);
  traffic.sample(1200, stats);
  expect(traffic.operations.mean).toBe(10 + 984 / 1.6);
});

it('survives reset counters and a clock set back', () => {
  const stats = new Statistics(1);
  const traffic = new Traffic();
  stats.counts[Stat.Commands] = 1000;
  traffic.sample(1000, stats);
  stats.reset();
  stats.counts[Stat.Commands] = 10;
  traffic.sample(1100, stats);
  traffic.sample(500, stats);
  stats.counts[Stat.Commands] = 20;
  traffic.sample(600, stats);
  expect(traffic.operations.mean).toBeGreaterThanOrEqual(0);
  expect(Number.isFinite(traffic.operations.mean)).toBe(true);
});
