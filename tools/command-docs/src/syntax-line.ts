/**
 * The grammar of a command as the one line people read: `SET key value [NX | XX] [GET]`. Names as
 * COMMAND DOCS shows them, words of the command in capitals, `[]` for what may be absent, `...`
 * for what repeats, `<>` around alternatives of which one has to be there.
 */
import { documentedLeaves, documentedName } from '@kora/core';
import type { Command, Leaf } from '@kora/core';

/** The words that call the command: `CONFIG GET`. */
export function spokenName(command: Command): string {
  return command.name.toUpperCase().replace('|', ' ');
}

/** The arguments of a page: as COMMAND DOCS tells them, or as parsed where it tells none. */
export function shownLeaves(command: Command): readonly (readonly [string, Leaf])[] {
  const documented = documentedLeaves(command);
  return documented.length > 0 ? documented : command.grammar.leaves;
}

/** The parts of a command's line: its name, then one part for each argument of the grammar. */
export function syntaxParts(command: Command): readonly string[] {
  const name = spokenName(command);
  if (command.subcommands.size === 0) {
    return [name, ...shownLeaves(command).map(([each, leaf]) => argumentSyntax(each, leaf))];
  }
  return [name, command.arity === -1 ? '[subcommand ...]' : 'subcommand ...'];
}

/** One argument, brackets and dots included. */
export function argumentSyntax(name: string, leaf: Leaf): string {
  const once = onceSyntax(name, leaf);
  // Some repeated arguments name their word once: WEIGHTS weight [weight ...].
  const again = leaf.docs.hasTokenOnce === true ? valueSyntax(name, leaf) : once;
  const whole = leaf.isRepeated ? `${once} [${again} ...]` : once;
  if (leaf.isOptional) return `[${whole}]`;
  return leaf.kind === 'oneOf' && leaf.token === undefined ? `<${whole}>` : whole;
}

function onceSyntax(name: string, leaf: Leaf): string {
  if (leaf.kind === 'token') return leaf.token ?? name;
  const value = valueSyntax(name, leaf);
  if (leaf.token === undefined) return value;
  return leaf.kind === 'oneOf' ? `${leaf.token} <${value}>` : `${leaf.token} ${value}`;
}

function valueSyntax(name: string, leaf: Leaf): string {
  const inner = leaf.children.map(([childName, child]) => argumentSyntax(childName, child));
  if (leaf.kind === 'oneOf') return inner.join(' | ');
  return leaf.kind === 'block' ? inner.join(' ') : documentedName(name, leaf);
}
