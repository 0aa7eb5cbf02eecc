/**
 * Parts of snapshots: what is written comes back, of any size; a slow disk makes the writer wait
 * and not the memory grow; every failing operation gives an error and no part; what a part says
 * when it is done survives the power; every flipped bit and every cut is found.
 */
import { describe, expect, it } from 'vitest';
import { SeededChance } from '@kora/core';
import { DelayedDisk } from '../disk/delayed-disk.ts';
import { DirectDisk } from '../disk/direct-disk.ts';
import type { Disk } from '../disk/disk.ts';
import { Errno } from '../disk/errno.ts';
import { SimulatedCrash, SimulatedFiles } from '../disk/simulated-files.ts';
import { CorruptFileFault } from '../errors.ts';
import { SNAPSHOT_BLOCK_BYTES, SNAPSHOT_QUEUED_BLOCK_COUNT_MAX } from '../limits.ts';
import { Lz4Codec } from '../lz4/lz4-codec.ts';
import { PartReader, wholeEntries } from './part-reader.ts';
import { PartWriter } from './part-writer.ts';
import { partName } from './snapshot-layout.ts';

const header = {
  snapshot: 4, shard: 1, shardCount: 2, cutSequence: 77, createdMs: 1_700_000_000_000, tag: 99,
} as const;
const path = `data/${partName(4, 1)}`;

function filesOf(seed: number): SimulatedFiles {
  const files = new SimulatedFiles(new SeededChance(seed));
  files.makeDirectory('data');
  return files;
}

function randomEntries(chance: SeededChance, count: number, maxBytes: number): Uint8Array[] {
  return Array.from({ length: count }, () => {
    const entry = new Uint8Array((chance.next32() >>> 0) % maxBytes);
    const variety = (chance.next32() & 1) === 0 ? 4 : 256;
    for (let i = 0; i < entry.length; i++) entry[i] = (chance.next32() >>> 0) % variety;
    return entry;
  });
}

/** Writes a part as a shard would: waits when the queue is full, takes completions. */
function writePart(disk: Disk, entries: readonly Uint8Array[]): PartWriter {
  const writer = new PartWriter({ ...header, disk, directory: 'data', token: 5 });
  const drain = (): void => {
    disk.drain((token, result) => expect(writer.complete(token, result)).toBe(true));
  };
  for (const entry of entries) {
    writer.entries.beginEntry();
    let at = 0;
    do {
      const count = Math.min(entry.length - at, 40_000);
      writer.entries.bytes(entry, at, count);
      at += count;
      for (let i = 0; i < 1000 && writer.isFull; i++) drain();
    } while (at < entry.length);
    writer.entries.endEntry();
    if (writer.state === 'failed') break;
  }
  writer.finish();
  for (let i = 0; i < 10_000 && writer.state === 'finishing'; i++) drain();
  return writer;
}

function readPart(files: SimulatedFiles): Uint8Array[] {
  const entries: Uint8Array[] = [];
  const reader = new PartReader(files, path, wholeEntries((entry) => entries.push(entry.slice())));
  while (reader.step());
  expect(reader.header).toEqual(header);
  expect(reader.entryCount).toBe(entries.length);
  return entries;
}

describe('a part', () => {
  it('gives back what was written, of any size', () => {
    for (let seed = 1; seed <= 8; seed++) {
      const chance = new SeededChance(seed);
      const files = filesOf(seed);
      const isLong = seed % 4 === 0;
      const entries = randomEntries(chance, isLong ? 3 : 200, isLong ? 200_000 : 900);
      const disk = seed % 2 === 0 ? new DirectDisk(files) : new DelayedDisk(files, chance);
      const writer = writePart(disk, entries);
      expect(writer.state, `seed ${seed}`).toBe('done');
      files.crash('drop');
      expect(readPart(files), `seed ${seed}`).toEqual(entries);
      expect(files.list('data')).toEqual([partName(4, 1)]);
      const { bytes, entryCount } = writer.facts;
      expect([bytes, entryCount]).toEqual([files.contentOf(path).length, entries.length]);
    }
  });
  it('has a queue with a bound', () => {
    const files = filesOf(1);
    const disk = new DelayedDisk(files, new SeededChance(1));
    const writer = new PartWriter({ ...header, disk, directory: 'data', token: 5 });
    const [noise] = randomEntries(new SeededChance(2), 1, 1 << 22);
    let fed = 0;
    writer.entries.beginEntry();
    while (!writer.isFull) {
      writer.entries.bytes(noise!, 0, 1000);
      fed += 1000;
    }
    expect(fed).toBeLessThan((SNAPSHOT_QUEUED_BLOCK_COUNT_MAX + 2) * SNAPSHOT_BLOCK_BYTES);
    expect(disk.pendingCount).toBe(1);
  });
  it('may use the codec of the one before', () => {
    const files = filesOf(2);
    const disk = new DirectDisk(files);
    const codec = new Lz4Codec(SNAPSHOT_BLOCK_BYTES);
    for (const text of ['one', 'two']) {
      const writer = new PartWriter({ ...header, disk, directory: 'data', token: 5, codec });
      writer.entries.beginEntry();
      writer.entries.bytes(new TextEncoder().encode(text), 0, 3);
      writer.entries.endEntry();
      writer.finish();
      while (disk.drain((token, result) => writer.complete(token, result)) > 0);
      const found: string[] = [];
      const take = wholeEntries((entry) => found.push(new TextDecoder().decode(entry.slice())));
      const reader = new PartReader(files, path, take, codec);
      while (reader.step());
      expect(found).toEqual([text]);
    }
  });
  it('can be given up, and leaves nothing', () => {
    const files = filesOf(3);
    const disk = new DelayedDisk(files, new SeededChance(3));
    const writer = new PartWriter({ ...header, disk, directory: 'data', token: 5 });
    writer.entries.beginEntry();
    writer.abort();
    for (let i = 0; i < 100 && writer.state !== 'failed'; i++) {
      disk.drain((token, result) => writer.complete(token, result));
    }
    expect([writer.state, files.list('data')]).toEqual(['failed', []]);
  });
});

describe('a part on a bad disk', () => {
  const entries = randomEntries(new SeededChance(8), 60, 9000);
  it('fails with the disk, for every operation, and leaves no part', () => {
    for (let n = 1; ; n++) {
      const files = filesOf(n);
      files.failAt(n, Errno.InputOutput);
      const writer = writePart(new DirectDisk(files), entries);
      if (writer.state === 'done') {
        expect(n).toBeGreaterThan(8);
        break;
      }
      expect(writer.state, `operation ${n}`).toBe('failed');
      expect(writer.failure?.errno, `operation ${n}`).toBe(Errno.InputOutput);
      expect(files.list('data').filter((name) => name.endsWith('.tmp')), `operation ${n}`)
        .toEqual([]);
    }
  });
  it('says that the disk is full', () => {
    const files = filesOf(9);
    files.capacityBytes = 50_000;
    const writer = writePart(new DirectDisk(files), entries);
    expect(writer.state).toBe('failed');
    expect(writer.failure).toMatchObject({ code: 'DISK_FAILED', errno: Errno.NoSpace });
    expect(files.list('data')).toEqual([]);
  });
  it('is whole or not there when the power goes, at every operation', () => {
    for (let n = 1; n <= 14; n++) {
      for (const kind of ['drop', 'chance'] as const) {
        const files = filesOf(n);
        files.crashAt(n);
        try {
          writePart(new DirectDisk(files), entries);
        } catch (error) {
          if (!(error instanceof SimulatedCrash)) throw error;
        }
        files.crash(kind);
        if (!files.list('data').includes(partName(4, 1))) continue;
        expect(readPart(files), `operation ${n}, ${kind}`).toEqual(entries);
      }
    }
  });
});

describe('a damaged part', () => {
  const entries = randomEntries(new SeededChance(5), 6, 40);
  const files = filesOf(6);
  writePart(new DirectDisk(files), entries);
  const bytes = files.contentOf(path).slice();

  it('is refused for every flipped bit', () => {
    for (let byte = 0; byte < bytes.length; byte++) {
      for (let bit = 0; bit < 8; bit++) {
        const damaged = filesOf(1);
        damaged.place(path, bytes);
        damaged.flip(path, byte, bit);
        expect(() => readPart(damaged), `byte ${byte}, bit ${bit}`).toThrow(CorruptFileFault);
      }
    }
  });
  it('is refused when it is cut at any byte, or goes on behind its end', () => {
    for (let length = 0; length <= bytes.length + 1; length++) {
      if (length === bytes.length) continue;
      const damaged = filesOf(1);
      const cut = new Uint8Array(length);
      cut.set(bytes.subarray(0, length));
      damaged.place(path, cut);
      expect(() => readPart(damaged), `length ${length}`).toThrow(CorruptFileFault);
    }
  });
});
