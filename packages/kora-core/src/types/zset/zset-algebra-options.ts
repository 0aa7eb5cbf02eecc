/**
 * The arguments of ZUNION, ZINTER, ZDIFF and their sisters: a count of keys, the keys, then options
 * in any order. In Redis's order: the count is read first, then the types of all keys are looked
 * at, then the options; so these are read by the command and not by its parser.
 *
 *   WEIGHTS w1 .. wn    as many numbers as there are keys, inf too
 *   AGGREGATE           SUM, MIN or MAX
 *   WITHSCORES          where nothing is stored
 *   LIMIT n             of ZINTERCARD alone
 *
 * An option may come again; the last one counts. Cost: O(arguments); one array of weights.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { arg, isWord, Leaf, readDouble, readInteger } from '../../command/grammar.ts';
import { ReplyError, replyErrors } from '../../errors/reply-error.ts';
import { Aggregate } from './zset-algebra.ts';

const weightNotFloat = new ReplyError('ERR weight value is not a float');

/** Leaves of the entries' grammars. */
export const algebraLeaves = Object.freeze({
  destination: arg.key(),
  numkeys: arg.integer(),
  keys: arg.key().repeated(),
  weight: arg.integer('WEIGHTS').repeated().optional().documented({ hasTokenOnce: true }),
  aggregate: new Leaf({
    kind: 'oneOf', token: 'AGGREGATE', isOptional: true,
    children: arg.oneOf('SUM', 'MIN', 'MAX').children,
  }),
  withscores: arg.token('WITHSCORES').optional(),
  limit: arg.integer('LIMIT').optional(),
});

const aggregateWords = arg.oneOf('SUM', 'MIN', 'MAX').children.map(([, leaf]) => leaf.tokenBytes);

/** Which options a command takes. */
export interface AlgebraForm {
  readonly takesWeights: boolean;
  readonly takesScores: boolean;
  readonly takesLimit: boolean;
}

/** What the options say. */
export interface AlgebraOptions {
  /** By key; null: 1 each. */
  readonly weights: Float64Array | null;
  /** Of {@link Aggregate}. */
  readonly aggregate: number;
  readonly hasScores: boolean;
  /** 0: none. */
  readonly limit: number;
}

/**
 * Reads the count of keys in argument `countIndex` into a slot; the keys follow it.
 * @param name of the command in lower case, for the error
 */
export function readKeyCount(
  frame: ArgFrame, countIndex: number, name: string, slot: number,
): ReplyError | null {
  if (!readInteger(frame, slot, countIndex)) return replyErrors.notInteger;
  if ((frame.number[slot] ?? 0) < 1) {
    return new ReplyError(`ERR at least 1 input key is needed for '${name}' command`);
  }
  const keys = frame.number[slot] ?? 0;
  return keys > frame.count - countIndex - 1 ? replyErrors.syntax : null;
}

/** Reads the options from argument `from` to the end. */
export function readOptions(
  frame: ArgFrame, from: number, keyCount: number, form: AlgebraForm,
): AlgebraOptions | ReplyError {
  let weights: Float64Array | null = null;
  let aggregate: number = Aggregate.Sum;
  let hasScores = false;
  let limit = 0;
  for (let i = from; i < frame.count; i++) {
    const following = frame.count - i - 1;
    if (form.takesWeights && following >= keyCount && isOption(frame, i, 'weight')) {
      weights = readWeights(frame, i + 1, keyCount);
      if (weights === null) return weightNotFloat;
      i += keyCount;
    } else if (form.takesWeights && following >= 1 && isOption(frame, i, 'aggregate')) {
      i++;
      aggregate = 1 + aggregateWords.findIndex((word) => isWord(frame, i, word));
      if (aggregate === 0) return replyErrors.syntax;
    } else if (form.takesScores && isOption(frame, i, 'withscores')) {
      hasScores = true;
    } else if (form.takesLimit && following >= 1 && isOption(frame, i, 'limit')) {
      i++;
      if (!readInteger(frame, LIMIT_SLOT, i)) return replyErrors.limitNegative;
      limit = frame.number[LIMIT_SLOT] ?? 0;
      if (limit < 0) return replyErrors.limitNegative;
    } else {
      return replyErrors.syntax;
    }
  }
  return { weights, aggregate, hasScores, limit };
}

/** Slot of the LIMIT option in ZINTERCARD, behind those of count and keys. */
const LIMIT_SLOT = 2;

function isOption(frame: ArgFrame, i: number, name: keyof typeof algebraLeaves): boolean {
  return isWord(frame, i, algebraLeaves[name].tokenBytes);
}

/** null when one of them is no number. */
function readWeights(frame: ArgFrame, from: number, count: number): Float64Array | null {
  const weights = new Float64Array(count);
  for (let k = 0; k < count; k++) {
    const weight = readDouble(frame, from + k);
    if (weight === undefined) return null;
    weights[k] = weight;
  }
  return weights;
}
