/**
 * Commands about how long a key lives. The four that set a deadline differ only in unit and origin,
 * the four that show one likewise, so each family is made by one function here.
 * Order of checks as in Redis: options, the number, overflow, the key, the conditions. A deadline
 * that is not in the future deletes the key and announces `del`.
 */
import type { ArgFrame } from '../command/arg-frame.hot.ts';
import type { Leaf } from '../command/grammar.ts';
import { arg, isWord, readInteger } from '../command/grammar.ts';
import { keysAt } from '../command/key-spec.ts';
import { reply } from '../command/reply-schema.ts';
import type { ReplySink } from '../command/sink.ts';
import type { Command } from '../command/spec.ts';
import { defineCommand, Flag } from '../command/spec.ts';
import type { ReplyError } from '../errors/reply-error.ts';
import {
  echoText, invalidExpireTime, replyErrors, unsupportedOptionNamed,
} from '../errors/reply-error.ts';
import { EffectOp, EffectReason } from '../keyspace/effect.ts';
import { KeyEvent } from '../keyspace/events.ts';
import type { Shard } from '../shard/shard.ts';
import {
  entryExpireHigh, entryExpireLow, entryHasTtl, entryKeyBytes, entryValueInlineBytes,
} from '../structs/entry.hot.ts';
import { ExpireTime, readExpireTime, writeExpireTime } from './expire-time.ts';

/** Slots of the entries made here, in the order of their arguments. */
const TIME_SLOT = 1;
const CONDITION_SLOT = 2;

/**
 * Conditions as bits, for they combine: XX GT and XX LT are legal. Found in
 * frame.choice[CONDITION_SLOT].
 */
const CONDITION_NX = 1;
const CONDITION_XX = 2;
const CONDITION_GT = 4;
const CONDITION_LT = 8;

const conditionWords = ['NX', 'XX', 'GT', 'LT'].map((word) => arg.token(word).tokenBytes);
const conditionHistory = [['7.0.0', 'Added options: `NX`, `XX`, `GT` and `LT`.']] as const;

/** The deadline being set. Owner: the running command. */
const deadline = new ExpireTime();

interface ExpireEntry {
  readonly name: string;
  readonly since: string;
  readonly summary: string;
  /** Name and kind of the number's argument. */
  readonly time: readonly [string, Leaf];
  readonly isSeconds: boolean;
  readonly isRelative: boolean;
  readonly examples: readonly (readonly [string, string])[];
}

function defineExpire(entry: ExpireEntry): Command {
  const { name, since, summary, examples, isSeconds, isRelative } = entry;
  const overflow = invalidExpireTime(name.toLowerCase());
  const [timeName, time] = entry.time;
  return defineCommand({
    name, group: 'generic', since, summary, examples,
    complexity: 'O(1)',
    arity: -3,
    flags: Flag.Write | Flag.Fast,
    acl: ['keyspace'],
    keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: 'update' })],
    history: conditionHistory,
    args: {
      key: arg.key(),
      [timeName]: time,
      condition: arg.oneOf('NX', 'XX', 'GT', 'LT').optional().documented({ since: '7.0.0' }),
    },
    reply: reply.integer('1 if the deadline was set, 0 without the key or if a condition refused'),
    parse: parseExpire,
    apply(shard, frame, out) {
      if (readExpireTime(shard, frame, TIME_SLOT, isSeconds, isRelative, deadline)) {
        applyExpire(shard, frame, out);
      } else {
        out.error(overflow);
      }
    },
  });
}

/** Options first, then the number; conditions are collected as bits. */
function parseExpire(frame: ArgFrame): ReplyError | null {
  let conditions = 0;
  for (let i = 3; i < frame.count; i++) {
    const word = conditionWords.findIndex((bytes) => isWord(frame, i, bytes));
    if (word < 0) return unsupportedOptionNamed(optionText(frame, i));
    conditions |= 1 << word;
  }
  const others = conditions & (CONDITION_XX | CONDITION_GT | CONDITION_LT);
  if ((conditions & CONDITION_NX) !== 0 && others !== 0) return replyErrors.expireNxClash;
  if ((conditions & CONDITION_GT) !== 0 && (conditions & CONDITION_LT) !== 0) {
    return replyErrors.expireGtLtClash;
  }
  frame.choice[CONDITION_SLOT] = conditions;
  return readInteger(frame, TIME_SLOT, 2) ? null : replyErrors.notInteger;
}

/** The word up to its first zero byte and without line breaks at its end, as Redis prints it. */
function optionText(frame: ArgFrame, i: number): string {
  const at = frame.at[i] ?? -1;
  if (at < 0) return '';
  const { low } = frame.memory;
  let bytes = 0;
  while (bytes < (frame.bytes[i] ?? 0) && low[at + bytes] !== 0) bytes++;
  while (bytes > 0 && isLineBreak(low[at + bytes - 1] ?? 0)) bytes--;
  return echoText(low, at, bytes, bytes);
}

function isLineBreak(byte: number): boolean {
  return byte === 0x0a || byte === 0x0d;
}

function applyExpire(shard: Shard, frame: ArgFrame, out: ReplySink): void {
  const { keyspace, memory } = shard;
  const ref = keyspace.write(frame, 1);
  if (ref === 0 || !allows(shard, ref, frame.choice[CONDITION_SLOT] ?? 0)) {
    out.integer(0);
    return;
  }
  if (deadline.isPast(shard.nowMs)) {
    shard.removeLastLookup(ref, KeyEvent.Del, EffectReason.Command);
    out.integer(1);
    return;
  }
  const keyBytes = entryKeyBytes(memory.i32, ref);
  if (!keyspace.reserve(keyBytes, entryValueInlineBytes(memory.i32, ref), 0, 0)) {
    out.error(replyErrors.arenaFull);
    return;
  }
  keyspace.setExpire(ref, deadline.low, deadline.high);
  const effect = shard.effectOf(
    EffectOp.KeyExpire, frame.client.db, frame.at[1] ?? 0, keyBytes, KeyEvent.Expire,
  );
  effect.expireLow = deadline.low;
  effect.expireHigh = deadline.high;
  shard.commit();
  out.integer(1);
}

/**
 * True when the conditions let `deadline` replace what the entry has; no deadline counts as
 * infinity.
 */
function allows(shard: Shard, ref: number, conditions: number): boolean {
  if (conditions === 0) return true;
  const { i32 } = shard.memory;
  const hasTtl = entryHasTtl(i32, ref);
  if ((conditions & CONDITION_NX) !== 0 && hasTtl) return false;
  if ((conditions & CONDITION_XX) !== 0 && !hasTtl) return false;
  const order = hasTtl
    ? deadline.compare(entryExpireLow(i32, ref), entryExpireHigh(i32, ref))
    : -1;
  if ((conditions & CONDITION_GT) !== 0 && order <= 0) return false;
  return (conditions & CONDITION_LT) === 0 || order < 0;
}

export const expire = defineExpire({
  name: 'EXPIRE', since: '1.0.0', isSeconds: true, isRelative: true,
  summary: 'Sets after how many seconds a key ceases to exist.',
  time: ['seconds', arg.integer()],
  examples: [
    ['SET token x', '+"OK"'],
    ['EXPIRE token 100', ':1'],
    ['EXPIRE token 50 GT', ':0'],
    ['TTL token', ':100'],
  ],
});

export const pexpire = defineExpire({
  name: 'PEXPIRE', since: '2.6.0', isSeconds: false, isRelative: true,
  summary: 'Sets after how many milliseconds a key ceases to exist.',
  time: ['milliseconds', arg.integer()],
  examples: [['SET token x', '+"OK"'], ['PEXPIRE token 1500', ':1'], ['PTTL token', ':1500']],
});

export const expireat = defineExpire({
  name: 'EXPIREAT', since: '1.2.0', isSeconds: true, isRelative: false,
  summary: 'Sets the second of Unix time at which a key ceases to exist.',
  time: ['unix-time-seconds', arg.unixTime()],
  examples: [
    ['SET token x', '+"OK"'],
    ['EXPIREAT token 33177117420', ':1'],
    ['EXPIRETIME token', ':33177117420'],
  ],
});

export const pexpireat = defineExpire({
  name: 'PEXPIREAT', since: '2.6.0', isSeconds: false, isRelative: false,
  summary: 'Sets the millisecond of Unix time at which a key ceases to exist.',
  time: ['unix-time-milliseconds', arg.unixTime()],
  examples: [['SET token x', '+"OK"'], ['PEXPIREAT token 5', ':1'], ['EXISTS token', ':0']],
});

interface TtlEntry {
  readonly name: string;
  readonly since: string;
  readonly summary: string;
  readonly meaning: string;
  readonly isSeconds: boolean;
  readonly isRelative: boolean;
  readonly history?: readonly (readonly [string, string])[];
  readonly examples: readonly (readonly [string, string])[];
}

function defineTtl(entry: TtlEntry): Command {
  const { name, since, summary, history, examples, isSeconds, isRelative } = entry;
  return defineCommand({
    name, group: 'generic', since, summary, examples,
    complexity: 'O(1)',
    arity: 2,
    flags: Flag.ReadOnly | Flag.Fast,
    acl: ['keyspace'],
    keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RO', effect: 'access' })],
    // The time left depends on when it is asked for, the deadline does not.
    ...(isRelative ? { tips: ['nondeterministic_output'] } : {}),
    ...(history === undefined ? {} : { history }),
    args: { key: arg.key() },
    reply: reply.integer(`${entry.meaning}; -1 without a deadline, -2 without the key`),
    apply(shard, frame, out) {
      const ref = shard.keyspace.peekCounted(frame, 1);
      if (ref === 0) out.integer(-2);
      else if (!entryHasTtl(shard.memory.i32, ref)) out.integer(-1);
      else writeExpireTime(shard, ref, out, isSeconds, isRelative);
    },
  });
}

export const ttl = defineTtl({
  name: 'TTL', since: '1.0.0', isSeconds: true, isRelative: true,
  summary: 'Shows the seconds that a key has left.',
  meaning: 'seconds left, rounded',
  history: [['2.8.0', 'Added the -2 reply.']],
  examples: [['TTL nokey', ':-2'], ['SET token x EX 10', '+"OK"'], ['TTL token', ':10']],
});

export const pttl = defineTtl({
  name: 'PTTL', since: '2.6.0', isSeconds: false, isRelative: true,
  summary: 'Shows the milliseconds that a key has left.',
  meaning: 'milliseconds left',
  history: [['2.8.0', 'Added the -2 reply.']],
  examples: [['SET token x', '+"OK"'], ['PTTL token', ':-1']],
});

export const expiretime = defineTtl({
  name: 'EXPIRETIME', since: '7.0.0', isSeconds: true, isRelative: false,
  summary: 'Shows the second of Unix time at which a key ceases to exist.',
  meaning: 'seconds since 1970, rounded',
  examples: [['SET token x EXAT 33177117420', '+"OK"'], ['EXPIRETIME token', ':33177117420']],
});

export const pexpiretime = defineTtl({
  name: 'PEXPIRETIME', since: '7.0.0', isSeconds: false, isRelative: false,
  summary: 'Shows the millisecond of Unix time at which a key ceases to exist.',
  meaning: 'milliseconds since 1970',
  examples: [['SET token x EXAT 33177117420', '+"OK"'], ['PEXPIRETIME token', ':33177117420000']],
});

export const persist = defineCommand({
  name: 'PERSIST', group: 'generic', since: '2.2.0',
  summary: 'Takes the deadline from a key, so that it stays.',
  complexity: 'O(1)',
  arity: 2,
  flags: Flag.Write | Flag.Fast,
  acl: ['keyspace'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: 'update' })],
  args: { key: arg.key() },
  reply: reply.integer('1 if it had a deadline, else 0'),
  examples: [['SET token x EX 10', '+"OK"'], ['PERSIST token', ':1'], ['PERSIST token', ':0']],
  apply(shard, frame, out) {
    const { keyspace, memory } = shard;
    const ref = keyspace.write(frame, 1);
    if (ref === 0 || !entryHasTtl(memory.i32, ref)) {
      out.integer(0);
      return;
    }
    const keyBytes = entryKeyBytes(memory.i32, ref);
    if (!keyspace.reserve(keyBytes, entryValueInlineBytes(memory.i32, ref), 0, 0)) {
      out.error(replyErrors.arenaFull);
      return;
    }
    keyspace.clearExpire(ref);
    const { db } = frame.client;
    shard.effectOf(EffectOp.KeyPersist, db, frame.at[1] ?? 0, keyBytes, KeyEvent.Persist);
    shard.commit();
    out.integer(1);
  },
});

/** Entries about deadlines. */
export const expireCommands: readonly Command[] = [
  expire, pexpire, expireat, pexpireat, ttl, pttl, expiretime, pexpiretime, persist,
];
