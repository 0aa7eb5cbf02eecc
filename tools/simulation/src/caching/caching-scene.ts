/**
 * The scene of caching: clients that track what they read, in all modes, and keep it until they are
 * told that it is invalid, while all write to the same few keys. What a client keeps when it has
 * asked and is answered is as new as what writers knew when it asked: invalidations come before
 * whatever tells of the newer value. At rest every cache is as the data is, also of those that have
 * their invalidations sent to others.
 * Commands are not interrupted in the middle, where a change is told: what they have parsed lies in
 * variables of their module. The rings are as large as in production, within which that holds
 * (docs/differences.md).
 */
import type { MemoryPool } from '@kora/core';
import type { RandomSource } from '@kora/core/testing';
import type { WorkerRig } from '@kora/server/testing';
import { Visits } from '../control.ts';
import { arenaBytes, checkAccounts, checkNothingIsLeft } from '../end-checks.ts';
import type { Plan } from '../plan.ts';
import { planOf } from '../plan.ts';
import type { Place, Scene, Stage } from '../scene.ts';
import type { World } from '../world.ts';
import { Broken } from '../world.ts';
import { CacheBook } from './cache-book.ts';
import { CacheClient, MODES } from './cache-client.ts';

/** Times that everything comes to rest, and is looked at. */
const ROUNDS = 3;
const RING_BYTES = 65_536;

/** The plan of a seed of this scene. */
export function cachePlanOf(seed: number, random: RandomSource): Plan {
  const plan = planOf(seed, random);
  return {
    ...plan, clientCount: 3 + random.below(7), eventCount: 700, operationsMax: 600,
    ringBytes: RING_BYTES, pipelineMax: [1, 2, 4, 8][random.below(4)] ?? 1,
    keyCount: 1 + random.below(3), clockChance: 0, maxmemory: 0,
    weights: { ...plan.weights, flush: random.chance(0.3) ? 0.3 : 0 },
  };
}

export class CachingScene implements Scene {
  now = 0;
  readonly tries = 0;
  readonly #stage: Stage;
  readonly #book: CacheBook;
  readonly #clients: CacheClient[] = [];
  readonly #visits = new Visits();

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#book = new CacheBook(stage.random, stage.plan.keyCount);
  }

  get isOver(): boolean {
    return this.#book.writes > this.#stage.plan.operationsMax;
  }

  /** Values that were found fresh. */
  get operationCount(): number {
    return this.#clients.reduce((sum, { checks }) => sum + checks, 0);
  }

  attach(_worker: number, { worker: { executor } }: WorkerRig): void {
    const run = executor.run.bind(executor);
    executor.run = (command, frame, out) =>
      this.#stage.steadily(() => run(command, frame, out));
    const runAdmitted = executor.runAdmitted.bind(executor);
    executor.runAdmitted = (command, frame, out) => {
      this.#stage.steadily(() => {
        runAdmitted(command, frame, out);
      });
    };
  }

  onClock(): void {
    return;
  }

  createClient(name: string, place: Place): CacheClient {
    const { random, plan, trace, mesh } = this.#stage;
    const session = mesh.rigs[place.worker]?.worker.sessions.atSlot(place.slot);
    const mode = this.#visits.isOn ? null : MODES[random.below(MODES.length)] ?? null;
    const others = this.#clients.filter(({ isGone, ear }) => !isGone && ear === null);
    const ear = mode !== null && random.chance(0.25)
      ? others[random.below(others.length)] ?? null : null;
    const client = new CacheClient(name, place, session?.id ?? 0, {
      random, plan, trace, book: this.#book,
      tick: () => {
        this.now++;
        return this.now;
      },
    }, { mode, ear });
    if (!this.#visits.isOn) this.#clients.push(client);
    return client;
  }

  // ------------------------------------------------------------------ the play

  play(world: World, _pool: MemoryPool): void {
    const before = arenaBytes(world);
    for (let i = 0; i < world.plan.clientCount; i++) world.connect();
    for (let round = 0; round < ROUNDS; round++) {
      world.begin();
      for (let i = 0; i < world.plan.eventCount; i++) world.event();
      world.rest();
      this.#book.settle();
      this.#checkCaches(world);
    }
    world.calm();
    this.#visits.ask(world, (ask) => ask(['FLUSHALL']));
    for (const client of world.clients) world.vanish(client);
    world.rest();
    checkNothingIsLeft(world);
    this.#checkNobodyIsKept(world);
    checkAccounts(world, before);
  }

  /** At rest: what is kept is what is there. */
  #checkCaches(world: World): void {
    this.#visits.ask(world, (ask) => {
      for (const { name, cache, mode, ear, isGone, isKeptFresh } of this.#clients) {
        if (isGone || !isKeptFresh) continue;
        for (const [key, kept] of cache) {
          const found = ask(['GET', key]);
          if (found === (kept === null ? null : `$${kept}`)) continue;
          const how = `tracking ${mode?.join(' ') ?? ''} by ${ear?.name ?? 'itself'}`;
          throw new Broken(
            `at rest ${name}, ${how}, keeps ${key} = ${kept ?? 'nothing'}, ` +
            `and it is ${JSON.stringify(found)}`,
          );
        }
      }
    });
  }

  #checkNobodyIsKept({ mesh }: World): void {
    for (const [index, { worker: { tracking } }] of mesh.rigs.entries()) {
      const kept = tracking.clientCount + tracking.prefixCount;
      if (kept !== 0) throw new Broken(`worker ${index} keeps ${kept} clients that track`);
    }
  }
}
