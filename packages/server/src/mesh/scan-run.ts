/**
 * One SCAN of a connection while it goes from shard to shard: what it asks for next, and what it
 * has gathered. It is over when it has met about as many keys as COUNT says, or at the very end.
 * Bounds: of one shard ROUND_COUNT_MAX keys at a time, so that nothing stands still for a large
 *   COUNT; WALK_KEY_BYTES_MAX of keys a shard and round, and none is asked behind as much in all.
 */
import type { ArgFrame, Shard } from '@kora/core';
import {
  argumentText, assert, CURSOR_POSITIONS, FLAT_ARGUMENT_BYTES_MAX, isWord, readCursor,
  ReplyError, replyErrors, shardOfCursor, WALK_KEY_BYTES_MAX,
} from '@kora/core';
import type { ReplyWindow } from './reply-window.hot.ts';
import { ReplyBytes } from './reply-bytes.ts';
import { isShardEnd, readScanStep } from './scan-replies.ts';

/** Keys that one shard is asked for at once. */
const ROUND_COUNT_MAX = 16_384;
/** All shards from the cursor on are asked at once for so many: most of it may be dropped. */
const SPREAD_COUNT_MAX = 1024;
/** COUNT of SCAN when it is not given, and at most. */
const COUNT_DEFAULT = 10;
const COUNT_MAX = 1_048_576;

const MINUS = 0x2d;
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const WORDS = {
  scan: encoder.encode('SCAN'), count: encoder.encode('COUNT'),
  match: encoder.encode('MATCH'), type: encoder.encode('TYPE'),
} as const;

export class ScanRun {
  readonly window: ReplyWindow;
  readonly place: number;
  /** Of RESP2 and RESP3 alike: encoded keys. */
  readonly keys: ReplyBytes;
  keyCount = 0;
  cursor: number;
  /** Why it cannot be answered. */
  error: ReplyError | null = null;
  /** Rounds that were asked for. */
  rounds = 0;
  readonly #shard: Shard;
  /** The one shard that is walked; -1 = all. */
  readonly #only: number;
  /** Keys that it may still meet. */
  #left = COUNT_DEFAULT;
  #pattern: Uint8Array | null = null;
  #type: Uint8Array | null = null;
  /** What the round under way asks, and whom. */
  #asked = 0;
  #askedShards = 0;
  #isOver = false;

  /**
   * @param frame SCAN with its arguments, which parse
   * @param only the shard whose keys are asked for, -1 = all
   */
  constructor(
    shard: Shard, window: ReplyWindow, place: number, frame: ArgFrame, only: number,
  ) {
    this.#shard = shard;
    this.window = window;
    this.place = place;
    this.keys = new ReplyBytes(shard.memory);
    this.#only = only;
    this.cursor = readCursor(frame.memory.low, frame.at[1] ?? 0, frame.bytes[1] ?? 0);
    if (only >= 0 && this.cursor === 0) this.cursor = only * CURSOR_POSITIONS;
    for (let i = 2; i + 1 < frame.count; i += 2) {
      if (isWord(frame, i, WORDS.count)) this.#left = countIn(frame, i + 1);
      else if (isWord(frame, i, WORDS.match)) this.#pattern = this.#keep(frame, i + 1);
      else this.#type = this.#keep(frame, i + 1);
    }
    // A cursor that leads behind all shards, or to another than the only one.
    const next = shardOfCursor(this.cursor);
    if (next >= shard.count || (only >= 0 && next !== only)) this.#end();
  }

  #keep(frame: ArgFrame, i: number): Uint8Array | null {
    const bytes = bytesIn(this.#shard, frame, i);
    if (!(bytes instanceof ReplyError)) return bytes;
    this.fail(bytes);
    return null;
  }

  /** It cannot go on, and answers an error. */
  fail(error: ReplyError): void {
    this.error ??= error;
  }

  /** There is nothing more to ask for. */
  get isOver(): boolean {
    return this.#isOver || this.keys.isLost || this.error !== null;
  }

  /** Mask of the shards of the round under way. */
  get shards(): number {
    return this.#askedShards;
  }

  /**
   * Begins the next round.
   * @param isAlone it asks the shard of the cursor alone
   * @returns its arguments
   */
  next(isAlone: boolean): readonly Uint8Array[] {
    const first = shardOfCursor(this.cursor);
    const isSpread = !isAlone && isShardEnd(this.cursor) && this.#left <= SPREAD_COUNT_MAX &&
      this.#only < 0;
    this.#askedShards = isSpread ? (2 ** this.#shard.count - 1) & ~((1 << first) - 1) : 1 << first;
    this.rounds++;
    this.#asked = Math.min(this.#left, ROUND_COUNT_MAX);
    const words: Uint8Array[] = [
      WORDS.scan, encoder.encode(String(this.cursor)),
      WORDS.count, encoder.encode(String(this.#asked)),
    ];
    if (this.#pattern !== null) words.push(WORDS.match, this.#pattern);
    if (this.#type !== null) words.push(WORDS.type, this.#type);
    return words;
  }

  /** Takes what the shards of a round have answered, by shard; they stay the caller's. */
  take(replies: readonly (ReplyBytes | null)[]): void {
    const { low } = this.#shard.memory;
    // Shards that were not asked may take part, and say nothing.
    for (let left = this.#askedShards; left !== 0; left &= left - 1) {
      const reply = replies[31 - Math.clz32(left & -left)] ?? null;
      assert(reply !== null, 'a shard that is asked answers');
      if (reply.isLost) {
        this.keys.isLost = true;
        return;
      }
      if (low[reply.at] === MINUS) {
        // Its text without `-` and CR LF.
        const text = decoder.decode(low.slice(reply.at + 1, reply.at + reply.bytes - 2));
        this.fail(new ReplyError(text));
        return;
      }
      const { cursor, count, from, end } = readScanStep(low, reply);
      this.keys.add(from, end - from);
      this.keyCount += count;
      this.cursor = cursor;
      const isEnd = isShardEnd(cursor);
      this.#left -= isEnd ? count : this.#asked;
      if (isEnd && this.#only >= 0) this.#end();
      const isFull = this.#left <= 0 || this.keys.bytes >= WALK_KEY_BYTES_MAX;
      if (cursor === 0 || isFull) this.#isOver = true;
      if (this.isOver || !isEnd) return;
    }
  }

  /** All that was asked for has been walked. */
  #end(): void {
    this.cursor = 0;
    this.#isOver = true;
  }
}

/** COUNT within its bound; it has been parsed before. */
function countIn(frame: ArgFrame, i: number): number {
  return Math.min(Number(argumentText(frame, i)), COUNT_MAX);
}

/** A copy of an argument, or why there is none. */
function bytesIn({ memory, ropes }: Shard, frame: ArgFrame, i: number): Uint8Array | ReplyError {
  const at = frame.at[i] ?? 0;
  const bytes = frame.bytes[i] ?? 0;
  if (!frame.isBig(i)) return memory.low.slice(at, at + bytes);
  if (bytes > FLAT_ARGUMENT_BYTES_MAX) return replyErrors.argumentTooLarge;
  const ref = memory.lowAllocator.alloc(bytes);
  if (ref === 0) return replyErrors.arenaFull;
  ropes.read(frame.ropeOf(i), 0, ref * 8, bytes);
  const copy = memory.low.slice(ref * 8, ref * 8 + bytes);
  memory.lowAllocator.free(ref);
  return copy;
}
