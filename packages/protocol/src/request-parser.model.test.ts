/**
 * The request parser against its naive twin: random pipelines and damaged ones, under usual and
 * very low bounds, whole, byte by byte and cut anywhere. fuzzRequestParser makes the comparison.
 * A second test shows that the comparison can fail.
 */
import { describe, expect, it } from 'vitest';
import { requestLimits } from './limits.ts';
import { latin1Bytes, parseChunked } from './testing/chunked.ts';
import { parseNaively } from './testing/naive-request-parser.ts';
import { fuzzRequestParser } from './testing/request-fuzz.ts';
import { damaged, samplePipeline } from './testing/request-samples.ts';
import { seededChooser } from './testing/seeded.ts';

const ROUNDS = 600;

describe('request parser against the naive one', () => {
  it.each([11, 12, 13])('agrees on well-formed pipelines, seed %i', (seed) => {
    const choose = seededChooser(seed);
    for (let round = 0; round < ROUNDS; round++) {
      fuzzRequestParser(latin1Bytes(samplePipeline(choose)), seed * ROUNDS + round);
    }
  });

  it.each([21, 22, 23])('agrees on damaged pipelines, seed %i', (seed) => {
    const choose = seededChooser(seed);
    for (let round = 0; round < ROUNDS; round++) {
      const text = damaged(samplePipeline(choose), choose);
      fuzzRequestParser(latin1Bytes(text), seed * ROUNDS + round);
    }
  });

  it.each([31, 32])('agrees on random bytes, seed %i', (seed) => {
    const choose = seededChooser(seed);
    for (let round = 0; round < ROUNDS; round++) {
      const start = choose(2) === 0 ? '*' : '';
      const bytes = Array.from({ length: choose(60) }, () => choose(choose(2) === 0 ? 64 : 256));
      fuzzRequestParser(latin1Bytes(start + String.fromCharCode(...bytes)), seed * ROUNDS + round);
    }
  });

  it('covers requests, partial frames and most errors', () => {
    const choose = seededChooser(41);
    const outcomes = new Set<string>();
    const settings = { limits: requestLimits(), isAuthenticated: false };
    let requestCount = 0;
    for (let round = 0; round < ROUNDS * 3; round++) {
      const parsed = parseNaively(damaged(samplePipeline(choose), choose), settings);
      outcomes.add(parsed.outcome.replace(/got .*/s, ''));
      requestCount += parsed.requests.length;
    }
    expect(requestCount).toBeGreaterThan(ROUNDS);
    expect([...outcomes].sort()).toEqual(expect.arrayContaining([
      'Protocol error: expected \'$\', ', 'Protocol error: invalid bulk length',
      'Protocol error: invalid multibulk length',
      'Protocol error: unauthenticated multibulk length',
      'Protocol error: unbalanced quotes in request', 'idle', 'partial',
    ]));
  });

  it('would notice a difference', () => {
    const settings = { limits: requestLimits(), isAuthenticated: true };
    const chunks = [latin1Bytes('*1\r\n$1\r\na'), latin1Bytes('\r\n')];
    const found = parseChunked(chunks, settings, seededChooser(1));
    expect(found).toEqual({ requests: [['a']], outcome: 'idle' });
    expect(found).not.toEqual(parseNaively('*1\r\n$1\r\nb\r\n', settings));
    expect(found).not.toEqual(parseNaively('*1\r\n$1\r\na\r\n*', settings));
  });
});
