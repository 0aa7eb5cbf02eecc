/**
 * Integers of any width inside a string: what BITFIELD reads, computes and writes. A field of up to
 * 32 bits is computed in doubles, which hold its five bytes exactly; a wider one as a bigint.
 *
 * Overflow, as Redis decides it: WRAP keeps the low bits, SAT stops at the end of the range that
 * was passed, FAIL refuses. For a signed field narrower than 64 bits the room above the value is
 * itself a 64-bit number that wraps, so a SET far below the range counts as above it.
 * Cost: O(1); at most nine bytes of the string are copied to the scratch area and back.
 */
import { parseInteger, parsed } from '../../bytes/number-text.hot.ts';
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { isWord } from '../../command/grammar.ts';
import type { ReplyError } from '../../errors/reply-error.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import type { Shard } from '../../shard/shard.ts';
import { copyStringRange, patchString, stringBytes } from '../string/string.ts';
import { bitErrors, readBitOffset } from './bit-arguments.ts';

export type FieldAction = 'GET' | 'SET' | 'INCRBY';
export type OverflowRule = 'WRAP' | 'SAT' | 'FAIL';

/** Where an integer lies. */
export interface Field {
  readonly isSigned: boolean;
  /** 1 to 64; 63 at most when unsigned. */
  readonly bits: number;
  /** Of its highest bit. */
  readonly offset: number;
}

/** One step of a BITFIELD command. */
export interface FieldStep extends Field {
  readonly action: FieldAction;
  /** Value of SET, increment of INCRBY, as Redis holds it: 64 bits, signed. */
  readonly operand: bigint;
  readonly overflow: OverflowRule;
}

/** Widest field that is computed in doubles. */
const NARROW_BITS_MAX = 32;
/** Bytes that the widest field can touch. */
const FIELD_BYTES_MAX = 9;
const LETTER_I = 0x69;
const LETTER_U = 0x75;

const word = (text: string): Uint8Array =>
  Uint8Array.from(text, (letter) => letter.charCodeAt(0));
const WORD_GET = word('GET');
const WORD_SET = word('SET');
const WORD_INCRBY = word('INCRBY');
const WORD_OVERFLOW = word('OVERFLOW');
const WORD_WRAP = word('WRAP');
const WORD_SAT = word('SAT');
const WORD_FAIL = word('FAIL');

// ------------------------------------------------------------------ arguments

/** The steps that arguments 2 and on ask for, or the first error. */
export function readFieldSteps(shard: Shard, frame: ArgFrame): FieldStep[] | ReplyError {
  const steps: FieldStep[] = [];
  let overflow: OverflowRule = 'WRAP';
  for (let i = 2; i < frame.count;) {
    const left = frame.count - i - 1;
    if (isWord(frame, i, WORD_OVERFLOW) && left >= 1) {
      const rule = overflowRuleAt(frame, i + 1);
      if (rule === undefined) return bitErrors.overflowWord;
      overflow = rule;
      i += 2;
      continue;
    }
    const action = actionAt(frame, i);
    const operands = action === 'GET' ? 2 : 3;
    if (action === undefined || left < operands) return replyErrors.syntax;
    const { low } = shard.memory;
    const typeAt = frame.at[i + 1] ?? 0;
    const bits = readFieldBits(low, typeAt, frame.bytes[i + 1] ?? 0);
    if (bits === 0) return bitErrors.fieldType;
    const offset = readBitOffset(shard, frame, i + 2, bits);
    if (offset < 0) return bitErrors.offset;
    let operand = 0n;
    if (action !== 'GET') {
      const isInteger = parseInteger(low, frame.at[i + 3] ?? 0, frame.bytes[i + 3] ?? 0);
      if (!isInteger) return replyErrors.notInteger;
      operand = (BigInt(parsed.high) << 32n) | BigInt(parsed.low >>> 0);
    }
    const isSigned = low[typeAt] === LETTER_I;
    steps.push({ action, isSigned, bits, offset, operand, overflow });
    i += 1 + operands;
  }
  return steps;
}

function actionAt(frame: ArgFrame, i: number): FieldAction | undefined {
  if (isWord(frame, i, WORD_GET)) return 'GET';
  if (isWord(frame, i, WORD_SET)) return 'SET';
  return isWord(frame, i, WORD_INCRBY) ? 'INCRBY' : undefined;
}

function overflowRuleAt(frame: ArgFrame, i: number): OverflowRule | undefined {
  if (isWord(frame, i, WORD_WRAP)) return 'WRAP';
  if (isWord(frame, i, WORD_SAT)) return 'SAT';
  return isWord(frame, i, WORD_FAIL) ? 'FAIL' : undefined;
}

/** Width of a type such as `i16` or `u8`; 0 when it is none. */
function readFieldBits(low: Uint8Array, at: number, bytes: number): number {
  const letter = bytes === 0 ? 0 : low[at];
  if (letter !== LETTER_I && letter !== LETTER_U) return 0;
  if (!parseInteger(low, at + 1, bytes - 1) || !parsed.isSafe) return 0;
  const bits = parsed.value;
  return bits >= 1 && bits <= (letter === LETTER_I ? 64 : 63) ? bits : 0;
}

// ------------------------------------------------------------------ bytes

/** First byte of a field. */
export function fieldStart(field: Field): number {
  return Math.floor(field.offset / 8);
}

/** Byte behind the last one of a field. */
export function fieldEnd(field: Field): number {
  return Math.floor((field.offset + field.bits - 1) / 8) + 1;
}

/** Bits of its last byte that lie behind a field. */
function bitsBehind(field: Field): number {
  return fieldEnd(field) * 8 - field.offset - field.bits;
}

/** The bytes of a field as one number, highest first; zeros behind the end of the value. */
function readBytes(shard: Shard, ref: number, field: Field): number {
  loadBytes(shard, ref, field);
  const { low } = shard.memory;
  const bytes = fieldEnd(field) - fieldStart(field);
  let all = 0;
  for (let i = 0; i < bytes; i++) all = all * 256 + (low[shard.scratchAt + i] ?? 0);
  return all;
}

function readWideBytes(shard: Shard, ref: number, field: Field): bigint {
  loadBytes(shard, ref, field);
  const { low } = shard.memory;
  const bytes = fieldEnd(field) - fieldStart(field);
  let all = 0n;
  for (let i = 0; i < bytes; i++) all = (all << 8n) | BigInt(low[shard.scratchAt + i] ?? 0);
  return all;
}

/** Copies the bytes of a field to the scratch area. */
function loadBytes(shard: Shard, ref: number, field: Field): void {
  const { kernel } = shard.memory;
  const start = fieldStart(field);
  const bytes = ref === 0 ? 0 : stringBytes(shard, ref);
  const have = Math.max(0, Math.min(bytes, fieldEnd(field)) - start);
  kernel.fill(shard.scratchAt, 0, FIELD_BYTES_MAX);
  if (have > 0) copyStringRange(shard, ref, start, have, shard.scratchAt);
}

// ------------------------------------------------------------------ values

/** The integer of a field in the string of entry `ref`, 0 = an absent key. */
export function readField(shard: Shard, ref: number, field: Field): number | bigint {
  const { bits, isSigned } = field;
  if (bits > NARROW_BITS_MAX) {
    const value = readWideBytes(shard, ref, field) >> BigInt(bitsBehind(field));
    return isSigned ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
  }
  const size = 2 ** bits;
  const value = Math.floor(readBytes(shard, ref, field) / 2 ** bitsBehind(field)) % size;
  return isSigned && value >= size / 2 ? value - size : value;
}

/** Writes an integer, whose low bits count, into a field that lies inside the string. */
export function writeField(
  shard: Shard, ref: number, field: Field, value: number | bigint,
): void {
  const { low } = shard.memory;
  const { scratchAt } = shard;
  const start = fieldStart(field);
  const bytes = fieldEnd(field) - start;
  if (typeof value === 'number' && field.bits <= NARROW_BITS_MAX) {
    const before = readBytes(shard, ref, field);
    const unit = 2 ** bitsBehind(field);
    const size = 2 ** field.bits;
    const old = Math.floor(before / unit) % size;
    let all = before + ((value < 0 ? value + size : value) - old) * unit;
    for (let i = bytes - 1; i >= 0; i--) {
      low[scratchAt + i] = all % 256;
      all = Math.floor(all / 256);
    }
  } else {
    const shift = BigInt(bitsBehind(field));
    const mask = ((1n << BigInt(field.bits)) - 1n) << shift;
    const before = readWideBytes(shard, ref, field) & ~mask;
    let all = before | (BigInt.asUintN(field.bits, BigInt(value)) << shift);
    for (let i = bytes - 1; i >= 0; i--) {
      low[scratchAt + i] = Number(all & 0xffn);
      all >>= 8n;
    }
  }
  patchString(shard, ref, start, scratchAt, bytes);
}

/**
 * What a SET or INCRBY leaves in its field, where `before` is in it now.
 * @returns undefined when FAIL refuses
 */
export function valueAfter(step: FieldStep, before: number | bigint): number | bigint | undefined {
  const { action, bits, isSigned, operand, overflow } = step;
  if (typeof before === 'number' && operand >= -SMALL && operand <= SMALL) {
    const sum = (action === 'SET' ? 0 : before) + Number(operand);
    const max = isSigned ? 2 ** (bits - 1) - 1 : 2 ** bits - 1;
    const min = isSigned ? -(2 ** (bits - 1)) : 0;
    if (sum >= min && sum <= max) return sum;
  }
  const base = action === 'SET' ? operand : BigInt(before);
  const added = action === 'SET' ? 0n : operand;
  const exact = isSigned
    ? afterSigned(base, added, bits, overflow)
    : afterUnsigned(BigInt.asUintN(64, base), added, bits, overflow);
  return exact === undefined || bits > NARROW_BITS_MAX ? exact : Number(exact);
}

/** Operands whose sum with a narrow field is exact in doubles. */
const SMALL = 2n ** 50n;

function afterSigned(
  base: bigint, added: bigint, bits: number, overflow: OverflowRule,
): bigint | undefined {
  const max = (1n << BigInt(bits - 1)) - 1n;
  const min = -max - 1n;
  const roomAbove = BigInt.asIntN(64, max - base);
  const roomBelow = BigInt.asIntN(64, min - base);
  const isNarrow = bits < 64;
  const isAbove =
    base > max || (isNarrow && added > roomAbove) ||
    (base >= 0n && added > 0n && added > roomAbove);
  const isBelow =
    !isAbove &&
    (base < min || (isNarrow && added < roomBelow) ||
      (base < 0n && added < 0n && added < roomBelow));
  if (!isAbove && !isBelow) return base + added;
  if (overflow === 'FAIL') return undefined;
  if (overflow === 'WRAP') return BigInt.asIntN(bits, base + added);
  return isAbove ? max : min;
}

function afterUnsigned(
  base: bigint, added: bigint, bits: number, overflow: OverflowRule,
): bigint | undefined {
  const max = (1n << BigInt(bits)) - 1n;
  const sum = base + added;
  const isAbove = base > max || sum > max;
  if (!isAbove && sum >= 0n) return sum;
  if (overflow === 'FAIL') return undefined;
  if (overflow === 'WRAP') return BigInt.asUintN(bits, sum);
  return isAbove ? max : 0n;
}
