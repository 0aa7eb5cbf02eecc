/**
 * What a connection has subscribed to. It exists from its first subscription on, so that others
 * stay small.
 */
import { ClientFlag } from '@kora/core';
import { Kind, Subscriber } from '@kora/pubsub';
import type { TopicKind } from '@kora/pubsub';
import { OutputClass } from '../session.ts';
import type { Session } from '../session.ts';
import type { SubscriptionChange } from './subscription-change.ts';

export class SessionSubscriber extends Subscriber {
  readonly session: Session;
  /** What other workers have not acknowledged yet, null when there is nothing. */
  change: SubscriptionChange | null = null;

  constructor(session: Session) {
    super();
    this.session = session;
  }

  /** What confirmations of a kind count: channels and patterns together, sharded ones apart. */
  countFor(kind: TopicKind): number {
    if (kind === Kind.Sharded) return this.count(Kind.Sharded);
    return this.count(Kind.Channel) + this.count(Kind.Pattern);
  }

  /** Marks the connection as one that subscribes, or as one that does not any more. */
  mark(): void {
    const { session } = this;
    if (this.total > 0) {
      session.flags |= ClientFlag.Subscribed;
      session.outputClass = OutputClass.PubSub;
    } else {
      session.flags &= ~ClientFlag.Subscribed;
      session.outputClass = OutputClass.Normal;
    }
  }
}

/** The connection's subscriptions; made when there are none. */
export function subscriberOf(session: Session): SessionSubscriber {
  session.subscriber ??= new SessionSubscriber(session);
  return session.subscriber;
}
