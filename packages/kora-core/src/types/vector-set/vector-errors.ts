/**
 * Errors of the vector commands. Texts of VADD, VSIM and their sisters follow the documentation of
 * Redis 8, those of VNEW, VSEARCH and VDEL are Engram's, those of VECSET and VECQUERY Kora's own.
 */
import { echoText, ReplyError } from '../../errors/reply-error.ts';

const err = (text: string): ReplyError => new ReplyError(`ERR ${text}`);

export const vectorErrors = Object.freeze({
  specification: err('invalid vector specification'),
  option: err('invalid option after element'),
  quantisation: err('asked quantization mismatch with existing vector set'),
  m: err('asked M value mismatch with existing vector set'),
  invalidM: err('invalid M'),
  invalidEf: err('invalid EF'),
  invalidCount: err('invalid COUNT'),
  invalidEpsilon: err('invalid EPSILON'),
  invalidFilterEf: err('invalid FILTER-EF'),
  noProjection: err('cannot add projection to existing set without projection'),
  noElement: err('element not found in set'),
  noKey: err('key does not exist'),
  noFilters: err('this engine has no filters'),
  attributesTooLong: err('attributes are longer than 1048576 bytes'),
  rangeEnds: err("'-' can only be used as first argument, '+' only as second"),
  rangeItem: err('invalid range item, must start with [ or ('),
});

/** A vector of another length than those of the set. */
export function dimensionMismatch(got: number, has: number): ReplyError {
  return err(`Vector dimension mismatch - got ${got} but set has ${has}`);
}

/** The same where the set reduces what it is given. */
export function inputMismatch(got: number, expected: number): ReplyError {
  return err(
    `Input dimension mismatch for projection - got ${got} but projection expects ${expected}`,
  );
}

/** A filter that cannot be read. @param what what is wrong, and where */
export function filterSyntax(what: string): ReplyError {
  const bytes = Uint8Array.from(what, (letter) => letter.charCodeAt(0) & 0xff);
  return err(`syntax error in FILTER expression near: ${echoText(bytes, 0, bytes.length)}`);
}

/** Errors of Engram's commands. */
export const engramErrors = Object.freeze({
  dimension: err('dimension must be a positive integer'),
  metric: err('unknown metric'),
  exists: err('index already exists'),
  noIndex: err('no such index'),
  encoding: err('invalid vector encoding'),
  notKept: err('persistence not enabled; start with a data dir'),
});

/** A save of Engram's that failed. @param why the cause, for people */
export function saveFailed(why: string): ReplyError {
  return err(`save failed: ${why}`);
}

/** Errors of Kora's commands. */
export const koraErrors = Object.freeze({
  keyTooLong: err('a key that names an index is shorter than 65536 bytes'),
  component: err('a component is not a finite number'),
  metric: err('METRIC is cosine, l2 or ip'),
  otherMetric: err('metric mismatch with existing index'),
  preset: err('PRESET is high_speed, default or high_recall'),
  strategy: err('STRATEGY is auto, pre or post'),
  formMetric: err('Q8 and BIN are for the cosine metric'),
  invalidEfConstruction: err('invalid EF_CONSTRUCTION'),
  invalidOffset: err('invalid OFFSET'),
  invalidMaxDistance: err('MAXDISTANCE is a number'),
  elements: err('elements are given as an id, a vector and attributes each'),
});

/** Components other than the dimension says. */
export function componentCount(expected: number, got: number): ReplyError {
  return err(`VECSET expected ${expected} vector components, got ${got}`);
}

/** A vector that the index cannot hold or compare. */
export function indexDimension(has: number, got: number): ReplyError {
  return err(`dimension mismatch: index has ${has}, got ${got}`);
}

/** A vector of another length than those of an index. */
export function wrongDimension(expected: number, got: number): ReplyError {
  return err(`wrong vector dimension: index expects ${expected}, got ${got}`);
}
