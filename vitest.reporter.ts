/**
 * Ends a run with the plain line `N passed, N failed`, for people and for scripts that read logs.
 * A test file that cannot load and an error outside any test count as one failure each: a run
 * that proved nothing must not read as a success. A skipped test counts as failed for the same
 * reason, and none may be committed; one left out by a name filter (`-t`) counts not at all.
 * When KORA_TEST_SUMMARY names a file, the same two numbers are written there as JSON, with the
 * passed tests of every project, so that `.ci/run` sees which engines were tested.
 */
import { writeFileSync } from 'node:fs';
import type { Reporter, TestModule, Vitest } from 'vitest/node';

/** Totals of one run; `failed` includes broken files, stray errors and tests that never ran. */
interface TestTotals {
  passed: number;
  failed: number;
  /** Passed tests of each project, such as the I/O engine they ran on. */
  readonly passedIn: Record<string, number>;
}

/** Counts the tests of finished modules; `strayErrorCount` is of errors outside any test. */
function totalsOf(
  modules: readonly TestModule[], strayErrorCount: number, isFiltered: boolean,
): TestTotals {
  const totals: TestTotals = { passed: 0, failed: strayErrorCount, passedIn: {} };
  for (const module of modules) {
    let failedInModule = 0;
    const { name } = module.project;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === 'passed') {
        totals.passed++;
        totals.passedIn[name] = (totals.passedIn[name] ?? 0) + 1;
      } else if (state !== 'skipped' || !isFiltered) {
        failedInModule++;
      }
    }
    const isBrokenOutsideTests = module.state() === 'failed' && failedInModule === 0;
    totals.failed += failedInModule + (isBrokenOutsideTests ? 1 : 0);
  }
  return totals;
}

/** Prints, and on request writes, the totals of a run. */
export class CountReporter implements Reporter {
  private isFiltered = false;

  onInit(vitest: Vitest): void {
    this.isFiltered = vitest.config.testNamePattern !== undefined;
  }

  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const totals = totalsOf(modules, errors.length, this.isFiltered);
    const summaryPath = process.env['KORA_TEST_SUMMARY'];
    if (summaryPath !== undefined && summaryPath !== '') {
      writeFileSync(summaryPath, `${JSON.stringify(totals)}\n`);
    }
    // After the default reporter's own summary, so that this stays the last line of the run.
    process.once('exit', () => {
      if (totals.failed > 0) process.exitCode ||= 1;
      process.stdout.write(`${totals.passed} passed, ${totals.failed} failed\n`);
    });
  }
}
