/**
 * The blocks of the tracking table (tracking-table.ts), in words. Most keys have one reader, who
 * lies in the entry; the others are in a chain of blocks, each larger than the one before.
 *
 *   entry of a key   header, key | first reader | first block, ref, 0 = none
 *   block            next, ref | used:16, room:16 | reader | reader ...
 *
 * A reader is a number that its worker gave a client: worker:5 | low bits of the client's id:27.
 * So it may come back after 134 million connections; then a client is told of a key too much.
 */

/** Value of an entry. */
export const TRACKED_VALUE_BYTES = 8;
export const TRACKED_FIRST = 0;
export const TRACKED_BLOCK = 1;

/** Words of a block. */
export const READERS_NEXT = 0;
export const READERS_USED = 1;
export const READERS_AT = 2;
const ROOM_SHIFT = 16;
const USED_MASK = 0xffff;

/** Readers of the first block of a key, and of the largest. */
export const READERS_ROOM_MIN = 6;
export const READERS_ROOM_MAX = 62;
/** Bytes of the largest block. */
export const READERS_BYTES_MAX = (READERS_AT + READERS_ROOM_MAX) * 4;

/** Room of the block after one with this room; sizes are 32, 64, 128 and 256 bytes. */
export function nextRoom(room: number): number {
  return room === 0 ? READERS_ROOM_MIN : Math.min(READERS_ROOM_MAX, room * 2 + READERS_AT);
}

export function readersUsed(word: number): number {
  return word & USED_MASK;
}

export function readersRoom(word: number): number {
  return word >>> ROOM_SHIFT;
}

export function readersWord(used: number, room: number): number {
  return used | (room << ROOM_SHIFT);
}

const WORKER_SHIFT = 27;
const ID_MASK = (1 << WORKER_SHIFT) - 1;

/** The number of a client as a reader; never 0, for ids begin with 1. */
export function readerOf(worker: number, clientId: number): number {
  const id = clientId % (ID_MASK + 1);
  return ((worker << WORKER_SHIFT) | (id === 0 ? ID_MASK : id)) | 0;
}

/** Which worker the reader's connection belongs to. */
export function workerOfReader(reader: number): number {
  return reader >>> WORKER_SHIFT;
}
