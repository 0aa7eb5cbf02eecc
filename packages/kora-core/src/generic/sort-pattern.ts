/**
 * Patterns of SORT's BY and GET: `#` is the element itself; `name_*` a string key with the element
 * in the star's place; `name_*->field` a field of a hash. Only the first star counts; a pattern
 * without one names nothing. As in Redis a NUL ends the search for star and arrow.
 * Cost: one lookup a pattern and element; the key is put together in the scratch area, or in a
 * block of the arena where it does not fit.
 */
import type { ArgFrame } from '../command/arg-frame.hot.ts';
import type { ReplySink } from '../command/sink.ts';
import { ValueType } from '../keyspace/type-handler.ts';
import { KEY_BYTES_MAX } from '../limits.ts';
import type { Shard } from '../shard/shard.ts';
import { findField, foundValueAt, foundValueBytes } from '../types/hash/hash.ts';
import { SET_TEXT_OFFSET } from '../types/set/set.ts';
import { copyStringRange, stringBytes, stringPieceAt, stringPieceCount, writeString }
  from '../types/string/string.ts';

const HASH_SIGN = 0x23;
const STAR = 0x2a;
const DASH = 0x2d;
const GREATER = 0x3e;

/** One pattern of a request; its bytes are an argument's. */
export interface SortPattern {
  readonly at: number;
  /** True for `#`. */
  readonly isSelf: boolean;
  /** Bytes before the star; -1 without one. */
  readonly prefixBytes: number;
  /** Bytes between the star and the end of the key. */
  readonly postfixBytes: number;
  readonly fieldAt: number;
  /** 0 = the key holds a string. */
  readonly fieldBytes: number;
}

/** Reads argument i as a pattern. */
export function readPattern(frame: ArgFrame, i: number): SortPattern {
  const { low } = frame.memory;
  const at = frame.at[i] ?? 0;
  const bytes = frame.bytes[i] ?? 0;
  const end = at + bytes;
  const nul = low.indexOf(0, at);
  const textEnd = nul < 0 || nul > end ? end : nul;
  const star = indexOfStar(low, at, textEnd);
  let fieldAt = 0;
  for (let arrow = star + 1; star >= 0 && arrow + 2 < textEnd; arrow++) {
    if (low[arrow] !== DASH || low[arrow + 1] !== GREATER) continue;
    fieldAt = arrow + 2;
    break;
  }
  const keyEnd = fieldAt === 0 ? end : fieldAt - 2;
  return {
    at,
    isSelf: bytes === 1 && low[at] === HASH_SIGN,
    prefixBytes: star < 0 ? -1 : star - at,
    postfixBytes: star < 0 ? 0 : keyEnd - star - 1,
    fieldAt,
    fieldBytes: fieldAt === 0 ? 0 : end - fieldAt,
  };
}

function indexOfStar(low: Uint8Array, at: number, end: number): number {
  for (let i = at; i < end; i++) if (low[i] === STAR) return i;
  return -1;
}

/** True when argument i has a star: then BY sorts by keys, else it says not to sort. */
export function hasStar(frame: ArgFrame, i: number): boolean {
  return readPattern(frame, i).prefixBytes >= 0;
}

/**
 * Finds what a pattern names for one element after another. After `find`, `isFound` tells; the
 * value is read by the other methods until the next `find` or change.
 */
export class PatternValue {
  isFound = false;
  readonly #shard: Shard;
  readonly #frame: ArgFrame;
  /** Entry of a string, 0 when the value is at #at. */
  #string = 0;
  #at = 0;
  #bytes = 0;
  /** Block for keys that do not fit the scratch area, 0 = none; and the room that there is. */
  #block = 0;
  #room: number = SET_TEXT_OFFSET;

  constructor(shard: Shard, frame: ArgFrame) {
    this.#shard = shard;
    this.#frame = frame;
  }

  /** Makes room for keys of a pattern and an element of that length; false when memory is short. */
  makeRoom(pattern: SortPattern, elementBytes: number): boolean {
    const bytes = Math.min(keyBytesOf(pattern, elementBytes), KEY_BYTES_MAX);
    if (bytes <= this.#room) return true;
    this.close();
    this.#block = this.#shard.memory.arenaAllocator.alloc(bytes);
    if (this.#block !== 0) this.#room = bytes;
    return this.#block !== 0;
  }

  /** Frees the room. */
  close(): void {
    if (this.#block !== 0) this.#shard.memory.arenaAllocator.free(this.#block);
    this.#block = 0;
    this.#room = SET_TEXT_OFFSET;
  }

  /** Looks up what the pattern names for the element at `at`. */
  find(pattern: SortPattern, at: number, bytes: number): void {
    this.#string = 0;
    this.#at = at;
    this.#bytes = bytes;
    this.isFound = pattern.isSelf;
    if (pattern.isSelf || pattern.prefixBytes < 0) return;
    const ref = this.#lookup(pattern, at, bytes);
    if (ref === 0) return;
    const { keyspace } = this.#shard;
    if (pattern.fieldBytes === 0) {
      this.isFound = keyspace.isType(ref, ValueType.String);
      this.#string = ref;
    } else if (keyspace.isType(ref, ValueType.Hash)) {
      this.isFound = findField(this.#shard, ref, pattern.fieldAt, pattern.fieldBytes);
      if (!this.isFound) return;
      this.#at = foundValueAt(this.#shard);
      this.#bytes = foundValueBytes(this.#shard);
    }
  }

  /** Entry of the key that the pattern makes of the element, 0 = absent. */
  #lookup(pattern: SortPattern, at: number, bytes: number): number {
    const { keyspace, memory, scratchAt } = this.#shard;
    const { kernel } = memory;
    const { prefixBytes, postfixBytes } = pattern;
    const keyBytes = keyBytesOf(pattern, bytes);
    if (keyBytes > KEY_BYTES_MAX) return 0; // No such key can exist.
    const keyAt = this.#block === 0 ? scratchAt : this.#block * 8;
    kernel.copy(keyAt, pattern.at, prefixBytes);
    kernel.copy(keyAt + prefixBytes, at, bytes);
    kernel.copy(keyAt + prefixBytes + bytes, pattern.at + prefixBytes + 1, postfixBytes);
    const db = keyspace.databases[this.#frame.client.db];
    if (db === undefined) return 0;
    const ref = keyspace.find(db, keyAt, keyBytes);
    keyspace.noteRead(this.#frame, ref, keyAt, keyBytes);
    return ref;
  }

  /** Length of the value in bytes. */
  get bytes(): number {
    return this.#string === 0 ? this.#bytes : stringBytes(this.#shard, this.#string);
  }

  /** Byte offset of the value where it lies in one piece, else -1. */
  get at(): number {
    if (this.#string === 0) return this.#at;
    const isWhole = stringPieceCount(this.#shard, this.#string) === 1;
    return isWhole ? stringPieceAt(this.#shard, this.#string, 0) : -1;
  }

  /** Copies a value that lies in pieces. */
  copyTo(to: number): void {
    copyStringRange(this.#shard, this.#string, 0, this.bytes, to);
  }

  /** Writes the value as a bulk string, or null. */
  write(out: ReplySink): void {
    if (!this.isFound) out.null();
    else if (this.#string !== 0) writeString(this.#shard, this.#string, out);
    else out.bulk(this.#at, this.#bytes);
  }
}

function keyBytesOf(pattern: SortPattern, elementBytes: number): number {
  return Math.max(0, pattern.prefixBytes) + elementBytes + pattern.postfixBytes;
}
