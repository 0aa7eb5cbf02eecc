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

/** As JournalListener, of effects that may lack what only a replay needs: parts of collections. */
export type KeyListener = (effect: Effect) => void;

/** Listeners one journal may have: log, feed, events, tracking, WATCH, live queries, tests. */
const LISTENER_COUNT_MAX = 16;

export class Journal {
  /** Sequence of the last change; the first change has 1. Exact below 2^53. */
  readonly #sequence = new Float64Array(1);
  #listeners: readonly JournalListener[] = [];
  #keyListeners: readonly KeyListener[] = [];
  /**
   * Is told which keys change, of effects that are not described in full; null while nobody asks.
   * WATCH is the one who does; others use `listenToKeys`.
   */
  keyListener: KeyListener | null = null;
  /** The same for those who wait for keys (waiting/ready-keys.ts). */
  readyListener: ((effect: Effect) => void) | null = null;
  /**
   * Sees every change first, described in full, and may fill the effect anew; a change for which it
   * says true is not announced. Null but while a command runs on keys that this shard only borrows
   * (transaction/foreign-keys.ts).
   */
  filter: ((effect: Effect) => boolean) | null = null;

  get sequence(): number {
    return this.#sequence[0] ?? 0;
  }

  /** True when someone listens to changes; without, none need be described in full. */
  get isHeard(): boolean {
    return this.#listeners.length !== 0 || this.filter !== null;
  }

  /** Announces the change that just happened. */
  commit(effect: Effect, timeMs: number): void {
    if (this.filter !== null && this.filter(effect)) return;
    const sequence = (this.#sequence[0] ?? 0) + 1;
    this.#sequence[0] = sequence;
    if (this.keyListener !== null) this.keyListener(effect);
    if (this.readyListener !== null) this.readyListener(effect);
    const keyListeners = this.#keyListeners;
    for (let i = 0; i < keyListeners.length; i++) keyListeners[i]?.(effect);
    const listeners = this.#listeners;
    for (let i = 0; i < listeners.length; i++) listeners[i]?.(effect, sequence, timeMs);
  }

  /** Goes on behind the last change that a log has; before anything was announced here. */
  continueAfter(sequence: number): void {
    assert(this.sequence === 0, 'a journal goes on before its first change');
    this.#sequence[0] = sequence;
  }

  /** Adds a listener; returns the function that removes it. */
  listen(listener: JournalListener): () => void {
    assert(this.#listeners.length < LISTENER_COUNT_MAX, 'journal listeners are bounded');
    this.#listeners = [...this.#listeners, listener];
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== listener);
    };
  }

  /**
   * Adds a listener who needs no more of an effect than its keys and events: while there are only
   * such, effects are not described in full. Returns the function that removes it.
   */
  listenToKeys(listener: KeyListener): () => void {
    assert(this.#keyListeners.length < LISTENER_COUNT_MAX, 'journal listeners are bounded');
    this.#keyListeners = [...this.#keyListeners, listener];
    return () => {
      this.#keyListeners = this.#keyListeners.filter((other) => other !== listener);
    };
  }
}
