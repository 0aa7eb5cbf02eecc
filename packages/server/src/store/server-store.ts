/**
 * The directory of a server, from the thread that starts it: opened, checked and locked before any
 * shard runs, given back when all have ended. What each shard has to load goes to its thread.
 */
import { resolve } from 'node:path';
import {
  nodeProcesses, NodeFiles, openStore, reportText, storePlanOf,
} from '@kora/storage/directory';
import type { OpenedStore, StorePlan } from '@kora/storage/directory';
import type { Log } from '../log.ts';

/** A directory that is this server's. */
export interface ServerStore {
  readonly plan: StorePlan;
  /** Gives it back; any number of times. */
  close(): void;
}

/**
 * Opens a directory for so many workers.
 * @throws {Fault} (rejects) DIRECTORY_IN_USE, CORRUPT_FILE, DISK_FAILED, OUT_OF_MEMORY
 */
export async function openServerStore(
  directory: string, workerCount: number, log: Log,
): Promise<ServerStore> {
  const path = resolve(directory);
  const files = new NodeFiles();
  const options = {
    directory: path, shardCount: workerCount, processes: nodeProcesses, nowMs: Date.now(),
  };
  const opened = openStore(files, options, null) ?? await openOtherCount();
  for (const report of opened.reports) {
    log(report.kind === 'removed' ? 'notice' : 'warning', reportText(report));
  }
  if (opened.dealtOutCount >= 0) {
    const workers = workerCount === 1 ? '1 worker' : `${workerCount} workers`;
    log('notice', `${opened.dealtOutCount} keys were dealt out to ${workers}`);
  }
  return {
    plan: storePlanOf(opened),
    close: () => { opened.close(); },
  };

  /** Another number of workers has written it: that takes the engine, which is loaded now. */
  async function openOtherCount(): Promise<OpenedStore> {
    const { dealOut } = await import('@kora/storage/engine');
    return openStore(files, options, dealOut);
  }
}
