/**
 * One process per directory: a file with the number of the process that has it, made in one step.
 * A lock whose process is gone is stale and is replaced, which a second process may try at the same
 * time: the stale file is moved to a name of one's own first, and whoever moved what it had read
 * goes on.
 */
import { Fault } from '@kora/core/control';
import { Errno } from '../disk/errno.ts';
import { OpenMode, readWhole, writeAll } from '../disk/files.ts';
import type { Files } from '../disk/files.ts';
import { DiskFault } from '../errors.ts';
import type { ProcessTable } from './process-table.ts';

/** Name of the lock in its directory. */
export const LOCK_NAME = 'kora.lock';
/** Processes that may end while we try; more means that something else is wrong. */
const ATTEMPTS_MAX = 8;

/** A directory that is this process's until `release`. */
export interface DirectoryLock {
  readonly path: string;
  /** Gives the directory back. @throws {DiskFault} */
  release(): void;
}

/**
 * Takes a directory.
 * @throws {Fault} `DIRECTORY_IN_USE` with the process that has it; {DiskFault}
 */
export function lockDirectory(
  files: Files, directory: string, processes: ProcessTable,
): DirectoryLock {
  const path = `${directory}/${LOCK_NAME}`;
  const own = `${processes.pid} ${processes.identityOf(processes.pid) ?? ''}\n`;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    if (tryCreate(files, path, own)) {
      return { path, release: () => { files.unlink(path); } };
    }
    const text = tryRead(files, path);
    if (text === undefined) continue;
    const holder = liveHolder(text, processes);
    if (holder !== 0) {
      throw new Fault(
        'DIRECTORY_IN_USE',
        `${directory} is in use by process ${holder}: a directory belongs to one engine at a time`,
      );
    }
    takeAway(files, path, text, processes.pid);
  }
  throw new Fault('DIRECTORY_IN_USE', `${path} changes hands all the time: try again`, {
    isRetryable: true,
  });
}

/** Creates the lock with its content. @returns false when there is one */
function tryCreate(files: Files, path: string, content: string): boolean {
  try {
    const file = files.open(path, OpenMode.CreateNew);
    try {
      writeAll(files, file, new TextEncoder().encode(content), 0);
    } catch (error) {
      tryRemove(files, path);
      throw error;
    } finally {
      files.close(file);
    }
    return true;
  } catch (error) {
    if (error instanceof DiskFault && error.errno === Errno.Exists) return false;
    throw error;
  }
}

/** Removes a lock on the way out of a failure, which is told instead of this one's. */
export function tryRemove(files: Files, path: string): void {
  try {
    files.unlink(path);
  } catch (error) {
    if (!(error instanceof DiskFault)) throw error;
  }
}

function tryRead(files: Files, path: string): string | undefined {
  try {
    return new TextDecoder('latin1').decode(readWhole(files, path));
  } catch (error) {
    if (error instanceof DiskFault && error.errno === Errno.NotFound) return undefined;
    throw error;
  }
}

/** Number of the process that wrote the lock and lives; 0 for a stale one. */
function liveHolder(text: string, processes: ProcessTable): number {
  const match = /^(\d{1,10}) (\S*)\n$/.exec(text);
  if (match === null) return 0;
  const holder = Number(match[1]);
  const identity = processes.identityOf(holder);
  return identity === undefined || identity !== match[2] ? 0 : holder;
}

/** Removes a stale lock, unless it is another one by now. */
function takeAway(files: Files, path: string, stale: string, pid: number): void {
  const aside = `${path}.${pid}`;
  try {
    files.rename(path, aside);
  } catch (error) {
    if (error instanceof DiskFault && error.errno === Errno.NotFound) return;
    throw error;
  }
  if (tryRead(files, aside) === stale) files.unlink(aside);
  else files.rename(aside, path);
}
