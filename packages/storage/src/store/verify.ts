/**
 * Whether recovery would accept a directory, without opening it: what it reads is read, and judged
 * by the same rules; nothing is changed and no lock is taken. What an engine is writing at the
 * moment may look torn, which is no damage.
 */
import type { Files } from '../disk/files.ts';
import { CorruptFileFault } from '../errors.ts';
import type { Damage } from '../errors.ts';
import { inspectFile } from './inspect.ts';
import type { FileSummary } from './inspect.ts';
import type { Manifest } from './manifest.ts';
import { missingPart, wrongContent, wrongPart } from './named-part.ts';
import { scanLogSet } from './recover-logs.ts';
import { findManifest, missingManifest } from './recovery.ts';

/**
 * Reads the newest manifest that counts, and all that it names.
 * @param inspected what `inspectDirectory` has just found: parts that held are not read again
 * @returns why recovery refuses the directory; undefined: it does not
 * @throws {DiskFault}
 */
export function damageOfDirectory(
  files: Files, directory: string, inspected: readonly FileSummary[] = [],
): Damage | undefined {
  const names = files.list(directory);
  try {
    const manifest = findManifest(files, directory, names, []);
    if (manifest === undefined) return missingManifest(directory, names);
    const damage = damageOfSnapshot(files, directory, names, manifest, inspected);
    if (damage !== undefined) return damage;
    for (const set of manifest.logSets) scanLogSet(files, names, directory, set);
    return undefined;
  } catch (error) {
    if (!(error instanceof CorruptFileFault)) throw error;
    const { path, offset, expected, found } = error;
    return { path, offset, expected, found };
  }
}

/**
 * Reads all parts that a manifest names.
 * @param names of the files in the directory
 * @param inspected what is known of files; a part that held is not read again
 * @returns why they cannot be loaded; undefined: they can
 * @throws {DiskFault}
 */
export function damageOfSnapshot(
  files: Files, directory: string, names: readonly string[], manifest: Manifest,
  inspected: readonly FileSummary[] = [],
): Damage | undefined {
  const missing = missingPart(directory, names, manifest);
  if (missing !== undefined) return missing;
  for (const facts of manifest.parts) {
    // A part that did not hold may have been finished since by an engine that runs.
    const held = inspected.find(({ name, damage }) =>
      name === facts.name && damage === undefined);
    const summary = held ?? inspectFile(files, directory, facts.name);
    if (summary.damage !== undefined) return summary.damage;
    if (summary.kind !== 'part' || summary.header === undefined) continue;
    const path = `${directory}/${facts.name}`;
    const wrong = wrongPart(path, facts, summary.header, summary.bytes)
      ?? wrongContent(path, facts, summary);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}
