/**
 * Hand-written parsers of the hot set commands: they fill the slots that the entry's grammar would
 * fill, without walking a tree. A property test holds them against the grammar.
 * Cost: a few stores; nothing is allocated.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { readInteger } from '../../command/grammar.ts';
import type { ReplyError } from '../../errors/reply-error.ts';
import { replyErrors } from '../../errors/reply-error.ts';

/** A key and members: SADD, SREM, SMISMEMBER. */
export function parseKeyMembers(frame: ArgFrame): ReplyError | null {
  frame.index[0] = 1;
  frame.index[1] = 2;
  frame.times[1] = frame.count - 2;
  return null;
}

/** A key and a member: SISMEMBER. */
export function parseKeyMember(frame: ArgFrame): ReplyError | null {
  frame.index[0] = 1;
  frame.index[1] = 2;
  return null;
}

/** A key: SCARD, SMEMBERS. */
export function parseKeyAlone(frame: ArgFrame): ReplyError | null {
  frame.index[0] = 1;
  return null;
}

/** A key and a count that is not negative: SPOP. */
export function parsePop(frame: ArgFrame): ReplyError | null {
  frame.index[0] = 1;
  frame.index[1] = 0;
  if (frame.count === 2) return null;
  if (frame.count > 3) return replyErrors.syntax;
  frame.index[1] = 2;
  if (!readInteger(frame, 1, 2) || frame.high[1]! < 0) return replyErrors.notPositive;
  return null;
}
