/**
 * Clients that wait for a snapshot of all that had changed when they asked: SAVE, and SHUTDOWN when
 * it is to save first. Looked at whenever a snapshot has ended.
 */
import type { ReplySink } from '@kora/core';
import { SnapshotWish } from '@kora/storage/engine';
import type { SnapshotWords } from '@kora/storage/engine';
import type { Session } from '../session.ts';
import type { Waited } from '../waits.ts';

interface SaveWait extends Waited {
  readonly wish: SnapshotWish;
  readonly session: Session;
  /** Says what it has come to; the session waits still. */
  end(isSaved: boolean): void;
}

export class SaveWaits {
  readonly #words: SnapshotWords;
  readonly #waiting = new Set<SaveWait>();

  constructor(words: SnapshotWords) {
    this.#words = words;
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  /**
   * The session waits for a snapshot.
   * @param end called when it counts, or has failed: to answer the session
   */
  begin(session: Session, end: (isSaved: boolean) => void): void {
    const wait: SaveWait = {
      session, end,
      wish: new SnapshotWish(this.#words),
      cancel: () => this.#waiting.delete(wait),
      // It has no deadline, and CLIENT UNBLOCK makes of it what Redis makes of a WAIT.
      writeNothing: (sink: ReplySink) => { sink.integer(0); },
    };
    this.#waiting.add(wait);
    session.worker.waits.begin(session, wait, Infinity);
  }

  /** Answers those whose snapshot has ended. */
  look(): void {
    for (const wait of this.#waiting) {
      const state = wait.wish.look();
      if (state === 'waiting') continue;
      this.#waiting.delete(wait);
      wait.end(state === 'done');
    }
  }
}
