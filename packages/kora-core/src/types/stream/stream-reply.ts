/**
 * Replies that commands of streams share: IDs, entries, ranges of entries, and the refusal of a key
 * of another type. A range is counted before it is written, since a reply announces its length.
 * Cost: O(entries), counting whole blocks by their headers.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { ReplyError } from '../../errors/reply-error.ts';
import { echoText, replyErrors } from '../../errors/reply-error.ts';
import { ValueType } from '../../keyspace/type-handler.ts';
import type { Shard } from '../../shard/shard.ts';
import { entryRoot } from '../../structs/entry.hot.ts';
import type { BlockCursor } from './block-cursor.hot.ts';
import { noGroup } from './stream-errors.ts';
import type { StreamId } from './stream-id.hot.ts';
import { readStreamId, writeStreamId } from './stream-id-text.ts';
import { GATHERED_PAIRS_MAX, SCRATCH_PAIRS, SCRATCH_TEXT } from './stream-scratch.ts';

/** Entries that a count of 0 lets through: all. */
export const NO_COUNT = Number.MAX_SAFE_INTEGER;
/** Bytes of a word that an unknown subcommand is echoed with, as in Redis. */
export const WORD_BYTES_MAX = 128;
/** Bytes of any other argument in an error; what the text of an error holds. */
const ECHO_BYTES_MAX = 16_384;

/** True when the key is absent or holds a stream; else the error is written. */
export function isStreamOrAbsent(shard: Shard, ref: number, out: ReplySink): boolean {
  if (ref === 0 || shard.keyspace.isType(ref, ValueType.Stream)) return true;
  out.error(replyErrors.wrongType);
  return false;
}

/** Writes an ID as bulk text. */
export function writeIdReply(shard: Shard, out: ReplySink, id: StreamId): void {
  const at = shard.scratchAt + SCRATCH_TEXT;
  out.bulk(at, writeStreamId(shard.memory.low, at, id));
}

/** Writes the entry that a cursor stands on: ID, then fields and values. */
export function writeEntry(shard: Shard, out: ReplySink, cursor: BlockCursor): void {
  out.array(2);
  writeIdReply(shard, out, cursor.id);
  out.array(cursor.startPairs() * 2);
  const list = shard.scratchAt + SCRATCH_PAIRS;
  for (;;) {
    const pairs = cursor.gather(list >>> 2, GATHERED_PAIRS_MAX);
    if (pairs === 0) return;
    out.bulkMany(list, pairs * 2);
  }
}

/**
 * Writes the entries from `start` to `end`, both included, as an array.
 * @param countMax most entries, NO_COUNT = all
 */
export function writeRange(
  shard: Shard, out: ReplySink, ref: number, start: StreamId, end: StreamId, countMax: number,
  isReverse: boolean,
): void {
  const { walk } = shard.collections.streams;
  walk.bind(entryRoot(shard.memory.i32, ref));
  const count = start.compare(end) > 0 ? 0 : walk.count(start, end, countMax);
  out.array(count);
  if (count === 0) return;
  if (isReverse) walk.seekBack(end);
  else walk.seekFrom(start);
  for (let i = 0; i < count; i++) {
    if (!(isReverse ? walk.previous() : walk.next())) return;
    writeEntry(shard, out, walk.cursor);
  }
}

/** Argument i as an ID into `id`; false when it is none. */
export function readIdArgument(
  frame: ArgFrame, i: number, form: number, id: StreamId,
): boolean {
  const { low } = frame.memory;
  return readStreamId(low, frame.at[i] ?? 0, frame.bytes[i] ?? 0, form, false, id);
}

/** True when argument i is this one character. */
export function isCharacter(frame: ArgFrame, i: number, character: string): boolean {
  if (frame.bytes[i] !== 1) return false;
  return frame.memory.low[frame.at[i] ?? 0] === character.charCodeAt(0);
}

/** Argument i as errors echo it: whole, as in Redis, up to what the text of an error holds. */
export function echoArgument(frame: ArgFrame, i: number, max = ECHO_BYTES_MAX): string {
  return echoText(frame.memory.low, frame.at[i] ?? 0, frame.bytes[i] ?? 0, max);
}

/** The key in argument `key` has no group of the name in argument `group`, or does not exist. */
export function noKeyOrGroup(frame: ArgFrame, key: number, group: number): ReplyError {
  return noGroup(
    `No such key '${echoArgument(frame, key)}' or consumer group '${echoArgument(frame, group)}'`,
  );
}

/** The key exists and has no group of that name. */
export function noGroupOfKey(frame: ArgFrame, key: number, group: number): ReplyError {
  return noGroup(
    `No such consumer group '${echoArgument(frame, group)}' for key name `
      + `'${echoArgument(frame, key)}'`,
  );
}
