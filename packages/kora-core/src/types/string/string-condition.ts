/**
 * Conditions on the present value: NX and XX of SET, and the comparisons IFEQ, IFNE, IFDEQ and
 * IFDNE that SET and DELEX share (Redis 8.4). An absent key equals nothing: IFEQ and IFDEQ fail,
 * IFNE and IFDNE hold. A digest is 16 hexadecimal characters in any case.
 */
import { latin1Text } from '../../bytes/number-text.ts';
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { arg } from '../../command/grammar.ts';
import { ReplyError } from '../../errors/reply-error.ts';
import type { Shard } from '../../shard/shard.ts';
import {
  CONDITION_IFDEQ, CONDITION_IFDNE, CONDITION_IFEQ, CONDITION_IFNE, CONDITION_NX, CONDITION_XX,
} from './parse.hot.ts';
import { DIGEST_CHARACTERS, digestText } from './string-digest.ts';
import { equalsArgument } from './string.ts';

/**
 * The comparisons as alternatives of a grammar, in the order of CONDITION_IFEQ .. CONDITION_IFDNE.
 */
export const comparisonOptions = Object.freeze({
  'ifeq-value': arg.bytes('IFEQ').documented({ since: '8.4.0' }),
  'ifne-value': arg.bytes('IFNE').documented({ since: '8.4.0' }),
  'ifdeq-digest': arg.bytes('IFDEQ').documented({ since: '8.4.0' }),
  'ifdne-digest': arg.bytes('IFDNE').documented({ since: '8.4.0' }),
});

const badDigest = new ReplyError('ERR digest must be exactly 16 hexadecimal characters');

/** The error of a condition whose argument is not a digest; null when it is well formed. */
export function checkDigest(frame: ArgFrame, condition: number, index: number): ReplyError | null {
  if (condition !== CONDITION_IFDEQ && condition !== CONDITION_IFDNE) return null;
  return digestArgument(frame, index) === undefined ? badDigest : null;
}

/**
 * True when `condition` (CONDITION_*, 0 = none) lets the command go on. `ref` 0 = the key is
 * absent.
 */
export function isConditionMet(
  shard: Shard, ref: number, frame: ArgFrame, condition: number, index: number,
): boolean {
  switch (condition) {
    case CONDITION_NX:
      return ref === 0;
    case CONDITION_XX:
      return ref !== 0;
    case CONDITION_IFEQ:
      return ref !== 0 && equalsArgument(shard, ref, frame, index);
    case CONDITION_IFNE:
      return ref === 0 || !equalsArgument(shard, ref, frame, index);
    case CONDITION_IFDEQ:
      return ref !== 0 && digestText(shard, ref) === digestArgument(frame, index);
    case CONDITION_IFDNE:
      return ref === 0 || digestText(shard, ref) !== digestArgument(frame, index);
    default:
      return true;
  }
}

/** The digest in argument `index`, in lower case; undefined when it is none. */
function digestArgument(frame: ArgFrame, index: number): string | undefined {
  const at = frame.at[index] ?? -1;
  if (at < 0 || frame.bytes[index] !== DIGEST_CHARACTERS) return undefined;
  const text = latin1Text(frame.memory.low, at, DIGEST_CHARACTERS).toLowerCase();
  return /^[0-9a-f]{16}$/.test(text) ? text : undefined;
}
