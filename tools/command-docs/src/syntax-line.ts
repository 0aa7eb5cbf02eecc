/**
 * The grammar of a command as the one line people read: `SET key value [NX | XX] [GET]`. Names as
 * COMMAND DOCS shows them, words of the command in capitals, `[]` for what may be absent, `...`
 * for what repeats, `<>` around alternatives of which one has to be there.
 */
import type { Command, Leaf } from '@kora/core';

/** `usernamePassword` as `username-password`, the style of COMMAND DOCS. */
export function documentedName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** The words that call the command: `CONFIG GET`. */
export function spokenName(command: Command): string {
  return command.name.toUpperCase().replace('|', ' ');
}

/** The parts of a command's line: its name, then one part for each argument of the grammar. */
export function syntaxParts(command: Command): readonly string[] {
  const name = spokenName(command);
  if (command.subcommands.size === 0) {
    return [name, ...command.grammar.leaves.map(([each, leaf]) => argumentSyntax(each, leaf))];
  }
  return [name, command.arity === -1 ? '[subcommand ...]' : 'subcommand ...'];
}

/** One argument, brackets and dots included. */
export function argumentSyntax(name: string, leaf: Leaf): string {
  const once = onceSyntax(name, leaf);
  // A repeated argument names its word once: ID client-id [client-id ...].
  const again = leaf.token === undefined ? once : valueSyntax(name, leaf);
  const whole = leaf.isRepeated ? `${once} [${again} ...]` : once;
  if (leaf.isOptional) return `[${whole}]`;
  return leaf.kind === 'oneOf' ? `<${whole}>` : whole;
}

function onceSyntax(name: string, leaf: Leaf): string {
  if (leaf.kind === 'token') return leaf.token ?? name;
  const value = valueSyntax(name, leaf);
  return leaf.token === undefined ? value : `${leaf.token} ${value}`;
}

function valueSyntax(name: string, leaf: Leaf): string {
  const inner = leaf.children.map(([childName, child]) => argumentSyntax(childName, child));
  if (leaf.kind === 'oneOf') return inner.join(' | ');
  return leaf.kind === 'block' ? inner.join(' ') : documentedName(name);
}
