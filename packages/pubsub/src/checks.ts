/**
 * Arguments of a program, checked before anything is done: what has the wrong type would otherwise
 * be noticed later, in the middle of somebody else's call. Each refusal says what was given and
 * what is wanted.
 */
import { Fault } from '@kora/core';
import { binaryOf } from './binary-text.ts';
import type { Name, Payload } from './message.ts';

/** A name as a binary string. @throws {Fault} INVALID_ARGUMENT */
export function checkedName(name: Name): string {
  return binaryOf(checkedBytes('a name', name));
}

/** Text or bytes. @throws {Fault} INVALID_ARGUMENT */
export function checkedPayload(payload: Payload): Payload {
  return checkedBytes('a payload', payload);
}

function checkedBytes(what: string, given: unknown): string | Uint8Array {
  if (typeof given === 'string' || given instanceof Uint8Array) return given;
  throw new Fault('INVALID_ARGUMENT', `${what} is a string or a Uint8Array, not ${kindOf(given)}`);
}

/** A function that is called later. @throws {Fault} with `code` */
export function checkedFunction<T>(
  code: 'INVALID_ARGUMENT' | 'INVALID_OPTION', what: string, given: T,
): T {
  if (typeof given === 'function') return given;
  throw new Fault(code, `${what} is a function, not ${kindOf(given)}`);
}

/** Options that are all known. @throws {Fault} INVALID_OPTION */
export function checkOptions(given: unknown, known: readonly string[]): void {
  if (typeof given !== 'object' || given === null) {
    throw new Fault('INVALID_OPTION', `options are an object, not ${kindOf(given)}`);
  }
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new Fault('INVALID_OPTION', `unknown option "${unknown}"; there is ${known.join(', ')}`);
}

function kindOf(given: unknown): string {
  return given === null ? 'null' : typeof given;
}
