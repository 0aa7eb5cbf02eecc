/**
 * Hand-written parsers of the hot list commands: they fill the slots that the entry's grammar would
 * fill, without walking a tree; slot i is argument i + 1. A property test holds them against the
 * grammar. Where Redis looks at the key before a number (LINDEX), the command reads the number.
 * Cost: O(1); nothing is allocated.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { readInteger } from '../../command/grammar.ts';
import type { ReplyError } from '../../errors/reply-error.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import { listErrors } from './list-errors.ts';

/** A key: LLEN. */
export function parseKey(frame: ArgFrame): ReplyError | null {
  frame.index[0] = 1;
  return null;
}

/** A key and an index that is read later: LINDEX. */
export function parseKeyIndex(frame: ArgFrame): ReplyError | null {
  frame.index[0] = 1;
  frame.index[1] = 2;
  return null;
}

/** A key and elements: LPUSH, RPUSH, LPUSHX, RPUSHX. */
export function parseKeyElements(frame: ArgFrame): ReplyError | null {
  frame.index[0] = 1;
  frame.index[1] = 2;
  frame.times[1] = frame.count - 2;
  return null;
}

/** A key and two integers: LRANGE, LTRIM. */
export function parseKeyRange(frame: ArgFrame): ReplyError | null {
  frame.index[0] = 1;
  frame.index[1] = 2;
  frame.index[2] = 3;
  if (!readInteger(frame, 1, 2)) return replyErrors.notInteger;
  return readInteger(frame, 2, 3) ? null : replyErrors.notInteger;
}

/** LPOP. */
export function parseLpop(frame: ArgFrame): ReplyError | null {
  return parsePop(frame, listErrors.lpopArity);
}

/** RPOP. */
export function parseRpop(frame: ArgFrame): ReplyError | null {
  return parsePop(frame, listErrors.rpopArity);
}

/** A key and, in slot 1, a count that is not negative. */
function parsePop(frame: ArgFrame, arityError: ReplyError): ReplyError | null {
  frame.index[0] = 1;
  frame.index[1] = 0;
  if (frame.count === 2) return null;
  if (frame.count > 3) return arityError;
  frame.index[1] = 2;
  const isCount = readInteger(frame, 1, 2) && frame.high[1]! >= 0;
  return isCount ? null : replyErrors.notPositive;
}
