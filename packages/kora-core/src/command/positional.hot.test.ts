/**
 * The positional parsers against the grammar of commands of their shape: random arguments, right
 * and wrong ones, are accepted by both or by none, with the same slots. Beside it the bounds of a
 * count, which Redis answers with errors of their own.
 */
import { describe, expect, it } from 'vitest';
import type { ReplyError } from '../errors/reply-error.ts';
import { replyErrors } from '../errors/reply-error.ts';
import { CommandDriver } from '../testing/command-driver.ts';
import { placeArguments } from '../testing/placed-arguments.ts';
import { randomSource } from '../testing/random-source.ts';
import type { ArgFrame } from './arg-frame.hot.ts';
import { arg, buildGrammar } from './grammar.ts';
import {
  parseKey, parseKeyAndCount, parseKeyAndOne, parseKeyAndSome, parseKeyRange,
} from './positional.hot.ts';

const WORDS = ['k', '0', '-1', '12', '9223372036854775807', '9223372036854775808', 'x', '', '+1'];
const SLOTS = 3;

const shapes = [
  ['a key', parseKey, { key: arg.key() }, 2, 0],
  ['a key and one', parseKeyAndOne, { key: arg.key(), one: arg.bytes() }, 3, 0],
  ['a key and some', parseKeyAndSome, { key: arg.key(), some: arg.repeat(arg.bytes()) }, -3, 4],
  ['a range', parseKeyRange, { key: arg.key(), from: arg.integer(), to: arg.integer() }, 4, 0],
] as const;

/** All slots; with them how often slot 1 is there, where the shape repeats it. */
function slotsOf(frame: ArgFrame, repeats: boolean): string {
  const slots = Array.from({ length: SLOTS }, (_, slot) =>
    [frame.index[slot], frame.high[slot], frame.low[slot]].join(','));
  return repeats ? `${slots.join(' ')} x${frame.times[1]}` : slots.join(' ');
}

describe('positional parsers', () => {
  it.each(shapes)('of %s agree with the grammar', (name, parse, args, arity, more) => {
    const driver = new CommandDriver();
    const { frame } = driver;
    const grammar = buildGrammar(args, 1, arity, 'TEST');
    const random = randomSource(name.length);
    let accepted = 0;
    for (let i = 0; i < 1000; i++) {
      const length = Math.abs(arity) + (more === 0 ? 0 : random.below(more));
      const words = Array.from({ length }, () => WORDS[random.below(WORDS.length)] ?? '');
      const read = (parser: (frame: ArgFrame) => ReplyError | null): string => {
        frame.clear(SLOTS);
        frame.high.fill(0);
        frame.low.fill(0);
        placeArguments(driver, words, driver.shard.scratchAt);
        const error = parser(frame);
        return error === null ? slotsOf(frame, more > 0) : error.text;
      };
      const wanted = read((given) => grammar.match(given));
      expect(read(parse), `${name}: ${JSON.stringify(words)}`).toBe(wanted);
      if (!wanted.startsWith('ERR')) accepted++;
    }
    expect(accepted).toBeGreaterThan(10);
  });

  it.each([
    [['LPOP', 'k'], null], [['LPOP', 'k', '0'], null], [['LPOP', 'k', '5'], null],
    [['LPOP', 'k', '-1'], replyErrors.notPositive], [['LPOP', 'k', 'x'], replyErrors.notPositive],
    [['LPOP', 'k', '1', '2'], replyErrors.syntax],
  ] as const)('read the count of %j', (words, wanted) => {
    const driver = new CommandDriver();
    placeArguments(driver, [...words], driver.shard.scratchAt);
    expect(parseKeyAndCount(driver.frame, replyErrors.syntax)).toBe(wanted);
    if (wanted === null) expect(driver.frame.index[1]).toBe(words.length === 3 ? 2 : 0);
  });
});
