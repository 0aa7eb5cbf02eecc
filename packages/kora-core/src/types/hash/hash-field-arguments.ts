/**
 * The arguments that commands on deadlines of fields share: `FIELDS numfields field ...`, the
 * number that becomes a deadline, and the options of HGETEX and HSETEX.
 *
 *   HEXPIRE key time [NX|XX|GT|LT] FIELDS n field ...        HTTL, HPERSIST: key FIELDS n field ...
 *   HGETEX, HSETEX: key, then options and one FIELDS block in any order
 *
 * Errors and their order are those of Redis 8. What is found goes into the frame's columns by the
 * slots of the entries, which all have the fields last.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { arg, isWord, readInteger } from '../../command/grammar.ts';
import type { ReplyError } from '../../errors/reply-error.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import { ExpireTime, readExpireTime } from '../../generic/expire-time.ts';
import type { Shard } from '../../shard/shard.ts';
import { FIELD_DEADLINE_MS_MAX } from './hash-deadlines.ts';
import { hashErrors } from './hash-errors.ts';

/** Slot of the number of HEXPIRE and its sisters. */
export const TIME_SLOT = 1;
/** Columns (beyond the slots of any entry here) for the first field's argument and their count. */
export const FIELDS_SLOT = 8;

/** Alternatives of the condition, as the entry lists them. */
export const CONDITION_NX = 1;
export const CONDITION_XX = 2;
export const CONDITION_GT = 3;
export const CONDITION_LT = 4;

const TWO_32 = 4_294_967_296;
const CONDITION_SLOT = 2;

/** `FIELDS numfields field [field ...]` as the documentation shows it. */
export const fieldsArgument = arg.block(
  { numfields: arg.integer(), field: arg.repeat(arg.bytes()) }, 'FIELDS',
);
/** The same with a value behind each field. */
export const fieldValuesArgument = arg.block(
  {
    numfields: arg.integer(),
    data: arg.repeat({ field: arg.bytes(), value: arg.bytes() }),
  },
  'FIELDS',
);

const fieldsWord = arg.token('FIELDS').tokenBytes;
const conditionWords = ['NX', 'XX', 'GT', 'LT'].map((word) => arg.token(word).tokenBytes);

/** The deadline being read. Owner: the running command. */
const deadline = new ExpireTime();

/** HEXPIRE and its sisters. */
export function parseFieldExpire(frame: ArgFrame): ReplyError | null {
  if (!readInteger(frame, TIME_SLOT, 2)) return replyErrors.notInteger;
  if ((frame.high[TIME_SLOT] ?? 0) < 0) return hashErrors.negativeExpireTime;
  const word = conditionWords.findIndex((bytes) => isWord(frame, 3, bytes));
  frame.choice[CONDITION_SLOT] = word + 1;
  return parseFieldsAt(frame, word < 0 ? 3 : 4);
}

/** HTTL and its sisters, HPERSIST. */
export function parseFields(frame: ArgFrame): ReplyError | null {
  return parseFieldsAt(frame, 2);
}

/** `FIELDS n field ...` from argument i to the end. */
function parseFieldsAt(frame: ArgFrame, i: number): ReplyError | null {
  if (i + 1 >= frame.count || !isWord(frame, i, fieldsWord)) return hashErrors.noFields;
  if (!readInteger(frame, FIELDS_SLOT, i + 1)) return replyErrors.notInteger;
  const fields = frame.number[FIELDS_SLOT] ?? 0;
  if (fields < 1) return hashErrors.fieldCountPositive;
  if (fields !== frame.count - i - 2) return hashErrors.fieldCountMatch;
  frame.index[FIELDS_SLOT] = i + 2;
  return null;
}

/** HGETDEL, which has a text of its own for a count below one. */
export function parseHgetdel(frame: ArgFrame): ReplyError | null {
  const error = parseFieldsAt(frame, 2);
  return error === hashErrors.fieldCountPositive ? hashErrors.fieldsPositive : error;
}

/**
 * Turns the number in `slot` into a deadline.
 * @returns ms since 1970, 0 for all before; -1 when it lies beyond FIELD_DEADLINE_MS_MAX
 */
export function readFieldDeadline(
  shard: Shard, frame: ArgFrame, slot: number, isSeconds: boolean, isRelative: boolean,
): number {
  if (!readExpireTime(shard, frame, slot, isSeconds, isRelative, deadline)) return -1;
  const ms = deadline.high * TWO_32 + (deadline.low >>> 0);
  if (ms > FIELD_DEADLINE_MS_MAX) return -1;
  return Math.max(0, ms);
}

// ------------------------------------------------------------------ HGETEX and HSETEX

/** Alternatives of the expiration, as both entries list them. */
export const FIELD_EX = 1;
export const FIELD_PX = 2;
export const FIELD_EXAT = 3;
/** PXAT is 4. PERSIST of HGETEX, KEEPTTL of HSETEX: */
export const FIELD_FIFTH = 5;
/** Alternatives of HSETEX's condition. */
export const CONDITION_FNX = 1;
export const CONDITION_FXX = 2;

const timeWords = ['EX', 'PX', 'EXAT', 'PXAT'].map((word) => arg.token(word).tokenBytes);
const setConditionWords = ['FNX', 'FXX'].map((word) => arg.token(word).tokenBytes);

/** What differs between HGETEX and HSETEX. */
export interface FieldOptions {
  /** The fifth alternative, which has no number. */
  readonly fifthWord: Uint8Array;
  readonly clash: ReplyError;
  readonly badTime: ReplyError;
  /** Arguments per field: 1, or 2 with values. */
  readonly width: number;
  readonly expirationSlot: number;
  /** -1 where there are no conditions. */
  readonly conditionSlot: number;
}

/** Reads options and the FIELDS block; `frame.times[FIELDS_SLOT]` = fields. */
export function parseFieldOptions(frame: ArgFrame, options: FieldOptions): ReplyError | null {
  const { conditionSlot, expirationSlot } = options;
  frame.choice[expirationSlot] = 0;
  if (conditionSlot >= 0) frame.choice[conditionSlot] = 0;
  frame.index[FIELDS_SLOT] = 0;
  let i = 2;
  while (i < frame.count) {
    const condition =
      conditionSlot < 0 ? -1 : setConditionWords.findIndex((word) => isWord(frame, i, word));
    if (condition >= 0) {
      if (frame.choice[conditionSlot] !== 0) return hashErrors.oneOfConditions;
      frame.choice[conditionSlot] = condition + 1;
      i++;
    } else if (isWord(frame, i, fieldsWord)) {
      const error = readFieldsBlock(frame, i, options.width);
      if (error !== null) return error;
      i += 2 + (frame.times[FIELDS_SLOT] ?? 0) * options.width;
    } else {
      const error = readExpirationWord(frame, i, options);
      if (error !== null) return error;
      i += frame.choice[expirationSlot] === FIELD_FIFTH ? 1 : 2;
    }
  }
  return frame.index[FIELDS_SLOT] === 0 ? hashErrors.noFields : null;
}

function readFieldsBlock(frame: ArgFrame, i: number, width: number): ReplyError | null {
  if (frame.index[FIELDS_SLOT] !== 0) return hashErrors.noFields;
  if (i + 1 >= frame.count) return hashErrors.noFields;
  const isNumber = readInteger(frame, FIELDS_SLOT, i + 1);
  const fields = frame.number[FIELDS_SLOT] ?? 0;
  if (!isNumber || fields < 1 || frame.isExact[FIELDS_SLOT] !== 1) {
    return hashErrors.fieldCountInvalid;
  }
  if (i + 2 + fields * width > frame.count) return hashErrors.fieldCountMatch;
  frame.index[FIELDS_SLOT] = i + 2;
  frame.times[FIELDS_SLOT] = fields;
  return null;
}

function readExpirationWord(
  frame: ArgFrame, i: number, options: FieldOptions,
): ReplyError | null {
  const slot = options.expirationSlot;
  const isFifth = isWord(frame, i, options.fifthWord);
  const unit = isFifth ? FIELD_FIFTH - 1 : timeWords.findIndex((word) => isWord(frame, i, word));
  if (unit < 0) return replyErrors.syntax;
  if (frame.choice[slot] !== 0) return options.clash;
  frame.choice[slot] = unit + 1;
  if (isFifth) return null;
  if (i + 1 >= frame.count) return replyErrors.syntax;
  if (!readInteger(frame, slot, i + 1)) return replyErrors.notInteger;
  const isPositive = (frame.high[slot] ?? 0) >= 0 && (frame.number[slot] ?? 0) !== 0;
  return isPositive ? null : options.badTime;
}
