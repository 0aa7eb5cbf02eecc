/**
 * How many subscribers the other workers have: of the channels that this worker keeps count of, and
 * of all patterns. A message goes once to each worker that has any, and `PUBLISH` answers the sum.
 * Invariant: a topic is here while some other worker has subscribers of it.
 */
import { assert } from '@kora/core';
import { Kind, KIND_COUNT, PatternIndex } from '@kora/pubsub';
import type { TopicKind } from '@kora/pubsub';

/** One name: its subscribers by worker. */
export class RemoteTopic {
  readonly name: string;
  readonly #counts: number[] = [];
  total = 0;
  /** Bit i: worker i has some. */
  workers = 0;

  constructor(name: string) {
    this.name = name;
  }

  add(worker: number, by: number): void {
    const count = (this.#counts[worker] ?? 0) + by;
    assert(count >= 0, 'a worker takes back no more subscribers than it has named');
    while (this.#counts.length < worker) this.#counts.push(0);
    this.#counts[worker] = count;
    this.total += by;
    if (count > 0) this.workers |= 1 << worker;
    else this.workers &= ~(1 << worker);
  }
}

/** Whom a message concerns elsewhere. */
export interface RemoteReceivers {
  count: number;
  workers: number;
}

export class RemoteTopics {
  readonly #channels: readonly Map<string, RemoteTopic>[] = Array.from(
    { length: KIND_COUNT }, () => new Map<string, RemoteTopic>(),
  );
  readonly #patterns = new PatternIndex<RemoteTopic>();

  get(kind: TopicKind, name: string): RemoteTopic | undefined {
    return kind === Kind.Pattern ? this.#patterns.get(name) : this.#table(kind).get(name);
  }

  /** A worker has one subscriber more, or one less. */
  change(kind: TopicKind, name: string, worker: number, by: 1 | -1): void {
    const known = this.get(kind, name);
    const topic = known ?? new RemoteTopic(name);
    topic.add(worker, by);
    if (known === undefined) {
      if (kind === Kind.Pattern) this.#patterns.add(name, topic);
      else this.#table(kind).set(name, topic);
    } else if (topic.total === 0) {
      if (kind === Kind.Pattern) this.#patterns.remove(name);
      else this.#table(kind).delete(name);
    }
  }

  /** Topics of a kind. */
  count(kind: TopicKind): number {
    return kind === Kind.Pattern ? this.#patterns.size : this.#table(kind).size;
  }

  /** All topics of a kind. */
  topics(kind: TopicKind): Iterable<RemoteTopic> {
    return kind === Kind.Pattern ? this.#patterns.values() : this.#table(kind).values();
  }

  /** Adds up who elsewhere gets a message. */
  receivers(kind: TopicKind, channel: string): RemoteReceivers {
    const found = { count: 0, workers: 0 };
    const add = ({ total, workers }: RemoteTopic): void => {
      found.count += total;
      found.workers |= workers;
    };
    const topic = this.#table(kind).get(channel);
    if (topic !== undefined) add(topic);
    if (kind === Kind.Channel) for (const each of this.#patterns.matches(channel)) add(each);
    return found;
  }

  #table(kind: TopicKind): Map<string, RemoteTopic> {
    const table = this.#channels[kind];
    assert(table !== undefined, 'there are three kinds');
    return table;
  }
}
