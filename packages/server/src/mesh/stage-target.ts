/**
 * Where replies go that are ready before their turn: each range of their chunk is pinned and noted
 * in the window of its connection, from which it leaves in order (reply-window.hot.ts).
 */
import { assert } from '@kora/core';
import type { ReplyChunk } from '../reply-chunks.ts';
import type { ReplyTarget } from '../resp-sink.ts';
import type { ReplyWindow } from './reply-window.hot.ts';

export class StageTarget implements ReplyTarget {
  #window: ReplyWindow | undefined;
  #place = 0;

  begin(window: ReplyWindow, place: number): void {
    this.#window = window;
    this.#place = place;
  }

  /** HELLO may change it in the middle of what is written. */
  get resp(): number {
    return this.#window?.session?.resp ?? 2;
  }

  sendRange(chunk: ReplyChunk, at: number, bytes: number): boolean {
    const window = this.#window;
    if (window === undefined || window.session === null) return true;
    if (window.stage(this.#place, chunk, at, bytes)) chunk.pins++;
    return false;
  }

  lendRange(): void {
    assert(false, 'the stage copies long values');
  }

  loseOutput(reason: string): void {
    this.#window?.session?.loseOutput(reason);
  }
}
