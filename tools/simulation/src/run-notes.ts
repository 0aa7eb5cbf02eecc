/**
 * What the executors of the shards were given, as hints of what ran when: words are cut to what
 * tells commands apart, and each command keeps which of its keys have not been seen to run.
 */
import { isReadCommand, keysOf } from './command-models.ts';
import type { Operation } from './operation.ts';
import type { Reply } from './reply.ts';

/** The part of a word that names it: values are longer than that. */
export function tokenOf(word: string): string {
  return word.slice(0, TOKEN_BYTES_MAX).split('~', 1)[0] ?? '';
}

/** What names a word that is a rope, whose bytes an executor does not have at hand: its length. */
export function longTokenOf({ length }: { readonly length: number }): string {
  return `^${length}`;
}

/** Words are told apart by so many bytes. */
export const TOKEN_BYTES_MAX = 24;

/** That an operation seems to have run on a key. */
export interface Run {
  readonly operation: number;
  readonly isWrite: boolean;
  /** The clock moved, which may have changed nothing. */
  readonly isClock: boolean;
  readonly time: number;
  /** The instant under which it ran. */
  readonly nowMs: number;
}

/** Something ran. */
export interface Note {
  readonly words: readonly string[];
  readonly client: string | undefined;
  /** Keys that it has changed, of those of this shard. */
  readonly changed: Set<string>;
  readonly time: number;
  /** What the shard took the time to be. */
  nowMs: number;
  /** It is a move of the clock. */
  readonly clock?: Operation;
}

/** A command that may have run: its words, and keys that have not been seen to run. */
export interface Part {
  readonly name: string;
  readonly tokens: ReadonlySet<string>;
  readonly keysLeft: Set<string>;
  /** It has a value or a key that no other command has. */
  readonly isUnique: boolean;
  readonly isRead: boolean;
}

/** An operation that may have run. */
export interface Candidate {
  readonly operation: Operation;
  readonly parts: readonly Part[];
}

/** A command that answers so may have changed something. */
export function mayHaveWritten(reply: Reply | undefined): boolean {
  return reply !== null && reply !== ':0' && !(typeof reply === 'string' && reply.startsWith('-'));
}

/** Nobody else asks for it like this, and it was not seen. */
export function isMissing({ isUnique, keysLeft }: Part): boolean {
  return isUnique && keysLeft.size > 0;
}

/** In place of keys, of a command without any. */
export const WHOLE = '*';

/** Values, keys made for one command, and numbers that are added. */
const UNIQUE_WORD = /^v\d+|\}\d+$/;

/** What of a command may have run. */
export function partOf(words: readonly string[]): Part {
  const keys = keysOf(words);
  const isAmount = (words[0] ?? '').toUpperCase() === 'INCRBY';
  return {
    name: words[0] ?? '',
    tokens: new Set([...words.map(tokenOf), ...words.map(longTokenOf)]),
    keysLeft: new Set(keys.length > 0 ? keys : [WHOLE]),
    isRead: isReadCommand(words[0] ?? ''),
    isUnique: isAmount || words.some((word) => UNIQUE_WORD.test(word)),
  };
}
