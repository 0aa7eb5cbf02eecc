/**
 * The scene of keys: clients read and change few keys of every shard, alone, in transactions and
 * under WATCH. At the end everything is read, and one order of all that was asked has to explain
 * every reply (linearization.ts); journals are replayed, and nothing may be left.
 */
import type { MemoryPool } from '@kora/core';
import { JournalRecorder } from '@kora/core/testing';
import type { WorkerRig } from '@kora/server/testing';
import { arenaBytes, checkAccounts, checkNothingIsLeft, checkReplay } from './end-checks.ts';
import { History } from './history.ts';
import { Linearization } from './linearization.ts';
import type { Request } from './run-notes.ts';
import type { ObservedWorld } from './run-observer.ts';
import { RunObserver } from './run-observer.ts';
import type { Place, Scene, Stage } from './scene.ts';
import { ownerOf } from './session-order.ts';
import { PINNED_KEYS, SimClient } from './sim-client.ts';
import { Workload } from './workload.ts';
import type { World } from './world.ts';
import { Broken } from './world.ts';

export class KeyScene implements Scene, ObservedWorld {
  readonly history = new History();
  readonly workload: Workload;
  tries = 0;
  readonly #stage: Stage;
  readonly #triesPerOperation: number;
  readonly #observer = new RunObserver(this);
  readonly #clients = new Map<string, SimClient>();
  /** All keys of the workload. */
  readonly #keys: readonly string[];

  constructor(stage: Stage, triesPerOperation: number) {
    const { random, plan, mesh } = stage;
    this.#stage = stage;
    this.#triesPerOperation = triesPerOperation;
    this.workload = new Workload(random, plan, () => mesh.clock.nowMs());
    const { strings, lists, sets } = this.workload.keys();
    this.#keys = [...strings, ...lists, ...sets];
  }

  get now(): number {
    return this.history.now;
  }

  get isOver(): boolean {
    return this.operationCount >= this.#stage.plan.operationsMax;
  }

  get operationCount(): number {
    return this.history.operations.length;
  }

  get trace(): (line: () => string) => void {
    return this.#stage.trace;
  }

  attach(worker: number, rig: WorkerRig): void {
    this.#observer.attach(worker, rig);
  }

  createClient(name: string, place: Place): SimClient {
    const { random, plan, trace } = this.#stage;
    const { history, workload } = this;
    const client = new SimClient(name, place, { random, plan, history, workload, trace });
    this.#clients.set(`${place.worker}/${place.slot}`, client);
    return client;
  }

  onClock(nowMs: number): void {
    if (this.#stage.plan.isClockBusy) this.history.moveClockOfEach(nowMs, this.#keys);
    else this.history.moveClock(nowMs, this.#keys);
  }

  // ------------------------------------------------------------------ for the observer

  textAt(worker: number, at: number, bytes: number): string {
    return this.#stage.textAt(worker, at, bytes);
  }

  keysAt(worker: number): readonly string[] {
    return this.#keys.filter((key) => ownerOf(key, this.#stage.plan.workerCount) === worker);
  }

  /** A worker takes a request of a connection: the next one that its client has sent. */
  takeRequest(worker: number, slot: number, name: string): Request {
    const client = this.#clients.get(`${worker}/${slot}`);
    const request = client?.takeRequest();
    if (request?.name === name) return request;
    throw new Broken(
      `worker ${worker} takes ${name} of ${client?.name ?? 'nobody'}, who has ` +
      `${request?.name ?? 'nothing'} to be taken`,
    );
  }

  lastRequest(worker: number, slot: number): Request | undefined {
    return this.#clients.get(`${worker}/${slot}`)?.lastRequest;
  }

  // ------------------------------------------------------------------ the play

  play(world: World, pool: MemoryPool): void {
    const { plan, random } = world;
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
    this.#readAll((words) => {
      reader.askOne(words);
      world.rest();
    });
    const verdict = new Linearization(this.history, {
      startMs, mayLackMemory: plan.maxmemory > 0,
      triesMax: this.operationCount * this.#triesPerOperation,
    }).run();
    this.tries = verdict.tries;
    if (!verdict.isExplained) throw new Broken(verdict.story);
    checkReplay(world, recorders, pool);
    for (const recorder of recorders) recorder.close();
    this.#leave(world);
    checkNothingIsLeft(world);
    checkAccounts(world, before);
  }

  /** Keys that a SCAN has to find, on every shard. */
  #pin(world: World): void {
    const client = world.connect(0);
    client.askOne(['MSET', ...PINNED_KEYS.flatMap((key) => [key, 'pinned'])]);
    world.rest();
    world.vanish(client);
    world.begin();
  }

  #readAll(ask: (words: readonly string[]) => void): void {
    const { strings, lists, sets } = this.workload.keys();
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
