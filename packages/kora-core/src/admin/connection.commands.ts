/**
 * The commands about a connection that need no socket: they work in the embedded engine too. What
 * needs a session (HELLO, AUTH, CLIENT, QUIT, RESET) is the server's.
 */
import { isConfined } from '../command/gate.ts';
import { arg } from '../command/grammar.ts';
import type { ArgFrame } from '../command/arg-frame.hot.ts';
import { oneReplyOf, reply } from '../command/reply-schema.ts';
import type { ReplySink } from '../command/sink.ts';
import type { Command } from '../command/spec.ts';
import { defineCommand, Flag } from '../command/spec.ts';
import { replyErrors, wrongArity } from '../errors/reply-error.ts';

const INT32_MIN = -(2 ** 31);
const INT32_MAX = 2 ** 31 - 1;

const pingArity = wrongArity('ping');

export const ping = defineCommand({
  name: 'PING', group: 'connection', since: '1.0.0',
  summary: 'Answers PONG, or the message it was given.',
  complexity: 'O(1)',
  arity: -1,
  flags: Flag.Fast,
  acl: ['connection'],
  keys: [],
  tips: ['request_policy:all_shards', 'response_policy:all_succeeded'],
  args: { message: arg.bytes().optional() },
  reply: oneReplyOf(
    reply.status('PONG'), reply.bulk('the message'),
    reply.array('pong and the message, to a RESP2 connection that has subscribed to something'),
  ),
  examples: [['PING', '+"PONG"'], ['PING hello', '$"hello"']],
  // More than one message is an error of arity, not of syntax, as in Redis.
  parse(frame) {
    return frame.count > 2 ? pingArity : null;
  },
  apply(_shard, frame, out) {
    if (isConfined(frame.client)) writePong(frame, out);
    else if (frame.count === 1) out.simple('PONG');
    else out.bulk(frame.at[1] ?? 0, frame.bytes[1] ?? 0);
  },
});

/** In the shape of a message, among which it comes. */
function writePong(frame: ArgFrame, out: ReplySink): void {
  out.array(2);
  out.bulkText('pong');
  if (frame.count === 1) out.bulkText('');
  else out.bulk(frame.at[1] ?? 0, frame.bytes[1] ?? 0);
}

export const echo = defineCommand({
  name: 'ECHO', group: 'connection', since: '1.0.0',
  summary: 'Answers the message it was given.',
  complexity: 'O(1)',
  arity: 2,
  flags: Flag.Loading | Flag.Stale | Flag.Fast,
  acl: ['connection'],
  keys: [],
  args: { message: arg.bytes() },
  reply: reply.bulk('the message'),
  examples: [['ECHO hello', '$"hello"']],
  apply(_shard, frame, out) {
    out.bulk(frame.at[1] ?? 0, frame.bytes[1] ?? 0);
  },
});

export const select = defineCommand({
  name: 'SELECT', group: 'connection', since: '1.0.0',
  summary: 'Makes another database the one this connection works on.',
  complexity: 'O(1)',
  arity: 2,
  flags: Flag.Loading | Flag.Stale | Flag.Fast,
  acl: ['connection'],
  keys: [],
  args: { index: arg.integer() },
  reply: reply.ok(),
  examples: [['SELECT 1', '+"OK"'], ['SELECT 99', '-"ERR DB index is out of range"']],
  apply(shard, frame, out, at) {
    const index = frame.number[at.index] ?? -1;
    if (index < INT32_MIN || index > INT32_MAX) {
      out.error(replyErrors.notInt32);
      return;
    }
    if (index < 0 || index >= shard.settings.databases) {
      out.error(replyErrors.dbIndexOutOfRange);
      return;
    }
    frame.client.db = index;
    out.ok();
  },
});

/** Entries about the connection. */
export const connectionCommands: readonly Command[] = [ping, echo, select];
