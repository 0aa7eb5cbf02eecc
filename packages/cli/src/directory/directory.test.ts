/**
 * Inspecting and repairing directories that an engine has written: what is whole is told, what is
 * damaged is found with its place, and a repair makes it open again and keeps what it left out.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openSync } from '@kora/embedded';
import { readDirectoryLine } from './directory-line.ts';
import { inspect } from './inspect.ts';
import { repair } from './repair.ts';

const root = mkdtempSync(join(tmpdir(), 'kora-directory-'));
afterAll(() => { rmSync(root, { recursive: true }); });

function written(name: string): string {
  const dir = join(root, name);
  const db = openSync({ dir, fsync: 'always' });
  for (let i = 0; i < 20; i++) db.set(`key:${i}`, 'v'.repeat(100));
  db.call('MULTI');
  db.call('LPUSH', 'list', 'a', 'b');
  db.call('DEL', 'key:3');
  db.call('EXEC');
  db.close();
  return dir;
}

function logOf(dir: string): string {
  return join(dir, readdirSync(dir).find((name) => name.startsWith('wal')) ?? '');
}

function linesOf(run: (write: (line: string) => void) => void): string[] {
  const lines: string[] = [];
  run((line) => { lines.push(line); });
  return lines;
}

describe('kora inspect', () => {
  it('tells what lies in a directory, and every record', () => {
    const dir = written('whole');
    const lines = linesOf((write) => { expect(inspect(dir, false, write)).toBe(true); });
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/^manifest-0+1: \d+ bytes, manifest 1: 0 snapshot parts, log sets 1/);
    expect(lines[1]).toMatch(/log of shard 0 of 1: 22 records \(1 to 22\) in \d+ frames$/);
    const records = linesOf((write) => { inspect(logOf(dir), true, write); }).slice(1);
    expect(records).toHaveLength(22);
    expect(records[4]).toMatch(/^ {2}5 {2}\d{4}-.*Z {2}db 0 {2}StringSet "key:4" \(\d+ bytes\)$/);
    expect(records[21]).toMatch(/KeyRemove "key:3"/);
  });
  it('tells the keys of a snapshot, and the graphs that an engine takes from it', () => {
    const dir = join(root, 'graphs');
    const db = openSync({ dir, fsync: 'always' });
    for (let i = 0; i < 12; i++) db.set(`key:${i}`, 'v'.repeat(i * 9000));
    db.call('EXPIRE', 'key:3', '1000');
    db.call('RPUSH', 'list', 'a', 'b');
    const films = db.vectors.create('films', { dimension: 512 });
    for (let i = 0; i < 300; i++) {
      films.add(`film ${i}`, Float32Array.from({ length: 512 }, (_, j) => Math.sin(i * j + j)));
    }
    const query = new Float32Array(512).fill(0.5);
    db.call('SAVE');
    const answer = films.search(query, 5);
    db.close();
    const lines = linesOf((write) => { expect(inspect(dir, false, write)).toBe(true); });
    expect(lines.filter((line) => line.startsWith('snapshot')).join()).toMatch(
      / snapshot of shard 0: \d+ entries, 14 keys [(]vector sets with their graph: 1[)], up to /,
    );
    const again = openSync({ dir });
    expect(again.call('INFO', 'persistence')).toContain(
      'vector_graphs_loaded:1\r\nvector_graphs_refused:0\r\n',
    );
    expect(again.vectors.collection('films').search(query, 5)).toEqual(answer);
    again.close();
  });
  it('finds damage with its place', () => {
    const dir = written('damaged');
    const log = logOf(dir);
    const bytes = readFileSync(log);
    bytes[40] = (bytes[40] ?? 0) ^ 4;
    writeFileSync(log, bytes);
    const lines = linesOf((write) => { expect(inspect(dir, false, write)).toBe(false); });
    expect(lines.join('\n')).toMatch(/stops to hold at byte \d+: expected .*, found /);
    expect(lines.at(-2)).toContain('recovery refuses this directory');
    expect(() => openSync({ dir })).toThrow(/damaged at byte/);
  });
  it('tells damage in the midst of a log from an end that is torn', () => {
    const dir = written('torn');
    const log = logOf(dir);
    const bytes = readFileSync(log);
    writeFileSync(log, bytes.subarray(0, -5));
    const lines = linesOf((write) => { expect(inspect(dir, false, write)).toBe(true); });
    expect(lines.at(-1)).toBe('  it is the end of a log: recovery cuts it off there');
    const damaged = Buffer.from(bytes);
    damaged[100] = (damaged[100] ?? 0) ^ 4;
    writeFileSync(log, damaged);
    const told = linesOf((write) => { expect(inspect(dir, false, write)).toBe(false); });
    expect(told.at(-2)).toContain(`${log} at byte`);
    expect(told.at(-1)).toContain('kora repair');
    expect(told.join()).not.toContain('cuts it off');
    expect(() => openSync({ dir })).toThrow(/damaged at byte/);
  });
});

describe('kora repair', () => {
  it('ends a damaged log where it stops to hold, and keeps the file as it was', () => {
    const dir = written('repaired');
    const log = logOf(dir);
    const bytes = readFileSync(log);
    const at = Math.floor(bytes.length / 2);
    bytes[at] = (bytes[at] ?? 0) ^ 4;
    writeFileSync(log, bytes);
    expect(() => openSync({ dir })).toThrow(/is damaged at byte/);
    const lines = linesOf((write) => { repair(dir, 1700, write); });
    expect(lines[0]).toMatch(/cut to \d+ bytes, damaged at byte \d+ \(expected .*, found .*\)/);
    expect(lines.at(-1)).toContain('repair-1700');
    expect(readFileSync(join(dir, 'repair-1700', log.slice(dir.length + 1)))).toEqual(bytes);
    const db = openSync({ dir });
    expect(db.get('key:0')).toBe('v'.repeat(100));
    expect(db.exists('list')).toBe(0);
    db.close();
    expect(linesOf((write) => { repair(dir, 1701, write); })[0]).toMatch(/nothing was changed/);
  });
});

describe('what is no directory of an engine', () => {
  it('is told in a line, and never passes for one that holds', () => {
    const empty = mkdtempSync(join(root, 'empty-'));
    const lines = linesOf((write) => { expect(inspect(empty, false, write)).toBe(false); });
    expect(lines).toEqual([`${empty}: there is no data of an engine in it`]);
    const file = join(empty, 'notes.txt');
    writeFileSync(file, 'mine');
    const told = linesOf((write) => { expect(inspect(file, false, write)).toBe(false); });
    expect(told).toEqual(["notes.txt: 4 bytes, not one of Kora's files"]);
    const absent = join(root, 'absent');
    expect(() => { inspect(absent, false, () => undefined); }).toThrow(/no such file$/);
    expect(() => { repair(absent, 1, () => undefined); }).toThrow(/no such directory$/);
    expect(() => { repair(file, 1, () => undefined); }).toThrow(/no such directory$/);
    expect(() => { repair(empty, 1, () => undefined); }).toThrow(/no manifest: nothing to repair/);
    expect(readdirSync(empty)).toEqual(['notes.txt']);
  });
  it('is data whose manifest is gone', () => {
    const dir = written('manifestless');
    rmSync(join(dir, readdirSync(dir).find((name) => name.startsWith('manifest')) ?? ''));
    const lines = linesOf((write) => { expect(inspect(dir, false, write)).toBe(false); });
    expect(lines.at(-2)).toMatch(/refuses this directory: .* expected the manifest of wal-/);
  });
});

describe('their words', () => {
  it('are one path and known options', () => {
    expect(readDirectoryLine('inspect', ['a', '--records'])).toEqual({
      task: 'inspect', path: 'a', showsRecords: true,
    });
    expect(readDirectoryLine('repair', ['a'])).toEqual({ task: 'repair', path: 'a' });
    expect(readDirectoryLine('repair', [])).toBe('kora repair needs a directory');
    expect(readDirectoryLine('repair', ['a', 'b'])).toMatch(/^b: /);
    expect(readDirectoryLine('repair', ['a', '--records'])).toMatch(/no such option/);
  });
});
