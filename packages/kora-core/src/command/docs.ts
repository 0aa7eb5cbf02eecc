/**
 * COMMAND DOCS: what an entry says about itself, with its arguments as a tree read from the
 * grammar. Field names and shapes are Redis's; the words are ours.
 */
import type { Leaf, LeafKind } from './grammar.ts';
import type { ReplySink } from './sink.ts';
import type { Command } from './spec.ts';

/** Words of COMMAND DOCS for the kinds of leaves. */
const TYPE_WORDS: Readonly<Record<LeafKind, string>> = {
  key: 'key', bytes: 'string', pattern: 'pattern', integer: 'integer', unixTime: 'unix-time',
  double: 'double', token: 'pure-token', oneOf: 'oneof', block: 'block',
};

/** What COMMAND DOCS tells of a command's arguments; nothing of those of a container. */
export function documentedLeaves(command: Command): readonly (readonly [string, Leaf])[] {
  if (command.subcommands.size > 0) return [];
  return command.definition.documentedArgs ?? command.grammar.leaves;
}

/** The name that COMMAND DOCS gives an argument: its own, or `unix-time` for `unixTime`. */
export function documentedName(name: string, leaf: Leaf): string {
  return leaf.docs.name ?? name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Writes name and documentation: one pair of the map that COMMAND DOCS answers. */
export function writeCommandDocs(command: Command, out: ReplySink): void {
  const { definition } = command;
  const isContainer = command.subcommands.size > 0;
  const history = definition.history ?? [];
  const leaves = documentedLeaves(command);
  const { deprecated, isSystem = false } = definition;
  const flags = [
    ...(deprecated === undefined ? [] : ['deprecated']), ...(isSystem ? ['syscmd'] : []),
  ];
  const optionalFields = [
    flags.length > 0, deprecated !== undefined, deprecated !== undefined, history.length > 0,
    leaves.length > 0, isContainer,
  ];
  out.bulkText(command.name);
  out.map(4 + optionalFields.filter(Boolean).length);
  writeField(out, 'summary', definition.summary);
  writeField(out, 'since', definition.since);
  writeField(out, 'group', definition.group.replace('_', '-'));
  writeField(out, 'complexity', definition.complexity);
  if (flags.length > 0) writeFlags(out, 'doc_flags', flags);
  if (deprecated !== undefined) {
    writeField(out, 'deprecated_since', deprecated.since);
    writeField(out, 'replaced_by', deprecated.replacedBy);
  }
  if (history.length > 0) writeHistory(out, history);
  if (leaves.length > 0) {
    out.bulkText('arguments');
    writeArguments(leaves, new KeyCounter(), out);
  }
  if (!isContainer) return;
  out.bulkText('subcommands');
  out.map(command.subcommands.size);
  for (const subcommand of command.subcommands.values()) writeCommandDocs(subcommand, out);
}

function writeHistory(out: ReplySink, history: readonly (readonly [string, string])[]): void {
  out.bulkText('history');
  out.set(history.length);
  for (const [version, change] of history) {
    out.array(2);
    out.bulkText(version);
    out.bulkText(change);
  }
}

/** Numbers the keys of a command: key n belongs to key specification n, unless its leaf says. */
class KeyCounter {
  #next = 0;

  take(): number {
    return this.#next++;
  }
}

function writeArguments(
  leaves: readonly (readonly [string, Leaf])[], keys: KeyCounter, out: ReplySink,
): void {
  out.array(leaves.length);
  for (const [name, leaf] of leaves) writeArgument(name, leaf, keys, out);
}

function writeArgument(name: string, leaf: Leaf, keys: KeyCounter, out: ReplySink): void {
  const { docs, token } = leaf;
  const hasTokenEach = leaf.isRepeated && token !== undefined && docs.hasTokenOnce !== true;
  const flags = [
    ...(leaf.isOptional ? ['optional'] : []), ...(leaf.isRepeated ? ['multiple'] : []),
    ...(hasTokenEach ? ['multiple_token'] : []),
  ];
  const keySpecIndex = docs.keySpecIndex ?? (leaf.kind === 'key' ? keys.take() : undefined);
  const optionalFields = [
    keySpecIndex, token, docs.since, docs.deprecatedSince, flags[0], leaf.children[0],
  ];
  out.map(2 + optionalFields.filter((field) => field !== undefined).length);
  writeField(out, 'name', documentedName(name, leaf));
  writeField(out, 'type', TYPE_WORDS[leaf.kind]);
  if (keySpecIndex !== undefined) {
    out.bulkText('key_spec_index');
    out.integer(keySpecIndex);
  }
  if (token !== undefined) writeField(out, 'token', token);
  if (docs.since !== undefined) writeField(out, 'since', docs.since);
  if (docs.deprecatedSince !== undefined) {
    writeField(out, 'deprecated_since', docs.deprecatedSince);
  }
  if (flags.length > 0) writeFlags(out, 'flags', flags);
  if (leaf.children.length === 0) return;
  out.bulkText('arguments');
  writeArguments(leaf.children, keys, out);
}

function writeField(out: ReplySink, name: string, value: string): void {
  out.bulkText(name);
  out.bulkText(value);
}

function writeFlags(out: ReplySink, name: string, flags: readonly string[]): void {
  out.bulkText(name);
  out.set(flags.length);
  for (const flag of flags) out.simple(flag);
}
