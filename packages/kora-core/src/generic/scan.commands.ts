/**
 * SCAN: the keys of a database in steps of bounded work. COUNT says how many entries a step meets
 * before filters; in a sparse table it visits at most ten lines for each. Cursors: scan-cursor.ts;
 * the walk: key-walk.ts. Of several shards each walks its own part: one behind that of the cursor
 * from its start on, one before it has nothing more to say.
 * The arguments are read in order, as in Redis, where a bad COUNT comes before an unknown word
 * after it.
 */
import type { ArgFrame } from '../command/arg-frame.hot.ts';
import { arg, isWord, readInteger } from '../command/grammar.ts';
import { reply } from '../command/reply-schema.ts';
import type { ReplySink } from '../command/sink.ts';
import type { Command } from '../command/spec.ts';
import { defineCommand, Flag } from '../command/spec.ts';
import type { ReplyError } from '../errors/reply-error.ts';
import { replyErrors } from '../errors/reply-error.ts';
import { VALUE_TYPE_COUNT } from '../keyspace/type-handler.ts';
import type { Shard } from '../shard/shard.ts';
import { entryKeyAt, entryKeyBytes, entryType } from '../structs/entry.hot.ts';
import { KeyMatcher } from './key-matcher.ts';
import { walkLines } from './key-walk.ts';
import {
  cursorBehind, CURSOR_INVALID, CURSOR_POSITIONS, readCursor, shardOfCursor,
} from './scan-cursor.ts';

/** Entries of a step when COUNT is not given. */
const COUNT_DEFAULT = 10;
/** Entries of one step at most, whatever COUNT says: the scan goes on with the next. */
const COUNT_MAX = 1_048_576;
/** Lines a step visits for each entry it may meet. */
const LINES_PER_COUNT = 10;
/** A type filter that no entry passes. */
const TYPE_UNKNOWN = -1;

/** Options in the order of their words here and of the entry's slots from 1 on. */
const patternOption = arg.pattern('MATCH');
const countOption = arg.integer('COUNT');
const typeOption = arg.bytes('TYPE');

interface ScanSlots {
  readonly cursor: number;
  readonly pattern: number;
  readonly count: number;
  readonly type: number;
}

export const scan = defineCommand({
  name: 'SCAN', group: 'generic', since: '2.8.0',
  summary: 'Lists the keys step by step; each reply names the cursor of the next step.',
  complexity: 'O(1) a step, O(n) a whole scan; n = keys in the database.',
  arity: -2,
  flags: Flag.ReadOnly,
  acl: ['keyspace'],
  keys: [],
  tips: ['nondeterministic_output', 'request_policy:special'],
  history: [['6.0.0', 'Added the `TYPE` subcommand.']],
  args: {
    cursor: arg.integer(),
    pattern: patternOption.optional(),
    count: countOption.optional(),
    type: typeOption.optional().documented({ since: '6.0.0' }),
  },
  reply: reply.array('the next cursor, 0 at the end, and an array of keys'),
  examples: [
    ['MSET first 1 second 2', '+"OK"'],
    ['SCAN 0 MATCH f* COUNT 100', '*[$"0" *[$"first"]]'],
    ['SCAN x', '-"ERR invalid cursor"'],
  ],
  parse: parseScan,
  apply(shard, frame, out, at) {
    const cursor = readCursor(frame.memory.low, frame.at[1] ?? 0, frame.bytes[1] ?? 0);
    const db = shard.keyspace.databases[frame.client.db];
    const cursorShard = shardOfCursor(cursor);
    if (db === undefined || cursorShard > shard.index) {
      writeStep(shard, 0, [], out);
      return;
    }
    const position = cursorShard === shard.index ? cursor % CURSOR_POSITIONS : 0;
    const count = (frame.index[at.count] ?? 0) === 0 ? COUNT_DEFAULT : scanCount(frame, at);
    const met: number[] = [];
    const next = walkLines(shard, db, position, count, count * LINES_PER_COUNT, met);
    const nextCursor = cursorBehind(shard.index, shard.count, next);
    writeStep(shard, nextCursor, filterEntries(shard, frame, at, met), out);
  },
});

function parseScan(frame: ArgFrame, at: ScanSlots): ReplyError | null {
  frame.clear(4);
  const cursor = readCursor(frame.memory.low, frame.at[1] ?? 0, frame.bytes[1] ?? 0);
  if (cursor === CURSOR_INVALID) return replyErrors.invalidCursor;
  for (let i = 2; i < frame.count; i += 2) {
    if (i + 1 === frame.count) return replyErrors.syntax;
    if (isWord(frame, i, patternOption.tokenBytes)) {
      frame.index[at.pattern] = i + 1;
    } else if (isWord(frame, i, countOption.tokenBytes)) {
      frame.index[at.count] = i + 1;
      if (!readInteger(frame, at.count, i + 1)) return replyErrors.notInteger;
      if ((frame.high[at.count] ?? 0) < 0 || scanCount(frame, at) < 1) return replyErrors.syntax;
    } else if (isWord(frame, i, typeOption.tokenBytes)) {
      frame.index[at.type] = i + 1;
    } else {
      return replyErrors.syntax;
    }
  }
  return null;
}

/** COUNT within its bound. */
function scanCount(frame: ArgFrame, at: ScanSlots): number {
  if (frame.isExact[at.count] !== 1) return COUNT_MAX;
  return Math.min(frame.number[at.count] ?? 0, COUNT_MAX);
}

/** The entries that pass MATCH and TYPE. */
function filterEntries(
  shard: Shard, frame: ArgFrame, at: ScanSlots, met: number[],
): readonly number[] {
  const patternAt = frame.index[at.pattern] ?? 0;
  const typeAt = frame.index[at.type] ?? 0;
  if (patternAt === 0 && typeAt === 0) return met;
  const matcher =
    patternAt === 0
      ? null
      : new KeyMatcher(shard, frame.at[patternAt] ?? 0, frame.bytes[patternAt] ?? 0);
  const type = typeAt === 0 ? TYPE_UNKNOWN : findType(shard, frame, typeAt);
  const { i32 } = shard.memory;
  return met.filter((ref) => {
    if (typeAt !== 0 && entryType(i32, ref) !== type) return false;
    return matcher === null || matcher.matches(ref);
  });
}

/** Number of the type that argument i names in any case; TYPE_UNKNOWN when there is none. */
function findType(shard: Shard, frame: ArgFrame, i: number): number {
  for (let type = 0; type < VALUE_TYPE_COUNT; type++) {
    const name = shard.typeHandlers[type]?.name;
    if (name === undefined) continue;
    if (isWord(frame, i, arg.token(name.toUpperCase()).tokenBytes)) return type;
  }
  return TYPE_UNKNOWN;
}

function writeStep(shard: Shard, cursor: number, refs: readonly number[], out: ReplySink): void {
  out.array(2);
  out.bulkText(String(cursor));
  out.array(refs.length);
  for (const ref of refs) {
    const { i32 } = shard.memory;
    out.bulk(entryKeyAt(i32, ref), entryKeyBytes(i32, ref));
  }
}

/** Entries about scanning the keys. */
export const scanCommands: readonly Command[] = [scan];
