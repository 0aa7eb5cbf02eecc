/**
 * CRC-32: the published check value, the bitwise definition as oracle, and both forms at every
 * length around the point where one takes over from the other.
 */
import { crc32 as crc32OfZlib } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { SeededChance } from '@kora/core';
import { crc32 } from './crc32.ts';
import { crc32ByTable } from './crc32-table.hot.ts';

const chance = new SeededChance(7);
const bytes = Uint8Array.from({ length: 1024 }, () => chance.next32() & 255);

function bitwise(range: Uint8Array): number {
  let crc = ~0;
  for (const byte of range) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

describe('crc32', () => {
  it('has the published check value', () => {
    const digits = new TextEncoder().encode('123456789');
    expect(crc32(digits, 0, 9)).toBe(0xcbf43926);
    expect(crc32ByTable(digits, 0, 9, 0)).toBe(0xcbf43926);
  });
  it('is the bitwise definition at every length and offset', () => {
    for (let length = 0; length < 260; length++) {
      const at = length % 13;
      const expected = bitwise(bytes.subarray(at, at + length));
      expect(crc32(bytes, at, length), `length ${length}`).toBe(expected);
      expect(crc32ByTable(bytes, at, length, 0), `length ${length}`).toBe(expected);
      expect(crc32OfZlib(bytes.subarray(at, at + length)), `length ${length}`).toBe(expected);
    }
  });
  it('goes on from the checksum of what came before', () => {
    for (const cut of [0, 1, 8, 191, 192, 193, 700, 1024]) {
      const rest = crc32(bytes, cut, 1024 - cut, crc32(bytes, 0, cut));
      expect(rest, `cut ${cut}`).toBe(crc32(bytes, 0, 1024));
    }
  });
});
