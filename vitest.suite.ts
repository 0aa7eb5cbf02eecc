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

/** Files with a name, and what they find in `process.env`. */
export interface SuiteProject extends SuiteFiles {
  readonly name: string;
  readonly env: Record<string, string>;
}

/** The vitest configuration of the suite made of these files. */
export function suiteOf(files: SuiteFiles): ViteUserConfig {
  const { ssr, test } = projectOf('all', files);
  return { ssr, test: { ...test, reporters } };
}

/** The same for several sets of files, each with a name and an environment of its own. */
export function suiteOfProjects(projects: readonly SuiteProject[]): ViteUserConfig {
  const parts = projects.map((project) => projectOf(project.name, project));
  return { test: { projects: parts, reporters } };
}

const reporters = ['default', new CountReporter()];

/** A project states everything itself: conditions of the root are not inherited. */
function projectOf(name: string, files: SuiteFiles & { env?: Record<string, string> }) {
  return {
    ssr: { resolve: { conditions: sourceFirst } },
    test: {
      name,
      include: files.include,
      exclude: ['**/node_modules/**', '**/dist/**', ...files.exclude],
      env: files.env ?? {},
      pool: 'forks' as const,
      testTimeout: 60_000,
      hookTimeout: 60_000,
    },
  };
}
