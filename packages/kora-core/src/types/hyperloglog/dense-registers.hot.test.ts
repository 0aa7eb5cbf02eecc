/**
 * Registers of 6 bits against an array of numbers, at every alignment: one by one and as a whole,
 * and without a bit changed beside them.
 */
import { describe, expect, it } from 'vitest';
import { randomSource } from '../../testing/random-source.ts';
import {
  countDense, countRegisters, denseRegister, mergeDense, packDense, setDenseRegister,
} from './dense-registers.hot.ts';
import { DENSE_REGISTERS_BYTES, REGISTER_COUNT } from './hll-layout.ts';

const PLAIN_AT = 20_000;

describe('dense registers', () => {
  it.each([0, 1, 2, 3])('hold what was set, at alignment %i', (alignment) => {
    const random = randomSource(alignment + 1);
    const low = new Uint8Array(40_000);
    const i32 = new Int32Array(low.buffer);
    const at = 16 + alignment;
    low.fill(0xff);
    low.fill(0, at, at + DENSE_REGISTERS_BYTES);
    const plain = new Uint8Array(REGISTER_COUNT);
    for (let i = 0; i < 60_000; i++) {
      const index = random.below(REGISTER_COUNT);
      const value = random.below(64);
      setDenseRegister(i32, at, index, value);
      plain[index] = value;
    }
    setDenseRegister(i32, at, REGISTER_COUNT - 1, 51);
    plain[REGISTER_COUNT - 1] = 51;
    const got = plain.map((_, index) => denseRegister(i32, at, index));
    expect(got).toEqual(plain);
    expect(low[at - 1]).toBe(0xff);
    expect(low[at + DENSE_REGISTERS_BYTES]).toBe(0xff);

    low.fill(7, PLAIN_AT, PLAIN_AT + REGISTER_COUNT);
    mergeDense(low, at, PLAIN_AT);
    const merged = low.slice(PLAIN_AT, PLAIN_AT + REGISTER_COUNT);
    expect(merged).toEqual(plain.map((value) => Math.max(value, 7)));
    packDense(low, PLAIN_AT, at);
    expect(plain.map((_, index) => denseRegister(i32, at, index))).toEqual(merged);
    expect(low[at + DENSE_REGISTERS_BYTES]).toBe(0xff);

    for (const [count, values, from] of [
      [countDense, merged, at], [countRegisters, merged, PLAIN_AT],
    ] as const) {
      const histogram = new Int32Array(64);
      count(low, from, histogram);
      const wanted = new Int32Array(64);
      for (const value of values) wanted[value] = (wanted[value] ?? 0) + 1;
      expect(histogram).toEqual(wanted);
    }
  });
});
