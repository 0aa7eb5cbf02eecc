/**
 * The hand-written parsers against the grammar of their entries: random argument lists, right and
 * wrong ones, give the same slots or the same error. Where a command leaves its number for later
 * (GETEX, INCRBYFLOAT) the grammar's number error counts as success, and MSET's odd list has an
 * error of its own. Also: parsing allocates nothing.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import type { Command } from '../../command/spec.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import { SeededChance } from '../../platform/platform.ts';
import { bytesPerCall } from '../../testing/allocation.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { placeArguments } from '../../testing/placed-arguments.ts';
import { stringBasicCommands } from './string-basic.commands.ts';
import { stringMultiCommands } from './string-multi.commands.ts';
import { stringNumberCommands } from './string-number.commands.ts';
import { stringRangeCommands } from './string-range.commands.ts';

const WORDS = [
  'NX', 'xx', 'EX', 'px', 'EXAT', 'PXAT', 'KEEPTTL', 'PERSIST', 'GET',
  'IFEQ', 'ifne', 'IFDEQ', 'IFDNE',
  'k', 'v', '1', '10', '-5', '9223372036854775807', 'x', '', 'E', 'EXA', 'KEEPTTLS', 'GEX', '\x05X',
];

/** Commands whose number is read by `apply`. */
const LATE_NUMBERS = new Set(['getex', 'incrbyfloat']);
/**
 * LCS reads its options after the keys, and MSETEX's repeat ends where its count says: no grammar
 * can.
 */
const BEYOND_GRAMMAR = new Set(['lcs', 'msetex']);

const commands: readonly Command[] = [
  ...stringBasicCommands, ...stringNumberCommands, ...stringRangeCommands, ...stringMultiCommands,
].filter((command) => !BEYOND_GRAMMAR.has(command.name));

interface Parsed {
  readonly error: string;
  readonly slots: readonly string[];
}

function slotsOf(driver: CommandDriver, command: Command): string[] {
  const { frame } = driver;
  return command.grammar.leaves.map(([name, leaf], slot) => {
    const index = frame.index[slot] ?? 0;
    if (index === 0) return `${name}: absent`;
    const choice = leaf.kind === 'oneOf' ? (frame.choice[slot] ?? 0) : 0;
    const times = leaf.isRepeated ? (frame.times[slot] ?? 0) : 0;
    const chosen = leaf.kind === 'oneOf' ? leaf.children[choice - 1]?.[1] : leaf;
    const isInteger = chosen?.kind === 'integer' || chosen?.kind === 'unixTime';
    const isRead = isInteger && !LATE_NUMBERS.has(command.name);
    const number = isRead ? String(frame.integer64(slot)) : '';
    return `${name}: ${index} ${choice} ${times} ${number}`;
  });
}

function parsedBy(
  driver: CommandDriver, command: Command, parse: 'hand' | 'grammar', args: readonly string[],
): Parsed {
  placeArguments(driver, args, driver.shard.scratchAt);
  const error =
    parse === 'hand' ? command.parse(driver.frame) : command.grammar.match(driver.frame);
  let text = error?.text ?? '';
  const isLateNumber = error === replyErrors.notInteger || error === replyErrors.notFloat;
  if (parse === 'grammar' && LATE_NUMBERS.has(command.name) && isLateNumber) text = '';
  if (parse === 'hand' && command.name.startsWith('mset') && text !== '') {
    text = replyErrors.syntax.text;
  }
  return { error: text, slots: text === '' ? slotsOf(driver, command) : [] };
}

describe('hand-written parsers', () => {
  it.each(commands.map((command) => [command.name, command] as const))(
    'of %s agree with the grammar',
    (name, command) => {
      const driver = new CommandDriver();
      const seed = name.length * 131 + name.charCodeAt(0);
      const chance = new SeededChance(seed);
      const below = (bound: number): number => (chance.next32() >>> 0) % bound;
      const fixed = Math.abs(command.arity);
      let accepted = 0;
      for (let i = 0; i < 4000; i++) {
        const length = command.arity >= 0 ? fixed : fixed + below(6);
        const args = Array.from({ length }, (_, at) =>
          at === 0 ? name : (WORDS[below(WORDS.length)] ?? ''),
        );
        const wanted = parsedBy(driver, command, 'grammar', args);
        const got = parsedBy(driver, command, 'hand', args);
        expect(got, `seed ${seed}: ${JSON.stringify(args)}`).toEqual(wanted);
        if (got.error === '') accepted++;
      }
      expect(accepted).toBeGreaterThan(10);
    },
  );

  it('allocate nothing', () => {
    setFlagsFromString('--expose-gc');
    // Byte boundary: the collector has no type of its own.
    const collect = runInNewContext('gc') as () => void;
    const meter = { collect, usedBytes: () => process.memoryUsage().heapUsed };
    const driver = new CommandDriver();
    const set = stringBasicCommands.find((command) => command.name === 'set');
    const { frame } = driver;
    const args = ['SET', 'key', 'value', 'EX', '100', 'NX', 'GET'];
    placeArguments(driver, args, driver.shard.scratchAt);
    expect(bytesPerCall(meter, () => void set?.parse(frame))).toBeLessThan(1);
  });
});
