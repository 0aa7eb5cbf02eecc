/**
 * What the three vitest suites share: where packages resolve, how tests are isolated, what prints.
 * `ssr.resolve.conditions` is the setting that counts for code under test; `resolve.conditions`
 * does nothing there. Forks, not threads: some tests set V8 flags, which belong to a process.
 */
import type { ViteUserConfig } from 'vitest/config';
import { CountReporter } from './vitest.reporter.ts';

const sourceFirst = ['@kora/source', 'module', 'node', 'development|production'];

/** Globs of the test files of one suite, relative to the repository's root. */
export interface SuiteFiles {
  readonly include: string[];
  readonly exclude: string[];
}

/** The vitest configuration of the suite made of these files. */
export function suiteOf(files: SuiteFiles): ViteUserConfig {
  return {
    ssr: { resolve: { conditions: sourceFirst } },
    test: {
      include: files.include,
      exclude: ['**/node_modules/**', '**/dist/**', ...files.exclude],
      pool: 'forks',
      testTimeout: 60_000,
      hookTimeout: 60_000,
      reporters: ['default', new CountReporter()],
    },
  };
}
