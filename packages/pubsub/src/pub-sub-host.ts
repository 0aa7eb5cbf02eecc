/**
 * What the commands of pub/sub need from whoever runs them: a server has connections that
 * subscribe, an engine inside a program has functions. Each shard has one host, its publisher.
 */
import type { ArgFrame, Publisher, ReplyError, ReplySink, Shard } from '@kora/core';
import { assert } from '@kora/core';
import type { TopicKind } from './topic.ts';

/** Carries out the commands of pub/sub on one shard. */
export interface PubSubHost extends Publisher {
  /**
   * PUBLISH, SPUBLISH: the channel is argument 1 of the frame, the payload argument 2; both may be
   * ropes, which stay the frame's.
   * @returns how many receive it, in the whole engine, or why nobody does
   */
  publishFrame(kind: TopicKind, frame: ArgFrame): number | ReplyError;
  /** SUBSCRIBE and its like with the names from argument 1 on; writes the confirmations. */
  subscribe(kind: TopicKind, frame: ArgFrame, out: ReplySink): void;
  /** UNSUBSCRIBE and its like; without names: from everything of the kind. */
  unsubscribe(kind: TopicKind, frame: ArgFrame, out: ReplySink): void;
  /** Names with subscribers, as far as this shard tells of them. @param glob null: all */
  activeNames(kind: TopicKind, glob: string | null): readonly string[];
  /** Subscribers of a name, in the whole engine if this shard tells of it, else 0. */
  subscriberCount(kind: TopicKind, name: string): number;
  /** Different patterns in the whole engine. */
  patternCount(): number;
}

const hosts = new WeakMap<Shard, PubSubHost>();

/** Says who carries out the commands of a shard; once, by whoever composes the engine. */
export function attachPubSub(shard: Shard, host: PubSubHost): void {
  assert(!hosts.has(shard), 'a shard has one host of pub/sub');
  hosts.set(shard, host);
  shard.publisher = host;
}

/** Who carries out the commands of a shard. */
export function pubSubOf(shard: Shard): PubSubHost {
  const host = hosts.get(shard);
  assert(host !== undefined, 'who adds the commands of pub/sub attaches a host');
  return host;
}
