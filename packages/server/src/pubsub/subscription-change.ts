/**
 * A SUBSCRIBE or UNSUBSCRIBE that other workers have to know of before it is confirmed. Each of
 * them takes note of it at some place among the messages that it sends, and answers along the same
 * way, so whether a message concerns the connection depends on who sent it: it does when the sender
 * counts the connection.
 *
 *   subscribing     messages of workers that have answered: counted, kept until the confirmation
 *   unsubscribing   messages of workers that have not answered: counted, delivered
 *
 * Events of keys are for who subscribes from the confirmation on, which also waits for commands
 * that workers had under way when they answered: these are not in order yet (mesh/under-way.ts).
 *
 * Bounds: HELD_BYTES_MAX of messages that wait for the confirmation; over it the connection is cut.
 */
import type { TopicKind } from '@kora/pubsub';
import type { PushMessage } from '../pushes.ts';

/** What a subscriber may miss to read anyway; redis-server's limit for its output. */
export const HELD_BYTES_MAX = 32 * 1024 * 1024;

/** One line of the reply. */
export interface Confirmation {
  /** Binary string; null: there was nothing to unsubscribe from. */
  readonly name: string | null;
  readonly count: number;
}

export class SubscriptionChange {
  readonly id: number;
  readonly kind: TopicKind;
  readonly isSubscribing: boolean;
  /** Names that are changed by it, without those that stay as they are. */
  readonly names: ReadonlySet<string>;
  readonly confirmations: readonly Confirmation[];
  /** Workers that have not answered: a bit each. */
  waitsFor: number;
  /** Workers with commands under way that were sent before they knew of it: a bit each. */
  unsettled = 0;
  /** Messages that follow the confirmation, each pinned. */
  readonly held: PushMessage[] = [];
  heldBytes = 0;

  constructor(fields: {
    readonly id: number; readonly kind: TopicKind; readonly isSubscribing: boolean;
    readonly names: ReadonlySet<string>; readonly confirmations: readonly Confirmation[];
    readonly waitsFor: number;
  }) {
    this.id = fields.id;
    this.kind = fields.kind;
    this.isSubscribing = fields.isSubscribing;
    this.names = fields.names;
    this.confirmations = fields.confirmations;
    this.waitsFor = fields.waitsFor;
  }

  /** True when it is about this topic. */
  concerns(kind: TopicKind, name: string): boolean {
    return kind === this.kind && this.names.has(name);
  }

  /** True when a worker that sends a message of a topic it concerns counts the connection. */
  isCountedBy(worker: number): boolean {
    const hasAnswered = (this.waitsFor & (1 << worker)) === 0;
    return hasAnswered === this.isSubscribing;
  }

  /** Keeps a message. @returns false when it is one too many */
  hold(message: PushMessage): boolean {
    for (const { chunk, bytes } of message.ranges) {
      chunk.pins++;
      this.heldBytes += bytes;
    }
    this.held.push(message);
    return this.heldBytes <= HELD_BYTES_MAX;
  }
}
