/**
 * Searches beside threads that link, and beside slots that are freed and used again. What is
 * promised holds by the order of single steps on several threads, so each litmus has a broken
 * control, the same run with one known fault, that must be caught first: otherwise the machine has
 * not interleaved enough for the answer to mean anything, and the test fails as inconclusive. The
 * sound run then goes on for more rounds than the control took. Threads run the built files.
 */
import { describe, expect, it } from 'vitest';
import { Chance, makeFamily, trueDistance } from '../testing/families.ts';
import { graphFault } from '../testing/recall.ts';
import { VectorIndex } from '../vector-index.ts';
import { ThreadedVectorIndex } from './threaded-vector-index.ts';
import type { KnownFaults } from './threaded-vector-index.ts';

const DIMENSION = 64;
/** Rounds in which a fault must show; a quiet machine shows it in tens, a busy one in thousands. */
const CONTROL_ROUNDS_MAX = 30_000;
const SOUND_ROUNDS_MIN = 2000;
const TEST_MS = 180_000;

/** Runs a litmus; the round in which it saw something wrong, -1 when it saw nothing. */
type Litmus = (faults: KnownFaults, rounds: number) => Promise<number>;

function opened(count: number, faults: KnownFaults): Promise<ThreadedVectorIndex> {
  const index = new VectorIndex({
    dimension: DIMENSION, metric: 'l2', mode: 'hnsw', trainingCount: 64, m: 8, efConstruction: 60,
  });
  const { flat } = makeFamily('clustered', DIMENSION, count, 0, 7);
  index.addMany(Array.from({ length: count }, (_, i) => `base ${i}`), flat);
  index.settle();
  return ThreadedVectorIndex.open(index, { threads: 2 }, faults);
}

/** Some steps, so that threads meet at any point. */
function pause(chance: Chance, stepsMax: number): void {
  for (let steps = chance.below(stepsMax); steps > 0; steps--) chance.next();
}

/** A stored vector is found by every search that begins then, while it is being linked. */
const stored: Litmus = async (faults, rounds) => {
  const index = await opened(2000, faults);
  const chance = new Chance(31);
  const { vectors } = makeFamily('clustered', DIMENSION, 4096, 0, 11);
  const isFound = async (id: number): Promise<boolean> =>
    (await index.search(vectors[id]!, 1, { ef: 64 }))[0]?.id === id;
  try {
    for (let round = 0; round < rounds; round++) {
      const id = round % vectors.length;
      await index.add(id, vectors[id]!);
      pause(chance, 30_000);
      if (await isFound(id)) continue;
      // A walk may miss what is linked, now and then. That it would miss again.
      await index.settle();
      if (await isFound(id)) return round;
    }
    await index.settle();
    return -1;
  } finally {
    expect(graphFault(await index.close())).toBe(0);
  }
};

/** Every answer names an id, and the distance of a vector that it had while the search ran. */
const overwritten: Litmus = async (faults, rounds) => {
  const index = await opened(2000, faults);
  const chance = new Chance(37);
  const count = 400;
  const vectorOf = (): Float32Array =>
    Float32Array.from({ length: DIMENSION }, () => chance.gaussian());
  /** All vectors that an id has had, with the step in which each was overwritten. */
  const versions = Array.from({ length: count }, () => [] as [Float32Array, number][]);
  let step = 0;
  let faultRound = -1;
  const overwrite = (id: number): Promise<boolean> => {
    const last = versions[id]!.at(-1);
    step++;
    if (last !== undefined) last[1] = step;
    const vector = vectorOf();
    versions[id]!.push([vector, Infinity]);
    if (versions[id]!.length > 64) versions[id]!.shift();
    return index.add(id, vector);
  };
  try {
    for (let id = 0; id < count; id++) await overwrite(id);
    for (let round = 0; round < rounds && faultRound < 0; round += 4) {
      const from = step;
      const queries = Array.from({ length: 4 }, vectorOf);
      const searches = queries.map(async (query) => {
        for (const { id, distance } of await index.search(query, 5)) {
          if (typeof id === 'string') continue;
          const isTrue = versions[id]!.some(([vector, until]) => until >= from
            && Math.abs(trueDistance('l2', vector, query) - distance) < 1e-3);
          if (!isTrue) faultRound = round;
        }
      });
      // Long enough for a slot to be freed and used again before an answer is read.
      const writes = Array.from({ length: 24 }, () => {
        pause(chance, 20_000);
        return overwrite(chance.below(count));
      });
      await Promise.all([...searches, ...writes]);
    }
    await index.settle();
    return faultRound;
  } finally {
    const { freeCount, size } = index.info;
    const back = await index.close();
    expect(graphFault(back)).toBe(0);
    expect(back.size).toBe(size);
    // Slots are used again, not only given out.
    expect(freeCount).toBeLessThan(size);
  }
};

describe('beside threads that link and remove', () => {
  const runs: readonly (readonly [string, Litmus, KnownFaults])[] = [
    ['a search finds what was stored before it', stored, { isTailLate: true }],
    ['a search tells distances that were true while it ran', overwritten, { isSilent: true }],
  ];
  it.each(runs)('%s; the control is caught', async (_name, litmus, faults) => {
    const caughtIn = await litmus(faults, CONTROL_ROUNDS_MAX);
    expect(caughtIn, 'inconclusive: the broken control was not caught').toBeGreaterThanOrEqual(0);
    expect(await litmus({}, Math.max(SOUND_ROUNDS_MIN, 2 * caughtIn))).toBe(-1);
  }, TEST_MS);
});
