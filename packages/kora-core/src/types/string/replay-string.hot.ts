/**
 * Replays the record that logs have most of: a key now holds a string that lies in its entry. The
 * record is read where it lies in low memory, so key and value are copied once, to the entry;
 * everything else, and whatever does not hold together, goes through replayEffect, which draws the
 * layout and says what is wrong.
 *
 *   0 version, op, reason, db | 4 other db, event, second event, 0 | 8 ms low | 12 ms high
 *   16 key length | 20 key | u8 traits | [2 u32 deadline] | u32 value length | value
 *
 * Invariant: changes what replayEffect would; replay-string.hot.test.ts compares them.
 * Cost: a lookup and a put; nothing is allocated on the heap.
 */
import { EffectReason } from '../../keyspace/effect.ts';
import { keyEvents } from '../../keyspace/events.ts';
import { ValueType } from '../../keyspace/type-handler.ts';
import { DATABASE_COUNT, KEY_BYTES_MAX, ROPE_BYTES_MIN } from '../../limits.ts';
import type { Shard } from '../../shard/shard.ts';
import { ENTRY_ENCODING_SHIFT, ENTRY_RAW } from '../../structs/entry.hot.ts';
import { putString, STRING_TEXT } from './string.ts';

/** The first two bytes: version 1, EffectOp.StringSet. */
const KIND = 1 | (1 << 8);
const HEAD_BYTES = 20;
const DEADLINE_BYTES = 8;
/** Traits and value length. */
const VALUE_HEAD_BYTES = 5;
const TRAIT_TTL = 1;
const TRAIT_RAW = 2;
const TRAIT_TEXT = 4;
const TRAITS_MAX = TRAIT_TTL | TRAIT_RAW | TRAIT_TEXT;
/** Latest time of a record: what a double tells exactly. */
const TIME_HIGH_MAX = 0x1f_ffff;
const TWO_32 = 4_294_967_296;

/**
 * Makes the change of a record, if it is a string that lies in its entry. The shard is replaying.
 * @param at byte offset of the record in low memory
 * @param bytes of it
 * @returns false when nothing was done: the record is another, is damaged, or memory is short
 */
export function replayPlainSet(shard: Shard, at: number, bytes: number): boolean {
  if (bytes < HEAD_BYTES + VALUE_HEAD_BYTES) return false;
  const view = shard.memory.lowView;
  const kind = view.getInt32(at, true);
  const rest = view.getInt32(at + 4, true);
  const timeHigh = view.getUint32(at + 12, true);
  const keyBytes = view.getUint32(at + 16, true);
  if ((kind & 0xffff) !== KIND || ((kind >>> 16) & 0xff) > EffectReason.Evicted) return false;
  if ((kind >>> 24) >= DATABASE_COUNT || (rest & 0xff) >= DATABASE_COUNT) return false;
  const events = keyEvents.length;
  if (((rest >>> 8) & 0xff) >= events || ((rest >>> 16) & 0xff) >= events) return false;
  if ((rest >>> 24) !== 0 || timeHigh > TIME_HIGH_MAX || keyBytes > KEY_BYTES_MAX) return false;
  if (bytes < HEAD_BYTES + keyBytes + VALUE_HEAD_BYTES) return false;
  const keyAt = at + HEAD_BYTES;
  let next = keyAt + keyBytes;
  // One byte, read as the first of four: there are five at least.
  const traits = view.getInt32(next, true) & 0xff;
  next++;
  if (traits > TRAITS_MAX) return false;
  const hasTtl = traits & TRAIT_TTL;
  let low = 0;
  let high = 0;
  if (hasTtl !== 0) {
    if (at + bytes < next + DEADLINE_BYTES + 4) return false;
    low = view.getInt32(next, true);
    high = view.getInt32(next + 4, true);
    next += DEADLINE_BYTES;
    if (high < 0) return false;
  }
  const valueBytes = view.getUint32(next, true);
  next += 4;
  if (valueBytes >= ROPE_BYTES_MIN || next + valueBytes !== at + bytes) return false;
  const database = shard.keyspace.databases[kind >>> 24]!;
  const timeMs = timeHigh * TWO_32 + view.getUint32(at + 8, true);
  if (timeMs !== shard.nowMs) {
    shard.nowMs = timeMs;
    shard.keyspace.setNow(timeMs);
  }
  shard.keyspace.find(database, keyAt, keyBytes);
  const flags = ValueType.String
    | ((traits & TRAIT_RAW) !== 0 ? ENTRY_RAW : 0)
    | ((traits & TRAIT_TEXT) !== 0 ? STRING_TEXT << ENTRY_ENCODING_SHIFT : 0);
  return putString(shard, keyAt, keyBytes, next, valueBytes, flags, hasTtl, low, high) !== 0;
}
