/**
 * Which words may name a client, its library or its version: printable ASCII without spaces, so
 * that CLIENT LIST stays one line of fields a client. One rule for CLIENT SETNAME, HELLO SETNAME
 * and CLIENT SETINFO.
 */
import { ReplyError } from '@kora/core';

/** Answer to a client's name that is none. */
export const badClientName = new ReplyError(
  'ERR Client names cannot contain spaces, newlines or special characters.',
);

/** True for a text of characters from `!` to `~` only; the empty one too. */
export function isPlainWord(text: string): boolean {
  return /^[!-~]*$/.test(text);
}
