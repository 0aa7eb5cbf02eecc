/**
 * CLIENT about other connections: listing, ending, holding and releasing them.
 */
import type { ArgFrame, Command, ReplySink } from '@kora/core';
import {
  arg, argumentText, argumentTexts, ClientFlag, defineCommand, Flag, oneReplyOf, reply, ReplyError,
  replyErrors,
} from '@kora/core';
import type { ClientFilter } from './client-filter.ts';
import { clientClassOf, clientIdOf, fitsFilter, readClientFilter } from './client-filter.ts';
import { clientLine } from './client-line.ts';
import type { Asking } from '../mesh/part-client.ts';
import { askingOf } from '../mesh/part-client.ts';
import type { Session } from '../session.ts';

const ADMIN = Flag.Admin | Flag.NoScript | Flag.Loading | Flag.Stale | Flag.NeverPaused;

const invalidId = new ReplyError('ERR Invalid client ID');
const noSuchClient = new ReplyError('ERR No such client');
const timeoutNotInteger = new ReplyError('ERR timeout is not an integer or out of range');
const timeoutNegative = new ReplyError('ERR timeout is negative');
const badPauseMode = new ReplyError('ERR CLIENT PAUSE mode must be WRITE or ALL');
/** What Redis says to one argument too many after these subcommands. */
const tooMany = (word: string): ReplyError => new ReplyError(
  `ERR unknown subcommand or wrong number of arguments for '${word}'. Try CLIENT HELP.`,
);
const badReason = new ReplyError('ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR');

/** The sessions of this worker that CLIENT LIST is about, or the error in its options. */
function listed({ worker }: Asking, words: readonly string[]): readonly Session[] | ReplyError {
  const { sessions } = worker;
  const [first = '', second = ''] = words;
  if (words.length === 0) return sessions.open();
  if (words.length === 2 && first.toLowerCase() === 'type') {
    const wanted = clientClassOf(second);
    if (wanted instanceof ReplyError) return wanted;
    return sessions.open().filter((session) => session.outputClass === wanted);
  }
  if (words.length < 2 || first.toLowerCase() !== 'id') return replyErrors.syntax;
  const found: Session[] = [];
  for (const word of words.slice(1)) {
    const id = clientIdOf(word);
    if (id === null) return invalidId;
    const session = sessions.byId(id);
    if (session !== undefined) found.push(session);
  }
  return found;
}

export const clientList = defineCommand({
  name: 'CLIENT|LIST', group: 'connection', since: '2.4.0',
  summary: 'Returns a line about each connection.',
  complexity: 'O(n); n = connections.',
  arity: -2, flags: ADMIN, acl: ['connection'], keys: [],
  tips: ['nondeterministic_output'],
  history: [
    ['2.8.12', 'Added unique client `id` field.'],
    ['5.0.0', 'Added optional `TYPE` filter.'],
    ['6.0.0', 'Added `user` field.'],
    [
      '6.2.0',
      'Added `argv-mem`, `tot-mem`, `laddr` and `redir` fields and the optional `ID` filter.',
    ],
    ['7.0.0', 'Added `resp`, `multi-mem`, `rbs` and `rbp` fields.'],
    ['7.0.3', 'Added `ssub` field.'],
  ],
  args: {
    normal_master_replica_pubsub: arg.oneOf('NORMAL', 'MASTER', 'REPLICA', 'PUBSUB').after('TYPE')
      .optional().documented({ since: '5.0.0' }),
    id: arg.block({ clientId: arg.integer().repeated() }, 'ID')
      .optional().documented({ since: '6.2.0' }),
  },
  reply: reply.verbatim('lines of name=value'),
  examples: [],
  // The words are read by listed(): Redis has an error of its own for each.
  parse: () => null,
  apply(shard, frame, out) {
    const asking = askingOf(frame);
    const found = listed(asking, argumentTexts(frame, 2));
    if (found instanceof ReplyError) {
      out.error(found);
      return;
    }
    const { session: self } = asking;
    // Where it is a part of what all workers do, no command runs as the connection's own.
    const running = self === frame.client ? asking.worker.executor.current : clientList;
    const lines = found.map((session) =>
      `${clientLine(session, shard.nowMs, session === self ? running : null)}\n`);
    out.verbatim('txt', lines.join(''));
  },
});

/** Ends every session of the worker that fits; the asking one after its reply. Returns how many. */
function killAll({ worker, session: self }: Asking, filter: ClientFilter, nowMs: number): number {
  let count = 0;
  for (const session of worker.sessions.open()) {
    if (!fitsFilter(filter, session, nowMs)) continue;
    if (session !== self) {
      worker.end(session);
    } else {
      if (filter.skipsSelf) continue;
      session.flags |= ClientFlag.CloseAfterReply;
    }
    count++;
  }
  return count;
}

/** Filters of CLIENT KILL; readClientFilter() reads them. */
const killFilters = new Map([
  ['id', arg.integer('ID').documented({ name: 'client-id', since: '2.8.12' })],
  ['normal_master_slave_pubsub', arg.oneOf({
    normal: arg.token('NORMAL'), master: arg.token('MASTER').documented({ since: '3.2.0' }),
    slave: arg.token('SLAVE'), replica: arg.token('REPLICA').documented({ since: '5.0.0' }),
    pubsub: arg.token('PUBSUB'),
  }).after('TYPE').documented({ since: '2.8.12' })],
  ['username', arg.bytes('USER')],
  ['addr', arg.bytes('ADDR').documented({ name: 'ip:port' })],
  ['laddr', arg.bytes('LADDR').documented({ name: 'ip:port', since: '6.2.0' })],
  ['yes/no', arg.bytes('SKIPME')],
]);
const documentedKill = arg.oneOf({
  'ip:port': arg.bytes().documented({ deprecatedSince: '2.8.12' }),
  'new-format': arg.oneOf(Object.fromEntries(
    [...killFilters].map(([name, leaf]) => [name, leaf.optional()]),
  )).repeated(),
});

export const clientKill = defineCommand({
  name: 'CLIENT|KILL', group: 'connection', since: '2.4.0',
  summary: 'Ends connections.',
  complexity: 'O(n); n = connections.',
  arity: -3, flags: ADMIN, acl: ['connection'], keys: [],
  history: [
    ['2.8.12', 'Added new filter format.'],
    ['2.8.12', '`ID` option.'],
    ['3.2.0', 'Added `master` type in for `TYPE` option.'],
    [
      '5.0.0',
      'Replaced `slave` `TYPE` with `replica`. `slave` still supported for backward ' +
        'compatibility.',
    ],
    ['6.2.0', '`LADDR` option.'],
  ],
  args: { filter: arg.bytes().repeated() },
  documentedArgs: [['filter', documentedKill]],
  reply: oneReplyOf(reply.ok('with an address alone'), reply.integer('connections ended')),
  examples: [['CLIENT KILL 1.2.3.4:5', '-"ERR No such client"']],
  apply(shard, frame, out) {
    const asking = askingOf(frame);
    const words = argumentTexts(frame, 2);
    if (words.length === 1) {
      const filter = { address: words[0] ?? '', skipsSelf: false };
      if (killAll(asking, filter, shard.nowMs) > 0) out.ok();
      else out.error(noSuchClient);
      return;
    }
    const filter = readClientFilter(words);
    if (filter instanceof ReplyError) out.error(filter);
    else out.integer(killAll(asking, filter, shard.nowMs));
  },
});

/** Milliseconds of CLIENT PAUSE, or what is wrong with them. */
function pauseMs(frame: ArgFrame): number | ReplyError {
  const text = argumentText(frame, 2);
  if (!/^(?:0|-?[1-9]\d{0,18})$/.test(text) || BigInt(text) >= 2n ** 63n) return timeoutNotInteger;
  return text.startsWith('-') ? timeoutNegative : Number(text);
}

export const clientPause = defineCommand({
  name: 'CLIENT|PAUSE', group: 'connection', since: '2.9.50',
  summary: 'Holds writing commands, or all, for some milliseconds.',
  complexity: 'O(1)',
  arity: -3, flags: ADMIN, acl: ['connection'], keys: [],
  history: [['6.2.0', '`CLIENT PAUSE WRITE` mode added along with the `mode` option.']],
  args: {
    timeout: arg.integer(),
    mode: arg.oneOf('WRITE', 'ALL').optional().documented({ since: '6.2.0' }),
  },
  reply: reply.ok(),
  examples: [],
  parse: (frame) => (frame.count > 4 ? tooMany(argumentText(frame, 1)) : null),
  apply(shard, frame, out) {
    const mode = frame.count === 3 ? 'ALL' : argumentText(frame, 3).toUpperCase();
    if (mode !== 'ALL' && mode !== 'WRITE') {
      out.error(badPauseMode);
      return;
    }
    const ms = pauseMs(frame);
    if (ms instanceof ReplyError) {
      out.error(ms);
      return;
    }
    shard.pause.start(shard.nowMs + ms, mode === 'ALL', shard.nowMs);
    out.ok();
  },
});

export const clientUnpause = defineCommand({
  name: 'CLIENT|UNPAUSE', group: 'connection', since: '6.2.0',
  summary: 'Ends a CLIENT PAUSE; what was held runs.',
  complexity: 'O(n); n = commands held.',
  arity: 2, flags: ADMIN, acl: ['connection'], keys: [], args: {},
  reply: reply.ok(),
  examples: [],
  apply(shard, frame, out) {
    shard.pause.end();
    askingOf(frame).worker.releaseParked();
    out.ok();
  },
});

export const clientUnblock = defineCommand({
  name: 'CLIENT|UNBLOCK', group: 'connection', since: '5.0.0',
  summary: 'Ends the wait of a blocked connection, as if its time were over or with an error.',
  complexity: 'O(1)',
  arity: -3, flags: ADMIN, acl: ['connection'], keys: [],
  args: { clientId: arg.integer(), timeout_error: arg.oneOf('TIMEOUT', 'ERROR').optional() },
  reply: reply.integer('1 when it was blocked, else 0'),
  examples: [['CLIENT UNBLOCK 999999', ':0']],
  // Redis looks at the reason before the number.
  parse: (frame) => (frame.count > 4 ? tooMany(argumentText(frame, 1)) : null),
  apply(_shard, frame, out) {
    const reason = frame.count === 4 ? argumentText(frame, 3).toUpperCase() : 'TIMEOUT';
    if (reason !== 'TIMEOUT' && reason !== 'ERROR') {
      out.error(badReason);
      return;
    }
    const id = clientIdOf(argumentText(frame, 2));
    if (id === null) out.error(replyErrors.notInteger);
    else answerUnblock(askingOf(frame), id, reason === 'ERROR', out);
  },
});

function answerUnblock({ worker }: Asking, id: number, isError: boolean, out: ReplySink): void {
  const session = worker.sessions.byId(id);
  out.integer(session !== undefined && worker.waits.unblock(session, isError) ? 1 : 0);
}

/** Entries of CLIENT about other connections. */
export const clientAdminCommands: readonly Command[] = [
  clientList, clientKill, clientPause, clientUnpause, clientUnblock,
];
