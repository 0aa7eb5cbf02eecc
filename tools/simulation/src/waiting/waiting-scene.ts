/**
 * The scene of waiting: clients that block, that fill keys in all ways, that vanish, and that end
 * the waits of others. What has to hold:
 *   who waits longest for a key is served first (looked at when a client hears what it was served)
 *   at rest nobody waits for a key that has something for it: no wake-up is lost
 *   every element is in one place: in the data, or told to one client; gone are only those that
 *     were taken for clients whose connections ended after that
 *   no wait ends before its time unless somebody ended it, none goes on longer than a tick after
 * and at the end nothing is kept for anybody, and journals replayed give the data.
 */
import type { MemoryPool } from '@kora/core';
import { JournalRecorder } from '@kora/core/testing';
import type { WorkerRig } from '@kora/server/testing';
import { TICK_MS } from '@kora/server/testing';
import type { Control } from '../control.ts';
import { controlOf, Visits } from '../control.ts';
import { arenaBytes, checkAccounts, checkNothingIsLeft, checkReplay } from '../end-checks.ts';
import type { Actor, Place, Scene, Stage } from '../scene.ts';
import type { TalkingClient } from '../talking-client.ts';
import type { World } from '../world.ts';
import { Broken } from '../world.ts';
import { elementsIn, Ledger } from './ledger.ts';
import { WaitClient } from './wait-client.ts';
import { WaitObserver } from './wait-observer.ts';
import { COPIED, WaitWorkload } from './wait-workload.ts';
import { WakeUps } from './wake-ups.ts';

/** A pause is at most so many times as long as a step of the clock. */
const PAUSE_STEPS_MAX = 2;
/** So many may follow each other when nobody asks any more. */
const PAUSES_MAX = 40;
/** Times that everything comes to rest, and is looked at. */
const ROUNDS = 3;
const DATABASES = ['1', '0'];

/** Who looks at the data, and how. */
interface Controller {
  readonly client: TalkingClient;
  readonly ask: Control;
}

export class WaitingScene implements Scene {
  now = 0;
  readonly tries = 0;
  readonly observer: WaitObserver;
  readonly #stage: Stage;
  readonly #workload: WaitWorkload;
  readonly #ledger = new Ledger();
  readonly #clients: WaitClient[] = [];
  readonly #wakeUps: WakeUps;
  readonly #visits = new Visits();

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#workload = new WaitWorkload(stage.random, stage.plan);
    this.#wakeUps = new WakeUps(this.#workload);
    this.observer = new WaitObserver(stage, () => this.#tick());
  }

  get isOver(): boolean {
    return this.#clients.length > this.#stage.plan.operationsMax;
  }

  get operationCount(): number {
    return this.now;
  }

  #tick(): number {
    this.now++;
    return this.now;
  }

  attach(worker: number, rig: WorkerRig): void {
    this.observer.attach(worker, rig);
  }

  createClient(name: string, place: Place): Actor {
    const { random, plan, trace, mesh } = this.#stage;
    const session = mesh.rigs[place.worker]?.worker.sessions.atSlot(place.slot);
    const client = new WaitClient(name, place, session?.id ?? 0, {
      random, plan, trace, workload: this.#workload, ledger: this.#ledger,
      tick: () => this.#tick(),
      nowMs: () => mesh.clock.nowMs(),
      anybody: () => this.#anybody(),
    });
    if (!this.#visits.isOn) this.#clients.push(client);
    return client;
  }

  #anybody(): WaitClient | undefined {
    const present = this.#clients.filter(({ isGone }) => !isGone);
    return present[this.#stage.random.below(present.length)];
  }

  onClock(): void {
    return;
  }

  // ------------------------------------------------------------------ the play

  play(world: World, pool: MemoryPool): void {
    const before = arenaBytes(world);
    const recorders = world.mesh.rigs.map(({ worker: { shard } }) => new JournalRecorder(shard));
    const first = this.#control(world);
    this.#prepare(first.ask);
    world.vanish(first.client);
    for (let round = 0; round < ROUNDS; round++) {
      world.begin();
      this.#playRound(world);
      const { client, ask } = this.#comeToRest(world);
      this.#wakeUps.check(this.#clients, ask);
      world.vanish(client);
    }
    world.calm();
    this.#passDeadlines(world);
    this.#endWaits(world);
    const { ask: control } = this.#control(world);
    control(['CLIENT', 'UNPAUSE']);
    this.#checkUnblocks();
    for (const client of this.#clients) client.end();
    const wrong = this.#ledger.verdict(this.#present(control));
    if (wrong !== null) throw new Broken(wrong);
    checkReplay(world, recorders, pool);
    for (const recorder of recorders) recorder.close();
    control(['FLUSHALL']);
    for (const client of world.clients) world.vanish(client);
    world.rest();
    checkNothingIsLeft(world);
    this.#checkNobodyIsKept(world);
    checkAccounts(world, before);
  }

  /** A client that asks for one command after the other while everything is at rest. */
  #control(world: World): Controller {
    const client = this.#visits.come(world, 0);
    return { client, ask: controlOf(world, client) };
  }

  #prepare(control: Control): void {
    for (const db of DATABASES) {
      control(['SELECT', db]);
      for (const key of this.#workload.streams) {
        control(['XGROUP', 'CREATE', key, 'g', '$', 'MKSTREAM']);
      }
      for (const [letter, element] of Object.entries(COPIED)) {
        const key = `copied:${letter}`;
        control(letter === 'l' ? ['RPUSH', key, element] : ['ZADD', key, '1', element]);
        this.#ledger.add([element]);
        const payload = control(['DUMP', key]);
        if (typeof payload === 'string') this.#workload.payloads.set(letter, payload.slice(1));
      }
    }
  }

  #playRound(world: World): void {
    const { clientCount, eventCount } = world.plan;
    for (let i = 0; i < eventCount; i++) {
      const present = this.#clients.filter(({ isGone, mayBeCut }) => !isGone && !mayBeCut);
      if (present.length < clientCount) world.connect();
      world.event();
    }
  }

  /** Everybody has got what there is; pauses have ended, also those that were still under way. */
  #comeToRest(world: World): Controller {
    world.settle();
    this.#checkReady(world);
    this.#outlast(world);
    const control = this.#control(world);
    control.ask(['CLIENT', 'UNPAUSE']);
    return control;
  }

  /** Pauses end by themselves, also those that are asked for only when another has ended. */
  #outlast(world: World): void {
    world.settle();
    for (let pauses = 0; pauses < PAUSES_MAX; pauses++) {
      if (world.clients.every(({ waitingCount, isGone }) => waitingCount === 0 && !isGone)) return;
      world.pass(world.plan.clockStepMsMax * PAUSE_STEPS_MAX + TICK_MS);
    }
  }

  // ------------------------------------------------------------------ checks

  /**
   * Nobody has anything to do: no key has something to serve, where nothing was paused in the last
   * turn. A pause that is over since then ends with the next tick.
   */
  #checkReady({ mesh }: World): void {
    for (const [index, { worker: { shard } }] of mesh.rigs.entries()) {
      if (!shard.waiting.hasReady || shard.pause.isActive(shard.nowMs)) continue;
      throw new Broken(`worker ${index} sleeps, and a key of it is ready for those who wait`);
    }
  }

  /** Time passes until the last wait that has an end is over: none is forgotten. */
  #passDeadlines(world: World): void {
    const { clock } = world.mesh;
    for (;;) {
      const ops = this.#clients.flatMap(({ op, isGone }) => (op === undefined || isGone ? [] : op));
      const nowMs = clock.nowMs();
      const late = ops.find(({ untilMs }) => untilMs + TICK_MS < nowMs);
      if (late !== undefined) {
        throw new Broken(`${late.toString()} waits ${nowMs - late.untilMs} ms too long`);
      }
      if (ops.every(({ untilMs }) => untilMs === Infinity)) return;
      world.pass(TICK_MS / 4);
    }
  }

  #endWaits(world: World): void {
    this.#outlast(world);
    const { client: control } = this.#control(world);
    for (const client of this.#clients) {
      if (client.isGone || client.op === undefined) continue;
      if (world.random.chance(0.5)) {
        world.vanish(client);
        continue;
      }
      const { unblocks, id } = client;
      unblocks.asked++;
      control.askFor(['CLIENT', 'UNBLOCK', String(id)], (reply) => {
        if (reply === ':1') unblocks.done++;
      });
    }
    this.#outlast(world);
    const waiting = this.#clients.find(({ isGone, op }) => !isGone && op !== undefined);
    if (waiting === undefined) return;
    throw new Broken(`${waiting.op?.toString() ?? ''} waits although it was unblocked`);
  }

  /** Every UNBLOCK that said yes has ended one wait. */
  #checkUnblocks(): void {
    for (const { name, unblocks, isGone } of this.#clients) {
      const { asked, done, ended, maybe } = unblocks;
      if (ended > asked) throw new Broken(`${ended} waits of ${name} ended by ${asked} UNBLOCKs`);
      if (isGone || done <= ended + maybe) continue;
      throw new Broken(`${done} UNBLOCKs have ended waits of ${name}, who knows of ${ended}`);
    }
  }

  /** All elements of the data; streams give what nobody has read. */
  #present(control: Control): string[] {
    const { lists, zsets, streams } = this.#workload;
    const found: string[] = [];
    for (const db of DATABASES) {
      control(['SELECT', db]);
      for (const key of [...lists, 'stash', 'other:l', 'copied:l']) {
        found.push(...elementsIn(control(['LRANGE', key, '0', '-1'])));
      }
      for (const key of [...zsets, 'other:z', 'copied:z']) {
        found.push(...elementsIn(control(['ZRANGE', key, '0', '-1'])));
      }
      for (const key of streams) {
        const read = ['XREADGROUP', 'GROUP', 'g', 'end', 'NOACK', 'STREAMS', key, '>'];
        found.push(...elementsIn(control(read)));
      }
    }
    return found;
  }

  #checkNobodyIsKept({ mesh }: World): void {
    for (const [index, { worker: { waits, shard, mesh: node } }] of mesh.rigs.entries()) {
      const kept: Readonly<Record<string, number>> = {
        'sessions that wait': waits.count, waiters: shard.waiting.count,
        'commands across': node?.waitsAcross.count ?? 0, parts: node?.waitParts.count ?? 0,
        'bytes of arguments': shard.transactions.queues.bytes,
      };
      for (const [what, count] of Object.entries(kept)) {
        if (count !== 0) throw new Broken(`worker ${index} keeps ${count} ${what}`);
      }
    }
  }
}
