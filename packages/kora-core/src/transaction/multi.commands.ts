/**
 * MULTI, EXEC, DISCARD, WATCH, UNWATCH. What they do is in transactions.ts; who is in MULTI has
 * every other command queued by the gate and the executor.
 */
import { ClientFlag } from '../command/client-state.ts';
import { arg } from '../command/grammar.ts';
import { keysAt } from '../command/key-spec.ts';
import { oneReplyOf, reply } from '../command/reply-schema.ts';
import type { Command } from '../command/spec.ts';
import { defineCommand, Flag } from '../command/spec.ts';
import { ReplyError, replyErrors } from '../errors/reply-error.ts';

const ANYTIME = Flag.NoScript | Flag.Loading | Flag.Stale | Flag.Fast | Flag.AllowBusy;

const execWithoutMulti = new ReplyError('ERR EXEC without MULTI');
const discardWithoutMulti = new ReplyError('ERR DISCARD without MULTI');
const watchInsideMulti = new ReplyError('ERR WATCH inside MULTI is not allowed');

export const multi = defineCommand({
  name: 'MULTI', group: 'transactions', since: '1.2.0',
  summary: 'Begins a transaction: commands are queued until EXEC runs them in one go.',
  complexity: 'O(1)',
  arity: 1,
  flags: ANYTIME,
  acl: ['transaction'],
  keys: [],
  args: {},
  reply: reply.ok(),
  examples: [['MULTI', '+"OK"'], ['MULTI', '-"ERR MULTI calls can not be nested"']],
  apply(_shard, frame, out) {
    const { client } = frame;
    if ((client.flags & ClientFlag.InMulti) !== 0) {
      out.error(replyErrors.nestedMulti);
      return;
    }
    client.flags |= ClientFlag.InMulti;
    out.ok();
  },
});

export const exec = defineCommand({
  name: 'EXEC', group: 'transactions', since: '1.2.0',
  summary: 'Runs the commands queued since MULTI in one go, unless a watched key has changed.',
  complexity: 'That of the queued commands.',
  arity: 1,
  flags: Flag.NoScript | Flag.Loading | Flag.Stale | Flag.SkipSlowlog,
  acl: ['transaction'],
  keys: [],
  args: {},
  reply: oneReplyOf(
    reply.array('the reply of each command, errors among them'),
    reply.nullArray('a watched key has changed: nothing ran'),
  ),
  examples: [
    ['EXEC', '-"ERR EXEC without MULTI"'],
    ['MULTI', '+"OK"'], ['SET seat ada', '+"QUEUED"'], ['INCR seat', '+"QUEUED"'],
    ['EXEC', '*[+"OK" -"ERR value is not an integer or out of range"]'],
    ['WATCH seat', '+"OK"'], ['DEL seat', ':1'],
    ['MULTI', '+"OK"'], ['SET seat bob', '+"QUEUED"'], ['EXEC', '*_'],
  ],
  apply(shard, frame, out) {
    const { client } = frame;
    if ((client.flags & ClientFlag.InMulti) === 0) out.error(execWithoutMulti);
    else shard.transactions.exec(client, out);
  },
});

export const discard = defineCommand({
  name: 'DISCARD', group: 'transactions', since: '2.0.0',
  summary: 'Forgets the commands queued since MULTI, and all watches.',
  complexity: 'O(n); n = commands queued and keys watched.',
  arity: 1,
  flags: ANYTIME,
  acl: ['transaction'],
  keys: [],
  args: {},
  reply: reply.ok(),
  examples: [
    ['DISCARD', '-"ERR DISCARD without MULTI"'],
    ['MULTI', '+"OK"'], ['SET seat ada', '+"QUEUED"'], ['DISCARD', '+"OK"'], ['EXISTS seat', ':0'],
  ],
  apply(shard, frame, out) {
    const { client } = frame;
    if ((client.flags & ClientFlag.InMulti) === 0) {
      out.error(discardWithoutMulti);
      return;
    }
    shard.transactions.reset(client);
    out.ok();
  },
});

export const watch = defineCommand({
  name: 'WATCH', group: 'transactions', since: '2.2.0',
  summary: 'Makes the next EXEC of this connection depend on keys staying as they are.',
  complexity: 'O(1) per key.',
  arity: -2,
  flags: ANYTIME,
  acl: ['transaction'],
  keys: [keysAt({ first: 1, last: -1, step: 1, access: 'RO' })],
  args: { key: arg.key().repeated() },
  reply: reply.ok(),
  examples: [
    ['WATCH seat row', '+"OK"'],
    ['MULTI', '+"OK"'], ['WATCH seat', '-"ERR WATCH inside MULTI is not allowed"'],
  ],
  apply(shard, frame, out) {
    if ((frame.client.flags & ClientFlag.InMulti) !== 0) {
      out.error(watchInsideMulti);
      return;
    }
    const refusal = shard.transactions.watch(frame);
    if (refusal === null) out.ok();
    else out.error(refusal);
  },
});

export const unwatch = defineCommand({
  name: 'UNWATCH', group: 'transactions', since: '2.2.0',
  summary: 'Forgets all watches of this connection.',
  complexity: 'O(n); n = keys watched.',
  arity: 1,
  flags: ANYTIME,
  acl: ['transaction'],
  keys: [],
  args: {},
  reply: reply.ok(),
  examples: [['UNWATCH', '+"OK"']],
  apply(shard, frame, out) {
    shard.transactions.unwatch(frame.client);
    out.ok();
  },
});

/** Entries of transactions. */
export const transactionCommands: readonly Command[] = [multi, exec, discard, watch, unwatch];
