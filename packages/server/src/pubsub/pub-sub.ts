/**
 * Publish and subscribe of one worker: whose connection has subscribed to what, and the delivery of
 * messages, each encoded once for all connections that get it (pushes.ts). Several workers are one
 * through across-workers.ts.
 * Invariants: what is pushed to a connection comes before whatever it is told later; a connection
 *   may be cut by each message, and leaves all topics then.
 * Bounds: SUBSCRIBED_BYTES_MAX of subscriptions, CHANNEL_BYTES_MAX of a name.
 * Cost: a message O(receivers), without a copy for each; a subscription O(1); a message while
 *   nobody has subscribed to anything of the kind, a few comparisons.
 */
import type { ArgFrame, Command, ReplySink } from '@kora/core';
import {
  argumentText, argumentTexts, assert, ClientFlag, Flag, KEY_BYTES_MAX, latin1Text, ReplyError,
  replyErrors,
} from '@kora/core';
import type { PubSubHost, Topic, TopicKind } from '@kora/pubsub';
import {
  attachPubSub, confirmedWord, Exchange, Kind, needsOneReply, subscriptionBytes,
  writeConfirmation,
} from '@kora/pubsub';
import { askingOf } from '../mesh/part-client.ts';
import type { PushMessage } from '../pushes.ts';
import type { Session } from '../session.ts';
import type { Worker } from '../worker.ts';
import { AcrossWorkers } from './across-workers.ts';
import type { Content } from './contents.ts';
import { FrameContent, textContent } from './contents.ts';
import { writeMessage } from './message-form.ts';
import type { SessionSubscriber } from './session-subscriber.ts';
import { subscriberOf } from './session-subscriber.ts';
import type { Confirmation, SubscriptionChange } from './subscription-change.ts';

/** Bytes of memory that the subscriptions of a worker's connections take, about. */
export const SUBSCRIBED_BYTES_MAX = 512 * 1024 * 1024;
/** Longest name of a channel or pattern, bytes. */
export const CHANNEL_BYTES_MAX = KEY_BYTES_MAX;

const tooMany = new ReplyError('ERR too many subscriptions: their names fill the memory for them');

export class PubSub implements PubSubHost {
  readonly exchange = new Exchange<SessionSubscriber>();
  /** Null where this worker is alone. */
  readonly across: AcrossWorkers | null;
  readonly #worker: Worker;

  constructor(worker: Worker) {
    this.#worker = worker;
    this.across = worker.mesh === null ? null : new AcrossWorkers(worker, worker.mesh, this);
    attachPubSub(worker.shard, this);
  }

  // ------------------------------------------------------------------ messages

  /**
   * True while a command that publishes has to wait, for too much is on its way to some worker, or
   * one that changes subscriptions, for events that came before it.
   */
  mustWait(session: Session, command: Command): boolean {
    const { across } = this;
    if (across === null) return false;
    const isOfTopics = (command.flags & Flag.PubSub) !== 0;
    if (isOfTopics && across.isCrowded) return true;
    const isChange = (isOfTopics && (command.flags & Flag.NoScript) !== 0) ||
      command.name === 'reset';
    return isChange && across.mustWaitForEvents(session);
  }

  get hasListeners(): boolean {
    return this.isHeard(Kind.Channel) || this.across?.isHeard(Kind.Channel) === true;
  }

  publish(channel: string, message: string): void {
    const content = textContent(channel, message);
    if (this.across !== null) this.across.publish(Kind.Channel, channel, content);
    else this.deliver(Kind.Channel, channel, content, this.#worker.shard.index);
  }

  publishFrame(kind: TopicKind, frame: ArgFrame): number | ReplyError {
    if ((frame.bytes[1] ?? 0) > CHANNEL_BYTES_MAX) return replyErrors.argumentTooLarge;
    const { across } = this;
    if (!this.isHeard(kind) && across?.isHeard(kind) !== true) return 0;
    const { ropes } = this.#worker.shard;
    const channel = frame.isBig(1)
      ? this.#ropeText(frame.ropeOf(1), frame.bytes[1] ?? 0) : argumentText(frame, 1);
    if (channel === null) return replyErrors.arenaFull;
    const content = new FrameContent(ropes, frame);
    if (across !== null) return across.send(kind, channel, content);
    return this.deliver(kind, channel, content, this.#worker.shard.index);
  }

  /** True when a connection of this worker could get a message of a channel of the kind. */
  isHeard(kind: TopicKind): boolean {
    const { exchange } = this;
    return exchange.count(kind) > 0 ||
      (kind === Kind.Channel && exchange.count(Kind.Pattern) > 0);
  }

  /** A rope as a binary string, null when memory is short. */
  #ropeText(root: number, bytes: number): string | null {
    const { memory, ropes } = this.#worker.shard;
    const ref = memory.lowAllocator.alloc(bytes);
    if (ref === 0) return null;
    ropes.read(root, 0, ref * 8, bytes);
    const text = latin1Text(memory.low, ref * 8, bytes);
    memory.lowAllocator.free(ref);
    return text;
  }

  /**
   * Gives a message to the connections of this worker.
   * @param from the worker that sends it
   * @param counted of the changes under way those that it concerns; null: as they are now
   * @returns how many it is for
   */
  deliver(
    kind: TopicKind, channel: string, content: Content, from: number,
    counted: ReadonlySet<SubscriptionChange> | null = null,
  ): number {
    const { exchange } = this;
    const topic = exchange.topic(kind, channel);
    let count = topic === undefined ? 0 : this.#tell(topic, content, from, counted);
    if (kind !== Kind.Channel) return count;
    for (const pattern of exchange.matches(channel)) {
      count += this.#tell(pattern, content, from, counted);
    }
    return count;
  }

  #tell(
    topic: Topic<SessionSubscriber>, content: Content, from: number,
    counted: ReadonlySet<SubscriptionChange> | null,
  ): number {
    const { pushes } = this.#worker;
    let resp2: PushMessage | null = null;
    let resp3: PushMessage | null = null;
    let count = 0;
    for (const { session, change } of topic.subscribers) {
      const isChanging = change !== null && change.concerns(topic.kind, topic.name);
      if (isChanging && !(counted?.has(change) ?? change.isCountedBy(from))) continue;
      count++;
      let message: PushMessage;
      if (session.resp === 3) message = resp3 ??= this.#encode(3, topic, content);
      else message = resp2 ??= this.#encode(2, topic, content);
      if (!isChanging || !change.isSubscribing) pushes.send(session, message);
      else if (!change.hold(message)) session.loseOutput('too much waits for its subscription');
    }
    if (resp2 !== null) pushes.release(resp2);
    if (resp3 !== null) pushes.release(resp3);
    return count;
  }

  #encode(resp: number, { kind, name }: Topic<SessionSubscriber>, content: Content): PushMessage {
    return this.#worker.pushes.encode(resp, (sink) => {
      writeMessage(sink, kind, name, content);
    });
  }

  // ------------------------------------------------------------------ subscriptions

  subscribe(kind: TopicKind, frame: ArgFrame, out: ReplySink): void {
    const names = argumentTexts(frame, 1);
    if (names.some(({ length }) => length > CHANNEL_BYTES_MAX)) {
      out.error(replyErrors.argumentTooLarge);
      return;
    }
    // Of the others a transaction may have several replies, as it always could.
    if (kind === Kind.Sharded && !mayWait(frame)) {
      out.error(needsOneReply(argumentText(frame, 0)));
      return;
    }
    const session = sessionIn(frame);
    const subscriber = subscriberOf(session);
    const before = subscriber.countFor(kind);
    const fresh = new Set<string>();
    const confirmations = names.map((name): Confirmation => {
      if (!subscriber.names(kind).has(name)) fresh.add(name);
      return { name, count: before + fresh.size };
    });
    if (this.exchange.bytes + bytesOfAll(fresh) > SUBSCRIBED_BYTES_MAX) {
      out.error(tooMany);
      return;
    }
    for (const name of fresh) this.exchange.subscribe(kind, name, subscriber);
    subscriber.mark();
    const isLater = this.across?.announce(session, subscriber, {
      kind, isSubscribing: true, names: fresh, confirmations, mayWait: mayWait(frame),
    });
    if (isLater !== true) this.#confirm(session, out, kind, true, confirmations);
  }

  unsubscribe(kind: TopicKind, frame: ArgFrame, out: ReplySink): void {
    const session = sessionIn(frame);
    const { subscriber } = session;
    const given = frame.count > 1 ? argumentTexts(frame, 1) : [...subscriber?.names(kind) ?? []];
    const before = subscriber?.countFor(kind) ?? 0;
    const gone = new Set<string>();
    const confirmations = given.map((name): Confirmation => {
      if (subscriber?.names(kind).has(name) === true) gone.add(name);
      return { name, count: before - gone.size };
    });
    if (given.length === 0) confirmations.push({ name: null, count: before });
    if (subscriber !== null && gone.size > 0) {
      const isLater = this.across?.announce(session, subscriber, {
        kind, isSubscribing: false, names: gone, confirmations, mayWait: mayWait(frame),
      });
      if (isLater === true) return;
      this.#forget(subscriber, kind, gone);
    }
    this.#confirm(session, out, kind, false, confirmations);
  }

  /** All who count the names of a change have answered. */
  complete(subscriber: SessionSubscriber, change: SubscriptionChange): void {
    const { session } = subscriber;
    const { pushes, waits } = this.#worker;
    const { kind, isSubscribing, confirmations } = change;
    if (!isSubscribing) this.#forget(subscriber, kind, change.names);
    const write = (sink: ReplySink): void => {
      writeAll(sink, kind, isSubscribing, confirmations);
    };
    // They come also where replies are dropped.
    if (session.isMuted) pushes.push(session, write);
    waits.answer(session, write);
    for (const message of change.held) {
      pushes.send(session, message);
      pushes.release(message);
    }
  }

  /** The connection has ended, or is to be as if it were new. */
  drop(session: Session): void {
    const { subscriber } = session;
    if (subscriber === null) return;
    session.subscriber = null;
    this.across?.leave(subscriber);
    for (const kind of [Kind.Channel, Kind.Pattern, Kind.Sharded]) {
      this.#forget(subscriber, kind, [...subscriber.names(kind)]);
    }
  }

  #forget(subscriber: SessionSubscriber, kind: TopicKind, names: Iterable<string>): void {
    for (const name of names) this.exchange.unsubscribe(kind, name, subscriber);
    subscriber.mark();
  }

  #confirm(
    session: Session, out: ReplySink, kind: TopicKind, isSubscribing: boolean,
    confirmations: readonly Confirmation[],
  ): void {
    if (!session.isMuted) {
      writeAll(out, kind, isSubscribing, confirmations);
      return;
    }
    this.#worker.pushes.push(session, (sink) => {
      writeAll(sink, kind, isSubscribing, confirmations);
    });
  }

  // ------------------------------------------------------------------ figures

  activeNames(kind: TopicKind, glob: string | null): readonly string[] {
    const { across, exchange } = this;
    const here = exchange.names(kind, glob);
    return across === null ? here : across.ownNames(kind, glob, here);
  }

  subscriberCount(kind: TopicKind, name: string): number {
    const here = this.exchange.topic(kind, name)?.subscribers.size ?? 0;
    const { across } = this;
    if (across === null) return here;
    return across.isOwn(name) ? here + (across.remote.get(kind, name)?.total ?? 0) : 0;
  }

  patternCount(): number {
    const here = this.exchange.count(Kind.Pattern);
    return here + (this.across?.countBeyond(Kind.Pattern) ?? 0);
  }
}

/** What subscriptions of these names take. */
function bytesOfAll(names: Iterable<string>): number {
  let bytes = 0;
  for (const name of names) bytes += subscriptionBytes(name);
  return bytes;
}

/** The connection that sent the frame's command, also within EXEC. */
function sessionIn(frame: ArgFrame): Session {
  const { session } = askingOf(frame);
  assert(session !== null, 'subscriptions are the affair of their connection');
  return session;
}

/** Within EXEC nothing waits. */
function mayWait({ client }: ArgFrame): boolean {
  return (client.flags & (ClientFlag.InExec | ClientFlag.Internal)) === 0;
}

function writeAll(
  sink: ReplySink, kind: TopicKind, isSubscribing: boolean,
  confirmations: readonly Confirmation[],
): void {
  const word = confirmedWord(kind, isSubscribing);
  for (const { name, count } of confirmations) writeConfirmation(sink, word, name, count);
}
