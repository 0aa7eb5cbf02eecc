/**
 * SAVE and its like. The core keeps nothing: whoever keeps the data of an engine hangs itself in as
 * its SavingHost (command/saving-host.ts) and answers; where nobody does they answer an error.
 */
import { arg } from '../command/grammar.ts';
import { reply } from '../command/reply-schema.ts';
import { answerSave } from '../command/saving-host.ts';
import type { SaveAsker } from '../command/saving-host.ts';
import type { Command } from '../command/spec.ts';
import { defineCommand, Flag } from '../command/spec.ts';
import { ReplyError } from '../errors/reply-error.ts';

const notKept = new ReplyError('ERR nothing is kept on disk: this engine has no directory');
const asSave = Object.freeze({
  isPatient: false,
  failed: (why: string): ReplyError => new ReplyError(`ERR the snapshot failed: ${why}`),
  notKept,
} satisfies SaveAsker);
const NOT_KEPT = '-"ERR nothing is kept on disk: this engine has no directory"';

export const lastSave = defineCommand({
  name: 'LASTSAVE', group: 'server', since: '1.0.0',
  summary: 'Returns when a snapshot was made last; before the first, when the engine started.',
  complexity: 'O(1)',
  arity: 1,
  flags: Flag.Loading | Flag.Stale | Flag.Fast,
  acl: ['admin', 'dangerous'],
  keys: [],
  tips: ['nondeterministic_output'],
  args: {},
  reply: reply.integer('seconds since 1970'),
  examples: [['LASTSAVE', '?']],
  apply(shard, _frame, out) {
    const { saving, startMs } = shard.engine;
    out.integer(Math.floor(Math.max(saving?.savedMs ?? 0, startMs) / 1000));
  },
});

export const save = defineCommand({
  name: 'SAVE', group: 'server', since: '1.0.0',
  summary: 'Makes a snapshot of the data and answers when it is durable.',
  complexity: 'O(n); n = keys. Others are served meanwhile.',
  arity: 1,
  flags: Flag.Admin | Flag.NoScript | Flag.NoAsyncLoading | Flag.NoMulti,
  acl: [],
  keys: [],
  args: {},
  reply: reply.ok(),
  examples: [['SAVE', NOT_KEPT]],
  apply(shard, frame, out) {
    answerSave(shard.engine.saving, frame, out, asSave);
  },
});

export const bgSave = defineCommand({
  name: 'BGSAVE', group: 'server', since: '1.0.0',
  summary: 'Begins a snapshot of the data, which is made in the background.',
  complexity: 'O(1)',
  arity: -1,
  flags: Flag.Admin | Flag.NoScript | Flag.NoAsyncLoading,
  acl: [],
  keys: [],
  history: [['3.2.2', 'Added SCHEDULE.']],
  args: { schedule: arg.token('SCHEDULE').optional().documented({ since: '3.2.2' }) },
  reply: reply.status('saving started or is scheduled'),
  examples: [['BGSAVE', NOT_KEPT]],
  apply(shard, frame, out, at) {
    const { saving } = shard.engine;
    if (saving === null) out.error(notKept);
    else saving.saveSoon(frame, out, (frame.index[at.schedule] ?? 0) !== 0);
  },
});

export const bgRewriteAof = defineCommand({
  name: 'BGREWRITEAOF', group: 'server', since: '1.0.0',
  summary: 'Begins a snapshot of the data, after which the log before it is removed.',
  complexity: 'O(1)',
  arity: 1,
  flags: Flag.Admin | Flag.NoScript | Flag.NoAsyncLoading,
  acl: [],
  keys: [],
  args: {},
  reply: reply.status('compaction started or is scheduled'),
  examples: [['BGREWRITEAOF', NOT_KEPT]],
  apply(shard, frame, out) {
    const { saving } = shard.engine;
    if (saving === null) out.error(notKept);
    else saving.rewrite(frame, out);
  },
});

/** Entries about saving. */
export const savingCommands: readonly Command[] = [lastSave, save, bgSave, bgRewriteAof];
