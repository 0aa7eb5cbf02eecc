/**
 * Hand-written parsers of the hot hash commands: they fill the slots that the entry's grammar would
 * fill, without walking a tree. A property test holds them against the grammar.
 * Cost: O(1); nothing is allocated.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { readInteger } from '../../command/grammar.ts';
import type { ReplyError } from '../../errors/reply-error.ts';
import { replyErrors } from '../../errors/reply-error.ts';

/** A key and pairs: HSET, HMSET; false when the last field has no value. */
export function parseKeyPairs(frame: ArgFrame): boolean {
  frame.index[0] = 1;
  frame.index[1] = 2;
  frame.times[1] = (frame.count - 2) >>> 1;
  return (frame.count & 1) === 0;
}

/** A key, a field and an integer: HINCRBY. */
export function parseKeyFieldInteger(frame: ArgFrame): ReplyError | null {
  frame.index[0] = 1;
  frame.index[1] = 2;
  frame.index[2] = 3;
  return readInteger(frame, 2, 3) ? null : replyErrors.notInteger;
}
