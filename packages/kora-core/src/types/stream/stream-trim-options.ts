/**
 * The options that XADD and XTRIM share, and XADD's ID, read word by word in Redis's order of
 * errors. What was found stays in one object until the next command is parsed.
 *
 *   XADD key [NOMKSTREAM] [MAXLEN | MINID [= | ~] threshold [LIMIT count]] * | id field value ...
 *   XTRIM key MAXLEN | MINID [= | ~] threshold [LIMIT count]
 *
 * Cost: O(options); no allocation.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { isWord, readInteger } from '../../command/grammar.ts';
import type { ReplyError } from '../../errors/reply-error.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import type { Shard } from '../../shard/shard.ts';
import { streamErrors } from './stream-errors.ts';
import { StreamId } from './stream-id.hot.ts';
import { IdForm, idReading, readStreamId } from './stream-id-text.ts';
import { countAboveLength, countBelowId } from './stream.ts';

const word = (text: string): Uint8Array => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
const MAXLEN = word('MAXLEN');
const MINID = word('MINID');
const LIMIT = word('LIMIT');
const NOMKSTREAM = word('NOMKSTREAM');
const STAR = 0x2a;
const TILDE = 0x7e;
const EQUALS = 0x3d;
/** Column of the frame for numbers. */
const NUMBER_SLOT = 0;
/** Blocks that an approximate trim without LIMIT removes at most ... */
const BLOCKS_TRIMMED_MAX = 100;
/** ... and entries, where blocks have no bound of entries, and in any case. */
const ENTRIES_TRIMMED_DEFAULT = 10_000;
const ENTRIES_TRIMMED_MAX = 1_000_000;

/** What a trim goes by. */
const Strategy = Object.freeze({ None: 0, Length: 1, Id: 2 } as const);

/** What was found; filled by every parse. */
class TrimOptions {
  strategy = 0;
  isApproximate = false;
  lengthMax = 0;
  readonly minId = new StreamId();
  limit = 0;
  hasLimit = false;
  isNoMkStream = false;
  /** XADD: argument index of the ID. */
  idIndex = 0;
  /** XADD: false for `*`. */
  hasId = false;
  /** XADD: false for `ms-*`. */
  hasSequence = false;
  readonly id = new StreamId();
}

/** Options of the command parsed last. */
export const trimOptions = new TrimOptions();

/** Reads XADD from argument 2 on. */
export function parseXadd(frame: ArgFrame): ReplyError | null {
  const options = trimOptions;
  options.strategy = Strategy.None;
  options.limit = 0;
  options.hasLimit = false;
  options.isNoMkStream = false;
  options.hasId = false;
  options.hasSequence = true;
  if (isSign(frame, 2, STAR)) options.idIndex = 2;
  else {
    const error = readOptions(frame, true);
    if (error !== null) return error;
  }
  const columns = frame.count - options.idIndex - 1;
  if (columns < 2 || columns % 2 === 1) return streamErrors.xaddArity;
  const isZero = options.hasId && options.hasSequence && options.id.isZero();
  return isZero ? streamErrors.idIsZero : null;
}

/** Reads XTRIM from argument 2 on. */
export function parseXtrim(frame: ArgFrame): ReplyError | null {
  const options = trimOptions;
  options.strategy = Strategy.None;
  options.limit = 0;
  options.hasLimit = false;
  return readOptions(frame, false);
}

function isSign(frame: ArgFrame, i: number, sign: number): boolean {
  return i < frame.count && frame.bytes[i] === 1 && frame.memory.low[frame.at[i] ?? 0] === sign;
}

/** Reads options, and for XADD the ID they end with. */
function readOptions(frame: ArgFrame, isAdd: boolean): ReplyError | null {
  const options = trimOptions;
  let i = 2;
  for (; i < frame.count; i++) {
    const hasMore = i + 1 < frame.count;
    if (isAdd && isSign(frame, i, STAR)) break;
    if (hasMore && (isWord(frame, i, MAXLEN) || isWord(frame, i, MINID))) {
      const at = thresholdAt(frame, i);
      const error = readThreshold(frame, at, isWord(frame, i, MAXLEN));
      if (error !== null) return error;
      i = at;
    } else if (hasMore && isWord(frame, i, LIMIT)) {
      const error = readLimit(frame, ++i);
      if (error !== null) return error;
    } else if (isAdd && isWord(frame, i, NOMKSTREAM)) {
      options.isNoMkStream = true;
    } else if (isAdd) {
      const isId = readStreamId(
        frame.memory.low, frame.at[i] ?? 0, frame.bytes[i] ?? 0, IdForm.Added, false, options.id,
      );
      if (!isId) return streamErrors.invalidId;
      options.hasId = true;
      options.hasSequence = idReading.hasSequence;
      break;
    } else {
      return replyErrors.syntax;
    }
  }
  options.idIndex = i;
  return checkOptions(isAdd);
}

/** Index of the threshold after MAXLEN or MINID in argument i, behind `=` or `~`. */
function thresholdAt(frame: ArgFrame, i: number): number {
  if (i + 2 >= frame.count) return i + 1;
  return isSign(frame, i + 1, TILDE) || isSign(frame, i + 1, EQUALS) ? i + 2 : i + 1;
}

function readThreshold(frame: ArgFrame, at: number, isLength: boolean): ReplyError | null {
  const options = trimOptions;
  if (options.strategy !== Strategy.None) return streamErrors.trimClash;
  options.strategy = isLength ? Strategy.Length : Strategy.Id;
  // The word before is `~`, or `=`, or the option itself.
  options.isApproximate = isSign(frame, at - 1, TILDE);
  if (!isLength) {
    const isId = readStreamId(
      frame.memory.low, frame.at[at] ?? 0, frame.bytes[at] ?? 0, IdForm.Strict, false,
      options.minId,
    );
    return isId ? null : streamErrors.invalidId;
  }
  if (!readInteger(frame, NUMBER_SLOT, at)) return replyErrors.notInteger;
  options.lengthMax = frame.number[NUMBER_SLOT] ?? 0;
  return options.lengthMax < 0 ? streamErrors.maxLenNegative : null;
}

function readLimit(frame: ArgFrame, at: number): ReplyError | null {
  if (!readInteger(frame, NUMBER_SLOT, at)) return replyErrors.notInteger;
  trimOptions.limit = frame.number[NUMBER_SLOT] ?? 0;
  trimOptions.hasLimit = true;
  return trimOptions.limit < 0 ? streamErrors.limitNegative : null;
}

function checkOptions(isAdd: boolean): ReplyError | null {
  const options = trimOptions;
  const isTrimming = options.strategy !== Strategy.None;
  if (options.limit !== 0 && !isTrimming) return streamErrors.limitWithoutTrim;
  if (!isAdd && !isTrimming) return streamErrors.trimMissing;
  if (options.hasLimit && !(isTrimming && options.isApproximate)) {
    return streamErrors.limitWithoutTilde;
  }
  return null;
}

/** Entries that the options remove at the head of the stream in entry `ref`. */
export function countTrimmed(shard: Shard, ref: number): number {
  const { strategy, isApproximate, lengthMax, minId, hasLimit } = trimOptions;
  if (strategy === Strategy.None) return 0;
  let limit = hasLimit ? trimOptions.limit : 0;
  if (isApproximate && !hasLimit) {
    limit = shard.settings.streamNodeEntriesMax * BLOCKS_TRIMMED_MAX;
    if (limit <= 0) limit = ENTRIES_TRIMMED_DEFAULT;
    limit = Math.min(limit, ENTRIES_TRIMMED_MAX);
  }
  return strategy === Strategy.Length
    ? countAboveLength(shard, ref, lengthMax, isApproximate, limit)
    : countBelowId(shard, ref, minId, isApproximate, limit);
}
