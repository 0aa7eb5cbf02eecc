/**
 * HSCAN, SSCAN and ZSCAN share this: their options, the walk over a dict of members in steps of
 * bounded work, and MATCH on elements of any length.
 *
 * As in Redis the cursor is read before the key, the options after it: an absent key answers an
 * empty step whatever follows. A collection that Redis holds in one block (`answersWhole`) comes
 * in one step and the next cursor is 0, whatever the cursor said. A cursor of a dict is a place in
 * the bit-reversed hash space (Dict.scanNext): an element that is there all along is met, perhaps
 * twice, whatever is added, removed or moved meanwhile.
 * Cost: a step meets about COUNT members and visits at most ten lines for each; MATCH copies each
 * element once.
 */
import { globMatch } from '../../bytes/glob.ts';
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { arg, isWord, readInteger } from '../../command/grammar.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { ReplyError } from '../../errors/reply-error.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import { CURSOR_INVALID, CURSOR_POSITIONS, readCursor } from '../../generic/scan-cursor.ts';
import { collectionCount } from '../../keyspace/collection-entry.ts';
import { SCRATCH_BYTES } from '../../limits.ts';
import type { Shard } from '../../shard/shard.ts';
import { CHAIN_SLOTS_MAX } from '../../structs/dict-layout.ts';
import type { Dict } from '../../structs/dict.hot.ts';
import { ENTRY_WIDE, entryFlags } from '../../structs/entry.hot.ts';

/** Members of a step when COUNT is not given. */
const COUNT_DEFAULT = 10;
/** Members of one step at most, whatever COUNT says: the scan goes on with the next. */
const COUNT_MAX = 1_048_576;
/** Lines a step visits for each member it may meet. */
const LINES_PER_COUNT = 10;
/** Elements that come in one step, where Redis answers the whole collection, at most. */
const WHOLE_COUNT_MAX = 1024;
const STAR = 0x2a;

/** The arguments of an entry, in their order; HSCAN adds a word behind them. */
export const scanArguments = Object.freeze({
  key: arg.key(),
  cursor: arg.integer(),
  pattern: arg.pattern('MATCH').optional(),
  count: arg.integer('COUNT').optional(),
});

/** Slots of {@link scanArguments}. */
export interface CollectionScanSlots {
  readonly key: number;
  readonly cursor: number;
  readonly pattern: number;
  readonly count: number;
}

/** The `parse` of an entry: it looks at the cursor alone. */
export function parseScanCursor(frame: ArgFrame): ReplyError | null {
  frame.index[0] = 1;
  frame.index[1] = 2;
  return scanCursor(frame) === CURSOR_INVALID ? replyErrors.invalidCursor : null;
}

/** The cursor of the command: 0 .. 2^53-1. */
export function scanCursor(frame: ArgFrame): number {
  return readCursor(frame.memory.low, frame.at[2] ?? 0, frame.bytes[2] ?? 0);
}

/**
 * Reads the options, in order, into their slots; for `apply`, when the key has the right type.
 * @param wordSlot slot of a word without a value (NOVALUES), or -1
 * @param word that word in upper case
 */
export function readScanOptions(
  frame: ArgFrame, at: CollectionScanSlots, wordSlot = -1, word?: Uint8Array,
): ReplyError | null {
  frame.index[at.pattern] = 0;
  frame.index[at.count] = 0;
  if (wordSlot >= 0) frame.index[wordSlot] = 0;
  for (let i = 3; i < frame.count; i++) {
    if (wordSlot >= 0 && word !== undefined && isWord(frame, i, word)) {
      frame.index[wordSlot] = i;
      continue;
    }
    if (i + 1 === frame.count) return replyErrors.syntax;
    if (isWord(frame, i, scanArguments.pattern.tokenBytes)) {
      frame.index[at.pattern] = i + 1;
    } else if (isWord(frame, i, scanArguments.count.tokenBytes)) {
      frame.index[at.count] = i + 1;
      if (!readInteger(frame, at.count, i + 1)) return replyErrors.notInteger;
      if ((frame.high[at.count] ?? 0) < 0 || scanCount(frame, at) < 1) return replyErrors.syntax;
    } else {
      return replyErrors.syntax;
    }
    i++;
  }
  return null;
}

/** Members that the step is to meet; after readScanOptions. */
export function scanCount(frame: ArgFrame, at: CollectionScanSlots): number {
  if ((frame.index[at.count] ?? 0) === 0) return COUNT_DEFAULT;
  if (frame.isExact[at.count] !== 1) return COUNT_MAX;
  return Math.min(frame.number[at.count] ?? 0, COUNT_MAX);
}

/** True when Redis would hold collection `ref` in one block, and so answers it in one step. */
export function answersWhole(shard: Shard, ref: number): boolean {
  const isWide = (entryFlags(shard.memory.i32, ref) & ENTRY_WIDE) !== 0;
  return !isWide && collectionCount(shard, ref) <= WHOLE_COUNT_MAX;
}

/** Slots of the chain that is being looked at. */
const slots = new Int32Array(CHAIN_SLOTS_MAX);

/**
 * Meets members of a dict from `cursor` on: about `count` of them.
 * @param dict bound to the dict of members
 * @param into gets the refs of the members met, after being emptied; good until the next change
 * @returns the cursor to go on with, 0 at the end
 */
export function scanMembers(
  shard: Shard, dict: Dict, cursor: number, count: number, into: number[],
): number {
  into.length = 0;
  if (cursor >= CURSOR_POSITIONS) return 0;
  const { i32 } = shard.memory;
  let next = cursor;
  for (let lines = 0; lines < count * LINES_PER_COUNT; lines++) {
    const met = dict.collectLine(dict.lineAtCursor(next), slots);
    for (let i = 0; i < met; i++) into.push(i32[slots[i] ?? 0] ?? 0);
    next = dict.scanNext(next);
    if (next === 0 || into.length >= count) break;
  }
  return next;
}

/** Meets all members of a dict, in the order of its lines; `into` as in {@link scanMembers}. */
export function allMembers(shard: Shard, dict: Dict, into: number[]): void {
  into.length = 0;
  const { i32 } = shard.memory;
  const lines = dict.lines();
  for (let line = 0; line < lines; line++) {
    const met = dict.collectLine(line, slots);
    for (let i = 0; i < met; i++) into.push(i32[slots[i] ?? 0] ?? 0);
  }
}

/** Starts the reply of a step: the next cursor, then an array of `values` that follow. */
export function writeScanStep(out: ReplySink, cursor: number, values: number): void {
  out.array(2);
  out.bulkText(String(cursor));
  out.array(values);
}

/**
 * Holds elements anywhere in the memory against the command's MATCH. Up to the size of the scratch
 * area an element is copied to low memory, a longer one through it into a buffer of this object.
 * The pattern `*` takes all, also an empty element, which as a glob it does not match.
 */
export class ElementMatcher {
  /** True when there is nothing to look at: no MATCH, or `*`. */
  readonly matchesAll: boolean;
  readonly #shard: Shard;
  readonly #patternAt: number;
  readonly #patternBytes: number;
  #long = new Uint8Array(0);

  /** @param patternIndex argument with the pattern, 0 = none */
  constructor(shard: Shard, frame: ArgFrame, patternIndex: number) {
    this.#shard = shard;
    this.#patternAt = frame.at[patternIndex] ?? 0;
    this.#patternBytes = frame.bytes[patternIndex] ?? 0;
    const isStar = this.#patternBytes === 1 && shard.memory.low[this.#patternAt] === STAR;
    this.matchesAll = patternIndex === 0 || isStar;
  }

  /** True when the `bytes` bytes at byte offset `at` match. Uses the scratch area. */
  matches(at: number, bytes: number): boolean {
    if (this.matchesAll) return true;
    const { memory, scratchAt } = this.#shard;
    const { kernel, low } = memory;
    if (bytes <= SCRATCH_BYTES) {
      kernel.copy(scratchAt, at, bytes);
      return globMatch(low, this.#patternAt, this.#patternBytes, low, scratchAt, bytes, false);
    }
    if (this.#long.length < bytes) this.#long = new Uint8Array(bytes);
    for (let done = 0; done < bytes; done += SCRATCH_BYTES) {
      const step = Math.min(SCRATCH_BYTES, bytes - done);
      kernel.copy(scratchAt, at + done, step);
      this.#long.set(low.subarray(scratchAt, scratchAt + step), done);
    }
    return globMatch(low, this.#patternAt, this.#patternBytes, this.#long, 0, bytes, false);
  }
}
