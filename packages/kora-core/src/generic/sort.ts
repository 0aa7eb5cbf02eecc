/**
 * SORT: loads the elements, looks their weights up, sorts, and writes or stores the result. Redis's
 * rules, that are not obvious: BY without a star keeps the collection's own order (a set that is to
 * be stored is sorted as text instead); a weight that is absent is 0, or the first text; equal
 * scores are ordered by the elements' bytes; a weight that is no number spoils the whole, but only
 * after everything was looked up. Texts compare by their bytes, as in the C locale.
 * Cost: O(n) lookups, O(n log n) comparisons, 20 bytes an element while it runs.
 */
import { parseDoubleStrict } from '../bytes/number-text.ts';
import type { ArgFrame } from '../command/arg-frame.hot.ts';
import type { ReplySink } from '../command/sink.ts';
import { replyErrors, ReplyError } from '../errors/reply-error.ts';
import { dropAside, linkAside, newAside } from '../keyspace/collection-entry.ts';
import { EffectOp, EffectReason } from '../keyspace/effect.ts';
import { KeyEvent } from '../keyspace/events.ts';
import { ValueType } from '../keyspace/type-handler.ts';
import { FLAT_ARGUMENT_BYTES_MAX } from '../limits.ts';
import type { Shard } from '../shard/shard.ts';
import { appendElement, LIST_FLAGS } from '../types/list/list.ts';
import { SET_TEXT_OFFSET } from '../types/set/set.ts';
import { effectOfKey } from '../types/string/string-effects.ts';
import { PatternValue } from './sort-pattern.ts';
import type { SortPattern } from './sort-pattern.ts';
import { sortableCount, SortVector } from './sort-vector.ts';

const notDouble = new ReplyError("ERR One or more scores can't be converted into double");
/** Below it a double has lost digits, which C's strtod reports as an error. */
const NORMAL_MIN = 2.2250738585072014e-308;

/** What a SORT asks for. */
export interface SortRequest {
  readonly by: SortPattern | null;
  /** BY without a star: no sorting. */
  readonly isUnsorted: boolean;
  readonly isDescending: boolean;
  readonly isAlpha: boolean;
  readonly offset: number;
  /** Negative = all. */
  readonly count: number;
  readonly gets: readonly SortPattern[];
  /** Argument with the destination, 0 = none. */
  readonly store: number;
}

/** Runs a SORT whose key is argument 1, entry `ref` (0 = absent), and writes the reply. */
export function sortElements(
  shard: Shard, frame: ArgFrame, ref: number, request: SortRequest, out: ReplySink,
): void {
  const vector = new SortVector(shard);
  const value = new PatternValue(shard, frame);
  const error = new Sorting(shard, frame, request, vector, value).run(ref, out);
  value.close();
  vector.close();
  if (error !== null) out.error(error);
}

class Sorting {
  readonly #shard: Shard;
  readonly #frame: ArgFrame;
  readonly #request: SortRequest;
  readonly #vector: SortVector;
  readonly #value: PatternValue;
  /** The part of the order that is the result. */
  #from = 0;
  #end = 0;

  constructor(
    shard: Shard, frame: ArgFrame, request: SortRequest, vector: SortVector, value: PatternValue,
  ) {
    this.#shard = shard;
    this.#frame = frame;
    this.#request = request;
    this.#vector = vector;
    this.#value = value;
  }

  /** The error, when nothing was written. */
  run(ref: number, out: ReplySink): ReplyError | null {
    const shard = this.#shard;
    const request = this.#request;
    const count = sortableCount(shard, ref);
    const isSet = ref !== 0 && shard.keyspace.isType(ref, ValueType.Set);
    const isForced = request.isUnsorted && isSet && request.store !== 0;
    const isUnsorted = request.isUnsorted && !isForced;
    this.#setBounds(count);
    const isDirect = isUnsorted && !isSet;
    const loaded = isDirect ? this.#end - this.#from : count;
    const isBack = isDirect && request.isDescending;
    if (!this.#vector.load(ref, isDirect ? this.#from : 0, loaded, isBack)) {
      return replyErrors.arenaFull;
    }
    if (isDirect) {
      this.#end -= this.#from;
      this.#from = 0;
    }
    if (!this.#makeRoom()) return replyErrors.arenaFull;
    if (!isUnsorted) {
      const error = this.#sort(isForced ? null : request.by, request.isAlpha || isForced);
      if (error !== null) return error;
    }
    if (request.store !== 0) return this.#store(out);
    this.#write(out);
    return null;
  }

  /** LIMIT within the number of elements, whatever it says. */
  #setBounds(count: number): void {
    const { offset, count: limit } = this.#request;
    this.#from = Math.min(Math.max(offset, 0), count);
    this.#end = limit < 0 ? count : Math.min(this.#from + limit, count);
  }

  /** Makes room for the longest key that a pattern can make. */
  #makeRoom(): boolean {
    const { by, gets } = this.#request;
    let longest = 0;
    for (let i = 0; i < this.#vector.count; i++) longest = Math.max(longest, this.#vector.bytes(i));
    if (by !== null && !this.#value.makeRoom(by, longest)) return false;
    return gets.every((pattern) => this.#value.makeRoom(pattern, longest));
  }

  #sort(by: SortPattern | null, isAlpha: boolean): ReplyError | null {
    const vector = this.#vector;
    const { isDescending } = this.#request;
    let isNumeric = true;
    for (let i = 0; i < vector.count; i++) {
      const at = vector.at(i);
      const bytes = vector.bytes(i);
      if (by === null) {
        if (isAlpha) vector.setText(i, at, bytes);
        else isNumeric = this.#setScore(i, at, bytes) && isNumeric;
        continue;
      }
      this.#value.find(by, at, bytes);
      if (isAlpha) {
        if (!this.#setText(i)) return replyErrors.arenaFull;
      } else if (this.#value.isFound) {
        isNumeric = this.#setScore(i, this.#value.at, this.#value.bytes) && isNumeric;
      }
    }
    if (!isNumeric) return notDouble;
    if (isAlpha) vector.sortByText(isDescending);
    else vector.sortByScore(isDescending);
    return null;
  }

  /** The value found becomes the text weight of element i; false when memory is short. */
  #setText(i: number): boolean {
    const value = this.#value;
    if (!value.isFound) {
      this.#vector.setNoText(i);
      return true;
    }
    let { at } = value;
    if (at < 0) {
      const copy = this.#vector.newCopy(value.bytes);
      if (copy === 0) return false;
      at = copy * 8;
      value.copyTo(at);
    }
    this.#vector.setText(i, at, value.bytes);
    return true;
  }

  /** The bytes at `at` (-1: too long) as a number become the score of element i; false: none. */
  #setScore(i: number, at: number, bytes: number): boolean {
    const score = at < 0 ? Number.NaN : parseScore(this.#shard, at, bytes);
    if (Number.isNaN(score)) return false;
    this.#vector.setScore(i, score);
    return true;
  }

  #write(out: ReplySink): void {
    const { gets } = this.#request;
    const vector = this.#vector;
    const rows = Math.max(0, this.#end - this.#from);
    out.array(rows * Math.max(1, gets.length));
    for (let row = this.#from; row < this.#end; row++) {
      const i = vector.order[row] ?? 0;
      if (gets.length === 0) out.bulk(vector.at(i), vector.bytes(i));
      for (const pattern of gets) {
        this.#value.find(pattern, vector.at(i), vector.bytes(i));
        this.#value.write(out);
      }
    }
  }

  /** Builds the list aside and puts it in the place of what the destination held. */
  #store(out: ReplySink): ReplyError | null {
    const shard = this.#shard;
    const frame = this.#frame;
    const { keyspace } = shard;
    const { store } = this.#request;
    const keyAt = frame.at[store] ?? 0;
    const keyBytes = frame.bytes[store] ?? 0;
    const rows = Math.max(0, this.#end - this.#from);
    if (rows === 0) {
      const old = keyspace.write(frame, store);
      if (old !== 0) shard.removeLastLookup(old, KeyEvent.Del, EffectReason.Command);
      out.integer(0);
      return null;
    }
    const ref = newAside(shard, keyAt, keyBytes, LIST_FLAGS);
    if (ref === 0) return replyErrors.arenaFull;
    const error = this.#fill(ref);
    if (error !== null || !keyspace.reserve(0, 0, 0, 0)) {
      dropAside(shard, ref);
      return error ?? replyErrors.arenaFull;
    }
    keyspace.write(frame, store);
    linkAside(shard, keyspace.db, keyAt, keyBytes, ref);
    effectOfKey(shard, frame, store, EffectOp.ValueSet, KeyEvent.SortStore).ref = ref;
    shard.commit();
    out.integer(rows * Math.max(1, this.#request.gets.length));
    return null;
  }

  #fill(ref: number): ReplyError | null {
    const shard = this.#shard;
    const vector = this.#vector;
    const { gets } = this.#request;
    for (let row = this.#from; row < this.#end; row++) {
      const i = vector.order[row] ?? 0;
      if (gets.length === 0) {
        const isDone = appendElement(shard, ref, vector.at(i), vector.bytes(i));
        if (!isDone) return replyErrors.arenaFull;
      }
      for (const pattern of gets) {
        this.#value.find(pattern, vector.at(i), vector.bytes(i));
        const error = this.#appendValue(ref);
        if (error !== null) return error;
      }
    }
    return null;
  }

  /** Appends the value found; an absent one is an empty element. */
  #appendValue(ref: number): ReplyError | null {
    const shard = this.#shard;
    const value = this.#value;
    const { arenaAllocator } = shard.memory;
    const bytes = value.isFound ? value.bytes : 0;
    if (bytes > FLAT_ARGUMENT_BYTES_MAX) return replyErrors.argumentTooLarge;
    const at = value.isFound ? value.at : shard.scratchAt;
    if (at >= 0) return appendElement(shard, ref, at, bytes) ? null : replyErrors.arenaFull;
    const copy = arenaAllocator.alloc(bytes);
    if (copy === 0) return replyErrors.arenaFull;
    value.copyTo(copy * 8);
    const isDone = appendElement(shard, ref, copy * 8, bytes);
    arenaAllocator.free(copy);
    return isDone ? null : replyErrors.arenaFull;
  }
}

/**
 * The bytes as C's strtod reads a whole text: blanks before the number, nothing is 0, a NUL ends
 * it. NaN when that is no number, or one that a double does not hold.
 */
function parseScore(shard: Shard, at: number, bytes: number): number {
  if (bytes === 0) return 0;
  if (bytes > SET_TEXT_OFFSET) return Number.NaN;
  const { kernel, low } = shard.memory;
  const start = shard.scratchAt;
  kernel.copy(start, at, bytes);
  const nul = low.indexOf(0, start);
  const end = nul < 0 || nul > start + bytes ? start + bytes : nul;
  if (end === start) return 0;
  let from = start;
  while (from < end && isBlank(low[from] ?? 0)) from++;
  const score = parseDoubleStrict(low, from, end - from) ?? Number.NaN;
  return score !== 0 && Math.abs(score) < NORMAL_MIN ? Number.NaN : score;
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}
