/**
 * The RDB reader and writer against each other: every kind of thing reads back as it was written,
 * at the borders of its forms; what is cut off, too long or not a number is an RdbError; nothing
 * stays in low memory after `close`.
 */
import { describe, expect, it } from 'vitest';
import { FLAT_ARGUMENT_BYTES_MAX } from '../limits.ts';
import { WorkerMemory } from '../structs/worker-memory.ts';
import { RdbError } from './rdb-error.ts';
import { RdbReader } from './rdb-reader.ts';
import { COPY_BLOCK_BYTES, RdbWriter } from './rdb-writer.ts';

const memory = WorkerMemory.create({ lowBytes: 32 << 20, bytesMax: 64 << 20 });
const writer = new RdbWriter(memory);
const stagingAt = memory.lowAllocator.alloc(50_000) * 8;

/** Writes with `write`, reads with `read`, and expects the end after it. */
function through<Result>(
  write: (writer: RdbWriter) => void, read: (reader: RdbReader) => Result,
): Result {
  writer.begin();
  write(writer);
  const used = memory.lowAllocator.usedBytes();
  const reader = new RdbReader(memory, writer.bytes().slice());
  try {
    const result = read(reader);
    reader.expectEnd();
    return result;
  } finally {
    reader.close();
    expect(memory.lowAllocator.usedBytes()).toBe(used);
  }
}

/** Every cut of what `write` writes is refused by `read`. */
function expectCutsRefused(
  write: (writer: RdbWriter) => void, read: (reader: RdbReader) => unknown,
): void {
  writer.begin();
  write(writer);
  const whole = writer.bytes().slice();
  for (let end = 0; end < whole.length; end++) {
    const reader = new RdbReader(memory, whole, 0, end);
    expect(() => read(reader), `cut at ${end}`).toThrow(RdbError);
    reader.close();
  }
}

const textOf = (reader: RdbReader): string => Buffer.from(reader.text).toString('latin1');
const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

describe('numbers', () => {
  it('read back at the borders of their forms', () => {
    const counts = [0, 63, 64, 16_383, 16_384, 0xffff_ffff, 2 ** 32, Number.MAX_SAFE_INTEGER];
    for (const count of counts) {
      expect(through((out) => { out.count(count); }, (reader) => reader.count())).toBe(count);
      expectCutsRefused((out) => { out.count(count); }, (reader) => reader.count());
    }
    for (const [high, low] of [[0, 5], [0x1f_ffff, -1], [0x20_0000, 0], [-1, -1]] as const) {
      const words = through((out) => { out.count64(high, low); }, (reader) => {
        reader.count64();
        return [reader.high, reader.low];
      });
      expect(words).toEqual([high, low]);
    }
    for (const value of [0, -0, 1.5, -1e300, Infinity, 5e-324]) {
      const read = through((out) => { out.binaryDouble(value); }, (each) => each.binaryDouble());
      expect(Object.is(read, value), String(value)).toBe(true);
    }
    for (const ms of [0, 1_700_000_000_123, -5]) {
      expect(through((out) => { out.milliseconds(ms); }, (each) => each.milliseconds())).toBe(ms);
    }
  });

  it('are refused when they are none', () => {
    const double = (text: string): number => through((out) => {
      out.u8(text.length);
      out.rawOf(bytesOf(text));
    }, (reader) => reader.textDouble());
    expect(double('2.5')).toBe(2.5);
    expect(() => double('x')).toThrow(RdbError);
    expect(() => through((out) => { out.u8(253); }, (each) => each.textDouble())).toThrow(RdbError);
    expect(through((out) => { out.u8(255); }, (each) => each.textDouble())).toBe(-Infinity);
    expect(() => through((out) => { out.binaryDouble(NaN); }, (each) => each.binaryDouble()))
      .toThrow(RdbError);
    expect(() => through((out) => { out.count(9); }, (each) => each.countOf(2))).toThrow(RdbError);
    expect(() => through((out) => { out.count64(-1, -1); }, (each) => each.count()))
      .toThrow(RdbError);
  });
});

describe('strings', () => {
  it('read back from and to the worker memory, in every form', () => {
    const block = memory.arenaAllocator.alloc(200_000);
    const long = Array.from({ length: COPY_BLOCK_BYTES + 5 }, (_, i) =>
      String.fromCharCode((i * 7) & 0xff)).join('');
    const texts = ['', '12', '-129', 'abc', 'x'.repeat(100_000), 'é'.repeat(20), long];
    for (const text of texts) {
      for (let done = 0; done < text.length; done += 50_000) {
        const part = bytesOf(text.slice(done, done + 50_000));
        memory.low.set(part, stagingAt);
        memory.kernel.copy(block * 8 + done, stagingAt, part.length);
      }
      const write = (out: RdbWriter): void => { out.string(block * 8, text.length); };
      expect(through(write, (reader) => {
        reader.string();
        return textOf(reader);
      })).toBe(text);
      const blob = through(write, (reader) => Buffer.from(reader.blob()).toString('latin1'));
      expect(blob).toBe(text);
      if (text.length < 200) expectCutsRefused(write, (reader) => { reader.string(); });
    }
    memory.arenaAllocator.free(block);
  });

  it('are kept in pairs, and longer ones than an argument are refused as too long', () => {
    const write = (out: RdbWriter): void => {
      for (const text of ['first', '2', 'third one']) out.stringOf(bytesOf(text));
    };
    expect(through(write, (reader) => {
      reader.string();
      reader.keep();
      reader.string();
      const kept = memory.low.slice(reader.keptAt, reader.keptAt + reader.keptBytes);
      const pair = [Buffer.from(kept).toString(), textOf(reader)];
      reader.keep();
      reader.string();
      return [...pair, textOf(reader)];
    })).toEqual(['first', '2', 'third one']);
    const long = new Uint8Array(FLAT_ARGUMENT_BYTES_MAX + 1);
    const readLong = (): void => through((out) => { out.stringOf(long); }, (each) => {
      each.string();
    });
    expect(readLong).toThrow(expect.objectContaining({ kind: 'memory' }));
  });
});

describe('streams', () => {
  it('give in parts what the buffer would hold, and no part twice', () => {
    const write = (out: RdbWriter): void => {
      for (let i = 0; i < 4_000; i++) {
        out.count(i * 7_919);
        out.stringOf(bytesOf(`text ${i} ${'x'.repeat(i % 300)}`));
      }
    };
    writer.begin();
    write(writer);
    const whole = writer.bytes().slice();
    const parts: Uint8Array[] = [];
    writer.beginStream((part) => parts.push(part.slice()));
    write(writer);
    writer.end();
    expect(parts.length).toBeGreaterThan(1);
    expect(Buffer.concat(parts).equals(whole)).toBe(true);
    expect(writer.length).toBe(0);
  });
});
