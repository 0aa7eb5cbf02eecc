/**
 * One seed: clients ask production workers for commands while a scheduler, drawn from the seed,
 * decides what happens next; then everything comes to rest, the keys are read, and the checkers
 * say whether all that was promised was kept.
 * The same seed gives the same run, everywhere and always.
 */
import { MemoryPool } from '@kora/core';
import type { RandomSource } from '@kora/core/testing';
import { randomSource } from '@kora/core/testing';
import { KeyScene } from './key-scene.ts';
import type { Plan } from './plan.ts';
import { planOf } from './plan.ts';
import { observed } from './preemption.ts';
import type { Scene, Stage } from './scene.ts';
import type { Faults } from './world.ts';
import { Broken, World } from './world.ts';

/** What became of a seed. */
export interface Outcome {
  readonly seed: number;
  readonly plan: Plan;
  /** What was broken, null when nothing was. */
  readonly failure: string | null;
  /** Events in order, when they were asked for. */
  readonly trace: readonly string[];
  readonly turnCount: number;
  readonly preemptionCount: number;
  readonly operationCount: number;
  /** Operations that were tried to find an order. */
  readonly tries: number;
}

/** How seeds are run. */
export interface SimulationOptions {
  readonly isTraced?: boolean;
  /** A broken variant of the product. */
  readonly faults?: () => Faults;
  /** How a seed is shaped; default: planOf. */
  readonly plan?: (seed: number, random: RandomSource) => Plan;
  /** What a plan is changed to before it is run. */
  readonly adapt?: (plan: Plan) => Plan;
  /** What is played; default: the scene of keys. */
  readonly scene?: (stage: Stage) => Scene;
  /** How long an order is searched for where there may be none. */
  readonly triesPerOperation?: number;
}

/** Tries per operation that a search for an order may take: usually it takes one or less. */
const TRIES_PER_OPERATION = 400;
const MEMORIES_MAX = 16;

export class Simulation {
  readonly #options: SimulationOptions;
  readonly #pool = new MemoryPool(MEMORIES_MAX, Infinity);

  constructor(options: SimulationOptions = {}) {
    this.#options = options;
  }

  run(seed: number): Outcome {
    const random = randomSource(seed);
    const drawn = (this.#options.plan ?? planOf)(seed, random);
    const plan = this.#options.adapt?.(drawn) ?? drawn;
    const { triesPerOperation = TRIES_PER_OPERATION, isTraced = false } = this.#options;
    const scene = this.#options.scene ?? ((stage) => new KeyScene(stage, triesPerOperation));
    const world = new World(
      plan, random, this.#pool, this.#options.faults?.() ?? {}, isTraced, scene,
    );
    let failure: string | null = null;
    try {
      observed(world, () => {
        world.scene.play(world, this.#pool);
      });
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      failure = error instanceof Broken ? error.message : error.stack ?? error.message;
    }
    // A memory that a broken run may still have blocks in is zeroed like any other.
    for (const { composed } of world.mesh.rigs) this.#pool.give(composed.memory);
    return {
      seed, plan, failure, trace: world.lines, turnCount: world.turnCount,
      preemptionCount: world.preemptionCount, operationCount: world.scene.operationCount,
      tries: failure === null ? world.scene.tries : 0,
    };
  }
}
