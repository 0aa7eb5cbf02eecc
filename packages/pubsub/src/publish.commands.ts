/**
 * PUBLISH and SPUBLISH: a message to all who listen now. Nothing is kept.
 */
import type { ArgFrame, Command, ReplyError, ReplySink, Shard } from '@kora/core';
import { arg, defineCommand, Flag, keysAt, reply } from '@kora/core';
import { pubSubOf } from './pub-sub-host.ts';
import type { TopicKind } from './topic.ts';
import { Kind } from './topic.ts';

const PUBLISHING =
  Flag.PubSub | Flag.Loading | Flag.Stale | Flag.Fast | Flag.MayReplicate | Flag.TakesRopes;

/** Messages of a channel go through one shard, which knows of all subscribers. */
const route = [keysAt({ first: 1, last: 1, step: 1, access: 'RO' })];

/** The arguments have fixed places. */
function parseChannelAndMessage(frame: ArgFrame): ReplyError | null {
  frame.index[0] = 1;
  frame.index[1] = 2;
  return null;
}

function publishTo(kind: TopicKind): (shard: Shard, frame: ArgFrame, out: ReplySink) => void {
  return (shard, frame, out) => {
    const count = pubSubOf(shard).publishFrame(kind, frame);
    if (typeof count === 'number') out.integer(count);
    else out.error(count);
  };
}

export const publish = defineCommand({
  name: 'PUBLISH', group: 'pubsub', since: '2.0.0',
  summary: 'Sends a message to all who have subscribed to a channel.',
  complexity: 'O(n); n = receivers. Patterns that share no literal end with the channel cost ' +
    'nothing.',
  arity: 3,
  flags: PUBLISHING,
  acl: [],
  keys: [],
  route,
  args: { channel: arg.bytes(), message: arg.bytes() },
  reply: reply.integer('how many received it'),
  examples: [['PUBLISH news hello', ':0']],
  parse: parseChannelAndMessage,
  apply: publishTo(Kind.Channel),
});

export const spublish = defineCommand({
  name: 'SPUBLISH', group: 'pubsub', since: '7.0.0',
  summary: 'Sends a message to all who have subscribed to a sharded channel.',
  complexity: 'O(n); n = receivers.',
  arity: 3,
  flags: PUBLISHING,
  acl: [],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RO', extra: ['not_key'] })],
  route,
  args: { shardchannel: arg.bytes(), message: arg.bytes() },
  reply: reply.integer('how many received it'),
  examples: [['SPUBLISH orders hello', ':0']],
  parse: parseChannelAndMessage,
  apply: publishTo(Kind.Sharded),
});

/** Entries that publish. */
export const publishCommands: readonly Command[] = [publish, spublish];
