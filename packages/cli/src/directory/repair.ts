/**
 * `kora repair`: makes a directory that recovery refuses one that opens, by leaving out what cannot
 * be believed, and says what that was. Copies of all it changes stay in the directory.
 */
import { statSync } from 'node:fs';
import { Fault } from '@kora/core/control';
import { nodeProcesses, NodeFiles, repairDirectory } from '@kora/storage';
import type { WriteLine } from './inspect.ts';

/**
 * Repairs a directory.
 * @throws {Fault} `DIRECTORY_IN_USE`, `INVALID_ARGUMENT`; {CorruptFileFault} what cannot be
 *   repaired; {DiskFault}
 */
export function repair(path: string, nowMs: number, write: WriteLine): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new Fault('INVALID_ARGUMENT', `${path}: there is no such directory`);
  }
  const { steps, copyDirectory } = repairDirectory(
    new NodeFiles(), path, nodeProcesses, nowMs,
  );
  if (copyDirectory === undefined) {
    write(`${path} holds: nothing was changed`);
    return;
  }
  for (const { action, path: changed, bytes, damage } of steps) {
    const { offset, expected, found } = damage;
    const what = action === 'cut' ? `cut to ${bytes} bytes` : 'removed';
    const cost = action === 'superfluous' ? ' without loss' : '';
    const where = damage.path === changed ? '' : `${damage.path} `;
    write(`${changed}: ${what}${cost}, ${where}damaged at byte ${offset} ` +
      `(expected ${expected}, found ${found})`);
  }
  write(`the files as they were are in ${copyDirectory}`);
}
