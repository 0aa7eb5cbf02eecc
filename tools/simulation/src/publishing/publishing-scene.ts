/**
 * The scene of publishing: clients subscribe to channels, patterns and shard channels and leave
 * them again, vanish, and are published to from everywhere, alone, in pipelines and in EXEC; keys
 * tell of their changes. Every stream is checked as it comes (pub-client.ts); at the end, what is
 * said of subscriptions, every count and the order of each channel (deliveries.ts).
 */
import type { MemoryPool } from '@kora/core';
import type { RandomSource } from '@kora/core/testing';
import type { Control } from '../control.ts';
import { Visits } from '../control.ts';
import { arenaBytes, checkAccounts, checkNothingIsLeft } from '../end-checks.ts';
import type { Plan } from '../plan.ts';
import { planOf } from '../plan.ts';
import type { Reply } from '../reply.ts';
import { listOf } from '../reply.ts';
import type { Place, Scene, Stage } from '../scene.ts';
import type { World } from '../world.ts';
import { Broken } from '../world.ts';
import { Deliveries } from './deliveries.ts';
import { PubClient } from './pub-client.ts';
import type { Publication } from './topics.ts';
import { CHANNELS, EVENTS, Kind } from './topics.ts';

/** Times that everything comes to rest, and is looked at. */
const ROUNDS = 3;

/** The plan of a seed of this scene. */
export function publishPlanOf(seed: number, random: RandomSource): Plan {
  const plan = planOf(seed, random);
  return {
    ...plan, clientCount: 4 + random.below(9), eventCount: 600, operationsMax: 400,
    clockChance: 0, maxmemory: 0,
  };
}

export class PublishingScene implements Scene {
  now = 0;
  readonly tries = 0;
  readonly #stage: Stage;
  readonly #publications = new Map<string, Publication>();
  readonly #clients: PubClient[] = [];
  readonly #visits = new Visits();

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  get isOver(): boolean {
    return this.#publications.size > this.#stage.plan.operationsMax;
  }

  get operationCount(): number {
    return this.#publications.size;
  }

  attach(): void {
    return;
  }

  onClock(): void {
    return;
  }

  createClient(name: string, place: Place): PubClient {
    const { random, plan, trace } = this.#stage;
    const client = new PubClient(name, place, {
      random, plan, trace, publications: this.#publications,
      tick: () => {
        this.now++;
        return this.now;
      },
    }, this.#visits.isOn);
    if (!this.#visits.isOn) this.#clients.push(client);
    return client;
  }

  // ------------------------------------------------------------------ the play

  play(world: World, _pool: MemoryPool): void {
    const before = arenaBytes(world);
    this.#visits.ask(world, (ask) => ask(['CONFIG', 'SET', 'notify-keyspace-events', 'E$']));
    for (let i = 0; i < world.plan.clientCount; i++) world.connect();
    for (let round = 0; round < ROUNDS; round++) {
      world.begin();
      for (let i = 0; i < world.plan.eventCount; i++) world.event();
      world.rest();
      this.#visits.ask(world, (ask) => {
        this.#checkFigures(ask);
      });
    }
    world.calm();
    const wrong = new Deliveries(this.#publications.values(), this.#clients).verdict();
    if (wrong !== null) throw new Broken(wrong);
    this.#visits.ask(world, (ask) => ask(['FLUSHALL']));
    for (const client of world.clients) world.vanish(client);
    world.rest();
    checkNothingIsLeft(world);
    this.#checkNobodyIsKept(world);
    checkAccounts(world, before);
  }

  /** At rest: what is told of subscriptions is what clients know of them. */
  #checkFigures(ask: Control): void {
    const having = (kind: number, name?: string): string[] =>
      this.#clients.filter(({ isGone }) => !isGone).flatMap(({ subscriptions }) =>
        subscriptions.filter((one) => one.kind === kind && one.endedAt === Infinity &&
          (name === undefined || one.name === name)).map((one) => one.name));
    for (const [kind, word] of [[Kind.Channel, ''], [Kind.Sharded, 'SHARD']] as const) {
      const names = [...CHANNELS, ...(kind === Kind.Channel ? [EVENTS] : [])];
      const wanted = names.flatMap((name) => [`$${name}`, `:${having(kind, name).length}`]);
      expectSame(`PUBSUB ${word}NUMSUB`, ask(['PUBSUB', `${word}NUMSUB`, ...names]), wanted);
      const listed = listOf(ask(['PUBSUB', `${word}CHANNELS`])).map(String).sort();
      const channels = [...new Set(having(kind))].map((name) => `$${name}`).sort();
      expectSame(`PUBSUB ${word}CHANNELS`, listed, channels);
    }
    const patterns = new Set(having(Kind.Pattern)).size;
    expectSame('PUBSUB NUMPAT', ask(['PUBSUB', 'NUMPAT']), `:${patterns}`);
  }

  #checkNobodyIsKept({ mesh }: World): void {
    for (const [index, { worker: { waits, pubSub } }] of mesh.rigs.entries()) {
      const { across, exchange } = pubSub;
      const kept = [Kind.Channel, Kind.Pattern, Kind.Sharded].reduce((sum, kind) =>
        sum + exchange.count(kind) + (across?.remote.count(kind) ?? 0), waits.count);
      if (kept !== 0) throw new Broken(`worker ${index} keeps ${kept} subscriptions`);
    }
  }
}

function expectSame(what: string, found: Reply, wanted: Reply): void {
  const [one, other] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (one !== other) throw new Broken(`${what} answers ${one}, and clients know of ${other}`);
}
