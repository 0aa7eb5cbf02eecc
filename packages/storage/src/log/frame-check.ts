/**
 * Is there a frame here? Reads what frame-writer.hot.ts writes and believes nothing that it has not
 * checked. The fields of the frame found last are properties, so that none is allocated per frame.
 */
import { fits64, get32, get64 } from '../bytes/words.hot.ts';
import { crc32, hex32 } from '../crc/crc32.ts';
import { FRAME_BYTES_MAX } from '../limits.ts';
import {
  FRAME_BYTES_AT, FRAME_CONTINUES, FRAME_CRC_AT, FRAME_DURABLE_AT, FRAME_FLAGS_AT,
  FRAME_FLAGS_KNOWN, FRAME_HEADER_BYTES, FRAME_MAGIC, FRAME_PADDING_AT, FRAME_RECORDS_AT,
  FRAME_SEQUENCE_AT, FRAME_SHARDS_AT, FRAME_TAG_AT, FRAME_TIME_AT, FRAME_TRANSACTION_AT,
  PIECE_GOES_ON, PIECE_HEADER_BYTES,
} from './log-layout.ts';

const magic = FRAME_MAGIC >>> 0;

/** True when a frame of this tag may begin here: a look at two words. */
export function mayBeFrame(bytes: Uint8Array, at: number, tag: number): boolean {
  return get32(bytes, at) === magic && get32(bytes, at + FRAME_TAG_AT) === tag;
}

/** A frame's header, checked. */
export class FrameCheck {
  /** Bytes of the frame. */
  length = 0;
  flags = 0;
  recordCount = 0;
  firstSequence = 0;
  timeMs = 0;
  durableSequence = 0;
  transaction = 0;
  /** Shards of the transaction, a bit each. */
  shards = 0;
  /** Bytes from its start to the end of its pieces. */
  contentEnd = 0;
  /** Of a frame that does not hold: where, relative to its start, what should be and what is. */
  wrongAt = 0;
  expected = '';
  found = '';

  get continues(): boolean {
    return (this.flags & FRAME_CONTINUES) !== 0;
  }

  /**
   * Reads a frame.
   * @param available bytes from `at` to the end of the file, as far as they are in `bytes`
   * @returns false when there is none; `expected` and `found` then say why
   */
  read(bytes: Uint8Array, at: number, available: number, tag: number): boolean {
    if (available < FRAME_HEADER_BYTES) {
      return this.#wrong(available, 'a frame', 'the end of the file');
    }
    if (get32(bytes, at) !== magic) {
      return this.#wrong(0, 'the mark of a frame', hex32(get32(bytes, at)));
    }
    const length = get32(bytes, at + FRAME_BYTES_AT);
    const mayBe = length >= FRAME_HEADER_BYTES && length % 8 === 0 && length <= FRAME_BYTES_MAX;
    if (!mayBe) return this.#wrong(FRAME_BYTES_AT, 'the length of a frame', String(length));
    if (length > available) {
      return this.#wrong(available, `a frame of ${length} bytes`, 'the end of the file');
    }
    const stored = get32(bytes, at + FRAME_CRC_AT);
    const actual = crc32(bytes, at + FRAME_BYTES_AT, length - FRAME_BYTES_AT);
    if (stored !== actual) {
      return this.#wrong(FRAME_CRC_AT, `a frame with checksum ${hex32(stored)}`, hex32(actual));
    }
    const foundTag = get32(bytes, at + FRAME_TAG_AT);
    if (foundTag !== tag) {
      return this.#wrong(FRAME_TAG_AT, `a frame of tag ${hex32(tag)}`, hex32(foundTag));
    }
    this.length = length;
    this.flags = get32(bytes, at + FRAME_FLAGS_AT);
    this.recordCount = get32(bytes, at + FRAME_RECORDS_AT);
    this.shards = get32(bytes, at + FRAME_SHARDS_AT);
    this.contentEnd = length - get32(bytes, at + FRAME_PADDING_AT);
    if ((this.flags & ~FRAME_FLAGS_KNOWN) !== 0) {
      return this.#wrong(FRAME_FLAGS_AT, 'flags of this version', hex32(this.flags));
    }
    return this.#readNumbers(bytes, at) && this.#walk(bytes, at);
  }

  #readNumbers(bytes: Uint8Array, at: number): boolean {
    for (const field of [
      FRAME_SEQUENCE_AT, FRAME_TIME_AT, FRAME_DURABLE_AT, FRAME_TRANSACTION_AT,
    ]) {
      if (!fits64(bytes, at + field)) return this.#wrong(field, 'a number below 2^53', 'more');
    }
    this.firstSequence = get64(bytes, at + FRAME_SEQUENCE_AT);
    this.timeMs = get64(bytes, at + FRAME_TIME_AT);
    this.durableSequence = get64(bytes, at + FRAME_DURABLE_AT);
    this.transaction = get64(bytes, at + FRAME_TRANSACTION_AT);
    return true;
  }

  /** The pieces fill the frame and are as many as it says. */
  #walk(bytes: Uint8Array, at: number): boolean {
    const end = at + this.contentEnd;
    let position = at + FRAME_HEADER_BYTES;
    let ended = 0;
    while (position < end) {
      if (end - position < PIECE_HEADER_BYTES) break;
      const word = get32(bytes, position);
      const pieceBytes = word % PIECE_GOES_ON;
      if (pieceBytes > end - position - PIECE_HEADER_BYTES) break;
      position += PIECE_HEADER_BYTES + pieceBytes;
      if (word < PIECE_GOES_ON) ended++;
      else if (position !== end) break;
    }
    if (position === end && ended === this.recordCount) return true;
    return this.#wrong(
      position - at, `${this.recordCount} records that fill the frame`, `${ended} records`,
    );
  }

  #wrong(wrongAt: number, expected: string, found: string): false {
    this.wrongAt = wrongAt;
    this.expected = expected;
    this.found = found;
    return false;
  }
}
