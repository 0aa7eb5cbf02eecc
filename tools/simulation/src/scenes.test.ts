/**
 * Seeds of the scenes of waiting, publishing and caching that every change has to pass, and the
 * proof that each can fail: broken variants of the product are caught within few seeds. The scene
 * of keys has a test of its own.
 * What a failure prints is what `pnpm simulate --scene NAME` prints.
 */
import { describe, expect, it } from 'vitest';
import { cachingVariants } from './caching/caching-variants.ts';
import { publishingVariants } from './publishing/publishing-variants.ts';
import { simulationOf } from './scenes.ts';
import { waitingVariants } from './waiting/waiting-variants.ts';

/** Seeds of a test; several tests, so that one that hangs is told from one that is slow. */
const SEEDS_PER_TEST = 10;
const TESTS = 3;
const firstSeeds = Array.from({ length: TESTS }, (_, i) => 1 + i * SEEDS_PER_TEST);
/** Seeds within which a broken variant has to show. */
const VARIANT_SEEDS_MAX = 60;
const TIMEOUT_MS = 120_000;

const variants = [
  ...waitingVariants.map((variant) => ({ scene: 'waiting', ...variant })),
  ...publishingVariants.map((variant) => ({ scene: 'publishing', ...variant })),
  ...cachingVariants.map((variant) => ({ scene: 'caching', ...variant })),
];

describe.each(['waiting', 'publishing', 'caching'])('the scene of %s', (scene) => {
  it.each(firstSeeds)('keeps every promise, seeds from %i', (first) => {
    const simulation = simulationOf(scene);
    const sums = { operations: 0, interruptions: 0 };
    for (let seed = first; seed < first + SEEDS_PER_TEST; seed++) {
      const { failure, operationCount, preemptionCount } = simulation.run(seed);
      expect(failure, `npx pnpm simulate --scene ${scene} --seed ${seed} --trace`).toBeNull();
      sums.operations += operationCount;
      sums.interruptions += preemptionCount;
    }
    expect(sums.operations, 'things that were checked').toBeGreaterThan(1000);
    expect(sums.interruptions, 'interruptions in the middle of a turn').toBeGreaterThan(1000);
  }, TIMEOUT_MS);

  it('is the same again from the same seed', () => {
    const traces = [1, 2].map(() => simulationOf(scene, { isTraced: true }).run(7).trace);
    expect(traces[0]?.length).toBeGreaterThan(1000);
    expect(traces[0]).toEqual(traces[1]);
  }, TIMEOUT_MS);
});

describe('a broken variant is caught:', () => {
  it.each(variants)('$scene: $name', ({ scene, faults, adapt }) => {
    const simulation = simulationOf(scene, { faults, ...(adapt === undefined ? {} : { adapt }) });
    let failure: string | null = null;
    for (let seed = 1; seed <= VARIANT_SEEDS_MAX && failure === null; seed++) {
      failure = simulation.run(seed).failure;
    }
    expect(failure, `within ${VARIANT_SEEDS_MAX} seeds`).not.toBeNull();
    // Caught by what it does, and not because the fault itself does not fit the product any more.
    expect(failure).not.toContain('TypeError');
  }, TIMEOUT_MS);
});
