/**
 * The product with one thing wrong about client-side caching: each has to be caught by the scene of
 * caching within few seeds.
 */
import { NoteTopic } from '@kora/server/testing';
import type { BrokenVariant } from '../broken-variants.ts';
import { inEachMesh, inEachWorker, losingNotes } from '../broken-variants.ts';
import type { Plan } from '../plan.ts';

/** Of so many things of a kind one goes wrong. */
const PER_FAULT = 4;

/** Notes of a topic get lost. */
function losing(name: string, topic: number): BrokenVariant {
  return { name, faults: losingNotes(topic, PER_FAULT) };
}

const unpublished: BrokenVariant = {
  name: 'invalidations for other workers wait for the end of the turn, replies do not',
  adapt: busy,
  faults: inEachMesh(({ port }) => {
    port.publishWords = () => undefined;
  }),
};

const lateAbroad: BrokenVariant = {
  name: 'keys with prefixes are told to other workers behind the replies of the turn',
  adapt: busy,
  faults: inEachWorker(({ tracking }) => {
    tracking.beforeReply = () => undefined;
  }),
};

const overtaking: BrokenVariant = {
  name: 'invalidations overtake replies that are still owed',
  adapt: busy,
  faults: inEachWorker(({ tracking }) => {
    const invalidateNoted = tracking.invalidateNoted.bind(tracking);
    const sessionOf = tracking.sessionOf.bind(tracking);
    tracking.invalidateNoted = (readers, key, writer) => {
      // Who owes nothing is told at once.
      const windows = readers.map((reader) => {
        const session = sessionOf(reader);
        const window = session?.window ?? null;
        if (session !== undefined) session.window = null;
        return { session, window };
      });
      invalidateNoted(readers, key, writer);
      for (const { session, window } of windows) if (session !== undefined) session.window = window;
    };
  }),
};

const unheard: BrokenVariant = {
  name: 'a connection is answered before its worker has heard what others have said',
  adapt: busy,
  faults: inEachMesh((mesh) => {
    mesh.hear = () => undefined;
  }),
};

const forgetful: BrokenVariant = {
  name: 'not every read is remembered',
  faults: inEachWorker(({ shard: { tracking } }) => {
    const remember = tracking.remember.bind(tracking);
    let reads = 0;
    tracking.remember = (command, frame) => {
      reads++;
      if (reads % PER_FAULT !== 0) remember(command, frame);
    };
  }),
};

const lateOwn: BrokenVariant = {
  name: 'who has changed a key is told with the next change alone',
  adapt: (plan) => ({ ...plan, clientCount: 3 }),
  faults: inEachWorker(({ tracking }) => {
    const tellOwn = tracking.tellOwn.bind(tracking);
    let calls = 0;
    tracking.tellOwn = () => {
      calls++;
      if (calls % PER_FAULT === 0) tellOwn();
    };
  }),
};

const loud: BrokenVariant = {
  name: 'NOLOOP is not looked at',
  faults: inEachWorker(({ tracking, shard }) => {
    const invalidate = tracking.invalidate.bind(tracking);
    tracking.invalidate = (readers, keyAt, keyBytes) => {
      shard.tracking.writer = 0;
      invalidate(readers, keyAt, keyBytes, 0);
    };
  }),
};

const stuckCaching: BrokenVariant = {
  name: 'CLIENT CACHING holds for all commands that come',
  faults: inEachWorker(({ tracking }) => {
    tracking.afterCommand = () => undefined;
  }),
};

/** Many interruptions between several workers. */
function busy(plan: Plan): Plan {
  return { ...plan, workerCount: 3, preemptChance: 0.1, preemptEventsMax: 30, clientCount: 9 };
}

/** All of them. */
export const cachingVariants: readonly BrokenVariant[] = [
  losing('an invalidation is lost between workers', NoteTopic.TrackingInvalid),
  losing('keys with a prefix are lost between workers', NoteTopic.TrackingBroadcast),
  losing('that a prefix is wanted is not said', NoteTopic.TrackingPrefix),
  losing('a redirected invalidation is lost', NoteTopic.TrackingRedirect),
  unpublished, lateAbroad, overtaking, unheard, forgetful, lateOwn, loud, stuckCaching,
];
