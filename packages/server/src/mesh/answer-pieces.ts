/**
 * Answers of other shards that are on their way: their bytes come in pieces, by transaction and
 * shard, before the word that says that the answer is whole.
 */
import type { WorkerMemory } from '@kora/core';
import { assert } from '@kora/core';
import { ReplyBytes } from './reply-bytes.ts';

export class AnswerPieces {
  readonly #memory: WorkerMemory;
  readonly #workerCount: number;
  /** By handle and shard: what has come of an answer. */
  readonly #pieces: (ReplyBytes | null)[][] = [];

  constructor(memory: WorkerMemory, workerCount: number) {
    this.#memory = memory;
    this.#workerCount = workerCount;
  }

  /** Adds bytes of low memory, as ReplyBytes. */
  add(handle: number, shard: number, at: number, bytes: number, keepsAside: boolean): void {
    while (this.#pieces.length <= handle) {
      this.#pieces.push(new Array<ReplyBytes | null>(this.#workerCount).fill(null));
    }
    const pieces = this.#pieces[handle];
    assert(pieces !== undefined, 'a handle has its answers');
    const reply = pieces[shard] ?? new ReplyBytes(this.#memory);
    pieces[shard] = reply;
    reply.add(at, bytes, keepsAside);
  }

  /** The answer is whole; null where it has no bytes. The caller frees it. */
  take(handle: number, shard: number): ReplyBytes | null {
    const pieces = this.#pieces[handle];
    const reply = pieces?.[shard] ?? null;
    if (pieces !== undefined) pieces[shard] = null;
    return reply;
  }
}
