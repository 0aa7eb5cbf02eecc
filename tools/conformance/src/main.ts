/**
 * The conformance tool: plays the corpus, or a part of it, and reports.
 *
 * Run after a build: `node dist/main.js --help`. Targets held against known-gaps.json are
 *   Kora's own; the reference and foreign servers must pass everything.
 * Output: a line per file and protocol, then `N passed, N failed` (known gaps between them when
 *   there are any). Exit status 0 only when nothing failed, 2 for a wrong command line.
 */
import { parseCommandLine, USAGE, type Options } from './command-line.ts';
import { chooseCases, loadCorpus } from './corpus.ts';
import type { Driver } from './drivers/driver.ts';
import { differentialMain } from './differential/differential-main.ts';
import { typeHuntMain } from './differential/types/type-hunt-main.ts';
import { embeddedDriver } from './drivers/embedded-driver.ts';
import { socketDriver, type SocketTarget } from './drivers/socket-driver.ts';
import { openEmbeddedEngine } from './embedded-engine.ts';
import { loadKnownGaps, saveKnownGaps } from './known-gaps-file.ts';
import { isBad, updatedGaps, type KnownGaps } from './known-gaps.ts';
import { Player } from './play.ts';
import { complaintOf, runFile, type CaseResult } from './run-corpus.ts';
import {
  KORA_CORPUS_FLAGS,
  REFERENCE_CORPUS_FLAGS,
  startKora,
  startReference,
} from './server-process.ts';

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

interface Totals {
  passed: number;
  knownGaps: number;
  failed: number;
}

interface Report extends Totals {
  readonly files: ({ file: string; driver: string } & Totals)[];
  readonly failures: (CaseResult & { driver: string })[];
}

/** An engine to play against; `stop` ends what was started for it. */
interface Stage {
  readonly drivers: readonly Driver[];
  readonly stop: () => Promise<void> | void;
}

async function main(words: readonly string[]): Promise<number> {
  if (words.includes('--help')) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  if (words[0] === '--differential') return differentialMain(words.slice(1));
  if (words[0] === '--differential-types') return typeHuntMain(words.slice(1));
  let options: Options;
  try {
    options = parseCommandLine(words);
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n${USAGE}\n`);
    return EXIT_USAGE;
  }
  const stage = await openStage(options);
  try {
    const report = await run(options, stage.drivers);
    if (options.isJson) process.stdout.write(`${JSON.stringify(report, null, 1)}\n`);
    const stream = options.isJson ? process.stderr : process.stdout;
    const gapsText = report.knownGaps === 0 ? '' : `, ${String(report.knownGaps)} known gaps`;
    stream.write(`${String(report.passed)} passed${gapsText}, ${String(report.failed)} failed\n`);
    const hasFailed = report.failed > 0 && options.gapReason === undefined;
    return hasFailed ? EXIT_FAILED : 0;
  } finally {
    await stage.stop();
  }
}

async function openStage(options: Options): Promise<Stage> {
  switch (options.target) {
    case 'embedded': {
      const engine = await openEmbeddedEngine();
      return { drivers: [embeddedDriver(engine)], stop: () => engine.close() };
    }
    case 'kora': {
      const io = options.io === undefined ? [] : ['--io', options.io];
      const server = await startKora([...KORA_CORPUS_FLAGS, ...io]);
      return { drivers: socketDrivers(options, server), stop: () => server.stop() };
    }
    case 'reference': {
      const server = await startReference(REFERENCE_CORPUS_FLAGS);
      return { drivers: socketDrivers(options, server), stop: () => server.stop() };
    }
    case 'port':
      return { drivers: socketDrivers(options, options), stop: () => undefined };
  }
}

function socketDrivers(options: Options, { host, port }: SocketTarget): Driver[] {
  return options.protocols.map((protocol) => socketDriver({ host, port }, protocol));
}

async function run(options: Options, drivers: readonly Driver[]): Promise<Report> {
  const report: Report = { passed: 0, knownGaps: 0, failed: 0, files: [], failures: [] };
  const corpus = chooseCases(loadCorpus(), options);
  const isOurs = options.target === 'kora' || options.target === 'embedded';
  let gaps: KnownGaps = isOurs ? loadKnownGaps() : new Map();
  for (const driver of drivers) {
    const player = new Player(driver, options);
    const results: CaseResult[] = [];
    for (const file of corpus) {
      const isEnough = ({ verdict }: CaseResult): boolean =>
        options.stopsAtFailure && isBad(verdict);
      const ofFile = await runFile(file, player, gaps, isEnough);
      results.push(...ofFile);
      addToReport(report, driver, file.name, ofFile, options);
      if (ofFile.some(isEnough)) break;
    }
    player.close();
    if (options.gapReason !== undefined) {
      gaps = updatedGaps(gaps, driver.name, outcomesByKey(results), options.gapReason);
      saveKnownGaps(gaps);
    }
    if (options.stopsAtFailure && report.failed > 0) break;
  }
  return report;
}

function outcomesByKey(results: readonly CaseResult[]): Map<string, { hasFailed: boolean }> {
  return new Map(results.map(({ key, failure }) => [key, { hasFailed: failure !== undefined }]));
}

function addToReport(
  report: Report,
  driver: Driver,
  file: string,
  results: readonly CaseResult[],
  options: Options,
): void {
  const count = (isCounted: (result: CaseResult) => boolean): number =>
    results.filter(isCounted).length;
  const totals: Totals = {
    passed: count(({ verdict }) => verdict === 'passed'),
    knownGaps: count(({ verdict }) => verdict === 'known gap'),
    failed: count(({ verdict }) => isBad(verdict)),
  };
  report.files.push({ file, driver: driver.name, ...totals });
  report.passed += totals.passed;
  report.knownGaps += totals.knownGaps;
  report.failed += totals.failed;
  for (const result of results.filter(({ verdict }) => isBad(verdict))) {
    report.failures.push({ ...result, driver: driver.name });
    if (options.listsFailures && !options.isJson) {
      process.stdout.write(`FAIL ${driver.name} ${complaintOf(result)}\n`);
    }
  }
  if (options.isJson || results.length === 0) return;
  const numbers = [totals.passed, totals.knownGaps, totals.failed].map((number) =>
    String(number).padStart(5),
  );
  const [passed = '', knownGaps = '', failed = ''] = numbers;
  const name = `${driver.name} ${file}`.padEnd(28);
  process.stdout.write(`${name} ${passed} passed ${knownGaps} known gaps ${failed} failed\n`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

main(process.argv.slice(2)).then(
  (exitCode) => {
    process.exitCode = exitCode;
  },
  (error: unknown) => {
    process.stderr.write(`${messageOf(error)}\n`);
    process.exitCode = EXIT_FAILED;
  },
);
