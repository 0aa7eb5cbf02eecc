/**
 * What the executors of the shards were given, as hints of what ran when: words are cut to what
 * tells the commands of an EXEC apart, and each command keeps which of its keys have not been seen
 * to run.
 */
import { keysOf } from './command-models.ts';
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

/** Something that a client has asked for. */
export interface Request {
  /** In small letters. */
  readonly name: string;
  /** Undefined for what is no operation of the history: PING, MULTI, SCAN. */
  readonly operation: Operation | undefined;
}

/** Whose a run is; known at the end, for a worker may run what its origin has not noted yet. */
export interface Asker {
  operation: Operation | undefined;
}

/** Something ran. */
export interface Note {
  readonly words: readonly string[];
  readonly asker: Asker | undefined;
  /** Keys that it has changed, of those of this shard. */
  readonly changed: Set<string>;
  readonly time: number;
  /** What the shard took the time to be. */
  nowMs: number;
  /** It is a move of the clock. */
  readonly clock?: Operation;
}

/** A command of an operation: its words, and keys that have not been seen to run. */
export interface Part {
  readonly name: string;
  readonly tokens: ReadonlySet<string>;
  readonly keysLeft: Set<string>;
}

/** A command that answers so may have changed something. */
export function mayHaveWritten(reply: Reply | undefined): boolean {
  return reply !== null && reply !== ':0' && !(typeof reply === 'string' && reply.startsWith('-'));
}

/** In place of keys, of a command without any. */
export const WHOLE = '*';

/** What of a command may have run. */
export function partOf(words: readonly string[]): Part {
  const keys = keysOf(words);
  return {
    name: words[0] ?? '',
    tokens: new Set([...words.map(tokenOf), ...words.map(longTokenOf)]),
    keysLeft: new Set(keys.length > 0 ? keys : [WHOLE]),
  };
}
