/**
 * Every reply writer: exact bytes by example, then random values against a twin that concatenates
 * strings, always at a random offset between sentinels, and always within the bound of
 * reply-room.ts.
 */
import { describe, expect, it } from 'vitest';
import { doubleText } from './double-text.ts';
import {
  writeArrayHeader, writeAttributeHeader, writeBigInteger, writeBigNumber3, writeBoolean3,
  writeBulkHeader, writeBulkText, writeCrlf, writeDouble2, writeDouble3, writeDoubleText3,
  writeError, writeInteger, writeInteger64, writeMapHeader, writeNull2, writeNull3,
  writeNullArray2, writeOk, writePushHeader, writeSetHeader, writeSimple, writeVerbatim3,
} from './reply-encoder.hot.ts';
import {
  CRLF_BYTES, DOUBLE_BULK_BYTES_MAX, DOUBLE_BYTES_MAX, HEADER_BYTES_MAX, INTEGER_BYTES_MAX,
  NULL_BYTES_MAX, bigNumberBytesMax, bulkTextBytesMax, lineBytesMax,
} from './reply-room.ts';
import { latin1Text } from './testing/chunked.ts';
import { pick, seededChooser } from './testing/seeded.ts';

const SENTINEL = 0xaa;

/** What a writer writes, as latin1; checks that it stays between `at` and its bound. */
function written(bytesMax: number, write: (u8: Uint8Array, at: number) => number): string {
  const at = 5;
  const u8 = new Uint8Array(at + bytesMax + 3).fill(SENTINEL);
  const next = write(u8, at);
  expect(next - at).toBeLessThanOrEqual(bytesMax);
  expect(u8.subarray(0, at).every((byte) => byte === SENTINEL)).toBe(true);
  expect(u8.subarray(next).every((byte) => byte === SENTINEL)).toBe(true);
  return latin1Text(u8.subarray(at, next));
}

function latin1OfUtf8(text: string): string {
  return latin1Text(new TextEncoder().encode(text));
}

describe('fixed forms', () => {
  it('writes nulls, booleans and headers', () => {
    const forms: readonly (readonly [number, (u8: Uint8Array, at: number) => number, string])[] = [
      [CRLF_BYTES, writeCrlf, '\r\n'],
      [lineBytesMax('OK'), writeOk, '+OK\r\n'],
      [NULL_BYTES_MAX, writeNull2, '$-1\r\n'],
      [NULL_BYTES_MAX, writeNullArray2, '*-1\r\n'],
      [NULL_BYTES_MAX, writeNull3, '_\r\n'],
      [NULL_BYTES_MAX, (u8, at) => writeBoolean3(u8, at, true), '#t\r\n'],
      [NULL_BYTES_MAX, (u8, at) => writeBoolean3(u8, at, false), '#f\r\n'],
      [HEADER_BYTES_MAX, (u8, at) => writeBulkHeader(u8, at, 12), '$12\r\n'],
      [HEADER_BYTES_MAX, (u8, at) => writeArrayHeader(u8, at, 0), '*0\r\n'],
      [HEADER_BYTES_MAX, (u8, at) => writeMapHeader(u8, at, 7), '%7\r\n'],
      [HEADER_BYTES_MAX, (u8, at) => writeSetHeader(u8, at, 10), '~10\r\n'],
      [HEADER_BYTES_MAX, (u8, at) => writePushHeader(u8, at, 3), '>3\r\n'],
      [HEADER_BYTES_MAX, (u8, at) => writeAttributeHeader(u8, at, 1), '|1\r\n'],
      [HEADER_BYTES_MAX, (u8, at) => writeArrayHeader(u8, at, 2 ** 53 - 1),
        '*9007199254740991\r\n'],
    ];
    for (const [bytesMax, write, text] of forms) expect(written(bytesMax, write)).toBe(text);
  });

  it('keeps a line one line, echoes bytes and writes higher characters as UTF-8', () => {
    const text = 'ERR a\r\nb\x00\xff\u20ac\ud83d\ude00\ud800';
    const wire = `ERR a  b\x00\xff${latin1OfUtf8('\u20ac\ud83d\ude00\ufffd')}\r\n`;
    expect(written(lineBytesMax(text), (u8, at) => writeError(u8, at, text))).toBe(`-${wire}`);
    expect(written(lineBytesMax(text), (u8, at) => writeSimple(u8, at, text))).toBe(`+${wire}`);
    expect(written(lineBytesMax('1.50'), (u8, at) => writeDoubleText3(u8, at, '1.50')))
      .toBe(',1.50\r\n');
  });

  it('counts bytes, not characters, in bulk and verbatim strings', () => {
    const text = 'a\r\n\u00e9\u20ac\ud83d\ude00\udc00';
    const utf8 = latin1OfUtf8(text);
    expect(written(bulkTextBytesMax(text), (u8, at) => writeBulkText(u8, at, text)))
      .toBe(`$${utf8.length}\r\n${utf8}\r\n`);
    expect(written(bulkTextBytesMax(text), (u8, at) => writeVerbatim3(u8, at, 'txt', text)))
      .toBe(`=${utf8.length + 4}\r\ntxt:${utf8}\r\n`);
    expect(written(bulkTextBytesMax(''), (u8, at) => writeBulkText(u8, at, '')))
      .toBe('$0\r\n\r\n');
  });

  it('writes doubles as printf does', () => {
    const texts: readonly (readonly [number, string])[] = [
      [2.5, '2.5'], [0, '0'], [-0, '-0'], [-3, '-3'], [0.1, '0.10000000000000001'], [1e17, '1e+17'],
      [2 ** 53, '9007199254740992'], [-(2 ** 53) + 1, '-9007199254740991'], [Infinity, 'inf'],
      [-Infinity, '-inf'], [Number.NaN, 'nan'], [100, '100'], [12345678, '12345678'],
      [-2.2250738585072014e-308, '-2.2250738585072014e-308'],
    ];
    for (const [value, text] of texts) {
      expect(written(DOUBLE_BYTES_MAX, (u8, at) => writeDouble3(u8, at, value)))
        .toBe(`,${text}\r\n`);
      expect(written(DOUBLE_BULK_BYTES_MAX, (u8, at) => writeDouble2(u8, at, value)))
        .toBe(`$${text.length}\r\n${text}\r\n`);
    }
  });
});

describe('numbers against string concatenation', () => {
  const edges = [0n, 1n, 9n, 10n, 2n ** 31n, 2n ** 32n, 2n ** 53n - 1n, 2n ** 63n - 1n];
  const powers = Array.from({ length: 19 }, (_, power) => 10n ** BigInt(power));
  const around = [...edges, ...powers].flatMap((value) => [value - 1n, value, value + 1n]);

  function checkInteger(value: bigint): void {
    const wire = `:${value}\r\n`;
    if (BigInt.asIntN(64, value) === value) {
      const high = Number(BigInt.asIntN(32, value >> 32n));
      const low = Number(BigInt.asIntN(32, value));
      expect(written(INTEGER_BYTES_MAX, (u8, at) => writeInteger64(u8, at, high, low))).toBe(wire);
      expect(written(INTEGER_BYTES_MAX, (u8, at) => writeInteger64(u8, at, high, low >>> 0)))
        .toBe(wire);
    }
    if (Number.isSafeInteger(Number(value))) {
      const number = Number(value);
      expect(written(INTEGER_BYTES_MAX, (u8, at) => writeInteger(u8, at, number))).toBe(wire);
      expect(written(DOUBLE_BYTES_MAX, (u8, at) => writeDouble3(u8, at, number)))
        .toBe(`,${doubleText(number)}\r\n`);
    }
    const room = bigNumberBytesMax(value);
    expect(written(room, (u8, at) => writeBigInteger(u8, at, value))).toBe(wire);
    expect(written(room, (u8, at) => writeBigNumber3(u8, at, value))).toBe(`(${value}\r\n`);
  }

  it('is right around every power of ten and every word boundary', () => {
    for (const value of around) {
      checkInteger(value);
      checkInteger(-value);
    }
    checkInteger(-(2n ** 63n));
    expect(written(INTEGER_BYTES_MAX, (u8, at) => writeInteger(u8, at, -0))).toBe(':0\r\n');
    expect(written(30, (u8, at) => writeBigNumber3(u8, at, 10n ** 25n)))
      .toBe(`(1${'0'.repeat(25)}\r\n`);
  });

  it.each([1, 2])('is right for random numbers, seed %i', (seed) => {
    const choose = seededChooser(seed);
    for (let round = 0; round < 3_000; round++) {
      const word = (BigInt(choose(2 ** 32)) << 32n) | BigInt(choose(2 ** 32));
      checkInteger(BigInt.asIntN(64, word) >> BigInt(choose(63)));
    }
  });

  it.each([3, 4])('writes random texts as TextEncoder does, seed %i', (seed) => {
    const choose = seededChooser(seed);
    for (let round = 0; round < 1_000; round++) {
      const text = Array.from({ length: choose(20) }, () => String.fromCharCode(
        pick(choose, [choose(128), choose(0x800), 0xd800 + choose(2048), choose(65_536)] as const),
      )).join('');
      const utf8 = latin1OfUtf8(text);
      expect(written(bulkTextBytesMax(text), (u8, at) => writeBulkText(u8, at, text)),
        `seed ${seed} ${JSON.stringify(text)}`).toBe(`$${utf8.length}\r\n${utf8}\r\n`);
    }
  });
});
