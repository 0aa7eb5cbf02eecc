/**
 * IDs of streams as text: `ms-seq`, and the short forms that commands take. Reading accepts what
 * Redis accepts, also what its C library lets through (leading blanks, signs and zeros), for
 * clients rely on stranger things; the plain form takes no string.
 *
 *   ms-seq   ms (the sequence is the caller's)   - and + (lowest, highest)   ms-* (XADD alone)
 *   (id      exclusive, in intervals
 *
 * Cost: O(bytes); texts of 128 bytes and more are none.
 */
import { parseInteger, parsed } from '../../bytes/number-text.hot.ts';
import { latin1Text } from '../../bytes/number-text.ts';
import type { StreamId } from './stream-id.hot.ts';

/** Longest text of an ID. */
export const STREAM_ID_TEXT_BYTES_MAX = 41;
/** Redis reads IDs of fewer bytes than this. */
const ID_TEXT_BYTES_END = 128;
const MINUS = 0x2d;
const PLUS = 0x2b;
const STAR = 0x2a;
const OPEN = 0x28;
const ZERO = 0x30;
const TWO_32 = 4_294_967_296;
const BILLION = 1_000_000_000;
const BILLION_DIGITS = 9;
/** High words from here on make numbers that a double does not tell exactly. */
const SAFE_HIGH_END = 0x20_0000;
const UNSIGNED_MAX = 18_446_744_073_709_551_615n;

/** How an ID is read, and what was found. One object, filled at every call. */
class IdReading {
  /** False when the text was `ms-*`: the sequence is to be chosen. */
  hasSequence = true;
  /** True when the text began with `(`. */
  isExclusive = false;
  high = 0;
  low = 0;
}

/** What the last call found besides the ID. */
export const idReading = new IdReading();

/** What an ID may be, besides a full one. */
export const IdForm = Object.freeze({
  /** Neither `-`, `+` nor `ms-*`. */
  Strict: 0,
  /** `-` and `+` are the lowest and the highest ID. */
  Open: 1,
  /** As Strict, and `ms-*`: `idReading.hasSequence` tells. */
  Added: 2,
} as const);

/**
 * Reads an ID from low memory.
 * @param form one of IdForm
 * @param isLast a missing sequence is the highest one, else 0
 * @returns false when the text is no ID; `id` is undefined then
 */
export function readStreamId(
  low: Uint8Array, at: number, bytes: number, form: number, isLast: boolean, id: StreamId,
): boolean {
  idReading.hasSequence = true;
  if (bytes >= ID_TEXT_BYTES_END) return false;
  if (bytes === 1 && (low[at] === MINUS || low[at] === PLUS)) {
    if (form !== IdForm.Open) return false;
    if (low[at] === MINUS) id.setZero();
    else id.setMax();
    return true;
  }
  const end = textEnd(low, at, bytes);
  let dash = at;
  while (dash < end && low[dash] !== MINUS) dash++;
  if (!readUnsigned(low, at, dash - at)) return false;
  id.msHigh = idReading.high;
  id.msLow = idReading.low;
  id.seqHigh = isLast ? -1 : 0;
  id.seqLow = id.seqHigh;
  if (dash === end) return true;
  if (form === IdForm.Added && end === dash + 2 && low[dash + 1] === STAR) {
    idReading.hasSequence = false;
    id.seqHigh = 0;
    id.seqLow = 0;
    return true;
  }
  if (!readUnsigned(low, dash + 1, end - dash - 1)) return false;
  id.seqHigh = idReading.high;
  id.seqLow = idReading.low;
  return true;
}

/** As readStreamId for an end of an interval: `(` before it makes it exclusive. */
export function readIntervalId(
  low: Uint8Array, at: number, bytes: number, isLast: boolean, id: StreamId,
): boolean {
  const isExclusive = bytes > 1 && low[at] === OPEN;
  idReading.isExclusive = isExclusive;
  if (isExclusive) return readStreamId(low, at + 1, bytes - 1, IdForm.Strict, isLast, id);
  return readStreamId(low, at, bytes, IdForm.Open, isLast, id);
}

/** A NUL ends the text, as in C. */
function textEnd(low: Uint8Array, at: number, bytes: number): number {
  for (let i = at; i < at + bytes; i++) if (low[i] === 0) return i;
  return at + bytes;
}

/** Reads an unsigned 64-bit number into `idReading`, as Redis's string2ull does. */
function readUnsigned(low: Uint8Array, at: number, bytes: number): boolean {
  if (parseInteger(low, at, bytes)) {
    idReading.high = parsed.high;
    idReading.low = parsed.low;
    return parsed.high >= 0;
  }
  const match = /^[ \t\n\v\f\r]*([+-]?)(\d+)$/.exec(latin1Text(low, at, bytes));
  if (match === null) return false;
  const magnitude = BigInt(match[2] ?? '');
  if (magnitude > UNSIGNED_MAX) return false;
  const value = match[1] === '-' ? BigInt.asUintN(64, -magnitude) : magnitude;
  idReading.high = Number(value >> 32n) | 0;
  idReading.low = Number(value & 0xffff_ffffn) | 0;
  return true;
}

/**
 * Writes `ms-seq` to low memory, where STREAM_ID_TEXT_BYTES_MAX bytes are free.
 * @returns its bytes
 */
export function writeStreamId(low: Uint8Array, at: number, id: StreamId): number {
  let next = at + writeMs(low, at, id.msHigh, id.msLow);
  low[next++] = MINUS;
  next += writeUnsigned(low, next, id.seqHigh, id.seqLow);
  return next - at;
}

/** The text of the milliseconds written last: of a stream's neighbours they are mostly the same. */
const keptMs = new Uint8Array(STREAM_ID_TEXT_BYTES_MAX);
let keptHigh = 0;
let keptLow = 0;
let keptBytes = 0;

function writeMs(low: Uint8Array, at: number, high: number, lowWord: number): number {
  if (keptBytes === 0 || high !== keptHigh || lowWord !== keptLow) {
    keptBytes = writeUnsigned(keptMs, 0, high, lowWord);
    keptHigh = high;
    keptLow = lowWord;
  }
  for (let i = 0; i < keptBytes; i++) low[at + i] = keptMs[i] ?? 0;
  return keptBytes;
}

function writeUnsigned(low: Uint8Array, at: number, high: number, lowWord: number): number {
  if (high === 0 && lowWord >= 0 && lowWord < 10) {
    low[at] = ZERO + lowWord;
    return 1;
  }
  if (high >>> 0 < SAFE_HIGH_END) return writeSafe(low, at, high, lowWord);
  const text = ((BigInt(high >>> 0) << 32n) | BigInt(lowWord >>> 0)).toString();
  for (let i = 0; i < text.length; i++) low[at + i] = text.charCodeAt(i);
  return text.length;
}

/**
 * A number below 2^53: the digits above a billion, then nine. Both groups are int32, which no call
 * boxes.
 */
function writeSafe(low: Uint8Array, at: number, high: number, lowWord: number): number {
  const value = high * TWO_32 + (lowWord >>> 0);
  const upper = Math.floor(value / BILLION);
  const rest = value - upper * BILLION;
  if (upper === 0) return writeDigits(low, at, rest, digitCount(rest));
  const count = digitCount(upper);
  writeDigits(low, at, upper, count);
  return count + writeDigits(low, at + count, rest, BILLION_DIGITS);
}

function digitCount(value: number): number {
  let count = 1;
  for (let bound = 10; count < BILLION_DIGITS && value >= bound; bound *= 10) count++;
  return count;
}

/** Writes the last `count` digits of an int32; returns their number. */
function writeDigits(low: Uint8Array, at: number, value: number, count: number): number {
  let rest = value | 0;
  for (let next = at + count - 1; next >= at; next--) {
    const tenth = (rest / 10) | 0;
    low[next] = ZERO + rest - tenth * 10;
    rest = tenth;
  }
  return count;
}
