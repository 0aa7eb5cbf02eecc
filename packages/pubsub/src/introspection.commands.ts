/**
 * PUBSUB: which channels have subscribers, and how many.
 */
import type { Command, ReplySink, Shard } from '@kora/core';
import {
  arg, argumentText, argumentTexts, defineCommand, defineContainer, defineHelp, Flag, reply,
  ReplyError,
} from '@kora/core';
import { bytesOf } from './binary-text.ts';
import { pubSubOf } from './pub-sub-host.ts';
import type { TopicKind } from './topic.ts';
import { Kind } from './topic.ts';

const LOOKING = Flag.PubSub | Flag.Loading | Flag.Stale;

/** What Redis says to one argument too many after these subcommands. */
const tooMany = (word: string): ReplyError => new ReplyError(
  `ERR unknown subcommand or wrong number of arguments for '${word}'. Try PUBSUB HELP.`,
);

const pubsub = defineContainer({
  name: 'PUBSUB', group: 'pubsub', since: '2.8.0', summary: 'About channels and subscribers.',
});

interface NamesOptions {
  readonly word: string;
  readonly kind: TopicKind;
  readonly since: string;
  readonly what: string;
}

function namesEntry({ word, kind, since, what }: NamesOptions): Command {
  return defineCommand({
    name: `PUBSUB|${word}`, group: 'pubsub', since,
    summary: `Lists ${what} that have subscribers.`,
    complexity: 'O(n); n = channels with subscribers.',
    arity: -2,
    flags: LOOKING,
    acl: [],
    keys: [],
    args: { pattern: arg.pattern().optional() },
    reply: reply.array('names'),
    examples: [[`PUBSUB ${word}`, '*[]']],
    parse: (frame) => (frame.count > 3 ? tooMany(argumentText(frame, 1)) : null),
    apply(shard, frame, out) {
      const glob = frame.count === 3 ? argumentText(frame, 2) : null;
      const names = pubSubOf(shard).activeNames(kind, glob);
      out.array(names.length);
      for (const name of names) out.bulkBytes(bytesOf(name));
    },
  });
}

function writeCounts(
  shard: Shard, kind: TopicKind, names: readonly string[], out: ReplySink,
): void {
  const host = pubSubOf(shard);
  out.array(names.length * 2);
  for (const name of names) {
    out.bulkBytes(bytesOf(name));
    out.integer(host.subscriberCount(kind, name));
  }
}

function countsEntry({ word, kind, since, what }: NamesOptions): Command {
  const argument = kind === Kind.Sharded ? 'shardchannel' : 'channel';
  return defineCommand({
    name: `PUBSUB|${word}`, group: 'pubsub', since,
    summary: `Counts the subscribers of ${what}; those of patterns are not among them.`,
    complexity: 'O(n); n = names.',
    arity: -2,
    flags: LOOKING,
    acl: [],
    keys: [],
    args: { [argument]: arg.bytes().repeated().optional() },
    reply: reply.array('name and count in turn'),
    examples: [[`PUBSUB ${word} news`, '*[$"news" :0]']],
    parse: () => null,
    apply(shard, frame, out) {
      writeCounts(shard, kind, argumentTexts(frame, 2), out);
    },
  });
}

const numpat = defineCommand({
  name: 'PUBSUB|NUMPAT', group: 'pubsub', since: '2.8.0',
  summary: 'Counts the different patterns that have subscribers.',
  complexity: 'O(1)',
  arity: 2,
  flags: LOOKING,
  acl: [],
  keys: [],
  args: {},
  reply: reply.integer('patterns'),
  examples: [['PUBSUB NUMPAT', ':0']],
  apply(shard, _frame, out) {
    out.integer(pubSubOf(shard).patternCount());
  },
});

/** Entries of PUBSUB; the container first. */
export const introspectionCommands: readonly Command[] = [
  pubsub,
  namesEntry({ word: 'CHANNELS', kind: Kind.Channel, since: '2.8.0', what: 'channels' }),
  countsEntry({ word: 'NUMSUB', kind: Kind.Channel, since: '2.8.0', what: 'channels' }),
  numpat,
  namesEntry({
    word: 'SHARDCHANNELS', kind: Kind.Sharded, since: '7.0.0', what: 'sharded channels',
  }),
  countsEntry({
    word: 'SHARDNUMSUB', kind: Kind.Sharded, since: '7.0.0', what: 'sharded channels',
  }),
  defineHelp({
    container: 'PUBSUB', group: 'pubsub', since: '6.2.0',
    lines: [
      'CHANNELS [<pattern>]',
      "    Return the currently active channels matching a <pattern> (default: '*').",
      'NUMPAT',
      '    Return number of subscriptions to patterns.',
      'NUMSUB [<channel> ...]',
      '    Return the number of subscribers for the specified channels, excluding',
      '    pattern subscriptions(default: no channels).',
      'SHARDCHANNELS [<pattern>]',
      '    Return the currently active shard level channels matching a <pattern> ' +
        "(default: '*').",
      'SHARDNUMSUB [<shardchannel> ...]',
      '    Return the number of subscribers for the specified shard level channel(s)',
    ],
  }),
];
