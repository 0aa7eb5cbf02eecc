/**
 * Holds keys of entries against a glob pattern, for KEYS and SCAN. Keys lie in the arena, which
 * byte views must not touch, so each is copied first: up to the scratch area's size into low
 * memory, longer ones through it into a buffer of this object. Any bytes match as they are; nothing
 * is decoded.
 * Cost: one copy (15 ns up to 64 bytes) and one match a key; at most one buffer of KEY_BYTES_MAX.
 */
import { assert } from '../assert.ts';
import { globMatch } from '../bytes/glob.ts';
import { KEY_BYTES_MAX, SCRATCH_BYTES } from '../limits.ts';
import type { Shard } from '../shard/shard.ts';
import { entryKeyAt, entryKeyBytes } from '../structs/entry.hot.ts';

const STAR = 0x2a;

/** One pattern, for one command. Uses the shard's scratch area. */
export class KeyMatcher {
  readonly #shard: Shard;
  readonly #patternAt: number;
  readonly #patternBytes: number;
  /** True when every key matches: the pattern `*`, which unlike a glob also takes the empty key. */
  readonly matchesAll: boolean;
  #longKey: Uint8Array | null = null;

  /** @param patternAt byte offset in low memory */
  constructor(shard: Shard, patternAt: number, patternBytes: number) {
    this.#shard = shard;
    this.#patternAt = patternAt;
    this.#patternBytes = patternBytes;
    this.matchesAll = patternBytes === 1 && shard.memory.low[patternAt] === STAR;
  }

  /** True when the entry's key matches. */
  matches(ref: number): boolean {
    if (this.matchesAll) return true;
    const { memory, scratchAt } = this.#shard;
    const keyAt = entryKeyAt(memory.i32, ref);
    const keyBytes = entryKeyBytes(memory.i32, ref);
    if (keyBytes > SCRATCH_BYTES) return this.#matchesLong(keyAt, keyBytes);
    memory.kernel.copy(scratchAt, keyAt, keyBytes);
    return globMatch(
      memory.low, this.#patternAt, this.#patternBytes, memory.low, scratchAt, keyBytes, false,
    );
  }

  #matchesLong(keyAt: number, keyBytes: number): boolean {
    assert(keyBytes <= KEY_BYTES_MAX, 'keys are bounded');
    const { memory, scratchAt } = this.#shard;
    const key = (this.#longKey ??= new Uint8Array(KEY_BYTES_MAX));
    for (let done = 0; done < keyBytes; done += SCRATCH_BYTES) {
      const step = Math.min(SCRATCH_BYTES, keyBytes - done);
      memory.kernel.copy(scratchAt, keyAt + done, step);
      key.set(memory.low.subarray(scratchAt, scratchAt + step), done);
    }
    const { low } = memory;
    return globMatch(low, this.#patternAt, this.#patternBytes, key, 0, keyBytes, false);
  }
}
