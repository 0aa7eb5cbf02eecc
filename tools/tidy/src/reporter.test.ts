/**
 * Runs vitest on a small suite with every way to fail and reads what scripts read: the last line,
 * the summary file and the exit status. A run that proved nothing must not count as a success.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../../..');
const suite = join(here, '../fixtures/suite');

interface Outcome {
  readonly status: number | null;
  readonly lastLine: string | undefined;
  readonly summary: unknown;
  /** The first line of what the summary says of each failure, sorted. */
  readonly failures: readonly string[];
}

function runSuite(...filters: string[]): Outcome {
  const folder = mkdtempSync(join(tmpdir(), 'kora-reporter-'));
  const summary = join(folder, 'summary.json');
  const environment = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('VITEST')),
  );
  try {
    const { status, stdout } = spawnSync(
      process.execPath,
      [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--root', suite, ...filters],
      { cwd: suite, encoding: 'utf8', env: { ...environment, KORA_TEST_SUMMARY: summary } },
    );
    const { failures, ...counts } =
      JSON.parse(readFileSync(summary, 'utf8')) as { readonly failures: readonly string[] };
    return {
      status,
      lastLine: stdout.trimEnd().split('\n').at(-1),
      summary: counts,
      failures: failures.map((text) => text.split('\n')[0] ?? '').sort(),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('the last line of a run', () => {
  it('counts failures, skipped tests, broken files and stray errors as failed', () => {
    expect(runSuite()).toEqual({
      status: 1,
      lastLine: '3 passed, 4 failed',
      summary: { passed: 3, failed: 4, passedIn: { all: 3 } },
      failures: [
        'Error: stray',
        '[all] broken.example.ts',
        '[all] mixed.example.ts > fails: failed',
        '[all] mixed.example.ts > never runs: skipped',
      ],
    });
  });
  it('counts only what ran, and says success by its status', () => {
    expect(runSuite('mixed', '-t', '^passes$')).toEqual({
      status: 0, lastLine: '1 passed, 0 failed',
      summary: { passed: 1, failed: 0, passedIn: { all: 1 } }, failures: [],
    });
    expect(runSuite('stray')).toEqual({
      status: 1, lastLine: '1 passed, 1 failed',
      summary: { passed: 1, failed: 1, passedIn: { all: 1 } }, failures: ['Error: stray'],
    });
  });
});
