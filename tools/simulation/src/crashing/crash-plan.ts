/**
 * How a round is shaped: lives of one directory, each with a number of workers, an end, and a disk
 * that is slow, that tears writes or that fails for a while. Weights differ from round to round,
 * and some are zero.
 */
import type { RandomSource } from '@kora/core/testing';
import { Errno } from '@kora/storage/directory';
import type { Plan } from '../plan.ts';
import { planOf } from '../plan.ts';
import type { DiskPlan } from './simulated-port.ts';

/** As `appendfsync` says it. */
export type Fsync = 'always' | 'everysec' | 'no';

/** How a life ends. Power: what is not durable may be gone; killed: what was written is there. */
export type LifeEnd = 'power' | 'killed' | 'closed';

export interface LifePlan {
  readonly world: Plan;
  readonly end: LifeEnd;
  /** Operation of the disk at which the power goes, from the start; 0: at no certain one. */
  readonly crashAtOperation: number;
  /** Nothing that is not durable survives, and no part of it. */
  readonly dropsAll: boolean;
  /** True: files are synced in the background, as on node:net. */
  readonly isInBackground: boolean;
  readonly disk: DiskPlan;
  readonly segmentBytes: number;
  /** The disk fails from this event to that one; both 0: never. */
  readonly failsFrom: number;
  readonly failsUntil: number;
  readonly errno: number;
  /** That the n-th operations of opening fail, or are the last: a chance for each attempt. */
  readonly openingCrashChance: number;
  /** Of requests: that they are on keys of all clients. */
  readonly sharedChance: number;
  /** Of requests: that they ask for a snapshot. */
  readonly saveChance: number;
  /** Snapshots that are kept, and bytes from which a log that has doubled asks for one. */
  readonly keptCount: number;
  readonly growthBytesMin: number;
  /** Operation of the disk at which the power goes, from the beginning of a snapshot; 0: none. */
  readonly crashInSnapshot: number;
}

export interface RoundPlan {
  readonly lives: readonly LifePlan[];
}

/** The plan of a seed. */
export function roundPlanOf(seed: number, fsync: Fsync, random: RandomSource): RoundPlan {
  const segmentBytes = oneOf(random, 2000, 20_000, 200_000, 4_000_000);
  const count = 3 + random.below(4);
  const lives: LifePlan[] = [];
  let workerCount = oneOf(random, 1, 1, 2, 2, 3, 4);
  for (let life = 0; life < count; life++) {
    if (life > 0 && random.chance(0.3)) workerCount = oneOf(random, 1, 2, 3, 4);
    lives.push(lifeOf(seed, fsync, random, workerCount, segmentBytes));
  }
  return { lives };
}

function oneOf(random: RandomSource, ...choices: readonly number[]): number {
  return choices[random.below(choices.length)] ?? 0;
}

function lifeOf(
  seed: number, fsync: Fsync, random: RandomSource, workerCount: number, segmentBytes: number,
): LifePlan {
  const isBrief = random.chance(0.2);
  const eventCount = isBrief ? random.below(60) : 200 + random.below(1200);
  const endDraw = random.below(10);
  const mayFail = random.chance(0.3);
  const failsFrom = mayFail ? 1 + random.below(eventCount) : 0;
  // What waits for a slow disk is old: few operations in the time that everysec is about.
  const operationMsMax = oneOf(random, 0, 3, 30, 300, fsync === 'everysec' ? 700 : 3000);
  return {
    world: worldOf(seed, random, workerCount, eventCount),
    end: endDraw < 6 ? 'power' : endDraw < 9 ? 'killed' : 'closed',
    crashAtOperation: random.chance(0.5) ? 1 + random.below(isBrief ? 20 : 200) : 0,
    dropsAll: random.chance(0.4), isInBackground: random.chance(0.25), segmentBytes,
    disk: { operationMsMax, shortWriteChance: random.chance(0.3) ? 0.1 : 0 },
    failsFrom, failsUntil: failsFrom === 0 ? 0 : failsFrom + random.below(400),
    errno: random.chance(0.5) ? Errno.NoSpace : Errno.InputOutput,
    openingCrashChance: random.chance(0.5) ? 0.5 : 0,
    sharedChance: oneOf(random, 0, 0.2, 0.6),
    saveChance: oneOf(random, 0, 0.02, 0.1), keptCount: oneOf(random, 1, 1, 2, 3),
    growthBytesMin: oneOf(random, 0, 1000, 20_000),
    crashInSnapshot: random.chance(0.4) ? 1 + random.below(60) : 0,
  };
}

function worldOf(
  seed: number, random: RandomSource, workerCount: number, eventCount: number,
): Plan {
  return {
    ...planOf(seed, random),
    workerCount, eventCount, operationsMax: Infinity,
    clientCount: 1 + random.below(6), pipelineMax: oneOf(random, 1, 1, 3, 8),
    ringBytes: oneOf(random, 4096, 65_536),
    preemptChance: random.chance(0.5) ? 0.01 + random.below(5) / 100 : 0,
    preemptEventsMax: oneOf(random, 1, 4),
    stallChance: 0, vanishChance: random.chance(0.3) ? 0.005 : 0,
    isClockBusy: true, hasTimedTicks: true,
    clockChance: oneOf(random, 0.05, 0.3), clockStepMsMax: oneOf(random, 2, 10, 40),
    slowReaderChance: random.chance(0.3) ? 0.2 : 0,
    arrivalBytesMax: oneOf(random, 300, 100_000, 100_000),
  };
}
