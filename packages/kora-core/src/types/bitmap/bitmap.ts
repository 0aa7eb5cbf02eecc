/**
 * Strings as arrays of bits: bit 0 is the highest of byte 0. Works on short values and on ropes
 * alike, piece by piece, through the API of strings; what lies behind the end reads as 0.
 *
 * Cost: one bit O(1); counting and searching O(n) in the bytes looked at, a word at a time.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { EffectOp } from '../../keyspace/effect.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import type { Shard } from '../../shard/shard.ts';
import { ENTRY_RAW, entryFlags } from '../../structs/entry.hot.ts';
import { ROPE_PIECE_BYTES } from '../../structs/rope.ts';
import { byteAt } from '../../structs/word-bytes.hot.ts';
import { effectOfKey } from '../string/string-effects.ts';
import { growString, stringBytes, stringPieceAt } from '../string/string.ts';
import { countBits, findByteWithBit, firstBitOfByte, wordBits } from './bit-words.hot.ts';

/** Byte offset in the worker memory of byte `index` of the value; valid until the next change. */
export function byteAddress(shard: Shard, ref: number, index: number): number {
  const piece = Math.floor(index / ROPE_PIECE_BYTES);
  return stringPieceAt(shard, ref, piece) + (index - piece * ROPE_PIECE_BYTES);
}

/** Byte `index` of the value of entry `ref` (0 = absent), 0 behind its end. */
export function stringByte(shard: Shard, ref: number, index: number): number {
  if (ref === 0 || index >= stringBytes(shard, ref)) return 0;
  return byteAt(shard.memory.i32, byteAddress(shard, ref, index));
}

/** Bits set among the bits `start` to `end` (included), which lie inside the value. */
export function countStringBits(shard: Shard, ref: number, start: number, end: number): number {
  const first = Math.floor(start / 8);
  const last = Math.floor(end / 8);
  let count = 0;
  for (let done = first; done <= last;) {
    const step = Math.min(last + 1 - done, ROPE_PIECE_BYTES - (done % ROPE_PIECE_BYTES));
    count += countBits(shard.memory.i32, byteAddress(shard, ref, done), step);
    done += step;
  }
  // What the range leaves out of its first and last byte.
  const before = stringByte(shard, ref, first) >>> (8 - (start % 8));
  const after = stringByte(shard, ref, last) & (0xff >>> (1 + (end % 8)));
  return count - wordBits(before) - wordBits(after);
}

/** The first of the bits `start` to `end` (included, inside the value) that is `bit`; else -1. */
export function findStringBit(
  shard: Shard, ref: number, start: number, end: number, bit: number,
): number {
  const last = Math.floor(end / 8);
  let done = Math.floor(start / 8);
  // The bits of the first byte before the start must not be found: they count as the other value.
  const head = stringByte(shard, ref, done);
  const mask = 0xff >>> (start % 8);
  const place = firstBitOfByte(bit === 1 ? head & mask : head | (~mask & 0xff), bit);
  if (place < 8) return withinEnd(done * 8 + place, end);
  done++;
  while (done <= last) {
    const step = Math.min(last + 1 - done, ROPE_PIECE_BYTES - (done % ROPE_PIECE_BYTES));
    const at = byteAddress(shard, ref, done);
    const found = findByteWithBit(shard.memory.i32, at, step, bit);
    if (found < step) {
      const byte = byteAt(shard.memory.i32, at + found);
      return withinEnd((done + found) * 8 + firstBitOfByte(byte, bit), end);
    }
    done += step;
  }
  return -1;
}

function withinEnd(position: number, end: number): number {
  return position <= end ? position : -1;
}

/**
 * Marks the string of entry `ref`, the key looked up last (argument `keyIndex`), as `raw`, as Redis
 * does when a command is about to change bytes in place, whether it then does or not. The bytes
 * stay, so no event is told; the journal hears of the encoding.
 * @returns the entry, 0 when memory is short
 */
export function markRaw(shard: Shard, frame: ArgFrame, keyIndex: number, ref: number): number {
  if ((entryFlags(shard.memory.i32, ref) & ENTRY_RAW) !== 0) return ref;
  const entry = growString(shard, ref, stringBytes(shard, ref));
  if (entry !== 0) commitPatch(shard, frame, keyIndex, KeyEvent.None, 0, shard.scratchAt, 0);
  return entry;
}

/** Announces that `bytes` bytes at byte offset `at` of the memory are now those at `offset`. */
export function commitPatch(
  shard: Shard, frame: ArgFrame, keyIndex: number, event: number, offset: number, at: number,
  bytes: number,
): void {
  const effect = effectOfKey(shard, frame, keyIndex, EffectOp.StringPatch, event);
  effect.otherAt = at;
  effect.otherBytes = bytes;
  effect.offset = offset;
  shard.commit();
}
