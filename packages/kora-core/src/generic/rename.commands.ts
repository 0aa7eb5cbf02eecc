/**
 * Commands that give a value another key or database: RENAME RENAMENX COPY MOVE SWAPDB. The data
 * part is in keyspace/move-entry.ts and knows no type. Each is one effect, so a log or feed never
 * sees half of a rename.
 * Two lookups stand in each of these: the second overwrites what the key space knows of the first,
 * so the functions there look up again before they change anything.
 */
import type { ArgFrame } from '../command/arg-frame.hot.ts';
import { arg, isWord, readInteger } from '../command/grammar.ts';
import { keysAt } from '../command/key-spec.ts';
import { reply } from '../command/reply-schema.ts';
import type { ReplySink } from '../command/sink.ts';
import type { Command } from '../command/spec.ts';
import { defineCommand, Flag } from '../command/spec.ts';
import type { ReplyError } from '../errors/reply-error.ts';
import { replyErrors } from '../errors/reply-error.ts';
import { EffectOp } from '../keyspace/effect.ts';
import { KeyEvent } from '../keyspace/events.ts';
import type { KeyBytes } from '../keyspace/move-entry.ts';
import { copyEntry, moveEntry, renameEntry, swapDatabases } from '../keyspace/move-entry.ts';
import type { Shard } from '../shard/shard.ts';

const renamedKey = keysAt({
  first: 1, last: 1, step: 1, access: 'RW', effect: ['access', 'delete'],
});
const renameHistory = [
  [
    '3.2.0',
    'The command no longer returns an error when source and destination names are the same.',
  ],
] as const;
const replaceToken = arg.token('REPLACE');
const dbToken = arg.integer('DB');
/** Slots of the COPY entry, in the order of its arguments. */
const COPY_DB_SLOT = 2;

export const rename = defineCommand({
  name: 'RENAME', group: 'generic', since: '1.0.0',
  summary: 'Gives a value another key and overwrites what that key held.',
  complexity: 'O(1), and freeing what was overwritten.',
  arity: 3,
  flags: Flag.Write,
  acl: ['keyspace'],
  keys: [renamedKey, keysAt({ first: 2, last: 2, step: 1, access: 'OW', effect: 'update' })],
  args: { key: arg.key(), newkey: arg.key() },
  reply: reply.ok(),
  examples: [
    ['SET old 1', '+"OK"'],
    ['RENAME old new', '+"OK"'],
    ['GET new', '$"1"'],
    ['RENAME nokey new', '-"ERR no such key"'],
  ],
  apply(shard, frame, out) {
    applyRename(shard, frame, out, false);
  },
});

export const renamenx = defineCommand({
  name: 'RENAMENX', group: 'generic', since: '1.0.0',
  summary: 'Gives a value another key if that key does not exist.',
  complexity: 'O(1)',
  arity: 3,
  flags: Flag.Write | Flag.Fast,
  acl: ['keyspace'],
  keys: [renamedKey, keysAt({ first: 2, last: 2, step: 1, access: 'OW', effect: 'insert' })],
  history: renameHistory,
  args: { key: arg.key(), newkey: arg.key() },
  reply: reply.integer('1 if the value has the other key now, 0 if that key exists'),
  examples: [
    ['MSET old 1 new 2', '+"OK"'],
    ['RENAMENX old new', ':0'],
    ['RENAMENX old newer', ':1'],
  ],
  apply(shard, frame, out) {
    applyRename(shard, frame, out, true);
  },
});

function applyRename(shard: Shard, frame: ArgFrame, out: ReplySink, isNx: boolean): void {
  const { keyspace } = shard;
  const ref = keyspace.write(frame, 1);
  const { db } = keyspace;
  if (ref === 0) {
    out.error(replyErrors.noSuchKey);
    return;
  }
  const key = keyOf(frame, 1);
  const newKey = keyOf(frame, 2);
  if (isSameKey(shard, key, newKey)) {
    if (isNx) out.integer(0);
    else out.ok();
    return;
  }
  if (keyspace.write(frame, 2) !== 0 && isNx) {
    out.integer(0);
    return;
  }
  if (!renameEntry(shard, db, ref, key, newKey)) {
    out.error(replyErrors.arenaFull);
    return;
  }
  const { index } = db;
  commitTwoKeys(
    shard, EffectOp.KeyRename, index, key, index, newKey, KeyEvent.RenameFrom, KeyEvent.RenameTo,
  );
  if (isNx) out.integer(1);
  else out.ok();
}

export const copy = defineCommand({
  name: 'COPY', group: 'generic', since: '6.2.0',
  summary: 'Copies a value, with its time to live, to another key or database.',
  complexity: 'O(n); n = bytes or members of the value.',
  arity: -3,
  flags: Flag.Write | Flag.DenyOom,
  acl: ['keyspace'],
  keys: [
    keysAt({ first: 1, last: 1, step: 1, access: 'RO', effect: 'access' }),
    keysAt({ first: 2, last: 2, step: 1, access: 'OW', effect: 'update' }),
  ],
  args: {
    source: arg.key(),
    destination: arg.key(),
    'destination-db': dbToken.optional(),
    replace: replaceToken.optional(),
  },
  reply: reply.integer('1 if copied, 0 if there is no source or the destination exists'),
  examples: [
    ['SET dolly sheep', '+"OK"'],
    ['COPY dolly clone', ':1'],
    ['COPY dolly clone', ':0'],
    ['COPY dolly clone DB 1 REPLACE', ':1'],
  ],
  // The options are read in order by apply: the range of DB depends on the shard and comes before a
  // syntax error in a later word.
  parse: () => null,
  apply(shard, frame, out) {
    const options = readCopyOptions(shard, frame);
    if ('error' in options) out.error(options.error);
    else applyCopy(shard, frame, out, options);
  },
});

interface CopyOptions {
  readonly toDb: number;
  readonly isReplacing: boolean;
}

function readCopyOptions(
  shard: Shard, frame: ArgFrame,
): CopyOptions | { readonly error: ReplyError } {
  let toDb = frame.client.db;
  let isReplacing = false;
  for (let i = 3; i < frame.count; i++) {
    if (isWord(frame, i, replaceToken.tokenBytes)) {
      isReplacing = true;
    } else if (isWord(frame, i, dbToken.tokenBytes) && i + 1 < frame.count) {
      if (!readInteger(frame, COPY_DB_SLOT, ++i)) return { error: replyErrors.notInteger };
      const error = checkDatabase(shard, frame, COPY_DB_SLOT);
      if (error !== null) return { error };
      toDb = frame.number[COPY_DB_SLOT] ?? 0;
    } else {
      return { error: replyErrors.syntax };
    }
  }
  return { toDb, isReplacing };
}

function applyCopy(shard: Shard, frame: ArgFrame, out: ReplySink, options: CopyOptions): void {
  const { keyspace } = shard;
  const key = keyOf(frame, 1);
  const newKey = keyOf(frame, 2);
  const toDb = keyspace.databases[options.toDb];
  if (options.toDb === frame.client.db && isSameKey(shard, key, newKey)) {
    out.error(replyErrors.sameObject);
    return;
  }
  const ref = keyspace.read(frame, 1);
  if (ref === 0 || toDb === undefined) {
    out.integer(0);
    return;
  }
  if (keyspace.find(toDb, newKey.at, newKey.bytes) !== 0 && !options.isReplacing) {
    out.integer(0);
    return;
  }
  if (!copyEntry(shard, ref, toDb, newKey)) {
    out.error(replyErrors.arenaFull);
    return;
  }
  const fromDb = frame.client.db;
  commitTwoKeys(
    shard, EffectOp.KeyCopy, fromDb, key, toDb.index, newKey, KeyEvent.None, KeyEvent.CopyTo,
  );
  out.integer(1);
}

export const move = defineCommand({
  name: 'MOVE', group: 'generic', since: '1.0.0',
  summary: 'Moves a key to another database if it does not exist there.',
  complexity: 'O(1)',
  arity: 3,
  flags: Flag.Write | Flag.Fast,
  acl: ['keyspace'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: ['access', 'update'] })],
  args: { key: arg.key(), db: arg.integer() },
  reply: reply.integer('1 if moved, 0 if the key is missing here or exists there'),
  examples: [
    ['SET box 1', '+"OK"'],
    ['MOVE box 1', ':1'],
    ['EXISTS box', ':0'],
    ['MOVE box 0', '-"ERR source and destination objects are the same"'],
  ],
  apply(shard, frame, out, at) {
    const { keyspace } = shard;
    const error = checkDatabase(shard, frame, at.db);
    if (error !== null) {
      out.error(error);
      return;
    }
    const toDb = keyspace.databases[frame.number[at.db] ?? 0];
    if (toDb === undefined || toDb.index === frame.client.db) {
      out.error(replyErrors.sameObject);
      return;
    }
    const key = keyOf(frame, 1);
    const ref = keyspace.write(frame, 1);
    const { db } = keyspace;
    if (ref === 0 || keyspace.find(toDb, key.at, key.bytes) !== 0) {
      out.integer(0);
      return;
    }
    if (!moveEntry(shard, db, ref, key, toDb)) {
      out.error(replyErrors.arenaFull);
      return;
    }
    commitTwoKeys(
      shard, EffectOp.KeyMove, db.index, key, toDb.index, key, KeyEvent.MoveFrom, KeyEvent.MoveTo,
    );
    out.integer(1);
  },
});

export const swapdb = defineCommand({
  name: 'SWAPDB', group: 'server', since: '4.0.0',
  summary: 'Exchanges the contents of two databases at once.',
  complexity: 'O(1)',
  arity: 3,
  flags: Flag.Write | Flag.Fast,
  acl: ['keyspace', 'dangerous'],
  keys: [],
  args: { index1: arg.integer(), index2: arg.integer() },
  reply: reply.ok(),
  examples: [
    ['SET page 1', '+"OK"'],
    ['SWAPDB 0 1', '+"OK"'],
    ['EXISTS page', ':0'],
    ['SWAPDB 0 99', '-"ERR DB index is out of range"'],
  ],
  parse(frame, at) {
    if (!readInt32(frame, at.index1, 1)) return replyErrors.invalidFirstDbIndex;
    return readInt32(frame, at.index2, 2) ? null : replyErrors.invalidSecondDbIndex;
  },
  apply(shard, frame, out, at) {
    const error = checkDatabase(shard, frame, at.index1) ?? checkDatabase(shard, frame, at.index2);
    if (error !== null) {
      out.error(error);
      return;
    }
    const first = frame.number[at.index1] ?? 0;
    const second = frame.number[at.index2] ?? 0;
    if (first !== second) {
      swapDatabases(shard, first, second);
      const effect = shard.effectOf(EffectOp.DatabaseSwap, first, 0, 0, KeyEvent.None);
      effect.otherDb = second;
      shard.commit();
    }
    out.ok();
  },
});

/**
 * Argument i as a key. Its bytes lie outside every entry: in the request or in a flattened copy.
 */
function keyOf(frame: ArgFrame, i: number): KeyBytes {
  return { at: frame.at[i] ?? 0, bytes: frame.bytes[i] ?? 0 };
}

function isSameKey(shard: Shard, a: KeyBytes, b: KeyBytes): boolean {
  return a.bytes === b.bytes && shard.memory.kernel.equal(a.at, b.at, a.bytes) === 1;
}

function readInt32(frame: ArgFrame, slot: number, index: number): boolean {
  return readInteger(frame, slot, index) && isInt32(frame, slot);
}

function isInt32(frame: ArgFrame, slot: number): boolean {
  const value = frame.number[slot] ?? 0;
  return frame.isExact[slot] === 1 && value === (value | 0);
}

/** What is wrong with the number in a slot as a database, null when it is one. */
function checkDatabase(shard: Shard, frame: ArgFrame, slot: number): ReplyError | null {
  if (!isInt32(frame, slot)) return replyErrors.notInt32;
  const db = frame.number[slot] ?? 0;
  return db >= 0 && db < shard.settings.databases ? null : replyErrors.dbIndexOutOfRange;
}

function commitTwoKeys(
  shard: Shard, op: number, db: number, key: KeyBytes, otherDb: number, other: KeyBytes,
  event: number, secondEvent: number,
): void {
  const effect = shard.effectOf(op, db, key.at, key.bytes, event);
  effect.otherDb = otherDb;
  effect.otherAt = other.at;
  effect.otherBytes = other.bytes;
  effect.secondEvent = secondEvent;
  shard.commit();
}

/** Entries that move values about. */
export const renameCommands: readonly Command[] = [rename, renamenx, copy, move, swapdb];
