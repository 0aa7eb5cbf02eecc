/**
 * The lengths around the entries of packs, byte by byte as the drawing has them, on both sides of
 * every form and at every alignment, and read from either end.
 */
import { describe, expect, it } from 'vitest';
import {
  PACK_FIVE_BYTES_FROM, PACK_TWO_BYTES_FROM, packLengthAt, packLengthBefore, packLengthBytes,
} from './pack-layout.hot.ts';

const PACK = 4;
const FORMS: readonly (readonly [number, readonly number[]])[] = [
  [0, [0]], [1, [1]], [127, [0x7f]], [128, [0x80, 128]], [300, [0x81, 44]],
  [16_383, [0xbf, 0xff]], [16_384, [0xff, 0x00, 0x40, 0, 0]],
  [8_388_608, [0xff, 0, 0, 0x80, 0]],
];

describe('lengths of a pack', () => {
  it.each(FORMS)('%i is written as %j', (bytes, form) => {
    expect(packLengthBytes(bytes)).toBe(form.length);
    for (let pos = 8; pos < 16; pos++) {
      const u8 = Buffer.alloc(96, 0x5a);
      u8.set(form, PACK * 8 + pos);
      // Mirrored as a whole for two bytes; the word of the long form keeps its order.
      const behind = form.length === 5 ? [...form.slice(1), 0xff] : [...form].reverse();
      u8.set(behind, PACK * 8 + pos + 20);
      const i32 = new Int32Array(u8.buffer, u8.byteOffset, 24);
      expect(packLengthAt(i32, PACK, pos), `at ${pos}`).toBe(bytes);
      expect(packLengthBefore(i32, PACK, pos + 20 + behind.length), `at ${pos}`).toBe(bytes);
    }
  });

  it('takes two bytes from 128 and five from 16384 on', () => {
    expect(packLengthBytes(PACK_TWO_BYTES_FROM - 1)).toBe(1);
    expect(packLengthBytes(PACK_TWO_BYTES_FROM)).toBe(2);
    expect(packLengthBytes(PACK_FIVE_BYTES_FROM - 1)).toBe(2);
    expect(packLengthBytes(PACK_FIVE_BYTES_FROM)).toBe(5);
  });
});
