/**
 * Registers told in runs against an array of numbers: sets in any order keep the others, give up
 * when they may not grow, and refuse runs that end too early. Their exact bytes are held against a
 * redis-server in hyperloglog.reference.test.ts.
 */
import { describe, expect, it } from 'vitest';
import { randomSource } from '../../testing/random-source.ts';
import { denseRegister } from './dense-registers.hot.ts';
import { REGISTER_COUNT } from './hll-layout.ts';
import {
  countSparse, expandSparse, mergeSparse, setSparse, SPARSE_CORRUPT, SPARSE_FULL, SPARSE_SAME,
} from './sparse-registers.hot.ts';

const START = 3;
const ROOM = 40_000;
const PLAIN_AT = 50_000;
const DENSE_AT = 70_000;

function emptyRuns(): Uint8Array {
  const low = new Uint8Array(90_000);
  low[START] = 0x7f;
  low[START + 1] = 0xff;
  return low;
}

describe('sparse registers', () => {
  it.each([1, 2, 3, 4])('hold what was set, seed %i', (seed) => {
    const random = randomSource(seed);
    const low = emptyRuns();
    const i32 = new Int32Array(low.buffer);
    const plain = new Uint8Array(REGISTER_COUNT);
    const spread = seed % 2 === 0 ? REGISTER_COUNT : 600;
    let end = START + 2;
    for (let step = 0; step < 3000; step++) {
      const index = random.below(20) === 0 ? REGISTER_COUNT - 1 : random.below(spread);
      const value = 1 + random.below(random.chance(0.5) ? 3 : 32);
      const result = setSparse(low, START, end, index, value, ROOM, true);
      const isRaised = value > (plain[index] ?? 0);
      expect(result === SPARSE_SAME, `seed ${seed}, step ${step}`).toBe(!isRaised);
      if (!isRaised) continue;
      plain[index] = value;
      end = result;
      if (step % 100 !== 0) continue;
      low.fill(0, PLAIN_AT, PLAIN_AT + REGISTER_COUNT);
      expect(mergeSparse(low, START, end, PLAIN_AT)).toBe(true);
      const merged = low.slice(PLAIN_AT, PLAIN_AT + REGISTER_COUNT);
      if (!Buffer.from(merged).equals(plain)) expect.fail(`seed ${seed}, step ${step}: registers`);
    }
    const histogram = new Int32Array(64);
    expect(countSparse(low, START, end, histogram)).toBe(true);
    const wanted = new Int32Array(64);
    for (const value of plain) wanted[value] = (wanted[value] ?? 0) + 1;
    expect(histogram).toEqual(wanted);
    expect(expandSparse(low, i32, START, end, DENSE_AT)).toBe(true);
    expect(plain.map((_, index) => denseRegister(i32, DENSE_AT, index))).toEqual(plain);
  });

  it('give up where they may not grow or the value is too large, and change nothing', () => {
    const low = emptyRuns();
    const before = low.slice();
    expect(setSparse(low, START, START + 2, 5000, 3, START + 4, true)).toBe(SPARSE_FULL);
    expect(setSparse(low, START, START + 2, 5000, 33, ROOM, true)).toBe(SPARSE_FULL);
    expect(low).toEqual(before);
    expect(setSparse(low, START, START + 2, 5000, 3, START + 5, true)).toBe(START + 5);
  });

  it('keep their length where neighbours are not to be joined', () => {
    const low = new Uint8Array(START + 64);
    const runs = [0x84, 0x80, 0x7f, 0xfd]; // A 2, a 1, and zeros.
    low.set(runs, START);
    expect(setSparse(low, START, START + 4, 1, 2, 0, false)).toBe(START + 4);
    expect([...low.subarray(START, START + 4)]).toEqual([0x84, 0x84, 0x7f, 0xfd]);
    low.set(runs, START);
    expect(setSparse(low, START, START + 4, 1, 2, 0, true)).toBe(START + 3);
    expect([...low.subarray(START, START + 3)]).toEqual([0x85, 0x7f, 0xfd]);
  });

  it('refuse runs that are too few or too many', () => {
    const low = emptyRuns();
    low[START + 1] = 0xfe;
    const last = REGISTER_COUNT - 1;
    expect(setSparse(low, START, START + 2, last, 3, ROOM, true)).toBe(SPARSE_CORRUPT);
    expect(setSparse(low, START, START + 1, 0, 3, ROOM, true)).toBe(SPARSE_CORRUPT);
    expect(mergeSparse(low, START, START + 2, PLAIN_AT)).toBe(false);
    expect(countSparse(low, START, START + 2, new Int32Array(64))).toBe(false);
    low[START + 1] = 0xff;
    low[START + 2] = 0x80;
    const i32 = new Int32Array(low.buffer);
    expect(mergeSparse(low, START, START + 3, PLAIN_AT)).toBe(false);
    expect(expandSparse(low, i32, START, START + 3, DENSE_AT)).toBe(false);
    expect(countSparse(low, START, START + 3, new Int32Array(64))).toBe(false);
  });
});
