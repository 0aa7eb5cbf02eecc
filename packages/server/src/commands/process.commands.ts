/**
 * The commands about the server as a process and as a lone master: its end, its role, and what
 * waits for replicas that never come. Replication is not built, so asking for a master is refused
 * in words.
 */
import type { ArgFrame, Command, ReplySink } from '@kora/core';
import {
  arg, argumentText, ClientFlag, defineCommand, Flag, reply, ReplyError, replyErrors,
} from '@kora/core';
import { sessionOf } from '../session.ts';
import { writeCounts } from '../store/log-waits.ts';
import type { Waited } from '../waits.ts';

const noShutdown = new ReplyError('ERR No shutdown in progress.');
const shutdownFailed = new ReplyError('ERR Errors trying to SHUTDOWN. Check logs.');
const noReplication = new ReplyError('ERR replication is not built yet: only NO ONE is accepted');
const noReplicas = new ReplyError('ERR FAILOVER requires connected replicas.');
const noFailover = new ReplyError('ERR No failover in progress.');
const timeoutNotInteger = new ReplyError('ERR timeout is not an integer or out of range');
const localOutOfRange = new ReplyError('ERR value is out of range, value must between 0 and 1');
const replicasNegative = new ReplyError('ERR value is out of range, must be positive');
const noLog = new ReplyError(
  'ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.',
);
const timeoutNegative = new ReplyError('ERR timeout is negative');

/** Places of SHUTDOWN's words. */
const SHUTDOWN_NOSAVE = 1;
const SHUTDOWN_SAVE = 2;

export const shutdown = defineCommand({
  name: 'SHUTDOWN', group: 'server', since: '1.0.0',
  summary: 'Ends the server.',
  complexity: 'O(1); the log is made durable first. O(n) where it saves first; n = keys.',
  arity: -1,
  flags: Flag.Admin | Flag.NoScript | Flag.Loading | Flag.Stale | Flag.NoMulti | Flag.AllowBusy
    | Flag.NeverPaused,
  acl: [],
  keys: [],
  history: [['7.0.0', 'Added the `NOW`, `FORCE` and `ABORT` modifiers.']],
  args: {
    save: arg.oneOf('NOSAVE', 'SAVE').optional().documented({ name: 'nosave_save' }),
    now: arg.token('NOW').optional().documented({ since: '7.0.0' }),
    force: arg.token('FORCE').optional().documented({ since: '7.0.0' }),
    abort: arg.token('ABORT').optional().documented({ since: '7.0.0' }),
  },
  reply: reply.none('the connection ends; an error when the server cannot end'),
  examples: [['SHUTDOWN ABORT', '-"ERR No shutdown in progress."']],
  check(frame, at) {
    const isAbort = (frame.index[at.abort] ?? 0) !== 0;
    return isAbort && frame.count > 2 ? replyErrors.syntax : null;
  },
  apply(shard, frame, out, at) {
    if ((frame.index[at.abort] ?? 0) !== 0) {
      out.error(noShutdown);
      return;
    }
    const session = sessionOf(frame);
    const { worker } = session;
    const choice = frame.choice[at.save];
    if (choice === SHUTDOWN_SAVE && worker.store === null) {
      worker.log('warning', 'SHUTDOWN SAVE refused: there is no directory to save to');
      out.error(shutdownFailed);
      return;
    }
    const snapshots = worker.store?.isLoading === false ? worker.store.snapshots : null;
    const isSaved = choice === SHUTDOWN_SAVE || shard.engine.settings.text('save') !== '';
    if (snapshots === null || choice === SHUTDOWN_NOSAVE || !isSaved) {
      session.flags |= ClientFlag.CloseAfterReply;
      worker.host.onShutdown();
      return;
    }
    const isForced = (frame.index[at.force] ?? 0) !== 0;
    snapshots.saveThen(session, (isWell) => {
      if (isWell || isForced) worker.host.onShutdown();
      else worker.waits.answer(session, (sink) => { sink.error(shutdownFailed); });
    });
  },
});

export const role = defineCommand({
  name: 'ROLE', group: 'server', since: '2.8.12',
  summary: 'Says whether this is a master or a replica.',
  complexity: 'O(1)',
  arity: 1,
  flags: Flag.NoScript | Flag.Loading | Flag.Stale | Flag.Fast,
  acl: ['admin', 'dangerous'],
  keys: [],
  args: {},
  reply: reply.array('master, its offset, its replicas'),
  examples: [['ROLE', '*[$"master" :0 *[]]']],
  apply(_shard, _frame, out) {
    out.array(3);
    out.bulkText('master');
    out.integer(0);
    out.array(0);
  },
});

const documentedReplicaOf = [['args', arg.oneOf({
  'host-port': arg.block({ host: arg.bytes(), port: arg.integer() }),
  'no-one': arg.block({ no: arg.token('NO'), one: arg.token('ONE') }),
})]] as const;

/** REPLICAOF and its old name. */
function replicaOf(
  name: string, since: string, summary: string,
  later?: { readonly since: string; readonly replacedBy: string },
): Command {
  return defineCommand({
    name, group: 'server', since, summary,
    ...(later === undefined ? {} : { deprecated: later }),
    complexity: 'O(1)',
    arity: 3,
    flags: Flag.Admin | Flag.NoScript | Flag.Stale | Flag.NoAsyncLoading,
    acl: [],
    keys: [],
    args: { host: arg.bytes(), port: arg.bytes() },
    documentedArgs: documentedReplicaOf,
    reply: reply.ok(),
    examples: [[`${name} NO ONE`, '+"OK"']],
    apply(_shard, frame, out) {
      const words = `${argumentText(frame, 1)} ${argumentText(frame, 2)}`;
      if (words.toUpperCase() === 'NO ONE') out.ok();
      else out.error(noReplication);
    },
  });
}

export const replicaof = replicaOf('REPLICAOF', '5.0.0', 'Makes this a master with NO ONE.');
export const slaveof = replicaOf('SLAVEOF', '1.0.0', 'The old name of REPLICAOF.', {
  since: '5.0.0', replacedBy: '`REPLICAOF`',
});

export const failover = defineCommand({
  name: 'FAILOVER', group: 'server', since: '6.2.0',
  summary: 'Would hand the role of master to a replica; there are none.',
  complexity: 'O(1)',
  arity: -1,
  flags: Flag.Admin | Flag.NoScript | Flag.Stale,
  acl: [],
  keys: [],
  args: {
    target: arg.block({ host: arg.bytes(), port: arg.integer() }, 'TO').optional(),
    force: arg.token('FORCE').optional(),
    abort: arg.token('ABORT').optional(),
    timeout: arg.integer('TIMEOUT').optional(),
  },
  documentedArgs: [
    ['target', arg.block({
      host: arg.bytes(), port: arg.integer(), force: arg.token('FORCE').optional(),
    }, 'TO').optional()],
    ['abort', arg.token('ABORT').optional()],
    ['milliseconds', arg.integer('TIMEOUT').optional()],
  ],
  reply: reply.ok(),
  examples: [['FAILOVER', '-"ERR FAILOVER requires connected replicas."']],
  apply(_shard, frame, out, at) {
    out.error((frame.index[at.abort] ?? 0) === 0 ? noReplicas : noFailover);
  },
});

export const wait = defineCommand({
  name: 'WAIT', group: 'generic', since: '3.0.0',
  summary: "Waits until so many replicas have this connection's writes; there are none.",
  complexity: 'O(1)',
  arity: 3,
  flags: Flag.NoScript,
  acl: ['connection'],
  keys: [],
  tips: ['request_policy:all_shards', 'response_policy:agg_min'],
  args: { numreplicas: arg.integer(), timeout: arg.bytes() },
  documentedArgs: [['numreplicas', arg.integer()], ['timeout', arg.integer()]],
  reply: reply.integer('replicas that have them'),
  examples: [['WAIT 0 100', ':0']],
  apply(shard, frame, out, at) {
    const ms = readTimeout(frame, 2);
    if (ms instanceof ReplyError) {
      out.error(ms);
      return;
    }
    waitFor(frame, out, frame.number[at.numreplicas] ?? 0, ms, shard.nowMs, noReplica);
  },
});

export const waitaof = defineCommand({
  name: 'WAITAOF', group: 'generic', since: '7.2.0',
  summary: "Waits until this connection's writes are durable in the log here.",
  complexity: 'O(1)',
  arity: 4,
  flags: Flag.Blocking,
  acl: ['connection'],
  keys: [],
  tips: ['request_policy:all_shards', 'response_policy:agg_min'],
  args: { numlocal: arg.integer(), numreplicas: arg.integer(), timeout: arg.bytes() },
  documentedArgs: [
    ['numlocal', arg.integer()], ['numreplicas', arg.integer()], ['timeout', arg.integer()],
  ],
  reply: reply.array('logs here and replicas that have them'),
  examples: [
    ['WAITAOF 0 0 100', '*[:0 :0]'],
    ['WAITAOF 1 0 100', '-"ERR WAITAOF cannot be used when numlocal is set but appendonly is ' +
      'disabled."'],
  ],
  apply(shard, frame, out, at) {
    const local = frame.number[at.numlocal] ?? 0;
    const replicas = frame.number[at.numreplicas] ?? 0;
    const ms = readTimeout(frame, 3);
    if (local < 0 || local > 1) out.error(localOutOfRange);
    else if (replicas < 0) out.error(replicasNegative);
    else if (ms instanceof ReplyError) out.error(ms);
    else waitForLogs(frame, out, local, replicas, ms, shard.nowMs);
  },
});

/** Milliseconds to wait, in argument i, or what is wrong with them. */
function readTimeout(frame: ArgFrame, i: number): number | ReplyError {
  const text = argumentText(frame, i);
  if (!/^(?:0|-?[1-9]\d{0,17})$/.test(text)) return timeoutNotInteger;
  return text.startsWith('-') ? timeoutNegative : Number(text);
}

/** What WAIT waits for never comes. */
const noReplica: Waited = {
  cancel: () => true,
  writeNothing(sink) {
    sink.integer(0);
  },
};

/** The same of WAITAOF, where there is no log. */
const noLogs: Waited = {
  cancel: () => true,
  writeNothing(sink) {
    writeCounts(sink, false);
  },
};

/** WAITAOF: answered when all that is in the logs now is durable, and so many replicas have it. */
function waitForLogs(
  frame: ArgFrame, out: ReplySink, local: number, replicas: number, timeoutMs: number,
  nowMs: number,
): void {
  const session = sessionOf(frame);
  const { store } = session.worker;
  if (store === null) {
    if (local > 0) out.error(noLog);
    else waitFor(frame, out, replicas, timeoutMs, nowMs, noLogs);
    return;
  }
  const { isDurable } = store.waits;
  const isInExec = (frame.client.flags & ClientFlag.InExec) !== 0;
  if (isInExec || (replicas === 0 && (isDurable || local === 0))) {
    writeCounts(out, isDurable);
    return;
  }
  store.waits.begin(session, replicas, timeoutMs === 0 ? Infinity : nowMs + timeoutMs);
}

/**
 * No replica will answer: 0 now when none is asked for or within EXEC, else when the time is over;
 * never with timeout 0.
 */
function waitFor(
  frame: ArgFrame, out: ReplySink, replicas: number, timeoutMs: number, nowMs: number,
  waited: Waited,
): void {
  if (replicas <= 0 || (frame.client.flags & ClientFlag.InExec) !== 0) {
    waited.writeNothing(out);
    return;
  }
  const session = sessionOf(frame);
  session.worker.waits.begin(session, waited, timeoutMs === 0 ? Infinity : nowMs + timeoutMs);
}

/** Entries about the process and its role. */
export const processCommands: readonly Command[] = [
  shutdown, role, replicaof, slaveof, failover, wait, waitaof,
];
