/**
 * The differential suite: `*.reference.test.ts` files ask a real redis-server and compare.
 * They start their own server, on a unix socket where they can, so that no port can be taken;
 * `redis-server` must be on the PATH.
 * Kept apart from the plain suite so that `npm test` needs nothing but Node and npm.
 */
import { defineConfig } from 'vitest/config';
import { suiteOf } from './vitest.suite.ts';

export default defineConfig(
  suiteOf({
    include: [
      'packages/*/{src,reference}/**/*.reference.test.ts',
      'tools/*/src/**/*.reference.test.ts',
    ],
    exclude: [],
  }),
);
