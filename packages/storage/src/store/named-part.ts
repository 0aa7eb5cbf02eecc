/**
 * Whether the parts that a manifest names are there and are those that are meant: what recovery,
 * an inspection and a repair have to agree on. A part with good checksums that belongs to another
 * snapshot or shard is damage too.
 */
import type { Damage } from '../errors.ts';
import type { PartFacts } from '../snapshot/part-writer.ts';
import { partName } from '../snapshot/snapshot-layout.ts';
import type { PartHeader } from '../snapshot/snapshot-layout.ts';
import type { Manifest } from './manifest.ts';

/** A part that the manifest names and the directory does not have; undefined: all are there. */
export function missingPart(
  directory: string, names: readonly string[], manifest: Manifest,
): Damage | undefined {
  const part = manifest.parts.find(({ name }) => !names.includes(name));
  if (part === undefined) return undefined;
  const expected = `${part.bytes} bytes of snapshot`;
  return { path: `${directory}/${part.name}`, offset: 0, expected, found: 'no such file' };
}

/** Why a file is not the one that the manifest names, by its header and its length. */
export function wrongPart(
  path: string, facts: PartFacts, { snapshot, shard }: PartHeader, fileBytes: number,
): Damage | undefined {
  const name = partName(snapshot, shard);
  if (name === facts.name && fileBytes === facts.bytes) return undefined;
  return {
    path, offset: 0, expected: `${facts.name} of ${facts.bytes} bytes`,
    found: `${name} of ${fileBytes} bytes`,
  };
}

/** Why a part that was read whole does not hold what the manifest says. */
export function wrongContent(
  path: string, facts: PartFacts, found: Pick<PartFacts, 'entryCount' | 'blocksCrc'>,
): Damage | undefined {
  const { bytes, entryCount, blocksCrc } = facts;
  if (found.entryCount === entryCount && found.blocksCrc === blocksCrc) return undefined;
  return {
    path, offset: bytes, expected: `${entryCount} entries of the manifest`,
    found: `${found.entryCount} others`,
  };
}
