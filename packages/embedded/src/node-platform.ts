/**
 * The real world as the core asks for it: Node's clocks, chance from the operating system, and
 * turns of the event loop for background work. Neither timer nor turn keeps a process alive: an
 * engine that is open does not stop a program from ending, and one whose loop never runs still
 * expires keys on access.
 * Cost: nowMs about 30 ns; next32 an array read, and 4 KiB of chance once per 1,024 calls.
 */
import { randomFillSync } from 'node:crypto';
import type { Chance, Clock, Platform, Scheduler } from '@kora/core';

/** How often background work looks around when nothing asks for it. */
export const MAINTENANCE_TICK_MS = 100;
/** Words of chance drawn from the operating system at once. */
const CHANCE_WORDS = 1024;

/** Node's clocks. */
export const nodeClock: Clock = Object.freeze({
  nowMs: (): number => Date.now(),
  monotonicUs: (): number => performance.now() * 1000,
});

/** Chance that nobody can predict; the hash seeds of an engine come from it. */
export class CryptoChance implements Chance {
  readonly #words = new Int32Array(CHANCE_WORDS);
  #next = CHANCE_WORDS;

  next32(): number {
    if (this.#next === CHANCE_WORDS) {
      randomFillSync(this.#words);
      this.#next = 0;
    }
    return this.#words[this.#next++] ?? 0;
  }
}

/** Runs background work on a tick, and at once in the next turn when it is asked to. */
export class TurnScheduler implements Scheduler {
  #work: (() => boolean) | null = null;
  #tick: NodeJS.Timeout | null = null;
  #turn: NodeJS.Immediate | null = null;

  /** @param work does one bounded slice; true when more waits */
  start(work: () => boolean): void {
    this.#work = work;
    this.#tick = setInterval(() => {
      this.#run();
    }, MAINTENANCE_TICK_MS).unref();
  }

  requestTurn(): void {
    if (this.#turn !== null || this.#tick === null) return;
    this.#turn = setImmediate(() => {
      this.#turn = null;
      this.#run();
    }).unref();
  }

  /** Nothing is called afterwards. */
  stop(): void {
    if (this.#tick !== null) clearInterval(this.#tick);
    if (this.#turn !== null) clearImmediate(this.#turn);
    this.#tick = null;
    this.#turn = null;
    this.#work = null;
  }

  #run(): void {
    if (this.#work?.() === true) this.requestTurn();
  }
}

/** A platform of this process and the scheduler that its owner starts and stops. */
export interface NodePlatform extends Platform {
  readonly scheduler: TurnScheduler;
}

/** One per engine. */
export function nodePlatform(): NodePlatform {
  return { clock: nodeClock, chance: new CryptoChance(), scheduler: new TurnScheduler() };
}
