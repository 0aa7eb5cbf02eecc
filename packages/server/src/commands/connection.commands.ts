/**
 * The commands that change what a connection is: its protocol version, its user, its end. They need
 * a session;
 * PING, ECHO and SELECT, which do not, are the core's.
 */
import type { ArgFrame, Command, ReplySink, Shard } from '@kora/core';
import {
  arg, argumentText, ClientFlag, defineCommand, Flag, REDIS_VERSION, reply, ReplyError,
  replyErrors,
} from '@kora/core';
import { logIn } from './authentication.ts';
import { badClientName, isPlainWord } from './client-names.ts';
import { OutputClass, sessionOf } from '../session.ts';
import type { Session } from '../session.ts';
import { shownText } from './shown-text.ts';

const ANYTIME =
  Flag.NoScript | Flag.Loading | Flag.Stale | Flag.Fast | Flag.NoAuth
  | Flag.AllowBusy | Flag.NeverPaused;

const badVersion = new ReplyError('NOPROTO unsupported protocol version');
const versionNotInteger = new ReplyError('ERR Protocol version is not an integer or out of range');
const helloNeedsAuth = new ReplyError(
  'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO ' +
    '<proto> AUTH <user> <pass> option can be used to authenticate the client and select the ' +
    'RESP protocol version at the same time',
);
const authWithoutPassword = new ReplyError(
  'ERR AUTH <password> called without any password configured for the default user. ' +
    'Are you sure your configuration is correct?',
);

/** What HELLO asks for beside the version. */
interface HelloOptions {
  readonly user: string;
  readonly password: string | null;
  readonly name: string | null;
}

/** Reads AUTH and SETNAME from argument 2 on; an option that is neither is an error naming it. */
function helloOptions(frame: ArgFrame): HelloOptions | ReplyError {
  let user = '';
  let password: string | null = null;
  let name: string | null = null;
  for (let i = 2; i < frame.count; i++) {
    const given = argumentText(frame, i);
    const word = given.toUpperCase();
    const left = frame.count - 1 - i;
    if (word === 'AUTH' && left >= 2) {
      user = argumentText(frame, ++i);
      password = argumentText(frame, ++i);
    } else if (word === 'SETNAME' && left >= 1) {
      name = argumentText(frame, ++i);
      if (!isPlainWord(name)) return badClientName;
    } else {
      return new ReplyError(`ERR Syntax error in HELLO option '${shownText(given)}'`);
    }
  }
  return { user, password, name };
}

/** Does what HELLO asks, all of it or nothing but the login. */
function greet(shard: Shard, frame: ArgFrame, session: Session): ReplyError | null {
  const version = frame.count === 1 ? session.resp : helloVersion(argumentText(frame, 1));
  if (version instanceof ReplyError) return version;
  const options = helloOptions(frame);
  if (options instanceof ReplyError) return options;
  if (options.password !== null) {
    const refusal = logIn(shard, session, options.user, options.password);
    if (refusal !== null) return refusal;
  }
  if (!session.isAuthenticated) return helloNeedsAuth;
  if (options.name !== null) session.name = options.name;
  session.resp = version;
  return null;
}

/** 2, 3, or what is wrong with the text. */
function helloVersion(text: string): number | ReplyError {
  if (!/^(?:0|-?[1-9]\d{0,17})$/.test(text)) return versionNotInteger;
  return text === '2' || text === '3' ? Number(text) : badVersion;
}

export const hello = defineCommand({
  name: 'HELLO', group: 'connection', since: '6.0.0',
  summary: 'Greets the server: chooses the protocol version, logs in, names the connection.',
  complexity: 'O(1)',
  arity: -1,
  flags: ANYTIME,
  acl: ['connection'],
  keys: [],
  history: [[
    '6.2.0',
    '`protover` made optional; when called without arguments the command reports the current ' +
      "connection's context.",
  ]],
  args: {
    arguments: arg.block({
      protover: arg.integer(),
      username_password: arg
        .block({ username: arg.bytes(), password: arg.bytes() }, 'AUTH')
        .optional(),
      clientname: arg.bytes('SETNAME').optional(),
    }).optional(),
  },
  reply: reply.map('facts about the server and the connection'),
  examples: [],
  // Redis checks from left to right with errors of its own, which a grammar cannot say.
  parse: () => null,
  apply(shard, frame, out) {
    const session = sessionOf(frame);
    const error = greet(shard, frame, session);
    if (error !== null) {
      out.error(error);
      return;
    }
    writeGreeting(session, out);
  },
});

function writeGreeting(session: Session, out: ReplySink): void {
  out.map(7);
  out.bulkText('server');
  out.bulkText('redis');
  out.bulkText('version');
  out.bulkText(REDIS_VERSION);
  out.bulkText('proto');
  out.integer(session.resp);
  out.bulkText('id');
  out.integer(session.id);
  out.bulkText('mode');
  out.bulkText(session.worker.cluster === null ? 'standalone' : 'cluster');
  out.bulkText('role');
  out.bulkText('master');
  out.bulkText('modules');
  out.array(0);
}

export const auth = defineCommand({
  name: 'AUTH', group: 'connection', since: '1.0.0',
  summary: 'Logs the connection in.',
  complexity: 'O(1)',
  arity: -2,
  flags: ANYTIME,
  acl: ['connection'],
  keys: [],
  history: [['6.0.0', 'Added ACL style (username and password).']],
  args: { username: arg.bytes(), password: arg.bytes().optional() },
  documentedArgs: [
    ['username', arg.bytes().optional().documented({ since: '6.0.0' })],
    ['password', arg.bytes()],
  ],
  reply: reply.ok(),
  examples: [],
  check: (frame) => (frame.count > 3 ? replyErrors.syntax : null),
  apply(shard, frame, out) {
    const hasUser = frame.count === 3;
    if (!hasUser && shard.settings.password === '') {
      out.error(authWithoutPassword);
      return;
    }
    const user = hasUser ? argumentText(frame, 1) : 'default';
    const error = logIn(shard, sessionOf(frame), user, argumentText(frame, frame.count - 1));
    if (error === null) out.ok();
    else out.error(error);
  },
});

export const quit = defineCommand({
  name: 'QUIT', group: 'connection', since: '1.0.0',
  summary: 'Ends the connection after the replies so far.',
  complexity: 'O(1)',
  arity: -1,
  flags: ANYTIME,
  acl: ['connection'],
  keys: [],
  args: { arguments: arg.bytes().repeated().optional() },
  documentedArgs: [],
  reply: reply.ok(),
  examples: [],
  apply(_shard, frame, out) {
    sessionOf(frame).flags |= ClientFlag.CloseAfterReply;
    out.ok();
  },
});

export const reset = defineCommand({
  name: 'RESET', group: 'connection', since: '6.2.0',
  summary: 'Makes the connection as it was when it was new.',
  complexity: 'O(1)',
  arity: 1,
  flags: ANYTIME,
  acl: ['connection'],
  keys: [],
  args: {},
  reply: reply.status('RESET'),
  examples: [],
  apply(shard, frame, out) {
    const session = sessionOf(frame);
    shard.transactions.reset(session);
    session.worker.tracking.disable(session);
    session.worker.pubSub.drop(session);
    session.db = 0;
    session.resp = 2;
    session.worker.monitors.leave(session);
    session.flags = 0;
    session.isSkippingNext = false;
    session.name = '';
    session.user = 'default';
    session.outputClass = OutputClass.Normal;
    session.isAuthenticated = shard.settings.password === '';
    session.isLetIn = false;
    session.worker.sink.unmute();
    out.simple('RESET');
  },
});

/** Entries about the connection itself. */
export const connectionCommands: readonly Command[] = [hello, auth, quit, reset];
