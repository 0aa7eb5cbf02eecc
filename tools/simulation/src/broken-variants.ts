/**
 * The product with one thing wrong, for the question whether the simulator would notice. What is
 * wrong is done to the running objects from outside; the product has no switches for it.
 */
import type { Plan } from './plan.ts';
import type { Faults, World } from './world.ts';

/** A mistake that has to be caught. */
export interface BrokenVariant {
  readonly name: string;
  readonly faults: () => Faults;
  /** The plans in which it can show. */
  readonly adapt?: (plan: Plan) => Plan;
}

type Worker = World['mesh']['rigs'][number]['worker'];
type Mesh = NonNullable<Worker['mesh']>;

/** Faults that change each worker. */
export function inEachWorker(change: (worker: Worker, index: number) => void): () => Faults {
  return () => ({
    prepare: ({ mesh: { rigs } }) => {
      for (const [index, { worker }] of rigs.entries()) change(worker, index);
    },
  });
}

/** Faults that change each worker's end of the mesh. */
export function inEachMesh(
  change: (mesh: Mesh, index: number, world: World) => void,
): () => Faults {
  return () => ({
    prepare: (world) => {
      for (const [index, { worker: { mesh } }] of world.mesh.rigs.entries()) {
        if (mesh !== null) change(mesh, index, world);
      }
    },
  });
}

/** Of so many notes of a topic between workers one gets lost. */
export function losingNotes(topic: number, notesPerLost: number): () => Faults {
  return inEachMesh(({ notes }) => {
    const [send, sendEncoded] = [notes.send.bind(notes), notes.sendEncoded.bind(notes)];
    let sent = 0;
    const isLost = (wanted: number): boolean => {
      if (wanted !== topic) return false;
      sent++;
      return sent % notesPerLost === 0;
    };
    notes.send = (worker, wanted, number, write) =>
      isLost(wanted) || send(worker, wanted, number, write);
    notes.sendEncoded = (worker, wanted, number, ranges) => {
      if (!isLost(wanted)) sendEncoded(worker, wanted, number, ranges);
    };
  });
}

/** One wake-up in so many is lost. */
const WAKES_PER_LOST = 20;

const lostWake: BrokenVariant = {
  name: 'a wake-up is lost now and then',
  faults: () => {
    let wakes = 0;
    return {
      losesWake: () => {
        wakes++;
        return wakes % WAKES_PER_LOST === 0;
      },
    };
  },
};

/** Of so many publications for a shard one is late. */
const PLACES_PER_LATE = 5;

const latePlace: BrokenVariant = {
  name: 'an intent has a later place on one shard than on the others',
  faults: inEachMesh(({ port: { control: { order } } }) => {
    const append = order.append.bind(order);
    let places = 0;
    order.append = (shard, sender, tail) => {
      places++;
      // The next one for this shard reaches further, and takes it along.
      if (places % PLACES_PER_LATE !== 0) append(shard, sender, tail);
    };
  }),
};

const ignoredLock: BrokenVariant = {
  name: 'the lock of the order is not waited for',
  adapt: (plan) => ({ ...plan, preemptChance: 0.1 }),
  faults: inEachMesh(({ port: { control: { order } } }) => {
    const tryLock = order.tryLock.bind(order);
    order.tryLock = () => tryLock() || true;
  }),
};

const freedParcel: BrokenVariant = {
  name: 'the block of a long request is freed before its owner has copied it',
  adapt: (plan) => ({ ...plan, longValueChance: 0.3, ringBytes: 1024 }),
  faults: inEachMesh(({ parcels }) => {
    const pack = parcels.pack.bind(parcels);
    const release = parcels.release.bind(parcels);
    const early = new Set<number>();
    parcels.pack = (frame) => {
      const id = pack(frame);
      if (id === 0) return id;
      release(id);
      early.add(id);
      return id;
    };
    parcels.release = (id) => {
      if (!early.delete(id)) release(id);
    };
  }),
};

const unpinnedLoan: BrokenVariant = {
  name: 'a long value is lent without being pinned',
  adapt: (plan) => ({
    ...plan, ropeChance: 0.3,
    weights: { ...plan.weights, read: 20, write: 20, flush: 1 },
  }),
  faults: () => ({
    prepare: (world) => {
      for (const { worker: { shard: { ropes } } } of world.mesh.rigs) {
        ropes.pin = () => undefined;
        ropes.unpin = () => undefined;
      }
    },
  }),
};

const passedLock: BrokenVariant = {
  name: 'commands of one shard do not wait for locks',
  faults: inEachMesh(({ gate }) => {
    Object.defineProperty(gate, 'isOpen', { get: () => true });
  }),
};

const earlyRelease: BrokenVariant = {
  name: 'transactions let their locks go at once',
  faults: inEachMesh(({ participation: { intents } }) => {
    intents.lockSlots = () => undefined;
    intents.lockWhole = () => undefined;
  }),
};

const swappedReplies: BrokenVariant = {
  name: 'two replies change places',
  adapt: (plan) => ({ ...plan, pipelineMax: 8 }),
  faults: inEachMesh(({ origin: { replies } }) => {
    const take = replies.take.bind(replies);
    let swap: { readonly window: number; readonly from: number; readonly to: number } | undefined;
    replies.take = (peer) => {
      const ring = peer.repliesIn;
      const { kind, a, b, c } = ring;
      if (swap?.window === a && swap.from === b) {
        ring.b = swap.to;
        swap = undefined;
      } else if (swap === undefined && c === 1 && ring.following()) {
        const { kind: nextKind, a: nextWindow, b: nextPlace, c: nextLast } = ring;
        ring.next();
        if (nextKind === kind && nextWindow === a && nextLast === 1 && nextPlace !== b) {
          swap = { window: a, from: nextPlace, to: b };
          ring.b = nextPlace;
        }
      } else {
        ring.next();
      }
      take(peer);
    };
  }),
};

const deafWatch: BrokenVariant = {
  name: 'WATCH does not hear of every change',
  adapt: (plan) => ({ ...plan, weights: { ...plan.weights, watch: 6, write: 10 } }),
  faults: () => ({
    prepare: (world) => {
      for (const { worker: { shard: { journal } } } of world.mesh.rigs) {
        let listener: typeof journal.keyListener = null;
        Object.defineProperty(journal, 'keyListener', {
          get: () => listener,
          set: (wanted: typeof listener) => {
            let changes = 0;
            listener = wanted === null ? null : (effect) => {
              changes++;
              if (changes % CHANGES_PER_MISSED !== 0) wanted(effect);
            };
          },
        });
      }
    },
  }),
};

/** Of so many changes one is not heard. */
const CHANGES_PER_MISSED = 3;

const overtakingWrite: BrokenVariant = {
  name: 'writes of a pipeline overtake each other',
  adapt: (plan) => ({ ...plan, order: 0, pipelineMax: 16 }),
  faults: inEachMesh(({ origin }) => {
    origin.order = RELAXED;
    Object.defineProperty(origin, 'order', { get: () => RELAXED, set: () => undefined });
  }),
};

/** PipelineOrder.Relaxed, while the plan promises more. */
const RELAXED = 2;

const lateFlush: BrokenVariant = {
  name: 'what was written for one connection leaves by the next',
  faults: inEachMesh(({ origin: { replies } }, index, { mesh: { rigs } }) => {
    const sink = rigs[index]?.worker.sink;
    replies.select = (session) => sink?.begin(session);
  }),
};

const unlockedWatch: BrokenVariant = {
  name: 'EXEC does not lock what its client watches',
  adapt: watching,
  faults: inEachMesh(({ participation: { watches } }) => {
    watches.addSlots = () => undefined;
  }),
};

/** Turns by which it is late. */
const UNWATCH_TURNS = 3;

const lateUnwatch: BrokenVariant = {
  name: 'the end of a WATCH is told behind the requests that follow it',
  adapt: watching,
  faults: inEachMesh(({ coordination }) => {
    const unwatch = coordination.unwatch.bind(coordination);
    const sequence = coordination.sequence.bind(coordination);
    const late: { readonly clientId: number; readonly shards: number; turns: number }[] = [];
    coordination.unwatch = (clientId, shards) => {
      if (shards !== 0) late.push({ clientId, shards, turns: 0 });
    };
    coordination.sequence = () => {
      const mustGoOn = sequence();
      for (const each of late) each.turns++;
      while ((late[0]?.turns ?? 0) >= UNWATCH_TURNS) {
        const { clientId = 0, shards = 0 } = late.shift() ?? {};
        unwatch(clientId, shards);
      }
      return mustGoOn || late.length > 0;
    };
  }),
};

/** Many transactions under WATCH. */
function watching(plan: Plan): Plan {
  return { ...plan, weights: { ...plan.weights, watch: 8, exec: 6, writeMany: 8 } };
}

/** All of them. */
export const brokenVariants: readonly BrokenVariant[] = [
  lostWake, latePlace, ignoredLock, freedParcel, unpinnedLoan, passedLock, earlyRelease,
  swappedReplies, deafWatch, overtakingWrite, lateFlush, unlockedWatch, lateUnwatch,
];
