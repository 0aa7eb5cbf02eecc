/**
 * Texts pointed at in values of a dump: whatever form a text has there, what is found is the text,
 * or it is left to others.
 */
import { SeededChance } from '@kora/core';
import { RdbType, rdbStringBytesMax, writeRdbString } from '@kora/core/rdb';
import { describe, expect, it } from 'vitest';
import { PlainText } from './plain-text.ts';

function valueOf(text: Uint8Array): Uint8Array {
  const value = new Uint8Array(1 + rdbStringBytesMax(text.length));
  value[0] = RdbType.String;
  return value.slice(0, writeRdbString(text, value, 1));
}

function found(value: Uint8Array): string | null {
  const plain = new PlainText();
  if (!plain.read(value)) return null;
  return Buffer.from(plain.u8.subarray(plain.at, plain.at + plain.bytes)).toString('latin1');
}

const INTEGERS = [
  0, 1, -1, 9, 127, 128, -128, -129, 255, 256, 32_767, 32_768, -32_768, -32_769, 65_535,
  2_147_483_647, -2_147_483_648, 2_147_483_648, -2_147_483_649, 10_000_000_000,
];

describe('a text in a dump', () => {
  it('that is an integer is its digits', () => {
    for (const integer of INTEGERS) {
      expect(found(valueOf(Buffer.from(String(integer))))).toBe(String(integer));
    }
  });

  it('is found whatever its length', () => {
    const chance = new SeededChance(1);
    for (const bytes of [0, 1, 5, 62, 63, 64, 65, 255, 256, 16_383, 16_384, 70_000]) {
      const text = Uint8Array.from({ length: bytes }, () => chance.next32() & 255);
      expect(found(valueOf(text)), `${bytes} bytes`).toBe(Buffer.from(text).toString('latin1'));
    }
  });

  it('that is packed, or whose length has 64 bits, is left to others', () => {
    expect(found(valueOf(new Uint8Array(1000)))).toBeNull();
    expect(found(Uint8Array.of(0, 0x81, 0, 0, 0, 0, 0, 0, 0, 1, 0x61))).toBeNull();
    expect(found(Uint8Array.of(0, 0x82))).toBeNull();
  });
});
