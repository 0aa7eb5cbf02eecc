/**
 * Which worker owns which slot: the slot map of Redis Cluster, fixed for the life of a process.
 * Worker i of n owns one run of slots, so that a range of slots names its owner and the map of
 * CLUSTER SLOTS is n lines.
 *   owner   | 0 0 0 ... | 1 1 1 ... | ... |      16,384 bytes, by slot
 */
import { assert } from '../assert.ts';
import { SLOT_COUNT } from '../bytes/crc16.hot.ts';

const SLOT_BITS = 14;

/** Owners by slot, for `count` workers; at most 255. */
export function slotOwners(count: number): Uint8Array {
  assert(count >= 1 && count <= 255, 'an owner is a byte');
  const owners = new Uint8Array(SLOT_COUNT);
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    owners[slot] = slotOwner(slot, count);
  }
  return owners;
}

/** The owner of a slot among `count` workers, without the map. */
export function slotOwner(slot: number, count: number): number {
  return (slot * count) >>> SLOT_BITS;
}

/** First slot of a worker; its last is one below the first of the next. */
export function firstSlotOf(worker: number, count: number): number {
  return Math.ceil((worker * SLOT_COUNT) / count);
}
