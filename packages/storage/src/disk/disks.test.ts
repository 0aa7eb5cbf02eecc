/**
 * The real disk: files of this machine do what the simulated ones do, for one script of operations,
 * at once and in the background of Node; errors have Linux's numbers. And the simulated disk keeps
 * and loses what it says.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { SeededChance } from '@kora/core';
import { DiskFault } from '../errors.ts';
import { CallbackDisk } from './callback-disk.ts';
import { DirectDisk } from './direct-disk.ts';
import type { Disk } from './disk.ts';
import { DiskOperation, DiskOperationKind } from './disk.ts';
import { Errno, errnoName } from './errno.ts';
import { OpenMode, readWhole, replaceFile } from './files.ts';
import type { Files } from './files.ts';
import { NodeFiles } from './node-files.ts';
import { SimulatedFiles } from './simulated-files.ts';

const root = mkdtempSync(join(tmpdir(), 'kora-disks-'));
afterAll(() => { rmSync(root, { recursive: true }); });

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A script of operations; returns what they said. */
function play(files: Files, folder: string): unknown[] {
  const said: unknown[] = [];
  const attempt = (work: () => unknown): void => {
    try {
      said.push(work());
    } catch (error) {
      if (!(error instanceof DiskFault)) throw error;
      said.push([error.operation, errnoName(error.errno)]);
    }
  };
  const path = `${folder}/a`;
  files.makeDirectory(folder);
  files.makeDirectory(folder);
  attempt(() => files.open(path, OpenMode.Read));
  attempt(() => files.open(path, OpenMode.Update));
  attempt(() => files.open(`${folder}/none/a`, OpenMode.Create));
  const file = files.open(path, OpenMode.CreateNew);
  attempt(() => files.open(path, OpenMode.CreateNew));
  attempt(() => files.write(file, bytesOf('0123456789'), 2, 5, 3));
  attempt(() => files.writeDurable(file, bytesOf('xy'), 0, 2, 0));
  attempt(() => files.size(file));
  const room = new Uint8Array(12);
  attempt(() => [files.read(file, room, 1, 11, 0), [...room]]);
  attempt(() => { files.truncate(file, 4); });
  attempt(() => { files.sync(file); });
  attempt(() => [...readWhole(files, path)]);
  files.close(file);
  attempt(() => { files.rename(path, `${folder}/b`); });
  attempt(() => { files.rename(path, `${folder}/b`); });
  replaceFile(files, folder, 'c', bytesOf('new'));
  attempt(() => files.list(folder));
  attempt(() => { files.unlink(`${folder}/b`); });
  attempt(() => { files.unlink(`${folder}/b`); });
  attempt(() => { files.syncDirectory(folder); });
  attempt(() => files.list(`${folder}/none`));
  attempt(() => files.list(folder));
  return said;
}

describe('files', () => {
  it('of this machine do what simulated ones do', () => {
    const simulated = play(new SimulatedFiles(new SeededChance(1)), 'data');
    expect(play(new NodeFiles(), join(root, 'script'))).toEqual(simulated);
    expect(simulated).toContainEqual(['open', 'ENOENT (no such file or directory)']);
  });
  it('that cannot be used so say so', () => {
    const files = new NodeFiles();
    const path = join(root, 'a file');
    files.close(files.open(path, OpenMode.Create));
    expect(() => files.open(`${path}/inside`, OpenMode.Create)).toThrow('ENOTDIR');
    expect(() => { files.makeDirectory(`${path}/inside`); }).toThrow(DiskFault);
    expect(() => { files.makeDirectory(path); }).toThrow('EEXIST');
    expect(() => files.list(path)).toThrow('ENOTDIR');
  });
  it('make the directories above, and refuse where nothing can be made', () => {
    const files = new NodeFiles();
    const path = join(root, 'one', 'two', 'three');
    files.makeDirectory(path);
    files.makeDirectory(path);
    expect(files.list(path)).toEqual([]);
    // A file system that says of what is there that it is not.
    if (existsSync('/proc/self')) {
      expect(() => { files.makeDirectory('/proc/none'); }).toThrow('ENOENT');
    }
  });
});

/** Does one operation and waits for its completion. */
async function run(
  disk: Disk, ready: () => Promise<void>, fields: Partial<DiskOperation>,
): Promise<number> {
  const operation = Object.assign(new DiskOperation(), fields);
  disk.submit(operation, 42);
  await ready();
  let said = NaN;
  expect(disk.drain((token, result) => {
    expect(token).toBe(42);
    said = result;
  })).toBe(1);
  return said;
}

describe('disks', () => {
  it('at once and in the background do the same', async () => {
    const play = async (disk: Disk, ready: () => Promise<void>, folder: string) => {
      new NodeFiles().makeDirectory(folder);
      const Kind = DiskOperationKind;
      const path = `${folder}/a`;
      const said: number[] = [];
      const say = async (fields: Partial<DiskOperation>): Promise<number> => {
        const result = await run(disk, ready, fields);
        if (fields.kind !== Kind.Open || result < 0) said.push(result);
        return result;
      };
      await say({ kind: Kind.Open, path, mode: OpenMode.Update });
      const file = await say({ kind: Kind.Open, path, mode: OpenMode.Create });
      const bytes = bytesOf('hello');
      await say({ kind: Kind.Write, file, bytes, at: 1, length: 4, position: 0 });
      await say({ kind: Kind.WriteDurable, file, bytes, at: 0, length: 1, position: 4 });
      await say({ kind: Kind.Sync, file });
      await say({ kind: Kind.Truncate, file, length: 3 });
      const room = new Uint8Array(8);
      await say({ kind: Kind.Read, file, bytes: room, at: 2, length: 6, position: 0 });
      await say({ kind: Kind.Close, file });
      await say({ kind: Kind.Rename, path, otherPath: `${folder}/b` });
      await say({ kind: Kind.SyncDirectory, path: folder });
      await say({ kind: Kind.Unlink, path: `${folder}/b` });
      await say({ kind: Kind.Unlink, path: `${folder}/b` });
      return [said, [...room]];
    };
    const direct = await play(
      new DirectDisk(new NodeFiles()), () => Promise.resolve(), join(root, 'direct'),
    );
    let wake = (): void => undefined;
    const background = new CallbackDisk(() => { wake(); });
    const ready = (): Promise<void> => new Promise((resolve) => { wake = resolve; });
    expect(await play(background, ready, join(root, 'background'))).toEqual(direct);
    expect(direct[0]).toContain(-Errno.NotFound);
  });
});

describe('the simulated disk', () => {
  it('loses what was not synced, names and bytes alike', () => {
    const files = new SimulatedFiles(new SeededChance(5));
    files.makeDirectory('data');
    const kept = files.open('data/kept', OpenMode.Create);
    files.write(kept, bytesOf('synced'), 0, 6, 0);
    files.sync(kept);
    files.syncDirectory('data');
    files.write(kept, bytesOf('lost'), 0, 4, 6);
    const gone = files.open('data/gone', OpenMode.Create);
    files.write(gone, bytesOf('synced, but has no name'), 0, 23, 0);
    files.sync(gone);
    files.rename('data/kept', 'data/renamed');
    files.crash('drop');
    expect(files.list('data')).toEqual(['kept']);
    expect(new TextDecoder().decode(files.contentOf('data/kept'))).toBe('synced');
  });
  it('strands what a failed sync should have written', () => {
    const files = new SimulatedFiles(new SeededChance(6));
    files.makeDirectory('data');
    const file = files.open('data/a', OpenMode.Create);
    files.syncDirectory('data');
    files.write(file, bytesOf('one'), 0, 3, 0);
    files.failAt(1, Errno.InputOutput);
    expect(() => { files.sync(file); }).toThrow(DiskFault);
    files.write(file, bytesOf('two'), 0, 3, 3);
    files.sync(file);
    files.crash('drop');
    expect([...files.contentOf('data/a')]).toEqual([0, 0, 0, ...bytesOf('two')]);
  });
  it('by chance keeps, loses and tears, the same for the same seed', () => {
    const outcomes = new Set<string>();
    for (let seed = 1; seed <= 60; seed++) {
      const contents = [seed, seed].map((same) => {
        const files = new SimulatedFiles(new SeededChance(same));
        files.makeDirectory('data');
        const file = files.open('data/a', OpenMode.Create);
        files.syncDirectory('data');
        files.write(file, bytesOf('abcdef'), 0, 6, 0);
        files.crash('chance');
        return new TextDecoder().decode(files.contentOf('data/a'));
      });
      expect(contents[0]).toBe(contents[1]);
      outcomes.add(contents[0]!);
    }
    expect(outcomes.has('') && outcomes.has('abcdef') && outcomes.has('abc')).toBe(true);
  });
});
