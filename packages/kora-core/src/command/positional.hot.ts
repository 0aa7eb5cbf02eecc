/**
 * Parsers of commands whose arguments have fixed places: a key, then one or several others. They
 * fill the slots that the entry's grammar would fill, without walking a tree; slot i is argument
 * i + 1. Hot commands of all types name them in their entries.
 * Cost: a few stores; nothing is allocated.
 */
import type { ReplyError } from '../errors/reply-error.ts';
import { replyErrors } from '../errors/reply-error.ts';
import type { ArgFrame } from './arg-frame.hot.ts';
import { readInteger } from './grammar.ts';

/** A key: GET, INCR, LLEN, HGETALL, SCARD. */
export function parseKey(frame: ArgFrame): ReplyError | null {
  frame.index[0] = 1;
  return null;
}

/**
 * A key and one argument: SETNX, HGET, SISMEMBER; also where the command itself reads a number
 * there, because Redis looks at the key first (LINDEX, INCRBYFLOAT).
 */
export function parseKeyAndOne(frame: ArgFrame): ReplyError | null {
  frame.index[0] = 1;
  frame.index[1] = 2;
  return null;
}

/** A key and one or more arguments: LPUSH, HDEL, SADD. */
export function parseKeyAndSome(frame: ArgFrame): ReplyError | null {
  frame.index[0] = 1;
  frame.index[1] = 2;
  frame.times[1] = frame.count - 2;
  return null;
}

/** A key and two integers: GETRANGE, LRANGE, LTRIM. */
export function parseKeyRange(frame: ArgFrame): ReplyError | null {
  frame.index[0] = 1;
  frame.index[1] = 2;
  frame.index[2] = 3;
  if (!readInteger(frame, 1, 2)) return replyErrors.notInteger;
  return readInteger(frame, 2, 3) ? null : replyErrors.notInteger;
}

/**
 * A key and, in slot 1, a count that may be absent and is not negative: LPOP, SPOP.
 * @param tooMany what the command answers to further arguments
 */
export function parseKeyAndCount(frame: ArgFrame, tooMany: ReplyError): ReplyError | null {
  frame.index[0] = 1;
  frame.index[1] = 0;
  if (frame.count === 2) return null;
  if (frame.count > 3) return tooMany;
  frame.index[1] = 2;
  const isCount = readInteger(frame, 1, 2) && frame.high[1]! >= 0;
  return isCount ? null : replyErrors.notPositive;
}
