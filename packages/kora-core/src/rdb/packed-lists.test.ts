/**
 * The packed lists that are only read, and intsets: every form of an element is understood, and
 * damaged bytes are refused with an RdbError and nothing else, whatever byte is wrong.
 */
import { describe, expect, it } from 'vitest';
import { SeededChance } from '../platform/platform.ts';
import { WorkerMemory } from '../structs/worker-memory.ts';
import type { ElementReader } from './element-reader.ts';
import { encodeIntset, IntsetReader } from './intset.ts';
import { RdbError } from './rdb-error.ts';
import { RdbReader } from './rdb-reader.ts';
import { ZiplistReader, ZipmapReader } from './ziplist-reader.ts';

const memory = WorkerMemory.create({ lowBytes: 4 << 20, bytesMax: 8 << 20 });

type ReaderOf = new (reader: RdbReader, u8: Uint8Array) => ElementReader;

function read(Reader: ReaderOf, blob: Uint8Array): string[] {
  const reader = new RdbReader(memory, new Uint8Array(0));
  try {
    const list = new Reader(reader, blob);
    const elements: string[] = [];
    while (list.left > 0) {
      list.next();
      elements.push(Buffer.from(reader.text).toString('latin1'));
    }
    return elements;
  } finally {
    reader.close();
  }
}

/** A ziplist of entries given by form and data. */
function ziplist(entries: readonly (readonly number[])[], count = entries.length): Uint8Array {
  const body: number[] = [];
  let before = 0;
  let last = 10;
  for (const entry of entries) {
    last = 10 + body.length;
    const head = before < 254 ? [before] : [254, ...u32(before)];
    body.push(...head, ...entry);
    before = head.length + entry.length;
  }
  const bytes = 10 + body.length + 1;
  const header = [...u32(bytes), ...u32(last), count & 0xff, count >>> 8];
  return Uint8Array.from([...header, ...body, 255]);
}

function u32(value: number): number[] {
  return [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
}

function text(value: string): number[] {
  return [...Buffer.from(value, 'latin1')];
}

const ENTRIES = [
  [3, ...text('abc')], [0x41, 44, ...text('x'.repeat(300))], [0xfe, 0x80], [0xf1], [0xfd],
  [0x80, 0, 1, 0, 0, ...text('y'.repeat(65_536))], [0xc0, 0x18, 0xfc], [0xf0, 0, 0, 0x80],
  [0xd0, 0xff, 0xff, 0xff, 0x7f], [0xe0, 0, 0, 0, 0, 0, 0, 0, 0x80], [0],
];
const ELEMENTS = [
  'abc', 'x'.repeat(300), '-128', '0', '12', 'y'.repeat(65_536), '-1000', '-8388608',
  '2147483647', '-9223372036854775808', '',
];
const ZIPMAP = Uint8Array.from([
  2, 1, ...text('f'), 2, 3, ...text('vw'), 9, 9, 9, 254, 2, 0, 0, 0, ...text('gh'), 0, 0, 255,
]);

/** Changes single bytes and cuts; what is not refused must read without another error. */
function damage(Reader: ReaderOf, blob: Uint8Array): number {
  const chance = new SeededChance(11);
  const used = memory.lowAllocator.usedBytes();
  let refused = 0;
  for (let round = 0; round < 2_000; round++) {
    const at = (chance.next32() >>> 0) % blob.length;
    const damaged = round % 4 === 0 ? blob.slice(0, at) : blob.slice();
    if (round % 4 !== 0) damaged[at] = chance.next32();
    try {
      read(Reader, damaged);
    } catch (error) {
      if (!(error instanceof RdbError)) throw error;
      refused++;
    }
  }
  expect(memory.lowAllocator.usedBytes()).toBe(used);
  return refused;
}

describe('ziplists', () => {
  it('give their elements, whatever the form', () => {
    expect(read(ZiplistReader, ziplist(ENTRIES))).toEqual(ELEMENTS);
    expect(read(ZiplistReader, ziplist(ENTRIES, 0xffff))).toEqual(ELEMENTS);
    expect(read(ZiplistReader, ziplist([]))).toEqual([]);
  });

  it('are refused when damaged', () => {
    expect(() => read(ZiplistReader, ziplist(ENTRIES, 5))).toThrow(RdbError);
    const short = ENTRIES.filter((entry) => entry.length < 50);
    expect(damage(ZiplistReader, ziplist(short))).toBeGreaterThan(500);
  });
});

describe('zipmaps', () => {
  it('give fields and values in turn, without unused bytes', () => {
    expect(read(ZipmapReader, ZIPMAP)).toEqual(['f', 'vw', 'gh', '']);
    expect(read(ZipmapReader, Uint8Array.from([254, ...ZIPMAP.subarray(1)])).length).toBe(4);
  });

  it('are refused when damaged', () => {
    expect(damage(ZipmapReader, ZIPMAP)).toBeGreaterThan(500);
  });
});

describe('intsets', () => {
  const sets = [
    [-3n, 0n, 7n], [-32_768n, 32_767n], [-32_769n, 5n], [0n, 2_147_483_648n], [],
    [-(2n ** 63n), -1n, 0n, 1n, 2n ** 63n - 1n],
  ];

  it('read back what was written', () => {
    for (const set of sets) {
      const blob = encodeIntset(BigInt64Array.from(set));
      expect(read(IntsetReader, blob)).toEqual(set.map(String));
    }
  });

  it('are refused when damaged or out of order', () => {
    const blob = encodeIntset(BigInt64Array.from([5n, 3n]));
    expect(() => read(IntsetReader, blob)).toThrow(RdbError);
    expect(() => read(IntsetReader, encodeIntset(BigInt64Array.from([5n, 5n])))).toThrow(RdbError);
    expect(damage(IntsetReader, encodeIntset(BigInt64Array.from(sets[2]!)))).toBeGreaterThan(500);
  });
});
