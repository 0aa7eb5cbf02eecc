/**
 * The plan of a seed of the scene of waiting: that of keys, but time passes while commands are
 * under way, and workers tick when they want to. Chances of its own: `vanishChance` is also that a
 * client disturbs others (UNBLOCK, PAUSE), and where workers stand still clients are killed too.
 */
import type { RandomSource } from '@kora/core/testing';
import type { Plan } from '../plan.ts';
import { planOf } from '../plan.ts';

/** Waits for a lock are most of the turns of a run with more. */
const PREEMPT_CHANCE_MAX = 0.05;

export function waitPlanOf(seed: number, random: RandomSource): Plan {
  const plan = planOf(seed, random);
  const oneOf = (...choices: readonly number[]): number =>
    choices[random.below(choices.length)] ?? 0;
  return {
    ...plan,
    clientCount: 4 + random.below(8),
    preemptChance: Math.min(plan.preemptChance, PREEMPT_CHANCE_MAX),
    preemptEventsMax: oneOf(1, 4, 12),
    keyCount: oneOf(1, 2, 3, 4),
    eventCount: 350,
    operationsMax: oneOf(100, 200, 350),
    pipelineMax: oneOf(1, 1, 2, 4),
    isClockBusy: true, hasTimedTicks: true,
    clockChance: random.chance(0.7) ? 0.02 : 0,
    clockStepMsMax: oneOf(5, 60, 200),
    vanishChance: random.chance(0.6) ? 0.02 + random.below(5) / 100 : 0,
  };
}
