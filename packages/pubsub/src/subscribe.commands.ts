/**
 * SUBSCRIBE, its like for patterns and sharded channels, and their opposites. Each name is
 * confirmed by a push of its own, in the order of the names; these are the reply.
 */
import type { ArgFrame, Command, CommandDefinition, Leaf, ReplySink, Shard } from '@kora/core';
import { arg, defineCommand, Flag, keysAt, reply } from '@kora/core';
import { pubSubOf } from './pub-sub-host.ts';
import type { TopicKind } from './topic.ts';
import { Kind } from './topic.ts';

const SUBSCRIBING = Flag.PubSub | Flag.NoScript | Flag.Loading | Flag.Stale;

type Definition = CommandDefinition<Readonly<Record<string, Leaf>>>;

/** What the entries of a kind have in common. */
interface KindOfEntry {
  readonly kind: TopicKind;
  readonly prefix: string;
  readonly since: string;
  readonly what: string;
  readonly keys: Definition['keys'];
  readonly argument: string;
}

const shardedKeys = [
  keysAt({ first: 1, last: -1, step: 1, access: 'RO', extra: ['not_key'] }),
];

const table: readonly KindOfEntry[] = [
  {
    kind: Kind.Channel, prefix: '', since: '2.0.0', what: 'channels', keys: [],
    argument: 'channel',
  },
  {
    kind: Kind.Pattern, prefix: 'P', since: '2.0.0', what: 'all channels that match patterns',
    keys: [], argument: 'pattern',
  },
  {
    kind: Kind.Sharded, prefix: 'S', since: '7.0.0', what: 'sharded channels', keys: shardedKeys,
    argument: 'shardchannel',
  },
];

function namesLeaf(kind: TopicKind): Leaf {
  return kind === Kind.Pattern ? arg.pattern() : arg.bytes();
}

function subscribeEntry({ kind, prefix, since, what, keys, argument }: KindOfEntry): Command {
  const names = namesLeaf(kind).repeated();
  // Redis tells of PSUBSCRIBE's patterns as of blocks.
  const documented = kind === Kind.Pattern
    ? arg.block({ pattern: arg.pattern() }).repeated() : names;
  return defineCommand({
    name: `${prefix}SUBSCRIBE`, group: 'pubsub', since,
    summary: `Listens to ${what}: from now on their messages come to this connection.`,
    complexity: 'O(n); n = names.',
    arity: -2,
    flags: SUBSCRIBING,
    acl: [],
    keys,
    args: { [argument]: names },
    documentedArgs: [[argument, documented]],
    reply: reply.push('a confirmation for each name'),
    examples: [],
    parse: () => null,
    apply(shard: Shard, frame: ArgFrame, out: ReplySink) {
      pubSubOf(shard).subscribe(kind, frame, out);
    },
  });
}

function unsubscribeEntry({ kind, prefix, since, what, keys, argument }: KindOfEntry): Command {
  const names = namesLeaf(kind).repeated().optional();
  return defineCommand({
    name: `${prefix}UNSUBSCRIBE`, group: 'pubsub', since,
    summary: `Stops listening to ${what}, or to everything of the kind.`,
    complexity: 'O(n); n = names, or subscriptions of the connection.',
    arity: -1,
    flags: SUBSCRIBING,
    acl: [],
    keys,
    args: { [argument]: names },
    reply: reply.push('a confirmation for each name'),
    examples: [],
    parse: () => null,
    apply(shard: Shard, frame: ArgFrame, out: ReplySink) {
      pubSubOf(shard).unsubscribe(kind, frame, out);
    },
  });
}

/** Entries that subscribe and unsubscribe. */
export const subscribeCommands: readonly Command[] = table.flatMap((entry) => [
  subscribeEntry(entry), unsubscribeEntry(entry),
]);
