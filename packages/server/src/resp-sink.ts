/**
 * Encodes replies as RESP2 or RESP3 into the worker's current reply chunk. One sink serves all
 * sessions of a worker: `begin` names the session, `flush` sends what it wrote. A reply that does
 * not fit goes out in several chunks, in order. When no chunk can be had the rest of the reply is
 * dropped and the session is marked as lost. Muting (CLIENT REPLY) drops whole replies; nothing is
 * allocated for a reply of numbers or bytes of the worker memory.
 * Values of LENT_BYTES_MIN and more are not copied: what was written is sent, then the pieces of
 * the rope from where they lie, and the chunk goes on behind them.
 */
import { assert, ROPE_PIECE_BYTES, writeBulks, writeRopeBytes } from '@kora/core';
import type { ReplyError, ReplySink, Ropes, WorkerMemory } from '@kora/core';
import {
  DOUBLE_BULK_BYTES_MAX, HEADER_BYTES_MAX, INTEGER_BYTES_MAX, NULL_BYTES_MAX, bulkTextBytesMax,
  lineBytesMax, utf8Bytes, writeArrayHeader, writeBigInteger, writeBoolean3, writeBulkHeader,
  writeBulkText, writeCrlf, writeDouble2, writeDouble3, writeError, writeInteger, writeMapHeader,
  writeNull2, writeNull3, writeNullArray2, writeOk, writePushHeader, writeSetHeader, writeSimple,
} from '@kora/protocol';
import type { ChunkWriter, ReplyChunk, ReplyChunks } from './reply-chunks.ts';
import { REPLY_CHUNK_BYTES } from './reply-chunks.ts';

/** The session a reply goes to. */
export interface ReplyTarget {
  readonly resp: number;
  /**
   * Sends bytes of a chunk; true when the range is free again, false when the session pinned it.
   */
  sendRange(chunk: ReplyChunk, at: number, bytes: number): boolean;
  /**
   * Sends bytes of a rope from where they lie, anywhere in the worker memory; the session keeps the
   * rope pinned while they are on their way.
   */
  lendRange(ropes: Ropes, root: number, at: number, bytes: number): void;
  /** A reply is lost, for this reason: the session has to end. */
  loseOutput(reason: string): void;
}

/** Type bytes that replace those of a simple string and of a bulk string. */
const BIG_NUMBER_TYPE = 0x28;
const DOUBLE_TYPE = 0x2c;
const VERBATIM_TYPE = 0x3d;
const OK_BYTES = 5;
/** Heads, ends and numbers stay in one piece: at most so much is left empty behind a chunk. */
const PIECE_BYTES_MAX = 64;
/** From here on bytes of a rope are lent; below, a copy costs less than two more sends. */
export const LENT_BYTES_MIN = 65_536;
/**
 * Bytes of neighbouring pieces sent as one range: few sends, and what has left is free soon.
 */
export const LENT_RANGE_BYTES_MAX = 4 * ROPE_PIECE_BYTES;
/**
 * Longest line of a reply, characters: a status or an error that echoes what a client sent is cut
 * there.
 */
const LINE_CHARACTERS_MAX = 16_384;
const encoder = new TextEncoder();

export class RespSink implements ReplySink, ChunkWriter {
  errorCount = 0;
  lastError: ReplyError | null = null;
  progress = 0;
  readonly #lendsFrom: number;
  readonly #memory: WorkerMemory;
  readonly #low: Uint8Array;
  readonly #chunks: ReplyChunks;
  /** Takes what nobody shall read: muted replies, and the rest of a lost one. Never sent. */
  readonly #discard: ReplyChunk;
  #target: ReplyTarget;
  /** The chunk that is written into: the current one, or the discard chunk. */
  #chunk: ReplyChunk;
  /** The chunk that sessions share, also while the discard chunk is written into. */
  #current: ReplyChunk;
  #currentFrom: number;
  /** Start of what the session wrote and did not send yet. */
  #from: number;
  #at: number;
  #limit: number;
  /** Chunks that `reserve` took and nothing was written into. */
  readonly #ahead: ReplyChunk[] = [];

  /** @param lendsFrom values of so many bytes and more are lent; Infinity = all are copied */
  constructor(
    memory: WorkerMemory, chunks: ReplyChunks, nobody: ReplyTarget, lendsFrom = LENT_BYTES_MIN,
  ) {
    this.#lendsFrom = lendsFrom;
    this.#memory = memory;
    this.#low = memory.low;
    this.#chunks = chunks;
    this.#target = nobody;
    const discard = chunks.take();
    const chunk = chunks.take();
    assert(discard !== undefined, 'low memory holds a chunk for discarded replies');
    assert(chunk !== undefined, 'low memory holds a chunk for replies');
    chunk.writer = this;
    this.#discard = discard;
    this.#chunk = chunk;
    this.#current = chunk;
    this.#currentFrom = chunk.start;
    this.#from = chunk.start;
    this.#at = chunk.start;
    this.#limit = chunk.end;
  }

  /** Replies from here on go to this session. */
  begin(target: ReplyTarget): void {
    this.#target = target;
    if (this.#chunk === this.#discard) this.#leaveDiscard();
  }

  /** Whom replies go to now. */
  get target(): ReplyTarget {
    return this.#target;
  }

  /** Bytes written and not sent; 0 while replies are discarded. */
  get pending(): number {
    return this.#chunk === this.#discard ? 0 : this.#at - this.#from;
  }

  /** Sends what the session wrote. */
  flush(): void {
    if (this.#chunk === this.#discard) {
      this.#at = this.#from;
      return;
    }
    const bytes = this.#at - this.#from;
    if (bytes === 0) return;
    if (this.#target.sendRange(this.#chunk, this.#from, bytes)) this.#at = this.#from;
    else this.#from = this.#at;
  }

  /**
   * Takes the chunks that a reply of `bytes` bytes may need, so that it cannot be lost. What it
   * leaves of them goes back with `letGo`. Not while a reply is written.
   * @returns false: there are not as many; nothing was taken
   */
  reserve(bytes: number): boolean {
    if (this.#chunk === this.#discard) this.#leaveDiscard();
    if (this.#at + bytes <= this.#limit) return true;
    // The chunk under way counts for nothing: what is in it may stay there.
    const count = Math.ceil(bytes / (REPLY_CHUNK_BYTES - PIECE_BYTES_MAX));
    while (this.#ahead.length < count) {
      const chunk = this.#chunks.take();
      if (chunk === undefined) {
        this.letGo();
        return false;
      }
      this.#ahead.push(chunk);
    }
    return true;
  }

  /** Gives back what is left of what was reserved. */
  letGo(): void {
    for (let chunk = this.#ahead.pop(); chunk !== undefined; chunk = this.#ahead.pop()) {
      this.#chunks.give(chunk);
    }
  }

  /** Drops the replies until unmute; what was written before is sent first. */
  mute(): void {
    this.flush();
    if (this.#chunk !== this.#discard) this.#enterDiscard();
  }

  unmute(): void {
    if (this.#chunk === this.#discard) this.#leaveDiscard();
  }

  #enterDiscard(): void {
    this.#currentFrom = this.#from;
    this.#chunk = this.#discard;
    this.#from = this.#discard.start;
    this.#at = this.#discard.start;
    this.#limit = this.#discard.end;
  }

  #leaveDiscard(): void {
    this.#chunk = this.#current;
    this.#from = this.#currentFrom;
    this.#at = this.#currentFrom;
    this.#limit = this.#current.end;
  }

  /** Makes room for `bytes` contiguous bytes, at most a chunk. */
  #room(bytes: number): void {
    this.progress = (this.progress + 1) | 0;
    if (this.#at + bytes > this.#limit) this.#roll();
  }

  /** Sends the chunk and goes on in an empty one. */
  #roll(): void {
    this.flush();
    if (this.#chunk === this.#discard) return;
    if (this.#chunk.pins === 0) {
      this.#from = this.#chunk.start;
      this.#at = this.#chunk.start;
      return;
    }
    const fresh = this.#ahead.pop() ?? this.#chunks.take();
    if (fresh === undefined) {
      this.#target.loseOutput('no memory is left for its replies');
      this.#enterDiscard();
      return;
    }
    this.#current.writer = null;
    fresh.writer = this;
    this.#current = fresh;
    this.#chunk = fresh;
    this.#from = fresh.start;
    this.#at = fresh.start;
    this.#limit = fresh.end;
  }

  /** Called when a pinned range of a chunk is free again. */
  unpin(chunk: ReplyChunk): void {
    this.#chunks.unpin(chunk);
  }

  /** Nothing of the current chunk is on its way any more. */
  restart(chunk: ReplyChunk): void {
    if (this.#chunk === this.#discard) {
      this.#currentFrom = chunk.start;
    } else if (this.#at === this.#from) {
      this.#from = chunk.start;
      this.#at = chunk.start;
    }
  }

  ok(): void {
    this.#room(OK_BYTES);
    this.#at = writeOk(this.#low, this.#at);
  }

  simple(whole: string): void {
    const text = lineOf(whole);
    this.#room(lineBytesMax(text));
    this.#at = writeSimple(this.#low, this.#at, text);
  }

  error(error: ReplyError): void {
    this.errorCount++;
    this.lastError = error;
    const text = lineOf(error.text);
    this.#room(lineBytesMax(text));
    this.#at = writeError(this.#low, this.#at, text);
  }

  /** Part of the reply may have left, so nothing sensible can follow: the session ends. */
  breakOff(error: ReplyError): void {
    this.errorCount++;
    this.lastError = error;
    this.#target.loseOutput('a command failed in the middle of its reply');
    if (this.#chunk !== this.#discard) {
      this.#at = this.#from;
      this.#enterDiscard();
    }
  }

  integer(value: number): void {
    this.#room(INTEGER_BYTES_MAX);
    this.#at = writeInteger(this.#low, this.#at, value);
  }

  integer64(value: bigint): void {
    this.#room(INTEGER_BYTES_MAX);
    this.#at = writeBigInteger(this.#low, this.#at, value);
  }

  bulk(at: number, bytes: number): void {
    if (this.#at + bytes + HEADER_BYTES_MAX + 2 > this.#limit) {
      this.bulkStart(bytes);
      this.bulkPiece(at, bytes);
      this.bulkEnd();
      return;
    }
    this.progress = (this.progress + 1) | 0;
    const to = writeBulkHeader(this.#low, this.#at, bytes);
    this.#memory.kernel.copy(to, at, bytes);
    this.#at = writeCrlf(this.#low, to + bytes);
  }

  /** All by one call of the kernel where they fit a chunk together, else one by one. */
  bulkMany(list: number, count: number): void {
    const { kernel } = this.#memory;
    const bytes = kernel.bulksBytes(list, count);
    if (bytes > REPLY_CHUNK_BYTES) {
      writeBulks(this, this.#memory.i32, list, count);
      return;
    }
    this.#room(bytes);
    this.#at += kernel.encodeBulks(list, count, this.#at);
  }

  bulkText(text: string): void {
    if (bulkTextBytesMax(text) > REPLY_CHUNK_BYTES) {
      this.bulkBytes(encoder.encode(text));
      return;
    }
    this.#room(utf8Bytes(text) + HEADER_BYTES_MAX + 2);
    this.#at = writeBulkText(this.#low, this.#at, text);
  }

  bulkBytes(bytes: Uint8Array): void {
    this.bulkStart(bytes.length);
    this.raw(bytes);
    this.bulkEnd();
  }

  /** Encoded bytes from outside the worker memory, chunk by chunk. */
  raw(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length; ) {
      if (this.#at === this.#limit) this.#roll();
      const piece = Math.min(bytes.length - from, this.#limit - this.#at);
      this.#low.set(bytes.subarray(from, from + piece), this.#at);
      this.#at += piece;
      from += piece;
    }
  }

  bulkStart(bytes: number): void {
    this.#room(HEADER_BYTES_MAX);
    this.#at = writeBulkHeader(this.#low, this.#at, bytes);
  }

  bulkPiece(at: number, bytes: number): void {
    let from = at;
    let left = bytes;
    while (left > 0) {
      if (this.#at === this.#limit) this.#roll();
      const piece = Math.min(left, this.#limit - this.#at);
      this.#memory.kernel.copy(this.#at, from, piece);
      this.#at += piece;
      from += piece;
      left -= piece;
    }
  }

  /** Encoded bytes of one's own memory, at most a chunk, that stay in one piece. */
  piece(at: number, bytes: number): void {
    this.#room(bytes);
    this.#memory.kernel.copy(this.#at, at, bytes);
    this.#at += bytes;
  }

  /**
   * Encoded bytes that lie in several places, one behind the other.
   * @param list byte offset of `count` pairs of words: byte offset, bytes
   * @param bytes all of them
   */
  gather(list: number, count: number, bytes: number): void {
    if (this.#at + bytes > this.#limit) {
      const { i32 } = this.#memory;
      const end = (list >>> 2) + count * 2;
      for (let word = list >>> 2; word < end; word += 2) {
        this.bulkPiece(i32[word] ?? 0, i32[word + 1] ?? 0);
      }
      return;
    }
    this.#memory.kernel.gather(list, count, this.#at);
    this.#at += bytes;
  }

  bulkEnd(): void {
    this.#room(2);
    this.#at = writeCrlf(this.#low, this.#at);
  }

  bulkRope(ropes: Ropes, root: number, from: number, bytes: number): void {
    if (bytes < this.#lendsFrom) {
      writeRopeBytes(this, ropes, root, from, bytes);
      return;
    }
    this.bulkStart(bytes);
    if (this.#chunk !== this.#discard) {
      this.flush();
      this.#lend(ropes, root, from, bytes);
    }
    this.bulkEnd();
  }

  /** Sends the bytes where they lie; pieces that follow each other in memory go out together. */
  #lend(ropes: Ropes, root: number, from: number, bytes: number): void {
    let rangeAt = 0;
    let rangeBytes = 0;
    for (let done = 0; done < bytes;) {
      const piece = Math.floor((from + done) / ROPE_PIECE_BYTES);
      const inPiece = (from + done) % ROPE_PIECE_BYTES;
      const step = Math.min(bytes - done, ROPE_PIECE_BYTES - inPiece);
      const at = ropes.pieceAt(root, piece) + inPiece;
      const isNext = rangeBytes !== 0 && at === rangeAt + rangeBytes;
      if (isNext && rangeBytes + step <= LENT_RANGE_BYTES_MAX) {
        rangeBytes += step;
      } else {
        if (rangeBytes !== 0) this.#target.lendRange(ropes, root, rangeAt, rangeBytes);
        rangeAt = at;
        rangeBytes = step;
      }
      done += step;
    }
    this.#target.lendRange(ropes, root, rangeAt, rangeBytes);
  }

  null(): void {
    this.#room(NULL_BYTES_MAX);
    this.#at =
      this.#target.resp === 3 ? writeNull3(this.#low, this.#at) : writeNull2(this.#low, this.#at);
  }

  nullArray(): void {
    this.#room(NULL_BYTES_MAX);
    this.#at =
      this.#target.resp === 3
        ? writeNull3(this.#low, this.#at)
        : writeNullArray2(this.#low, this.#at);
  }

  boolean(value: boolean): void {
    if (this.#target.resp !== 3) {
      this.integer(value ? 1 : 0);
      return;
    }
    this.#room(INTEGER_BYTES_MAX);
    this.#at = writeBoolean3(this.#low, this.#at, value);
  }

  double(value: number, textOf?: (value: number) => string): void {
    if (textOf !== undefined) {
      this.#typedLine(DOUBLE_TYPE, textOf(value));
      return;
    }
    this.#room(DOUBLE_BULK_BYTES_MAX);
    this.#at =
      this.#target.resp === 3
        ? writeDouble3(this.#low, this.#at, value)
        : writeDouble2(this.#low, this.#at, value);
  }

  bigNumber(text: string): void {
    this.#typedLine(BIG_NUMBER_TYPE, text);
  }

  /** A line of RESP3 that starts with `type`; a bulk string in RESP2. */
  #typedLine(type: number, text: string): void {
    if (this.#target.resp !== 3) {
      this.bulkText(text);
      return;
    }
    assert(text.length <= LINE_CHARACTERS_MAX, 'a number fits a line');
    this.#room(lineBytesMax(text));
    this.#at = writeSimple(this.#low, this.#at, text);
    this.#low[this.#at - text.length - 3] = type;
  }

  verbatim(format: string, text: string): void {
    if (this.#target.resp !== 3) {
      this.bulkText(text);
      return;
    }
    const bytes = encoder.encode(`${format}:${text}`);
    this.#room(HEADER_BYTES_MAX);
    const typeAt = this.#at;
    this.#at = writeBulkHeader(this.#low, typeAt, bytes.length);
    this.#low[typeAt] = VERBATIM_TYPE;
    this.raw(bytes);
    this.bulkEnd();
  }

  array(length: number): void {
    this.#room(HEADER_BYTES_MAX);
    this.#at = writeArrayHeader(this.#low, this.#at, length);
  }

  map(pairs: number): void {
    this.#room(HEADER_BYTES_MAX);
    this.#at =
      this.#target.resp === 3
        ? writeMapHeader(this.#low, this.#at, pairs)
        : writeArrayHeader(this.#low, this.#at, pairs * 2);
  }

  set(length: number): void {
    this.#room(HEADER_BYTES_MAX);
    this.#at =
      this.#target.resp === 3
        ? writeSetHeader(this.#low, this.#at, length)
        : writeArrayHeader(this.#low, this.#at, length);
  }

  push(length: number): void {
    this.#room(HEADER_BYTES_MAX);
    this.#at =
      this.#target.resp === 3
        ? writePushHeader(this.#low, this.#at, length)
        : writeArrayHeader(this.#low, this.#at, length);
  }
}

function lineOf(text: string): string {
  return text.length <= LINE_CHARACTERS_MAX ? text : text.slice(0, LINE_CHARACTERS_MAX);
}
