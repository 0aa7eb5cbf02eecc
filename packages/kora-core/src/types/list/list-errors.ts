/**
 * Error replies that only lists give, and the refusal of a key of another type; byte-equal to
 * redis-server 7.0.
 */
import type { ReplySink } from '../../command/sink.ts';
import { ReplyError, replyErrors, wrongArity } from '../../errors/reply-error.ts';
import { ValueType } from '../../keyspace/type-handler.ts';
import type { Shard } from '../../shard/shard.ts';

/** Errors whose text never varies. */
export const listErrors = Object.freeze({
  lpopArity: wrongArity('lpop'),
  rpopArity: wrongArity('rpop'),
  rankZero: new ReplyError(
    "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... " +
      'or use negative to start from the end of the list',
  ),
  countNegative: new ReplyError("ERR COUNT can't be negative"),
  lengthNegative: new ReplyError("ERR MAXLEN can't be negative"),
});

/** True when the key is absent or holds a list; else the error is written. */
export function isListOrAbsent(shard: Shard, ref: number, out: ReplySink): boolean {
  if (ref === 0 || shard.keyspace.isType(ref, ValueType.List)) return true;
  out.error(replyErrors.wrongType);
  return false;
}
