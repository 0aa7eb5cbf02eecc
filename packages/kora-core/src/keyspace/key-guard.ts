/**
 * Keys that stay as they are although their time has come or memory is short. An EXEC over several
 * shards runs in several steps (docs/internals/mesh.md), between which its shards serve others, yet
 * to its commands all of them are one moment: what expires or is evicted in the background then
 * would be seen to go in the middle of it. What is asked for by a command is under locks anyway.
 */

/** Says which entries nothing may take away now. */
export interface KeyGuard {
  /** @param ref an entry of any database of the shard */
  holds(ref: number): boolean;
}
