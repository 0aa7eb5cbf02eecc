/**
 * One command as a section of a page. Everything comes from its entry: nothing is told here that
 * COMMAND INFO, COMMAND DOCS and the tests of examples do not hold against real replies.
 */
import { categoriesOfCommand, documentedName, flagNames } from '@kora/core';
import type { Command, Leaf, ReplyShape } from '@kora/core';
import { anchorOf, code, fence, prose, table, wrapParts } from './markdown.ts';
import { argumentSyntax, shownLeaves, spokenName, syntaxParts } from './syntax-line.ts';
import { transcriptOf } from './transcript.ts';

/** Columns of a syntax line before it goes on in the next one. */
const SYNTAX_COLUMNS_MAX = 88;

/** Words for the kinds of values. */
const TYPE_WORDS: Readonly<Record<Leaf['kind'], string>> = {
  key: 'key', bytes: 'string', pattern: 'glob pattern', integer: 'integer',
  unixTime: 'Unix time', double: 'number', token: 'word', oneOf: 'one of', block: 'block',
};

/** Words for the kinds of replies, with what RESP2 makes of those that only RESP3 has. */
const REPLY_WORDS: Readonly<Record<ReplyShape['kind'], string>> = {
  ok: '`OK`', status: 'status', integer: 'integer', bulk: 'string', null: 'null',
  nullArray: 'null array', double: 'double (RESP2: string)',
  boolean: 'boolean (RESP2: integer)', array: 'array', map: 'map (RESP2: array of pairs in a row)',
  set: 'set (RESP2: array)', push: 'push (RESP2: array)', bigNumber: 'big number (RESP2: string)',
  verbatim: 'text (RESP3: verbatim string)', any: '', none: 'no reply',
};

/** The section, from its heading to its last line. */
export function commandSection(command: Command): string {
  const { definition } = command;
  const parts = [
    `## ${spokenName(command)}`,
    prose(definition.summary),
    fence(wrapParts(syntaxParts(command), SYNTAX_COLUMNS_MAX)),
    factsOf(command),
  ];
  if (command.subcommands.size > 0) parts.push(subcommandsOf(command));
  else if (command.grammar.leaves.length > 0) parts.push(argumentTable(command));
  if (hasReply(command)) parts.push(`**Reply**\n\n${definition.reply.map(replyLine).join('\n')}`);
  if (definition.examples.length > 0) {
    parts.push(`**Examples**\n\n${fence(transcriptOf(definition.examples))}`);
  }
  if (definition.history !== undefined && definition.history.length > 0) {
    const changes = definition.history.map(([version, change]) => `- ${version}: ${prose(change)}`);
    parts.push(`**History**\n\n${changes.join('\n')}`);
  }
  return parts.join('\n\n');
}

function factsOf(command: Command): string {
  const { complexity, deprecated, since } = command.definition;
  const isOld = deprecated === undefined ? []
    : [`- **Deprecated since:** ${deprecated.since}, replaced by ${prose(deprecated.replacedBy)}`];
  const flags = flagNames(command.flags).map(code).join(' ');
  const categories = categoriesOfCommand(command).map((name) => code(`@${name}`)).join(' ');
  return [
    `- **Complexity:** ${prose(complexity)}`,
    `- **Since:** ${since}`,
    ...isOld,
    `- **ACL categories:** ${categories}`,
    `- **Flags:** ${flags === '' ? 'none' : flags}`,
  ].join('\n');
}

function subcommandsOf(container: Command): string {
  const links = [...container.subcommands.values()]
    .map(spokenName)
    .sort()
    .map((name) => `[${name}](#${anchorOf(name)})`);
  return `**Subcommands:** ${links.join(', ')}`;
}

function argumentTable(command: Command): string {
  const rows = shownLeaves(command).map(([name, leaf]) => {
    const remarks = [
      ...(leaf.isOptional ? ['optional'] : []), ...(leaf.isRepeated ? ['may repeat'] : []),
      ...(leaf.docs.since === undefined ? [] : [`since ${leaf.docs.since}`]),
    ];
    return [code(documentedName(name, leaf)), typeOf(leaf), remarks.join(', ')];
  });
  return table(['Argument', 'Type', ''], rows);
}

/** What an argument is: `integer, after EX`; `one of NX, XX`; `key and value` of a block. */
function typeOf(leaf: Leaf): string {
  const word = TYPE_WORDS[leaf.kind];
  if (leaf.kind === 'token') return `${word} ${code(leaf.token ?? '')}`;
  const after = leaf.token === undefined ? '' : `, after ${code(leaf.token)}`;
  if (leaf.kind === 'oneOf') return `${word} ${leaf.children.map(childType).join(', ')}${after}`;
  return (leaf.kind === 'block' ? leaf.children.map(childType).join(' and ') : word) + after;
}

function childType([name, leaf]: readonly [string, Leaf]): string {
  const shown = code(argumentSyntax(name, leaf));
  return leaf.kind === 'token' ? shown : `${shown} (${TYPE_WORDS[leaf.kind]})`;
}

/** A container answers for its subcommands; only COMMAND has a reply of its own. */
function hasReply(command: Command): boolean {
  const isUnstated = command.definition.reply.every(({ kind }) => kind === 'any');
  return command.subcommands.size === 0 || !isUnstated;
}

function replyLine({ kind, meaning }: ReplyShape): string {
  const words = [REPLY_WORDS[kind], prose(meaning)].filter((word) => word !== '');
  return `- ${words.join(': ')}`;
}
