/**
 * The one way this package reports a broken invariant: misuse of the API by the program, never
 * something a peer sent (that is a ProtocolError). Always on; a failed assertion is a bug.
 */

/** Throws when a fact that the caller guarantees does not hold. */
export function assert(condition: boolean, fact: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${fact}`);
}
