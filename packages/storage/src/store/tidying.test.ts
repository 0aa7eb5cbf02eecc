/**
 * Files that are replaced and removed beside a shard that works: step by step, on a disk that takes
 * its time, for every operation that fails and every one at which the power goes. What is there
 * afterwards is the old file or the new one; of what is removed nothing is left under a name that
 * recovery reads.
 */
import { describe, expect, it } from 'vitest';
import { SeededChance } from '@kora/core';
import { DelayedDisk } from '../disk/delayed-disk.ts';
import { Errno } from '../disk/errno.ts';
import { SimulatedCrash, SimulatedFiles } from '../disk/simulated-files.ts';
import { FileReplacement } from './file-replacement.ts';
import { Tidying } from './tidying.ts';

const TOKEN = 5;
const TURNS_MAX = 2000;
const OLD = new TextEncoder().encode('old');
const NEW = new TextEncoder().encode('n'.repeat(100_000));

function newFiles(seed: number): SimulatedFiles {
  const files = new SimulatedFiles(new SeededChance(seed));
  files.makeDirectory('data');
  return files;
}

function replace(files: SimulatedFiles, seed: number): FileReplacement {
  const disk = new DelayedDisk(files, new SeededChance(seed));
  const file = new FileReplacement({
    disk, token: TOKEN, directory: 'data', name: 'manifest-1', bytes: NEW,
  });
  for (let turn = 0; turn < TURNS_MAX && file.state === 'working'; turn++) {
    disk.drain((token, result) => {
      expect(file.complete(token, result)).toBe(true);
    });
  }
  expect(disk.pendingCount).toBe(0);
  return file;
}

describe('a file that is replaced', () => {
  it('has the new bytes, durably', () => {
    const files = newFiles(1);
    files.place('data/manifest-1', OLD);
    expect(replace(files, 1).state).toBe('done');
    files.crash('drop');
    expect(files.contentOf('data/manifest-1')).toEqual(NEW);
    expect(files.list('data')).toEqual(['manifest-1']);
  });
  it('has the old ones and leaves nothing, whichever operation fails', () => {
    let failures = 0;
    let inPlace = 0;
    for (let n = 1; n <= 12; n++) {
      const files = newFiles(n);
      files.place('data/manifest-1', OLD);
      files.failAt(n, Errno.NoSpace);
      const file = replace(files, n);
      if (file.state === 'done') continue;
      failures++;
      expect(file.failure?.errno, `operation ${n}`).toBe(Errno.NoSpace);
      expect(files.list('data'), `operation ${n}`).toEqual(['manifest-1']);
      if (file.isInPlace) {
        inPlace++;
        expect(files.contentOf('data/manifest-1')).toEqual(NEW);
      } else {
        expect(files.contentOf('data/manifest-1')).toEqual(OLD);
      }
    }
    expect(failures).toBeGreaterThan(5);
    expect(inPlace).toBe(1);
  });
  it('has the old or the new ones, whenever the power goes', () => {
    for (let at = 1; at <= 12; at++) {
      const files = newFiles(at);
      files.place('data/manifest-1', OLD);
      files.crashAt(at);
      let isDone = false;
      try {
        isDone = replace(files, at).state === 'done';
      } catch (error) {
        if (!(error instanceof SimulatedCrash)) throw error;
      }
      files.crash(at % 2 === 0 ? 'drop' : 'chance');
      const { length } = files.contentOf('data/manifest-1');
      expect([OLD.length, NEW.length], `operation ${at}`).toContain(length);
      if (isDone) expect(length).toBe(NEW.length);
    }
  });
});

/** Removes two manifests and three files, one of them long. */
function tidy(files: SimulatedFiles, seed: number): { tidying: Tidying; slices: number } {
  const disk = new DelayedDisk(files, new SeededChance(seed));
  const tidying = new Tidying(files, disk, TOKEN, 'data', {
    manifests: ['manifest-1', 'manifest-2'], others: ['a.part', 'b.log', 'c.part.tmp'],
  });
  let slices = 0;
  for (let turn = 0; turn < TURNS_MAX; turn++) {
    disk.drain((token, result) => {
      expect(tidying.complete(token, result)).toBe(true);
    });
    slices++;
    if (!tidying.step()) return { tidying, slices };
  }
  throw new Error('tidying ends');
}

function untidyFiles(seed: number): SimulatedFiles {
  const files = newFiles(seed);
  for (const name of ['manifest-1', 'manifest-2', 'manifest-3', 'b.log', 'c.part.tmp', 'kept']) {
    files.place(`data/${name}`, OLD);
  }
  files.place('data/a.part', new Uint8Array(10 * 1024 * 1024));
  return files;
}

describe('files that nobody needs', () => {
  it('go little by little, and nothing else', () => {
    const files = untidyFiles(1);
    const { tidying, slices } = tidy(files, 1);
    expect(files.list('data')).toEqual(['kept', 'manifest-3']);
    expect(tidying.leftCount).toBe(0);
    // A file of 10 MiB takes several slices by itself.
    expect(slices).toBeGreaterThan(7);
    files.crash('drop');
    expect(files.list('data').filter((name) => name.startsWith('manifest'))).toEqual([
      'manifest-3',
    ]);
  });
  it('are left where the disk refuses, and what a manifest names stays while that does', () => {
    for (let n = 1; n <= 16; n++) {
      const files = untidyFiles(n);
      files.failAt(n, Errno.InputOutput);
      tidy(files, n);
      const names = files.list('data');
      expect(names).toContain('manifest-3');
      expect(names).toContain('kept');
      const hasOldManifest = names.includes('manifest-1') || names.includes('manifest-2');
      if (hasOldManifest) expect(names, `operation ${n}`).toContain('a.part');
    }
  });
  it('are whole or set aside, whenever the power goes', () => {
    for (let at = 1; at <= 20; at++) {
      const files = untidyFiles(at);
      files.crashAt(at);
      try {
        tidy(files, at);
      } catch (error) {
        if (!(error instanceof SimulatedCrash)) throw error;
      }
      files.crash(at % 2 === 0 ? 'drop' : 'chance');
      const names = files.list('data');
      if (names.includes('a.part')) {
        expect(files.contentOf('data/a.part').length, `operation ${at}`).toBe(10 * 1024 * 1024);
      }
      const isNamed = names.includes('manifest-1') && names.includes('manifest-2');
      if (isNamed) expect(names, `operation ${at}`).toContain('a.part');
    }
  });
});
