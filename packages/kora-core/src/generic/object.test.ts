/**
 * OBJECT: encodings by Redis's rule, idle time and frequency by policy, and that looking is no
 * access.
 */
import { describe, expect, it } from 'vitest';
import { ClientFlag } from '../command/client-state.ts';
import { CommandDriver } from '../testing/command-driver.ts';

describe('OBJECT', () => {
  it('ENCODING follows the value', () => {
    const driver = new CommandDriver();
    driver.run('MSET', 'int', '-12', 'short', 'x'.repeat(44), 'long', 'x'.repeat(45));
    expect(driver.run('OBJECT', 'ENCODING', 'int')).toBe('$"int"');
    expect(driver.run('object', 'eNcOdInG', 'short')).toBe('$"embstr"');
    expect(driver.run('OBJECT', 'ENCODING', 'long')).toBe('$"raw"');
    driver.run('RENAME', 'int', 'other');
    expect(driver.run('OBJECT', 'ENCODING', 'other')).toBe('$"int"');
    expect(driver.run('OBJECT', 'ENCODING', 'int')).toBe('_');
  });

  it('IDLETIME counts from the last access, and OBJECT is none', () => {
    const driver = new CommandDriver();
    driver.run('SET', 'a', '1');
    driver.clock.advance(5_000);
    expect(driver.run('OBJECT', 'IDLETIME', 'a')).toBe(':5');
    driver.clock.advance(5_000);
    expect(driver.run('OBJECT', 'IDLETIME', 'a')).toBe(':10');
    driver.run('GET', 'a');
    expect(driver.run('OBJECT', 'IDLETIME', 'a')).toBe(':0');
    expect(driver.run('OBJECT', 'FREQ', 'a')).toMatch(/^-"ERR An LFU .* is not selected, /);
  });

  it('a copy counts as just used', () => {
    const driver = new CommandDriver();
    driver.run('SET', 'a', '1');
    driver.clock.advance(9_000);
    driver.run('COPY', 'a', 'b');
    expect(driver.run('OBJECT', 'IDLETIME', 'b')).toBe(':0');
  });

  it('FREQ answers under an LFU policy, IDLETIME does not', () => {
    const driver = new CommandDriver({ settings: { 'maxmemory-policy': 'allkeys-lfu' } });
    driver.run('SET', 'a', '1');
    expect(driver.run('OBJECT', 'FREQ', 'a')).toBe(':5');
    expect(driver.run('OBJECT', 'IDLETIME', 'a')).toMatch(/^-"ERR An LFU .* is selected, /);
    for (let i = 0; i < 200; i++) driver.run('GET', 'a');
    const counter = Number(driver.run('OBJECT', 'FREQ', 'a').slice(1));
    expect(counter).toBeGreaterThan(6);
    driver.clock.advance(3 * 60_000);
    expect(driver.run('OBJECT', 'FREQ', 'a')).toBe(`:${counter - 3}`);
  });

  it('answers null for every word without the key, and errors for none', () => {
    const driver = new CommandDriver();
    for (const word of ['ENCODING', 'FREQ', 'IDLETIME', 'REFCOUNT']) {
      expect(driver.run('OBJECT', word, 'nokey')).toBe('_');
    }
    const arity = `-"ERR wrong number of arguments for 'object|encoding' command"`;
    expect(driver.run('OBJECT', 'ENCODING')).toBe(arity);
    const unknown = `-"ERR unknown subcommand 'FOO'. Try OBJECT HELP."`;
    expect(driver.run('OBJECT', 'FOO', 'a')).toBe(unknown);
    expect(driver.run('OBJECT')).toBe(`-"ERR wrong number of arguments for 'object' command"`);
    expect(driver.run('OBJECT', 'HELP')).toContain('+"    Prints this help."');
  });

  it('FREQ outlives an overwritten value, as in Redis', () => {
    const driver = new CommandDriver({
      settings: { 'maxmemory-policy': 'allkeys-lfu', 'lfu-log-factor': '0' },
    });
    // With factor 0 each access counts one. The numbers are recorded from redis-server 7.0.15.
    const freqAfter = (line: string): string => {
      driver.runLine(line);
      return driver.run('OBJECT', 'FREQ', 'k');
    };
    expect(freqAfter('SET k a')).toBe(':5');
    expect(freqAfter('SET k b')).toBe(':6');
    expect(freqAfter('SET k c')).toBe(':7');
    expect(freqAfter('SET k d XX')).toBe(':8');
    expect(freqAfter('SETEX k 100 v')).toBe(':9');
    expect(freqAfter('MSET k 1')).toBe(':10');
    expect(freqAfter('APPEND k x')).toBe(':11');
    expect(freqAfter('SETRANGE k 0 y')).toBe(':12');
    expect(freqAfter(`SET k ${'v'.repeat(300)}`)).toBe(':13');
    expect(freqAfter('COPY k copy')).toBe(':14');
    expect(driver.run('OBJECT', 'FREQ', 'copy')).toBe(':5');
    const payload = driver.reply('DUMP', 'k');
    driver.run('RESTORE', 'k', '0', 'text' in payload ? payload.text : '', 'REPLACE');
    expect(driver.run('OBJECT', 'FREQ', 'k')).toBe(':5');
  });

  it('IDLETIME is kept by a client that does not touch, also when it writes', () => {
    const driver = new CommandDriver();
    driver.run('SET', 'n', '1');
    driver.clock.advance(9_000);
    driver.client.flags |= ClientFlag.NoTouch;
    driver.run('INCR', 'n');
    driver.run('GET', 'n');
    expect(driver.run('OBJECT', 'IDLETIME', 'n')).toBe(':9');
    driver.run('TOUCH', 'n');
    expect(driver.run('OBJECT', 'IDLETIME', 'n')).toBe(':0');
  });
});
