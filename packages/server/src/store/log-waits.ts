/**
 * Clients that wait until what was in the logs when they asked is durable (WAITAOF). Looked at
 * whenever a log has come further.
 * Cost: O(those that wait) a turn in which there are some.
 */
import type { ReplySink } from '@kora/core';
import type { LogPlace, LogWords } from '@kora/storage/engine';
import type { Session } from '../session.ts';
import type { Waited } from '../waits.ts';

interface LogWait extends Waited {
  readonly session: Session;
  readonly places: readonly LogPlace[];
  /** Replicas that are waited for as well: none come. */
  readonly replicas: number;
}

export class LogWaits {
  readonly #words: LogWords;
  readonly #me: number;
  readonly #waiting = new Set<LogWait>();

  constructor(words: LogWords, me: number) {
    this.#words = words;
    this.#me = me;
  }

  /** True when all that the logs have now is durable. */
  get isDurable(): boolean {
    return this.#words.hasCome(this.#words.places(), this.#me);
  }

  /** The session waits for all that the logs have now, and for replicas. */
  begin(session: Session, replicas: number, untilMs: number): void {
    const places = this.#words.places();
    const wait: LogWait = {
      session, places, replicas,
      cancel: () => this.#waiting.delete(wait),
      writeNothing: (sink) => { writeCounts(sink, this.#words.hasCome(places, this.#me)); },
    };
    this.#waiting.add(wait);
    session.worker.waits.begin(session, wait, untilMs);
  }

  /** Answers those whose places have come. */
  look(): void {
    for (const wait of this.#waiting) {
      if (wait.replicas > 0 || !this.#words.hasCome(wait.places, this.#me)) continue;
      this.#waiting.delete(wait);
      const { session } = wait;
      session.worker.waits.answer(session, (sink) => { writeCounts(sink, true); });
    }
  }
}

/** The reply of WAITAOF. */
export function writeCounts(sink: ReplySink, isDurable: boolean): void {
  sink.array(2);
  sink.integer(isDurable ? 1 : 0);
  sink.integer(0);
}
