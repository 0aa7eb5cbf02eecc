/**
 * LATENCY GRAPH against drawings that redis-server 7.0.15 made of the same samples.
 */
import { expect, it } from 'vitest';
import { latencyGraph } from './latency-graph.ts';

const RULE = '-'.repeat(80);
const series = (...samples: readonly (readonly [number, number])[]) => ({
  event: 'command',
  worstMs: 200,
  samples: samples.map(([atSeconds, ms]) => ({ atSeconds, ms })),
});

it('draws as redis-server does', () => {
  expect(latencyGraph(series([100, 20], [101, 200], [102, 100], [104, 50]), 104)).toBe([
    'command - high 200 ms, low 20 ms (all time high 200 ms)', RULE,
    ' #  ', ' |  ', ' |# ', '_||#', '    ', '4320', 'ssss', '',
  ].join('\n'));
});

it('draws one sample at the bottom', () => {
  expect(latencyGraph(series([100, 20]), 100)).toBe([
    'command - high 20 ms, low 20 ms (all time high 200 ms)', RULE,
    ' ', ' ', ' ', '_', ' ', '0', 's', '',
  ].join('\n'));
});

it('says ages in their own unit, from top to bottom', () => {
  const text = latencyGraph(series([0, 1], [90_000, 2], [170_000, 3], [180_000 - 15, 4]), 180_000);
  expect(text.split('\n').slice(7)).toEqual(['2121', 'ddh5', '   s', '']);
});

it('draws 80 samples a band', () => {
  const samples = Array.from({ length: 100 }, (_, i) => [i, i] as const);
  const lines = latencyGraph(series(...samples), 100).split('\n');
  expect(lines[2]).toHaveLength(80);
  expect(lines.filter((line) => line === '')).toHaveLength(2);
  expect(lines.at(-3)).toHaveLength(20);
});
