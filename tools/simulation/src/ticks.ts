/**
 * When the workers of a world tick: every TICK_MS, or later where a worker that has nothing to do
 * has asked for that (`IoEngine.tickAfter`), or by chance. A tick that is due comes with the next
 * turn of its worker.
 */
import type { MeshRig } from '@kora/server/testing';
import { TICK_MS } from '@kora/server/testing';

export class Ticks {
  readonly #nowMs: () => number;
  readonly #atMs: number[];
  readonly #isDue: boolean[];

  constructor({ clock, rigs }: MeshRig) {
    this.#nowMs = () => clock.nowMs();
    this.#atMs = rigs.map(() => clock.nowMs() + TICK_MS);
    this.#isDue = rigs.map(() => false);
    for (const [index, { engine }] of rigs.entries()) {
      engine.tickAfter = (ms) => {
        this.#atMs[index] = clock.nowMs() + ms;
      };
    }
  }

  /** When the first worker ticks. */
  get nextMs(): number {
    return Math.min(...this.#atMs);
  }

  isDue(worker: number): boolean {
    return this.#isDue[worker] === true;
  }

  setDue(worker: number): void {
    this.#isDue[worker] = true;
  }

  /** The clock has moved: some may be due. */
  onClock(nowMs: number): void {
    for (const [worker, atMs] of this.#atMs.entries()) {
      if (atMs <= nowMs) this.#isDue[worker] = true;
    }
  }

  /** True when the worker ticks in the turn that it has now: the next one comes later. */
  take(worker: number): boolean {
    if (this.#isDue[worker] !== true) return false;
    this.#isDue[worker] = false;
    this.#atMs[worker] = this.#nowMs() + TICK_MS;
    return true;
  }
}
