/**
 * The product with one thing wrong about waiting for keys: each has to be caught by the scene of
 * waiting within few seeds.
 */
import { NoteTopic } from '@kora/server/testing';
import type { BrokenVariant } from '../broken-variants.ts';
import { inEachMesh, inEachWorker, losingNotes } from '../broken-variants.ts';
import type { Plan } from '../plan.ts';
import type { World } from '../world.ts';
import { WaitingScene } from './waiting-scene.ts';

/** Of so many notes of a kind one is lost. */
const NOTES_PER_LOST = 4;

/** Notes of a topic get lost between workers. */
function losing(name: string, topic: number, notesPerLost = NOTES_PER_LOST): BrokenVariant {
  return { name, adapt: busy, faults: losingNotes(topic, notesPerLost) };
}

const claimedTwice: BrokenVariant = {
  name: 'a claim is taken although somebody has it',
  adapt: busy,
  faults: () => {
    let world: World | undefined;
    return {
      prepare: (all) => {
        world = all;
      },
      onAccess: (name, words, index, value) => {
        if (name !== 'compareExchange' || !(world?.scene instanceof WaitingScene)) return undefined;
        const worker = world.mesh.rigs.findIndex(({ composed }) =>
          composed.memory.memory.buffer === words.buffer);
        return world.scene.observer.hasClaimAt(worker, index * 4) ? value : undefined;
      },
    };
  },
};

const passedOver: BrokenVariant = {
  name: 'now and then who waits longest is passed over',
  faults: inEachWorker(({ keyWaits }) => {
    let claims = 0;
    keyWaits.claim = () => {
      claims++;
      return claims % NOTES_PER_LOST !== 0;
    };
  }),
};

const deafToKeys: BrokenVariant = {
  name: 'not every change of a key is heard by those who wait for it',
  faults: inEachWorker(({ shard: { journal } }) => {
    let listener: typeof journal.readyListener = null;
    Object.defineProperty(journal, 'readyListener', {
      get: () => listener,
      set: (wanted: typeof listener) => {
        let changes = 0;
        listener = wanted === null ? null : (effect) => {
          changes++;
          if (changes % NOTES_PER_LOST !== 0) wanted(effect);
        };
      },
    });
  }),
};

const lockedAndForgotten: BrokenVariant = {
  name: 'a key that was locked when it became ready is not looked at again',
  adapt: busy,
  faults: inEachMesh(({ participation }) => {
    participation.serveReady = () => undefined;
  }),
};

const servedWhenGone: BrokenVariant = {
  name: 'who is gone is still served',
  adapt: (plan) => ({ ...busy(plan), vanishChance: 0.05 }),
  faults: inEachWorker(({ waits }) => {
    const begin = waits.begin.bind(waits);
    waits.begin = (session, waited, untilMs) => {
      begin(session, {
        ...waited,
        cancel: () => (session.isClosing ? true : waited.cancel()),
        writeNothing: (sink) => {
          waited.writeNothing(sink);
        },
      }, untilMs);
    };
  }),
};

const EARLY_MS = 30;

const early: BrokenVariant = {
  name: 'waits end before their time',
  adapt: busy,
  faults: inEachWorker(({ waits }) => {
    const begin = waits.begin.bind(waits);
    waits.begin = (session, waited, untilMs) => {
      begin(session, waited, untilMs - EARLY_MS);
    };
  }),
};

const endless: BrokenVariant = {
  name: 'waits across workers never end',
  adapt: busy,
  faults: inEachWorker(({ waits }) => {
    const begin = waits.begin.bind(waits);
    waits.begin = (session, waited) => {
      begin(session, waited, Infinity);
    };
  }),
};

const overslept: BrokenVariant = {
  name: 'a worker that rests sleeps through the ends of waits',
  adapt: busy,
  faults: inEachWorker(({ waits }) => {
    waits.restMs = () => Infinity;
  }),
};

const unlockedLook: BrokenVariant = {
  name: 'shards look and note without locks',
  adapt: busy,
  faults: inEachMesh(({ participation: { intents } }) => {
    intents.lockSlots = () => undefined;
    intents.lockWhole = () => undefined;
  }),
};

const notHeld: BrokenVariant = {
  name: 'who came later gets what another is about to move',
  adapt: busy,
  faults: inEachMesh(({ waitParts }) => {
    const claim = waitParts.claim.bind(waitParts);
    waitParts.claim = (waiter) => {
      const isMine = claim(waiter);
      waiter.isHeld = false;
      return isMine;
    };
  }),
};

const wrongUnblock: BrokenVariant = {
  name: 'UNBLOCK says that it has ended a wait that goes on',
  adapt: (plan) => ({ ...busy(plan), vanishChance: 0.1 }),
  faults: inEachWorker(({ waits }) => {
    const unblock = waits.unblock.bind(waits);
    let calls = 0;
    waits.unblock = (session, isError) => {
      calls++;
      return calls % NOTES_PER_LOST === 0 ? session.wait !== null : unblock(session, isError);
    };
  }),
};

/** Many who wait, for few keys. */
function busy(plan: Plan): Plan {
  return { ...plan, keyCount: Math.min(plan.keyCount, 2), clockChance: 0.02, clockStepMsMax: 60 };
}

/** All of them. */
export const waitingVariants: readonly BrokenVariant[] = [
  losing('the reply to who waits is lost between workers', NoteTopic.WaitReply),
  losing('that there is something to move is not said', NoteTopic.WaitMovable, 1),
  losing('that a wait is over is not said to all shards', NoteTopic.WaitOver),
  claimedTwice, passedOver, deafToKeys, lockedAndForgotten, servedWhenGone, early, endless,
  overslept, unlockedLook, notHeld, wrongUnblock,
];
