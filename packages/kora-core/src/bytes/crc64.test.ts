/**
 * CRC-64 against the definition, one bit at a time on a bigint, for every length around the
 * eight-byte steps and every cut in two pieces.
 */
import { describe, expect, it } from 'vitest';
import { SeededChance } from '../platform/platform.ts';
import { Crc64, crc64 } from './crc64.ts';

function plainCrc64(bytes: Uint8Array): bigint {
  let crc = 0n;
  for (const byte of bytes) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) {
      crc = (crc & 1n) === 1n ? (crc >> 1n) ^ 0x95ac9329ac4bc9b5n : crc >> 1n;
    }
  }
  return crc;
}

const chance = new SeededChance(64);
const sample = Uint8Array.from({ length: 400 }, () => chance.next32());

describe('crc64', () => {
  it('gives the check value', () => {
    expect(crc64(Buffer.from('123456789'), 0, 9)).toBe(0xe9c6d914c4b8d9can);
    expect(crc64(sample, 5, 0)).toBe(0n);
  });

  it('agrees with the definition for every length and offset', () => {
    for (let bytes = 0; bytes < 100; bytes++) {
      const at = bytes % 9;
      expect(crc64(sample, at, bytes)).toBe(plainCrc64(sample.slice(at, at + bytes)));
    }
    expect(crc64(sample, 0, sample.length)).toBe(plainCrc64(sample));
  });

  it('does not depend on the cut into pieces', () => {
    const whole = crc64(sample, 0, 60);
    const sum = new Crc64();
    for (let cut = 0; cut <= 60; cut++) {
      sum.reset();
      sum.update(sample, 0, cut);
      sum.update(sample, cut, 60 - cut);
      expect(sum.digest(), `cut ${String(cut)}`).toBe(whole);
    }
  });
});

describe('the eight bytes of a footer', () => {
  it('are written lowest first and recognised', () => {
    const sum = new Crc64();
    sum.update(Buffer.from('123456789'), 0, 9);
    const bytes = new Uint8Array(10);
    sum.writeTo(bytes, 1);
    expect(Buffer.from(bytes).toString('hex')).toBe('00cad9b8c414d9c6e900');
    expect(sum.equalsBytes(bytes, 1)).toBe(true);
    for (let at = 1; at <= 8; at++) {
      const damaged = Uint8Array.from(bytes);
      damaged[at] = (damaged[at] ?? 0) ^ 0x80;
      expect(sum.equalsBytes(damaged, 1)).toBe(false);
    }
  });
});
