/**
 * The plain suite: every test that needs nothing but Node. `npm test` runs it after a build.
 * Left out by file name, because they need more than Node or more than a moment:
 *   `*.reference.test.ts` compares with a redis-server (vitest.reference.config.ts);
 *   `*.fuzz.test.ts` spends a budget on random input (vitest.fuzz.config.ts).
 * The tests of the server run once more for every loop engine that this machine offers, in a
 * project named after it; `--project plain` leaves those out. KORA_OFFERED_IO names all engines of
 * this machine, best first.
 * Packages resolve to each other's sources through the `@kora/source` condition, so a plain test
 * needs no build; a test that starts a thread or a process runs the built files and does.
 */
import { defineConfig } from 'vitest/config';
import { OWN_TESTS_OF_ENGINES, engineTests, offeredLoopEngines } from './vitest.engines.ts';
import { suiteOfProjects } from './vitest.suite.ts';

const needMore = ['**/*.reference.test.ts', '**/*.fuzz.test.ts'];
/** What is packed, installed or played as a whole: left out between edits (`pnpm check`). */
const wholes = ['tools/conformance/src/corpus.*.test.ts', 'tools/release/src/**/*.test.ts'];
const loopEngines = offeredLoopEngines();
const env = { KORA_OFFERED_IO: [...loopEngines, 'node'].join(' ') };

export default defineConfig(suiteOfProjects([
  {
    name: 'plain',
    include: ['packages/*/src/**/*.test.ts', 'tools/*/src/**/*.test.ts', 'bench/src/**/*.test.ts'],
    exclude: [...needMore, ...wholes, OWN_TESTS_OF_ENGINES],
    env,
  },
  { name: 'whole', include: wholes, exclude: needMore, env },
  ...loopEngines.map((engine) => ({
    name: engine,
    include: engineTests(engine),
    exclude: needMore,
    env: { KORA_TEST_IO: engine },
  })),
]));
