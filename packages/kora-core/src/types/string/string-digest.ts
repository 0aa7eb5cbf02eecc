/**
 * The digest of a string value: XXH3 of 64 bits as 16 lower-case hexadecimal characters, as DIGEST
 * answers and as IFDEQ and IFDNE compare. Long values pass through the scratch area in parts.
 * Cost: O(bytes), one hasher a thread.
 */
import { Xxh3Hasher } from '../../bytes/xxh3.ts';
import { SCRATCH_BYTES } from '../../limits.ts';
import type { Shard } from '../../shard/shard.ts';
import { copyStringRange, stringBytes } from './string.ts';

/** Characters of a digest. */
export const DIGEST_CHARACTERS = 16;

const hasher = new Xxh3Hasher();

/** Digest of the value of entry `ref`. */
export function digestText(shard: Shard, ref: number): string {
  const { low } = shard.memory;
  const bytes = stringBytes(shard, ref);
  hasher.reset();
  for (let done = 0; done < bytes; done += SCRATCH_BYTES) {
    const step = Math.min(SCRATCH_BYTES, bytes - done);
    copyStringRange(shard, ref, done, step, shard.scratchAt);
    hasher.update(low, shard.scratchAt, step);
  }
  return hasher.digest().toString(16).padStart(DIGEST_CHARACTERS, '0');
}
