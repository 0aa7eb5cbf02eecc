/**
 * Commands about the engine as a whole: INFO, time, size and flushing. Saving is in
 * saving.commands.ts.
 */
import { argumentTexts } from '../command/argument-text.ts';
import type { ArgFrame } from '../command/arg-frame.hot.ts';
import { arg, readInteger } from '../command/grammar.ts';
import { reply } from '../command/reply-schema.ts';
import type { Command } from '../command/spec.ts';
import { defineCommand, Flag } from '../command/spec.ts';
import { KORA_VERSION, REDIS_VERSION } from '../command/engine-context.ts';
import type { ReplyError } from '../errors/reply-error.ts';
import { replyErrors } from '../errors/reply-error.ts';
import type { Database } from '../keyspace/database.ts';
import { EffectOp } from '../keyspace/effect.ts';
import { KeyEvent } from '../keyspace/events.ts';
import type { Shard } from '../shard/shard.ts';
import { savingCommands } from './saving.commands.ts';

const ALL_SHARDS_SUCCEED = ['request_policy:all_shards', 'response_policy:all_succeeded'];

export const info = defineCommand({
  name: 'INFO', group: 'server', since: '1.0.0',
  summary: 'Returns facts and counters of the engine, by section.',
  complexity: 'O(n); n = fields.',
  arity: -1,
  flags: Flag.Loading | Flag.Stale,
  acl: ['dangerous'],
  keys: [],
  tips: ['nondeterministic_output', 'request_policy:all_shards', 'response_policy:special'],
  history: [['7.0.0', 'Takes several sections.']],
  args: { section: arg.bytes().repeated().optional() },
  reply: reply.verbatim('lines of name:value under titles'),
  examples: [
    ['INFO cluster', '$"# Cluster\\r\\ncluster_enabled:0\\r\\n"'],
    ['INFO nosuch', '$""'],
  ],
  apply(shard, frame, out) {
    out.verbatim('txt', shard.engine.info.render(argumentTexts(frame, 1), shard));
  },
});

export const time = defineCommand({
  name: 'TIME', group: 'server', since: '2.6.0',
  summary: 'Returns the engine\'s clock.',
  complexity: 'O(1)',
  arity: 1,
  flags: Flag.Loading | Flag.Stale | Flag.Fast,
  acl: [],
  keys: [],
  tips: ['nondeterministic_output'],
  args: {},
  reply: reply.array('seconds since 1970, microseconds'),
  examples: [['TIME', '*#2']],
  apply(shard, _frame, out) {
    const nowMs = shard.platform.clock.nowMs();
    out.array(2);
    out.bulkText(String(Math.floor(nowMs / 1000)));
    out.bulkText(String((nowMs % 1000) * 1000));
  },
});

export const dbsize = defineCommand({
  name: 'DBSIZE', group: 'server', since: '1.0.0',
  summary: 'Returns the number of keys in the selected database.',
  complexity: 'O(1)',
  arity: 1,
  flags: Flag.ReadOnly | Flag.Fast,
  acl: ['keyspace'],
  keys: [],
  tips: ['request_policy:all_shards', 'response_policy:agg_sum'],
  args: {},
  reply: reply.integer('keys, those due but not yet freed included'),
  examples: [['DBSIZE', ':0']],
  apply(shard, frame, out) {
    out.integer(databaseOf(shard, frame).count);
  },
});

const flushArguments = {
  mode: arg.oneOf({
    async: arg.token('ASYNC').documented({ since: '4.0.0' }),
    sync: arg.token('SYNC').documented({ since: '6.2.0' }),
  }).optional().documented({ name: 'async' }),
};
const checkFlush = (frame: ArgFrame): ReplyError | null =>
  frame.count > 2 ? replyErrors.syntax : null;
/** Second alternative of `flushArguments.mode`. */
const FLUSH_SYNC = 2;

export const flushAll = defineCommand({
  name: 'FLUSHALL', group: 'server', since: '1.0.0',
  summary: 'Removes all keys of all databases.',
  complexity: 'O(1) and O(n) in the background; O(n) with SYNC; n = keys.',
  arity: -1,
  flags: Flag.Write,
  acl: ['keyspace', 'dangerous'],
  keys: [],
  tips: ALL_SHARDS_SUCCEED,
  history: [['4.0.0', 'Added ASYNC.'], ['6.2.0', 'Added SYNC.']],
  args: flushArguments,
  reply: reply.ok(),
  examples: [['FLUSHALL', '+"OK"'], ['FLUSHALL SYNC', '+"OK"']],
  check: checkFlush,
  apply(shard, frame, out, at) {
    flush(shard, shard.keyspace.databases, EffectOp.EverythingFlush, 0);
    if (frame.choice[at.mode] === FLUSH_SYNC) finishFreeing(shard);
    out.ok();
  },
});

export const flushDb = defineCommand({
  name: 'FLUSHDB', group: 'server', since: '1.0.0',
  summary: 'Removes all keys of the selected database.',
  complexity: 'O(1) and O(n) in the background; O(n) with SYNC; n = keys.',
  arity: -1,
  flags: Flag.Write,
  acl: ['keyspace', 'dangerous'],
  keys: [],
  tips: ALL_SHARDS_SUCCEED,
  history: [['4.0.0', 'Added ASYNC.'], ['6.2.0', 'Added SYNC.']],
  args: flushArguments,
  reply: reply.ok(),
  examples: [['FLUSHDB', '+"OK"'], ['FLUSHDB x', '-"ERR syntax error"']],
  check: checkFlush,
  apply(shard, frame, out, at) {
    const database = databaseOf(shard, frame);
    flush(shard, [database], EffectOp.DatabaseFlush, database.index);
    if (frame.choice[at.mode] === FLUSH_SYNC) finishFreeing(shard);
    out.ok();
  },
});

export const lolwut = defineCommand({
  name: 'LOLWUT', group: 'server', since: '5.0.0',
  summary: 'Shows the instrument that gave Kora its name, and the version.',
  complexity: 'O(1)',
  arity: -1,
  flags: Flag.ReadOnly | Flag.Fast,
  acl: [],
  keys: [],
  args: {
    version: arg.integer('VERSION').optional(), parameters: arg.bytes().repeated().optional(),
  },
  documentedArgs: [['version', arg.integer('VERSION').optional()]],
  reply: reply.verbatim('a drawing and the version'),
  examples: [['LOLWUT VERSION x', '-"ERR value is not an integer or out of range"']],
  check(frame, at) {
    const from = frame.index[at.parameters] ?? 0;
    if ((frame.index[at.version] ?? 0) === 0 || from === 0) return null;
    for (let i = from; i < frame.count; i++) {
      if (!readInteger(frame, at.parameters, i)) return replyErrors.notInteger;
    }
    return null;
  },
  apply(_shard, _frame, out) {
    out.verbatim('txt', `${INSTRUMENT}Redis ver. ${REDIS_VERSION} (Kora ver. ${KORA_VERSION})\n`);
  },
});

/** Twenty-one strings between a neck and a gourd. */
const INSTRUMENT = [
  '            o===.',
  '            ||  \\\\____',
  '   .--------||---------.',
  '  (   \\ \\ \\ || / / /    )',
  '   \\   \\ \\ \\||/ / /    /',
  '    `----------------\'',
  '',
].join('\n');

/** Entries about the engine. */
export const serverCommands: readonly Command[] = [
  info, time, dbsize, flushAll, flushDb, ...savingCommands, lolwut,
];

function databaseOf(shard: Shard, frame: ArgFrame): Database {
  const database = shard.keyspace.databases[frame.client.db];
  if (database === undefined) throw new RangeError('the selected database exists');
  return database;
}

/** Announces the flush when it changes something; hands everything over to be freed. */
function flush(shard: Shard, databases: readonly Database[], op: number, db: number): void {
  if (databases.some((database) => database.count > 0)) {
    shard.effectOf(op, db, 0, 0, KeyEvent.None);
    shard.commit();
  }
  // Clients that track keys hear of it in any case: other shards may have had some.
  shard.tracking.flush();
  for (const database of databases) shard.lazyFree.take(database);
}

function finishFreeing(shard: Shard): void {
  while (shard.lazyFree.pending > 0) shard.lazyFree.step();
}
