/**
 * Where a command writes its reply. A sink knows RESP's types, not its bytes: the server's sink
 * encodes RESP2 or RESP3, the embedded engine's builds JavaScript values, a test's records nodes.
 * Exactly one complete value is written per command; aggregates announce their length first.
 * Addresses are byte offsets in the worker memory and are read before the call returns, never kept;
 * only a rope may be kept, pinned, until its bytes have left.
 */
import type { ReplyError } from '../errors/reply-error.ts';
import type { Ropes } from '../structs/rope.ts';
import { ROPE_PIECE_BYTES } from '../structs/rope.ts';

/** Receiver of one reply value per command. */
export interface ReplySink {
  /** Errors written so far; the executor compares it around a command. */
  readonly errorCount: number;
  /** The error written last, for the statistics. */
  readonly lastError: ReplyError | null;
  /** Changes with everything written; the executor compares it around a command that throws. */
  readonly progress: number;
  /**
   * The command threw after it had written a part of its reply. The part is dropped and the error
   * takes its place where that is possible; else the connection ends.
   */
  breakOff(error: ReplyError): void;
  /** The status `OK`. */
  ok(): void;
  /** A status line, Latin-1, without CR or LF; for fixed words such as PONG, QUEUED, none. */
  simple(text: string): void;
  error(error: ReplyError): void;
  /** A safe integer. */
  integer(value: number): void;
  /** Any signed 64-bit integer. */
  integer64(value: bigint): void;
  /** A bulk string of `bytes` bytes at byte offset `at` of the worker memory. */
  bulk(at: number, bytes: number): void;
  /** A bulk string from text, as UTF-8. */
  bulkText(text: string): void;
  /** A bulk string from bytes outside the worker memory (rare paths). */
  bulkBytes(bytes: Uint8Array): void;
  /** Announces a bulk string that follows in pieces: exactly `bytes` bytes through bulkPiece. */
  bulkStart(bytes: number): void;
  bulkPiece(at: number, bytes: number): void;
  bulkEnd(): void;
  /**
   * A bulk string of `bytes` bytes of a rope from `from` on. A sink may go on reading them after
   * the call while it has the rope pinned; others copy them (writeRopeBytes).
   */
  bulkRope(ropes: Ropes, root: number, from: number, bytes: number): void;
  /**
   * `count` bulk strings in a row: `list` is the byte offset, in low memory, of as many pairs of
   * words: byte offset in the worker memory (u32), bytes.
   */
  bulkMany(list: number, count: number): void;
  /** Null: `$-1` in RESP2, `_` in RESP3. */
  null(): void;
  /** Null array: `*-1` in RESP2, `_` in RESP3. */
  nullArray(): void;
  /** `:1`/`:0` in RESP2, `#t`/`#f` in RESP3. */
  boolean(value: boolean): void;
  /**
   * Bulk text in RESP2, `,` in RESP3. `textOf` writes the number's digits where Redis does not
   * write the shortest ones; it is not asked where numbers stay numbers.
   */
  double(value: number, textOf?: (value: number) => string): void;
  /** Bulk text in RESP2, `(` in RESP3; decimal digits. */
  bigNumber(text: string): void;
  /** Bulk text in RESP2, `=` in RESP3; format is three letters such as `txt`. */
  verbatim(format: string, text: string): void;
  array(length: number): void;
  /** `pairs` entries: 2 x pairs values follow. A flat array in RESP2. */
  map(pairs: number): void;
  /** An array in RESP2. */
  set(length: number): void;
  /** Out-of-band data; an array in RESP2. */
  push(length: number): void;
}

/** The plain way to answer bulkMany. */
export function writeBulks(
  out: ReplySink, i32: Int32Array, list: number, count: number,
): void {
  const first = list >>> 2;
  for (let word = first; word < first + count * 2; word += 2) {
    out.bulk((i32[word] ?? 0) >>> 0, i32[word + 1] ?? 0);
  }
}

/** The plain way to answer bulkRope: announces the bytes and writes them piece by piece. */
export function writeRopeBytes(
  out: ReplySink, ropes: Ropes, root: number, from: number, bytes: number,
): void {
  out.bulkStart(bytes);
  for (let done = 0; done < bytes;) {
    const piece = Math.floor((from + done) / ROPE_PIECE_BYTES);
    const inPiece = (from + done) % ROPE_PIECE_BYTES;
    const step = Math.min(bytes - done, ROPE_PIECE_BYTES - inPiece);
    out.bulkPiece(ropes.pieceAt(root, piece) + inPiece, step);
    done += step;
  }
  out.bulkEnd();
}
