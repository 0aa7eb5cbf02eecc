/**
 * How the owner of a shared index waits for its threads: it looks, asks them for news, looks again,
 * and sleeps until some come. A thread that dies ends all waiting with the failure.
 */
import type { VectorError } from '../vector-error.ts';
import type { ThreadPool } from './thread-pool.ts';

export class OwnerNews {
  /** Why nothing will come any more. */
  failure: VectorError | undefined;
  private readonly pool: ThreadPool;
  private waiters: (() => void)[] = [];

  constructor(pool: ThreadPool) { this.pool = pool; }

  /**
   * Resolves when `isSo`. Threads send news once less than `backlog` work is left, and each when it
   * meets a closed gate. @throws VectorError THREAD
   */
  async until(isSo: () => boolean, backlog: number): Promise<void> {
    this.pool.hold(1);
    try {
      for (;;) {
        if (this.failure !== undefined) throw this.failure;
        if (isSo()) return;
        this.pool.board.askForNews(backlog);
        // Looked at again: what was waited for may have come before the asking.
        if (isSo()) return;
        await new Promise<void>((resolve) => { this.waiters.push(resolve); });
      }
    } finally {
      this.pool.hold(-1);
    }
  }

  /** Some have come. */
  tell(): void {
    const { waiters } = this;
    this.waiters = [];
    for (const look of waiters) look();
  }

  fail(error: VectorError): void {
    this.failure = error;
    this.tell();
  }
}
