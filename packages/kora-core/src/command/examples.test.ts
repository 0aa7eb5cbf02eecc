/**
 * Every entry's examples, run in order on an empty engine: the documentation is true, and every
 * reply has a shape that the entry states. A reply is compared in the notation of the
 * corpus; `?` stands for any reply, `*#3` and `$#3` for one of that type
 * and length.
 */
import { describe, expect, it } from 'vitest';
import type { ReplyShape } from './reply-schema.ts';
import type { Command } from './spec.ts';
import { coreCommands } from '../shard/core-commands.ts';
import { CommandDriver } from '../testing/command-driver.ts';
import { splitCommandLine } from '../testing/command-line.ts';
import type { RecordedReply } from '../testing/recorded-reply.ts';
import { notationOf } from '../testing/recorded-reply.ts';

const SIGNS: Readonly<Record<string, string>> = {
  array: '*', map: '%', set: '~', push: '>', bulk: '$', simple: '+', verbatim: '=',
};

/** The reply's text in the form in which `expected` is written. */
function shownAs(expected: string, reply: RecordedReply): string {
  if (expected === '?') return '?';
  if (!/^[*%~>$+=]#\d+$/.test(expected)) return notationOf(reply);
  const length = 'items' in reply ? reply.items.length : 'text' in reply ? reply.text.length : -1;
  return `${SIGNS[reply.kind] ?? reply.kind}#${length}`;
}

/** Kinds in which a stated shape appears in RESP2. */
const RESP2_KINDS: Readonly<Record<ReplyShape['kind'], readonly string[]>> = {
  ok: ['simple'], status: ['simple'], integer: ['integer'], bulk: ['bulk'], null: ['null'],
  nullArray: ['nullArray'], double: ['bulk'], boolean: ['integer'], array: ['array'],
  map: ['array'], set: ['array'], push: ['array'], bigNumber: ['bulk'], verbatim: ['bulk'],
  any: Object.keys(SIGNS).concat('integer', 'null', 'nullArray'), none: [],
};

/** True when the reply is an error or has one of the shapes that the entry states. */
function fits(command: Command, reply: RecordedReply): boolean {
  if (reply.kind === 'error') return true;
  return command.definition.reply.some(({ kind }) => RESP2_KINDS[kind].includes(reply.kind));
}

/** True when the command line runs this entry, not one that prepares for it. */
function runs(command: Command, words: readonly string[]): boolean {
  const name = command.name.split('|');
  return name.every((word, i) => words[i]?.toLowerCase() === word);
}

const withExamples = coreCommands.filter((command) => command.definition.examples.length > 0);

describe('examples', () => {
  it.each(withExamples.map((command) => [command.name, command] as const))(
    '%s',
    (_name, command) => {
      const driver = new CommandDriver({ settings: { 'enable-debug-command': 'yes' } });
      for (const [line, expected] of command.definition.examples) {
        const words = splitCommandLine(line);
        const reply = driver.reply(...words);
        expect(`${line} -> ${shownAs(expected, reply)}`).toBe(`${line} -> ${expected}`);
        if (runs(command, words)) expect(fits(command, reply), `${line}: stated shape`).toBe(true);
      }
      expect(driver.errors).toEqual([]);
    },
  );
});
