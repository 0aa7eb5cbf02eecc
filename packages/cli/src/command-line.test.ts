/**
 * What the words after `kora` mean.
 */
import { describe, expect, it } from 'vitest';
import { readCommandLine } from './command-line.ts';
import { HELP } from './help.ts';

/** The options of a command line as `name=words`, the file as `config=`. */
function options(line: string[]): string[] {
  const request = readCommandLine(line);
  if (request.task !== 'serve') return [request.task];
  const flags = request.flags.map((flag) => `${flag.name}=${flag.words.join('|')}`);
  return request.configFile === undefined ? flags : [...flags, `config=${request.configFile}`];
}

function reason(line: string[]): string {
  const request = readCommandLine(line);
  return request.task === 'refuse' ? request.reason : `not refused: ${request.task}`;
}

describe('a command line', () => {
  it('serves, with and without saying so', () => {
    expect(options([])).toEqual([]);
    expect(options(['serve'])).toEqual([]);
    expect(options(['serve', '--port', '0'])).toEqual(['port=0']);
    expect(options(['--port', '0'])).toEqual(['port=0']);
  });

  it('has flags in redis-server\'s way, with = and in short', () => {
    expect(options(['-p', '1', '-w', '1', '-c', 'x.toml'])).toEqual(
      ['port=1', 'workers=1', 'config=x.toml'],
    );
    expect(options(['--PORT', '1', '--unix_socket', '/a b', '--password=--x=y'])).toEqual(
      ['port=1', 'unix-socket=/a b', 'password=--x=y'],
    );
    expect(options(['--bind', '127.0.0.1', '-::1', '--save', '', '--port', '2'])).toEqual(
      ['bind=127.0.0.1|-::1', 'save=', 'port=2'],
    );
    expect(options(['--save', '60', '1000', '300', '10'])).toEqual(['save=60|1000|300|10']);
    expect(options(['--oom-score-adj-values', '0', '-200', '800'])).toEqual(
      ['oom-score-adj-values=0|-200|800'],
    );
    expect(options(['--enable-debug-command', '--port', '3'])).toEqual(
      ['enable-debug-command=yes', 'port=3'],
    );
    expect(options(['--enable-debug-command', 'local'])).toEqual(['enable-debug-command=local']);
  });

  it('takes a bare number as the port', () => {
    expect(options(['serve', '7000'])).toEqual(['port=7000']);
    expect(options(['7000', '--timeout', '5'])).toEqual(['port=7000', 'timeout=5']);
  });

  it('asks for help or the version', () => {
    for (const line of [['--help'], ['-h'], ['help'], ['serve', '--help'], ['--port', '1', '-h']]) {
      expect(options(line)).toEqual(['help']);
    }
    expect(options(['--version'])).toEqual(['version']);
    expect(options(['-v'])).toEqual(['version']);
  });

  it('is refused with what is wrong', () => {
    expect(reason(['start'])).toBe(
      'start: unknown command; there are serve, import, export, inspect, repair, ' +
        'and kora --help',
    );
    expect(reason(['--port'])).toBe('--port: a value is missing');
    expect(reason(['--port', '--bind', 'x'])).toBe('--port: a value is missing');
    expect(reason(['--port', '1', 'two'])).toBe(
      'two: not expected after --port, which takes one value',
    );
    for (const words of [['--dir', ''], ['--dir='], ['--data-dir', '']]) {
      expect(reason(words)).toMatch(/^--(data-)?dir: the path is empty; leave it out to keep/);
    }
    expect(reason(['-x'])).toBe('-x: unknown option; kora --help names them');
    expect(reason(['123456'])).toMatch(/^123456: unknown command/);
  });
});

describe('the help', () => {
  it('fits 80 columns and ends with a line break', () => {
    for (const line of HELP.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
    expect(HELP.endsWith('\n')).toBe(true);
  });

  it('names only flags that exist', () => {
    const named = [...HELP.matchAll(/--([a-z-]+)/g)].map((match) => match[1] ?? '');
    for (const name of named.filter((word) => word !== 'help' && word !== 'version')) {
      const request = readCommandLine([`--${name}`, 'x']);
      expect(request.task, name).toBe('serve');
    }
  });
});
