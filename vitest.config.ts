/**
 * The plain suite: every test that needs nothing but Node. `npm test` runs it after a build.
 * Left out by file name, because they need more than Node or more than a moment:
 *   `*.reference.test.ts` compares with a redis-server (vitest.reference.config.ts);
 *   `*.fuzz.test.ts` spends a budget on random input (vitest.fuzz.config.ts).
 * Packages resolve to each other's sources through the `@kora/source` condition, so a plain test
 * needs no build; a test that starts a thread or a process runs the built files and does.
 */
import { defineConfig } from 'vitest/config';
import { suiteOf } from './vitest.suite.ts';

export default defineConfig(
  suiteOf({
    include: ['packages/*/src/**/*.test.ts', 'tools/*/src/**/*.test.ts', 'bench/src/**/*.test.ts'],
    exclude: ['**/*.reference.test.ts', '**/*.fuzz.test.ts'],
  }),
);
