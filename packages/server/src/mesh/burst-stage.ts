/**
 * Whole replies that wait for those before them: they lie in the stage's chunk one behind the
 * other, and each is noted at its place in the window (reply-window.hot.ts). A reply that does not
 * end in the chunk it began in becomes staged ranges, as one that comes in pieces.
 *   own commands of a burst     begin ─▶ start ─▶ the command writes ─▶ end ─▶ start ... finish
 *   replies in a ring           begin ─▶ add, one for each ─▶ copy
 * Invariant: the places of one run ascend; the last place of a chunk has the pin for all.
 * Owner: the origin's thread; nothing is allocated.
 */
import { assert } from '@kora/core';
import type { ReplyChunk } from '../reply-chunks.ts';
import type { ReplyTarget, RespSink } from '../resp-sink.ts';
import type { ReplyWindow } from './reply-window.hot.ts';
import { WINDOW_PLACES } from './reply-window.hot.ts';

export class BurstStage implements ReplyTarget {
  readonly sink: RespSink;
  #window: ReplyWindow | undefined;
  readonly #places = new Int32Array(WINDOW_PLACES);
  readonly #bytes = new Int32Array(WINDOW_PLACES);
  /** Replies whose bytes are not sent to `sendRange` yet. */
  #count = 0;
  /** Their bytes. */
  #wholeBytes = 0;
  /** The place that is written now. */
  #place = 0;
  /** A part of its reply is staged. */
  #isPartial = false;

  /** @param sink copies also long values */
  constructor(sink: RespSink) {
    this.sink = sink;
  }

  begin(window: ReplyWindow): void {
    this.#window = window;
    this.#count = 0;
    this.#wholeBytes = 0;
    this.#isPartial = false;
    this.sink.begin(this);
  }

  /** What is written next is the reply of this place, which is pending. */
  start(place: number): void {
    this.#place = place;
  }

  /** The reply is whole. */
  end(): void {
    const window = this.#window;
    assert(window !== undefined, 'a burst has a window');
    if (this.#isPartial) {
      this.sink.flush();
      this.#isPartial = false;
    } else {
      // A reply that is lost takes those before it along: their session has ended.
      const bytes = this.sink.pending - this.#wholeBytes;
      if (bytes > 0) this.add(this.#place, bytes);
    }
    window.complete(this.#place);
  }

  /** A whole reply of so many bytes follows those before it. */
  add(place: number, bytes: number): void {
    this.#places[this.#count] = place;
    this.#bytes[this.#count] = bytes;
    this.#count++;
    this.#wholeBytes += bytes;
  }

  /** All own commands have run. */
  finish(): void {
    this.sink.flush();
    this.#window = undefined;
  }

  /** The bytes of all replies that were added, at most a message. */
  copy(at: number, bytes: number): void {
    this.sink.piece(at, bytes);
    this.finish();
  }

  /** No command of a burst changes it. */
  get resp(): number {
    return this.#window?.session?.resp ?? 2;
  }

  sendRange(chunk: ReplyChunk, at: number, bytes: number): boolean {
    const window = this.#window;
    const count = this.#count;
    const wholeBytes = this.#wholeBytes;
    this.#count = 0;
    this.#wholeBytes = 0;
    if (window === undefined || window.session === null) return true;
    let from = at;
    for (let i = 0; i < count; i++) {
      const length = this.#bytes[i] ?? 0;
      window.keep(this.#places[i] ?? 0, from, length);
      from += length;
    }
    if (count > 0) {
      window.pin(this.#places[count - 1] ?? 0, chunk, wholeBytes);
      chunk.pins++;
    }
    if (wholeBytes === bytes) return false;
    this.#isPartial = true;
    if (window.stage(this.#place, chunk, from, bytes - wholeBytes)) chunk.pins++;
    return false;
  }

  lendRange(): void {
    assert(false, 'the stage copies long values');
  }

  loseOutput(reason: string): void {
    this.#window?.session?.loseOutput(reason);
  }
}
