/**
 * Who asks what commands of a shard do beside their replies, in one word (Shard.attention): while
 * it is 0, and the client of a command tracks nothing, the executor goes the short way and looks at
 * none of those who might ask. Each bit is kept by who owns it, and says `perhaps`: with a bit that
 * stays longer than needed a command takes the long way, which finds nothing to do.
 */

/** Bits of Shard.attention. */
export const Attention = Object.freeze({
  /** Clients wait for keys, or keys are ready that nobody has looked at (WaitTable). */
  Waiting: 1 << 0,
  /** Changes are told to clients that keep what they have read (Tracking). */
  Tracking: 1 << 1,
} as const);
