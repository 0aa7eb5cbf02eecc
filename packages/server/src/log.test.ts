/**
 * The log: levels filter and follow CONFIG, both scales of words mean what they say, a file gets
 * whole lines, and a file that cannot be written ends nothing.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Settings } from '@kora/core';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { filterLog, LOG_LEVELS, logLevelOf, logWriter } from './log.ts';

const directory = mkdtempSync(join(tmpdir(), 'kora-log-'));
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

describe('filterLog', () => {
  it('passes on what is at least as important as loglevel, and follows it', () => {
    const settings = new Settings();
    const seen: string[] = [];
    const log = filterLog(settings, (level) => seen.push(level));
    for (const level of LOG_LEVELS) log(level, 'x');
    expect(seen.splice(0)).toEqual(['notice', 'warning']);
    expect(settings.change([['loglevel', 'debug']])).toBeNull();
    for (const level of LOG_LEVELS) log(level, 'x');
    expect(seen.splice(0)).toEqual([...LOG_LEVELS]);
    expect(settings.change([['loglevel', 'warning']])).toBeNull();
    for (const level of LOG_LEVELS) log(level, 'x');
    expect(seen).toEqual(['warning']);
  });

});

describe('logWriter', () => {
  it('appends lines with process, time and mark to its file', () => {
    const file = join(directory, 'kora.log');
    const log = logWriter(file);
    log('notice', 'first');
    log('warning', 'second');
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    const time = String.raw`\d{4}-\d\d-\d\dT[\d:.]+Z`;
    expect(lines[0]).toMatch(new RegExp(`^${process.pid}:M ${time} \\* first$`));
    expect(lines[1]).toMatch(new RegExp(`^${process.pid}:M ${time} # second$`));
    expect(lines).toHaveLength(2);
  });

  it('goes on when the file cannot be written', () => {
    const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    logWriter(join(directory, 'no', 'such', 'folder'))('warning', 'lost');
    expect(String(stderr.mock.calls[0]?.[0])).toContain('cannot write the log');
    stderr.mockRestore();
  });
});

describe('logLevelOf', () => {
  it.each([
    ['trace', 'debug'], ['DEBUG', 'debug'], ['verbose', 'verbose'], ['info', 'notice'],
    ['notice', 'notice'], ['warn', 'warning'], ['Error', 'warning'], ['loud', undefined],
  ])('%s is %s', (word, level) => {
    expect(logLevelOf(word)).toBe(level);
  });
});
