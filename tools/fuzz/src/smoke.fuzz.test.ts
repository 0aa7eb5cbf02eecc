/**
 * The smoke run of every fuzz target: a fixed number of rounds from a seed that changes by day, so
 * that CI looks somewhere else tomorrow and a failure can be repeated today. The canary must fail.
 */
import { describe, expect, it } from 'vitest';
import { fuzz, fuzzTargets } from './registry.ts';

const MS_PER_DAY = 86_400_000;
const today = Math.floor(Date.now() / MS_PER_DAY) * 100_000;
const firstSeed = Number(process.env['KORA_FUZZ_SEED'] ?? today);

describe('fuzz smoke', () => {
  it.each(fuzzTargets.map((target) => [target.name, target] as const))(
    '%s',
    { timeout: 300_000 },
    (name, target) => {
      const found = fuzz(target, firstSeed, target.smokeRounds);
      if (target.mustFail === true) {
        expect(found, 'the canary must be caught').not.toBeNull();
        return;
      }
      if (found !== null) {
        const { seed, error } = found;
        throw new Error(`pnpm fuzz ${name} ${seed}: ${target.promise}`, { cause: error });
      }
    },
  );
});
