/**
 * CLIENT TRACKING and its sisters: entries of the commands by which a client keeps what it has read
 * and hears when that is not true any more.
 * With several workers, a redirection to a client of another worker is looked up there, and those
 * who hear of keys by prefix get their reply when every worker knows of it; within EXEC, where
 * nothing waits, both follow the reply.
 */
import type { Command } from '@kora/core';
import {
  arg, argumentText, argumentTexts, ClientFlag, defineCommand, Flag, oneReplyOf, reply, ReplyError,
  replyErrors, writeLatin1,
} from '@kora/core';
import { sessionOf } from '../session.ts';
import type { Session } from '../session.ts';
import type { Waited } from '../waits.ts';
import { TrackingMode } from './session-tracking.ts';
import type { TrackingOptions } from './tracking-options.ts';
import { checkTrackingOptions, readTrackingOptions } from './tracking-options.ts';

const OWN = Flag.NoScript | Flag.Loading | Flag.Stale | Flag.NeverPaused;

export const clientTracking = defineCommand({
  name: 'CLIENT|TRACKING', group: 'connection', since: '6.0.0',
  summary: 'Switches on and off that this connection hears when keys change that it has read.',
  complexity: 'O(1); some options cost O(n), n = prefixes',
  arity: -3, flags: OWN, acl: ['connection'], keys: [],
  args: {
    status: arg.bytes(),
    options: arg.repeat({ option: arg.bytes() }).optional(),
  },
  documentedArgs: [
    ['status', arg.oneOf('ON', 'OFF')],
    ['client-id', arg.integer('REDIRECT').optional()],
    ['prefix', arg.bytes('PREFIX').repeated().optional()],
    ['bcast', arg.token('BCAST').optional()],
    ['optin', arg.token('OPTIN').optional()],
    ['optout', arg.token('OPTOUT').optional()],
    ['noloop', arg.token('NOLOOP').optional()],
  ],
  reply: reply.ok(),
  examples: [],
  apply(_shard, frame, out) {
    const session = sessionOf(frame);
    const words = argumentTexts(frame, 2);
    const { tracking, shard } = session.worker;
    let elsewhere = 0;
    const options = readTrackingOptions(words, (id) => {
      if (session.worker.sessions.byId(id) !== undefined) return true;
      if (tracking.mesh === null || id <= 0) return false;
      elsewhere = id;
      return true;
    });
    const mayWait = tracking.mesh !== null && (session.flags & ClientFlag.InExec) === 0;
    if (mayWait && elsewhere !== 0) {
      findThenSwitch(session, words, elsewhere);
      return;
    }
    const error = switchTo(session, options, elsewhere === 0 ? shard.index : -1);
    if (error !== null) {
      out.error(error);
    } else if (mayWait && isBroadcast(session)) {
      session.worker.waits.begin(session, wait, Infinity);
      answerWhenKnown(session);
    } else {
      out.ok();
    }
  },
});

/** Does what was asked. @param redirectWorker of the client to redirect to; -1 = not known */
function switchTo(
  session: Session, options: TrackingOptions | ReplyError, redirectWorker: number,
): ReplyError | null {
  if (options instanceof ReplyError) return options;
  const { tracking } = session.worker;
  if (!options.isOn) {
    tracking.disable(session);
    return null;
  }
  const error = checkTrackingOptions(options, session.tracking);
  if (error === null) tracking.enable(session, options, redirectWorker);
  return error;
}

const isBroadcast = ({ tracking }: Session): boolean =>
  tracking?.has(TrackingMode.Broadcast) === true;

const wait: Waited = { cancel: () => false, writeNothing: () => undefined };

/** OK is said when every other worker knows of the session's prefixes. */
function answerWhenKnown(session: Session): void {
  const { waits, tracking } = session.worker;
  tracking.mesh?.ask(0, () => {
    if (session.isClosing) return;
    waits.answer(session, (sink) => {
      sink.ok();
    });
  });
}

/** Asks the other workers for the client to redirect to, which is not here. */
function findThenSwitch(session: Session, words: readonly string[], clientId: number): void {
  const { waits, tracking, sessions } = session.worker;
  waits.begin(session, wait, Infinity);
  tracking.mesh?.ask(clientId, (worker) => {
    if (session.isClosing) return;
    const options = readTrackingOptions(words, (id) =>
      sessions.byId(id) !== undefined || (id === clientId && worker >= 0));
    const error = switchTo(session, options, worker);
    if (error === null && isBroadcast(session)) {
      answerWhenKnown(session);
      return;
    }
    waits.answer(session, (sink) => {
      if (error === null) sink.ok();
      else sink.error(error);
    });
  });
}

const CACHING_NEEDS_MODE = new ReplyError(
  'ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or ' +
  'OPTOUT mode enabled',
);
const YES_NEEDS_OPTIN = new ReplyError(
  'ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.',
);
const NO_NEEDS_OPTOUT = new ReplyError(
  'ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.',
);

export const clientCaching = defineCommand({
  name: 'CLIENT|CACHING', group: 'connection', since: '6.0.0',
  summary: 'Says whether what the next command reads is tracked.',
  complexity: 'O(1)', arity: 3, flags: OWN, acl: ['connection'], keys: [],
  args: { mode: arg.bytes() },
  documentedArgs: [['mode', arg.oneOf('YES', 'NO')]],
  reply: reply.ok(),
  examples: [],
  apply(_shard, frame, out) {
    const session = sessionOf(frame);
    const error = cachingError(session, argumentText(frame, 2).toLowerCase());
    if (error !== null) {
      out.error(error);
      return;
    }
    session.worker.tracking.sayCaching(session);
    out.ok();
  },
});

function cachingError({ tracking }: Session, word: string): ReplyError | null {
  if (tracking === null) return CACHING_NEEDS_MODE;
  if (word === 'yes') return tracking.has(TrackingMode.OptIn) ? null : YES_NEEDS_OPTIN;
  if (word === 'no') return tracking.has(TrackingMode.OptOut) ? null : NO_NEEDS_OPTOUT;
  return replyErrors.syntax;
}

export const clientGetredir = defineCommand({
  name: 'CLIENT|GETREDIR', group: 'connection', since: '6.0.0',
  summary: 'Returns the connection that gets the invalidations of this one.',
  complexity: 'O(1)', arity: 2, flags: OWN, acl: ['connection'], keys: [], args: {},
  reply: reply.integer('0: this one itself; -1: nothing is tracked'),
  examples: [],
  apply(_shard, frame, out) {
    out.integer(sessionOf(frame).tracking?.redirect ?? -1);
  },
});

export const clientTrackinginfo = defineCommand({
  name: 'CLIENT|TRACKINGINFO', group: 'connection', since: '6.2.0',
  summary: 'Says whether and how reads of this connection are tracked.',
  complexity: 'O(1)', arity: 2, flags: OWN, acl: ['connection'], keys: [], args: {},
  reply: oneReplyOf(reply.map('flags, redirect and prefixes')),
  examples: [],
  apply(_shard, frame, out) {
    const session = sessionOf(frame);
    const words = stateWords(session);
    out.map(3);
    out.bulkText('flags');
    out.set(words.length);
    for (const word of words) out.bulkText(word);
    out.bulkText('redirect');
    out.integer(session.tracking?.redirect ?? -1);
    out.bulkText('prefixes');
    const prefixes = session.tracking?.prefixes ?? [];
    out.array(prefixes.length);
    for (const prefix of prefixes) writeLatin1(out, prefix);
  },
});

/** In Redis's order. */
function stateWords({ tracking, flags }: Session): string[] {
  if (tracking === null) return ['off'];
  const words = ['on'];
  const isSaid = (flags & ClientFlag.CachingSaid) !== 0;
  if (tracking.has(TrackingMode.Broadcast)) words.push('bcast');
  if (tracking.has(TrackingMode.OptIn)) {
    words.push('optin');
    if (isSaid) words.push('caching-yes');
  }
  if (tracking.has(TrackingMode.OptOut)) {
    words.push('optout');
    if (isSaid) words.push('caching-no');
  }
  if (tracking.has(TrackingMode.NoLoop)) words.push('noloop');
  if (tracking.isBroken) words.push('broken_redirect');
  return words;
}

/** Entries of CLIENT about tracking. */
export const trackingCommands: readonly Command[] = [
  clientTracking, clientCaching, clientGetredir, clientTrackinginfo,
];
