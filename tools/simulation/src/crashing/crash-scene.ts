/**
 * One life on a simulated disk: production workers with their logs load what the directory has,
 * clients write, and then the power goes, at whatever moment, or the process is killed, or all ends
 * in order. What was loaded is held against the life before (CrashRound); what happens now becomes
 * the model of the next recovery.
 */
import type { MemoryPool } from '@kora/core';
import type { ShardContents } from '@kora/core/testing';
import type { WorkerRig } from '@kora/server/testing';
import { SnapshotKind } from '@kora/storage/engine';
import { SimulatedCrash } from '@kora/storage/testing';
import type { SimulatedFiles } from '@kora/storage/testing';
import type { Actor, Place, Scene, Stage } from '../scene.ts';
import type { World } from '../world.ts';
import { Broken } from '../world.ts';
import { CrashClient } from './crash-client.ts';
import type { Fsync, LifePlan } from './crash-plan.ts';
import { CrashWorkload } from './crash-workload.ts';
import { LifeModel, checkSame } from './life-model.ts';
import { ShardRecord } from './shard-record.ts';
import type { SimulatedPort } from './simulated-port.ts';

/** What a life is made of. */
export interface Life {
  readonly plan: LifePlan;
  readonly fsync: Fsync;
  readonly files: SimulatedFiles;
  /** One for each worker. */
  readonly ports: readonly SimulatedPort[];
  readonly logSet: number;
  readonly nextToken: () => number;
  /** Some operation of the disk may fail. */
  readonly mayFail: boolean;
  /** All data is loaded: it is held against what was there before. */
  readonly onLoaded: (found: ShardContents, nowMs: number) => void;
  /** What a broken variant changes when all is there. */
  readonly spoil: (rigs: readonly WorkerRig[]) => void;
}

/** Events in which everything is loaded. */
const LOADING_EVENTS_MAX = 20_000;
/** Turns come this often at least, ms; the clock may move further in the event that brings one. */
const TICK_MS = 100;
/**
 * What everysec may lose beside a second: what is written when a sync begins waits for the next
 * one. A segment is begun by four operations one after the other, and what waits for it is written
 * and synced then; segments as short as these begin all the time.
 */
const OPERATIONS_IN_A_ROW = 2;
const OPERATIONS_OF_SHORT_SEGMENTS = 6;
const SHORT_SEGMENT_BYTES = 100_000;

export class CrashScene implements Scene {
  now = 0;
  readonly tries = 0;
  readonly #stage: Stage;
  readonly #life: Life;
  readonly #workload: CrashWorkload;
  readonly #records: (ShardRecord | undefined)[];
  readonly #clients: CrashClient[] = [];
  /** Longest that a worker was without a turn, and since when it is, ms. */
  #gapMsMax = 0;
  /** When a log could not be written for the first time, 0 = never. */
  #failedMs = 0;
  readonly #turnedMs: number[];
  #model: LifeModel | null = null;
  #eventCount = 0;
  #isDown = false;
  /** All is loaded, and held against the life before. */
  #isLooking = false;
  /** Number of the last snapshot that was seen to be under way. */
  #snapshot = 0;
  /** Snapshots that count. */
  snapshotCount = 0;
  /** The life ended in the middle of one. */
  hasEndedInSnapshot = false;

  constructor(stage: Stage, life: Life) {
    this.#stage = stage;
    this.#life = life;
    const { saveChance, world: { workerCount } } = life.plan;
    this.#workload = new CrashWorkload(stage.random, life.nextToken, saveChance);
    this.#records = Array.from({ length: workerCount }, () => undefined);
    this.#turnedMs = Array.from({ length: workerCount }, () => 0);
  }

  /** Null until all data is loaded. */
  get model(): LifeModel | null {
    return this.#model;
  }
  get isOver(): boolean {
    return this.#model === null;
  }
  get operationCount(): number {
    return this.#clients.reduce((sum, { answeredCount }) => sum + answeredCount, 0);
  }

  attach(worker: number, rig: WorkerRig): void {
    const { memory } = rig.composed;
    this.#life.ports[worker]?.attach(memory.low, (token, result) => {
      rig.handler.onFile?.(token, result);
    });
  }

  createClient(name: string, place: Place): Actor {
    const { random, trace } = this.#stage;
    const { fsync, plan, mayFail } = this.#life;
    const model = this.#model;
    if (model === null) throw new Broken('clients come when all is loaded');
    const client = new CrashClient(name, this.#clients.length, place, {
      pipelineMax: plan.world.pipelineMax, workload: this.#workload, model,
      isPromised: fsync === 'always', trace,
      areReadsPromised: fsync === 'always' && !mayFail, sharedChance: plan.sharedChance,
      below: (bound) => random.below(bound), chance: (chance) => random.chance(chance),
      isDown: () => this.#isDown || this.#life.files.hasCrashed,
    });
    this.#clients.push(client);
    return client;
  }

  onClock(): void {
    return;
  }

  // ------------------------------------------------------------------ the disk

  onEvent(): void {
    this.now++;
    const { ports, files } = this.#life;
    for (const port of ports) if (!files.hasCrashed) port.advance();
    this.#lookForFailure();
    this.#lookForLoaded();
    this.#lookForSnapshot();
  }

  hasNews(worker: number): boolean {
    return this.#life.ports[worker]?.hasEnded === true;
  }

  takeNews(worker: number): void {
    const nowMs = this.#stage.mesh.clock.nowMs();
    const before = this.#turnedMs[worker] ?? 0;
    if (before > 0) this.#gapMsMax = Math.max(this.#gapMsMax, nowMs - before);
    this.#turnedMs[worker] = nowMs;
    this.#life.ports[worker]?.takeEnded();
  }

  #lookForFailure(): void {
    if (this.#failedMs > 0 || !this.#life.mayFail) return;
    const since = this.#stage.mesh.rigs.map(({ store }) =>
      store?.persistence?.log.failure?.sinceMs ?? Infinity);
    const firstMs = Math.min(...since);
    if (firstMs < Infinity) this.#failedMs = firstMs;
  }

  /** Has the power go in the middle of a snapshot, where that is planned. */
  #lookForSnapshot(): void {
    const words = this.#stage.mesh.rigs[0]?.store?.snapshotWords;
    const { files, plan: { crashInSnapshot } } = this.#life;
    if (words === undefined || files.hasCrashed) return;
    this.snapshotCount = words.countOf(SnapshotKind.Save) + words.countOf(SnapshotKind.Rewrite);
    if (words.asked === 0 || words.number === this.#snapshot) return;
    this.#snapshot = words.number;
    if (crashInSnapshot > 0) files.crashAt(crashInSnapshot);
  }

  #lookForLoaded(): void {
    if (this.#model !== null || this.#life.files.hasCrashed) return;
    const { rigs, clock } = this.#stage.mesh;
    for (const [index, rig] of rigs.entries()) {
      if (this.#records[index] !== undefined || (rig.store?.persistence ?? null) === null) continue;
      this.#records[index] = new ShardRecord(rig, this.#life.logSet, (record) => {
        this.#model?.note(index, record);
      });
    }
    const records = this.#records.filter((record) => record !== undefined);
    if (records.length < rigs.length || this.#isLooking) return;
    // What looks at shared words here may be interrupted, by the next event.
    this.#isLooking = true;
    const found = new Map(records.flatMap((record) => [...record.found]));
    this.#life.onLoaded(found, clock.nowMs());
    this.#model = new LifeModel(records);
    this.#life.spoil(rigs);
  }

  // ------------------------------------------------------------------ the life

  play(world: World, pool: MemoryPool): void {
    const { plan, files } = this.#life;
    const begins = files.operationCount;
    if (plan.crashAtOperation > 0) files.crashAt(plan.crashAtOperation);
    for (let i = 0; this.#model === null && !files.hasCrashed; i++) {
      if (i > LOADING_EVENTS_MAX) throw new Broken('the data is not loaded');
      this.#event(world);
    }
    for (let i = 0; i < plan.world.clientCount && !files.hasCrashed; i++) this.#connect(world);
    while (this.#eventCount < plan.world.eventCount && !files.hasCrashed) {
      this.#eventCount++;
      this.#failOrNot();
      this.#event(world);
    }
    this.#stage.trace(() => `${files.operationCount - begins} operations of the disk`);
    this.#noteEnd();
    const { snapshotWords } = this.#stage.mesh.rigs[0]?.store ?? {};
    this.hasEndedInSnapshot = snapshotWords !== undefined && snapshotWords.asked !== 0;
    if (!files.hasCrashed) this.#checkRecords(world, pool);
    if (plan.end === 'closed' && !files.hasCrashed) this.#close(world);
    this.#isDown = true;
  }

  #event(world: World): void {
    crashIn(() => {
      world.event();
    });
  }

  #connect(world: World): void {
    crashIn(() => {
      world.connect();
    });
  }

  /** The disk fails for a while. */
  #failOrNot(): void {
    const { plan: { failsFrom, failsUntil, errno }, files } = this.#life;
    if (failsFrom === 0) return;
    if (this.#eventCount === failsFrom) files.refuse = () => errno;
    if (this.#eventCount === failsUntil) files.refuse = () => 0;
  }

  /** What may be lost, by what the disk and the scheduler have taken in this life. */
  #noteEnd(): void {
    const model = this.#model;
    if (model === null) return;
    const { fsync, ports, plan } = this.#life;
    const { mesh } = this.#stage;
    const nowMs = mesh.clock.nowMs();
    const gaps = this.#turnedMs.map((ms) => (ms === 0 ? 0 : nowMs - ms));
    const gapMs = Math.max(this.#gapMsMax, TICK_MS, ...gaps);
    const diskMs = Math.max(0, ...ports.map((port) => Math.max(port.longestMs, port.pendingMs)));
    // A snapshot begins a segment too.
    const isShort = plan.segmentBytes < SHORT_SEGMENT_BYTES || this.#snapshot > 0;
    const operations = isShort ? OPERATIONS_OF_SHORT_SEGMENTS : OPERATIONS_IN_A_ROW;
    model.end = {
      nowMs, failedMs: this.#failedMs,
      lossMsMax: fsync === 'no' ? Infinity : 1000 + gapMs + (operations * diskMs),
    };
  }

  /** What was noted of each shard's log is what the shard holds. */
  #checkRecords(world: World, pool: MemoryPool): void {
    const nowMs = world.mesh.clock.nowMs();
    for (const [index, record] of (this.#model?.shards ?? []).entries()) {
      if (record.asideCount > 0) continue;
      const replayed = record.contentsAt(Infinity, pool);
      checkSame(`the log of shard ${index}, replayed`, record.live(), replayed, nowMs);
    }
  }

  /** Everything ends in order: what workers have said to each other has been heard. */
  #close(world: World): void {
    crashIn(() => {
      world.settle();
      for (const { store } of world.mesh.rigs) store?.close(true);
      const isClosed = world.mesh.rigs.every(({ store }) => store?.persistence?.log.isClosed);
      if (isClosed) this.#model?.promiseAll();
    });
  }
}

/** Runs what the power may end. */
function crashIn(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof SimulatedCrash)) throw error;
  }
}
