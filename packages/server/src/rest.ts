/**
 * How long a worker that has nothing to do sleeps. Ticks come every TICK_MS; a worker that did
 * nothing between two of them asks what falls due next and lets its engine wake it no earlier, so
 * that a process of many idle workers and connections hardly wakes at all.
 *
 *   awake -- a tick's turn that nothing came before, nothing due within TICK_MS --> resting
 *   resting -- a tick's turn: what is due next is asked again --> resting or awake
 *   resting -- any other turn --> awake: the next tick comes within TICK_MS of it
 *
 * Invariant: whatever gives a tick something to do earlier than was said comes in a turn of this
 *   worker (a command, a message of another worker, a connection), and that turn ends the rest.
 * Bound: REST_MS_MAX, for what is looked at without being asked for: idle connections, and a
 *   thread that is to end and whose wake-up got lost.
 * Cost: nothing but two flags a turn while there is work; an idle tick takes 0.2 ms, nearly all of
 *   it caches that others have used since (8 workers, 2026-11-20).
 */
import { TICK_MS } from './io/engine.ts';
import type { Worker } from './worker.ts';

/** A worker that has nothing to do ticks this often. */
export const REST_MS_MAX = 1000;

export class Rest {
  readonly #worker: Worker;
  /** The turn under way has a tick. */
  #isTick = false;
  /** There was a turn without a tick since the last tick. */
  #hasWorked = true;
  /** The next tick is further away than TICK_MS. */
  isResting = false;

  constructor(worker: Worker) {
    this.#worker = worker;
  }

  /** The turn under way has a tick. */
  onTick(): void {
    this.#isTick = true;
  }

  /** The end of a turn, when everything else is done. */
  onTurnEnd(): void {
    if (this.#isTick) this.#afterTick();
    else this.#hasWorked = true;
    if (!this.#hasWorked || !this.isResting) return;
    this.isResting = false;
    this.#worker.engine.tickAfter?.(TICK_MS);
  }

  #afterTick(): void {
    this.#isTick = false;
    // The engine has gone back to its usual ticks.
    this.isResting = false;
    const restMs = this.#hasWorked ? 0 : this.#worker.restMs(REST_MS_MAX);
    this.#hasWorked = false;
    if (restMs <= TICK_MS) return;
    this.isResting = true;
    this.#worker.engine.tickAfter?.(restMs);
  }
}
