/**
 * Rounds of lives that end badly, as many as every change has to pass, and the proof that they can
 * fail: broken variants of the product are caught within few rounds. `pnpm crash --rounds N` runs
 * more of the same.
 */
import { describe, expect, it } from 'vitest';
import { CrashRound } from './crash-round.ts';
import { crashVariants } from './crash-variants.ts';

/** Rounds of a test; several tests, so that one that hangs is told from one that is slow. */
const ROUNDS_PER_TEST = 10;
const TESTS = 3;
const firstSeeds = Array.from({ length: TESTS }, (_, i) => 1 + i * ROUNDS_PER_TEST);
/** Rounds within which a broken variant has to show. */
const VARIANT_ROUNDS_MAX = 40;
const TIMEOUT_MS = 120_000;

describe.each(['always', 'everysec', 'no'] as const)('lives that end badly, %s', (fsync) => {
  it.each(firstSeeds)('lose nothing that was promised, rounds from %i', (first) => {
    const sums = { records: 0, parts: 0, answered: 0, snapshots: 0, endsInSnapshot: 0 };
    for (let seed = first; seed < first + ROUNDS_PER_TEST; seed++) {
      const { failure, ...outcome } = new CrashRound(seed, { fsync }).run();
      expect(failure, `npx pnpm crash --seed ${seed} --fsync ${fsync} --trace`).toBeNull();
      sums.records += outcome.recordCount;
      sums.parts += outcome.partCount;
      sums.answered += outcome.answeredCount;
      sums.snapshots += outcome.snapshotCount;
      sums.endsInSnapshot += outcome.endsInSnapshot;
    }
    expect(sums.records, 'changes that were logged').toBeGreaterThan(1000);
    expect(sums.parts, 'parts of transactions over several shards').toBeGreaterThan(100);
    expect(sums.answered, 'replies that clients have heard').toBeGreaterThan(500);
    expect(sums.snapshots, 'snapshots').toBeGreaterThan(10);
    expect(sums.endsInSnapshot, 'lives that ended in a snapshot').toBeGreaterThan(0);
  }, TIMEOUT_MS);

  it('are the same again from the same seed', () => {
    const traces = [1, 2].map(() => new CrashRound(7, { fsync, isTraced: true }).run().trace);
    expect(traces[0]?.length).toBeGreaterThan(1000);
    expect(traces[0]).toEqual(traces[1]);
  }, TIMEOUT_MS);
});

describe('a broken variant is caught:', () => {
  it.each(crashVariants)('$name', ({ fsync, spoil, adapt }) => {
    let failure: string | null = null;
    for (let seed = 1; seed <= VARIANT_ROUNDS_MAX && failure === null; seed++) {
      const more = adapt === undefined ? {} : { adapt };
      failure = new CrashRound(seed, { fsync, spoil, ...more }).run().failure;
    }
    expect(failure, `within ${VARIANT_ROUNDS_MAX} rounds`).not.toBeNull();
    // Caught by what it does, and not because the fault itself does not fit the product any more.
    expect(failure).not.toContain('TypeError');
  }, TIMEOUT_MS);
});
