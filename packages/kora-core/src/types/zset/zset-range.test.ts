/**
 * Ends of score ranges that are no plain number: C's strtod reads them, as redis-server 7.0 does,
 * and a NUL ends its text. What is a number to ZADD is stricter, and stays so.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { CommandDriver } from '../../testing/command-driver.ts';

let driver: CommandDriver;

beforeEach(() => {
  driver = new CommandDriver();
  driver.run('ZADD', 'z', '1', 'a', '2', 'b', '3', 'c');
});

describe('the ends of score ranges', () => {
  it.each([
    ['1\0', '+inf', ':3'], ['(1\0x', '3', ':2'], ['\0', '2', ':2'], ['(\0x', '1', ':1'],
    [' 2\0', '0x3\0', ':2'], ['', ' 2', ':2'],
  ])('from %j to %j hold %s', (min, max, count) => {
    expect(driver.run('ZCOUNT', 'z', min, max)).toBe(count);
  });

  it.each(['1 ', ' ', ' \0', '1x\0', 'nan', 'nan\0', '((1'])('refuse %j', (end) => {
    expect(driver.run('ZCOUNT', 'z', end, '3')).toBe('-"ERR min or max is not a float"');
    expect(driver.run('ZADD', 'z', end, 'd')).toBe('-"ERR value is not a valid float"');
  });
});
