/**
 * How node:fs opens the engine's files, at once (node-files.ts) and in the background
 * (callback-disk.ts): both make the same files, with the same rights.
 */
import { platform } from 'node:process';

const flags = ['r', 'r+', 'w+', 'wx+'] as const;

/** Rights of new files: the data belongs to who runs the engine. */
export const FILE_RIGHTS = 0o600;

/** Windows cannot open a directory; its file systems log their names by themselves. */
export const canSyncDirectories = platform !== 'win32';

/** What node:fs calls a mode. @param mode an OpenMode */
export function flagsOfMode(mode: number): string {
  return flags[mode] ?? 'r';
}
