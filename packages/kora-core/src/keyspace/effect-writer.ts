/**
 * Where an encoded effect goes: a log's buffer, a feed's ring, a test's array. The codec writes
 * front to back and never looks back, so a writer needs no more room than it decides to keep;
 * numbers are little-endian.
 */

/**
 * Receiver of the bytes of one record. Nothing it is given may be kept: addresses are valid during
 * the call.
 */
export interface EffectWriter {
  /** One byte, 0..255. */
  u8(value: number): void;
  /** Four bytes, least significant first; any int32 or u32. */
  u32(value: number): void;
  /**
   * `bytes` bytes at byte offset `at` of the worker memory. A long value comes in several calls.
   */
  bytes(at: number, bytes: number): void;
}

/** Receiver of many records, each framed by the two calls. */
export interface RecordWriter extends EffectWriter {
  beginRecord(): void;
  endRecord(): void;
}
