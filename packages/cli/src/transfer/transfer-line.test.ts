/**
 * What the words after `kora import` and `kora export` mean, and which are refused.
 */
import { describe, expect, it } from 'vitest';
import { readCommandLine } from '../command-line.ts';
import { readServerUrl } from './server-url.ts';

function reason(...words: string[]): string {
  const request = readCommandLine(words);
  return request.task === 'refuse' ? request.reason : `not refused: ${request.task}`;
}

describe('kora import', () => {
  it('takes a file or a server, and a target', () => {
    expect(readCommandLine(['import', 'dump.rdb'])).toMatchObject({
      task: 'import', from: 'dump.rdb', to: { shown: 'redis://127.0.0.1:6379' },
      isFlushing: false, isSkippingModules: false, isOnce: false, retryMs: 60_000,
    });
    expect(readCommandLine([
      'import', '--flush', 'redis://:pw@host:7000', '--to=unix:/run/kora.sock', '--once',
      '--skip-modules', '--retry', '0',
    ])).toMatchObject({
      from: { host: 'host', port: 7000, password: 'pw', username: undefined },
      to: { path: '/run/kora.sock' }, isFlushing: true, isSkippingModules: true, isOnce: true,
      retryMs: 0,
    });
  });

  it('refuses what makes no sense', () => {
    expect(reason('import')).toMatch('the name of a file is missing');
    expect(reason('import', 'a', 'b')).toBe('b: not expected after a');
    expect(reason('import', 'a', '--to')).toBe('--to: a value is missing');
    expect(reason('import', 'a', '--once')).toMatch('imported once anyway');
    expect(reason('import', 'a', '--retry', 'x')).toMatch('not a number of seconds');
    expect(reason('import', 'a', '--force')).toMatch('unknown option of kora import');
    expect(reason('import', 'a', '--dir', 'x')).toMatch('not built yet');
    expect(reason('import', 'redis://127.0.0.1:6379')).toMatch('is the target itself');
    expect(reason('import', 'rediss://a')).toMatch('TLS is not built yet');
    expect(reason('imports', 'a')).toMatch('unknown command');
  });
});

describe('kora export', () => {
  it('takes a file and a source', () => {
    expect(readCommandLine(['export', 'dump.rdb'])).toMatchObject({
      task: 'export', path: 'dump.rdb', from: { shown: 'redis://127.0.0.1:6379' },
      mayReplace: false, isLive: false, format: 'redis',
    });
    expect(readCommandLine([
      'export', 'x', '--from', '7001', '--force', '--live', '--valkey',
    ])).toMatchObject({
      from: { port: 7001 }, mayReplace: true, isLive: true, format: 'valkey',
    });
    expect(reason('export', 'redis://host')).toMatch('export writes a file');
    expect(readCommandLine(['export', '--help'])).toEqual({ task: 'help' });
  });
});

describe('the URL of a server', () => {
  it('is read in the forms people write', () => {
    const of = (word: string): string => {
      const url = readServerUrl(word);
      if (typeof url === 'string') return `refused: ${url}`;
      return [url.shown, url.username, url.password, url.path].join(' ').trimEnd();
    };
    expect(of('redis://host')).toBe('redis://host:6379');
    expect(of('host:7000')).toBe('redis://host:7000');
    expect(of('7000')).toBe('redis://127.0.0.1:7000');
    expect(of('redis://[::1]:7000/')).toBe('redis://[::1]:7000');
    expect(of('redis://me:p%40ss@host')).toBe('redis://host:6379 me p@ss');
    expect(of('kora://host')).toBe('redis://host:6379');
    expect(of('redis+unix:///a b')).toBe('redis+unix:///a b   /a b');
    expect(of('redis://host/3')).toMatch('no database is named here');
    expect(of('http://host')).toMatch('starts with redis://');
    expect(of('redis://:5%zz@host')).toMatch('a % in a name or password is written as %25');
    expect(of('99999')).toMatch('not a port');
    expect(of('unix:')).toMatch('a path is missing');
    expect(of('redis://a b')).toMatch('not a URL');
  });
});
