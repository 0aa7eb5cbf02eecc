/**
 * Makers of the two kinds of entries every family of subcommands has: the container itself
 * (`CONFIG`), which never runs, and its HELP. The gate finds the subcommand or answers the error
 * before a container could run.
 */
import { AssertionError } from '../assert.ts';
import { arg } from './grammar.ts';
import { reply } from './reply-schema.ts';
import type { Command, CommandGroup } from './spec.ts';
import { defineCommand, Flag } from './spec.ts';

/** The entry of a container: arity -2, no flags, as Redis reports them. */
export function defineContainer(options: {
  readonly name: string;
  readonly group: CommandGroup;
  readonly since: string;
  readonly summary: string;
}): Command {
  return defineCommand({
    ...options,
    complexity: 'Depends on the subcommand.',
    arity: -2,
    flags: 0,
    acl: [],
    keys: [],
    args: { subcommand: arg.bytes(), arguments: arg.bytes().repeated().optional() },
    reply: reply.any('depends on the subcommand'),
    examples: [],
    apply() {
      throw new AssertionError(`${options.name} only runs through its subcommands`);
    },
  });
}

/**
 * The HELP entry of a container.
 * @param acl categories besides @slow, as Redis reports them
 * @param lines usage and indented explanation in turn, without the first and the last line
 */
export function defineHelp(options: {
  readonly container: string;
  readonly group: CommandGroup;
  readonly since: string;
  readonly acl?: readonly string[];
  readonly lines: readonly string[];
}): Command {
  const all = [
    `${options.container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`,
    ...options.lines,
    'HELP',
    '    Prints this help.',
  ];
  return defineCommand({
    name: `${options.container}|HELP`,
    group: options.group,
    since: options.since,
    summary: 'Lists the subcommands.',
    complexity: 'O(1)',
    arity: 2,
    flags: Flag.Loading | Flag.Stale,
    acl: options.acl ?? [],
    keys: [],
    args: {},
    reply: reply.array('lines of text'),
    examples: [[`${options.container} HELP`, `*#${all.length}`]],
    apply(_shard, _frame, out) {
      out.array(all.length);
      for (const line of all) out.simple(line);
    },
  });
}
