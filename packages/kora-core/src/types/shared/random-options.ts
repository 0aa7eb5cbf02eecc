/**
 * Arguments and shape of the commands that draw pairs by chance, HRANDFIELD and ZRANDMEMBER: a key,
 * a count, and a word that asks for the values. A count with values goes as far as half of int64,
 * since a reply of them has twice as many elements.
 * Cost: O(1); nothing is allocated.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { isWord, readInteger } from '../../command/grammar.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { ReplyError } from '../../errors/reply-error.ts';
import { replyErrors } from '../../errors/reply-error.ts';

/** Slot of the count, 0 without one; its `choice` is 1 when values are asked for. */
export const DRAW_SLOT = 1;

const KEY_SLOT = 0;
const INT64_MIN_HIGH = -0x8000_0000;
/** High words of half the int64 range: as far as a count with values may go. */
const HALF_HIGH = 0x4000_0000;

/** Reads `key [count [word]]` in the order in which Redis finds what is wrong. */
export function readDrawOptions(frame: ArgFrame, withValues: Uint8Array): ReplyError | null {
  frame.index[KEY_SLOT] = 1;
  frame.index[DRAW_SLOT] = 0;
  frame.choice[DRAW_SLOT] = 0;
  if (frame.count === 2) return null;
  frame.index[DRAW_SLOT] = 2;
  if (!readInteger(frame, DRAW_SLOT, 2)) return replyErrors.notInteger;
  const high = frame.high[DRAW_SLOT] ?? 0;
  const low = frame.low[DRAW_SLOT] ?? 0;
  if (high === INT64_MIN_HIGH && low === 0) return replyErrors.countOutOfRange;
  if (frame.count === 3) return null;
  if (frame.count > 4 || !isWord(frame, 3, withValues)) return replyErrors.syntax;
  // Half the range is 2^62-1 down to -(2^62-1).
  const isBelow = high < -HALF_HIGH || (high === -HALF_HIGH && low === 0);
  if (high >= HALF_HIGH || isBelow) return replyErrors.outOfRange;
  frame.choice[DRAW_SLOT] = 1;
  return null;
}

/** Announces `count` pairs or names; true when each pair is an array of its own (RESP3). */
export function startDrawn(frame: ArgFrame, count: number, out: ReplySink): boolean {
  const hasValues = frame.choice[DRAW_SLOT] === 1;
  const isNested = hasValues && frame.client.resp === 3;
  out.array(hasValues && !isNested ? count * 2 : count);
  return isNested;
}
