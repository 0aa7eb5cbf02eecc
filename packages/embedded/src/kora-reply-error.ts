/**
 * An error reply as a JavaScript error: what a command answers when it refuses, thrown by the
 * methods of the embedded engine and found as a value inside lists. Match on `code`; the message is
 * Redis's text.
 */
import type { ReplyError } from '@kora/core';

/**
 * A command's refusal, for example `WRONGTYPE Operation against a key holding the wrong kind of
 * value`.
 */
export class KoraReplyError extends Error {
  /** First word of the message: `ERR`, `WRONGTYPE`, `OOM`. */
  readonly code: string;

  /** @param cause what a command threw, where the refusal is `ERR internal error` */
  constructor(reply: ReplyError, cause?: unknown) {
    super(reply.text, cause === undefined ? undefined : { cause });
    this.name = 'KoraReplyError';
    this.code = reply.prefix;
  }
}
