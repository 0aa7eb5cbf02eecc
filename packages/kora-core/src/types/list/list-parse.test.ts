/**
 * The hand-written parsers of the list commands against the grammar of their entries: random
 * argument lists, right and wrong ones, are accepted by both or by none, with the same slots. The
 * texts of errors are held by the conformance corpus, since Redis's do not follow from the grammar.
 */
import { describe, expect, it } from 'vitest';
import type { Command } from '../../command/spec.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { placeArguments } from '../../testing/placed-arguments.ts';
import { randomSource } from '../../testing/random-source.ts';
import { listEditCommands } from './list-edit.commands.ts';
import { listPushCommands } from './list-push.commands.ts';
import { listReadCommands } from './list-read.commands.ts';

const WORDS = [
  'k', 'v', '0', '1', '10', '9223372036854775807', 'x', '', '1.5', '+1', 'RANK', 'count',
];
/** Commands that read their number after the key: what the grammar refuses is theirs to refuse. */
const LATE_NUMBERS = new Set(['lindex', 'lset']);
/** Options with a value each, which a repeated option and rank 0 make different from a grammar. */
const BEYOND_GRAMMAR = new Set(['lpos', 'linsert']);

const commands: readonly Command[] = [
  ...listPushCommands, ...listReadCommands, ...listEditCommands,
].filter(({ name }) => !BEYOND_GRAMMAR.has(name));

function slotsOf(driver: CommandDriver, command: Command): string[] {
  const { frame } = driver;
  return command.grammar.leaves.map(([name, leaf], slot) => {
    const index = frame.index[slot] ?? 0;
    if (index === 0) return `${name}: absent`;
    const times = leaf.isRepeated ? (frame.times[slot] ?? 0) : 0;
    return `${name}: ${index} ${times} ${leaf.kind === 'integer' ? frame.integer64(slot) : ''}`;
  });
}

describe('hand-written parsers of lists', () => {
  it.each(commands.map((command) => [command.name, command] as const))(
    'of %s agree with the grammar',
    (name, command) => {
      const driver = new CommandDriver();
      const seed = name.length * 131 + name.charCodeAt(1);
      const random = randomSource(seed);
      const isLate = LATE_NUMBERS.has(name);
      let accepted = 0;
      for (let i = 0; i < 2000; i++) {
        const length = Math.abs(command.arity) + (command.arity < 0 ? random.below(4) : 0);
        const args = Array.from({ length }, (_, at) =>
          at === 0 ? name : (WORDS[random.below(WORDS.length)] ?? ''));
        placeArguments(driver, args, driver.shard.scratchAt);
        const wanted = command.grammar.match(driver.frame) === null;
        const slots = wanted ? slotsOf(driver, command) : [];
        const got = command.parse(driver.frame) === null;
        const where = `seed ${seed}: ${JSON.stringify(args)}`;
        expect(got, where).toBe(isLate || wanted);
        const hasSlots = got && wanted && name !== 'lset' && name !== 'lrem';
        if (hasSlots && !isLate) expect(slotsOf(driver, command), where).toEqual(slots);
        if (got) accepted++;
      }
      expect(accepted).toBeGreaterThan(10);
    },
  );

  it('refuse a count below zero and a second one', () => {
    const driver = new CommandDriver();
    for (const name of ['LPOP', 'RPOP']) {
      const lower = name.toLowerCase();
      expect(driver.run(name, 'k', -1)).toBe('-"ERR value is out of range, must be positive"');
      expect(driver.run(name, 'k', 1, 1)).toBe(
        `-"ERR wrong number of arguments for '${lower}' command"`,
      );
    }
  });
});
