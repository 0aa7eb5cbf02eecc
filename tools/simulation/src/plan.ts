/**
 * How the run of a seed is shaped: everything that is not an event is drawn from the seed here.
 * Weights differ from seed to seed and some are zero, so that rare things are frequent somewhere.
 */
import type { RandomSource } from '@kora/core/testing';
import { PipelineOrder } from '@kora/server/testing';

/** Chances are per event, 0 to 1. */
export interface Plan {
  readonly seed: number;
  readonly workerCount: number;
  /** PipelineOrder. */
  readonly order: number;
  readonly clientCount: number;
  /** Data of each ring, in bytes. */
  readonly ringBytes: number;
  /** Events of the scheduler before it lets everything come to rest. */
  readonly eventCount: number;
  /** Most operations: clients ask no more after so many. */
  readonly operationsMax: number;
  /** Most requests in one pipeline. */
  readonly pipelineMax: number;
  /** Keys of each type. */
  readonly keyCount: number;
  /** That a worker is interrupted between two accesses to shared words, by others. */
  readonly preemptChance: number;
  /** Most events of others within one interruption. */
  readonly preemptEventsMax: number;
  /** That a wake-up comes late, and by how many events at most. */
  readonly lateWakeChance: number;
  readonly lateWakeEventsMax: number;
  /** That a worker takes no turn for long. */
  readonly stallChance: number;
  readonly stallEventsMax: number;
  readonly vanishChance: number;
  /** That the clock moves, and by how much at most, ms. */
  readonly clockChance: number;
  readonly clockStepMsMax: number;
  /**
   * True: the clock also moves while commands are under way; then each key's deadline is taken to
   * pass by itself, for commands that run on several shards have the instant at which they began.
   */
  readonly isClockBusy: boolean;
  readonly tickChance: number;
  /** True: workers also tick when their time has come. */
  readonly hasTimedTicks: boolean;
  /** That a send is not taken at once, and its bytes stay pinned until it has left. */
  readonly slowReaderChance: number;
  /** Most bytes of a request that arrive at once. */
  readonly arrivalBytesMax: number;
  /** Of values: that they are longer than a ring, or a rope. */
  readonly longValueChance: number;
  readonly ropeChance: number;
  /** Bytes, 0: no limit. */
  readonly maxmemory: number;
  readonly weights: Weights;
}

/** How often each kind of request is asked for, relative to the others. */
export interface Weights {
  readonly read: number;
  readonly readMany: number;
  readonly write: number;
  readonly writeMany: number;
  readonly collection: number;
  readonly move: number;
  readonly deadline: number;
  readonly flush: number;
  readonly exec: number;
  readonly watch: number;
  readonly scan: number;
  readonly process: number;
}

/** The plan of a seed. */
export function planOf(seed: number, random: RandomSource): Plan {
  const below = (limit: number): number => random.below(limit);
  const chance = (probability: number): boolean => random.chance(probability);
  const oneOf = (...choices: readonly number[]): number => choices[below(choices.length)] ?? 0;
  const sometimes = (probability: number, most: number): number =>
    (chance(probability) ? most * (0.1 + below(90) / 100) : 0);
  const weight = (most: number): number => (chance(0.25) ? 0 : 1 + below(most));
  return {
    seed,
    workerCount: oneOf(2, 2, 2, 3, 3, 4),
    order: oneOf(
      PipelineOrder.Writes, PipelineOrder.Writes, PipelineOrder.Strict, PipelineOrder.Relaxed,
    ),
    clientCount: 2 + below(7),
    ringBytes: oneOf(1024, 2048, 4096, 65_536),
    eventCount: 2000,
    operationsMax: oneOf(100, 200, 350),
    pipelineMax: oneOf(1, 1, 3, 8, 16),
    keyCount: oneOf(2, 3, 5),
    preemptChance: sometimes(0.75, 0.15),
    preemptEventsMax: oneOf(1, 4, 30),
    lateWakeChance: sometimes(0.5, 0.8),
    lateWakeEventsMax: oneOf(5, 60),
    stallChance: sometimes(0.4, 0.02),
    stallEventsMax: oneOf(20, 200),
    vanishChance: sometimes(0.4, 0.02),
    clockChance: sometimes(0.5, 0.01),
    clockStepMsMax: oneOf(10, 200),
    isClockBusy: false,
    tickChance: sometimes(0.5, 0.1),
    hasTimedTicks: false,
    slowReaderChance: sometimes(0.3, 0.5),
    arrivalBytesMax: oneOf(7, 300, 100_000, 100_000),
    longValueChance: sometimes(0.4, 0.15),
    ropeChance: sometimes(0.25, 0.06),
    maxmemory: 0,
    weights: {
      read: 1 + below(10), readMany: weight(10), write: 1 + below(10), writeMany: weight(8),
      collection: weight(8), move: weight(8), deadline: weight(4), flush: sometimes(0.2, 0.5),
      exec: weight(8), watch: weight(6), scan: weight(2), process: weight(2),
    },
  };
}
