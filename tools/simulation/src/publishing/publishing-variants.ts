/**
 * The product with one thing wrong about publishing and subscribing: each has to be caught by the
 * scene of publishing within few seeds.
 */
import { NoteTopic } from '@kora/server/testing';
import type { BrokenVariant } from '../broken-variants.ts';
import { inEachMesh, inEachWorker, losingNotes } from '../broken-variants.ts';
import type { World } from '../world.ts';

type PubSub = World['mesh']['rigs'][number]['worker']['pubSub'];
type Across = NonNullable<PubSub['across']>;
type Change = NonNullable<Parameters<Across['announce']>[1]['change']>;

/** Of so many things of a kind one goes wrong. */
const PER_FAULT = 5;

/** Faults that change each worker's part of what is published across workers. */
function inEachAcross(change: (across: Across) => void): BrokenVariant['faults'] {
  return inEachWorker(({ pubSub: { across } }) => {
    if (across !== null) change(across);
  });
}

/** Subscriptions that other workers have to know of differ. */
function withChange(name: string, distort: (change: Change) => void): BrokenVariant {
  return {
    name,
    faults: inEachAcross((across) => {
      const announce = across.announce.bind(across);
      across.announce = (session, subscriber, wanted) => {
        const isLater = announce(session, subscriber, wanted);
        if (isLater && subscriber.change !== null) distort(subscriber.change);
        return isLater;
      };
    }),
  };
}

/** Notes of a topic get lost. */
function losing(name: string, topic: number): BrokenVariant {
  return { name, faults: losingNotes(topic, PER_FAULT) };
}

const unacknowledged: BrokenVariant = {
  name: 'a subscription is confirmed before its owner knows of it',
  faults: inEachAcross((across) => {
    const announce = across.announce.bind(across);
    across.announce = (session, subscriber, change) =>
      announce(session, subscriber, { ...change, mayWait: false });
  }),
};

const swapped: BrokenVariant = {
  name: 'a connection gets two messages in another order',
  faults: inEachWorker(({ pubSub, pushes, chunks }) => {
    const deliver = pubSub.deliver.bind(pubSub);
    const send = pushes.send.bind(pushes);
    let isDelivering = false;
    let sent = 0;
    let held: Parameters<typeof send> | undefined;
    pubSub.deliver = (kind, channel, content, from, counted) => {
      isDelivering = true;
      const count = deliver(kind, channel, content, from, counted);
      isDelivering = false;
      return count;
    };
    pushes.send = (session, message) => {
      if (!isDelivering) {
        send(session, message);
        return;
      }
      sent++;
      if (held === undefined && sent % PER_FAULT === 0) {
        for (const { chunk } of message.ranges) chunk.pins++;
        held = [session, message];
        return;
      }
      send(session, message);
      if (held?.[0] !== session) return;
      send(...held);
      for (const { chunk } of held[1].ranges) chunks.unpin(chunk);
      held = undefined;
    };
  }),
};

const miscounted: BrokenVariant = {
  name: 'PUBLISH counts one too many where others have subscribers',
  faults: inEachAcross((across) => {
    const send = across.send.bind(across);
    let sends = 0;
    across.send = (kind, channel, content) => {
      const count = send(kind, channel, content);
      sends++;
      return count > 1 && sends % PER_FAULT === 0 ? count + 1 : count;
    };
  }),
};

const keptSubscriber: BrokenVariant = {
  name: 'who has gone is still counted',
  adapt: (plan) => ({ ...plan, vanishChance: 0.02 }),
  faults: inEachAcross((across) => {
    across.leave = () => undefined;
  }),
};

const earlyMessage: BrokenVariant = {
  name: 'a message comes before the confirmation of its subscription',
  faults: inEachWorker(({ pubSub: { across }, pushes }) => {
    if (across === null) return;
    const announce = across.announce.bind(across);
    across.announce = (session, subscriber, wanted) => {
      const isLater = announce(session, subscriber, wanted);
      if (subscriber.change === null) return isLater;
      subscriber.change.hold = (message) => {
        pushes.send(session, message);
        return true;
      };
      return isLater;
    };
  }),
};

const staged: BrokenVariant = {
  name: 'a confirmation waits for replies of other workers, and messages do not',
  adapt: (plan) => ({ ...plan, pipelineMax: 8 }),
  faults: inEachMesh(({ origin }, index, { mesh: { rigs } }) => {
    const sink = rigs[index]?.worker.sink;
    const { replies } = origin;
    const spare = replies.spare.bind(replies);
    if (sink === undefined) return;
    replies.spare = () => {
      // The first flush after it is the one that lets the confirmation leave.
      const flush = sink.flush.bind(sink);
      sink.flush = () => {
        sink.flush = flush;
      };
      return spare();
    };
  }),
};

const oneSided: BrokenVariant = {
  name: 'messages go to the owner\'s own connections only, now and then',
  faults: inEachAcross((across) => {
    const receivers = across.remote.receivers.bind(across.remote);
    let sends = 0;
    across.remote.receivers = (kind, channel) => {
      sends++;
      const { count, workers } = receivers(kind, channel);
      return { count, workers: sends % PER_FAULT === 0 ? 0 : workers };
    };
  }),
};

const overlapping: BrokenVariant = {
  name: 'commands of a connection overlap while events of keys are heard',
  adapt: (plan) => ({ ...plan, pipelineMax: 8 }),
  faults: inEachWorker((worker) => {
    Object.defineProperty(worker, 'hearsEvents', { get: () => false });
  }),
};

const unordered: BrokenVariant = {
  name: 'events of keys are told as they come',
  faults: inEachMesh(({ words }) => {
    words.nextEventOf = () => -1;
  }),
};

/** All of them. */
export const publishingVariants: readonly BrokenVariant[] = [
  losing('a message is lost between workers', NoteTopic.PubSubMessage),
  losing('names of subscriptions are lost between workers', NoteTopic.PubSubNames),
  losing('an event of a key is lost between workers', NoteTopic.KeyEvent),
  unacknowledged, swapped, miscounted, keptSubscriber, earlyMessage, staged, oneSided,
  overlapping, unordered,
  withChange('who is about to subscribe gets what its sender does not count', (change) => {
    if (change.isSubscribing) change.isCountedBy = () => true;
  }),
  withChange('who is about to subscribe gets nothing of those who count it', (change) => {
    if (change.isSubscribing) change.isCountedBy = () => false;
  }),
  withChange('who is about to unsubscribe gets what its sender does not count', (change) => {
    if (!change.isSubscribing) change.isCountedBy = () => true;
  }),
  withChange('who is about to unsubscribe gets nothing of those who count it', (change) => {
    if (!change.isSubscribing) change.isCountedBy = () => false;
  }),
];
