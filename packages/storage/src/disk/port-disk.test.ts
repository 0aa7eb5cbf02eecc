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
import { DIRECT_BLOCK_BYTES, DIRECT_BYTES_MIN } from '../limits.ts';
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
  });
});

describe('a write that may pass the cache', () => {
  const block = DIRECT_BLOCK_BYTES;
  const least = DIRECT_BYTES_MIN;
  const direct = (rig: Rig, fields: Partial<DiskOperation> = {}): void => {
    const { file, low } = rig;
    rig.submit(1, {
      kind: Write, file, bytes: low, at: block, length: least, isDirect: true, ...fields,
    });
  };
  /** A rig whose file was opened through the disk, and the number of its next file. */
  const opened = (): { rig: Rig; file: number; twin: number } => {
    const rig = new Rig(new Uint8Array(2 * least));
    rig.submit(0, { kind: Open, path: 'data/a', mode: OpenMode.Update });
    const [[, file] = [0, 0]] = rig.drained();
    rig.file = file;
    return { rig, file, twin: file + 1 };
  };
  /** What the port was given: file, place, bytes, position. */
  const places = (rig: Rig): number[][] =>
    rig.asked.map(({ what }) => what.split(' ').slice(1, 5).map(Number));

  it('goes to a descriptor of its own, which is closed with the file', () => {
    const { rig, file, twin } = opened();
    direct(rig, { position: 2 * block });
    rig.disk.completed(1, least);
    direct(rig);
    rig.disk.completed(1, least);
    expect(places(rig)).toEqual([[twin, block, least, 2 * block], [twin, block, least, 0]]);
    expect(rig.drained()).toEqual([[1, least], [1, least]]);
    expect(rig.files.size(twin)).toBe(0);
    rig.submit(2, { kind: Close, file });
    expect(() => { rig.files.size(twin); }).toThrow('EBADF');
  });
  it('goes in pieces where it is not of whole blocks, with one completion', () => {
    const { rig, file, twin } = opened();
    direct(rig, { at: block - 8, length: least + 28, position: 3 * block - 8 });
    for (const bytes of [8, least]) {
      rig.disk.completed(1, bytes);
      expect([rig.disk.pendingCount, rig.drained()]).toEqual([1, []]);
    }
    rig.disk.completed(1, 20);
    expect(places(rig)).toEqual([
      [file, block - 8, 8, 3 * block - 8], [twin, block, least, 3 * block],
      [file, block + least, 20, 3 * block + least],
    ]);
    expect([rig.disk.pendingCount, rig.drained()]).toEqual([0, [[1, least + 28]]]);
  });
  it.each([
    ['what was written when the disk is full', [8, -Errno.NoSpace], 8],
    ['what was written when a piece is short', [8, 512], 520],
    ['an error of the last piece as less than all', [8, least, -Errno.InputOutput], least + 8],
    ['an error of the first piece', [-Errno.NoSpace], -Errno.NoSpace],
    ['that nothing was written', [0], 0],
  ])('tells %s', (_, results, told) => {
    const { rig } = opened();
    direct(rig, { at: block - 8, length: least + 28, position: 3 * block - 8 });
    for (const result of results) expect(rig.disk.completed(1, result)).toBe(true);
    expect([rig.disk.pendingCount, rig.drained()]).toEqual([0, [[1, told]]]);
  });
  it('is one as any other where it is short, lies askew, or its file is from elsewhere', () => {
    const { rig, file } = opened();
    direct(rig, { position: 8 });
    direct(rig, { at: 8 });
    direct(rig, { length: least - 1 });
    direct(rig, { at: block + 8, position: 8, length: least });
    direct(rig, { file: 77 });
    direct(rig, { isDirect: false });
    expect(places(rig)).toEqual([
      [file, block, least, 8], [file, 8, least, 0], [file, block, least - 1, 0],
      [file, block + 8, least, 8], [77, block, least, 0], [file, block, least, 0],
    ]);
  });
  it('passes through the staging block when its bytes lie elsewhere, a block at a time', () => {
    const { rig, file } = opened();
    const bytes = new Uint8Array(2 * STAGING_BYTES + 9).map((_, i) => 97 + i % 26);
    direct(rig, { bytes, at: 4, length: 2 * STAGING_BYTES + 5, position: 30 });
    for (const length of [STAGING_BYTES, STAGING_BYTES, 5]) rig.disk.completed(1, length);
    expect(places(rig)).toEqual([
      [file, STAGING_AT, STAGING_BYTES, 30], [file, STAGING_AT, STAGING_BYTES, STAGING_BYTES + 30],
      [file, STAGING_AT, 5, 2 * STAGING_BYTES + 30],
    ]);
    const texts = rig.asked.map(({ what }) => what.split(' ')[5]);
    expect(texts.join('')).toBe(Buffer.from(bytes.subarray(4)).toString());
    expect(rig.drained()).toEqual([[1, 2 * STAGING_BYTES + 5]]);
  });
  it('that the file system refuses is done again as any other, and is the last', () => {
    const { rig, file, twin } = opened();
    direct(rig, { position: 2 * block - 8, at: block - 8, length: least + 100 });
    rig.disk.completed(1, 8);
    expect(rig.disk.completed(1, -Errno.Invalid)).toBe(true);
    expect([rig.drained(), rig.disk.pendingCount]).toEqual([[], 1]);
    rig.disk.completed(1, -Errno.Invalid);
    expect(rig.drained()).toEqual([[1, 8]]);
    direct(rig);
    expect(places(rig)).toEqual([
      [file, block - 8, 8, 2 * block - 8], [twin, block, least, 2 * block],
      [file, block, least + 92, 2 * block], [file, block, least, 0],
    ]);
    expect(() => { rig.files.size(twin); }).toThrow('EBADF');
  });
  it('is none where files cannot be opened so', () => {
    const { rig, file } = opened();
    rig.files.refuse = (operation) => (operation === 'open' ? Errno.Invalid : 0);
    direct(rig);
    rig.files.refuse = () => 0;
    direct(rig);
    expect(places(rig)).toEqual([[file, block, least, 0], [file, block, least, 0]]);
  });
  it('is done as a whole when the end comes between its pieces', () => {
    const { rig } = opened();
    rig.low.fill(7);
    direct(rig, { at: block - 8, length: least + 28, position: block - 8 });
    rig.disk.completed(1, 8);
    rig.disk.finish();
    expect([rig.disk.pendingCount, rig.drained()]).toEqual([0, [[1, least + 28]]]);
    expect(rig.disk.completed(1, least)).toBe(false);
    const written = rig.files.contentOf('data/a').subarray(block - 8);
    expect(Buffer.compare(written, rig.low.subarray(0, least + 28))).toBe(0);
  });
  it('puts the same bytes into files of this machine, whatever their system can', () => {
    const folder = mkdtempSync(join(tmpdir(), 'kora-direct-'));
    try {
      const files = new NodeFiles();
      // Memory that begins at a block's end, too: that is refused or written, never wrong.
      for (const shift of [0, 8]) {
        const path = join(folder, `shift-${shift}`);
        const low = new Uint8Array(new ArrayBuffer(3 * least + block), shift, 3 * least);
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
        for (let at = 0, step = 100; at < low.length; step = at < least ? block : least + 500) {
          const length = Math.min(step, low.length - at);
          const fields = { file, bytes: low, at, length, position: at, isDirect: true };
          expect(submit({ kind: Write, ...fields })).toBe(length);
          at += length;
        }
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
