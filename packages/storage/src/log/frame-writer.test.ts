/**
 * The writer of frames beside its plain twin, which builds the same bytes with arrays and DataView,
 * for short logs; the checker reads what it wrote; and appending allocates nothing.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { SeededChance } from '@kora/core';
import { bytesPerCall } from '@kora/core/testing';
import { crc32 } from '../crc/crc32.ts';
import { LOG_CHUNK_BYTES } from '../limits.ts';
import { FrameCheck } from './frame-check.ts';
import { FrameWriter } from './frame-writer.hot.ts';
import { allocateChunk, LogChunk } from './log-chunk.ts';

const TAG = 0xfeed_beef;

function newWriter(nextSequence = 1): { writer: FrameWriter; chunks: LogChunk[] } {
  const chunks: LogChunk[] = [];
  const next = (): LogChunk => {
    const chunk = new LogChunk(allocateChunk());
    chunks.push(chunk);
    return chunk;
  };
  return { writer: new FrameWriter({ next }, TAG, nextSequence), chunks };
}

/** A frame as the layout draws it. */
function plainFrame(
  records: readonly Uint8Array[], sequence: number, timeMs: number, durable: number,
): Uint8Array {
  const content = records.flatMap((record) => {
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, record.length, true);
    return [...length, ...record];
  });
  const padding = (8 - (content.length % 8)) % 8;
  const bytes = new Uint8Array(64 + content.length + padding);
  bytes.set(content, 64);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode('KLF1'));
  view.setUint32(8, bytes.length, true);
  view.setUint32(16, TAG, true);
  view.setUint32(20, records.length, true);
  view.setBigUint64(24, BigInt(sequence), true);
  view.setBigUint64(32, BigInt(timeMs), true);
  view.setBigUint64(40, BigInt(durable), true);
  view.setUint32(60, padding, true);
  view.setUint32(4, crc32(bytes, 8, bytes.length - 8), true);
  return bytes;
}

describe('FrameWriter', () => {
  it('writes what its plain twin writes', () => {
    for (let seed = 1; seed <= 100; seed++) {
      const chance = new SeededChance(seed);
      const below = (end: number): number => (chance.next32() >>> 0) % end;
      const { writer, chunks } = newWriter(2 ** 40);
      let sequence = 2 ** 40;
      const expected: number[] = [];
      for (let frame = 0; frame < 5; frame++) {
        const timeMs = 1_700_000_000_000 + frame;
        const durable = sequence - 1 - below(5);
        writer.setDurable(durable);
        const records = Array.from({ length: 1 + below(5) }, () =>
          Uint8Array.from({ length: below(200) }, () => below(256)));
        for (const record of records) {
          writer.beginRecord(timeMs);
          const cut = below(record.length + 1);
          writer.bytes(record, 0, cut);
          for (let at = cut; at < record.length; at++) writer.u8(record[at]!);
          writer.endRecord();
        }
        expected.push(...plainFrame(records, sequence, timeMs, durable));
        sequence += records.length;
        writer.flush();
      }
      const [chunk] = chunks;
      expect([...chunk!.bytes.subarray(0, chunk!.sealed)], `seed ${seed}`).toEqual(expected);
      expect([writer.nextSequence, chunk!.completeSequence]).toEqual([sequence, sequence - 1]);
    }
  });
  it('writes numbers over the end of a chunk', () => {
    for (let left = 0; left < 12; left++) {
      const { writer, chunks } = newWriter();
      writer.beginRecord(5);
      const fill = LOG_CHUNK_BYTES - 64 - 4 - left;
      writer.bytes(new Uint8Array(fill), 0, fill);
      writer.u32(0x0403_0201);
      writer.u32(0x0807_0605);
      expect(writer.endRecord()).toBe(1);
      writer.flush();
      const check = new FrameCheck();
      const tail: number[] = [];
      let recordCount = 0;
      for (const { bytes, sealed } of chunks) {
        expect(check.read(bytes, 0, sealed, TAG), `left ${left}`).toBe(true);
        const isLast = bytes === chunks.at(-1)!.bytes;
        expect(check.continues, `left ${left}`).toBe(!isLast);
        tail.push(...bytes.subarray(Math.max(68, check.contentEnd - 8), check.contentEnd));
        recordCount += check.recordCount;
      }
      expect(recordCount).toBe(1);
      expect(tail.slice(-8), `left ${left}`).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    }
  });
  it('fills every chunk but the last to its end, wherever that is', () => {
    const chance = new SeededChance(9);
    const below = (end: number): number => (chance.next32() >>> 0) % end;
    const chunks: LogChunk[] = [];
    const bases: number[] = [];
    const next = (base: number): LogChunk => {
      const chunk = new LogChunk(allocateChunk());
      chunk.end = LOG_CHUNK_BYTES - 8 * below(512);
      chunks.push(chunk);
      bases.push(base);
      return chunk;
    };
    const writer = new FrameWriter({ next }, TAG, 1);
    while (chunks.length < 40) {
      const length = below(4) === 0 ? below(20_000) : below(100);
      writer.beginRecord(7 + writer.nextSequence);
      writer.bytes(new Uint8Array(length).fill(length), 0, length);
      writer.endRecord();
      if (below(8) === 0) writer.flush();
    }
    writer.flush();
    const check = new FrameCheck();
    let recordCount = 0;
    let base = 0;
    for (const [i, { bytes, end, sealed }] of chunks.entries()) {
      if (i < chunks.length - 1) expect(sealed, `chunk ${i}`).toBe(end);
      expect(bases[i]).toBe(base);
      for (let at = 0; at < sealed; at += check.length) {
        expect(check.read(bytes, at, sealed - at, TAG), `chunk ${i}, ${at}`).toBe(true);
        recordCount += check.recordCount;
      }
      base += sealed;
    }
    expect(recordCount).toBe(writer.nextSequence - 1);
  });
  it('places records that lie in one piece where they would be written', () => {
    const [placed, written] = [newWriter(), newWriter()];
    const chance = new SeededChance(5);
    let apartCount = 0;
    for (let i = 0; i < 5000; i++) {
      const timeMs = 1_700_000_000_000 + (i >>> 6);
      const record = Uint8Array.from(
        { length: (chance.next32() >>> 0) % 300 }, () => chance.next32() & 255,
      );
      const at = placed.writer.ready(timeMs);
      if (at + record.length <= LOG_CHUNK_BYTES) {
        placed.writer.chunk.bytes.set(record, at);
        placed.writer.placed(record.length);
      } else {
        apartCount++;
        placed.writer.beginRecord(timeMs);
        placed.writer.bytes(record, 0, record.length);
        placed.writer.endRecord();
      }
      written.writer.beginRecord(timeMs);
      written.writer.bytes(record, 0, record.length);
      written.writer.endRecord();
    }
    placed.writer.flush();
    written.writer.flush();
    expect(placed.writer.nextSequence).toBe(5001);
    expect([placed.chunks.length, apartCount]).toEqual([2, 1]);
    for (const [i, { bytes, sealed }] of written.chunks.entries()) {
      expect(Buffer.compare(bytes.subarray(0, sealed), placed.chunks[i]!.bytes
        .subarray(0, placed.chunks[i]!.sealed)), `chunk ${i}`).toBe(0);
    }
  });
  it('refuses records in records and turns in groups', () => {
    const { writer } = newWriter();
    writer.beginRecord(1);
    expect(() => { writer.beginRecord(1); }).toThrow('has ended');
    expect(() => { writer.beginGroup(); }).toThrow('not nested');
    writer.endRecord();
    expect(() => { writer.endRecord(); }).toThrow('a record is open');
    writer.beginGroup();
    expect(() => { writer.flush(); }).toThrow('between records');
  });
  it('allocates nothing per record', () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const chunk = new LogChunk(allocateChunk());
    const next = (): LogChunk => { chunk.sealed = 0; return chunk; };
    const writer = new FrameWriter({ next }, TAG, 1);
    const record = new Uint8Array(48);
    const meter = { collect, usedBytes: () => process.memoryUsage().heapUsed };
    // A frame of 16 KiB makes one view for its checksum: 300 records share it.
    const bytes = bytesPerCall(meter, () => {
      writer.beginRecord(1_700_000_000_000);
      writer.u32(7);
      writer.bytes(record, 0, 48);
      writer.endRecord();
    });
    expect(bytes).toBeLessThan(1);
  });
});
