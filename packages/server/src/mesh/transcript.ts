/**
 * The reply of a transaction that runs in steps, as it grows from round to round: encoded bytes in
 * low memory, which leave when all has run. In the version of RESP that the connection speaks when
 * a command is answered. Short of memory it is lost, and the connection ends with it.
 */
import type { WorkerMemory } from '@kora/core';
import { assert } from '@kora/core';
import type { ReplyChunk } from '../reply-chunks.ts';
import type { ReplyTarget } from '../resp-sink.ts';
import type { Session } from '../session.ts';
import { ReplyBytes } from './reply-bytes.ts';
import type { ReplyWindow } from './reply-window.hot.ts';

export class Transcript implements ReplyTarget {
  readonly bytes: ReplyBytes;
  readonly #window: ReplyWindow;

  constructor(memory: WorkerMemory, window: ReplyWindow) {
    this.bytes = new ReplyBytes(memory);
    this.#window = window;
  }

  /** Who waits for it, null when nobody does any more. */
  get session(): Session | null {
    return this.#window.session;
  }

  get resp(): number {
    return this.session?.resp ?? 2;
  }

  sendRange(_chunk: ReplyChunk, at: number, bytes: number): boolean {
    this.bytes.add(at, bytes);
    return true;
  }

  lendRange(): void {
    assert(false, 'a transcript has copies');
  }

  loseOutput(): void {
    this.bytes.isLost = true;
  }
}
