/**
 * Law 7 for lists: at every reserve that is refused, and with every number of free pages, a command
 * that answers OOM has changed nothing, leaked nothing and announced nothing; also LMOVE, which
 * must not lose its element on the way.
 */
import { describe, expect, it } from 'vitest';
import type { DriverArgument } from '../../testing/command-driver.ts';
import { refuseReserves, starveOfPages } from '../../testing/memory-faults.ts';

const many = (count: number): string[] => Array.from({ length: count }, (_, i) => `element ${i}`);
const long = 'l'.repeat(5000);
const before: readonly (readonly DriverArgument[])[] = [
  ['RPUSH', 'short', 'a', 'b', 'c'],
  ['RPUSH', 'full', ...many(290)],
  ['RPUSH', 'blocks', ...many(2000)],
  ['RPUSH', 'wide', long, 'b', long],
];

const growing: readonly (readonly DriverArgument[])[] = [
  ['LPUSH', 'new', 'a'],
  ['RPUSH', 'new', ...many(1000)],
  ['RPUSH', 'short', 'some more bytes than fit'],
  ['LPUSH', 'full', ...many(40)],
  ['RPUSH', 'full', long, long],
  ['LPUSH', 'blocks', ...many(400)],
  ['RPUSH', 'wide', long],
  ['LSET', 'short', 1, long],
  ['LSET', 'blocks', 1000, long],
  ['LSET', 'wide', 0, 'x'.repeat(9000)],
  ['LINSERT', 'full', 'BEFORE', 'element 100', long],
  ['LINSERT', 'blocks', 'AFTER', 'element 1000', long],
  ['LMOVE', 'blocks', 'new', 'LEFT', 'RIGHT'],
  ['LMOVE', 'wide', 'short', 'RIGHT', 'LEFT'],
  ['LMOVE', 'wide', 'wide', 'RIGHT', 'LEFT'],
  ['COPY', 'blocks', 'other'],
];

const shrinking: readonly (readonly DriverArgument[])[] = [
  ['LPOP', 'short', 2], ['RPOP', 'blocks', 1500], ['LTRIM', 'blocks', 700, 720],
  ['LREM', 'blocks', 0, 'element 5'], ['LMPOP', 1, 'full', 'LEFT', 'COUNT', 100],
];

const named = (commands: readonly (readonly DriverArgument[])[]) =>
  commands.map((command) => [command.join(' ').slice(0, 40), command] as const);

describe('list commands without memory', () => {
  it.each(named(growing))('change nothing: %s', (_, command) => {
    const refused = refuseReserves({ before }, command);
    const isCopy = command[0] === 'COPY';
    if (!isCopy) expect(refused).toBeGreaterThan(0);
    expect(starveOfPages({ before }, command)).toBeGreaterThan(0);
  });

  it.each(named(shrinking))('that take away succeed: %s', (_, command) => {
    expect(refuseReserves({ before }, command)).toBe(0);
    expect(starveOfPages({ before }, command)).toBe(0);
  });
});
