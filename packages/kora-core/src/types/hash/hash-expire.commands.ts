/**
 * Deadlines of single fields, as Redis 7.4 and later have them: HEXPIRE and its three sisters set
 * them, HTTL and its three show them, HPERSIST takes them away. Replies have one code per field:
 * -2 no such field, -1 no deadline, 0 a condition refused, 1 done, 2 the deadline is past and the
 * field is gone. The words and numbers are checked before the key is looked at.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import type { Leaf } from '../../command/grammar.ts';
import { arg } from '../../command/grammar.ts';
import { keysAt } from '../../command/key-spec.ts';
import { reply } from '../../command/reply-schema.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { Command } from '../../command/spec.ts';
import { defineCommand, Flag } from '../../command/spec.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import { removeIfEmpty } from '../../keyspace/collection-entry.ts';
import type { Effect } from '../../keyspace/effect.ts';
import { EffectOp } from '../../keyspace/effect.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import { Stat } from '../../keyspace/statistics.ts';
import type { Shard } from '../../shard/shard.ts';
import { effectOfKey } from '../string/string-effects.ts';
import { armFields, dropDeadline, firstDeadlineMs, foundDeadlineMs, setFoundDeadline }
  from './hash-deadlines.ts';
import { fieldTimeErrors } from './hash-errors.ts';
import {
  CONDITION_GT, CONDITION_LT, CONDITION_NX, CONDITION_XX, FIELDS_SLOT, fieldsArgument,
  parseFieldExpire, parseFields, readFieldDeadline, TIME_SLOT,
} from './hash-field-arguments.ts';
import { found } from './hash-layout.ts';
import { prepareDeadlines } from './hash-timed.ts';
import { findField, foundValueBytes, isHashOrAbsent, removeFound } from './hash.ts';

const NO_FIELD = -2;
const NO_DEADLINE = -1;
const REFUSED = 0;
const DONE = 1;
const GONE = 2;

/** The condition's alternative, 0 = none; see parseFieldExpire. */
const CONDITION_SLOT = 2;

interface ExpireEntry {
  readonly name: string;
  readonly summary: string;
  /** Name and kind of the number's argument. */
  readonly time: readonly [string, Leaf];
  readonly isSeconds: boolean;
  readonly isRelative: boolean;
  readonly examples: readonly (readonly [string, string])[];
}

function defineExpire(entry: ExpireEntry): Command {
  const { name, summary, isSeconds, isRelative, examples } = entry;
  const [timeName, time] = entry.time;
  const lowerName = name.toLowerCase();
  return defineCommand({
    name, group: 'hash', since: '7.4.0', summary, examples,
    complexity: 'O(log n) per field; n = fields with a deadline.',
    arity: -6,
    flags: Flag.Write | Flag.DenyOom | Flag.Fast,
    acl: ['hash'],
    keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: 'update' })],
    args: {
      key: arg.key(),
      [timeName]: time,
      condition: arg.oneOf('NX', 'XX', 'GT', 'LT').optional(),
      fields: fieldsArgument,
    },
    reply: reply.array('a code for each field: -2, 0, 1 or 2'),
    parse: parseFieldExpire,
    apply(shard, frame, out) {
      const ms = readFieldDeadline(shard, frame, TIME_SLOT, isSeconds, isRelative);
      if (ms < 0) out.error(timeErrorOf(lowerName));
      else applyExpire(shard, frame, ms, out);
    },
  });
}

function timeErrorOf(name: string) {
  return fieldTimeErrors[name as keyof typeof fieldTimeErrors]; // Names of the entries below.
}

function applyExpire(shard: Shard, frame: ArgFrame, ms: number, out: ReplySink): void {
  const ref = shard.keyspace.write(frame, 1);
  if (!isHashOrAbsent(shard, ref, out)) return;
  const from = frame.index[FIELDS_SLOT] ?? 0;
  if (ref === 0) {
    writeSame(frame, from, NO_FIELD, out);
    return;
  }
  const condition = frame.choice[CONDITION_SLOT] ?? 0;
  if (ms <= shard.nowMs) {
    expireNow(shard, frame, ref, from, ms, condition, out);
    return;
  }
  const beforeMs = firstDeadlineMs(shard, ref);
  if (!reserveExpire(shard, frame, ref, from, ms, condition)) {
    out.error(replyErrors.arenaFull);
    return;
  }
  out.array(frame.count - from);
  const effect = effectOfKey(shard, frame, 1, EffectOp.HashExpire, KeyEvent.HExpire);
  effect.parts.addNumber(ms);
  for (let i = from; i < frame.count; i++) {
    const code = codeOf(shard, frame, ref, i, ms, condition);
    if (code === DONE) {
      setFoundDeadline(shard, ref, ms);
      effect.parts.add(frame.at[i] ?? 0, frame.bytes[i] ?? 0);
    }
    out.integer(code);
  }
  if (effect.parts.count === 1) return;
  armFields(shard, beforeMs, ms);
  shard.commit();
}

/** Writes one code for every field. */
function writeSame(frame: ArgFrame, from: number, code: number, out: ReplySink): void {
  out.array(frame.count - from);
  for (let i = from; i < frame.count; i++) out.integer(code);
}

/** What becomes of the field in argument i; it is found when the code is DONE. */
function codeOf(
  shard: Shard, frame: ArgFrame, ref: number, i: number, ms: number, condition: number,
): number {
  if (!findField(shard, ref, frame.at[i] ?? 0, frame.bytes[i] ?? 0)) return NO_FIELD;
  const oldMs = foundDeadlineMs(shard);
  const isAllowed =
    condition === 0
    || (condition === CONDITION_NX && oldMs < 0)
    || (condition === CONDITION_XX && oldMs >= 0)
    || (condition === CONDITION_GT && oldMs >= 0 && ms > oldMs)
    || (condition === CONDITION_LT && (oldMs < 0 || ms < oldMs));
  return isAllowed ? DONE : REFUSED;
}

/** Makes sure that every field which is to get the deadline can; false when memory is short. */
function reserveExpire(
  shard: Shard, frame: ArgFrame, ref: number, from: number, ms: number, condition: number,
): boolean {
  let fields = 0;
  let textBytes = 0;
  for (let i = from; i < frame.count; i++) {
    if (codeOf(shard, frame, ref, i, ms, condition) !== DONE) continue;
    fields++;
    textBytes += (frame.bytes[i] ?? 0) + foundValueBytes(shard);
  }
  return fields === 0 || prepareDeadlines(shard, ref, fields, textBytes, 0, 0);
}

/** A deadline that is not in the future removes the fields. */
function expireNow(
  shard: Shard, frame: ArgFrame, ref: number, from: number, ms: number, condition: number,
  out: ReplySink,
): void {
  out.array(frame.count - from);
  const effect = effectOfKey(shard, frame, 1, EffectOp.HashRemove, KeyEvent.HDel);
  for (let i = from; i < frame.count; i++) {
    let code = codeOf(shard, frame, ref, i, ms, condition);
    if (code === DONE) {
      code = GONE;
      removeFound(shard, ref);
      effect.parts.add(frame.at[i] ?? 0, frame.bytes[i] ?? 0);
    }
    out.integer(code);
  }
  if (effect.parts.count === 0) return;
  shard.stats.add(Stat.ExpiredSubkeys, effect.parts.count);
  shard.commit();
  removeIfEmpty(shard, ref);
}

export const hexpire = defineExpire({
  name: 'HEXPIRE', isSeconds: true, isRelative: true,
  summary: 'Sets after how many seconds fields cease to exist.',
  time: ['seconds', arg.integer()],
  examples: [
    ['HSET ada token x city London', ':2'],
    ['HEXPIRE ada 60 FIELDS 2 token nosuch', '*[:1 :-2]'],
    ['HEXPIRE ada 30 GT FIELDS 1 token', '*[:0]'],
    ['HTTL ada FIELDS 2 token city', '*[:60 :-1]'],
  ],
});

export const hpexpire = defineExpire({
  name: 'HPEXPIRE', isSeconds: false, isRelative: true,
  summary: 'Sets after how many milliseconds fields cease to exist.',
  time: ['milliseconds', arg.integer()],
  examples: [
    ['HSET ada token x', ':1'],
    ['HPEXPIRE ada 1500 FIELDS 1 token', '*[:1]'],
    ['HPTTL ada FIELDS 1 token', '*[:1500]'],
  ],
});

export const hexpireat = defineExpire({
  name: 'HEXPIREAT', isSeconds: true, isRelative: false,
  summary: 'Sets the second of Unix time at which fields cease to exist.',
  time: ['unix-time-seconds', arg.unixTime()],
  examples: [
    ['HSET ada token x', ':1'],
    ['HEXPIREAT ada 33177117420 FIELDS 1 token', '*[:1]'],
    ['HEXPIRETIME ada FIELDS 1 token', '*[:33177117420]'],
  ],
});

export const hpexpireat = defineExpire({
  name: 'HPEXPIREAT', isSeconds: false, isRelative: false,
  summary: 'Sets the millisecond of Unix time at which fields cease to exist.',
  time: ['unix-time-milliseconds', arg.unixTime()],
  examples: [
    ['HSET ada token x', ':1'],
    ['HPEXPIREAT ada 5 FIELDS 1 token', '*[:2]'],
    ['EXISTS ada', ':0'],
  ],
});

interface TtlEntry {
  readonly name: string;
  readonly summary: string;
  readonly isSeconds: boolean;
  readonly isRelative: boolean;
  readonly examples: readonly (readonly [string, string])[];
}

function defineTtl(entry: TtlEntry): Command {
  const { name, summary, isSeconds, isRelative, examples } = entry;
  return defineCommand({
    name, group: 'hash', since: '7.4.0', summary, examples,
    complexity: 'O(1) per field.',
    arity: -5,
    flags: Flag.ReadOnly | Flag.Fast,
    acl: ['hash'],
    keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RO', effect: 'access' })],
    // The time left depends on when it is asked for, the deadline does not.
    ...(isRelative ? { tips: ['nondeterministic_output'] } : {}),
    args: { key: arg.key(), fields: fieldsArgument },
    reply: reply.array('for each field a time; -1 without a deadline, -2 without the field'),
    parse: parseFields,
    apply(shard, frame, out) {
      const ref = shard.keyspace.read(frame, 1);
      if (!isHashOrAbsent(shard, ref, out)) return;
      const from = frame.index[FIELDS_SLOT] ?? 0;
      out.array(frame.count - from);
      for (let i = from; i < frame.count; i++) {
        const isThere =
          ref !== 0 && findField(shard, ref, frame.at[i] ?? 0, frame.bytes[i] ?? 0);
        out.integer(isThere ? timeOf(shard, isSeconds, isRelative) : NO_FIELD);
      }
    },
  });
}

/** Time of the field found, seconds rounded up; NO_DEADLINE without one. */
function timeOf(shard: Shard, isSeconds: boolean, isRelative: boolean): number {
  const ms = foundDeadlineMs(shard);
  if (ms < 0) return NO_DEADLINE;
  const shown = isRelative ? Math.max(0, ms - shard.nowMs) : ms;
  return isSeconds ? Math.ceil(shown / 1000) : shown;
}

export const httl = defineTtl({
  name: 'HTTL', isSeconds: true, isRelative: true,
  summary: 'Shows the seconds that fields have left.',
  examples: [['HSET ada token x', ':1'], ['HTTL ada FIELDS 2 token nosuch', '*[:-1 :-2]']],
});

export const hpttl = defineTtl({
  name: 'HPTTL', isSeconds: false, isRelative: true,
  summary: 'Shows the milliseconds that fields have left.',
  examples: [['HPTTL nosuch FIELDS 1 token', '*[:-2]']],
});

export const hexpiretime = defineTtl({
  name: 'HEXPIRETIME', isSeconds: true, isRelative: false,
  summary: 'Shows the second of Unix time at which fields cease to exist.',
  examples: [['HSET ada token x', ':1'], ['HEXPIRETIME ada FIELDS 1 token', '*[:-1]']],
});

export const hpexpiretime = defineTtl({
  name: 'HPEXPIRETIME', isSeconds: false, isRelative: false,
  summary: 'Shows the millisecond of Unix time at which fields cease to exist.',
  examples: [
    ['HSET ada token x', ':1'],
    ['HEXPIREAT ada 33177117420 FIELDS 1 token', '*[:1]'],
    ['HPEXPIRETIME ada FIELDS 1 token', '*[:33177117420000]'],
  ],
});

export const hpersist = defineCommand({
  name: 'HPERSIST', group: 'hash', since: '7.4.0',
  summary: 'Takes the deadlines from fields, so that they stay.',
  complexity: 'O(log n) per field; n = fields with a deadline.',
  arity: -5,
  flags: Flag.Write | Flag.Fast,
  acl: ['hash'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: 'update' })],
  args: { key: arg.key(), fields: fieldsArgument },
  reply: reply.array('for each field 1 if it had a deadline, -1 if not, -2 without the field'),
  examples: [
    ['HSET ada token x', ':1'],
    ['HEXPIRE ada 60 FIELDS 1 token', '*[:1]'],
    ['HPERSIST ada FIELDS 2 token nosuch', '*[:1 :-2]'],
    ['HPERSIST ada FIELDS 1 token', '*[:-1]'],
  ],
  parse: parseFields,
  apply(shard, frame, out) {
    const ref = shard.keyspace.write(frame, 1);
    if (!isHashOrAbsent(shard, ref, out)) return;
    const from = frame.index[FIELDS_SLOT] ?? 0;
    if (ref === 0) {
      writeSame(frame, from, NO_FIELD, out);
      return;
    }
    out.array(frame.count - from);
    const effect = effectOfKey(shard, frame, 1, EffectOp.HashPersist, KeyEvent.HPersist);
    for (let i = from; i < frame.count; i++) {
      out.integer(persistField(shard, frame, ref, i, effect));
    }
    if (effect.parts.count !== 0) shard.commit();
  },
});

/** Takes the deadline from the field in argument i and notes it in the effect; the field's code. */
function persistField(
  shard: Shard, frame: ArgFrame, ref: number, i: number, effect: Effect,
): number {
  const at = frame.at[i] ?? 0;
  const bytes = frame.bytes[i] ?? 0;
  if (!findField(shard, ref, at, bytes)) return NO_FIELD;
  if (foundDeadlineMs(shard) < 0) return NO_DEADLINE;
  dropDeadline(shard, ref, found.member);
  effect.parts.add(at, bytes);
  return DONE;
}

/** Entries in the order of the documentation. */
export const hashExpireCommands: readonly Command[] = [
  hexpire, hpexpire, hexpireat, hpexpireat, httl, hpttl, hexpiretime, hpexpiretime, hpersist,
];
