/**
 * The header of files: its bytes are those that the drawing says, and no header passes that has a
 * bit turned, an end missing, or fields that no writer of its version makes.
 */
import { crc32 as crc32OfZlib } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { FileHeaderKind } from './file-header.ts';
import { damageOfFileHeader, encodeFileHeader } from './file-header.ts';

const kind: FileHeaderKind = {
  what: 'a test', mark: [...Buffer.from('KORATST\x01')], version: 7, longFields: [24, 16],
};

/** As the drawing has it, with fields as words from byte 16 on. */
function drawn(version: number, words: readonly number[]): Buffer {
  const bytes = Buffer.alloc(64);
  bytes.write('KORATST\x01', 'latin1');
  bytes.writeUInt32LE(version, 12);
  for (const [index, word] of words.entries()) bytes.writeUInt32LE(word, 16 + 4 * index);
  bytes.writeUInt32LE(crc32OfZlib(bytes.subarray(12)), 8);
  return bytes;
}

describe('a header', () => {
  const whole = drawn(7, [1, 2, 3, 4, 5]);
  it('is what the drawing says', () => {
    const made = encodeFileHeader(kind, (bytes) => {
      for (const [index, word] of [1, 2, 3, 4, 5].entries()) bytes[16 + 4 * index] = word;
    });
    expect(Buffer.from(made)).toEqual(whole);
    expect(damageOfFileHeader(made, kind)).toBeUndefined();
  });
  it('is refused for every turned bit and every cut', () => {
    for (let byte = 0; byte < whole.length; byte++) {
      expect(damageOfFileHeader(whole.subarray(0, byte), kind)).toEqual({
        offset: byte, expected: '64 bytes of header', found: 'the end of the file',
      });
      const offset = byte < 8 ? byte : 8;
      for (let bit = 0; bit < 8; bit++) {
        const turned = Buffer.from(whole);
        turned[byte] = (turned[byte] ?? 0) ^ (1 << bit);
        expect(damageOfFileHeader(turned, kind), `byte ${byte}`).toMatchObject({ offset });
      }
    }
  });
  it('is refused when it is of another version, or of no writer of this one', () => {
    expect(damageOfFileHeader(drawn(8, [1]), kind)).toEqual({
      offset: 12, expected: 'version 7', found: 'version 8',
    });
    const beyond = { offset: 24, expected: 'a header of this version', found: 'numbers beyond it' };
    expect(damageOfFileHeader(drawn(7, [0, 0x1f_ffff]), kind)).toBeUndefined();
    expect(damageOfFileHeader(drawn(7, [0, 0x20_0000]), kind)).toEqual(beyond);
    const lastZero = Array.from({ length: 12 }, (_, index) => (index === 11 ? 1 : 0));
    expect(damageOfFileHeader(drawn(7, lastZero), kind)).toEqual(beyond);
  });
});
