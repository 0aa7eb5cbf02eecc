/**
 * The indexes of a shard with threads that build and search them (@kora/vector/threads): for a
 * host whose thread must not be held up. The threads are started with the first index that has all
 * its elements. When one dies that is told once, and from then on indexes are made and searched in
 * place, as without threads: the elements of a set are its data, and they are the shard's.
 */
import type {
  NearestIndex, NearestIndexOptions, RestoringIndex, ThreadedIndex, VectorEngine, VectorFilter,
} from '@kora/core';
import { SlotThreads, ThreadedSlotIndex } from '@kora/vector/threads';
import { vectorEngine } from './vector-engine.ts';

/** What follows when one has died. */
const CONSEQUENCE = 'vector sets are indexed and searched by their shard from now on';

/** Who has vector threads. */
export interface VectorThreadsHost {
  /** How many, 1 to 16. */
  readonly threads: number;
  /** An eventfd, the caller's to close, that ends the wait of the shard's thread; -1: none. */
  shareWake(): number;
  /** The shard is to take a turn. */
  requestTurn(): void;
  /** What has happened, for the log. */
  onFailure(message: string): void;
}

export class VectorThreads implements VectorEngine {
  readonly #threads: SlotThreads;
  #hasFailed = false;
  /** It has, and nobody was told yet. */
  #isNews = false;

  constructor(host: VectorThreadsHost) {
    this.#threads = new SlotThreads({
      threads: host.threads,
      shareWake: () => host.shareWake(),
      onNews: () => { host.requestTurn(); },
      onFailure: ({ message }) => {
        this.#hasFailed = true;
        this.#isNews = true;
        host.onFailure(`${message}; ${CONSEQUENCE}`);
      },
    });
  }

  createIndex(options: NearestIndexOptions): NearestIndex | ThreadedIndex | null {
    return this.#hasFailed ? vectorEngine.createIndex(options)
      : ThreadedSlotIndex.create(options, this.#threads);
  }

  restoreIndex(options: NearestIndexOptions, head: Uint8Array): RestoringIndex | null {
    return this.#hasFailed ? vectorEngine.restoreIndex?.(options, head) ?? null
      : ThreadedSlotIndex.restoring(options, head, this.#threads);
  }

  parseFilter(filter: Uint8Array): VectorFilter | string {
    return vectorEngine.parseFilter(filter);
  }

  look(): boolean {
    this.#threads.look();
    const isNews = this.#isNews;
    this.#isNews = false;
    return isNews;
  }

  /** Ends the threads. */
  close(): void {
    this.#threads.end();
  }

  /** @internal Terminates a thread, as a fault would. */
  terminate(thread: number): Promise<void> {
    return this.#threads.terminate(thread);
  }
}
