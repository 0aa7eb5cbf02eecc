/**
 * DUMP payloads of strings: bytes recorded from redis-server 7.0.15, every form there and back, and
 * refusals. Random values and damaged payloads are put to a server in bytes.reference.test.ts.
 */
import { describe, expect, it } from 'vitest';
import { SeededChance } from '../platform/platform.ts';
import {
  RDB_TYPE_STRING, RdbCursor, decodeDump, dumpStringBytesMax, encodeDumpString, openDump,
  writeRdbLength,
} from './rdb-string.ts';

const valueBytesMax = 1 << 20;

function dump(value: Uint8Array): Uint8Array {
  const into = new Uint8Array(dumpStringBytesMax(value.length) + 2);
  return into.slice(2, 2 + encodeDumpString(value, into, 2));
}

const decode = (payload: Uint8Array): ReturnType<typeof decodeDump> =>
  decodeDump(payload, 0, payload.length, valueBytesMax);

/** A payload with this body and a footer that is in order, made without the code under test. */
function sealed(body: readonly number[], version = 10): Uint8Array {
  const signed = [...body, version & 0xff, version >> 8];
  return Uint8Array.from([...signed, ...checksumOf(signed)]);
}

function checksumOf(bytes: readonly number[]): number[] {
  let crc = 0n;
  for (const byte of bytes) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) {
      crc = (crc & 1n) === 1n ? (crc >> 1n) ^ 0x95ac9329ac4bc9b5n : crc >> 1n;
    }
  }
  return Array.from({ length: 8 }, (_, i) => Number((crc >> BigInt(8 * i)) & 0xffn));
}

describe('payloads recorded from redis-server', () => {
  const recorded: readonly (readonly [string, string])[] = [
    ['hello', '000568656c6c6f0a006372df766534200a'],
    ['42', '00c02a0a0081fb5cfa86634f50'],
    ['-200', '00c138ff0a00223b8fbbe8f461f3'],
    ['100000', '00c2a08601000a00f12403506f2fa674'],
    ['', '00000a005d9b5c400f7fa2da'],
  ];

  it.each(recorded)('%j is written and read', (text, hex) => {
    expect(Buffer.from(dump(Buffer.from(text))).toString('hex')).toBe(hex);
    const value = Uint8Array.from(Buffer.from(text));
    expect(decode(Buffer.from(hex, 'hex'))).toEqual({ type: RDB_TYPE_STRING, value });
  });

  it('compressed ones are read', () => {
    const packed: readonly (readonly [string, string])[] = [
      ['a'.repeat(52), '00c30934016161e027000161610a0063dd29d34c1a246e'],
      ['abc'.repeat(12), '00c30b240361626361e015020162630a008e8791ca11001e28'],
    ];
    for (const [text, hex] of packed) {
      const value = Uint8Array.from(Buffer.from(text));
      expect(decode(Buffer.from(hex, 'hex'))).toEqual({ type: RDB_TYPE_STRING, value });
    }
  });
});

describe('every form there and back', () => {
  it('chooses the form by the value', () => {
    const forms: readonly (readonly [string, number])[] = [
      ['127', 0xc0], ['-128', 0xc0], ['128', 0xc1], ['-32768', 0xc1], ['32768', 0xc2],
      ['2147483647', 0xc2], ['-2147483648', 0xc2], ['2147483648', 10], ['007', 3], ['-0', 2],
      ['a'.repeat(20), 20], ['a'.repeat(21), 0xc3], ['0123456789abcdefghijklmnop', 26],
    ];
    for (const [text, first] of forms) {
      const payload = dump(Buffer.from(text));
      expect(payload[1], text).toBe(first);
      const found = decode(payload);
      expect(typeof found === 'string' ? found : Buffer.from(found.value).toString()).toBe(text);
    }
  });

  it('keeps random bytes of every length around the edges', () => {
    const seed = 12;
    const chance = new SeededChance(seed);
    for (const length of [0, 1, 63, 64, 65, 16_383, 16_384, 70_000]) {
      for (const mask of [0xff, 0x03, 0x00]) {
        const value = Uint8Array.from({ length }, () => chance.next32() & mask);
        const found = decode(dump(value));
        const isSame = typeof found !== 'string' && Buffer.compare(found.value, value) === 0;
        expect(isSame, `seed ${String(seed)}, ${String(length)} bytes`).toBe(true);
      }
    }
  });

  it('writes and reads lengths up to 2^53-1', () => {
    const lengths = [0, 63, 64, 16_383, 16_384, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER];
    const sizes = [1, 1, 2, 2, 5, 5, 9, 9];
    const u8 = new Uint8Array(9);
    lengths.forEach((length, i) => {
      const end = writeRdbLength(u8, 0, length);
      expect(end).toBe(sizes[i]);
      expect(new RdbCursor(u8, 0, end).readLength()).toBe(length);
      expect(new RdbCursor(u8, 0, end - 1).readLength()).toBeUndefined();
    });
  });
});

describe('refusals', () => {
  it('sees every single damaged bit', () => {
    const payload = dump(Buffer.from('hello'));
    for (let bit = 0; bit < payload.length * 8; bit++) {
      const damaged = payload.slice();
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      expect(decode(damaged), `bit ${String(bit)}`).toBe('bad-version-or-checksum');
    }
    for (let bytes = 0; bytes < payload.length; bytes++) {
      expect(decode(payload.slice(0, bytes))).toBe('bad-version-or-checksum');
    }
  });

  it('reads versions up to 12', () => {
    const body = [0, 1, 0x78];
    for (const version of [6, 9, 11, 12]) {
      const opened = openDump(sealed(body, version), 0, body.length + 10);
      expect(opened).toEqual({ type: 0, bodyAt: 1, bodyEnd: 3, version });
    }
    expect(decode(sealed(body, 13))).toBe('bad-version-or-checksum');
    expect(decode(sealed(body, 0x0100))).toBe('bad-version-or-checksum');
  });

  it('refuses broken bodies with a good footer', () => {
    const bodies = [
      [], [0], [1, 1, 0x78], [0, 2, 0x78], [0, 0x40], [0, 0x80, 0, 0, 0], [0, 0x81, 0, 0, 0, 1],
      [0, 0x82, 0, 0, 0, 0], [0, 0xc0], [0, 0xc1, 1], [0, 0xc2, 1, 2, 3], [0, 0xc4, 1],
      [0, 0xc3], [0, 0xc3, 2], [0, 0xc3, 2, 1, 0], [0, 0xc3, 2, 2, 0, 0x78],
      [0, 0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    ];
    for (const body of bodies) expect(decode(sealed(body)), String(body)).toBe('bad-format');
  });

  it('believes no length that LZF could not produce or that passes the bound', () => {
    expect(decode(sealed([0, 0xc3, 2, 0x80, 0x1f, 0, 0, 0, 0, 0x78]))).toBe('bad-format');
    const payload = dump(Buffer.from('a'.repeat(300)));
    expect(decodeDump(payload, 0, payload.length, 299)).toBe('bad-format');
    const plain = dump(Buffer.from('abcdef'));
    expect(decodeDump(plain, 0, plain.length, 5)).toBe('bad-format');
  });
});
