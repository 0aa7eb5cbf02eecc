/**
 * Listpacks: what is written reads back whatever the elements; every form and every border of
 * forms is taken as redis-server takes it (recorded from DUMP of 7.0.15); damaged bytes are refused
 * and never read beyond.
 */
import { describe, expect, it } from 'vitest';
import { SeededChance } from '../platform/platform.ts';
import { WorkerMemory } from '../structs/worker-memory.ts';
import { ListpackReader } from './listpack-reader.ts';
import { RdbError } from './rdb-error.ts';
import { RdbReader } from './rdb-reader.ts';
import { RdbWriter } from './rdb-writer.ts';

const memory = WorkerMemory.create({ lowBytes: 4 << 20, bytesMax: 8 << 20 });
const writer = new RdbWriter(memory);
const stagingAt = memory.lowAllocator.alloc(64) * 8;

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'latin1'));
}

function write(elements: readonly string[]): Uint8Array {
  writer.listpack.begin();
  for (const element of elements) writer.listpack.addBytes(bytesOf(element));
  return writer.listpack.finish().slice();
}

function read(blob: Uint8Array): string[] {
  const reader = new RdbReader(memory, new Uint8Array(0));
  try {
    const list = new ListpackReader(reader, blob);
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

const BORDERS = [
  '0', '127', '128', '-1', '4095', '4096', '-4096', '-4097', '32767', '32768', '-32768', '-32769',
  '8388607', '8388608', '-8388608', '-8388609', '2147483647', '2147483648', '-2147483648',
  '-2147483649', '9223372036854775807', '-9223372036854775808', '9223372036854775808', '-0', '01',
  '', '+1', '1e3', 'x'.repeat(63), 'x'.repeat(64), 'x'.repeat(126), 'x'.repeat(125),
  'y'.repeat(4095), 'y'.repeat(4096), 'z'.repeat(16_377), 'z'.repeat(16_378), 'z'.repeat(70_000),
];

describe('listpacks', () => {
  it('read back what was written, at every border of forms', () => {
    expect(read(write(BORDERS))).toEqual(BORDERS);
    for (const element of BORDERS) expect(read(write([element]))).toEqual([element]);
  });

  it('have the bytes that redis-server gives them', () => {
    // HSET h f v n 12 m -5 b 5000 k 70000 : the listpack inside DUMP h.
    const elements = ['f', 'v', 'n', '12', 'm', '-5', 'b', '5000', 'k', '70000'];
    const recorded =
      '270000000a00' + '816602' + '817602' + '816e02' + '0c01' + '816d02' + 'dffb02' + '816202' +
      'f1881303' + '816b02' + 'f270110104' + 'ff';
    expect(Buffer.from(write(elements)).toString('hex')).toBe(recorded);
  });

  it('take elements from the worker memory, integers and doubles', () => {
    const block = memory.arenaAllocator.alloc(100_000);
    memory.low.set(bytesOf('-77 and a long text behind it'), stagingAt);
    memory.kernel.copy(block * 8, stagingAt, 29);
    const { listpack } = writer;
    listpack.begin();
    listpack.add(block * 8, 3);
    listpack.add(block * 8, 29);
    listpack.addInteger(-9_007_199_254_740_991);
    listpack.addInteger64(-0x8000_0000, 0);
    listpack.addDouble(1.5);
    listpack.addDouble(-0);
    listpack.addDouble(1e20);
    const { count, bytes } = listpack;
    const blob = listpack.finish().slice();
    expect([count, bytes]).toEqual([7, blob.length]);
    expect(read(blob)).toEqual([
      '-77', '-77 and a long text behind it', '-9007199254740991', '-9223372036854775808', '1.5',
      '-0', '1e+20',
    ]);
    memory.arenaAllocator.free(block);
  });

  it('count more elements than their header can say', () => {
    const many = Array.from({ length: 70_000 }, (_, i) => String(i % 100));
    expect(read(write(many))).toEqual(many);
  });

  it('are refused when damaged, and never read beyond their end', () => {
    const blob = write(['abc', '12', '-7000', 'x'.repeat(100), '123456789012']);
    const used = memory.lowAllocator.usedBytes();
    let refused = 0;
    for (let end = 0; end < blob.length; end++) {
      expect(() => read(blob.slice(0, end)), `cut at ${end}`).toThrow(RdbError);
    }
    const chance = new SeededChance(7);
    for (let round = 0; round < 3_000; round++) {
      const damaged = blob.slice();
      const at = (chance.next32() >>> 0) % damaged.length;
      damaged[at] = chance.next32();
      try {
        read(damaged);
      } catch (error) {
        if (!(error instanceof RdbError)) throw error;
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(300);
    expect(memory.lowAllocator.usedBytes()).toBe(used);
  });
});
