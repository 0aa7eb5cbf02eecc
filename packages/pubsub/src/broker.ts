/**
 * Publish and subscribe inside one thread. A message goes to all who have subscribed to its channel
 * or to a pattern that matches it, channel first; `publish` says how many. Listeners are called
 * before it returns; subscriptions get the message queued.
 * Invariants: all receivers see the messages of a channel in the order of the calls of `publish`,
 *   also when a listener publishes: what it sends goes out after the message it was told of; who
 *   gets a message is decided when it is published; who leaves before it is told does not hear it.
 * Bounds: NESTED_MESSAGES_MAX of what listeners have published while one is being told.
 */
import { Fault } from '@kora/core';
import { textOf } from './binary-text.ts';
import { checkedFunction, checkedName, checkedPayload, checkOptions } from './checks.ts';
import { Exchange, Subscriber } from './exchange.ts';
import { NESTED_MESSAGES_MAX } from './limits.ts';
import type { Name, Payload } from './message.ts';
import { Message, ownPayload } from './message.ts';
import type { QueueLimits } from './subscription.ts';
import { Subscription } from './subscription.ts';
import type { TopicKind } from './topic.ts';
import { Kind } from './topic.ts';

/** What is meant by a name. At most one of the two. */
export interface ListenOptions {
  /** It is a glob pattern: messages of all channels that match. */
  readonly isPattern?: boolean;
  /** It is a sharded channel, which only `publishSharded` reaches. */
  readonly isSharded?: boolean;
}

/** Options of `subscribe`. */
export interface SubscribeOptions extends ListenOptions, QueueLimits {
  /** Its abort ends the subscription, and the loop, without an error. */
  readonly signal?: AbortSignal;
}

export interface BrokerOptions {
  /**
   * Hears what a listener throws. All others get the message all the same, and who publishes is
   * not concerned. Absent: it is thrown in a microtask, as an uncaught exception.
   */
  readonly onListenerError?: (cause: unknown, message: Message) => void;
}

const LISTEN_OPTIONS = ['isPattern', 'isSharded'];
const SUBSCRIBE_OPTIONS = [...LISTEN_OPTIONS, 'signal', 'queuedMessagesMax', 'queuedBytesMax'];

/** One who is told. */
class Receiver extends Subscriber {
  readonly tell: (message: Message) => void;

  constructor(tell: (message: Message) => void) {
    super();
    this.tell = tell;
  }
}

/** A message on its way. */
interface Delivery {
  readonly message: Message;
  readonly kind: TopicKind;
  readonly name: string;
  readonly to: readonly Receiver[];
}

export class Broker {
  readonly #exchange = new Exchange<Receiver>();
  readonly #onListenerError: (cause: unknown, message: Message) => void;
  /** Published by listeners while one is being told; null while nobody is. */
  #nested: Delivery[] | null = null;
  readonly #open = new Set<Subscription>();
  #isClosed = false;

  /** @throws {Fault} INVALID_OPTION */
  constructor(options: BrokerOptions = {}) {
    checkOptions(options, ['onListenerError']);
    const { onListenerError = throwLater } = options;
    this.#onListenerError = checkedFunction('INVALID_OPTION', 'onListenerError', onListenerError);
  }

  /**
   * Calls `listener` with each message from now on, before `publish` returns.
   * @returns ends it; calling that again is allowed
   * @throws {Fault} ENGINE_CLOSED, INVALID_ARGUMENT, INVALID_OPTION
   */
  listen(
    name: Name, listener: (message: Message) => void, options: ListenOptions = {},
  ): () => void {
    this.#check();
    checkOptions(options, LISTEN_OPTIONS);
    const receiver = new Receiver(checkedFunction('INVALID_ARGUMENT', 'a listener', listener));
    return this.#add(kindOf(options), checkedName(name), receiver);
  }

  /**
   * Messages from now on, for `for await`. `break`, `return` and the signal unsubscribe.
   * @param names one name or several, all of the same kind
   * @throws {Fault} ENGINE_CLOSED, INVALID_ARGUMENT, INVALID_OPTION
   */
  subscribe(names: Name | readonly Name[], options: SubscribeOptions = {}): Subscription {
    this.#check();
    const { kind, list } = namesOf(names, options);
    const leave: (() => void)[] = [];
    const subscription = new Subscription(options, () => {
      this.#open.delete(subscription);
      for (const each of leave) each();
    }, options.signal);
    const receiver = new Receiver((message) => {
      subscription.push(message);
    });
    for (const name of list) leave.push(this.#add(kind, name, receiver));
    this.#open.add(subscription);
    subscription.begin();
    return subscription;
  }

  /**
   * Sends a message to all subscribers of the channel and of patterns that match it.
   * @param payload bytes are copied
   * @returns how many receive it: one who has subscribed twice over counts twice
   * @throws {Fault} ENGINE_CLOSED, INVALID_ARGUMENT; ENGINE_BUSY when listeners publish without end
   */
  publish(channel: Name, payload: Payload): number {
    this.#check();
    const given = checkedPayload(payload);
    return this.publishBinary(Kind.Channel, checkedName(channel), () => ownPayload(given));
  }

  /** As `publish`, to the subscribers of a sharded channel. */
  publishSharded(channel: Name, payload: Payload): number {
    this.#check();
    const given = checkedPayload(payload);
    return this.publishBinary(Kind.Sharded, checkedName(channel), () => ownPayload(given));
  }

  /**
   * @internal As `publish`, with a name that is a binary string.
   * @param makePayload called once if anybody receives it; what it returns is the broker's
   */
  publishBinary(kind: TopicKind, channel: string, makePayload: () => Payload): number {
    const deliveries: Delivery[] = [];
    let count = 0;
    let payload: Payload | null = null;
    const add = (subscribed: TopicKind, name: string, to: Iterable<Receiver>): void => {
      payload ??= makePayload();
      const pattern = subscribed === Kind.Pattern ? name : null;
      const receivers = [...to];
      const message = new Message(channel, pattern, payload);
      deliveries.push({ message, kind: subscribed, name, to: receivers });
      count += receivers.length;
    };
    const topic = this.#exchange.topic(kind, channel);
    if (topic !== undefined) add(kind, channel, topic.subscribers);
    if (kind === Kind.Channel) {
      for (const { name, subscribers } of this.#exchange.matches(channel)) {
        add(Kind.Pattern, name, subscribers);
      }
    }
    if (count > 0) this.#deliver(deliveries);
    return count;
  }

  /** True when a message of a channel could have a receiver; sharded ones apart. */
  get hasSubscribers(): boolean {
    return this.#exchange.count(Kind.Channel) > 0 || this.#exchange.count(Kind.Pattern) > 0;
  }

  /** Channels, patterns and sharded channels that somebody has subscribed to. */
  get subscribedCount(): number {
    return this.#exchange.count(Kind.Channel) + this.#exchange.count(Kind.Pattern) +
      this.#exchange.count(Kind.Sharded);
  }

  /** Channels that somebody has subscribed to. @param pattern only those it matches */
  channels(pattern?: Name): string[] {
    return this.#names(Kind.Channel, pattern);
  }

  /** As `channels`, of sharded ones. */
  shardedChannels(pattern?: Name): string[] {
    return this.#names(Kind.Sharded, pattern);
  }

  /** Subscribers of a name, or of a pattern itself. */
  subscriberCount(name: Name, options: ListenOptions = {}): number {
    return this.#exchange.topic(kindOf(options), checkedName(name))?.subscribers.size ?? 0;
  }

  /** Different patterns that somebody has subscribed to. */
  get patternCount(): number {
    return this.#exchange.count(Kind.Pattern);
  }

  /** @internal Who has subscribed to what. */
  get exchange(): Pick<Exchange<Subscriber>, 'count' | 'names' | 'topic'> {
    return this.#exchange;
  }

  /** Ends all subscriptions, after what waits in them; later calls throw ENGINE_CLOSED. */
  close(): void {
    this.#isClosed = true;
    for (const subscription of [...this.#open]) subscription.end();
  }

  #names(kind: TopicKind, pattern: Name | undefined): string[] {
    const glob = pattern === undefined ? null : checkedName(pattern);
    return this.#exchange.names(kind, glob).map(textOf);
  }

  #add(kind: TopicKind, name: string, receiver: Receiver): () => void {
    this.#exchange.subscribe(kind, name, receiver);
    return () => {
      this.#exchange.unsubscribe(kind, name, receiver);
    };
  }

  #deliver(deliveries: readonly Delivery[]): void {
    if (this.#nested !== null) {
      if (this.#nested.length >= NESTED_MESSAGES_MAX) {
        throw new Fault('ENGINE_BUSY', 'listeners publish more than can be delivered');
      }
      this.#nested.push(...deliveries);
      return;
    }
    const waiting: Delivery[] = [];
    this.#nested = waiting;
    for (const delivery of deliveries) this.#tell(delivery);
    // It grows while it is walked.
    for (const delivery of waiting) this.#tell(delivery);
    this.#nested = null;
  }

  #tell({ message, kind, name, to }: Delivery): void {
    for (const receiver of to) {
      if (!receiver.names(kind).has(name)) continue;
      try {
        receiver.tell(message);
      } catch (cause) {
        this.#tellOfError(cause, message);
      }
    }
  }

  /** Who hears of errors may throw too: that keeps nobody from the message either. */
  #tellOfError(cause: unknown, message: Message): void {
    try {
      this.#onListenerError(cause, message);
    } catch (thrown) {
      throwLater(thrown);
    }
  }

  #check(): void {
    if (this.#isClosed) throw new Fault('ENGINE_CLOSED', 'this broker was closed');
  }
}

function throwLater(cause: unknown): void {
  queueMicrotask(() => {
    throw cause;
  });
}

/** @throws {Fault} INVALID_OPTION */
function kindOf({ isPattern = false, isSharded = false }: ListenOptions): TopicKind {
  if (isPattern && isSharded) {
    throw new Fault('INVALID_OPTION', 'a name is a pattern or a sharded channel, not both');
  }
  if (isPattern) return Kind.Pattern;
  return isSharded ? Kind.Sharded : Kind.Channel;
}

/**
 * @internal The names of a subscription as binary strings, each once, and what they are names of.
 * @throws {Fault} INVALID_ARGUMENT, INVALID_OPTION
 */
export function namesOf(
  names: Name | readonly Name[], options: ListenOptions,
): { readonly kind: TopicKind; readonly list: readonly string[] } {
  checkOptions(options, SUBSCRIBE_OPTIONS);
  const given = Array.isArray(names) ? (names as readonly Name[]) : [names as Name];
  if (given.length === 0) throw new Fault('INVALID_ARGUMENT', 'a subscription needs a name');
  return { kind: kindOf(options), list: [...new Set(given.map(checkedName))] };
}
