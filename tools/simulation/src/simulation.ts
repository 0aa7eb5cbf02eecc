/**
 * One seed: clients ask production workers for commands while a scheduler, drawn from the seed,
 * decides what happens next; then everything comes to rest, the keys are read, and the checkers
 * say whether all that was promised was kept.
 * The same seed gives the same run, everywhere and always.
 */
import { MemoryPool } from '@kora/core';
import type { RandomSource } from '@kora/core/testing';
import { JournalRecorder, randomSource } from '@kora/core/testing';
import { arenaBytes, checkAccounts, checkNothingIsLeft, checkReplay } from './end-checks.ts';
import { Linearization } from './linearization.ts';
import type { Plan } from './plan.ts';
import { planOf } from './plan.ts';
import { observed } from './preemption.ts';
import { PINNED_KEYS } from './sim-client.ts';
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
  /** What a plan is changed to before it is run. */
  readonly adapt?: (plan: Plan) => Plan;
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
    const drawn = planOf(seed, random);
    const plan = this.#options.adapt?.(drawn) ?? drawn;
    const world = new World(
      plan, random, this.#pool, this.#options.faults?.() ?? {}, this.#options.isTraced === true,
    );
    let failure: string | null = null;
    let tries = 0;
    try {
      tries = observed(world, () => this.#play(world, random));
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      failure = error instanceof Broken ? error.message : error.stack ?? error.message;
    }
    // A memory that a broken run may still have blocks in is zeroed like any other.
    for (const { composed } of world.mesh.rigs) this.#pool.give(composed.memory);
    return {
      seed, plan, failure, trace: world.lines, turnCount: world.turnCount,
      preemptionCount: world.preemptionCount, operationCount: world.history.operations.length,
      tries,
    };
  }

  #play(world: World, random: RandomSource): number {
    const { plan } = world;
    const { triesPerOperation = TRIES_PER_OPERATION } = this.#options;
    const before = arenaBytes(world);
    const startMs = world.mesh.clock.nowMs();
    const shards = world.mesh.rigs.map(({ worker }) => worker.shard);
    const recorders = shards.map((shard) => new JournalRecorder(shard));
    this.#pin(world);
    for (let i = 0; i < plan.clientCount; i++) world.connect();
    for (let i = 0; i < plan.eventCount; i++) world.event();
    world.rest();
    world.calm();
    checkNothingIsLeft(world);
    const reader = world.connect(random.below(plan.workerCount));
    this.#readAll(world, (words) => {
      reader.askOne(words);
      world.rest();
    });
    const verdict = new Linearization(world.history, {
      startMs, mayLackMemory: plan.maxmemory > 0,
      triesMax: world.history.operations.length * triesPerOperation,
    }).run();
    if (!verdict.isExplained) throw new Broken(verdict.story);
    checkReplay(world, recorders, this.#pool);
    for (const recorder of recorders) recorder.close();
    this.#leave(world);
    checkNothingIsLeft(world);
    checkAccounts(world, before);
    return verdict.tries;
  }

  /** Keys that a SCAN has to find, on every shard. */
  #pin(world: World): void {
    const client = world.connect(0);
    client.askOne(['MSET', ...PINNED_KEYS.flatMap((key) => [key, 'pinned'])]);
    world.rest();
    world.vanish(client);
    world.begin();
  }

  #readAll(world: World, ask: (words: readonly string[]) => void): void {
    const { strings, lists, sets } = world.workload.keys();
    ask(['MGET', ...strings]);
    for (const key of lists) ask(['LRANGE', key, '0', '-1']);
    for (const key of sets) ask(['SMEMBERS', key]);
    for (const key of [...strings, ...lists, ...sets]) ask(['PEXPIRETIME', key]);
  }

  /** Everything is removed and everybody goes. */
  #leave(world: World): void {
    const last = world.connect(0);
    last.askOne(['FLUSHALL']);
    world.rest();
    for (const client of world.clients) world.vanish(client);
    world.rest();
  }
}
