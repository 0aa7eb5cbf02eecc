/**
 * Names at once and bytes through a port: what the port is given, what comes back and when, and
 * that the end does everything that the port has not told of; and which writes pass the system's
 * cache by.
 */
import { mkdtempSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeededChance } from '@kora/core';
import { describe, expect, it } from 'vitest';
import { DIRECT_BLOCK_BYTES } from '../limits.ts';
import { DiskOperation, DiskOperationKind } from './disk.ts';
import { Errno, errnoOf } from './errno.ts';
import { OpenMode } from './files.ts';
import { NodeFiles } from './node-files.ts';
import type { FilePort } from './port-disk.ts';
import { PortDisk } from './port-disk.ts';
import { SimulatedFiles } from './simulated-files.ts';

const DIRECTORY_TOKEN = 1 << 20;
const STAGING_AT = 512;
const STAGING_BYTES = 256;
const { Close, Open, Rename, Sync, SyncDirectory, Unlink, Write, WriteDurable } =
  DiskOperationKind;

interface Asked {
  readonly token: number;
  readonly what: string;
}

/** A disk with a port that does nothing but take notes. */
class Rig {
  readonly files = new SimulatedFiles(new SeededChance(1));
  readonly low: Uint8Array;
  readonly asked: Asked[] = [];
  readonly disk: PortDisk;
  file: number;

  constructor(low = new Uint8Array(new ArrayBuffer(2048), 1024, 1024)) {
    this.low = low;
    const port: FilePort = {
      write: (token, file, at, bytes, position, isDurable) => {
        const kind = isDurable ? 'durably' : 'write';
        const text = Buffer.from(this.low.slice(at, at + bytes)).toString();
        this.asked.push({ token, what: `${kind} ${file} ${at} ${bytes} ${position} ${text}` });
      },
      sync: (token, file) => this.asked.push({ token, what: `sync ${file}` }),
    };
    this.files.makeDirectory('data');
    this.file = this.files.open('data/a', OpenMode.Create);
    this.disk = new PortDisk(this.files, port, {
      low: this.low, stagingAt: STAGING_AT, stagingBytes: STAGING_BYTES,
    });
  }

  submit(token: number, fields: Partial<DiskOperation>): void {
    this.disk.submit(Object.assign(new DiskOperation(), fields), token);
  }
  drained(): (readonly [number, number])[] {
    const told: [number, number][] = [];
    this.disk.drain((token, result) => { told.push([token, result]); });
    return told;
  }
  text(): string {
    return Buffer.from(this.files.contentOf('data/a')).toString();
  }
}

const elsewhere = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('bytes', () => {
  it('of the worker memory are named by their place in it', () => {
    const rig = new Rig();
    const { file } = rig;
    rig.low.set(elsewhere('hello'), 40);
    const bytes = rig.low.subarray(32, 100);
    rig.submit(3, { kind: Write, file, bytes, at: 8, length: 5, position: 70 });
    rig.submit(4, { kind: WriteDurable, file, bytes, at: 10, length: 2, position: 9 });
    expect(rig.asked).toEqual([
      { token: 3, what: `write ${file} 40 5 70 hello` },
      { token: 4, what: `durably ${file} 42 2 9 ll` },
    ]);
    expect([rig.disk.pendingCount, rig.drained()]).toEqual([2, []]);
    expect(rig.disk.completed(4, 2)).toBe(true);
    expect(rig.disk.completed(3, -Errno.NoSpace)).toBe(true);
    expect([rig.disk.pendingCount, rig.drained()]).toEqual([0, [[4, 2], [3, -Errno.NoSpace]]]);
    expect(rig.drained()).toEqual([]);
  });
  it('from elsewhere pass through the staging block, one write at a time', () => {
    const rig = new Rig();
    const { file } = rig;
    const write = (token: number, text: string): void => {
      const bytes = elsewhere(`..${text}`);
      rig.submit(token, { kind: WriteDurable, file, bytes, at: 2, length: text.length });
    };
    write(1, 'first');
    expect(rig.asked).toEqual([{ token: 1, what: `durably ${file} ${STAGING_AT} 5 0 first` }]);
    expect(() => { write(2, 'second'); }).toThrow('one write of bytes from elsewhere');
    rig.disk.completed(1, 5);
    write(2, 'second');
    expect(rig.asked[1]?.what).toBe(`durably ${file} ${STAGING_AT} 6 0 second`);
    rig.disk.completed(2, 6);
    expect(() => { write(3, 'x'.repeat(STAGING_BYTES + 1)); }).toThrow('fits the staging block');
  });
});

describe('a direct write', () => {
  const block = DIRECT_BLOCK_BYTES;
  const direct = (rig: Rig, fields: Partial<DiskOperation> = {}): void => {
    const { file, low } = rig;
    rig.submit(1, {
      kind: Write, file, bytes: low, at: block, length: block, isDirect: true, ...fields,
    });
  };
  /** A rig whose file was opened through the disk, and the number of its next file. */
  const opened = (): { rig: Rig; twin: number } => {
    const rig = new Rig(new Uint8Array(4 * block));
    rig.submit(0, { kind: Open, path: 'data/a', mode: OpenMode.Update });
    const [[, file] = [0, 0]] = rig.drained();
    rig.file = file;
    return { rig, twin: file + 1 };
  };
  const places = (rig: Rig): string[] =>
    rig.asked.map(({ what }) => what.split(' ').slice(0, 5).join(' '));

  it('of whole blocks goes to a descriptor of its own, which is closed with the file', () => {
    const { rig, twin } = opened();
    direct(rig, { position: 2 * block });
    rig.disk.completed(1, block);
    direct(rig);
    rig.disk.completed(1, block);
    expect(places(rig)).toEqual([
      `write ${twin} ${block} ${block} ${2 * block}`, `write ${twin} ${block} ${block} 0`,
    ]);
    expect(rig.drained()).toEqual([[1, block], [1, block]]);
    expect(rig.files.size(twin)).toBe(0);
    rig.submit(2, { kind: Close, file: rig.file });
    expect(() => { rig.files.size(twin); }).toThrow('EBADF');
  });
  it('of anything else, or of a file from elsewhere, is a write as any other', () => {
    const { rig } = opened();
    const { file } = rig;
    direct(rig, { position: 8 });
    direct(rig, { at: 8 });
    direct(rig, { length: block + 8 });
    direct(rig, { bytes: new Uint8Array(2 * block), length: STAGING_BYTES, at: 0 });
    direct(rig, { file: 77 });
    direct(rig, { isDirect: false });
    expect(rig.asked.map(({ what }) => what.split(' ')[1]))
      .toEqual([file, file, file, file, 77, file].map(String));
  });
  it('that the file system refuses is done again as any other, and is the last', () => {
    const { rig, twin } = opened();
    const { file } = rig;
    direct(rig);
    expect(rig.disk.completed(1, -Errno.Invalid)).toBe(true);
    expect([rig.drained(), rig.disk.pendingCount]).toEqual([[], 1]);
    rig.disk.completed(1, -Errno.Invalid);
    expect(rig.drained()).toEqual([[1, -Errno.Invalid]]);
    direct(rig);
    const place = `${block} ${block} 0`;
    expect(places(rig))
      .toEqual([`write ${twin} ${place}`, `write ${file} ${place}`, `write ${file} ${place}`]);
    expect(() => { rig.files.size(twin); }).toThrow('EBADF');
  });
  it('that fails otherwise is told', () => {
    const { rig, twin } = opened();
    direct(rig);
    rig.disk.completed(1, -Errno.NoSpace);
    direct(rig);
    expect(rig.drained()).toEqual([[1, -Errno.NoSpace]]);
    expect(rig.asked.map(({ what }) => what.split(' ')[1])).toEqual([twin, twin].map(String));
  });
  it('is none where files cannot be opened so', () => {
    const { rig } = opened();
    rig.files.refuse = (operation) => (operation === 'open' ? Errno.Invalid : 0);
    direct(rig);
    rig.files.refuse = () => 0;
    direct(rig);
    expect(rig.asked.map(({ what }) => what.split(' ')[1]))
      .toEqual([rig.file, rig.file].map(String));
  });
  it('puts the same bytes into files of this machine, whatever their system can', () => {
    const folder = mkdtempSync(join(tmpdir(), 'kora-direct-'));
    try {
      const files = new NodeFiles();
      // Memory that begins at a block's end, too: that is refused or written, never wrong.
      for (const shift of [0, 8]) {
        const path = join(folder, `shift-${shift}`);
        const low = new Uint8Array(new ArrayBuffer(9 * block), shift, 8 * block);
        for (let i = 0; i < low.length; i++) low[i] = (i >>> 8) ^ (i & 255);
        const done: [number, number][] = [];
        const port: FilePort = {
          write: (token, file, at, bytes, position) => {
            try {
              done.push([token, writeSync(file, low, at, bytes, position)]);
            } catch (error) {
              done.push([token, -errnoOf(error)]);
            }
          },
          sync: () => undefined,
        };
        const disk = new PortDisk(files, port, { low, stagingAt: 0, stagingBytes: 0 });
        const submit = (fields: Partial<DiskOperation>): number => {
          disk.submit(Object.assign(new DiskOperation(), fields), 1);
          for (let each = done.shift(); each !== undefined; each = done.shift()) {
            disk.completed(...each);
          }
          let result = 0;
          disk.drain((_, value) => { result = value; });
          return result;
        };
        const file = submit({ kind: Open, path, mode: OpenMode.Create });
        const write = (at: number, length: number): number =>
          submit({ kind: Write, file, bytes: low, at, length, position: at, isDirect: true });
        expect([write(0, 100), write(100, block - 100)]).toEqual([100, block - 100]);
        expect([write(block, 4 * block), write(5 * block, 3 * block)])
          .toEqual([4 * block, 3 * block]);
        submit({ kind: Close, file });
        expect(Buffer.compare(readFileSync(path), low)).toBe(0);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('names', () => {
  it('change at once, and are told at the next drain, in order', () => {
    const rig = new Rig();
    rig.submit(1, { kind: Open, path: 'data/b', mode: OpenMode.CreateNew });
    rig.submit(2, { kind: Open, path: 'data/b', mode: OpenMode.CreateNew });
    rig.submit(3, { kind: Rename, path: 'data/b', otherPath: 'data/c' });
    rig.submit(4, { kind: Close, file: rig.file });
    expect(rig.files.list('data')).toEqual(['a', 'c']);
    rig.submit(5, { kind: Unlink, path: 'data/c' });
    rig.submit(6, { kind: Unlink, path: 'data/c' });
    const [[, opened] = [0, -1], ...others] = rig.drained();
    expect(opened).toBeGreaterThan(0);
    expect(others).toEqual([[2, -Errno.Exists], [3, 0], [4, 0], [5, 0], [6, -Errno.NotFound]]);
    expect(rig.asked).toEqual([]);
  });
});

describe('a sync', () => {
  it('of a file goes through the port', () => {
    const rig = new Rig();
    rig.submit(7, { kind: Sync, file: rig.file });
    expect(rig.asked).toEqual([{ token: 7, what: `sync ${rig.file}` }]);
    rig.disk.completed(7, -Errno.InputOutput);
    expect(rig.drained()).toEqual([[7, -Errno.InputOutput]]);
  });
  it('of a directory opens it, and closes it when it is told', () => {
    const rig = new Rig();
    rig.submit(8, { kind: SyncDirectory, path: 'data' });
    const [{ token, what } = { token: 0, what: '' }] = rig.asked;
    expect(token).toBe(8 + DIRECTORY_TOKEN);
    const directory = Number(what.slice('sync '.length));
    rig.files.sync(directory);
    expect(rig.disk.completed(token, 0)).toBe(true);
    expect(rig.drained()).toEqual([[8, 0]]);
    expect(() => { rig.files.sync(directory); }).toThrow('EBADF');
    expect(rig.disk.completed(token, 0)).toBe(false);
  });
  it('of a directory that is not there fails, and so does one that cannot be opened', () => {
    const rig = new Rig();
    rig.submit(8, { kind: SyncDirectory, path: 'nowhere' });
    expect([rig.asked, rig.drained()]).toEqual([[], [[8, -Errno.NotFound]]]);
  });
});

describe('the end', () => {
  it('does what is under way once more, and everything after it at once', () => {
    const rig = new Rig();
    const { file, files } = rig;
    rig.low.set(elsewhere('one'), 0);
    const bytes = rig.low.subarray(0, 3);
    rig.submit(1, { kind: Write, file, bytes, length: 3 });
    rig.submit(2, { kind: WriteDurable, file, bytes: elsewhere('two'), length: 3, position: 3 });
    rig.submit(3, { kind: SyncDirectory, path: 'data' });
    rig.disk.finish();
    expect(rig.drained()).toEqual([[1, 3], [2, 3], [3, 0]]);
    expect([rig.text(), rig.disk.pendingCount]).toEqual(['onetwo', 0]);
    // The port tells late what it was given: that is nobody's any more.
    expect(rig.disk.completed(1, 3)).toBe(false);
    const asked = rig.asked.length;
    rig.submit(4, { kind: Write, file, bytes: elsewhere('!'), length: 1, position: 6 });
    rig.submit(5, { kind: Sync, file });
    expect(rig.drained()).toEqual([[4, 1], [5, 0]]);
    expect([rig.text(), rig.asked.length]).toEqual(['onetwo!', asked]);
    files.crash('drop');
    expect(rig.text()).toBe('onetwo!');
  });
});
