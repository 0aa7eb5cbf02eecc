/**
 * IDs held against bigints: order, steps, both forms in memory, and the order of a ScoreTree, which
 * compares scores and then keys.
 */
import { describe, expect, it } from 'vitest';
import { randomSource } from '../../testing/random-source.ts';
import { StreamId, swapBytes } from './stream-id.hot.ts';

const LAST = (1n << 128n) - 1n;

function toBigint(id: StreamId): bigint {
  const words = [id.msHigh, id.msLow, id.seqHigh, id.seqLow];
  return words.reduce((sum, word) => (sum << 32n) | BigInt(word >>> 0), 0n);
}

function toId(value: bigint): StreamId {
  const id = new StreamId();
  const word = (shift: bigint): number => Number(BigInt.asIntN(32, value >> shift));
  id.set(word(96n), word(64n), word(32n), word(0n));
  return id;
}

/** IDs near the edges of words, and anywhere. */
function samples(seed: number): bigint[] {
  const random = randomSource(seed);
  const edges = [0n, 1n, 31n, 32n, 53n, 63n, 64n, 65n, 96n, 117n, 127n].map((shift) => 1n << shift);
  const near = edges.flatMap((edge) => [edge - 1n, edge, edge + 1n]);
  const any = Array.from({ length: 60 }, () =>
    [0, 1, 2, 3].reduce((sum) => (sum << 32n) | BigInt(random.word() >>> 0), 0n));
  return [0n, LAST, LAST - 1n, ...near, ...any];
}

describe('IDs', () => {
  const values = samples(3);

  it('are ordered as their numbers, in every form', () => {
    const words = new Int32Array(8);
    const bytes = new Uint8Array(words.buffer);
    for (const a of values) {
      for (const b of values) {
        const x = toId(a);
        const y = toId(b);
        const wanted = a < b ? -1 : a > b ? 1 : 0;
        expect(Math.sign(x.compare(y)), `${a} ${b}`).toBe(wanted);
        x.writeKey(words, 0);
        y.writeKey(words, 4);
        const ofKeys = Buffer.compare(bytes.subarray(0, 16), bytes.subarray(16));
        expect(ofKeys, `${a} ${b}`).toBe(wanted);
        const ofTree = Math.sign(x.score() - y.score()) || ofKeys;
        expect(ofTree, `${a} ${b}`).toBe(wanted);
        expect(x.hasSameMs(y)).toBe(a >> 64n === b >> 64n);
      }
    }
  });

  it('step by one and stop at the ends', () => {
    for (const value of values) {
      const up = toId(value);
      expect(up.increment()).toBe(value !== LAST);
      expect(toBigint(up)).toBe(value === LAST ? LAST : value + 1n);
      const down = toId(value);
      expect(down.decrement()).toBe(value !== 0n);
      expect(toBigint(down)).toBe(value === 0n ? 0n : value - 1n);
      expect(toId(value).isZero()).toBe(value === 0n);
      expect(toId(value).isMax()).toBe(value === LAST);
    }
  });

  it('come back from memory, also as copies', () => {
    const words = new Int32Array(10);
    const other = new StreamId();
    for (const value of values) {
      const id = toId(value);
      id.write(words, 1);
      other.read(words, 1);
      expect(toBigint(other)).toBe(value);
      id.writeKey(words, 5);
      other.setZero();
      other.readKey(words, 5);
      expect(toBigint(other)).toBe(value);
      other.setMax();
      other.copy(id);
      expect(toBigint(other)).toBe(value);
    }
  });

  it('begin at a time', () => {
    const id = new StreamId();
    for (const ms of [0, 1, 2 ** 31, 2 ** 32, 1_700_000_000_123, Number.MAX_SAFE_INTEGER]) {
      id.setMs(ms);
      expect(toBigint(id)).toBe(BigInt(ms) << 64n);
      expect(id.score()).toBe(ms);
    }
  });

  it('swap the bytes of a word', () => {
    expect(swapBytes(0x01020304)).toBe(0x04030201);
    expect(swapBytes(-2)).toBe(0xfeffffff | 0);
  });
});
