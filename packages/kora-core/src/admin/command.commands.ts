/**
 * COMMAND: what the command table knows, over the wire. All replies are derived from the entries;
 * nothing here names a command.
 */
import { globMatch } from '../bytes/glob.ts';
import { categoriesOfCommand } from '../command/acl-categories.ts';
import type { ArgFrame } from '../command/arg-frame.hot.ts';
import { argumentText, argumentTexts } from '../command/argument-text.ts';
import { defineHelp } from '../command/container.ts';
import { writeCommandDocs } from '../command/docs.ts';
import { fitsArity } from '../command/gate.ts';
import type { ShownKey } from '../command/get-keys.ts';
import { shownKeys } from '../command/get-keys.ts';
import { arg } from '../command/grammar.ts';
import { writeCommandInfo } from '../command/info.ts';
import type { CommandRegistry } from '../command/registry.ts';
import { reply } from '../command/reply-schema.ts';
import type { ReplySink } from '../command/sink.ts';
import type { Command } from '../command/spec.ts';
import { defineCommand, Flag } from '../command/spec.ts';
import { ReplyError, replyErrors } from '../errors/reply-error.ts';
import type { Shard } from '../shard/shard.ts';

const FLAGS = Flag.Loading | Flag.Stale;
const ACL = ['connection'];
const ANY_ORDER = ['nondeterministic_output_order'];

const invalidCommand = new ReplyError('ERR Invalid command specified');
const noKeyArguments = new ReplyError('ERR The command has no key arguments');
const invalidCount = new ReplyError('ERR Invalid number of arguments specified for command');
const invalidArguments = new ReplyError('ERR Invalid arguments specified for command');

export const command = defineCommand({
  name: 'COMMAND', group: 'server', since: '2.8.13',
  summary: 'Returns the facts of all commands.',
  complexity: 'O(n); n = commands.',
  arity: -1,
  flags: FLAGS,
  acl: ACL,
  keys: [],
  tips: ANY_ORDER,
  // Words that follow are subcommands, which the gate finds before this entry could run.
  args: { subcommand: arg.bytes().repeated().optional() },
  reply: reply.array('one entry a command'),
  examples: [],
  apply(shard, _frame, out) {
    const all = topLevel(shard.engine.registry);
    out.array(all.length);
    for (const item of all) writeCommandInfo(item, out);
  },
});

export const commandCount = defineCommand({
  name: 'COMMAND|COUNT', group: 'server', since: '2.8.13',
  summary: 'Returns the number of commands.',
  complexity: 'O(n); n = commands.',
  arity: 2,
  flags: FLAGS,
  acl: ACL,
  keys: [],
  args: {},
  reply: reply.integer('commands, subcommands not counted'),
  examples: [],
  apply(shard, _frame, out) {
    out.integer(topLevel(shard.engine.registry).length);
  },
});

export const commandInfo = defineCommand({
  name: 'COMMAND|INFO', group: 'server', since: '2.8.13',
  summary: 'Returns the facts of some commands, or of all.',
  complexity: 'O(n); n = commands asked for.',
  arity: -2,
  flags: FLAGS,
  acl: ACL,
  keys: [],
  tips: ANY_ORDER,
  history: [['7.0.0', 'Accepts subcommands, and no names for all commands.']],
  args: { commandName: arg.bytes().repeated().optional() },
  reply: reply.array('an entry or null for each name'),
  examples: [
    ['COMMAND INFO nosuch', '*[_]'],
    [
      'COMMAND INFO echo',
      '*[*[$"echo" :2 *[+"loading" +"stale" +"fast"] :0 :0 :0 ' +
        '*[+"@fast" +"@connection"] *[] *[] *[]]]',
    ],
  ],
  apply(shard, frame, out) {
    const { registry } = shard.engine;
    const names = argumentTexts(frame, 2);
    const found = names.length === 0
      ? topLevel(registry)
      : names.map((name) => registry.byName(name));
    out.array(found.length);
    for (const item of found) {
      if (item === undefined) out.null();
      else writeCommandInfo(item, out);
    }
  },
});

export const commandDocs = defineCommand({
  name: 'COMMAND|DOCS', group: 'server', since: '7.0.0',
  summary: 'Returns the documentation of some commands, or of all.',
  complexity: 'O(n); n = commands asked for.',
  arity: -2,
  flags: FLAGS,
  acl: ACL,
  keys: [],
  tips: ANY_ORDER,
  args: { commandName: arg.bytes().repeated().optional() },
  reply: reply.map('names and their documentation; unknown names are left out'),
  examples: [
    ['COMMAND DOCS nosuch', '*[]'],
    [
      'COMMAND DOCS echo',
      '*[$"echo" *[$"summary" $"Answers the message it was given." $"since" $"1.0.0" $"group" ' +
        '$"connection" $"complexity" $"O(1)" ' +
        '$"arguments" *[*[$"name" $"message" $"type" $"string"]]]]',
    ],
  ],
  apply(shard, frame, out) {
    const { registry } = shard.engine;
    const names = argumentTexts(frame, 2);
    const asked = names.flatMap((name) => registry.byName(name) ?? []);
    const found = names.length === 0 ? topLevel(registry) : asked;
    out.map(found.length);
    for (const item of found) writeCommandDocs(item, out);
  },
});

export const commandList = defineCommand({
  name: 'COMMAND|LIST', group: 'server', since: '7.0.0',
  summary: 'Returns the names of commands and subcommands, filtered if asked.',
  complexity: 'O(n); n = commands.',
  arity: -2,
  flags: FLAGS,
  acl: ACL,
  keys: [],
  tips: ANY_ORDER,
  args: { filterBy: arg.block({ kind: arg.bytes(), value: arg.bytes() }, 'FILTERBY').optional() },
  documentedArgs: [['filterby', arg.oneOf({
    'module-name': arg.bytes('MODULE'), category: arg.bytes('ACLCAT'),
    pattern: arg.pattern('PATTERN'),
  }).after('FILTERBY').optional()]],
  reply: reply.array('names'),
  examples: [
    ['COMMAND LIST FILTERBY PATTERN ech*', '*[$"echo"]'],
    ['COMMAND LIST FILTERBY MODULE nosuch', '*[]'],
    ['COMMAND LIST FILTERBY COLOUR red', '-"ERR syntax error"'],
  ],
  check(frame, at) {
    const index = frame.index[at.filterBy] ?? 0;
    if (index === 0) return null;
    return FILTERS.has(argumentText(frame, index).toUpperCase()) ? null : replyErrors.syntax;
  },
  apply(shard, frame, out, at) {
    const index = frame.index[at.filterBy] ?? 0;
    const filter = index === 0 ? undefined : FILTERS.get(argumentText(frame, index).toUpperCase());
    const value = index === 0 ? '' : argumentText(frame, index + 1);
    const { commands } = shard.engine.registry;
    const found = filter === undefined ? commands : commands.filter((item) => filter(item, value));
    out.array(found.length);
    for (const item of found) out.bulkText(item.name);
  },
});

/** Filters of COMMAND LIST. There are no modules, so none has commands. */
const FILTERS: ReadonlyMap<string, (item: Command, value: string) => boolean> = new Map([
  ['MODULE', () => false],
  ['ACLCAT', (item: Command, value: string) =>
    categoriesOfCommand(item).includes(value.toLowerCase())],
  ['PATTERN', (item: Command, value: string) => {
    const pattern = Uint8Array.from(value, (character) => character.charCodeAt(0));
    const name = Uint8Array.from(item.name, (character) => character.charCodeAt(0));
    return globMatch(pattern, 0, pattern.length, name, 0, name.length, true);
  }],
]);

const getKeysArguments = { command: arg.bytes(), argument: arg.bytes().repeated() };

export const commandGetKeys = defineCommand({
  name: 'COMMAND|GETKEYS', group: 'server', since: '2.8.13',
  summary: 'Returns the keys among the arguments of a command.',
  complexity: 'O(n); n = arguments.',
  arity: -4,
  flags: FLAGS,
  acl: ACL,
  keys: [],
  args: getKeysArguments,
  documentedArgs: [],
  reply: reply.array('the keys'),
  examples: [
    ['COMMAND GETKEYS MEMORY USAGE k', '*[$"k"]'],
    ['COMMAND GETKEYS ECHO hello', '-"ERR The command has no key arguments"'],
  ],
  apply(shard, frame, out) {
    const found = keysOfCommand(shard, frame);
    if (found instanceof ReplyError) {
      out.error(found);
      return;
    }
    out.array(found.length);
    for (const { index } of found) writeArgument(frame, index + INNER_AT, out);
  },
});

export const commandGetKeysAndFlags = defineCommand({
  name: 'COMMAND|GETKEYSANDFLAGS', group: 'server', since: '7.0.0',
  summary: 'Returns the keys among the arguments of a command and what it does to them.',
  complexity: 'O(n); n = arguments.',
  arity: -4,
  flags: FLAGS,
  acl: ACL,
  keys: [],
  args: getKeysArguments,
  documentedArgs: [],
  reply: reply.array('pairs of a key and a set of flags'),
  examples: [['COMMAND GETKEYSANDFLAGS MEMORY USAGE k', '*[*[$"k" *[+"RO"]]]']],
  apply(shard, frame, out) {
    const found = keysOfCommand(shard, frame);
    if (found instanceof ReplyError) {
      out.error(found);
      return;
    }
    out.array(found.length);
    const count = frame.count - INNER_AT;
    for (const { index, spec } of found) {
      const usage = spec?.usage?.(count, (i) => argumentText(frame, i + INNER_AT)) ?? spec;
      const flags = usage === undefined ? [] : [usage.access, ...usage.effects];
      out.array(2);
      writeArgument(frame, index + INNER_AT, out);
      out.set(flags.length);
      for (const flag of flags) out.simple(flag);
    }
  },
});

export const commandHelp = defineHelp({
  container: 'COMMAND', group: 'server', since: '5.0.0', acl: ACL,
  lines: [
    '(no subcommand)',
    '    Returns the facts of all commands.',
    'COUNT',
    '    Returns the number of commands.',
    'LIST [FILTERBY (MODULE <module> | ACLCAT <category> | PATTERN <pattern>)]',
    '    Returns the names of commands.',
    'INFO [<command> ...]',
    '    Returns the facts of some commands, or of all.',
    'DOCS [<command> ...]',
    '    Returns the documentation of some commands, or of all.',
    'GETKEYS <command> <argument> [<argument> ...]',
    '    Returns the keys of a command.',
    'GETKEYSANDFLAGS <command> <argument> [<argument> ...]',
    '    Returns the keys of a command and what it does to them.',
  ],
});

/** Entries of COMMAND. */
export const commandCommands: readonly Command[] = [
  command, commandCount, commandInfo, commandDocs, commandList, commandGetKeys,
  commandGetKeysAndFlags, commandHelp,
];

/** Place of the inner command's name among the arguments of GETKEYS. */
const INNER_AT = 2;

function topLevel(registry: CommandRegistry): readonly Command[] {
  return registry.commands.filter((item) => !item.name.includes('|'));
}

/** Writes an argument as it came. */
function writeArgument(frame: ArgFrame, index: number, out: ReplySink): void {
  out.bulk(frame.at[index] ?? 0, frame.bytes[index] ?? 0);
}

/** The keys of the command that starts at argument 2. */
function keysOfCommand(shard: Shard, frame: ArgFrame): readonly ShownKey[] | ReplyError {
  const { registry } = shard.engine;
  const container = registry.byName(argumentText(frame, INNER_AT));
  const word = argumentText(frame, INNER_AT + 1).toLowerCase();
  const isFamily = container !== undefined && container.subcommands.size > 0;
  const inner = isFamily ? container.subcommands.get(word) : container;
  if (inner === undefined || inner.name.includes('|') !== isFamily) return invalidCommand;
  const keys = inner.definition.keys.filter(({ extra }) => extra?.includes('not_key') !== true);
  if (keys.length === 0) return noKeyArguments;
  const count = frame.count - INNER_AT;
  if (!fitsArity(inner, count)) return invalidCount;
  const found = shownKeys(keys, count, (i) => argumentText(frame, i + INNER_AT));
  if (found.length > 0 || (inner.flags & Flag.NoMandatoryKeys) !== 0) return found;
  return invalidArguments;
}
