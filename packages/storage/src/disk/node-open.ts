/**
 * How node:fs opens the engine's files, at once (node-files.ts) and in the background
 * (callback-disk.ts): both make the same files, with the same rights.
 */
import { constants } from 'node:fs';
import { platform } from 'node:process';

const flags: readonly (string | number)[] = ['r', 'r+', 'w+', 'wx+', directFlags()];

/** Rights of new files: the data belongs to who runs the engine. */
export const FILE_RIGHTS = 0o600;

/** Windows cannot open a directory; its file systems log their names by themselves. */
export const canSyncDirectories = platform !== 'win32';

/** What node:fs calls a mode. @param mode an OpenMode */
export function flagsOfMode(mode: number): string | number {
  return flags[mode] ?? 'r';
}

/** -1 where the platform has no such flag; opening with it says EINVAL. */
function directFlags(): number {
  const { O_DIRECT, O_WRONLY } = constants;
  return platform === 'linux' ? O_WRONLY | O_DIRECT : -1;
}
