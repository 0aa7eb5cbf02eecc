/**
 * CRC-16 against the definition (one bit at a time) and the hashtag rule against a regular
 * expression; the fixed slots are those of the Redis Cluster specification and of redis-server.
 */
import { describe, expect, it } from 'vitest';
import { SeededChance } from '../platform/platform.ts';
import { SLOT_COUNT, crc16, slotOfKey } from './crc16.hot.ts';

function plainCrc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      const isOut = ((crc >> 15) ^ (byte >> bit)) & 1;
      crc = ((crc << 1) & 0xffff) ^ (isOut === 1 ? 0x1021 : 0);
    }
  }
  return crc;
}

function plainSlot(key: string): number {
  const tag = /^[^{]*\{([^}]+)\}/s.exec(key);
  return plainCrc16(Buffer.from(tag?.[1] ?? key, 'latin1')) % 16_384;
}

const slotOf = (key: string): number => {
  const bytes = Buffer.from(`<<${key}>>`, 'latin1');
  return slotOfKey(bytes, 2, bytes.length - 4);
};

describe('crc16', () => {
  it('gives the check value', () => {
    expect(crc16(Buffer.from('123456789'), 0, 9)).toBe(0x31c3);
    expect(crc16(new Uint8Array(0), 0, 0)).toBe(0);
  });

  it('agrees with the definition on random bytes', () => {
    const chance = new SeededChance(16);
    for (let round = 0; round < 500; round++) {
      const bytes = Uint8Array.from({ length: round % 70 }, () => chance.next32());
      expect(crc16(bytes, 0, bytes.length), `round ${String(round)}`).toBe(plainCrc16(bytes));
    }
  });
});

describe('slotOfKey', () => {
  it('gives the slots of redis-server', () => {
    const slots = { '': 0, foo: 12_182, '123456789': 12_739, '{user1000}.following': 3443 };
    for (const [key, slot] of Object.entries(slots)) expect(slotOf(key), key).toBe(slot);
  });

  it('hashes the whole key unless a first pair of braces holds something', () => {
    expect(slotOf('{user1000}.followers')).toBe(slotOf('user1000'));
    expect(slotOf('foo{{bar}}zap')).toBe(slotOf('{bar'));
    expect(slotOf('foo{bar}{zap}')).toBe(slotOf('bar'));
    expect(slotOf('foo{}{bar}')).toBe(plainCrc16(Buffer.from('foo{}{bar}')) % SLOT_COUNT);
    expect(slotOf('foo{bar')).toBe(plainCrc16(Buffer.from('foo{bar')) % SLOT_COUNT);
  });

  it('agrees with its twin on random keys', () => {
    const seed = 61;
    const chance = new SeededChance(seed);
    const letters = 'ab{}\n\xff';
    for (let round = 0; round < 20_000; round++) {
      let key = '';
      for (let left = chance.next32() & 15; left > 0; left--) {
        key += letters.charAt((chance.next32() >>> 0) % letters.length);
      }
      expect(slotOf(key), `seed ${String(seed)}: ${JSON.stringify(key)}`).toBe(plainSlot(key));
    }
  });
});
