/**
 * A subscription whose messages come from the workers: a slot of its own on one of them, which is a
 * connection like any other there. It is ready when the worker has confirmed all names. What the
 * program does not take from the rings waits at the worker, which ends the slot when that is too
 * much (client-output-buffer-limit of pubsub).
 */
import { Fault } from '@kora/core';
import type { Name, SubscribeOptions } from '@kora/pubsub';
import { binaryOf, bytesOf, Message, MESSAGE_WORDS, namesOf, Subscription } from '@kora/pubsub';
import type { ReplyValue } from '../open-values.ts';
import type { Pipe, PipeSlot, SlotOwner } from './pipe.ts';

/** By kind of topic. */
const COMMANDS: readonly string[] = ['SUBSCRIBE', 'PSUBSCRIBE', 'SSUBSCRIBE'];
const decoder = new TextDecoder();

/** What it needs of its engine. */
export interface SubscriberHost {
  /** The worker for a name of a kind. */
  pipeFor(kind: number, name: Uint8Array): Pipe;
  /** Something was sent. */
  touch(): void;
  onSubscriberEnd(subscriber: WorkersSubscriber): void;
}

export class WorkersSubscriber implements SlotOwner {
  readonly subscription: Subscription;
  readonly #host: SubscriberHost;
  readonly #pipe: Pipe;
  readonly #slot: PipeSlot;
  /** Names that the worker has not confirmed. */
  #unconfirmed: number;

  /** @throws {Fault} INVALID_OPTION, INVALID_ARGUMENT */
  constructor(host: SubscriberHost, names: Name | readonly Name[], options: SubscribeOptions) {
    const { kind, list } = namesOf(names, options);
    const [first] = list;
    if (first === undefined) throw new Fault('INVALID_ARGUMENT', 'a subscription needs a name');
    this.#host = host;
    this.subscription = new Subscription(options, () => {
      this.#leave();
    }, options.signal);
    this.#pipe = host.pipeFor(kind, bytesOf(first));
    this.#slot = this.#pipe.open(this);
    this.#unconfirmed = list.length;
    this.#pipe.sendBare(this.#slot, [COMMANDS[kind] ?? '', ...list.map(bytesOf)]);
    host.touch();
    if (options.signal?.aborted === true) this.subscription.close();
  }

  readonly onPush = (value: ReplyValue, refusal: Error | null): void => {
    const { subscription } = this;
    if (refusal !== null) {
      subscription.fail(refusal);
      return;
    }
    const [word, ...rest] = Array.isArray(value) ? value.filter(isBytes) : [];
    if (word === undefined) return;
    const kind = MESSAGE_WORDS.indexOf(decoder.decode(word));
    const [first, second, third] = rest;
    if (kind < 0) {
      this.#unconfirmed--;
      if (this.#unconfirmed === 0) subscription.begin();
    } else if (third !== undefined && second !== undefined && first !== undefined) {
      subscription.push(new Message(binaryOf(second), binaryOf(first), third));
    } else if (second !== undefined && first !== undefined) {
      subscription.push(new Message(binaryOf(first), null, second));
    }
  };

  /** Calls are none, so none is settled. */
  onSettled(): void {
    return;
  }

  /** The worker has ended the slot: because it was asked to, or because too much waited. */
  onGone(): void {
    this.subscription.fail(new Fault(
      'SUBSCRIBER_SLOW', 'a worker ended a subscription: more waited for the program than ' +
        'client-output-buffer-limit allows',
    ));
  }

  #leave(): void {
    this.#pipe.end(this.#slot);
    this.#host.onSubscriberEnd(this);
    this.#host.touch();
  }
}

function isBytes(value: ReplyValue): value is Uint8Array {
  return value instanceof Uint8Array;
}
