/**
 * Opens a directory for an engine of some number of shards: what each of them has to load and where
 * its log goes on, as plain data for the threads that do it. The directory stays locked until
 * `close`.
 *
 * A directory that was written by another number of shards is dealt out anew first: the keys of
 * each old shard go, by their slots, to new logs, which count from one manifest on. Until then the
 * old logs do, so an end in the middle changes nothing: what it wrote is written again and says the
 * same.
 * Cost: recovery reads the logs once to check them; dealing out loads one old shard at a time.
 */
import type { ShardData } from './shard-load.ts';
import type { Files } from '../disk/files.ts';
import type { Manifest } from '../store/manifest.ts';
import { recoverStore } from '../store/recovery.ts';
import type {
  NextLog, RecoveredStore, RecoveryOptions, RecoveryReport,
} from '../store/recovery.ts';

/** What one shard is opened with; plain data. */
export interface ShardStorePlan {
  readonly data: ShardData;
  readonly next: NextLog;
}

/** A directory that is open. */
export interface OpenedStore {
  readonly directory: string;
  /** One for each shard of the engine. */
  readonly shards: readonly ShardStorePlan[];
  /** The manifest that counts: the next snapshot comes after it. */
  readonly manifest: Manifest;
  /** Numbers of transactions go on behind this one. */
  readonly lastTransaction: number;
  /** What the operator is told. */
  readonly reports: readonly RecoveryReport[];
  /** Keys that were dealt out to another number of shards, -1 = they did not have to be. */
  readonly dealtOutCount: number;
  /** Gives the directory back. Once, when all logs are closed. */
  close(): void;
}

/** Deals the keys of a store out to other shards (deal-out.ts), which loads the whole engine. */
export type DealOut = (files: Files, store: RecoveredStore, nowMs: number) => number;

/**
 * Opens a directory, making it when it is not there.
 * @param dealOut called when the number of shards has changed; null: undefined is the answer then,
 *   and the directory is not open
 * @throws {Fault} `DIRECTORY_IN_USE`, `OUT_OF_MEMORY`; {CorruptFileFault}; {DiskFault}
 */
export function openStore(
  files: Files, options: RecoveryOptions, dealOut: DealOut,
): OpenedStore;
export function openStore(
  files: Files, options: RecoveryOptions, dealOut: DealOut | null,
): OpenedStore | undefined;
export function openStore(
  files: Files, options: RecoveryOptions, dealOut: DealOut | null,
): OpenedStore | undefined {
  const first = recoverStore(files, options);
  if (first.manifest.logSets.length === 1) return openedOf(first, first.reports, -1);
  if (dealOut === null) {
    first.lock.release();
    return undefined;
  }
  let dealtOutCount: number;
  try {
    dealtOutCount = dealOut(files, first, options.nowMs);
  } finally {
    first.lock.release();
  }
  const store = recoverStore(files, options);
  return openedOf(store, [...first.reports, ...store.reports], dealtOutCount);
}

function openedOf(
  store: RecoveredStore, reports: readonly RecoveryReport[], dealtOutCount: number,
): OpenedStore {
  const { directory, lock, manifest, lastTransaction } = store;
  const logs = store.logs[0] ?? [];
  const shards = logs.map((log, shard): ShardStorePlan => {
    const next = store.next[shard];
    if (next === undefined) throw new Error('a shard has a log that goes on');
    return { data: { directory, part: manifest.parts[shard], log }, next };
  });
  let isOpen = true;
  return {
    directory, shards, manifest, lastTransaction, reports, dealtOutCount,
    close: () => {
      if (isOpen) lock.release();
      isOpen = false;
    },
  };
}

/** A report as a line of a log. */
export function reportText(report: RecoveryReport): string {
  switch (report.kind) {
    case 'torn-tail': {
      const { path, offset, expected, found } = report.tail;
      return `${path}: the end was torn and is cut off at byte ${offset} ` +
        `(expected ${expected}, found ${found})`;
    }
    case 'unsettled':
      return `${report.path}: cut off at byte ${report.offset}, where a transaction over several ` +
        'shards begins that not all of them have';
    case 'manifest-passed-over': {
      const { path, offset, expected, found } = report.damage;
      return `${path} is damaged at byte ${offset} (expected ${expected}, found ${found}); the ` +
        'manifest before it tells the same';
    }
    default:
      return `${report.path} is of a snapshot that does not count: removed`;
  }
}
