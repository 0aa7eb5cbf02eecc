/**
 * The options that XREAD and XREADGROUP share, read word by word in Redis's order of errors. What
 * was found stays in one object until the next command is parsed.
 *
 *   [GROUP group consumer] [COUNT count] [BLOCK ms] [NOACK] STREAMS key ... id ...
 *
 * Cost: O(options); no allocation.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { isWord, readInteger } from '../../command/grammar.ts';
import type { ReplyError } from '../../errors/reply-error.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import { streamErrors } from './stream-errors.ts';
import { NO_COUNT } from './stream-reply.ts';

const word = (text: string): Uint8Array => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
const BLOCK = word('BLOCK');
const COUNT = word('COUNT');
const STREAMS = word('STREAMS');
const GROUP = word('GROUP');
const NOACK = word('NOACK');
/** Column of the frame for numbers. */
const NUMBER_SLOT = 0;

/** What was found; filled by every parse. */
class ReadOptions {
  /** Entries for each stream at most. */
  countMax = NO_COUNT;
  /** Argument index of the first key. */
  keysAt = 0;
  streams = 0;
  /** Argument index of the group's name, 0 = none; the consumer's follows. */
  groupAt = 0;
  isNoAck = false;
  /** How long to wait when there is nothing, ms; 0 = for ever, -1 = not at all. */
  blockMs = -1;
}

/** Options of the command parsed last. */
export const readOptions = new ReadOptions();

export function parseXread(frame: ArgFrame): ReplyError | null {
  return parseReading(frame, false);
}

export function parseXreadgroup(frame: ArgFrame): ReplyError | null {
  return parseReading(frame, true);
}

function parseReading(frame: ArgFrame, isGroup: boolean): ReplyError | null {
  const options = readOptions;
  options.countMax = NO_COUNT;
  options.keysAt = 0;
  options.groupAt = 0;
  options.isNoAck = false;
  options.blockMs = -1;
  for (let i = 1; i < frame.count && options.keysAt === 0; i++) {
    const more = frame.count - i - 1;
    let error: ReplyError | null = null;
    if (more > 0 && isWord(frame, i, BLOCK)) error = readTimeout(frame, ++i);
    else if (more > 0 && isWord(frame, i, COUNT)) error = readCount(frame, ++i);
    else if (more > 0 && isWord(frame, i, STREAMS)) {
      options.keysAt = i + 1;
      options.streams = more >>> 1;
      if (more % 2 !== 0) error = streamErrors.unbalancedXread;
    } else if (more > 1 && isWord(frame, i, GROUP)) {
      if (!isGroup) error = streamErrors.groupInXread;
      options.groupAt = i + 1;
      i += 2;
    } else if (isWord(frame, i, NOACK)) {
      if (!isGroup) error = streamErrors.noAckInXread;
      options.isNoAck = true;
    } else {
      error = replyErrors.syntax;
    }
    if (error !== null) return error;
  }
  if (options.keysAt === 0) return replyErrors.syntax;
  return isGroup && options.groupAt === 0 ? streamErrors.groupMissing : null;
}

function readTimeout(frame: ArgFrame, i: number): ReplyError | null {
  if (!readInteger(frame, NUMBER_SLOT, i)) return streamErrors.timeoutNotInteger;
  readOptions.blockMs = frame.number[NUMBER_SLOT] ?? 0;
  return readOptions.blockMs < 0 ? streamErrors.timeoutNegative : null;
}

function readCount(frame: ArgFrame, i: number): ReplyError | null {
  if (!readInteger(frame, NUMBER_SLOT, i)) return replyErrors.notInteger;
  const count = frame.number[NUMBER_SLOT] ?? 0;
  readOptions.countMax = count <= 0 ? NO_COUNT : Math.min(count, NO_COUNT);
  return null;
}
