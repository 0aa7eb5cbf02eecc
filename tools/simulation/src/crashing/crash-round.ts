/**
 * A round: one directory through several lives, each of which ends badly. Between two lives the
 * directory is opened as the server does it, at times with another number of workers, at times with
 * the power going in the middle of that; then what was loaded has to be what LifeModel allows.
 * The same seed gives the same round.
 */
import { MemoryPool } from '@kora/core';
import type { RandomSource, ShardContents } from '@kora/core/testing';
import { randomSource } from '@kora/core/testing';
import type { RigStore, WorkerRig } from '@kora/server/testing';
import { dealOut, DiskFault, openStore, storePlanOf } from '@kora/storage/engine';
import type { OpenedStore } from '@kora/storage/engine';
import { SimulatedCrash, SimulatedFiles } from '@kora/storage/testing';
import { observed } from '../preemption.ts';
import { Broken, World } from '../world.ts';
import type { Fsync, LifePlan, RoundPlan } from './crash-plan.ts';
import { roundPlanOf } from './crash-plan.ts';
import { CrashScene } from './crash-scene.ts';
import { checkSame } from './life-model.ts';
import type { LifeModel } from './life-model.ts';
import { SimulatedPort } from './simulated-port.ts';

/** The product with one thing wrong. */
export interface Spoil {
  /** Done to the disk of the round. */
  readonly disk?: (files: SimulatedFiles) => void;
  /** Done to the workers of each life when all is loaded. */
  readonly workers?: (rigs: readonly WorkerRig[]) => void;
  /** Done to their disks before that. */
  readonly ports?: (ports: readonly SimulatedPort[]) => void;
  /** Done to what recovery has found, before it is loaded. */
  readonly opened?: (opened: OpenedStore) => OpenedStore;
  /** Done to the whole program while a round runs. @returns what undoes it */
  readonly program?: () => () => void;
}

/** What became of a round. */
export interface RoundOutcome {
  readonly seed: number;
  /** What was broken, null when nothing was. */
  readonly failure: string | null;
  readonly trace: readonly string[];
  readonly lifeCount: number;
  /** Replies that clients have heard. */
  readonly answeredCount: number;
  readonly recordCount: number;
  /** Records that no recovery found, and the age of the oldest when it was lost, ms. */
  readonly lostCount: number;
  readonly lostMsMax: number;
  readonly partCount: number;
  /** Times that the power went while a directory was opened. */
  readonly openingCrashCount: number;
  readonly dealtOutCount: number;
  /** Snapshots that counted, and lives that ended in the middle of one. */
  readonly snapshotCount: number;
  readonly endsInSnapshot: number;
}

export interface RoundOptions {
  readonly fsync: Fsync;
  readonly isTraced?: boolean;
  readonly spoil?: Spoil;
  readonly adapt?: (plan: LifePlan) => LifePlan;
}

const DIRECTORY = 'data';
const OPENINGS_MAX = 40;
/** Openings that may be disturbed. */
const DISTURBED_MAX = 8;
/** Milliseconds between two lives. */
const PAUSE_MS_MAX = 5000;
const MEMORIES_MAX = 16;

/** Memories are used again from round to round. */
const pool = new MemoryPool(MEMORIES_MAX, Infinity);

export class CrashRound {
  readonly #seed: number;
  readonly #options: RoundOptions;
  readonly #random: RandomSource;
  readonly #files: SimulatedFiles;
  readonly #plan: RoundPlan;
  readonly #trace: string[] = [];
  /** The last life whose data was loaded and held against what was before. */
  #model: LifeModel | null = null;
  /** Where the logs of that life ended, as recovery says. */
  #cuts: number[] = [];
  #nowMs = 1_700_000_000_000;
  #tokens = 0;
  /** An operation is to fail, and has not when the directory was opened. */
  #mayFail = false;
  readonly #sums = {
    lifeCount: 0, answeredCount: 0, recordCount: 0, lostCount: 0, lostMsMax: 0, partCount: 0,
    openingCrashCount: 0, dealtOutCount: 0, snapshotCount: 0, endsInSnapshot: 0,
  };

  constructor(seed: number, options: RoundOptions) {
    this.#seed = seed;
    this.#options = options;
    this.#random = randomSource(seed);
    const random = this.#random;
    this.#files = new SimulatedFiles({ next32: () => random.word() });
    this.#plan = roundPlanOf(seed, options.fsync, random);
    options.spoil?.disk?.(this.#files);
  }

  run(): RoundOutcome {
    const undo = this.#options.spoil?.program?.();
    let failure: string | null = null;
    try {
      for (const drawn of this.#plan.lives) this.#live(this.#options.adapt?.(drawn) ?? drawn);
      this.#lastLook();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      failure = error instanceof Broken ? error.message : error.stack ?? error.message;
    } finally {
      undo?.();
    }
    return { seed: this.#seed, failure, trace: this.#trace, ...this.#sums };
  }

  /** Nothing happens any more: what there is is loaded once more. */
  #lastLook(): void {
    const last = this.#plan.lives.at(-1);
    if (last === undefined) return;
    const world = { ...last.world, eventCount: 0, clientCount: 0 };
    this.#live({
      ...last, world, end: 'closed', crashAtOperation: 0, openingCrashChance: 0, failsFrom: 0,
      crashInSnapshot: 0,
    });
  }

  #live(plan: LifePlan): void {
    const { fsync, isTraced = false, spoil } = this.#options;
    const { workerCount } = plan.world;
    const random = this.#random;
    this.#say(`a life of ${workerCount} workers, ${plan.end} in the end`);
    const opened = this.#open(plan);
    const files = this.#files;
    let clock = (): number => this.#nowMs;
    const ports = Array.from({ length: workerCount }, () =>
      new SimulatedPort(files, random, plan.disk, () => clock()));
    spoil?.ports?.(ports);
    const world = new World(plan.world, random, pool, {}, isTraced, (stage) => {
      clock = () => stage.mesh.clock.nowMs();
      return new CrashScene(stage, {
        plan, fsync, files, ports, logSet: opened.shards[0]?.next.logSet ?? 0,
        mayFail: plan.failsFrom > 0 || this.#mayFail,
        nextToken: () => ++this.#tokens,
        onLoaded: (found, nowMs) => {
          this.#check(found, nowMs);
        },
        spoil: (rigs) => spoil?.workers?.(rigs),
      });
    }, {
      startMs: this.#nowMs, settings: settingsOf(plan, fsync),
      stores: storesOf(opened, plan, files, ports),
    });
    const scene = world.scene as CrashScene; // Made above.
    try {
      observed(world, () => {
        scene.play(world, pool);
      });
    } finally {
      for (const line of world.lines) this.#trace.push(line);
      for (const { composed } of world.mesh.rigs) pool.give(composed.memory);
    }
    this.#nowMs = world.mesh.clock.nowMs() + random.below(PAUSE_MS_MAX);
    this.#sums.lifeCount++;
    this.#sums.answeredCount += scene.operationCount;
    this.#sums.snapshotCount += scene.snapshotCount;
    if (scene.hasEndedInSnapshot) this.#sums.endsInSnapshot++;
    if (scene.model !== null) this.#take(scene.model);
    this.#endOf(plan);
  }

  /** From here on this life is what the next recovery has to find. */
  #take(model: LifeModel): void {
    this.#model = model;
    this.#cuts = [];
    for (const { records, parts } of model.shards) {
      this.#sums.recordCount += records.length;
      this.#sums.partCount += parts.length;
    }
  }

  #endOf({ end, dropsAll }: LifePlan): void {
    const hadPower = end !== 'power' && !this.#files.hasCrashed;
    this.#say(hadPower ? 'the process ends' : 'the power goes');
    if (hadPower) this.#files.kill();
    else this.#files.crash(dropsAll ? 'drop' : 'chance');
  }

  // ------------------------------------------------------------------ between two lives

  #open(plan: LifePlan): OpenedStore {
    const random = this.#random;
    for (let attempt = 0; attempt < OPENINGS_MAX; attempt++) {
      const isDisturbed = attempt < DISTURBED_MAX && random.chance(plan.openingCrashChance);
      const isFailing = isDisturbed && random.chance(0.3);
      this.#mayFail = isFailing;
      if (isFailing) this.#files.failAt(1 + random.below(15), plan.errno);
      else if (isDisturbed) this.#files.crashAt(1 + random.below(25));
      try {
        return this.#openOnce(plan.world.workerCount);
      } catch (error) {
        if (error instanceof SimulatedCrash) {
          this.#say('the power goes while it is opened');
          this.#sums.openingCrashCount++;
          this.#files.crash(plan.dropsAll ? 'drop' : 'chance');
        } else if (error instanceof DiskFault && isFailing) {
          this.#say(error.message);
          this.#files.kill();
        } else {
          throw error;
        }
      }
    }
    throw new Broken('the directory does not open');
  }

  #openOnce(shardCount: number): OpenedStore {
    const files = this.#files;
    const options = {
      directory: DIRECTORY, shardCount, nowMs: this.#nowMs,
      processes: { pid: 1, identityOf: () => undefined },
    };
    const opened = openStore(files, options, (disk, store, nowMs) => {
      this.#noteCuts(store.logs[0] ?? []);
      this.#sums.dealtOutCount++;
      return dealOut(disk, store, nowMs, pool);
    });
    files.crashAt(Infinity);
    this.#noteCuts(opened.shards.map(({ data: { log } }) => log));
    for (const report of opened.reports) this.#say(JSON.stringify(report));
    return this.#options.spoil?.opened?.(opened) ?? opened;
  }

  #noteCuts(logs: readonly { readonly logSet: number; readonly lastSequence: number }[]): void {
    const logSet = this.#model?.shards[0]?.logSet;
    if (logs[0]?.logSet !== logSet) return;
    this.#cuts = logs.map(({ lastSequence }) => lastSequence);
    this.#say(`the logs end with ${this.#cuts.join(' ')}`);
  }

  /** What was loaded, held against the life before. */
  #check(found: ShardContents, nowMs: number): void {
    const model = this.#model;
    if (model === null) {
      if (found.size > 0) throw new Broken('a new directory has data');
      return;
    }
    if (this.#cuts.length === 0) throw new Broken('nobody knows where the logs ended');
    const cuts = model.cutsOf(this.#cuts);
    model.checkCuts(cuts);
    checkSame('recovered', model.contentsAt(cuts, pool), found, nowMs);
    this.#sums.lostMsMax = Math.max(this.#sums.lostMsMax, model.lostMs(cuts));
    for (const [index, { records }] of model.shards.entries()) {
      const cut = cuts[index] ?? 0;
      this.#sums.lostCount += records.filter(({ sequence }) => sequence > cut).length;
    }
  }

  #say(line: string): void {
    if (this.#options.isTraced === true) this.#trace.push(`--- ${line}`);
  }
}

function settingsOf(plan: LifePlan, fsync: Fsync): (readonly [string, string])[] {
  const { keptCount, growthBytesMin } = plan;
  return [
    ['appendfsync', fsync], ['appendonly', 'yes'], ['snapshot-retain', String(keptCount)],
    ['auto-aof-rewrite-percentage', growthBytesMin === 0 ? '0' : '100'],
    ['auto-aof-rewrite-min-size', String(growthBytesMin)],
  ];
}

function storesOf(
  opened: OpenedStore, plan: LifePlan, files: SimulatedFiles, ports: readonly SimulatedPort[],
): RigStore[] {
  const store = storePlanOf(opened);
  const { segmentBytes, isInBackground } = plan;
  return ports.map((port) => ({
    plan: store,
    disk: { files, segmentBytes, ...(isInBackground ? { beginSync: port.beginSync } : {}) },
    ...(isInBackground ? {} : { operations: port }),
  }));
}
