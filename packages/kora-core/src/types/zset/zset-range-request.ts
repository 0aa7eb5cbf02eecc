/**
 * The arguments of ZRANGE and its eight sisters: which range, in which direction, what of it, and
 * where it goes. Read as Redis reads them: the options first, in order, then what clashes, then the
 * ends of the range; only then is a key looked at.
 * Owner: the running command of this thread has the one RangeRequest.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { isWord, readInteger } from '../../command/grammar.ts';
import type { ReplyError } from '../../errors/reply-error.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import { zsetErrors } from './zset-errors.ts';
import { bounds, RANGE_NAME, RANGE_RANK, RANGE_SCORE } from './zset-range.ts';

/** What of a command's form is open for options to say. */
export const FORM_OPEN = 0;
export const DIRECTION_UP = 1;
export const DIRECTION_DOWN = 2;

/** Slot of the frame in which numbers are parsed. */
const NUMBER_SLOT = 0;

const wordOf = (text: string): Uint8Array =>
  Uint8Array.from(text, (letter) => letter.charCodeAt(0));
const withScoresWord = wordOf('WITHSCORES');
const limitWord = wordOf('LIMIT');
const revWord = wordOf('REV');
const byLexWord = wordOf('BYLEX');
const byScoreWord = wordOf('BYSCORE');

/** A form of the command: what is fixed by its name. */
export interface RangeForm {
  /** Argument of the source key; the ends of the range follow. */
  readonly sourceIndex: number;
  /** RANGE_*, or FORM_OPEN. */
  readonly kind: number;
  /** DIRECTION_*, or FORM_OPEN. */
  readonly direction: number;
  readonly isStore: boolean;
}

export class RangeRequest {
  isReverse = false;
  withScores = false;
  /** LIMIT; count -1 = all. */
  offset = 0;
  count = -1;
  #kind = FORM_OPEN;
  #direction = FORM_OPEN;

  /** Reads the command; the first error in Redis's order, or null. The ends go to `bounds`. */
  read(frame: ArgFrame, form: RangeForm): ReplyError | null {
    this.withScores = false;
    this.offset = 0;
    this.count = -1;
    this.#kind = form.kind;
    this.#direction = form.direction;
    const error = this.#readOptions(frame, form.sourceIndex + 3, form.isStore);
    if (error !== null) return error;
    this.isReverse = this.#direction === DIRECTION_DOWN;
    const kind = this.#kind === FORM_OPEN ? RANGE_RANK : this.#kind;
    if (this.count !== -1 && kind === RANGE_RANK) return zsetErrors.limitOfRanks;
    if (this.withScores && kind === RANGE_NAME) return zsetErrors.scoresOfNames;
    if (kind === RANGE_RANK) this.offset = 0; // LIMIT x -1 passes, and means nothing.
    const isSwapped = this.isReverse && kind !== RANGE_RANK;
    const minIndex = form.sourceIndex + (isSwapped ? 2 : 1);
    const maxIndex = form.sourceIndex + (isSwapped ? 1 : 2);
    return bounds.read(frame, kind, minIndex, maxIndex);
  }

  #readOptions(frame: ArgFrame, from: number, isStore: boolean): ReplyError | null {
    for (let i = from; i < frame.count; i++) {
      if (!isStore && isWord(frame, i, withScoresWord)) {
        this.withScores = true;
      } else if (i + 2 < frame.count && isWord(frame, i, limitWord)) {
        if (!readInteger(frame, NUMBER_SLOT, i + 1)) return replyErrors.notInteger;
        this.offset = frame.number[NUMBER_SLOT] ?? 0;
        if (!readInteger(frame, NUMBER_SLOT, i + 2)) return replyErrors.notInteger;
        this.count = frame.number[NUMBER_SLOT] ?? 0;
        i += 2;
      } else if (this.#direction === FORM_OPEN && isWord(frame, i, revWord)) {
        this.#direction = DIRECTION_DOWN;
      } else if (this.#kind === FORM_OPEN && isWord(frame, i, byLexWord)) {
        this.#kind = RANGE_NAME;
      } else if (this.#kind === FORM_OPEN && isWord(frame, i, byScoreWord)) {
        this.#kind = RANGE_SCORE;
      } else {
        return replyErrors.syntax;
      }
    }
    return null;
  }
}

/** The request of the running command of this thread. */
export const request = new RangeRequest();
