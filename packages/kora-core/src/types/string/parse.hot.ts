/**
 * Hand-written parsers of the hot string commands: they fill the slots that the entry's grammar
 * would fill, without walking a tree. A property test holds them against the grammar. Where Redis
 * looks at the key before a number (GETEX, INCRBYFLOAT), the number is left to the command.
 *
 *   option words by length   2: EX NX PX XX   3: GET   4: EXAT IFEQ IFNE PXAT   5: IFDEQ IFDNE
 *                            7: KEEPTTL PERSIST
 *
 * Options come in any order; the same one again wins; two of one group are a syntax error. Letters
 * fold by `& 0xdf`, which maps only the two cases of a letter to its upper case.
 * Cost: O(arguments), a handful of comparisons each; nothing is allocated.
 */
import { equalsIgnoreCase } from '../../bytes/ascii.hot.ts';
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { readInteger } from '../../command/grammar.ts';
import type { ReplyError } from '../../errors/reply-error.ts';
import { replyErrors } from '../../errors/reply-error.ts';

/**
 * What an option word is: group in the upper bits, alternative (as the grammar numbers it) in the
 * lower four.
 */
export const OPTION_NONE = 0;
export const OPTION_GET = 0x10;
/** 0x20 + 1..6: NX XX IFEQ IFNE IFDEQ IFDNE. From 3 on a value follows. */
export const GROUP_CONDITION = 0x20;
/** 0x40 + 1..5: EX PX EXAT PXAT KEEPTTL. Up to 4 a number follows. */
export const GROUP_EXPIRATION = 0x40;
export const OPTION_PERSIST = 0x80;
const GROUP_MASK = 0xf0;
const ALTERNATIVE_MASK = 0x0f;

/** Alternatives of the condition group. */
export const CONDITION_NX = 1;
export const CONDITION_XX = 2;
export const CONDITION_IFEQ = 3;
export const CONDITION_IFNE = 4;
export const CONDITION_IFDEQ = 5;
export const CONDITION_IFDNE = 6;
/** Alternatives of the expiration group. */
export const EXPIRATION_EX = 1;
export const EXPIRATION_PX = 2;
export const EXPIRATION_EXAT = 3;
export const EXPIRATION_PXAT = 4;
export const EXPIRATION_KEEPTTL = 5;
/** In GETEX alone, in KEEPTTL's place. */
export const EXPIRATION_PERSIST = 5;

const WORD_KEEPTTL = Uint8Array.of(0x4b, 0x45, 0x45, 0x50, 0x54, 0x54, 0x4c);
const WORD_PERSIST = Uint8Array.of(0x50, 0x45, 0x52, 0x53, 0x49, 0x53, 0x54);

/** Slots of SET. */
export interface SetSlots {
  readonly key: number;
  readonly value: number;
  readonly condition: number;
  readonly get: number;
  readonly expiration: number;
}

/** Slots of GETEX. */
export interface GetexSlots {
  readonly key: number;
  readonly expiration: number;
}
/** Which option the word in argument i is, OPTION_NONE for none. */
export function optionAt(frame: ArgFrame, i: number): number {
  const at = frame.at[i]!;
  if (at < 0) return OPTION_NONE;
  const low = frame.memory.low;
  const bytes = frame.bytes[i]!;
  const first = low[at]! & 0xdf;
  const second = low[at + 1]! & 0xdf;
  if (bytes === 2) {
    if (second !== 0x58) return OPTION_NONE; // X
    if (first === 0x45) return GROUP_EXPIRATION + EXPIRATION_EX;
    if (first === 0x50) return GROUP_EXPIRATION + EXPIRATION_PX;
    if (first === 0x4e) return GROUP_CONDITION + CONDITION_NX;
    return first === 0x58 ? GROUP_CONDITION + CONDITION_XX : OPTION_NONE;
  }
  const third = low[at + 2]! & 0xdf;
  if (bytes === 3) {
    const isGet = first === 0x47 && second === 0x45 && third === 0x54;
    return isGet ? OPTION_GET : OPTION_NONE;
  }
  if (bytes === 4) return optionOfFour(first, second, third, low[at + 3]! & 0xdf);
  if (bytes === 5) {
    const isIfd = first === 0x49 && second === 0x46 && third === 0x44; // IFD
    if (!isIfd) return OPTION_NONE;
    return optionOfIf(low[at + 3]! & 0xdf, low[at + 4]! & 0xdf, CONDITION_IFDEQ, CONDITION_IFDNE);
  }
  if (bytes !== 7) return OPTION_NONE;
  if (equalsIgnoreCase(low, at, bytes, WORD_KEEPTTL)) return GROUP_EXPIRATION + EXPIRATION_KEEPTTL;
  return equalsIgnoreCase(low, at, bytes, WORD_PERSIST) ? OPTION_PERSIST : OPTION_NONE;
}

function optionOfFour(first: number, second: number, third: number, fourth: number): number {
  if (second === 0x58) {
    if (third !== 0x41 || fourth !== 0x54) return OPTION_NONE; // xAT
    if (first === 0x45) return GROUP_EXPIRATION + EXPIRATION_EXAT;
    return first === 0x50 ? GROUP_EXPIRATION + EXPIRATION_PXAT : OPTION_NONE;
  }
  if (first !== 0x49 || second !== 0x46) return OPTION_NONE; // IF
  return optionOfIf(third, fourth, CONDITION_IFEQ, CONDITION_IFNE);
}

function optionOfIf(first: number, second: number, ifEqual: number, ifNot: number): number {
  if (first === 0x45 && second === 0x51) return GROUP_CONDITION + ifEqual; // EQ
  if (first === 0x4e && second === 0x45) return GROUP_CONDITION + ifNot; // NE
  return OPTION_NONE;
}

// Positional commands: slot i is argument i + 1.

/** A key and an integer: INCRBY, DECRBY. */
export function parseKeyInteger(frame: ArgFrame): ReplyError | null {
  frame.index[0] = 1;
  frame.index[1] = 2;
  return readInteger(frame, 1, 2) ? null : replyErrors.notInteger;
}

/** A key, an integer and bytes: SETEX, PSETEX, SETRANGE. */
export function parseKeyIntegerBytes(frame: ArgFrame): ReplyError | null {
  frame.index[0] = 1;
  frame.index[1] = 2;
  frame.index[2] = 3;
  return readInteger(frame, 1, 2) ? null : replyErrors.notInteger;
}

/** Keys alone: MGET. */
export function parseKeys(frame: ArgFrame): ReplyError | null {
  frame.index[0] = 1;
  frame.times[0] = frame.count - 1;
  return null;
}

/** Pairs of MSET and MSETNX; false when the last one has no value. */
export function parsePairs(frame: ArgFrame): boolean {
  frame.index[0] = 1;
  frame.times[0] = (frame.count - 1) >>> 1;
  return (frame.count & 1) === 1;
}

/** SET. */
export function parseSet(frame: ArgFrame, at: SetSlots): ReplyError | null {
  frame.index[at.key] = 1;
  frame.index[at.value] = 2;
  clearSlot(frame, at.condition);
  clearSlot(frame, at.get);
  clearSlot(frame, at.expiration);
  if (frame.count === 3) return null;
  if (!parseOptions(frame, 3, at.condition, CONDITION_IFDNE, at.get, at.expiration)) {
    return replyErrors.syntax;
  }
  return readExpiration(frame, at.expiration);
}

/** GETEX: its number is read by the command, after the key. PERSIST is alternative 5. */
export function parseGetex(frame: ArgFrame, at: GetexSlots): ReplyError | null {
  const slot = at.expiration;
  frame.index[at.key] = 1;
  clearSlot(frame, slot);
  for (let i = 2; i < frame.count; i++) {
    const option = optionAt(frame, i);
    const isTimed =
      option > GROUP_EXPIRATION && option < GROUP_EXPIRATION + EXPIRATION_KEEPTTL;
    if (!isTimed && option !== OPTION_PERSIST) return replyErrors.syntax;
    const choice = isTimed ? option - GROUP_EXPIRATION : EXPIRATION_PERSIST;
    if (frame.choice[slot]! !== 0 && frame.choice[slot]! !== choice) return replyErrors.syntax;
    if (isTimed && ++i === frame.count) return replyErrors.syntax;
    frame.choice[slot] = choice;
    frame.index[slot] = i;
  }
  return null;
}

/**
 * Reads options from argument `from` to the end into their slots; a slot of -1 takes none. False:
 * syntax error.
 */
export function parseOptions(
  frame: ArgFrame, from: number, conditionSlot: number, conditionMax: number,
  getSlot: number, expirationSlot: number,
): boolean {
  for (let i = from; i < frame.count; i++) {
    const option = optionAt(frame, i);
    const group = option & GROUP_MASK;
    const alternative = option & ALTERNATIVE_MASK;
    let slot = -1;
    let hasValue = false;
    if (group === GROUP_CONDITION && alternative <= conditionMax) {
      slot = conditionSlot;
      hasValue = alternative >= CONDITION_IFEQ;
    } else if (group === GROUP_EXPIRATION) {
      slot = expirationSlot;
      hasValue = alternative !== EXPIRATION_KEEPTTL;
    } else if (option === OPTION_GET && getSlot >= 0) {
      frame.index[getSlot] = i;
      continue;
    }
    if (slot < 0) return false;
    const taken = frame.choice[slot]!;
    if (taken !== 0 && taken !== alternative) return false;
    if (hasValue && ++i === frame.count) return false;
    frame.choice[slot] = alternative;
    frame.index[slot] = i;
  }
  return true;
}

/** The number of an expiration with one. */
export function readExpiration(frame: ArgFrame, slot: number): ReplyError | null {
  const choice = frame.choice[slot]!;
  if (choice === 0 || choice === EXPIRATION_KEEPTTL) return null;
  return readInteger(frame, slot, frame.index[slot]!) ? null : replyErrors.notInteger;
}

/** Forgets what the last command found for an option. */
export function clearSlot(frame: ArgFrame, slot: number): void {
  frame.index[slot] = 0;
  frame.choice[slot] = 0;
}
