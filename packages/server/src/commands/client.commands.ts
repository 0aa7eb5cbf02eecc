/**
 * CLIENT about the asking connection itself: what it is called, how it is answered, how it is
 * treated. What looks at or changes other connections is in client-admin.commands.ts.
 */
import type { Command } from '@kora/core';
import {
  arg, argumentText, ClientFlag, defineCommand, defineContainer, defineHelp, Flag, oneReplyOf,
  reply, ReplyError,
} from '@kora/core';
import { clientLine } from './client-line.ts';
import { badClientName, isPlainWord } from './client-names.ts';
import { sessionOf } from '../session.ts';

const OWN = Flag.NoScript | Flag.Loading | Flag.Stale | Flag.NeverPaused;

export const client = defineContainer({
  name: 'CLIENT', group: 'connection', since: '2.4.0',
  summary: 'Looks at connections and changes them.',
});

export const clientId = defineCommand({
  name: 'CLIENT|ID', group: 'connection', since: '5.0.0',
  summary: 'Returns the number of this connection.',
  complexity: 'O(1)', arity: 2, flags: OWN, acl: ['connection'], keys: [], args: {},
  reply: reply.integer('grows with every connection, never used twice'),
  examples: [],
  apply(_shard, frame, out) {
    out.integer(frame.client.id);
  },
});

export const clientGetname = defineCommand({
  name: 'CLIENT|GETNAME', group: 'connection', since: '2.6.9',
  summary: 'Returns the name of this connection.',
  complexity: 'O(1)', arity: 2, flags: OWN, acl: ['connection'], keys: [], args: {},
  reply: oneReplyOf(reply.bulk('the name'), reply.null('it has none')),
  examples: [],
  apply(_shard, frame, out) {
    if (frame.client.name === '') out.null();
    else out.bulkText(frame.client.name);
  },
});

export const clientSetname = defineCommand({
  name: 'CLIENT|SETNAME', group: 'connection', since: '2.6.9',
  summary: 'Names this connection; an empty name takes the name away.',
  complexity: 'O(1)', arity: 3, flags: OWN, acl: ['connection'], keys: [],
  args: { connectionName: arg.bytes() },
  reply: reply.ok(),
  examples: [],
  apply(_shard, frame, out) {
    const name = argumentText(frame, 2);
    if (!isPlainWord(name)) {
      out.error(badClientName);
      return;
    }
    frame.client.name = name;
    out.ok();
  },
});

export const clientSetinfo = defineCommand({
  name: 'CLIENT|SETINFO', group: 'connection', since: '7.2.0',
  summary: 'Says which library speaks over this connection, and which version of it.',
  complexity: 'O(1)', arity: 4, flags: OWN, acl: ['connection'], keys: [],
  args: { attribute: arg.bytes(), value: arg.bytes() },
  reply: reply.ok(),
  examples: [],
  apply(_shard, frame, out) {
    const session = sessionOf(frame);
    const given = argumentText(frame, 2);
    const attribute = given.toLowerCase();
    const value = argumentText(frame, 3);
    if (attribute !== 'lib-name' && attribute !== 'lib-ver') {
      out.error(new ReplyError(`ERR Unrecognized option '${given.slice(0, 128)}'`));
    } else if (!isPlainWord(value)) {
      const rule = 'cannot contain spaces, newlines or special characters.';
      out.error(new ReplyError(`ERR ${attribute} ${rule}`));
    } else {
      if (attribute === 'lib-name') session.libraryName = value;
      else session.libraryVersion = value;
      out.ok();
    }
  },
});

export const clientInfo = defineCommand({
  name: 'CLIENT|INFO', group: 'connection', since: '6.2.0',
  summary: 'Returns the line of CLIENT LIST about this connection.',
  complexity: 'O(1)', arity: 2, flags: OWN, acl: ['connection'], keys: [],
  tips: ['nondeterministic_output'],
  args: {},
  reply: reply.verbatim('one line of name=value'),
  examples: [],
  apply(shard, frame, out) {
    const session = sessionOf(frame);
    out.verbatim('txt', `${clientLine(session, shard.nowMs, session.worker.executor.current)}\n`);
  },
});

export const clientReply = defineCommand({
  name: 'CLIENT|REPLY', group: 'connection', since: '3.2.0',
  summary: 'Switches the replies of this connection off and on, or skips the next one.',
  complexity: 'O(1)', arity: 3, flags: OWN, acl: ['connection'], keys: [],
  args: { onOffSkip: arg.oneOf('ON', 'OFF', 'SKIP').documented({ name: 'on_off_skip' }) },
  reply: oneReplyOf(reply.ok('with ON'), reply.none('with OFF and SKIP')),
  examples: [],
  apply(_shard, frame, out, at) {
    const session = sessionOf(frame);
    const choice = frame.choice[at.onOffSkip] ?? 0;
    const isOff = (session.flags & ClientFlag.ReplyOff) !== 0;
    if (choice === 1) {
      session.flags &= ~(ClientFlag.ReplyOff | ClientFlag.ReplySkip);
      session.isSkippingNext = false;
      session.worker.sink.unmute();
      out.ok();
    } else if (choice === 2) {
      session.flags |= ClientFlag.ReplyOff;
      session.worker.sink.mute(); // Within EXEC the replies of the commands behind it go too.
    } else if (!isOff) {
      session.flags |= ClientFlag.ReplySkip;
    }
  },
});

/** ON and OFF of a bit of the connection. */
function switchCommand(
  name: string, since: string, summary: string, bit: number, flags: number,
): Command {
  return defineCommand({
    name, group: 'connection', since, summary,
    complexity: 'O(1)', arity: 3, flags, acl: ['connection'], keys: [],
    args: { enabled: arg.oneOf('ON', 'OFF') },
    reply: reply.ok(),
    examples: [],
    apply(_shard, frame, out, at) {
      if (frame.choice[at.enabled] === 1) frame.client.flags |= bit;
      else frame.client.flags &= ~bit;
      out.ok();
    },
  });
}

export const clientNoEvict = switchCommand(
  'CLIENT|NO-EVICT', '7.0.0', 'Keeps this connection from being cut to save memory.',
  ClientFlag.NoEvict, OWN | Flag.Admin,
);

export const clientNoTouch = switchCommand(
  'CLIENT|NO-TOUCH', '7.2.0', 'Lets the reads of this connection leave no trace in LRU and LFU.',
  ClientFlag.NoTouch, OWN,
);

export const clientHelp = defineHelp({
  container: 'CLIENT', group: 'connection', since: '5.0.0', acl: ['connection'],
  lines: [
    'CACHING (YES|NO)', '    Says whether what the next command reads is tracked.',
    'GETNAME', '    Returns the name of this connection.',
    'GETREDIR', '    Returns the connection that gets the invalidations of this one.',
    'ID', '    Returns the number of this connection.',
    'INFO', '    Returns what CLIENT LIST says about this connection.',
    'KILL <ip:port>', '    Ends the connection from that address.',
    'KILL <option> <value> [<option> <value> [...]]',
    '    Ends the connections that fit all options: ADDR, LADDR, ID, TYPE, USER, MAXAGE, SKIPME.',
    'LIST [TYPE (NORMAL|MASTER|REPLICA|PUBSUB)] [ID <id> [<id> ...]]',
    '    Returns a line about each connection.',
    'NO-EVICT (ON|OFF)', '    Keeps this connection from being cut to save memory.',
    'NO-TOUCH (ON|OFF)', '    Lets the reads of this connection leave no trace.',
    'PAUSE <timeout> [WRITE|ALL]',
    '    Holds writing commands, or all, for that many milliseconds.',
    'REPLY (ON|OFF|SKIP)', '    Switches the replies of this connection.',
    'SETINFO (LIB-NAME|LIB-VER) <value>', '    Says which library speaks here.',
    'SETNAME <name>', '    Names this connection.',
    'TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]] [OPTIN] [OPTOUT] [NOLOOP]',
    '    Switches on and off that this connection hears of changes of what it has read.',
    'TRACKINGINFO', '    Says how reads of this connection are tracked.',
    'UNBLOCK <id> [TIMEOUT|ERROR]', '    Ends the wait of a blocked connection.',
    'UNPAUSE', '    Ends a PAUSE.',
  ],
});

/** Entries of CLIENT about the asking connection; the container first. */
export const clientCommands: readonly Command[] = [
  client, clientId, clientGetname, clientSetname, clientSetinfo, clientInfo, clientReply,
  clientNoEvict, clientNoTouch, clientHelp,
];
