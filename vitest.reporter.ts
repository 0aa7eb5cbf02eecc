/**
 * Ends a run with the plain line `N passed, N failed`, for people and for scripts that read logs.
 * A test file that cannot load and an error outside any test count as one failure each: a run
 * that proved nothing must not read as a success. A skipped test counts as failed for the same
 * reason, and none may be committed; one left out by a name filter (`-t`) counts not at all.
 * When KORA_TEST_SUMMARY names a file, the same two numbers are written there as JSON, with the
 * passed tests of every project, so that `.ci/run` sees which engines were tested, and with what
 * failed and why, so that it can say that again at its end.
 */
import { writeFileSync } from 'node:fs';
import type { Reporter, TestCase, TestModule, Vitest } from 'vitest/node';

/** Totals of one run; `failed` includes broken files, stray errors and tests that never ran. */
interface TestTotals {
  passed: number;
  failed: number;
  /** Passed tests of each project, such as the I/O engine they ran on. */
  readonly passedIn: Record<string, number>;
  /** A line or a few of each failure: where, and the error's first lines. */
  readonly failures: string[];
}

/** Of what one failure says of itself. */
const FAILURE_LINES_MAX = 12;

/** The first lines of an error. */
function headOf(error: unknown): string {
  const { stack, message } = error as { stack?: string; message?: string };
  return (stack ?? message ?? String(error)).split('\n').slice(0, FAILURE_LINES_MAX).join('\n  ');
}

/** Where a test failed, and with which errors. */
function failureOf(module: TestModule, test: TestCase): string {
  const { state, errors } = test.result();
  const head = `[${module.project.name}] ${module.relativeModuleId} > ${test.fullName}: ${state}`;
  return [head, ...(errors ?? []).map(headOf)].join('\n  ');
}

/** Counts the tests of finished modules; `strayErrors` are those outside any test. */
function totalsOf(
  modules: readonly TestModule[], strayErrors: readonly unknown[], isFiltered: boolean,
): TestTotals {
  const totals: TestTotals = {
    passed: 0, failed: strayErrors.length, passedIn: {}, failures: strayErrors.map(headOf),
  };
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
        totals.failures.push(failureOf(module, test));
      }
    }
    const isBrokenOutsideTests = module.state() === 'failed' && failedInModule === 0;
    totals.failed += failedInModule + (isBrokenOutsideTests ? 1 : 0);
    if (isBrokenOutsideTests) {
      const reasons = module.errors().map(headOf);
      totals.failures.push([`[${name}] ${module.relativeModuleId}`, ...reasons].join('\n  '));
    }
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
    const totals = totalsOf(modules, errors, this.isFiltered);
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
