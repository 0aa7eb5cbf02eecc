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

/** Writes name and documentation: one pair of the map that COMMAND DOCS answers. */
export function writeCommandDocs(command: Command, out: ReplySink): void {
  const { definition } = command;
  const isContainer = command.subcommands.size > 0;
  const history = definition.history ?? [];
  const leaves = isContainer ? [] : command.grammar.leaves;
  const fields = 4 + (history.length > 0 ? 1 : 0) + (leaves.length > 0 ? 1 : 0);
  out.bulkText(command.name);
  out.map(fields + (isContainer ? 1 : 0));
  writeField(out, 'summary', definition.summary);
  writeField(out, 'since', definition.since);
  writeField(out, 'group', definition.group.replace('_', '-'));
  writeField(out, 'complexity', definition.complexity);
  if (history.length > 0) {
    out.bulkText('history');
    out.set(history.length);
    for (const [version, change] of history) {
      out.array(2);
      out.bulkText(version);
      out.bulkText(change);
    }
  }
  if (leaves.length > 0) {
    out.bulkText('arguments');
    writeArguments(leaves, new KeyCounter(), out);
  }
  if (!isContainer) return;
  out.bulkText('subcommands');
  out.map(command.subcommands.size);
  for (const subcommand of command.subcommands.values()) writeCommandDocs(subcommand, out);
}

/** Numbers the keys of a command: argument n belongs to key specification n. */
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
  const flags = [
    ...(leaf.isOptional ? ['optional'] : []), ...(leaf.isRepeated ? ['multiple'] : []),
    ...(leaf.isRepeated && leaf.token !== undefined ? ['multiple_token'] : []),
  ];
  const isKey = leaf.kind === 'key';
  const hasToken = leaf.token !== undefined;
  const optionalFields = [isKey, hasToken, flags.length > 0, leaf.children.length > 0];
  out.map(2 + optionalFields.filter(Boolean).length);
  writeField(out, 'name', documentedName(name));
  writeField(out, 'type', TYPE_WORDS[leaf.kind]);
  if (isKey) {
    out.bulkText('key_spec_index');
    out.integer(keys.take());
  }
  if (leaf.token !== undefined) writeField(out, 'token', leaf.token);
  if (flags.length > 0) {
    out.bulkText('flags');
    out.set(flags.length);
    for (const flag of flags) out.simple(flag);
  }
  if (leaf.children.length === 0) return;
  out.bulkText('arguments');
  writeArguments(leaf.children, keys, out);
}

function writeField(out: ReplySink, name: string, value: string): void {
  out.bulkText(name);
  out.bulkText(value);
}

/** `unixTimeSeconds` as `unix-time-seconds`, the style of COMMAND DOCS. */
function documentedName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
