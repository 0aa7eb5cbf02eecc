/**
 * Commands that read fields of a hash. Replies of many texts are gathered and written by the
 * hundred. Fields whose time has come are not there: counts leave them out, lookups do not find
 * them.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { arg } from '../../command/grammar.ts';
import { keysAt } from '../../command/key-spec.ts';
import { parseKey, parseKeyAndOne, parseKeyAndSome } from '../../command/positional.hot.ts';
import { oneReplyOf, reply } from '../../command/reply-schema.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { Command } from '../../command/spec.ts';
import { defineCommand, Flag } from '../../command/spec.ts';
import type { Shard } from '../../shard/shard.ts';
import { SHOW_BOTH, SHOW_FIELD, SHOW_VALUE, writePairs, writeValues } from './hash-walk.ts';
import {
  findField, foundValueAt, foundValueBytes, hashCount, isHashOrAbsent,
} from './hash.ts';

const readFlags = Flag.ReadOnly | Flag.Fast;
const accessedKey = [keysAt({ first: 1, last: 1, step: 1, access: 'RO', effect: 'access' })];
const lookedAtKey = [keysAt({ first: 1, last: 1, step: 1, access: 'RO' })];

export const hget = defineCommand({
  name: 'HGET', group: 'hash', since: '2.0.0',
  summary: 'Returns the value of a field.',
  complexity: 'O(1)',
  arity: 3,
  flags: readFlags,
  acl: ['hash'],
  keys: accessedKey,
  args: { key: arg.key(), field: arg.bytes() },
  reply: oneReplyOf(reply.bulk('the value'), reply.null('there is no such field, or no such key')),
  examples: [['HSET ada city London', ':1'], ['HGET ada city', '$"London"'], ['HGET ada x', '_']],
  parse: parseKeyAndOne,
  apply(shard, frame, out) {
    const ref = shard.keyspace.read(frame, 1);
    if (!isHashOrAbsent(shard, ref, out)) return;
    if (ref === 0 || !findField(shard, ref, frame.at[2] ?? 0, frame.bytes[2] ?? 0)) out.null();
    else out.bulk(foundValueAt(shard), foundValueBytes(shard));
  },
});

export const hmget = defineCommand({
  name: 'HMGET', group: 'hash', since: '2.0.0',
  summary: 'Returns the values of several fields.',
  complexity: 'O(1) per field.',
  arity: -3,
  flags: readFlags,
  acl: ['hash'],
  keys: accessedKey,
  args: { key: arg.key(), field: arg.repeat(arg.bytes()) },
  reply: reply.array('a value or null for each field'),
  examples: [['HSET ada born 1815 city London', ':2'], ['HMGET ada city x', '*[$"London" _]']],
  parse: parseKeyAndSome,
  apply(shard, frame, out) {
    const ref = shard.keyspace.read(frame, 1);
    if (!isHashOrAbsent(shard, ref, out)) return;
    writeValues(shard, frame, ref, 2, frame.count, out);
  },
});

export const hlen = defineCommand({
  name: 'HLEN', group: 'hash', since: '2.0.0',
  summary: 'Returns the number of fields.',
  complexity: 'O(1); O(log n) where fields have deadlines.',
  arity: 2,
  flags: readFlags,
  acl: ['hash'],
  keys: lookedAtKey,
  args: { key: arg.key() },
  reply: reply.integer('fields; 0 when the key does not exist'),
  examples: [['HSET ada born 1815 city London', ':2'], ['HLEN ada', ':2'], ['HLEN nosuch', ':0']],
  parse: parseKey,
  apply(shard, frame, out) {
    const ref = shard.keyspace.read(frame, 1);
    if (isHashOrAbsent(shard, ref, out)) out.integer(ref === 0 ? 0 : hashCount(shard, ref));
  },
});

export const hexists = defineCommand({
  name: 'HEXISTS', group: 'hash', since: '2.0.0',
  summary: 'Tells whether a hash has a field.',
  complexity: 'O(1)',
  arity: 3,
  flags: readFlags,
  acl: ['hash'],
  keys: lookedAtKey,
  args: { key: arg.key(), field: arg.bytes() },
  reply: reply.integer('1 or 0'),
  examples: [['HSET ada city London', ':1'], ['HEXISTS ada city', ':1'], ['HEXISTS ada x', ':0']],
  parse: parseKeyAndOne,
  apply(shard, frame, out) {
    const ref = shard.keyspace.read(frame, 1);
    if (!isHashOrAbsent(shard, ref, out)) return;
    const at = frame.at[2] ?? 0;
    out.integer(ref !== 0 && findField(shard, ref, at, frame.bytes[2] ?? 0) ? 1 : 0);
  },
});

export const hstrlen = defineCommand({
  name: 'HSTRLEN', group: 'hash', since: '3.2.0',
  summary: 'Returns the length of the value of a field in bytes.',
  complexity: 'O(1)',
  arity: 3,
  flags: readFlags,
  acl: ['hash'],
  keys: lookedAtKey,
  args: { key: arg.key(), field: arg.bytes() },
  reply: reply.integer('bytes; 0 when there is no such field'),
  examples: [['HSET ada city London', ':1'], ['HSTRLEN ada city', ':6'], ['HSTRLEN ada x', ':0']],
  parse: parseKeyAndOne,
  apply(shard, frame, out) {
    const ref = shard.keyspace.read(frame, 1);
    if (!isHashOrAbsent(shard, ref, out)) return;
    const at = frame.at[2] ?? 0;
    const isFound = ref !== 0 && findField(shard, ref, at, frame.bytes[2] ?? 0);
    out.integer(isFound ? foundValueBytes(shard) : 0);
  },
});

const wholeExamples = ['HSET ada city London', ':1'] as const;

export const hkeys = defineCommand({
  name: 'HKEYS', group: 'hash', since: '2.0.0',
  summary: 'Returns the names of all fields.',
  complexity: 'O(n); n = fields.',
  arity: 2,
  flags: Flag.ReadOnly,
  acl: ['hash'],
  keys: accessedKey,
  tips: ['nondeterministic_output_order'],
  args: { key: arg.key() },
  reply: reply.array('the names; empty when the key does not exist'),
  examples: [wholeExamples, ['HKEYS ada', '*[$"city"]'], ['HKEYS nosuch', '*[]']],
  parse: parseKey,
  apply(shard, frame, out) {
    writeAll(shard, frame, SHOW_FIELD, out);
  },
});

export const hvals = defineCommand({
  name: 'HVALS', group: 'hash', since: '2.0.0',
  summary: 'Returns the values of all fields.',
  complexity: 'O(n); n = fields.',
  arity: 2,
  flags: Flag.ReadOnly,
  acl: ['hash'],
  keys: accessedKey,
  tips: ['nondeterministic_output_order'],
  args: { key: arg.key() },
  reply: reply.array('the values; empty when the key does not exist'),
  examples: [wholeExamples, ['HVALS ada', '*[$"London"]'], ['HVALS nosuch', '*[]']],
  parse: parseKey,
  apply(shard, frame, out) {
    writeAll(shard, frame, SHOW_VALUE, out);
  },
});

export const hgetall = defineCommand({
  name: 'HGETALL', group: 'hash', since: '2.0.0',
  summary: 'Returns all fields and their values.',
  complexity: 'O(n); n = fields.',
  arity: 2,
  flags: Flag.ReadOnly,
  acl: ['hash'],
  keys: accessedKey,
  tips: ['nondeterministic_output_order'],
  args: { key: arg.key() },
  reply: oneReplyOf(
    reply.map('with RESP3: fields and their values'),
    reply.array('with RESP2: field, value and so on'),
  ),
  examples: [wholeExamples, ['HGETALL ada', '*[$"city" $"London"]'], ['HGETALL nosuch', '*[]']],
  parse: parseKey,
  apply(shard, frame, out) {
    writeAll(shard, frame, SHOW_BOTH, out);
  },
});

function writeAll(shard: Shard, frame: ArgFrame, show: number, out: ReplySink): void {
  const ref = shard.keyspace.read(frame, 1);
  if (!isHashOrAbsent(shard, ref, out)) return;
  const count = ref === 0 ? 0 : hashCount(shard, ref);
  if (show === SHOW_BOTH) out.map(count);
  else out.array(count);
  if (count !== 0) writePairs(shard, ref, show, out);
}

/** Entries in the order of the documentation. */
export const hashReadCommands: readonly Command[] = [
  hget, hmget, hlen, hexists, hstrlen, hkeys, hvals, hgetall,
];
