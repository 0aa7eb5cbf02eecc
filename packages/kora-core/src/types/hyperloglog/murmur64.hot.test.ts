/**
 * The hash in words against the same in bigints, for every length around a block, and for bytes
 * whose products carry.
 */
import { describe, expect, it } from 'vitest';
import { randomSource } from '../../testing/random-source.ts';
import { murmur64, murmurWords } from './murmur64.hot.ts';

const M = 0xc6a4a7935bd1e995n;
const WORD = (1n << 64n) - 1n;

function naiveMurmur(bytes: Uint8Array): bigint {
  let hash = 0xadc83b19n ^ ((BigInt(bytes.length) * M) & WORD);
  const block = (from: number, count: number): bigint => {
    let value = 0n;
    for (let i = count - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[from + i] ?? 0);
    return value;
  };
  const whole = bytes.length - (bytes.length % 8);
  for (let from = 0; from < whole; from += 8) {
    let k = (block(from, 8) * M) & WORD;
    k = ((k ^ (k >> 47n)) * M) & WORD;
    hash = ((hash ^ k) * M) & WORD;
  }
  if (whole < bytes.length) hash = ((hash ^ block(whole, bytes.length - whole)) * M) & WORD;
  hash = ((hash ^ (hash >> 47n)) * M) & WORD;
  return hash ^ (hash >> 47n);
}

function murmurOf(bytes: Uint8Array, at: number): bigint {
  murmur64(bytes, at, bytes.length - at);
  const [low = 0, high = 0] = murmurWords;
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

describe('murmur64', () => {
  it('equals the definition, whatever the length and place', () => {
    const random = randomSource(5);
    for (let round = 0; round < 2000; round++) {
      const at = random.below(4);
      const bytes = Uint8Array.from({ length: at + random.below(40) }, () =>
        random.chance(0.3) ? 0xff : random.below(256),
      );
      expect(murmurOf(bytes, at), `round ${round}`).toBe(naiveMurmur(bytes.subarray(at)));
    }
  });

  it('knows the hash of the empty string', () => {
    expect(murmurOf(new Uint8Array(0), 0)).toBe(naiveMurmur(new Uint8Array(0)));
  });
});
