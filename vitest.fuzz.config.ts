/**
 * The fuzz smoke suite: `*.fuzz.test.ts` files spend a fixed number of rounds on random bytes and
 * command streams. Kept apart from the plain suite because its budget is counted in rounds, not
 * in behaviours; `pnpm fuzz <target> [seed]` runs one target for as long as wanted.
 */
import { defineConfig } from 'vitest/config';
import { suiteOf } from './vitest.suite.ts';

export default defineConfig(
  suiteOf({
    include: ['packages/*/src/**/*.fuzz.test.ts', 'tools/*/src/**/*.fuzz.test.ts'],
    exclude: [],
  }),
);
