/**
 * Replies that most string commands share: the value or null, and the refusal of a key of another
 * type.
 */
import type { ReplySink } from '../../command/sink.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import { ValueType } from '../../keyspace/type-handler.ts';
import type { Shard } from '../../shard/shard.ts';
import { writeString } from './string.ts';

/** Writes the string of entry `ref`, null for an absent key. */
export function writeStringOrNull(shard: Shard, ref: number, out: ReplySink): void {
  if (ref === 0) out.null();
  else writeString(shard, ref, out);
}

/** True when the key is absent or holds a string; else the error is written. */
export function isStringOrAbsent(shard: Shard, ref: number, out: ReplySink): boolean {
  if (ref === 0 || shard.keyspace.isType(ref, ValueType.String)) return true;
  out.error(replyErrors.wrongType);
  return false;
}
