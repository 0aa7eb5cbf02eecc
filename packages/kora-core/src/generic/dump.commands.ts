/**
 * DUMP and RESTORE: one value as bytes in Redis's RDB form with version and checksum
 * (bytes/rdb-string.ts), so that a value can travel to or from a Redis. Each type writes and reads
 * its own body; the frame is made here.
 *
 * Order of checks in RESTORE, as in Redis: options, busy key, time to live, version and checksum,
 * the value. It is built aside and takes its place only when it is whole.
 * Cost: O(bytes), with one copy of the payload on the heap for the time of the command: these are
 * rare commands, and the codec works on plain arrays.
 */
import { DUMP_FOOTER_BYTES, openDump, writeDumpFooter } from '../bytes/rdb-string.ts';
import type { ArgFrame } from '../command/arg-frame.hot.ts';
import { arg, isWord, readInteger } from '../command/grammar.ts';
import { keysAt } from '../command/key-spec.ts';
import { oneReplyOf, reply } from '../command/reply-schema.ts';
import type { ReplySink } from '../command/sink.ts';
import type { Command } from '../command/spec.ts';
import { defineCommand, Flag } from '../command/spec.ts';
import type { ReplyError } from '../errors/reply-error.ts';
import { replyErrors } from '../errors/reply-error.ts';
import { LFU_COUNTER_MAX } from '../keyspace/access.hot.ts';
import { dropAside } from '../keyspace/collection-entry.ts';
import { EffectOp, EffectReason } from '../keyspace/effect.ts';
import { KeyEvent } from '../keyspace/events.ts';
import { ValueType } from '../keyspace/type-handler.ts';
import { loadValue } from '../rdb/load-value.ts';
import { RdbError } from '../rdb/rdb-error.ts';
import type { Shard } from '../shard/shard.ts';
import { setEntryAccess } from '../structs/entry.hot.ts';
import { effectOfKey } from '../types/string/string-effects.ts';
import { ExpireTime, readExpireTime } from './expire-time.ts';
import { argumentBytes } from './value-bytes.ts';

/** Argument indices of RESTORE. */
const KEY = 1;
const TTL = 2;
const PAYLOAD = 3;
const FIRST_OPTION = 4;

/** Slots of the RESTORE entry, in the order of its arguments. */
const TTL_SLOT = 1;
const REPLACE_SLOT = 3;
const ABSTTL_SLOT = 4;
const IDLETIME_SLOT = 5;
const FREQ_SLOT = 6;
const RESTORE_SLOTS = 7;

/** The access field's clock wraps here: 2^24 seconds. */
const ACCESS_CLOCK_SECONDS = 16_777_216n;

const replaceOption = arg.token('REPLACE');
const absttlOption = arg.token('ABSTTL');
const idletimeOption = arg.integer('IDLETIME');
const freqOption = arg.integer('FREQ');

/** Room for version and checksum. */
const FOOTER_ROOM = new Uint8Array(DUMP_FOOTER_BYTES);

/** The deadline being set. Owner: the running command. */
const deadline = new ExpireTime();

export const dump = defineCommand({
  name: 'DUMP', group: 'generic', since: '2.6.0',
  summary: 'Answers the value of a key as bytes that RESTORE, also of a Redis, understands.',
  complexity: 'O(n); n = bytes of the value.',
  arity: 2,
  flags: Flag.ReadOnly,
  acl: ['keyspace'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RO', effect: 'access' })],
  tips: ['nondeterministic_output'],
  args: { key: arg.key() },
  reply: oneReplyOf(reply.bulk('the payload'), reply.null('there is no such key')),
  examples: [
    ['DUMP nokey', '_'],
    ['SET a hello', '+"OK"'],
    ['DUMP a', '$"\\x00\\x05hello\\n\\x00cr\\xdfve4 \\n"'],
  ],
  apply(shard, frame, out) {
    const ref = shard.keyspace.read(frame, 1);
    if (ref === 0) {
      out.null();
      return;
    }
    const { rdb } = shard;
    try {
      rdb.begin();
      shard.handlerOf(ref).save(shard, ref, rdb);
      const bodyEnd = rdb.length;
      rdb.rawOf(FOOTER_ROOM);
      const payload = rdb.bytes();
      writeDumpFooter(payload, 0, bodyEnd);
      out.bulkBytes(payload);
    } catch (error) {
      if (!(error instanceof RdbError)) throw error;
      out.error(replyErrors.dumpTooLong);
    }
  },
});

/** What RESTORE and its twin for cluster migration share. */
const restoreParts = {
  complexity: 'O(n); n = bytes of the value.',
  arity: -4,
  acl: ['keyspace', 'dangerous'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'OW', effect: 'update' })],
  args: {
    key: arg.key(),
    ttl: arg.integer(),
    'serialized-value': arg.bytes(),
    replace: replaceOption.optional().documented({ since: '3.0.0' }),
    absttl: absttlOption.optional().documented({ since: '5.0.0' }),
    seconds: idletimeOption.optional().documented({ since: '5.0.0' }),
    frequency: freqOption.optional().documented({ since: '5.0.0' }),
  },
  history: [
    ['3.0.0', 'Added the `REPLACE` modifier.'],
    ['5.0.0', 'Added the `ABSTTL` modifier.'],
    ['5.0.0', 'Added the `IDLETIME` and `FREQ` options.'],
  ],
  reply: reply.ok(),
  parse: parseRestore,
  apply: applyRestore,
} as const;

const HELLO = '"\\x00\\x05hello\\n\\x00cr\\xdfve4 \\n"';

export const restore = defineCommand({
  ...restoreParts,
  name: 'RESTORE', group: 'generic', since: '2.6.0',
  summary: 'Makes a key from the bytes that DUMP answered.',
  flags: Flag.Write | Flag.DenyOom | Flag.TakesRopes,
  examples: [
    [`RESTORE a 0 ${HELLO}`, '+"OK"'],
    ['GET a', '$"hello"'],
    [`RESTORE a 0 ${HELLO}`, '-"BUSYKEY Target key name already exists."'],
    [`RESTORE a 60000 ${HELLO} REPLACE`, '+"OK"'],
  ],
});

export const restoreAsking = defineCommand({
  ...restoreParts,
  name: 'RESTORE-ASKING', group: 'server', since: '3.0.0', isSystem: true,
  summary: 'RESTORE as a node of a cluster sends it while a slot moves.',
  flags: Flag.Write | Flag.DenyOom | Flag.Asking | Flag.TakesRopes,
  examples: [[`RESTORE-ASKING a 0 ${HELLO}`, '+"OK"'], ['GET a', '$"hello"']],
});

/** Reads the options only: the time to live comes after the check for a busy key. */
function parseRestore(frame: ArgFrame): ReplyError | null {
  frame.clear(RESTORE_SLOTS);
  const { index } = frame;
  for (let i = FIRST_OPTION; i < frame.count; i++) {
    const hasValue = i + 1 < frame.count;
    if (isWord(frame, i, replaceOption.tokenBytes)) {
      index[REPLACE_SLOT] = i;
    } else if (isWord(frame, i, absttlOption.tokenBytes)) {
      index[ABSTTL_SLOT] = i;
    } else if (isWord(frame, i, idletimeOption.tokenBytes) && hasValue && index[FREQ_SLOT] === 0) {
      index[IDLETIME_SLOT] = ++i;
      if (!readInteger(frame, IDLETIME_SLOT, i)) return replyErrors.notInteger;
      if ((frame.high[IDLETIME_SLOT] ?? 0) < 0) return replyErrors.invalidIdleTime;
    } else if (isWord(frame, i, freqOption.tokenBytes) && hasValue && index[IDLETIME_SLOT] === 0) {
      index[FREQ_SLOT] = ++i;
      if (!readInteger(frame, FREQ_SLOT, i)) return replyErrors.notInteger;
      const high = frame.high[FREQ_SLOT] ?? 0;
      const low = (frame.low[FREQ_SLOT] ?? 0) >>> 0;
      if (high !== 0 || low > LFU_COUNTER_MAX) return replyErrors.invalidFrequency;
    } else {
      return replyErrors.syntax;
    }
  }
  return null;
}

function applyRestore(shard: Shard, frame: ArgFrame, out: ReplySink): void {
  const { keyspace } = shard;
  const isReplacing = (frame.index[REPLACE_SLOT] ?? 0) !== 0;
  if (!isReplacing && keyspace.write(frame, KEY) !== 0) {
    out.error(replyErrors.busyKey);
    return;
  }
  const error = readTtl(shard, frame);
  if (error !== null) {
    out.error(error);
    return;
  }
  const hasTtl = (frame.low[TTL_SLOT] ?? 0) !== 0 || (frame.high[TTL_SLOT] ?? 0) !== 0;
  const ref = readPayload(shard, frame, hasTtl);
  if (typeof ref !== 'number') {
    out.error(ref);
    return;
  }
  const old = keyspace.write(frame, KEY);
  if (hasTtl && deadline.isPast(shard.nowMs)) {
    dropAside(shard, ref);
    if (old !== 0) shard.removeLastLookup(old, KeyEvent.Del, EffectReason.Command);
    out.ok();
    return;
  }
  if (!keyspace.reserve(0, 0, 0, 0)) {
    dropAside(shard, ref);
    out.error(replyErrors.arenaFull);
    return;
  }
  keyspace.link(ref);
  restoreAccess(shard, frame, ref);
  commitRestore(shard, frame, ref);
  out.ok();
}

function commitRestore(shard: Shard, frame: ArgFrame, ref: number): void {
  const isString = shard.keyspace.isType(ref, ValueType.String);
  const op = isString ? EffectOp.StringSet : EffectOp.ValueSet;
  effectOfKey(shard, frame, KEY, op, KeyEvent.Restore).ref = ref;
  shard.commit();
}

/** Reads the time to live into `deadline`; zero means none. */
function readTtl(shard: Shard, frame: ArgFrame): ReplyError | null {
  if (!readInteger(frame, TTL_SLOT, TTL)) return replyErrors.notInteger;
  if ((frame.high[TTL_SLOT] ?? 0) < 0) return replyErrors.invalidTtl;
  const isRelative = (frame.index[ABSTTL_SLOT] ?? 0) === 0;
  const fits = readExpireTime(shard, frame, TTL_SLOT, false, isRelative, deadline);
  return fits ? null : replyErrors.invalidTtl;
}

/** Builds the entry of the payload, which no dict knows yet, or says why it is refused. */
function readPayload(shard: Shard, frame: ArgFrame, hasTtl: boolean): number | ReplyError {
  const payload = argumentBytes(shard, frame, PAYLOAD);
  const opened = openDump(payload, 0, payload.length);
  if (opened === 'bad-version-or-checksum') return replyErrors.dumpVersionOrChecksum;
  if (opened === 'bad-format') return replyErrors.dumpFormat;
  try {
    const ref = loadValue(shard, payload, 0, opened.bodyEnd, {
      keyAt: frame.at[KEY] ?? 0, keyBytes: frame.bytes[KEY] ?? 0, hasTtl: hasTtl ? 1 : 0,
      expireLow: deadline.low, expireHigh: deadline.high,
    });
    return ref === 0 ? replyErrors.arenaFull : ref;
  } catch (error) {
    if (error instanceof RdbError && error.kind === 'format') return replyErrors.dumpFormat;
    throw error;
  }
}

/**
 * IDLETIME or FREQ, where it is of the kind that the policy keeps; else that of a new key, whatever
 * was replaced.
 */
function restoreAccess(shard: Shard, frame: ArgFrame, ref: number): void {
  const { access } = shard.keyspace;
  const { i32 } = shard.memory;
  setEntryAccess(i32, ref, access.initial());
  if (access.isLfu !== 0) {
    if ((frame.index[FREQ_SLOT] ?? 0) === 0) return;
    setEntryAccess(i32, ref, (access.minutes << 8) | (frame.number[FREQ_SLOT] ?? 0));
  } else if ((frame.index[IDLETIME_SLOT] ?? 0) !== 0) {
    const idle = Number(frame.integer64(IDLETIME_SLOT) % ACCESS_CLOCK_SECONDS);
    setEntryAccess(i32, ref, access.seconds - idle);
  }
}

/** Entries about values as bytes. */
export const dumpCommands: readonly Command[] = [dump, restore, restoreAsking];
