/**
 * Assertions: the line between an expected failure (a value) and a broken invariant (a stop).
 * `assert` is on in production and about two sit in every function; an AssertionError is never
 * caught inside a shard: the shard stops and the engine refuses work with ENGINE_FAILED.
 * Costly walks (poisoning, free-list searches, whole-table checks) run only under `verify.enabled`,
 * which tests, fuzzing and the simulator switch on. The switch is a property and not a constant, so
 * that one build serves both; reading it costs one load.
 */

/** Thrown by {@link assert} and {@link unreachable}: an invariant of the engine does not hold. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError';
  /** Stable code to match on; the text is for people. */
  readonly code = 'ASSERTION_FAILED';
}

/**
 * Refuses to go on when `condition` is false.
 * @param message the fact that should hold, as a sentence
 * @throws {AssertionError}
 */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** Marks a branch that types prove impossible. @throws {AssertionError} always */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable value: ${String(value)}`);
}

/** Switches for checks that cost more than they may in production. Off unless a test asks. */
export const verify: {
  /** Runs costly checks: double frees, foreign refs, poisoned free blocks. */
  enabled: boolean;
  /** Grows the memory at every allocation, so that a view kept across one is stale at once. */
  growsOnAlloc: boolean;
} = { enabled: false, growsOnAlloc: false };
