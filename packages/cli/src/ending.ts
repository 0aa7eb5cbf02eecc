/**
 * How the process ends, and what it says then: one line for whoever started it, a stack only for
 * what should not have happened.
 */
import { Fault } from '@kora/core/control';

/**
 * Ends the process now; what was written to a pipe has left, since Node writes to those at once.
 */
export function endWith(code: number): never {
  process.exit(code);
}

/** The message of anything thrown, on one line. */
export function oneLineOf(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  return message.replace(/\s*\n\s*/g, ' ').trim();
}

/** Says why nothing was started, and ends with 1. A defect of ours also shows its stack. */
export function failToStart(cause: unknown): never {
  const isExpected = cause instanceof Fault;
  const stack = !isExpected && cause instanceof Error ? `${cause.stack ?? ''}\n` : '';
  process.stderr.write(`kora: ${oneLineOf(cause)}\n${stack}`);
  endWith(1);
}
