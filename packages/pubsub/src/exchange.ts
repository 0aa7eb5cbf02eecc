/**
 * Who has subscribed to what, and what a message on a channel concerns. Knows nothing of how a
 * subscriber is told: the server's are connections, a program's are functions and queues.
 * Invariants: a subscriber is in a topic exactly when the topic's name is in its list; a topic
 *   exists while it has subscribers.
 * Cost: O(1) to subscribe to a channel, O(length) to a pattern.
 */
import { globMatch } from '@kora/core';
import { bytesOf } from './binary-text.ts';
import { PatternIndex } from './pattern-index.ts';
import type { TopicKind } from './topic.ts';
import { Kind, Topic } from './topic.ts';

/** What a subscription takes beside its name: the most, where no two have one name. */
const SUBSCRIPTION_BYTES = 512;

/** One who subscribes: what to. */
export class Subscriber {
  readonly #names: readonly Set<string>[] = [new Set(), new Set(), new Set()];

  /** Names of a kind that it has subscribed to, in the order of that. For reading. */
  names(kind: TopicKind): Set<string> {
    return this.#names[kind] ?? new Set();
  }

  /** Subscriptions of a kind. */
  count(kind: TopicKind): number {
    return this.#names[kind]?.size ?? 0;
  }

  /** All subscriptions. */
  get total(): number {
    return this.count(Kind.Channel) + this.count(Kind.Pattern) + this.count(Kind.Sharded);
  }

  /** Bytes of memory of its subscriptions, about. */
  bytes = 0;
}

/** Bytes of memory of one subscription, about: places in two sets, and the topic and its index. */
export function subscriptionBytes(name: string): number {
  return SUBSCRIPTION_BYTES + name.length;
}

export class Exchange<Who extends Subscriber> {
  /** Bytes of memory of all subscriptions, about. */
  bytes = 0;
  readonly #channels = new Map<string, Topic<Who>>();
  readonly #sharded = new Map<string, Topic<Who>>();
  readonly #patterns = new PatternIndex<Topic<Who>>();

  /** Topics of a kind that have subscribers. */
  count(kind: TopicKind): number {
    return kind === Kind.Pattern ? this.#patterns.size : this.#table(kind).size;
  }

  /** @returns false when it had subscribed before: nothing has changed */
  subscribe(kind: TopicKind, name: string, who: Who): boolean {
    const names = who.names(kind);
    if (names.has(name)) return false;
    names.add(name);
    who.bytes += subscriptionBytes(name);
    this.bytes += subscriptionBytes(name);
    this.#ensure(kind, name).subscribers.add(who);
    return true;
  }

  /** @returns false when it had not subscribed: nothing has changed */
  unsubscribe(kind: TopicKind, name: string, who: Who): boolean {
    if (!who.names(kind).delete(name)) return false;
    who.bytes -= subscriptionBytes(name);
    this.bytes -= subscriptionBytes(name);
    const topic = this.topic(kind, name);
    if (topic === undefined) return true;
    topic.subscribers.delete(who);
    if (topic.subscribers.size > 0) return true;
    if (kind === Kind.Pattern) this.#patterns.remove(name);
    else this.#table(kind).delete(name);
    return true;
  }

  /** The subscribers of a name; undefined while it has none. */
  topic(kind: TopicKind, name: string): Topic<Who> | undefined {
    return kind === Kind.Pattern ? this.#patterns.get(name) : this.#table(kind).get(name);
  }

  /** The patterns that match the channel. They may lose subscribers while that is walked. */
  matches(channel: string): readonly Topic<Who>[] {
    return this.#patterns.matches(channel);
  }

  /** All topics of a kind. */
  topics(kind: TopicKind): Iterable<Topic<Who>> {
    return kind === Kind.Pattern ? this.#patterns.values() : this.#table(kind).values();
  }

  /**
   * Names of channels or sharded channels that have subscribers.
   * @param glob only those it matches; null: all
   */
  names(kind: TopicKind, glob: string | null): string[] {
    return namesMatching(this.topics(kind), glob);
  }

  #table(kind: TopicKind): Map<string, Topic<Who>> {
    return kind === Kind.Sharded ? this.#sharded : this.#channels;
  }

  #ensure(kind: TopicKind, name: string): Topic<Who> {
    const known = this.topic(kind, name);
    if (known !== undefined) return known;
    const topic = new Topic<Who>(kind, name);
    if (kind === Kind.Pattern) this.#patterns.add(name, topic);
    else this.#table(kind).set(name, topic);
    return topic;
  }
}

/** Names of the topics that a glob pattern matches; null: of all. */
export function namesMatching(
  topics: Iterable<{ readonly name: string }>, glob: string | null,
): string[] {
  const found: string[] = [];
  const pattern = glob === null ? null : bytesOf(glob);
  for (const { name } of topics) {
    const fits = pattern === null ||
      globMatch(pattern, 0, pattern.length, bytesOf(name), 0, name.length, false);
    if (fits) found.push(name);
  }
  return found;
}
