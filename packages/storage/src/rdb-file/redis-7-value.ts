/**
 * Values as redis-server 7.0 can load them. Of all that Kora writes two are beyond it. Hashes whose
 * fields have deadlines (type 22, from Valkey 9) become plain hashes, and whoever exports says so,
 * since the deadlines are lost. Vector sets (type 176, our own) have no other form: who exports
 * leaves them out.
 */
import { assert } from '@kora/core/control';
import { RdbCursor, RdbType } from '@kora/core/rdb';

const DEADLINE_BYTES = 8;

/** True for a value, type byte first, that redis-server 7.0 does not know. */
export function isBeyondRedis7(value: Uint8Array): boolean {
  return value[0] === RdbType.HashTimed;
}

/** The same hash without the deadlines of its fields; a new array.
 * @param value type byte and body of a hash with deadlines, sound */
export function withoutDeadlines(value: Uint8Array): Uint8Array {
  assert(isBeyondRedis7(value), 'a hash has deadlines to lose');
  const cursor = new RdbCursor(value, 1, value.length);
  const count = cursor.readLength();
  assert(count !== undefined, 'a hash has a count');
  const plain = new Uint8Array(value.length);
  plain[0] = RdbType.Hash;
  plain.set(value.subarray(1, cursor.position), 1);
  let end = cursor.position;
  for (let i = 0; i < count; i++) {
    const from = cursor.position;
    skipString(cursor);
    skipString(cursor);
    plain.set(value.subarray(from, cursor.position), end);
    end += cursor.position - from;
    cursor.position += DEADLINE_BYTES;
  }
  return plain.subarray(0, end);
}

/** Passes over a string without making more of it than a view, where it is plain. */
function skipString(cursor: RdbCursor): void {
  const value = cursor.readStringView(Infinity);
  assert(value !== undefined, 'a hash is sound');
}
