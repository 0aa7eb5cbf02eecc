/**
 * Publish and subscribe over several workers. Each channel has an owner, the worker of its slot,
 * which keeps count of the subscribers that every worker has, and through which its messages go:
 * the owner gives them to its own connections, and once to each worker that has subscribers. So all
 * see the messages of a channel in one order. Patterns, and the channels of key space events, which
 * any worker publishes on, are counted by all.
 *
 *   SUBSCRIBE   names ──▶ owners: one subscriber more ──▶ answer ──▶ confirmed
 *   PUBLISH     runs at the owner: its connections, a note to each worker with others ──▶ the sum
 *   key events  from where they happen, in one order for each worker (event-order.ts)
 *
 * Invariant: names, answers and messages to a worker come in the order in which they were sent, so
 *   who has answered counts the connection in every later message, and in none before
 *   (subscription-change.ts).
 * Cost: a message one note a worker; a subscription one note each way, patterns to all workers.
 */
import { assert, latin1Text, slotOfKey } from '@kora/core';
import type { TopicKind } from '@kora/pubsub';
import { bytesOf, Kind, namesMatching } from '@kora/pubsub';
import type { MeshNode } from '../mesh/mesh-node.ts';
import { NoteTopic } from '../mesh/note-topics.ts';
import type { Session } from '../session.ts';
import type { Worker } from '../worker.ts';
import type { Content } from './contents.ts';
import { BytesContent } from './contents.ts';
import { EventOrder } from './event-order.ts';
import { NamesOutbox } from './names-outbox.ts';
import type { PubSub } from './pub-sub.ts';
import { RemoteTopics } from './remote-topics.ts';
import type { SessionSubscriber } from './session-subscriber.ts';
import type { Confirmation } from './subscription-change.ts';
import { SubscriptionChange } from './subscription-change.ts';
import { decodeNames, splitMessage } from './topic-notes.ts';

/** Channels of key space events begin so. */
const EVENT_PREFIXES: readonly string[] = ['__keyspace@', '__keyevent@'];
const ID_MASK = 0x3fff_ffff;

/** An event of the key space on its way to connections of this worker. */
interface KeyEventMessage {
  readonly from: number;
  readonly channel: string;
  readonly content: Content;
  /** Of the changes under way when it came those that it concerns; null: as they are. */
  readonly counted: ReadonlySet<SubscriptionChange> | null;
}

/** A change of subscriptions that was asked for. */
export interface Announcement {
  readonly kind: TopicKind;
  readonly isSubscribing: boolean;
  /** Names that change. */
  readonly names: ReadonlySet<string>;
  /** The reply. */
  readonly confirmations: readonly Confirmation[];
  /** The reply may come later, when all who count the names have answered. */
  readonly mayWait: boolean;
}

export class AcrossWorkers {
  /** What other workers have. */
  readonly remote = new RemoteTopics();
  readonly #worker: Worker;
  readonly #mesh: MeshNode;
  readonly #pubSub: PubSub;
  readonly #me: number;
  readonly #outbox: NamesOutbox;
  readonly #owners: Uint8Array;
  /** All workers but this one: a bit each. */
  readonly #others: number;
  /** Whose reply waits, by the number of the change. */
  readonly #changes = new Map<number, SessionSubscriber>();
  readonly #events = new EventOrder<KeyEventMessage>(({ from, channel, content, counted }) => {
    this.#pubSub.deliver(Kind.Channel, channel, content, from, counted);
  });
  /** Where the order of events was when a session began to wait for it. */
  readonly #waiting = new WeakMap<Session, number>();
  #nextId = 1;

  constructor(worker: Worker, mesh: MeshNode, pubSub: PubSub) {
    const { notes } = mesh;
    this.#worker = worker;
    this.#mesh = mesh;
    this.#pubSub = pubSub;
    this.#me = worker.shard.index;
    this.#outbox = new NamesOutbox(notes);
    this.#owners = mesh.router.owners;
    this.#others = (2 ** worker.shard.count - 1) & ~(1 << this.#me);
    notes.on(NoteTopic.PubSubNames, (from, id, body) => {
      this.#takeNames(from, id, body);
    });
    notes.on(NoteTopic.PubSubAnswer, (from, id) => {
      this.#takeAnswer(from, id);
    });
    notes.on(NoteTopic.PubSubUnsettled, (from, id) => {
      this.#noteSettled(from, id, false);
    });
    notes.on(NoteTopic.PubSubSettled, (from, id) => {
      this.#noteSettled(from, id, true);
    });
    notes.on(NoteTopic.PubSubMessage, (from, kind, body) => {
      // The number is the kind that #forward was given.
      this.#takeMessage(from, kind as TopicKind, body);
    });
    notes.on(NoteTopic.PubSubForward, (_from, _number, body) => {
      const { channel, payload } = splitMessage(body);
      const name = nameOf(channel);
      this.send(Kind.Channel, name, new BytesContent(channel, payload));
    });
    notes.on(NoteTopic.PubSubLost, () => {
      this.#cutSubscribers();
    });
    notes.on(NoteTopic.KeyEvent, (from, number, body) => {
      this.#takeEvent(from, number, body);
    });
    notes.on(NoteTopic.KeyEventLost, (_from, number) => {
      this.#events.take(number, null);
      this.#cutSubscribers();
    });
  }

  // ------------------------------------------------------------------ messages

  /** True when a connection of another worker could get a message of a channel of the kind. */
  isHeard(kind: TopicKind): boolean {
    const { remote } = this;
    return remote.count(kind) > 0 || (kind === Kind.Channel && remote.count(Kind.Pattern) > 0);
  }

  /** True while so much is on its way to some worker that publishers have to wait. */
  get isCrowded(): boolean {
    return this.#mesh.notes.isAnyCrowded;
  }

  /**
   * True while a change of the session's subscriptions has to wait: events that came before it
   * wait for earlier ones.
   */
  mustWaitForEvents(session: Session): boolean {
    const order = this.#events;
    const end = this.#waiting.get(session) ?? order.end;
    if (order.heldCount > 0 && !order.hasReached(end)) {
      this.#waiting.set(session, end);
      return true;
    }
    this.#waiting.delete(session);
    return false;
  }

  /** True when the messages of a channel go through this worker. */
  isOwn(name: string): boolean {
    return this.ownerOf(name) === this.#me;
  }

  /** The worker that the messages of a channel go through. */
  ownerOf(name: string): number {
    return this.#owners[slotOfKey(bytesOf(name), 0, name.length)] ?? 0;
  }

  /**
   * Sends a message that this worker has made to all subscribers everywhere, in its order.
   * @param content may be kept
   */
  publish(kind: TopicKind, channel: string, content: Content): void {
    if (isOfAll(kind, channel)) this.#publishEvent(kind, channel, content);
    else if (this.isOwn(channel)) this.send(kind, channel, content);
    else this.#send(this.ownerOf(channel), NoteTopic.PubSubForward, kind, content);
  }

  #publishEvent(kind: TopicKind, channel: string, content: Content): void {
    const { notes, words } = this.#mesh;
    if (this.#pubSub.isHeard(kind)) {
      this.#events.take(words.nextEventOf(this.#me), (isKept) => {
        return { from: this.#me, channel, content, counted: this.#countedBy(this.#me, isKept) };
      });
    }
    const { workers } = this.remote.receivers(kind, channel);
    for (let left = workers; left !== 0; left &= left - 1) {
      const worker = 31 - Math.clz32(left & -left);
      if (notes.isFlooded(worker)) {
        notes.sendOnce(worker, NoteTopic.PubSubLost);
        continue;
      }
      const number = words.nextEventOf(worker);
      const isSent = notes.send(worker, NoteTopic.KeyEvent, number, (sink) => {
        content.write(sink);
      });
      if (!isSent) notes.send(worker, NoteTopic.KeyEventLost, number);
    }
  }

  #takeEvent(from: number, number: number, body: Uint8Array): void {
    this.#events.take(number, (isKept) => {
      const { channel, payload } = splitMessage(isKept ? body.slice() : body);
      const content = new BytesContent(channel, payload);
      const counted = this.#countedBy(from, isKept);
      return { from, channel: nameOf(channel), content, counted };
    });
  }

  /** Changes under way that an event of a worker concerns: of those who cease to listen. */
  #countedBy(worker: number, isKept: boolean): ReadonlySet<SubscriptionChange> | null {
    if (!isKept && this.#changes.size === 0) return null;
    const counted = new Set<SubscriptionChange>();
    for (const { change } of this.#changes.values()) {
      if (change?.isSubscribing === false && change.isCountedBy(worker)) counted.add(change);
    }
    return counted;
  }

  /** Events are lost, and nobody knows any more whose they were. */
  loseEvents(): void {
    this.#cutSubscribers();
    for (let worker = 0; worker < this.#worker.shard.count; worker++) {
      if (worker !== this.#me) this.#mesh.notes.send(worker, NoteTopic.PubSubLost, 0);
    }
  }

  /**
   * Sends a message of a channel whose messages go through this worker to all subscribers.
   * @returns how many it is for
   */
  send(kind: TopicKind, channel: string, content: Content): number {
    const { remote } = this;
    const local = this.#pubSub.deliver(kind, channel, content, this.#me);
    const { count, workers } = remote.receivers(kind, channel);
    for (let left = workers; left !== 0; left &= left - 1) {
      this.#send(31 - Math.clz32(left & -left), NoteTopic.PubSubMessage, kind, content);
    }
    return local + count;
  }

  #send(worker: number, topic: number, kind: TopicKind, content: Content): void {
    const { notes } = this.#mesh;
    const isSent = notes.send(worker, topic, kind, (sink) => {
      content.write(sink);
    });
    if (!isSent) notes.send(worker, NoteTopic.PubSubLost, 0);
  }

  #takeMessage(from: number, kind: TopicKind, body: Uint8Array): void {
    const { channel, payload } = splitMessage(body);
    this.#pubSub.deliver(kind, nameOf(channel), new BytesContent(channel, payload), from);
  }

  /** A message is lost, and nobody knows any more whose it was. */
  #cutSubscribers(): void {
    for (const session of this.#worker.sessions.open()) {
      if ((session.subscriber?.total ?? 0) > 0) {
        session.loseOutput('no memory was left for a message from another worker');
      }
    }
  }

  // ------------------------------------------------------------------ subscriptions

  /**
   * Tells of a change those who count its names.
   * @returns true when the session's reply comes later
   */
  announce(session: Session, subscriber: SessionSubscriber, change: Announcement): boolean {
    const { kind, isSubscribing, names, mayWait } = change;
    const id = this.#nextId;
    this.#nextId = (id % ID_MASK) + 1;
    const counters = this.#tell(id, kind, isSubscribing, names, mayWait);
    if (counters === 0 || !mayWait) return false;
    const underWay = new SubscriptionChange({ ...change, id, waitsFor: counters });
    subscriber.change = underWay;
    this.#changes.set(id, subscriber);
    if (isSubscribing && this.#hearsMore(kind, names)) {
      this.#whenSettled(() => {
        this.#noteSettled(this.#me, id, true);
      }, () => {
        this.#noteSettled(this.#me, id, false);
      });
    }
    this.#worker.waits.begin(session, {
      // The answers are on their way.
      cancel: () => false,
      writeNothing: () => undefined,
    }, Infinity);
    return true;
  }

  /** @returns the workers that were told: a bit each */
  #tell(
    id: number, kind: TopicKind, isSubscribing: boolean, names: Iterable<string>,
    wantsAnswer: boolean,
  ): number {
    const byWorker = new Map<number, string[]>();
    let counters = 0;
    for (const name of names) {
      const mask = this.#countersOf(kind, name);
      counters |= mask;
      for (let left = mask; left !== 0; left &= left - 1) {
        const worker = 31 - Math.clz32(left & -left);
        const list = byWorker.get(worker);
        if (list === undefined) byWorker.set(worker, [name]);
        else list.push(name);
      }
    }
    for (const [worker, list] of byWorker) {
      this.#outbox.send(worker, id, { kind, isSubscribing, wantsAnswer, names: list });
    }
    return counters;
  }

  /** Other workers that count the subscribers of a name. */
  #countersOf(kind: TopicKind, name: string): number {
    if (isOfAll(kind, name)) return this.#others;
    return (1 << this.ownerOf(name)) & this.#others;
  }

  /** A connection has all its subscriptions no more. */
  leave(subscriber: SessionSubscriber): void {
    const { change } = subscriber;
    for (const kind of [Kind.Channel, Kind.Pattern, Kind.Sharded]) {
      const names = [...subscriber.names(kind)].filter((name) =>
        // Of what it was about to unsubscribe from all have been told.
        change === null || change.isSubscribing || !change.concerns(kind, name));
      this.#tell(0, kind, false, names, false);
    }
    if (change === null) return;
    subscriber.change = null;
    this.#changes.delete(change.id);
    for (const message of change.held) this.#worker.pushes.release(message);
  }

  #takeNames(from: number, id: number, body: Uint8Array): void {
    const { kind, isSubscribing, wantsAnswer, names } = decodeNames(body);
    for (const name of names) this.remote.change(kind, name, from, isSubscribing ? 1 : -1);
    if (!wantsAnswer) return;
    const { notes } = this.#mesh;
    if (isSubscribing && this.#hearsMore(kind, names)) {
      this.#whenSettled(() => {
        notes.send(from, NoteTopic.PubSubSettled, id);
      }, () => {
        notes.send(from, NoteTopic.PubSubUnsettled, id);
      });
    }
    notes.send(from, NoteTopic.PubSubAnswer, id);
  }

  /** True when somebody begins to listen to events of keys. */
  #hearsMore(kind: TopicKind, names: Iterable<string>): boolean {
    if (!this.#worker.shard.notifier.isOn) return false;
    for (const name of names) if (isOfAll(kind, name)) return true;
    return false;
  }

  /** Says, unless commands are under way, nothing; else so, and when those have ended. */
  #whenSettled(onSettled: () => void, onUnsettled: () => void): void {
    const { underWay } = this.#mesh;
    if (!underWay.whenOver(this.#worker.shard.nowMs, onSettled)) onUnsettled();
  }

  #noteSettled(from: number, id: number, isSettled: boolean): void {
    const change = this.#changes.get(id)?.change ?? null;
    if (change === null) return;
    const bit = 1 << from;
    if (isSettled) change.unsettled &= ~bit;
    else change.unsettled |= bit;
    this.#completeWhenDone(id, change);
  }

  #takeAnswer(from: number, id: number): void {
    const subscriber = this.#changes.get(id);
    // Whoever has ended waits for nothing.
    if (subscriber === undefined) return;
    const { change } = subscriber;
    assert(change !== null, 'who waits for answers has a change under way');
    change.waitsFor &= ~(1 << from);
    this.#completeWhenDone(id, change);
  }

  #completeWhenDone(id: number, { waitsFor, unsettled }: SubscriptionChange): void {
    if (waitsFor !== 0 || unsettled !== 0) return;
    this.#events.defer(() => {
      const subscriber = this.#changes.get(id);
      const change = subscriber?.change ?? null;
      if (subscriber === undefined || change === null) return;
      this.#changes.delete(id);
      subscriber.change = null;
      this.#pubSub.complete(subscriber, change);
    });
  }

  // ------------------------------------------------------------------ figures

  /**
   * Names with subscribers anywhere whose messages go through this worker.
   * @param here those with subscribers here
   */
  ownNames(kind: TopicKind, glob: string | null, here: readonly string[]): string[] {
    const names = new Set(here);
    for (const name of namesMatching(this.remote.topics(kind), glob)) names.add(name);
    return [...names].filter((name) => this.isOwn(name));
  }

  /** Topics of a kind that others have subscribers of, and this worker has none. */
  countBeyond(kind: TopicKind): number {
    let count = 0;
    for (const { name } of this.remote.topics(kind)) {
      if (this.#pubSub.exchange.topic(kind, name) === undefined) count++;
    }
    return count;
  }

  /** True when a tick has something to do. */
  get hasUnsent(): boolean {
    return !this.#outbox.isEmpty;
  }

  onTick(): void {
    this.#outbox.flush();
  }
}

/** True for names that all workers count. */
function isOfAll(kind: TopicKind, name: string): boolean {
  if (kind !== Kind.Channel) return kind === Kind.Pattern;
  return EVENT_PREFIXES.some((prefix) => name.startsWith(prefix));
}

function nameOf(bytes: Uint8Array): string {
  return latin1Text(bytes, 0, bytes.length);
}
