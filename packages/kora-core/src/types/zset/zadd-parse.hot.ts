/**
 * The hand-written parser of ZADD: options in any order, then pairs of score and member. Scores are
 * kept in a column that grows to the longest command met, so that each is read once.
 *
 *   option words   NX XX GT LT CH INCR; the first word that is none starts the pairs
 *
 * Order of errors as in Redis: odd arguments, clashes of options, scores.
 * Cost: O(arguments); nothing is allocated but where the column grows.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { readDouble } from '../../command/grammar.ts';
import type { ReplyError } from '../../errors/reply-error.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import { ADD_GT, ADD_INCREMENT, ADD_LT, ADD_NX, ADD_XX } from './zset-layout.ts';
import { zsetErrors } from './zset-errors.ts';
import { ScoreColumn } from './score-column.ts';

/** What a word is: an ADD_* bit, CH, or nothing. */
const OPTION_NONE = 0;
const OPTION_CHANGED = 32;

/** What the parser found. Owner: the running command of this thread. */
class ZaddArguments {
  /** ADD_* bits. */
  flags: number;
  /** CH: count what changed too. */
  countsChanged: boolean;
  /** Argument of the first score. */
  first: number;
  pairs: number;
  readonly scores: ScoreColumn;

  constructor() {
    this.flags = 0;
    this.countsChanged = false;
    this.first = 0;
    this.pairs = 0;
    this.scores = new ScoreColumn();
  }
}

export const zaddArguments = new ZaddArguments();

/** Which option the word in argument i is. Letters fold by `& 0xdf`. */
function optionAt(frame: ArgFrame, i: number): number {
  const at = frame.at[i]!;
  const bytes = frame.bytes[i]!;
  if (at < 0 || (bytes !== 2 && bytes !== 4)) return OPTION_NONE;
  const low = frame.memory.low;
  const first = low[at]! & 0xdf;
  const second = low[at + 1]! & 0xdf;
  if (bytes === 2) {
    if (second === 0x58) { // X
      if (first === 0x4e) return ADD_NX;
      return first === 0x58 ? ADD_XX : OPTION_NONE;
    }
    if (second === 0x54) { // T
      if (first === 0x47) return ADD_GT;
      return first === 0x4c ? ADD_LT : OPTION_NONE;
    }
    return first === 0x43 && second === 0x48 ? OPTION_CHANGED : OPTION_NONE;
  }
  const isIncr = first === 0x49 && second === 0x4e && (low[at + 2]! & 0xdf) === 0x43
    && (low[at + 3]! & 0xdf) === 0x52;
  return isIncr ? ADD_INCREMENT : OPTION_NONE;
}

/** Whether argument i is an option of ZADD. */
export function isZaddOption(frame: ArgFrame, i: number): boolean {
  return optionAt(frame, i) !== OPTION_NONE;
}

/** Fills {@link zaddArguments}; the first error in Redis's order, or null. */
export function parseZadd(frame: ArgFrame): ReplyError | null {
  const into = zaddArguments;
  let flags = 0;
  let i = 2;
  for (; i < frame.count; i++) {
    const option = optionAt(frame, i);
    if (option === OPTION_NONE) break;
    flags |= option;
  }
  const left = frame.count - i;
  if (left === 0 || (left & 1) !== 0) return replyErrors.syntax;
  const isNx = (flags & ADD_NX) !== 0;
  const isGt = (flags & ADD_GT) !== 0;
  const isLt = (flags & ADD_LT) !== 0;
  if (isNx && (flags & ADD_XX) !== 0) return zsetErrors.nxClash;
  if ((isNx && (isGt || isLt)) || (isGt && isLt)) return zsetErrors.gtLtClash;
  if ((flags & ADD_INCREMENT) !== 0 && left > 2) return zsetErrors.incrementPairs;
  into.flags = flags & ~OPTION_CHANGED;
  into.countsChanged = (flags & OPTION_CHANGED) !== 0;
  into.first = i;
  into.pairs = left >>> 1;
  return readScores(frame, i, left >>> 1);
}

function readScores(frame: ArgFrame, first: number, pairs: number): ReplyError | null {
  const scores = zaddArguments.scores.ensure(pairs);
  for (let pair = 0; pair < pairs; pair++) {
    const score = readDouble(frame, first + pair * 2);
    if (score === undefined) return replyErrors.notFloat;
    scores[pair] = score;
  }
  return null;
}
