/**
 * Files that were made to hurt: random bytes changed, ranges moved, and every checksum put right
 * again afterwards, so that only the meaning is wrong. A reader answers with what it was given or
 * with a CorruptFileFault: no other error, no endless loop, no record of an impossible length.
 */
import { describe, expect, it } from 'vitest';
import { SeededChance } from '@kora/core';
import { get32, put32 } from '../bytes/words.hot.ts';
import { crc32 } from '../crc/crc32.ts';
import { DirectDisk } from '../disk/direct-disk.ts';
import { SimulatedFiles } from '../disk/simulated-files.ts';
import { CorruptFileFault } from '../errors.ts';
import { segmentName } from '../log/log-segment.ts';
import { PartReader, wholeEntries } from '../snapshot/part-reader.ts';
import { PartWriter } from '../snapshot/part-writer.ts';
import { partName } from '../snapshot/snapshot-layout.ts';
import { LogRig } from '../testing/log-rig.ts';
import { inspectDirectory } from './inspect.ts';

const logPath = `data/${segmentName(1, 0, 1)}`;
const partPath = `data/${partName(1, 0)}`;

function aLog(): Uint8Array {
  const rig = new LogRig({ seed: 5, policy: 'every_write' });
  for (let i = 0; i < 6; i++) {
    rig.appendSome(60);
    if (i === 2) {
      rig.log.frames.beginPart(9, 3, rig.nowMs);
      rig.append(rig.randomRecord(10));
      rig.log.frames.endPart();
    }
    rig.settle(() => rig.log.durableSequence === rig.records.length);
  }
  return rig.files.contentOf(logPath).slice();
}

function aPart(): Uint8Array {
  const files = new SimulatedFiles(new SeededChance(1));
  files.makeDirectory('data');
  const disk = new DirectDisk(files);
  const writer = new PartWriter({
    disk, directory: 'data', token: 1, snapshot: 1, shard: 0, shardCount: 1, cutSequence: 3,
    createdMs: 0, tag: 7,
  });
  for (let i = 0; i < 20; i++) {
    writer.entries.beginEntry();
    writer.entries.bytes(new TextEncoder().encode(`entry ${i % 5} `.repeat(i)), 0, i * 8);
    writer.entries.endEntry();
  }
  writer.finish();
  while (disk.drain((token, result) => writer.complete(token, result)) > 0);
  return files.contentOf(partPath).slice();
}

/** Puts checksums right wherever something that looks like a header stands. */
function mendChecksums(bytes: Uint8Array): void {
  const put = (at: number, from: number, length: number): void => {
    if (length >= 0 && from + length <= bytes.length) put32(bytes, at, crc32(bytes, from, length));
  };
  put(8, 12, 52);
  for (let at = 0; at + 24 <= bytes.length; at++) {
    const mark = get32(bytes, at);
    if (mark === 0x31464c4b) put(at + 4, at + 8, get32(bytes, at + 8) - 8);
    if (mark === 0x3142534b) put(at + 4, at + 8, 16 + get32(bytes, at + 16));
    if (mark === 0x3145534b) put(at + 4, at + 8, 40);
  }
}

function mutated(original: Uint8Array, chance: SeededChance): Uint8Array {
  const below = (end: number): number => (chance.next32() >>> 0) % end;
  const bytes = original.slice(0, below(8) === 0 ? below(original.length) : original.length);
  const changes = 1 + below(4);
  for (let i = 0; i < changes && bytes.length > 80; i++) {
    const at = below(bytes.length - 8);
    const kind = below(4);
    if (kind === 0) bytes[at] = chance.next32();
    else if (kind === 1) put32(bytes, at & ~3, [0, 1, 0x7fff_ffff, 0xffff_ffff, 63][below(5)]!);
    else if (kind === 2) bytes.copyWithin(at, below(bytes.length), below(bytes.length));
    else bytes[at] = bytes[at]! ^ (1 << below(8));
  }
  mendChecksums(bytes);
  return bytes;
}

describe('hostile files', () => {
  it('are logs that are refused, or read without harm', () => {
    const original = aLog();
    let refused = 0;
    for (let seed = 1; seed <= 3000; seed++) {
      const rig = new LogRig({ seed: 1, policy: 'every_write' });
      rig.files.place(logPath, mutated(original, new SeededChance(seed)));
      inspectDirectory(rig.files, 'data');
      try {
        const { scan, records } = rig.recover();
        const count = scan.lastSequence - scan.firstSequence + 1;
        expect(count, `seed ${seed}`).toBe(records.length);
      } catch (error) {
        const isSaid = error instanceof CorruptFileFault;
        // The rig wants the first sequence to be 1; a header may say another.
        const isShifted = error instanceof Error && error.message.startsWith('sequences of a');
        expect(isSaid || isShifted, `seed ${seed}: ${String(error)}`).toBe(true);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(300);
    expect(refused).toBeLessThan(3000);
  });
  it('are parts of snapshots that are refused, or read without harm', () => {
    const original = aPart();
    let refused = 0;
    for (let seed = 1; seed <= 3000; seed++) {
      const files = new SimulatedFiles(new SeededChance(1));
      files.makeDirectory('data');
      files.place(partPath, mutated(original, new SeededChance(seed)));
      inspectDirectory(files, 'data');
      try {
        let entryBytes = 0;
        const reader = new PartReader(files, partPath, wholeEntries((entry) => {
          entryBytes += entry.length;
        }));
        while (reader.step());
        expect(entryBytes).toBeLessThan(1 << 20);
      } catch (error) {
        expect(error, `seed ${seed}: ${String(error)}`).toBeInstanceOf(CorruptFileFault);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(1000);
  });
});
