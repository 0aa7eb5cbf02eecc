/**
 * Parts of strings: reading a range, writing at an offset, and the longest common subsequence of
 * two values. Indexes follow Redis: negative ones count from the end, and what lies before the
 * start clamps to 0.
 */
import { lcsTableBytes, longestCommonSubsequence } from '../../bytes/lcs.ts';
import type { LcsRange, LcsResult } from '../../bytes/lcs.ts';
import { parseInteger, parsed } from '../../bytes/number-text.hot.ts';
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { arg, isWord } from '../../command/grammar.ts';
import { keysAt } from '../../command/key-spec.ts';
import { parseKeyRange } from '../../command/positional.hot.ts';
import { oneReplyOf, reply } from '../../command/reply-schema.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { Command } from '../../command/spec.ts';
import { defineCommand, Flag } from '../../command/spec.ts';
import { ReplyError, replyErrors } from '../../errors/reply-error.ts';
import { EffectOp } from '../../keyspace/effect.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import { ValueType } from '../../keyspace/type-handler.ts';
import { SCRATCH_BYTES } from '../../limits.ts';
import type { Shard } from '../../shard/shard.ts';
import { parseKeyIntegerBytes } from './parse.hot.ts';
import { commitStringBytes } from './string-effects.ts';
import { isStringOrAbsent } from './string-reply.ts';
import {
  copyStringRange, growString, patchFromArgument, putZeros, stringBytes, writeStringRange,
} from './string.ts';

/** Where the command has nothing to point at: an empty bulk string. */
function writeEmpty(shard: Shard, out: ReplySink): void {
  out.bulk(shard.scratchAt, 0);
}

// ------------------------------------------------------------------ GETRANGE and SETRANGE

const rangeKeys = [keysAt({ first: 1, last: 1, step: 1, access: 'RO', effect: 'access' })];
const rangeArgs = { key: arg.key(), start: arg.integer(), end: arg.integer() };

export const getrange = defineCommand({
  name: 'GETRANGE', group: 'string', since: '2.4.0',
  summary: 'Returns the bytes of a string between two indexes, both included.',
  complexity: 'O(n) in the bytes returned.',
  arity: 4,
  flags: Flag.ReadOnly,
  acl: ['string'],
  keys: rangeKeys,
  args: rangeArgs,
  reply: reply.bulk('the bytes, maybe none'),
  examples: [
    ['SET greeting "hello world"', '+"OK"'], ['GETRANGE greeting 0 4', '$"hello"'],
    ['GETRANGE greeting -5 -1', '$"world"'],
  ],
  parse: parseKeyRange,
  apply: getRange,
});

export const substr = defineCommand({
  name: 'SUBSTR', group: 'string', since: '1.0.0',
  summary: 'Returns the bytes of a string between two indexes; the old name of GETRANGE.',
  deprecated: { since: '2.0.0', replacedBy: '`GETRANGE`' },
  complexity: 'O(n) in the bytes returned.',
  arity: 4,
  flags: Flag.ReadOnly,
  acl: ['string'],
  keys: rangeKeys,
  args: rangeArgs,
  reply: reply.bulk('the bytes, maybe none'),
  examples: [['SET greeting "hello world"', '+"OK"'], ['SUBSTR greeting 0 4', '$"hello"']],
  parse: parseKeyRange,
  apply: getRange,
});

interface RangeSlots {
  readonly start: number;
  readonly end: number;
}

function getRange(shard: Shard, frame: ArgFrame, out: ReplySink, at: RangeSlots): void {
  const ref = shard.keyspace.read(frame, 1);
  if (!isStringOrAbsent(shard, ref, out)) return;
  const bytes = ref === 0 ? 0 : stringBytes(shard, ref);
  let start = frame.number[at.start] ?? 0;
  let end = frame.number[at.end] ?? 0;
  const areNegative = start < 0 && end < 0;
  if (bytes === 0 || (areNegative && isBefore(frame, at.end, at.start))) {
    writeEmpty(shard, out);
    return;
  }
  if (start < 0) start = Math.max(0, bytes + start);
  if (end < 0) end = Math.max(0, bytes + end);
  if (end >= bytes) end = bytes - 1;
  if (start > end) writeEmpty(shard, out);
  else writeStringRange(shard, ref, start, end - start + 1, out);
}

/** True when the 64-bit integer of slot `a` is below that of slot `b`. */
function isBefore(frame: ArgFrame, a: number, b: number): boolean {
  const aHigh = frame.high[a] ?? 0;
  const bHigh = frame.high[b] ?? 0;
  if (aHigh !== bHigh) return aHigh < bHigh;
  return (frame.low[a] ?? 0) >>> 0 < (frame.low[b] ?? 0) >>> 0;
}

export const setrange = defineCommand({
  name: 'SETRANGE', group: 'string', since: '2.2.0',
  summary: 'Writes bytes into a string at an offset, after zero bytes where it is shorter.',
  complexity: 'O(n) in the bytes written and filled.',
  arity: 4,
  flags: Flag.Write | Flag.DenyOom | Flag.TakesRopes,
  acl: ['string'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: 'update' })],
  args: { key: arg.key(), offset: arg.integer(), value: arg.bytes() },
  reply: reply.integer('length in bytes afterwards'),
  examples: [
    ['SET greeting "hello world"', '+"OK"'], ['SETRANGE greeting 6 redis', ':11'],
    ['GET greeting', '$"hello redis"'],
  ],
  parse: parseKeyIntegerBytes,
  apply(shard, frame, out, at) {
    const offset = frame.number[at.offset] ?? 0;
    if ((frame.high[at.offset] ?? 0) < 0) {
      out.error(replyErrors.offsetOutOfRange);
      return;
    }
    const ref = shard.keyspace.write(frame, 1);
    if (!isStringOrAbsent(shard, ref, out)) return;
    const before = ref === 0 ? 0 : stringBytes(shard, ref);
    const added = frame.bytes[3] ?? 0;
    if (added === 0) {
      out.integer(before);
    } else if (offset + added > shard.settings.stringBytesMax) {
      out.error(replyErrors.stringTooLong);
    } else {
      writeAt(shard, frame, ref, offset, Math.max(before, offset + added), out);
    }
  },
});

function writeAt(
  shard: Shard, frame: ArgFrame, ref: number, offset: number, bytes: number, out: ReplySink,
): void {
  const entry =
    ref === 0
      ? putZeros(shard, frame.at[1] ?? 0, frame.bytes[1] ?? 0, bytes)
      : growString(shard, ref, bytes);
  if (entry === 0) {
    out.error(replyErrors.arenaFull);
    return;
  }
  patchFromArgument(shard, entry, offset, frame, 3);
  commitStringBytes(shard, frame, EffectOp.StringPatch, KeyEvent.SetRange, 3, offset);
  out.integer(bytes);
}

// ------------------------------------------------------------------ LCS

const WORD_IDX = Uint8Array.from('IDX', (letter) => letter.charCodeAt(0));
const WORD_LEN = Uint8Array.from('LEN', (letter) => letter.charCodeAt(0));
const WORD_MINMATCHLEN = Uint8Array.from('MINMATCHLEN', (letter) => letter.charCodeAt(0));
const WORD_WITHMATCHLEN = Uint8Array.from('WITHMATCHLEN', (letter) => letter.charCodeAt(0));

const lcsErrors = Object.freeze({
  notStrings: new ReplyError('ERR The specified keys must contain string values'),
  lenAndIdx: new ReplyError(
    'ERR If you want both the length and indexes, please just use IDX.',
  ),
  tableTooLarge: new ReplyError(
    'ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len',
  ),
});

interface LcsOptions {
  readonly wantsLength: boolean;
  readonly wantsIndexes: boolean;
  readonly wantsMatchLength: boolean;
  readonly rangeBytesMin: number;
}

export const lcs = defineCommand({
  name: 'LCS', group: 'string', since: '7.0.0',
  summary: 'Finds the longest common subsequence of two strings.',
  complexity: 'O(n * m) in the lengths of the two strings.',
  arity: -3,
  flags: Flag.ReadOnly,
  acl: ['string'],
  keys: [keysAt({ first: 1, last: 2, step: 1, access: 'RO', effect: 'access' })],
  args: {
    key1: arg.key(),
    key2: arg.key().documented({ keySpecIndex: 0 }),
    len: arg.token('LEN').optional(),
    idx: arg.token('IDX').optional(),
    'min-match-len': arg.integer('MINMATCHLEN').optional().documented({ name: 'len' }),
    withmatchlen: arg.token('WITHMATCHLEN').optional(),
  },
  reply: oneReplyOf(
    reply.bulk('the subsequence'), reply.integer('with LEN: its length'),
    reply.map('with IDX: the matching ranges and the length'),
  ),
  examples: [
    ['MSET a ohmytext b mynewtext', '+"OK"'], ['LCS a b', '$"mytext"'], ['LCS a b LEN', ':6'],
    ['LCS a b IDX MINMATCHLEN 4', '*[$"matches" *[*[*[:4 :7] *[:5 :8]]] $"len" :6]'],
  ],
  // Redis looks at the keys before the options, so the options are read by `apply`.
  parse: () => null,
  apply(shard, frame, out) {
    const a = shard.keyspace.read(frame, 1);
    const b = shard.keyspace.read(frame, 2);
    if (!isText(shard, a) || !isText(shard, b)) {
      out.error(lcsErrors.notStrings);
      return;
    }
    const options = readLcsOptions(frame);
    if (options instanceof ReplyError) {
      out.error(options);
      return;
    }
    const result = findLcs(shard, a, b, options.rangeBytesMin);
    if (result === 'table-too-large') out.error(lcsErrors.tableTooLarge);
    else if (options.wantsIndexes) writeIndexes(result, options.wantsMatchLength, out);
    else if (options.wantsLength) out.integer(result.length);
    else out.bulkBytes(result.bytes);
  },
});

/** Copies the values only when the table for them is allowed. */
function findLcs(
  shard: Shard, a: number, b: number, rangeBytesMin: number,
): LcsResult | 'table-too-large' {
  const tableBytesMax = shard.settings.stringBytesMax;
  const tableBytes = lcsTableBytes(lengthOf(shard, a), lengthOf(shard, b));
  if (tableBytes > tableBytesMax) return 'table-too-large';
  return longestCommonSubsequence(
    bytesOf(shard, a), bytesOf(shard, b), tableBytesMax, rangeBytesMin,
  );
}

/** Bytes of the value of entry `ref`, 0 for an absent key. */
function lengthOf(shard: Shard, ref: number): number {
  return ref === 0 ? 0 : stringBytes(shard, ref);
}

function isText(shard: Shard, ref: number): boolean {
  return ref === 0 || shard.keyspace.isType(ref, ValueType.String);
}

function readLcsOptions(frame: ArgFrame): LcsOptions | ReplyError {
  let wantsLength = false;
  let wantsIndexes = false;
  let wantsMatchLength = false;
  let rangeBytesMin = 0;
  for (let i = 3; i < frame.count; i++) {
    if (isWord(frame, i, WORD_IDX)) wantsIndexes = true;
    else if (isWord(frame, i, WORD_LEN)) wantsLength = true;
    else if (isWord(frame, i, WORD_WITHMATCHLEN)) wantsMatchLength = true;
    else if (isWord(frame, i, WORD_MINMATCHLEN) && i + 1 < frame.count) {
      i++;
      const at = frame.at[i] ?? -1;
      if (at < 0 || !parseInteger(frame.memory.low, at, frame.bytes[i] ?? 0)) {
        return replyErrors.notInteger;
      }
      // Beyond 2^53 the words decide: no range is that long, and below 0 means 0.
      rangeBytesMin = parsed.isSafe ? parsed.value : parsed.high * 2 ** 32;
    } else {
      return replyErrors.syntax;
    }
  }
  if (wantsIndexes && wantsLength) return lcsErrors.lenAndIdx;
  return { wantsLength, wantsIndexes, wantsMatchLength, rangeBytesMin };
}

/** A copy of the value of entry `ref` on the heap; empty for an absent key. */
function bytesOf(shard: Shard, ref: number): Uint8Array {
  const bytes = new Uint8Array(lengthOf(shard, ref));
  const { low } = shard.memory;
  const { scratchAt } = shard;
  for (let done = 0; done < bytes.length; done += SCRATCH_BYTES) {
    const step = Math.min(SCRATCH_BYTES, bytes.length - done);
    copyStringRange(shard, ref, done, step, scratchAt);
    bytes.set(low.subarray(scratchAt, scratchAt + step), done);
  }
  return bytes;
}

function writeIndexes(result: LcsResult, wantsMatchLength: boolean, out: ReplySink): void {
  out.map(2);
  out.bulkText('matches');
  out.array(result.ranges.length);
  for (const range of result.ranges) writeRange(range, wantsMatchLength, out);
  out.bulkText('len');
  out.integer(result.length);
}

function writeRange(range: LcsRange, wantsMatchLength: boolean, out: ReplySink): void {
  out.array(wantsMatchLength ? 3 : 2);
  out.array(2);
  out.integer(range.aStart);
  out.integer(range.aEnd);
  out.array(2);
  out.integer(range.bStart);
  out.integer(range.bEnd);
  if (wantsMatchLength) out.integer(range.aEnd - range.aStart + 1);
}

/** Entries in the order of the documentation. */
export const stringRangeCommands: readonly Command[] = [getrange, substr, setrange, lcs];
