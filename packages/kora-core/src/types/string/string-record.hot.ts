/**
 * Records of the change that servers make most: a key now holds a string that lies in its entry.
 * Written at once to where the record is to stay, in low memory, so that a log copies key and value
 * once and calls nothing for the rest; every other change goes through effect-codec.ts, which draws
 * the layout. This is the twin of kernel/string-record.as.ts; string-records.ts chooses.
 *
 *   0 version, op, reason, db | 4 other db, event, second event, 0 | 8 ms low | 12 ms high
 *   16 key length | 20 key | u8 traits | [2 u32 deadline] | u32 value length | value
 *
 * Invariant: the bytes are those of encodeEffect; string-record.hot.test.ts compares them.
 * Cost: two copies by the kernel and a dozen stores; nothing is allocated.
 */
import {
  ENTRY_HAS_TTL, ENTRY_IS_ROPE, ENTRY_LONG_KEY_BYTES, ENTRY_RAW, entryEncoding, entryExpireHigh,
  entryExpireLow, entryFlags, entryKeyAt, entryKeyBytes, entryValueAt, entryValueBytes,
} from '../../structs/entry.hot.ts';
import type { WorkerMemory } from '../../structs/worker-memory.ts';
import { STRING_TEXT } from './string.ts';

/** Bits of the traits byte. */
export const TRAIT_TTL = 1;
export const TRAIT_RAW = 2;
export const TRAIT_TEXT = 4;

/** Bytes before the key. */
const HEAD_BYTES = 20;
/** Traits and value length. */
const VALUE_HEAD_BYTES = 5;
const DEADLINE_BYTES = 8;

/** See StringRecords.plainSet. */
export function writePlainSet(
  memory: WorkerMemory, at: number, room: number, kind: number, rest: number, timeLow: number,
  timeHigh: number, ref: number,
): number {
  const i32 = memory.i32;
  const flags = entryFlags(i32, ref);
  const keyBytes = entryKeyBytes(i32, ref);
  if ((flags & ENTRY_IS_ROPE) !== 0 || keyBytes >= ENTRY_LONG_KEY_BYTES) return 0;
  const valueBytes = entryValueBytes(i32, ref);
  const hasTtl = (flags & ENTRY_HAS_TTL) !== 0;
  const bytes = HEAD_BYTES + keyBytes + VALUE_HEAD_BYTES + valueBytes
    + (hasTtl ? DEADLINE_BYTES : 0);
  if (bytes > room) return 0;
  const view = memory.lowView;
  view.setInt32(at, kind, true);
  view.setInt32(at + 4, rest, true);
  view.setInt32(at + 8, timeLow, true);
  view.setInt32(at + 12, timeHigh, true);
  view.setInt32(at + 16, keyBytes, true);
  memory.kernel.copy(at + HEAD_BYTES, entryKeyAt(i32, ref), keyBytes);
  let to = at + HEAD_BYTES + keyBytes;
  const isText = entryEncoding(i32, ref) === STRING_TEXT;
  // As a byte of `low`: setUint8 of a shared buffer is a call into the runtime.
  memory.low[to] = (hasTtl ? TRAIT_TTL : 0) | ((flags & ENTRY_RAW) !== 0 ? TRAIT_RAW : 0)
    | (isText ? TRAIT_TEXT : 0);
  to++;
  if (hasTtl) {
    view.setInt32(to, entryExpireLow(i32, ref), true);
    view.setInt32(to + 4, entryExpireHigh(i32, ref), true);
    to += DEADLINE_BYTES;
  }
  view.setInt32(to, valueBytes, true);
  memory.kernel.copy(to + 4, entryValueAt(i32, ref), valueBytes);
  return bytes;
}
