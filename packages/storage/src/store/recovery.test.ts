/**
 * Recovery where something is wrong: a directory in use, files that are missing, foreign or
 * damaged, every operation failing once, and what a repair makes of it. Each refusal names the
 * file; each repair keeps a copy.
 */
import { describe, expect, it } from 'vitest';
import { SeededChance } from '@kora/core';
import { DirectDisk } from '../disk/direct-disk.ts';
import { Errno } from '../disk/errno.ts';
import { SimulatedCrash, SimulatedFiles } from '../disk/simulated-files.ts';
import { CorruptFileFault, DiskFault } from '../errors.ts';
import { LogReplay } from '../log/log-replay.ts';
import { ShardLog } from '../log/shard-log.ts';
import { wholeEntries } from '../snapshot/part-reader.ts';
import { PartWriter } from '../snapshot/part-writer.ts';
import { LOCK_NAME } from './directory-lock.ts';
import { inspectDirectory } from './inspect.ts';
import { PartLoad } from './load-part.ts';
import { decodeManifest, encodeManifest, manifestName } from './manifest.ts';
import type { ProcessTable } from './process-table.ts';
import { recoverStore } from './recovery.ts';
import type { RecoveredStore } from './recovery.ts';
import { repairDirectory } from './repair.ts';
import { commitSnapshot, removeSuperfluous } from './snapshot-commit.ts';
import { damageOfDirectory } from './verify.ts';

const nowMs = 1_700_000_000_000;
/** Process 7 is this one; 8 lives too, all others are gone. */
const processes: ProcessTable = {
  pid: 7, identityOf: (pid) => (pid === 7 ? 'seven' : pid === 8 ? 'eight' : undefined),
};

function newFiles(): SimulatedFiles {
  return new SimulatedFiles(new SeededChance(1));
}
function recover(
  files: SimulatedFiles, shardCount = 1, table: ProcessTable = processes,
): RecoveredStore {
  const options = { directory: 'data', shardCount, processes: table, nowMs };
  const store = recoverStore(files, options);
  store.lock.release();
  return store;
}
/** After a restart of the machine: none of the processes above lives. */
const later: ProcessTable = { pid: 9, identityOf: (pid) => (pid === 9 ? 'nine' : undefined) };
/** Numbers in the store: snapshot first, then the logs. */
function load(files: SimulatedFiles, store: RecoveredStore): number[] {
  const found: number[] = [];
  const take = (record: Uint8Array): void => { found.push(record[0]!); };
  for (const part of store.manifest.parts) {
    const partLoad = new PartLoad(files, 'data', part, wholeEntries(take));
    while (partLoad.step());
  }
  for (const { segments, fromSequence } of store.logs.flat()) {
    const replay = new LogReplay(files, segments, fromSequence, take);
    while (replay.step());
  }
  return found;
}
/** Opens, appends numbers to shard 0, closes. */
function append(files: SimulatedFiles, numbers: readonly number[], shardCount = 1): RecoveredStore {
  const store = recover(files, shardCount);
  const disk = new DirectDisk(files);
  const [next] = store.next;
  const log = new ShardLog({
    ...next!, directory: 'data', shardCount, disk, policy: 'every_write', tokenBase: 0, tag: 3,
    segmentBytes: 400,
  });
  const turn = (): void => {
    log.pump(nowMs);
    disk.drain((token, result) => log.complete(token, result));
  };
  for (const number of numbers) {
    log.append(Uint8Array.of(number), 0, 1, nowMs);
    for (let i = 0; i < 6; i++) turn();
  }
  log.close();
  for (let i = 0; i < 10 && !log.isClosed; i++) turn();
  expect(log.isClosed).toBe(true);
  return store;
}
/** Writes a snapshot of what the store holds and commits it. */
function snapshot(files: SimulatedFiles, keepCount: number): void {
  const store = recover(files);
  const disk = new DirectDisk(files);
  const cut = store.next[0]!.nextSequence - 1;
  const writer = new PartWriter({
    disk, directory: 'data', token: 1, snapshot: store.manifest.number + 1, shard: 0,
    shardCount: 1, cutSequence: cut, createdMs: nowMs, tag: 5,
  });
  for (const number of load(files, store)) {
    writer.entries.beginEntry();
    writer.entries.u8(number);
    writer.entries.endEntry();
  }
  writer.finish();
  while (disk.drain((token, result) => writer.complete(token, result)) > 0);
  const manifest = commitSnapshot(files, 'data', store.manifest, {
    parts: [writer.facts], cuts: [cut], createdMs: nowMs,
  });
  removeSuperfluous(files, 'data', manifest, keepCount);
}
function names(files: SimulatedFiles, kind: string): string[] {
  return files.list('data').filter((name) => name.startsWith(kind));
}

describe('the lock', () => {
  it('refuses a directory in use and names who uses it', () => {
    const files = newFiles();
    const options = { directory: 'data', shardCount: 1, processes, nowMs };
    const first = recoverStore(files, options);
    expect(() => recoverStore(files, options)).toThrow(expect.objectContaining({
      code: 'DIRECTORY_IN_USE', message: expect.stringContaining('process 7') as string,
    }) as Error);
    first.lock.release();
    recoverStore(files, options);
  });
  it.each([
    ['a process that is gone', '99 nobody\n'], ['another process with its number', '8 older\n'],
    ['nobody: it was torn', '8 ei'],
  ])('takes over from %s', (_who, content) => {
    const files = newFiles();
    recover(files);
    files.place(`data/${LOCK_NAME}`, new TextEncoder().encode(content));
    expect(recover(files).manifest.number).toBe(1);
    expect(names(files, 'kora.lock')).toEqual([]);
  });
});

describe('recovery', () => {
  it('goes on where the log ended, over restarts and snapshots', () => {
    const files = newFiles();
    append(files, [1, 2, 3]);
    append(files, [4]);
    snapshot(files, 1);
    append(files, [5, 6]);
    expect(load(files, recover(files))).toEqual([1, 2, 3, 4, 5, 6]);
    snapshot(files, 1);
    expect(names(files, 'snapshot').length).toBe(1);
    expect(names(files, 'manifest').length).toBe(1);
    expect(names(files, 'wal').length).toBe(1);
    expect(load(files, recover(files))).toEqual([1, 2, 3, 4, 5, 6]);
  });
  it('does not pile up segments without records', () => {
    const files = newFiles();
    append(files, [1]);
    for (let i = 0; i < 5; i++) append(files, []);
    const before = names(files, 'wal').length;
    append(files, []);
    expect(names(files, 'wal').length).toBeLessThanOrEqual(before + 1);
  });
  it('begins a new log set for another number of shards, and reads the old one first', () => {
    const files = newFiles();
    append(files, [1, 2], 2);
    append(files, [3], 3);
    const store = recover(files, 1);
    expect(store.next).toEqual([{ logSet: 3, shard: 0, nextSequence: 1, nextSegment: 1 }]);
    expect(load(files, store)).toEqual([1, 2, 3]);
  });
  it('fails clearly at every operation, and works the next time', () => {
    for (let n = 1; n < 40; n++) {
      const files = newFiles();
      append(files, [1, 2]);
      files.place('data/snapshot-00000009-000.part', new Uint8Array(3));
      files.place('data/wal-000001-000-00000009.log.tmp', new Uint8Array(3));
      files.failAt(n, Errno.ReadOnly);
      try {
        const store = recoverStore(files, { directory: 'data', shardCount: 2, processes, nowMs });
        store.lock.release();
      } catch (error) {
        expect(error, `operation ${n}`).toBeInstanceOf(DiskFault);
        expect((error as DiskFault).message).toContain('EROFS');
      }
      files.crash('chance');
      expect(load(files, recover(files, 2, later)), `operation ${n}`).toEqual([1, 2]);
    }
  });
});

describe('damage', () => {
  const damaged = (kind: string, which: 'first' | 'last', change: (bytes: Uint8Array) => void) => {
    const files = newFiles();
    append(files, [1, 2, 3, 4, 5, 6, 7, 8]);
    snapshot(files, 2);
    append(files, [9, 10]);
    const name = names(files, kind).at(which === 'first' ? 0 : -1)!;
    const bytes = files.contentOf(`data/${name}`).slice();
    change(bytes);
    files.place(`data/${name}`, bytes);
    return { files, name };
  };
  const flip = (bytes: Uint8Array): void => { bytes[bytes.length >> 1]! ^= 4; };
  const all = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

  it('of the newest manifest is passed over when an older one tells everything', () => {
    const { files } = damaged('manifest', 'last', flip);
    const store = recover(files);
    expect(store.reports).toContainEqual(expect.objectContaining({ kind: 'manifest-passed-over' }));
    expect(load(files, store)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });
  it('of the newest manifest is refused when the logs before it are gone', () => {
    const { files } = damaged('manifest', 'last', flip);
    files.unlink(`data/${names(files, 'wal')[0]}`);
    expect(() => recover(files)).toThrow(CorruptFileFault);
  });
  it('of a snapshot is refused, and repaired where an older state is whole', () => {
    const { files, name } = damaged('snapshot', 'last', flip);
    expect(() => load(files, recover(files))).toThrow(name);
    const result = repairDirectory(files, 'data', processes, nowMs);
    expect(result.copyDirectory).toBe(`data/repair-${nowMs}`);
    expect(load(files, recover(files))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });
  it.each([
    ['with other entries', 1],
    ['of another snapshot', 2],
  ])('of a snapshot is a whole part %s in its place', (_whose, snapshotCount) => {
    const { files, name } = damaged('snapshot', 'last', () => undefined);
    expect(damageOfDirectory(files, 'data', inspectDirectory(files, 'data'))).toBeUndefined();
    const others = newFiles();
    append(others, [11, 12, 13, 14, 15, 16, 17, 18]);
    for (let i = 0; i < snapshotCount; i++) snapshot(others, 1);
    const path = `data/${name}`;
    files.place(path, others.contentOf(`data/${names(others, 'snapshot').at(-1)!}`));
    const summaries = inspectDirectory(files, 'data');
    expect(summaries.filter(({ damage }) => damage !== undefined)).toEqual([]);
    expect(() => load(files, recover(files))).toThrow(path);
    expect(damageOfDirectory(files, 'data', summaries)).toMatchObject({ path });
    expect(damageOfDirectory(files, 'data')).toMatchObject({ path });
    repairDirectory(files, 'data', processes, nowMs);
    expect(damageOfDirectory(files, 'data')).toBeUndefined();
    expect(load(files, recover(files))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });
  it('of a log is refused, and a repair ends the log there, with a copy', () => {
    const { files, name } = damaged('wal', 'last', (bytes) => { bytes[70]! ^= 1; });
    const before = files.contentOf(`data/${name}`).slice();
    expect(() => recover(files)).toThrow(name);
    const result = repairDirectory(files, 'data', processes, nowMs);
    expect(result.steps.map(({ action, path }) => [action, path])).toEqual([
      ['cut', `data/${name}`],
    ]);
    expect(files.contentOf(`data/repair-${nowMs}/${name}`)).toEqual(before);
    files.crash('drop');
    expect(load(files, recover(files))).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });
  it('of a log before the snapshot costs nothing when it is repaired', () => {
    const { files, name } = damaged('wal', 'first', (bytes) => { bytes[70]! ^= 1; });
    const before = files.contentOf(`data/${name}`).slice();
    expect(() => recover(files)).toThrow(name);
    const { steps } = repairDirectory(files, 'data', processes, nowMs);
    expect(new Set(steps.map(({ action }) => action))).toEqual(new Set(['superfluous']));
    expect(files.contentOf(`data/repair-${nowMs}/${name}`)).toEqual(before);
    files.crash('drop');
    expect(load(files, recover(files))).toEqual(all);
  });
  it('of a log before the snapshot is a segment that is missing there', () => {
    const { files } = damaged('wal', 'first', () => undefined);
    files.unlink(`data/${names(files, 'wal')[1]}`);
    expect(() => recover(files)).toThrow(CorruptFileFault);
    repairDirectory(files, 'data', processes, nowMs);
    expect(load(files, recover(files))).toEqual(all);
  });
  it('of the only snapshot costs nothing while the log reaches back to its beginning', () => {
    const { files, name } = damaged('snapshot', 'last', flip);
    files.unlink(`data/${names(files, 'manifest')[0]}`);
    const { steps } = repairDirectory(files, 'data', processes, nowMs);
    expect(steps.map(({ action, path }) => [action, path])).toContainEqual(
      ['superfluous', `data/${name}`]);
    files.crash('drop');
    expect(load(files, recover(files))).toEqual(all);
  });
  it('of the only snapshot is refused, with nothing changed, when the log begins later', () => {
    const { files } = damaged('snapshot', 'last', flip);
    files.unlink(`data/${names(files, 'manifest')[0]}`);
    files.unlink(`data/${names(files, 'wal')[0]}`);
    const before = files.list('data');
    expect(() => repairDirectory(files, 'data', processes, nowMs)).toThrow(/nothing was changed$/);
    expect(files.list('data')).toEqual(before);
  });
  it.each([
    ['the end of a log', 'wal', 'last', all.slice(0, 8)], ['an old log', 'wal', 'first', all],
    ['the only snapshot', 'snapshot', 'last', all],
  ] as const)('of %s is repaired by the next attempt when the power goes in the middle', (
    _what, kind, which, left,
  ) => {
    for (let n = 1; n < 40; n++) {
      const { files } = damaged(kind, which, (bytes) => { bytes[70]! ^= 1; });
      if (kind === 'snapshot') files.unlink(`data/${names(files, 'manifest')[0]}`);
      files.crashAt(n);
      try {
        repairDirectory(files, 'data', processes, nowMs);
      } catch (error) {
        if (!(error instanceof SimulatedCrash)) throw error;
      }
      files.crash(n % 2 === 0 ? 'drop' : 'chance');
      repairDirectory(files, 'data', later, nowMs + 1);
      expect(load(files, recover(files, 1, later)), `operation ${n}`).toEqual(left);
    }
  });
  it('repairs nothing that is whole', () => {
    const files = newFiles();
    append(files, [1]);
    expect(repairDirectory(files, 'data', processes, nowMs)).toEqual({
      copyDirectory: undefined, steps: [],
    });
  });
  it('is found by an inspection, which changes nothing', () => {
    const { files, name } = damaged('wal', 'last', flip);
    const before = files.operationCount;
    const summaries = inspectDirectory(files, 'data');
    expect(files.operationCount).toBe(before);
    const bad = summaries.filter((each) => each.damage !== undefined);
    expect(bad.map((each) => each.name)).toEqual([name]);
    expect(summaries.map(({ kind }) => kind).sort()).toEqual([
      'manifest', 'manifest', 'part', ...names(files, 'wal').map(() => 'segment'),
    ]);
  });
  it('refuses data without a manifest', () => {
    const files = newFiles();
    append(files, [1]);
    files.unlink(`data/${manifestName(1)}`);
    expect(() => recover(files)).toThrow(CorruptFileFault);
    expect(damageOfDirectory(files, 'data')).toMatchObject({ found: 'no such file' });
    expect(() => repairDirectory(files, 'data', processes, nowMs)).toThrow(/nothing was changed$/);
  });
});

describe('a manifest', () => {
  it('is refused for every flipped bit and every cut', () => {
    const manifest = {
      number: 3, createdMs: nowMs, parts: [{
        name: 'snapshot-00000003-000.part', shard: 0, bytes: 120, entryCount: 4, blocksCrc: 9,
      }],
      logSets: [
        { logSet: 1, shardCount: 2, cuts: [4, 5], ends: [8, 9] },
        { logSet: 2, shardCount: 1, cuts: [0], ends: null },
      ],
    };
    const bytes = encodeManifest(manifest);
    expect(decodeManifest(bytes)).toEqual(manifest);
    for (let byte = 0; byte < bytes.length; byte++) {
      expect(decodeManifest(bytes.subarray(0, byte)), `cut ${byte}`).toHaveProperty('expected');
      for (let bit = 0; bit < 8; bit++) {
        const flipped = bytes.slice();
        flipped[byte]! ^= 1 << bit;
        expect(decodeManifest(flipped), `byte ${byte}`).toHaveProperty('expected');
      }
    }
  });
});
