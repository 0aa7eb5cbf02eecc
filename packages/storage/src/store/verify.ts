/**
 * Whether recovery would accept a directory, without opening it: what it reads is read, and judged
 * by the same rules; nothing is changed and no lock is taken. What an engine is writing at the
 * moment may look torn, which is no damage.
 */
import type { Files } from '../disk/files.ts';
import { CorruptFileFault } from '../errors.ts';
import type { Damage } from '../errors.ts';
import { inspectFile } from './inspect.ts';
import { scanLogSet } from './recover-logs.ts';
import { findManifest } from './recovery.ts';

/**
 * Reads the newest manifest that counts, and all that it names.
 * @returns why recovery refuses the directory; undefined: it does not
 * @throws {DiskFault}
 */
export function damageOfDirectory(files: Files, directory: string): Damage | undefined {
  const names = files.list(directory);
  try {
    const manifest = findManifest(files, directory, names, []);
    if (manifest === undefined) return undefined;
    for (const { name } of manifest.parts) {
      const { damage } = inspectFile(files, directory, name);
      if (damage !== undefined) return damage;
    }
    for (const set of manifest.logSets) scanLogSet(files, names, directory, set);
    return undefined;
  } catch (error) {
    if (!(error instanceof CorruptFileFault)) throw error;
    const { path, offset, expected, found } = error;
    return { path, offset, expected, found };
  }
}
