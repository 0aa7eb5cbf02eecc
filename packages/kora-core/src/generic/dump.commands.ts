/**
 * DUMP and RESTORE: one value as bytes in Redis's RDB form with version and checksum
 * (bytes/rdb-string.ts), so that a value can travel to or from a Redis. Strings only so far; a
 * payload of another type is a bad format.
 *
 * Order of checks in RESTORE, as in Redis: options, busy key, time to live, version and checksum,
 * the value.
 * Cost: O(bytes), with one copy of payload and value each on the heap for the time of the command:
 * these are rare commands, and the codec works on plain arrays. A value is at most
 * STRING_BYTES_MAX, and so are its copies.
 */
import { decodeDump, dumpStringBytesMax, encodeDumpString } from '../bytes/rdb-string.ts';
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
import { EffectReason } from '../keyspace/effect.ts';
import { KeyEvent } from '../keyspace/events.ts';
import { ValueType } from '../keyspace/type-handler.ts';
import type { Shard } from '../shard/shard.ts';
import { setEntryAccess } from '../structs/entry.hot.ts';
import { commitStringSet } from '../types/string/string-effects.ts';
import { reserveArgument, storeArgument } from '../types/string/string.ts';
import { ExpireTime, readExpireTime } from './expire-time.ts';
import { argumentBytes, replaceArgument, stringValue } from './value-bytes.ts';

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
    } else if (!shard.keyspace.isType(ref, ValueType.String)) {
      out.error(replyErrors.dumpFormat);
    } else {
      const value = stringValue(shard, ref);
      const payload = new Uint8Array(dumpStringBytesMax(value.length));
      out.bulkBytes(payload.subarray(0, encodeDumpString(value, payload, 0)));
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
    replace: replaceOption.optional(),
    absttl: absttlOption.optional(),
    seconds: idletimeOption.optional(),
    frequency: freqOption.optional(),
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
  name: 'RESTORE-ASKING', group: 'server', since: '3.0.0',
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
  const error = readTtl(shard, frame) ?? readPayload(shard, frame);
  if (error !== null) {
    out.error(error);
    return;
  }
  const old = keyspace.write(frame, KEY);
  const hasTtl = (frame.low[TTL_SLOT] ?? 0) !== 0 || (frame.high[TTL_SLOT] ?? 0) !== 0;
  if (hasTtl && deadline.isPast(shard.nowMs)) {
    if (old !== 0) shard.removeLastLookup(old, KeyEvent.Del, EffectReason.Command);
    out.ok();
    return;
  }
  if (!reserveArgument(shard, frame, KEY, PAYLOAD)) {
    out.error(replyErrors.arenaFull);
    return;
  }
  const ref = storeArgument(
    shard, frame, KEY, PAYLOAD, hasTtl ? 1 : 0, deadline.low, deadline.high,
  );
  restoreAccess(shard, frame, ref);
  commitStringSet(shard, frame, KEY, ref, KeyEvent.Restore);
  out.ok();
}

/** Reads the time to live into `deadline`; zero means none. */
function readTtl(shard: Shard, frame: ArgFrame): ReplyError | null {
  if (!readInteger(frame, TTL_SLOT, TTL)) return replyErrors.notInteger;
  if ((frame.high[TTL_SLOT] ?? 0) < 0) return replyErrors.invalidTtl;
  const isRelative = (frame.index[ABSTTL_SLOT] ?? 0) === 0;
  const fits = readExpireTime(shard, frame, TTL_SLOT, false, isRelative, deadline);
  return fits ? null : replyErrors.invalidTtl;
}

/** Checks the payload and puts the value it holds in its argument's place. */
function readPayload(shard: Shard, frame: ArgFrame): ReplyError | null {
  const payload = argumentBytes(shard, frame, PAYLOAD);
  const decoded = decodeDump(payload, 0, payload.length, shard.settings.stringBytesMax);
  if (decoded === 'bad-version-or-checksum') return replyErrors.dumpVersionOrChecksum;
  if (decoded === 'bad-format') return replyErrors.dumpFormat;
  return replaceArgument(shard, frame, PAYLOAD, decoded.value) ? null : replyErrors.arenaFull;
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
