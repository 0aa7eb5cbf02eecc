/**
 * A type whose values lie in their entries and own nothing: what tests below the commands register
 * in place of the string type, whole or as the rest of a handler of their own. What such a test
 * never asks for (saving, loading, replaying) is refused.
 */
import { AssertionError } from '../assert.ts';
import type { TypeHandler } from '../keyspace/type-handler.ts';

/** Registered under ValueType.String, or spread into another handler. */
export const inlineHandler: TypeHandler = Object.freeze({
  name: 'string',
  rdbTypes: [],
  freeValue: () => undefined,
  freeSlice: () => true,
  copyValue: () => true,
  encodingName: () => 'raw',
  ownedBytes: () => 0,
  evacuate: () => 0,
  save: refuse,
  load: refuse,
  replay: refuse,
  check: () => undefined,
});

function refuse(): never {
  throw new AssertionError('a test below the commands neither saves nor replays values');
}
