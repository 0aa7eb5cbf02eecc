/**
 * What the coordinator of a transaction that runs in steps (script.ts) tells a shard in each:
 *   1. finish  what the shard began in its last step is done, with what came ahead of the word
 *   2. run     the commands behind it, so many
 *   3. begin   the command behind those is begun; it stays the next one
 * The numbers travel in one word: finish, 4 bits | begin, 4 | RESP3, 1.
 */

/** How a command that was begun is finished. */
export const Finish = Object.freeze({
  Nothing: 0,
  /** The leader runs it, with what the others have lent. */
  Lead: 1,
  /** What the leader changed of this shard's keys happens here. */
  Settle: 2,
  /** The element that the leader took is taken away by the command of the part. */
  TakeAway: 3,
} as const);

/** How a command is begun. */
export const Begin = Object.freeze({
  Nothing: 0,
  /** The values of its keys are lent to the leader ... */
  Lend: 1,
  /** ... and memory is held for what may be added to them. */
  LendToGrow: 2,
  /** One element of its key is lent. */
  LendElement: 3,
  /** Whether it can run is asked; if so memory is held for it. */
  Ask: 4,
  /** The leader names the keys that it will look up (SORT BY, GET). */
  NameKeys: 5,
  /** The values of those are lent. */
  LendNamed: 6,
} as const);

const BEGIN_SHIFT = 4;
const FIELD_MASK = 15;
const RESP3 = 1 << 8;

/** The word for a step. @param finish one of Finish @param begin one of Begin */
export function stepWord(finish: number, begin: number, resp: number): number {
  return finish | (begin << BEGIN_SHIFT) | (resp === 3 ? RESP3 : 0);
}

/** One of Finish. */
export function finishOf(word: number): number {
  return word & FIELD_MASK;
}

/** One of Begin. */
export function beginOf(word: number): number {
  return (word >>> BEGIN_SHIFT) & FIELD_MASK;
}

/** RESP version of the replies of the step. */
export function respOf(word: number): number {
  return (word & RESP3) === 0 ? 2 : 3;
}
