/**
 * The one stream of changes of a shard: gap-free sequence numbers in commit order. Everything that
 * must know of a change (log, change feed, keyspace events, WATCH, client tracking) listens here; a
 * change that does not pass `commit` is a bug by definition. Without listeners a commit advances
 * the sequence and no more.
 * Listeners are synchronous and cheap and must not change data.
 */
import { assert } from '../assert.ts';
import type { Effect } from './effect.ts';

/** Called for each change, in commit order. `effect` is only valid during the call. */
export type JournalListener = (effect: Effect, sequence: number, timeMs: number) => void;

/** Listeners one journal may have: log, feed, events, tracking, WATCH, live queries, tests. */
const LISTENER_COUNT_MAX = 16;

export class Journal {
  /** Sequence of the last change; the first change has 1. Exact below 2^53. */
  readonly #sequence = new Float64Array(1);
  #listeners: readonly JournalListener[] = [];

  get sequence(): number {
    return this.#sequence[0] ?? 0;
  }

  /** True when someone listens; without, a change need not be described in full. */
  get isHeard(): boolean {
    return this.#listeners.length !== 0;
  }

  /** Announces the change that just happened. */
  commit(effect: Effect, timeMs: number): void {
    const sequence = (this.#sequence[0] ?? 0) + 1;
    this.#sequence[0] = sequence;
    const listeners = this.#listeners;
    for (let i = 0; i < listeners.length; i++) listeners[i]?.(effect, sequence, timeMs);
  }

  /** Adds a listener; returns the function that removes it. */
  listen(listener: JournalListener): () => void {
    assert(this.#listeners.length < LISTENER_COUNT_MAX, 'journal listeners are bounded');
    this.#listeners = [...this.#listeners, listener];
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== listener);
    };
  }
}
