/**
 * `kora import` and `kora export` as a person meets them: progress while they run, what was done
 * and what was not at the end. SIGINT and SIGTERM end the following of a source in order, anything
 * else at once.
 */
import { endWith, failToStart } from '../ending.ts';
import { warningsOf } from './dump-loader.ts';
import type { LoadReport } from './dump-loader.ts';
import { exportFile } from './export-file.ts';
import { importFile } from './import-file.ts';
import { importLive } from './import-live.ts';
import { Progress } from './progress.ts';
import type { ServerUrl } from './server-url.ts';
import type { TransferRequest } from './transfer-line.ts';

const MEGABYTE = 1_000_000;

type ImportRequest = Extract<TransferRequest, { task: 'import' }>;
type ExportRequest = Extract<TransferRequest, { task: 'export' }>;

/** Does it; the process ends with 0, or with 1 and one line that says why. */
export function transfer(request: TransferRequest): void {
  const progress = new Progress(process.stderr, monotonicMs);
  const done = request.task === 'export'
    ? exportTo(request, progress) : importFrom(request, progress);
  done.then(() => {
    endWith(0);
  }, (cause: unknown) => {
    progress.clear();
    failToStart(cause);
  });
}

async function exportTo(request: ExportRequest, progress: Progress): Promise<void> {
  const endAtOnce = (): void => {
    progress.clear();
    endWith(1);
  };
  process.on('SIGINT', endAtOnce);
  process.on('SIGTERM', endAtOnce);
  const { path, mayReplace, isLive, format } = request;
  const report = await exportFile({
    path, source: request.from, mayReplace, isLive, format, nowMs: monotonicMs, progress,
  });
  progress.clear();
  say(`exported ${report.keys} keys of ${request.from.shown} to ${path}`, report.bytes, progress);
  if (report.plainHashes > 0) {
    warn('hashes that were written without the deadlines of their fields, which Redis 7.0 does ' +
      `not know: ${report.plainHashes}; --valkey keeps them`);
  }
  if (report.vectorSets > 0) {
    warn('vector sets that were left out, since nothing but Kora could load them: ' +
      String(report.vectorSets));
  }
}

async function importFrom(request: ImportRequest, progress: Progress): Promise<void> {
  const { from, to, isFlushing, isSkippingModules } = request;
  if (typeof from !== 'string') {
    await follow(request, from, progress);
    return;
  }
  const report = await importFile({
    path: from, target: to, isFlushing, isSkippingModules, progress,
  });
  tellLoaded(report, from, to, progress);
}

async function follow(
  request: ImportRequest, source: ServerUrl, progress: Progress,
): Promise<void> {
  const stop = new AbortController();
  let isFollowing = false;
  const onSignal = (): void => {
    if (stop.signal.aborted || !isFollowing) {
      progress.clear();
      endWith(1);
    }
    stop.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  const report = await importLive({
    source, target: request.to, isFlushing: request.isFlushing,
    isSkippingModules: request.isSkippingModules, isOnce: request.isOnce, progress,
    retryMs: request.retryMs, nowMs: monotonicMs, stop: stop.signal,
    onFollowing: (loaded) => {
      isFollowing = true;
      tellLoaded(loaded, source.shown, request.to, progress);
      if (!request.isOnce) process.stdout.write('kora: following changes; Ctrl-C ends it\n');
    },
  });
  progress.clear();
  if (request.isOnce) return;
  process.stdout.write(`kora: stopped after ${report.commands} commands\n`);
  if (report.reconnections > 0) {
    warn(`times that the connection to the source was made again: ${report.reconnections}`);
  }
  if (report.splitTransactions > 0) {
    warn('transactions that were done command by command, because their keys lie on several ' +
      `workers of the target: ${report.splitTransactions}`);
  }
  if (report.functions > 0) warn(`changes of functions that were left out: ${report.functions}`);
}

function tellLoaded(report: LoadReport, from: string, to: ServerUrl, progress: Progress): void {
  progress.clear();
  const version = report.version === '' ? '' : `, ${report.version}`;
  say(`imported ${report.keys} keys of ${from}${version} into ${to.shown}`, report.bytes, progress);
  for (const warning of warningsOf(report)) warn(warning);
}

/** What was done, how much, and how fast. */
function say(what: string, bytes: number, progress: Progress): void {
  const { seconds } = progress;
  const megabytes = bytes / MEGABYTE;
  const speed = (megabytes / seconds).toFixed(0);
  process.stdout.write(
    `kora: ${what}: ${megabytes.toFixed(1)} MB in ${seconds.toFixed(1)} s, ${speed} MB/s\n`,
  );
}

function monotonicMs(): number {
  return performance.now();
}

function warn(what: string): void {
  process.stderr.write(`kora: ${what}\n`);
}
