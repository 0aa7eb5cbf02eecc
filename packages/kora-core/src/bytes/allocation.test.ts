/**
 * The hot files of bytes/ allocate nothing per call: the best of up to 25 rounds of 20,000 warm
 * calls stays under 1 byte a call. The best round counts, because a round may meet the compiler or
 * the collector; code that allocates does so in every round. One function here allocates on
 * purpose, so that a broken measurement cannot pass everything.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { equalsIgnoreCase } from './ascii.hot.ts';
import { slotOfKey } from './crc16.hot.ts';
import {
  integer64TextBytes, parseInteger, parsed, writeInteger, writeInteger64,
} from './number-text.hot.ts';

/** Clean code ends at its first clean round; more are there for a compiler that comes late. */
const roundCount = 25;
const cleanBytes = 1;
const callCount = 20_000;
const warmCallCount = 100_000;

setFlagsFromString('--expose-gc');
const collector: unknown = runInNewContext('gc');

function isCollector(value: unknown): value is () => void {
  return typeof value === 'function';
}

/** Fewest bytes a call that the heap grew by in one round. */
function bytesPerCall(call: (i: number) => number): number {
  const collect = isCollector(collector) ? collector : undefined;
  if (collect === undefined) throw new Error('the engine gave no gc function');
  let best = Infinity;
  let mixed = 0;
  for (let i = 0; i < warmCallCount; i++) mixed ^= call(i);
  for (let round = 0; round < roundCount && best >= cleanBytes; round++) {
    collect();
    const before = process.memoryUsage().heapUsed;
    // A sum would outgrow an int32 and be boxed itself; this mix stays one.
    for (let i = 0; i < callCount; i++) mixed ^= call(i);
    const grown = process.memoryUsage().heapUsed - before;
    best = Math.min(best, grown / callCount);
  }
  expect(Number.isInteger(mixed)).toBe(true);
  return best;
}

const u8 = new Uint8Array(256);
u8.set(Buffer.from('-4242|123456789012345|9223372036854775807|{user1000}.following|zadd'));
const zadd = Buffer.from('ZADD');

const calls: Record<string, (i: number) => number> = {
  'parseInteger, short': () => (parseInteger(u8, 0, 5) ? parsed.low : 0),
  'parseInteger, 15 digits': () => (parseInteger(u8, 6, 15) ? parsed.high : 0),
  'parseInteger, 64 bits': () => (parseInteger(u8, 22, 19) ? parsed.high : 0),
  'writeInteger, small': (i) => writeInteger(u8, 128, i - 10_000),
  'writeInteger, safe': (i) => writeInteger(u8, 128, i * 450_000_000_000),
  'writeInteger64': (i) => writeInteger64(u8, 128, i << 17, i) + integer64TextBytes(i << 17, i),
  'slotOfKey': () => slotOfKey(u8, 42, 20),
  'equalsIgnoreCase': () => (equalsIgnoreCase(u8, 63, 4, zadd) ? 1 : 0),
};

describe('allocation', () => {
  it.each(Object.keys(calls))('%s: none', (name) => {
    const call = calls[name];
    expect(call).toBeDefined();
    if (call !== undefined) expect(bytesPerCall(call)).toBeLessThan(1);
  });

  it('is noticed when there is some', () => {
    const kept: number[][] = [];
    const allocating = (i: number): number => {
      kept[i] = [i, i, i];
      return kept.length;
    };
    expect(bytesPerCall(allocating)).toBeGreaterThan(8);
  });
});
