/**
 * What the slow log and MONITOR show of a call: its name and arguments, one character a byte, with
 * secrets hidden: what AUTH, HELLO and MIGRATE are given to log in, and values of CONFIG SET that
 * are passwords.
 * The slow log shows an excerpt: at most 32 words, of each at most 128 bytes, as redis-server 7.0.
 */
import type { ArgFrame, Command, Shard } from '@kora/core';
import { latin1Text, SCRATCH_BYTES } from '@kora/core';

/** Words of an entry, and bytes of one word. */
const WORD_COUNT_MAX = 32;
const WORD_BYTES_MAX = 128;
const HIDDEN = '(redacted)';

/** Settings whose value is a secret. */
const SECRET_SETTINGS: ReadonlySet<string> = new Set([
  'requirepass', 'masterauth', 'masteruser', 'tls-key-file-pass', 'tls-client-key-file-pass',
]);
/** Commands whose arguments may hold a secret. */
const SECRETIVE: ReadonlySet<string> = new Set(['auth', 'hello', 'migrate', 'config|set']);

/** The first bytes of argument i; of a rope through the shard's scratch. */
export function argumentStart(shard: Shard, frame: ArgFrame, i: number, bytesMax: number): string {
  const bytes = Math.min(frame.bytes[i] ?? 0, bytesMax);
  if (!frame.isBig(i)) return latin1Text(frame.memory.low, frame.at[i] ?? 0, bytes);
  let text = '';
  for (let from = 0; from < bytes;) {
    const step = Math.min(bytes - from, SCRATCH_BYTES);
    shard.ropes.read(frame.ropeOf(i), from, shard.scratchAt, step);
    text += latin1Text(frame.memory.low, shard.scratchAt, step);
    from += step;
  }
  return text;
}

/** Argument i as it is shown; a call of a method of the embedded engine has no name of its own. */
function wordAt(
  shard: Shard, command: Command, frame: ArgFrame, i: number, bytesMax: number,
): string {
  const isUnnamed = i === 0 && frame.bytes[0] === 0;
  return isUnnamed ? command.name : argumentStart(shard, frame, i, bytesMax);
}

/**
 * Arguments that are not shown.
 * @param word argument i, as text
 */
export function hiddenArguments(
  command: Command, count: number, word: (i: number) => string,
): ReadonlySet<number> {
  const hidden = new Set<number>();
  if (!SECRETIVE.has(command.name)) return hidden;
  const hide = (from: number, to: number): void => {
    for (let i = from; i < Math.min(to, count); i++) hidden.add(i);
  };
  if (command.name === 'auth') {
    hide(1, count);
  } else if (command.name === 'config|set') {
    for (let i = 2; i + 1 < count; i += 2) {
      if (SECRET_SETTINGS.has(word(i).toLowerCase())) hide(i + 1, i + 2);
    }
  } else {
    for (let i = 1; i < count; i++) {
      const name = word(i).toUpperCase();
      const isBoth = name === 'AUTH2' || command.name === 'hello';
      if (name === 'AUTH' || name === 'AUTH2') hide(i + 1, i + (isBoth ? 3 : 2));
      if (name === 'AUTH' || name === 'AUTH2') i += isBoth ? 2 : 1;
    }
  }
  return hidden;
}

/** The words of a call as the slow log keeps them. */
export function excerptOf(shard: Shard, command: Command, frame: ArgFrame): string[] {
  const { count } = frame;
  const textOf = (i: number): string => wordAt(shard, command, frame, i, WORD_BYTES_MAX);
  const hidden = hiddenArguments(command, count, textOf);
  const words: string[] = [];
  for (let i = 0; i < count; i++) {
    if (count > WORD_COUNT_MAX && words.length === WORD_COUNT_MAX - 1) {
      words.push(`... (${count - i} more arguments)`);
      break;
    }
    const bytes = frame.bytes[i] ?? 0;
    const more = bytes > WORD_BYTES_MAX ? `... (${bytes - WORD_BYTES_MAX} more bytes)` : '';
    words.push(hidden.has(i) ? HIDDEN : textOf(i) + more);
  }
  return words;
}

/**
 * All words of a call as MONITOR shows them.
 * @param bytesMax of one argument; what is longer ends with a word about the rest
 */
export function wordsOf(
  shard: Shard, command: Command, frame: ArgFrame, bytesMax: number,
): string[] {
  const { count } = frame;
  const textOf = (i: number): string => wordAt(shard, command, frame, i, bytesMax);
  const hidden = hiddenArguments(command, count, textOf);
  const words: string[] = [];
  for (let i = 0; i < count; i++) {
    const left = (frame.bytes[i] ?? 0) - bytesMax;
    const more = left > 0 ? `... (${left} more bytes)` : '';
    words.push(hidden.has(i) ? HIDDEN : textOf(i) + more);
  }
  return words;
}
