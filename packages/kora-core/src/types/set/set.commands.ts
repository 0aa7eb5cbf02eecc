/**
 * The everyday set commands: members in and out, membership, the whole of a set, and SSCAN. Each
 * checks everything, reserves, changes, commits and writes one reply. What is announced names the
 * members that are really new or gone.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { arg } from '../../command/grammar.ts';
import { keysAt } from '../../command/key-spec.ts';
import { parseKey, parseKeyAndOne, parseKeyAndSome } from '../../command/positional.hot.ts';
import { oneReplyOf, reply } from '../../command/reply-schema.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { Command } from '../../command/spec.ts';
import { defineCommand, Flag } from '../../command/spec.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import { removeIfEmpty } from '../../keyspace/collection-entry.ts';
import { EffectOp } from '../../keyspace/effect.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import { ValueType } from '../../keyspace/type-handler.ts';
import type { Shard } from '../../shard/shard.ts';
import { entryEncoding, entryKeyAt, entryKeyBytes, entryRoot } from '../../structs/entry.hot.ts';
import {
  answersWhole, ElementMatcher, parseScanCursor, readScanOptions, scanArguments, scanCount,
  scanCursor, scanMembers, writeScanStep,
} from '../shared/collection-scan.ts';
import type { CollectionScanSlots } from '../shared/collection-scan.ts';
import { effectOfKey } from '../string/string-effects.ts';
import { addMembers } from './set-add.ts';
import { SET_DICT } from './set-layout.ts';
import { moveMember } from './set-move.ts';
import { setWalkOf, writeMembers } from './set-reply.ts';
import { setCount, setHas, setRemove, SET_NO_MEMORY } from './set.ts';

/** True when `ref` is 0 or holds a set; otherwise the error was written. */
export function isSetOrAbsent(shard: Shard, ref: number, out: ReplySink): boolean {
  if (ref === 0 || shard.keyspace.isType(ref, ValueType.Set)) return true;
  out.error(replyErrors.wrongType);
  return false;
}

export const sadd = defineCommand({
  name: 'SADD', group: 'set', since: '1.0.0',
  summary: 'Adds members to a set and creates the set if need be.',
  complexity: 'O(1) for each member.',
  arity: -3,
  flags: Flag.Write | Flag.DenyOom | Flag.Fast,
  acl: ['set'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: 'insert' })],
  history: [['2.4.0', 'Accepts multiple `member` arguments.']],
  args: { key: arg.key(), member: arg.repeat(arg.bytes()) },
  reply: reply.integer('members that were not there before'),
  examples: [['SADD fruit apple pear apple', ':2'], ['SADD fruit pear', ':0']],
  parse: parseKeyAndSome,
  apply(shard, frame, out) {
    const ref = shard.keyspace.write(frame, 1);
    if (!isSetOrAbsent(shard, ref, out)) return;
    const effect = effectOfKey(shard, frame, 1, EffectOp.SetAdd, KeyEvent.SAdd);
    const added = addMembers(
      shard, ref, frame.at[1] ?? 0, frame.bytes[1] ?? 0, frame.at, frame.bytes, 2, frame.count,
      shard.journal.isHeard ? effect : null,
    );
    if (added === SET_NO_MEMORY) {
      out.error(replyErrors.arenaFull);
      return;
    }
    if (added !== 0) shard.commit();
    out.integer(added);
  },
});

export const srem = defineCommand({
  name: 'SREM', group: 'set', since: '1.0.0',
  summary: 'Removes members from a set.',
  complexity: 'O(1) for each member.',
  arity: -3,
  flags: Flag.Write | Flag.Fast,
  acl: ['set'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: 'delete' })],
  history: [['2.4.0', 'Accepts multiple `member` arguments.']],
  args: { key: arg.key(), member: arg.repeat(arg.bytes()) },
  reply: reply.integer('members that were there'),
  examples: [
    ['SADD fruit apple pear fig', ':3'], ['SREM fruit apple plum', ':1'],
    ['SREM fruit pear fig', ':2'], ['EXISTS fruit', ':0'],
  ],
  parse: parseKeyAndSome,
  apply(shard, frame, out) {
    const ref = shard.keyspace.write(frame, 1);
    if (!isSetOrAbsent(shard, ref, out)) return;
    if (ref === 0) {
      out.integer(0);
      return;
    }
    const effect = effectOfKey(shard, frame, 1, EffectOp.SetRemove, KeyEvent.SRem);
    const { isHeard } = shard.journal;
    let removed = 0;
    for (let i = 2; i < frame.count && setCount(shard, ref) > 0; i++) {
      const at = frame.at[i] ?? 0;
      const bytes = frame.bytes[i] ?? 0;
      if (!setRemove(shard, ref, at, bytes)) continue;
      removed++;
      if (isHeard) effect.parts.add(at, bytes);
    }
    if (removed !== 0) {
      shard.commit();
      removeIfEmpty(shard, ref);
    }
    out.integer(removed);
  },
});

export const sismember = defineCommand({
  name: 'SISMEMBER', group: 'set', since: '1.0.0',
  summary: 'Tells whether a set has a member.',
  complexity: 'O(1)',
  arity: 3,
  flags: Flag.ReadOnly | Flag.Fast,
  acl: ['set'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RO' })],
  args: { key: arg.key(), member: arg.bytes() },
  reply: reply.integer('1 when it has, else 0'),
  examples: [
    ['SADD fruit apple', ':1'], ['SISMEMBER fruit apple', ':1'], ['SISMEMBER fruit fig', ':0'],
  ],
  parse: parseKeyAndOne,
  apply(shard, frame, out) {
    const ref = shard.keyspace.read(frame, 1);
    if (!isSetOrAbsent(shard, ref, out)) return;
    out.integer(ref !== 0 && setHas(shard, ref, frame.at[2] ?? 0, frame.bytes[2] ?? 0) ? 1 : 0);
  },
});

export const smismember = defineCommand({
  name: 'SMISMEMBER', group: 'set', since: '6.2.0',
  summary: 'Tells for each of several members whether a set has it.',
  complexity: 'O(1) for each member.',
  arity: -3,
  flags: Flag.ReadOnly | Flag.Fast,
  acl: ['set'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RO', effect: 'access' })],
  args: { key: arg.key(), member: arg.repeat(arg.bytes()) },
  reply: reply.array('1 or 0 for each member'),
  examples: [['SADD fruit apple', ':1'], ['SMISMEMBER fruit apple fig', '*[:1 :0]']],
  parse: parseKeyAndSome,
  apply(shard, frame, out) {
    const ref = shard.keyspace.read(frame, 1);
    if (!isSetOrAbsent(shard, ref, out)) return;
    out.array(frame.count - 2);
    for (let i = 2; i < frame.count; i++) {
      const has = ref !== 0 && setHas(shard, ref, frame.at[i] ?? 0, frame.bytes[i] ?? 0);
      out.integer(has ? 1 : 0);
    }
  },
});

export const scard = defineCommand({
  name: 'SCARD', group: 'set', since: '1.0.0',
  summary: 'Returns the number of members of a set.',
  complexity: 'O(1)',
  arity: 2,
  flags: Flag.ReadOnly | Flag.Fast,
  acl: ['set'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RO' })],
  args: { key: arg.key() },
  reply: reply.integer('members; 0 when the key does not exist'),
  examples: [['SADD fruit apple fig', ':2'], ['SCARD fruit', ':2'], ['SCARD nosuch', ':0']],
  parse: parseKey,
  apply(shard, frame, out) {
    const ref = shard.keyspace.read(frame, 1);
    if (!isSetOrAbsent(shard, ref, out)) return;
    out.integer(ref === 0 ? 0 : setCount(shard, ref));
  },
});

export const smembers = defineCommand({
  name: 'SMEMBERS', group: 'set', since: '1.0.0',
  summary: 'Returns all members of a set.',
  complexity: 'O(n); n = members of the set.',
  arity: 2,
  flags: Flag.ReadOnly,
  acl: ['set'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RO', effect: 'access' })],
  tips: ['nondeterministic_output_order'],
  args: { key: arg.key() },
  reply: reply.set('the members; empty when the key does not exist'),
  examples: [['SADD dice 3 1 2', ':3'], ['SMEMBERS dice', '*[$"1" $"2" $"3"]']],
  parse: parseKey,
  apply(shard, frame, out) {
    const ref = shard.keyspace.read(frame, 1);
    if (!isSetOrAbsent(shard, ref, out)) return;
    out.set(ref === 0 ? 0 : setCount(shard, ref));
    if (ref !== 0) writeMembers(shard, ref, out);
  },
});

export const smove = defineCommand({
  name: 'SMOVE', group: 'set', since: '1.0.0',
  summary: 'Moves a member from one set to another.',
  complexity: 'O(1)',
  arity: 4,
  flags: Flag.Write | Flag.Fast,
  acl: ['set'],
  keys: [
    keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: ['access', 'delete'] }),
    keysAt({ first: 2, last: 2, step: 1, access: 'RW', effect: 'insert' }),
  ],
  args: { source: arg.key(), destination: arg.key(), member: arg.bytes() },
  reply: reply.integer('1 when the source had the member, else 0'),
  examples: [
    ['SADD basket apple fig', ':2'], ['SMOVE basket table fig', ':1'],
    ['SMOVE basket table fig', ':0'], ['SMEMBERS table', '*[$"fig"]'],
  ],
  apply(shard, frame, out) {
    const { keyspace } = shard;
    const ref = keyspace.write(frame, 1);
    const toRef = keyspace.write(frame, 2);
    if (ref === 0) {
      out.integer(0);
      return;
    }
    if (!isSetOrAbsent(shard, ref, out) || !isSetOrAbsent(shard, toRef, out)) return;
    const hasMember = setHas(shard, ref, frame.at[3] ?? 0, frame.bytes[3] ?? 0);
    if (!hasMember || ref === toRef) {
      out.integer(hasMember ? 1 : 0);
      return;
    }
    if (moveMember(shard, frame, ref, toRef)) out.integer(1);
    else out.error(replyErrors.arenaFull);
  },
});

// ------------------------------------------------------------------ SSCAN

export const sscan = defineCommand({
  name: 'SSCAN', group: 'set', since: '2.8.0',
  summary: 'Lists the members of a set step by step; each reply names the next cursor.',
  complexity: 'O(1) a step, O(n) a whole scan; n = members of the set.',
  arity: -3,
  flags: Flag.ReadOnly,
  acl: ['set'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RO', effect: 'access' })],
  tips: ['nondeterministic_output'],
  args: scanArguments,
  reply: oneReplyOf(reply.array('the next cursor, 0 at the end, and an array of members')),
  examples: [
    ['SADD dice 3 1 2', ':3'], ['SSCAN dice 0', '*[$"0" *[$"1" $"2" $"3"]]'],
    ['SSCAN dice x', '-"ERR invalid cursor"'],
  ],
  parse: parseScanCursor,
  apply(shard, frame, out, at) {
    const ref = shard.keyspace.read(frame, 1);
    if (!isSetOrAbsent(shard, ref, out)) return;
    if (ref === 0) {
      writeScanStep(out, 0, 0);
      return;
    }
    const error = readScanOptions(frame, at);
    if (error !== null) out.error(error);
    else scanSet(shard, frame, ref, out, at);
  },
});

/** Members met in one step, as refs. */
const met: number[] = [];

function scanSet(
  shard: Shard, frame: ArgFrame, ref: number, out: ReplySink, at: CollectionScanSlots,
): void {
  const matcher = new ElementMatcher(shard, frame, frame.index[at.pattern] ?? 0);
  const { i32 } = shard.memory;
  const isDict = entryEncoding(i32, ref) === SET_DICT;
  if (!isDict || answersWhole(shard, ref)) {
    scanWhole(shard, ref, matcher, out);
    return;
  }
  const { dict } = shard.collections;
  dict.bind(entryRoot(i32, ref));
  const next = scanMembers(shard, dict, scanCursor(frame), scanCount(frame, at), met);
  let count = 0;
  for (let i = 0; i < met.length; i++) {
    const member = met[i] ?? 0;
    if (!matcher.matches(entryKeyAt(i32, member), entryKeyBytes(i32, member))) continue;
    met[count++] = member;
  }
  writeScanStep(out, next, count);
  for (let i = 0; i < count; i++) {
    const member = met[i] ?? 0;
    out.bulk(entryKeyAt(i32, member), entryKeyBytes(i32, member));
  }
}

/** A small set in one step. It is walked twice, since the reply starts with how many match. */
function scanWhole(shard: Shard, ref: number, matcher: ElementMatcher, out: ReplySink): void {
  const walk = setWalkOf(shard);
  let count = 0;
  walk.start(ref);
  while (walk.next()) if (matcher.matches(walk.at(), walk.bytes())) count++;
  writeScanStep(out, 0, count);
  walk.start(ref);
  while (walk.next()) {
    if (matcher.matches(walk.at(), walk.bytes())) out.bulk(walk.at(), walk.bytes());
  }
}

/** Entries of the everyday commands. */
export const setCommands: readonly Command[] = [
  sadd, srem, sismember, smismember, scard, smembers, smove, sscan,
];
