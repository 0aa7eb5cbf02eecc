/**
 * The everyday string commands: one key, one value. Each checks everything, reserves, changes,
 * commits and writes one reply; where the reply is the old value it is written between reserving
 * and changing.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { arg } from '../../command/grammar.ts';
import type { KeyUsage } from '../../command/key-spec.ts';
import { keysAt } from '../../command/key-spec.ts';
import { parseKey, parseKeyAndOne } from '../../command/positional.hot.ts';
import { oneReplyOf, reply } from '../../command/reply-schema.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { Command } from '../../command/spec.ts';
import { defineCommand, Flag } from '../../command/spec.ts';
import type { ReplyError } from '../../errors/reply-error.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import { EffectOp, EffectReason } from '../../keyspace/effect.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import type { Shard } from '../../shard/shard.ts';
import { entryHasTtl } from '../../structs/entry.hot.ts';
import { deadline, expireErrors, keepDeadline, readDeadline } from './expire-option.ts';
import {
  CONDITION_IFEQ, EXPIRATION_EX, EXPIRATION_KEEPTTL, EXPIRATION_PERSIST, EXPIRATION_PX,
  parseGetex, parseKeyIntegerBytes, parseSet, readExpiration,
} from './parse.hot.ts';
import type { GetexSlots, SetSlots } from './parse.hot.ts';
import { checkDigest, comparisonOptions, isConditionMet } from './string-condition.ts';
import { commitStringBytes, commitStringSet, effectOfKey } from './string-effects.ts';
import { isStringOrAbsent, writeStringOrNull } from './string-reply.ts';
import {
  growString, patchFromArgument, reserveArgument, storeArgument, stringBytes, writeString,
} from './string.ts';

// ------------------------------------------------------------------ GET and SET

/** SET reads its key only with GET. */
const usageOfSet: KeyUsage = (argumentCount, argument) => {
  for (let i = 3; i < argumentCount; i++) {
    if (argument(i).toUpperCase() === 'GET') return { access: 'RW', effects: ['access', 'update'] };
  }
  return { access: 'OW', effects: ['update'] };
};

export const get = defineCommand({
  name: 'GET', group: 'string', since: '1.0.0',
  summary: 'Returns the value of a string key.',
  complexity: 'O(1)',
  arity: 2,
  flags: Flag.ReadOnly | Flag.Fast,
  acl: ['string'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RO', effect: 'access' })],
  args: { key: arg.key() },
  reply: oneReplyOf(reply.bulk('the value'), reply.null('the key does not exist')),
  examples: [['GET greeting', '_'], ['SET greeting hello', '+"OK"'], ['GET greeting', '$"hello"']],
  parse: parseKey,
  apply(shard, frame, out) {
    const ref = shard.keyspace.read(frame, 1);
    if (isStringOrAbsent(shard, ref, out)) writeStringOrNull(shard, ref, out);
  },
});

export const set = defineCommand({
  name: 'SET', group: 'string', since: '1.0.0',
  summary: 'Sets a key to a string, whatever it held, unless a condition says no.',
  complexity: 'O(1); O(n) with IFDEQ and IFDNE, n = bytes of the present value.',
  arity: -3,
  flags: Flag.Write | Flag.DenyOom | Flag.TakesRopes,
  acl: ['string'],
  keys: [keysAt({
    first: 1, last: 1, step: 1, access: 'RW', effect: ['access', 'update'],
    extra: ['variable_flags'],
    notes: 'RW and ACCESS due to the optional `GET` argument',
    usage: usageOfSet,
  })],
  history: [
    ['2.6.12', 'Added the `EX`, `PX`, `NX` and `XX` options.'],
    ['6.0.0', 'Added the `KEEPTTL` option.'],
    ['6.2.0', 'Added the `GET`, `EXAT` and `PXAT` option.'],
    ['7.0.0', 'Allowed the `NX` and `GET` options to be used together.'],
    ['8.4.0', 'Added the `IFEQ`, `IFNE`, `IFDEQ` and `IFDNE` options.'],
  ],
  args: {
    key: arg.key(),
    value: arg.bytes(),
    condition: arg
      .oneOf({ nx: arg.token('NX'), xx: arg.token('XX'), ...comparisonOptions })
      .optional().documented({ since: '2.6.12' }),
    get: arg.token('GET').optional().documented({ since: '6.2.0' }),
    expiration: arg
      .oneOf({
        seconds: arg.integer('EX').documented({ since: '2.6.12' }),
        milliseconds: arg.integer('PX').documented({ since: '2.6.12' }),
        'unix-time-seconds': arg.unixTime('EXAT').documented({ since: '6.2.0' }),
        'unix-time-milliseconds': arg.unixTime('PXAT').documented({ since: '6.2.0' }),
        keepttl: arg.token('KEEPTTL').documented({ since: '6.0.0' }),
      })
      .optional(),
  },
  reply: oneReplyOf(
    reply.ok('the key was set'),
    reply.null('a condition refused; or, with GET, the key did not exist'),
    reply.bulk('with GET: the value before'),
  ),
  examples: [
    ['SET lock ada NX PX 30000', '+"OK"'],
    ['SET lock bob NX', '_'],
    ['SET lock bob IFEQ ada GET', '$"ada"'],
    ['SET lock cid IFEQ ada', '_'],
  ],
  parse: parseSet,
  apply(shard, frame, out, at) {
    if (frame.count === 3) {
      shard.keyspace.write(frame, 1);
      storeAndCommit(shard, frame, 2, 0, out);
    } else {
      setWithOptions(shard, frame, out, at);
    }
  },
});

/**
 * Stores argument `valueIndex` for the key looked up last and answers OK. `hasTtl` 1: until
 * `deadline`.
 */
function storeAndCommit(
  shard: Shard, frame: ArgFrame, valueIndex: number, hasTtl: number, out: ReplySink,
): void {
  if (!reserveArgument(shard, frame, 1, valueIndex)) {
    out.error(replyErrors.arenaFull);
    return;
  }
  const ref = storeArgument(shard, frame, 1, valueIndex, hasTtl, deadline.low, deadline.high);
  const second = hasTtl === 0 ? KeyEvent.None : KeyEvent.Expire;
  commitStringSet(shard, frame, 1, ref, KeyEvent.Set, second);
  out.ok();
}

function setWithOptions(shard: Shard, frame: ArgFrame, out: ReplySink, at: SetSlots): void {
  const expiration = frame.choice[at.expiration] ?? 0;
  const condition = frame.choice[at.condition] ?? 0;
  const operand = frame.index[at.condition] ?? 0;
  const wantsOld = (frame.index[at.get] ?? 0) !== 0;
  const hasDeadline = expiration !== 0 && expiration !== EXPIRATION_KEEPTTL;
  const error =
    (hasDeadline
      ? readDeadline(shard, frame, at.expiration, expiration, expireErrors.set)
      : null) ?? checkDigest(frame, condition, operand);
  if (error !== null) {
    out.error(error);
    return;
  }
  const { keyspace } = shard;
  const ref = wantsOld ? keyspace.read(frame, 1) : keyspace.write(frame, 1);
  const looksInside = wantsOld || condition >= CONDITION_IFEQ;
  if (looksInside && !isStringOrAbsent(shard, ref, out)) return;
  if (!isConditionMet(shard, ref, frame, condition, operand)) {
    writeStringOrNull(shard, wantsOld ? ref : 0, out);
    return;
  }
  let hasTtl = hasDeadline ? 1 : 0;
  if (expiration === EXPIRATION_KEEPTTL) hasTtl = keepDeadline(shard, ref);
  if (!reserveArgument(shard, frame, 1, 2)) {
    out.error(replyErrors.arenaFull);
    return;
  }
  if (wantsOld) writeStringOrNull(shard, ref, out);
  const stored = storeArgument(shard, frame, 1, 2, hasTtl, deadline.low, deadline.high);
  const second = hasDeadline ? KeyEvent.Expire : KeyEvent.None;
  commitStringSet(shard, frame, 1, stored, KeyEvent.Set, second);
  if (!wantsOld) out.ok();
}

// ------------------------------------------------------------------ SET's older sisters

export const setnx = defineCommand({
  name: 'SETNX', group: 'string', since: '1.0.0',
  summary: 'Sets a key to a string when it does not exist.',
  complexity: 'O(1)',
  arity: 3,
  flags: Flag.Write | Flag.DenyOom | Flag.Fast | Flag.TakesRopes,
  acl: ['string'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'OW', effect: 'insert' })],
  args: { key: arg.key(), value: arg.bytes() },
  reply: oneReplyOf(reply.integer('1 when the key was set, 0 when it existed')),
  examples: [['SETNX owner ada', ':1'], ['SETNX owner bob', ':0'], ['GET owner', '$"ada"']],
  parse: parseKeyAndOne,
  apply(shard, frame, out) {
    if (shard.keyspace.write(frame, 1) !== 0) {
      out.integer(0);
      return;
    }
    if (!reserveArgument(shard, frame, 1, 2)) {
      out.error(replyErrors.arenaFull);
      return;
    }
    const ref = storeArgument(shard, frame, 1, 2, 0, 0, 0);
    commitStringSet(shard, frame, 1, ref, KeyEvent.Set);
    out.integer(1);
  },
});

export const setex = defineCommand({
  name: 'SETEX', group: 'string', since: '2.0.0',
  summary: 'Sets a key to a string that lives for some seconds.',
  complexity: 'O(1)',
  arity: 4,
  flags: Flag.Write | Flag.DenyOom | Flag.TakesRopes,
  acl: ['string'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'OW', effect: 'update' })],
  args: { key: arg.key(), seconds: arg.integer(), value: arg.bytes() },
  reply: reply.ok('the key was set'),
  examples: [['SETEX code 60 1234', '+"OK"'], ['TTL code', ':60']],
  parse: parseKeyIntegerBytes,
  apply(shard, frame, out, at) {
    setFor(shard, frame, out, at.seconds, EXPIRATION_EX, expireErrors.setex);
  },
});

export const psetex = defineCommand({
  name: 'PSETEX', group: 'string', since: '2.6.0',
  summary: 'Sets a key to a string that lives for some milliseconds.',
  complexity: 'O(1)',
  arity: 4,
  flags: Flag.Write | Flag.DenyOom | Flag.TakesRopes,
  acl: ['string'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'OW', effect: 'update' })],
  args: { key: arg.key(), milliseconds: arg.integer(), value: arg.bytes() },
  reply: reply.ok('the key was set'),
  examples: [['PSETEX code 1500 1234', '+"OK"'], ['PTTL code', ':1500']],
  parse: parseKeyIntegerBytes,
  apply(shard, frame, out, at) {
    setFor(shard, frame, out, at.milliseconds, EXPIRATION_PX, expireErrors.psetex);
  },
});

function setFor(
  shard: Shard, frame: ArgFrame, out: ReplySink, slot: number, unit: number, bad: ReplyError,
): void {
  const error = readDeadline(shard, frame, slot, unit, bad);
  if (error !== null) {
    out.error(error);
    return;
  }
  shard.keyspace.write(frame, 1);
  storeAndCommit(shard, frame, 3, 1, out);
}

// ------------------------------------------------------------------ GET with a consequence

export const getset = defineCommand({
  name: 'GETSET', group: 'string', since: '1.0.0',
  summary: 'Sets a key to a string and returns what it held.',
  deprecated: { since: '6.2.0', replacedBy: '`SET` with the `!GET` argument' },
  complexity: 'O(1)',
  arity: 3,
  flags: Flag.Write | Flag.DenyOom | Flag.Fast | Flag.TakesRopes,
  acl: ['string'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: ['access', 'update'] })],
  args: { key: arg.key(), value: arg.bytes() },
  reply: oneReplyOf(reply.bulk('the value before'), reply.null('the key did not exist')),
  examples: [['GETSET turn ada', '_'], ['GETSET turn bob', '$"ada"']],
  parse: parseKeyAndOne,
  apply(shard, frame, out) {
    const ref = shard.keyspace.read(frame, 1);
    if (!isStringOrAbsent(shard, ref, out)) return;
    if (!reserveArgument(shard, frame, 1, 2)) {
      out.error(replyErrors.arenaFull);
      return;
    }
    writeStringOrNull(shard, ref, out);
    const stored = storeArgument(shard, frame, 1, 2, 0, 0, 0);
    commitStringSet(shard, frame, 1, stored, KeyEvent.Set);
  },
});

export const getdel = defineCommand({
  name: 'GETDEL', group: 'string', since: '6.2.0',
  summary: 'Returns the value of a string key and removes the key.',
  complexity: 'O(1)',
  arity: 2,
  flags: Flag.Write | Flag.Fast,
  acl: ['string'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: ['access', 'delete'] })],
  args: { key: arg.key() },
  reply: oneReplyOf(reply.bulk('the value'), reply.null('the key does not exist')),
  examples: [['SET once x', '+"OK"'], ['GETDEL once', '$"x"'], ['GETDEL once', '_']],
  parse: parseKey,
  apply(shard, frame, out) {
    const ref = shard.keyspace.read(frame, 1);
    if (!isStringOrAbsent(shard, ref, out)) return;
    writeStringOrNull(shard, ref, out);
    if (ref !== 0) shard.removeLastLookup(ref, KeyEvent.Del, EffectReason.Command);
  },
});

export const getex = defineCommand({
  name: 'GETEX', group: 'string', since: '6.2.0',
  summary: 'Returns the value of a string key and sets or takes away its deadline.',
  complexity: 'O(1)',
  arity: -2,
  flags: Flag.Write | Flag.Fast,
  acl: ['string'],
  keys: [keysAt({
    first: 1, last: 1, step: 1, access: 'RW', effect: ['access', 'update'],
    notes: 'RW and UPDATE because it changes the TTL',
  })],
  args: {
    key: arg.key(),
    expiration: arg
      .oneOf({
        seconds: arg.integer('EX'),
        milliseconds: arg.integer('PX'),
        'unix-time-seconds': arg.unixTime('EXAT'),
        'unix-time-milliseconds': arg.unixTime('PXAT'),
        persist: arg.token('PERSIST'),
      })
      .optional(),
  },
  reply: oneReplyOf(reply.bulk('the value'), reply.null('the key does not exist')),
  examples: [
    ['SET session x', '+"OK"'], ['GETEX session EX 60', '$"x"'], ['TTL session', ':60'],
    ['GETEX session PERSIST', '$"x"'], ['TTL session', ':-1'], ['GETEX nosuch EX 60', '_'],
  ],
  parse: parseGetex,
  apply(shard, frame, out, at) {
    const ref = shard.keyspace.read(frame, 1);
    if (!isStringOrAbsent(shard, ref, out)) return;
    const expiration = frame.choice[at.expiration] ?? 0;
    if (ref === 0 || expiration === 0) {
      writeStringOrNull(shard, ref, out);
      return;
    }
    if (expiration === EXPIRATION_PERSIST) getAndPersist(shard, frame, ref, out);
    else getAndExpire(shard, frame, ref, out, at);
  },
});

function getAndPersist(shard: Shard, frame: ArgFrame, ref: number, out: ReplySink): void {
  const hasTtl = entryHasTtl(shard.memory.i32, ref);
  if (hasTtl && !shard.keyspace.reserveMove(ref)) {
    out.error(replyErrors.arenaFull);
    return;
  }
  writeString(shard, ref, out);
  if (!hasTtl) return;
  shard.keyspace.clearExpire(ref);
  effectOfKey(shard, frame, 1, EffectOp.KeyPersist, KeyEvent.Persist);
  shard.commit();
}

function getAndExpire(
  shard: Shard, frame: ArgFrame, ref: number, out: ReplySink, at: GetexSlots,
): void {
  const unit = frame.choice[at.expiration] ?? 0;
  const error =
    readExpiration(frame, at.expiration) ??
    readDeadline(shard, frame, at.expiration, unit, expireErrors.getex);
  if (error !== null) {
    out.error(error);
    return;
  }
  if (deadline.isPast(shard.nowMs)) {
    writeString(shard, ref, out);
    shard.removeLastLookup(ref, KeyEvent.Del, EffectReason.Command);
    return;
  }
  if (!shard.keyspace.reserveMove(ref)) {
    out.error(replyErrors.arenaFull);
    return;
  }
  writeString(shard, ref, out);
  shard.keyspace.setExpire(ref, deadline.low, deadline.high);
  const effect = effectOfKey(shard, frame, 1, EffectOp.KeyExpire, KeyEvent.Expire);
  effect.expireLow = deadline.low;
  effect.expireHigh = deadline.high;
  shard.commit();
}

// ------------------------------------------------------------------ length and growth

export const strlen = defineCommand({
  name: 'STRLEN', group: 'string', since: '2.2.0',
  summary: 'Returns the length of a string value in bytes.',
  complexity: 'O(1)',
  arity: 2,
  flags: Flag.ReadOnly | Flag.Fast,
  acl: ['string'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RO' })],
  args: { key: arg.key() },
  reply: reply.integer('bytes; 0 when the key does not exist'),
  examples: [['SET word hello', '+"OK"'], ['STRLEN word', ':5'], ['STRLEN nosuch', ':0']],
  parse: parseKey,
  apply(shard, frame, out) {
    const ref = shard.keyspace.read(frame, 1);
    if (!isStringOrAbsent(shard, ref, out)) return;
    out.integer(ref === 0 ? 0 : stringBytes(shard, ref));
  },
});

export const append = defineCommand({
  name: 'APPEND', group: 'string', since: '2.0.0',
  summary: 'Appends bytes to a string; an absent key becomes a string of them.',
  complexity: 'O(n) in the bytes appended, amortised.',
  arity: 3,
  flags: Flag.Write | Flag.DenyOom | Flag.Fast | Flag.TakesRopes,
  acl: ['string'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: 'insert' })],
  args: { key: arg.key(), value: arg.bytes() },
  reply: reply.integer('length in bytes afterwards'),
  examples: [['APPEND log ab', ':2'], ['APPEND log cd', ':4'], ['GET log', '$"abcd"']],
  parse: parseKeyAndOne,
  apply(shard, frame, out) {
    const ref = shard.keyspace.write(frame, 1);
    if (!isStringOrAbsent(shard, ref, out)) return;
    const added = frame.bytes[2] ?? 0;
    if (ref !== 0) appendTo(shard, frame, ref, added, out);
    else if (reserveArgument(shard, frame, 1, 2)) {
      const stored = storeArgument(shard, frame, 1, 2, 0, 0, 0);
      commitStringSet(shard, frame, 1, stored, KeyEvent.Append);
      out.integer(added);
    } else {
      out.error(replyErrors.arenaFull);
    }
  },
});

function appendTo(
  shard: Shard, frame: ArgFrame, ref: number, added: number, out: ReplySink,
): void {
  const before = stringBytes(shard, ref);
  const bytes = before + added;
  if (bytes > shard.settings.stringBytesMax) {
    out.error(replyErrors.stringTooLong);
    return;
  }
  const grown = growString(shard, ref, bytes);
  if (grown === 0) {
    out.error(replyErrors.arenaFull);
    return;
  }
  patchFromArgument(shard, grown, before, frame, 2);
  commitStringBytes(shard, frame, EffectOp.StringAppend, KeyEvent.Append, 2, 0);
  out.integer(bytes);
}

/** Entries in the order of the documentation. */
export const stringBasicCommands: readonly Command[] = [
  get, set, setnx, setex, psetex, getset, getdel, getex, strlen, append,
];
