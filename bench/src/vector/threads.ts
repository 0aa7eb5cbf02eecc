/**
 * `pnpm bench:vector threads`: building by one and by two threads beside building without, in
 * turns, and searches by threads while vectors come. Wall time, for that is what threads are to
 * save, so it wants a quiet machine with two cores; CPU time of all threads beside it says whether
 * it was one.
 */
import { VectorIndex } from '@kora/vector';
import { ThreadedVectorIndex } from '@kora/vector/threads';
import { markdownTable } from '../table.ts';
import { cpuMs, family } from './measures.ts';

const DIMENSION = 128;
const COUNT = 20_000;
const ROUNDS = 3;
const SEARCHES = 4000;
const OPTIONS = { dimension: DIMENSION, metric: 'l2', mode: 'hnsw' } as const;

interface Build {
  readonly name: string;
  readonly run: (ids: readonly number[], flat: Float32Array) => Promise<void>;
}

const builds: readonly Build[] = [
  {
    name: 'VectorIndex',
    run: (ids, flat) => {
      const index = new VectorIndex(OPTIONS);
      index.addMany(ids, flat);
      index.settle();
      return Promise.resolve();
    },
  },
  ...[1, 2].map((threads) => ({
    name: `threads: ${threads}`,
    run: async (ids: readonly number[], flat: Float32Array) => {
      const index = await ThreadedVectorIndex.open(new VectorIndex(OPTIONS), { threads });
      await index.addMany(ids, flat);
      await index.settle();
      await index.close();
    },
  })),
];

function flatOf(vectors: readonly Float32Array[]): Float32Array {
  const flat = new Float32Array(vectors.length * DIMENSION);
  for (const [i, vector] of vectors.entries()) flat.set(vector, i * DIMENSION);
  return flat;
}

function percentiles(us: number[]): string[] {
  us.sort((a, b) => a - b);
  return [0.5, 0.9, 0.99].map((share) => (us[Math.floor(us.length * share)] ?? 0).toFixed(0));
}

async function building(ids: readonly number[], flat: Float32Array): Promise<void> {
  const best = builds.map(() => ({ wall: Infinity, cpu: Infinity }));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, build] of builds.entries()) {
      const cpuFrom = cpuMs();
      const wallFrom = performance.now();
      await build.run(ids, flat);
      const each = best[i];
      if (each === undefined) continue;
      each.wall = Math.min(each.wall, (performance.now() - wallFrom) * 1000 / COUNT);
      each.cpu = Math.min(each.cpu, (cpuMs() - cpuFrom) * 1000 / COUNT);
    }
  }
  console.log(`\nbuilding 20,000 x 128 clustered, us an insert, threads started and ended\n\n${
    markdownTable(['', 'wall', 'CPU', 'times as fast'], builds.map(({ name }, i) => {
      const { wall, cpu } = best[i] ?? { wall: 0, cpu: 0 };
      return [name, wall.toFixed(1), cpu.toFixed(1), ((best[0]?.wall ?? 0) / wall).toFixed(2)];
    }))}`);
}

async function searching(
  ids: readonly number[], flat: Float32Array, more: readonly Float32Array[],
  queries: readonly Float32Array[],
): Promise<void> {
  const index = await ThreadedVectorIndex.open(new VectorIndex(OPTIONS), { threads: 2 });
  await index.addMany(ids, flat);
  await index.settle();
  const timed = async (isDone: (count: number) => boolean): Promise<number[]> => {
    const us: number[] = [];
    while (!isDone(us.length)) {
      const from = performance.now();
      await index.search(queries[us.length % queries.length] ?? flat, 10);
      us.push((performance.now() - from) * 1000);
    }
    return us;
  };
  await timed((count) => count === SEARCHES / 2);
  const alone = percentiles(await timed((count) => count === SEARCHES));
  let isAdded = false;
  const from = performance.now();
  const adding = (async () => {
    for (const [i, vector] of more.entries()) {
      await index.add(COUNT + i, vector);
      // Else nobody would ever be told of an answer.
      if (i % 64 === 0) await new Promise((resolve) => { setImmediate(resolve); });
    }
    isAdded = true;
  })();
  const beside = percentiles(await timed(() => isAdded));
  await adding;
  const perSecond = (more.length / (performance.now() - from) * 1000).toFixed(0);
  await index.close();
  console.log(`\nsearches by two threads, awaited one by one, us\n\n${markdownTable(
    ['meanwhile', 'p50', 'p90', 'p99'],
    [['nothing', ...alone], [`${perSecond} adds a second`, ...beside]])}`);
}

/** Both tables. */
export async function threads(): Promise<void> {
  const data = family('clustered', DIMENSION, 2 * COUNT, 500);
  const ids = Array.from({ length: COUNT }, (_, i) => i);
  const flat = flatOf(data.vectors.slice(0, COUNT));
  await building(ids, flat);
  await searching(ids, flat, data.vectors.slice(COUNT), data.queries);
}
