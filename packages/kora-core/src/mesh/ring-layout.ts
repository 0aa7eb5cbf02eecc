/**
 * Bytes of a ring: a single-producer single-consumer queue of messages between two workers, in the
 * low memory of the one that receives, so that arguments are read where they arrive.
 *
 *   ringAt   +0    | head | data bytes | - ... |    one line, written by the consumer
 *            +64   | tail | wants room | - ... |    one line, written by the producer (see below)
 *            +128  | message | message | ... |      data bytes, a power of two
 *
 *   message, bytes a multiple of 8, never wraps
 *     word 0       | kind, 8 bits | bytes with the header / 8, 21 bits | padding, 3 bits |
 *     words 1-3    | a | b | c |                 what the kind says
 *     then         | body | padding, 0-7 bytes |
 *   PAD            | word 0, kind 0 | stale |    fills the end when the next message does not fit
 *
 * Positions run modulo 2^32; the byte is data + (position & mask). `wants room` is set by a
 *   producer that found no room and cleared by the consumer that answers it.
 */
import { assert } from '../assert.ts';
import { MESSAGE_BYTES_MAX } from '../limits.ts';

/** Bytes before the data: the line of the consumer and the line of the producer. */
export const RING_HEADER_BYTES = 128;
/** What two threads write lies this far apart, in bytes. */
export const LINE_BYTES = 64;

/** Words of a ring, counted from its first. */
export const RING_HEAD_WORD = 0;
export const RING_BYTES_WORD = 1;
export const RING_TAIL_WORD = 16;
export const RING_WANTS_ROOM_WORD = 17;
export const RING_DATA_WORD = RING_HEADER_BYTES / 4;

/** Bytes of a message before its body. */
export const MESSAGE_HEADER_BYTES = 16;
/** The kind in word 0 of a message. */
export const KIND_SHIFT = 24;
/** Highest kind of a message; kinds start at 1. */
export const KIND_MAX = 255;
/** The kind that fills the end of a ring; readers skip it. */
export const KIND_PAD = 0;
/** Bytes of a message in word 0. */
export const MESSAGE_BYTES_MASK = 0xff_fff8;
/** Bytes of padding in word 0. */
export const PADDING_MASK = 7;

/** Smallest ring: messages of up to half of it fit. */
export const RING_DATA_BYTES_MIN = 64;
/** Largest ring: a PAD of nearly all of it fits into word 0. */
export const RING_DATA_BYTES_MAX = 2 ** 23;

/**
 * Longest message that a ring of `dataBytes` is sure to take when it is empty, in bytes with the
 * header: a message may need as much again to fill the end before it.
 */
export function messageBytesMaxOf(dataBytes: number): number {
  return Math.min(MESSAGE_BYTES_MAX, dataBytes / 2);
}

/** Bytes that a ring with `dataBytes` of data takes. */
export function ringBytes(dataBytes: number): number {
  return RING_HEADER_BYTES + dataBytes;
}

/**
 * Makes an empty ring of the bytes at `ringAt`, before anybody else knows of it.
 * @param words the receiver's low memory
 * @param ringAt byte offset, a multiple of 64
 * @param dataBytes a power of two
 * @param position where head and tail start; what a test of the wrap-around sets, else 0
 */
export function formatRing(
  words: Int32Array, ringAt: number, dataBytes: number, position = 0,
): void {
  assert(ringAt % LINE_BYTES === 0, 'a ring starts on a line of its own');
  assert(dataBytes >= RING_DATA_BYTES_MIN, 'a ring has room for a message');
  assert(dataBytes <= RING_DATA_BYTES_MAX, 'the length of a PAD fits into its word');
  assert((dataBytes & (dataBytes - 1)) === 0, 'the data of a ring is a power of two of bytes');
  assert(position % 8 === 0, 'positions are multiples of 8');
  assert(ringAt + ringBytes(dataBytes) <= words.length * 4, 'a ring lies in the low memory');
  const first = ringAt / 4;
  words.fill(0, first, first + RING_DATA_WORD);
  words[first + RING_HEAD_WORD] = position | 0;
  words[first + RING_TAIL_WORD] = position | 0;
  words[first + RING_BYTES_WORD] = dataBytes;
}
