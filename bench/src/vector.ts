/**
 * `pnpm bench:vector [part]`: the vector index beside hnswlib-node and usearch (`npm install` in
 * bench/peers), one thread. Parts: peers, exact, presets, store, deletes, filters, image, bytes,
 * million, threads; all but the last two unless one is named. Indexes are built and searched in
 * turns, so that other work on the machine meets all of them. Numbers of record:
 * docs/internals/vector.md.
 */
import { dumpIndex, loadIndex, VectorIndex } from '@kora/vector';
import type { VectorIndexOptions } from '@kora/vector';
import { markdownTable } from './table.ts';
import { hnswlib, ours, usearch } from './vector/contestants.ts';
import type { Contestant } from './vector/contestants.ts';
import { bestUs, cpuMs, family, truthOf, usAtRecall } from './vector/measures.ts';
import type { Family, Point } from './vector/measures.ts';
import { threads } from './vector/threads.ts';

const EFS = [10, 16, 24, 32, 50, 100, 200, 300];
const USEARCH_EFS = [10, 16, 50, 200];
const K = 10;

function recallIn(contestant: Contestant, data: Family, truth: Set<number>[], ef: number): number {
  let found = 0;
  for (const [i, query] of data.queries.entries()) {
    for (const id of Array.from(contestant.search(query, K, ef))) {
      if (truth[i]?.has(Number(id)) === true) found++;
    }
  }
  return found / data.queries.length / K;
}

/** Adds everything to all of them, a thousand at a time in turns; microseconds each, by place. */
function buildInTurns(contestants: readonly Contestant[], data: Family): number[] {
  const spent = contestants.map(() => 0);
  for (let at = 0; at < data.vectors.length; at += 1000) {
    const part = data.vectors.slice(at, at + 1000);
    for (const [place, contestant] of contestants.entries()) {
      contestant.prepare?.(part);
      const from = cpuMs();
      contestant.add(at, part);
      spent[place] = (spent[place] ?? 0) + cpuMs() - from;
    }
  }
  for (const [place, contestant] of contestants.entries()) {
    const from = cpuMs();
    contestant.finish();
    spent[place] = (spent[place] ?? 0) + cpuMs() - from;
  }
  return spent.map((ms, place) =>
    ms * 1000 / data.vectors.length / (contestants[place]?.efs?.length ?? 1));
}

function peers(
  kind: 'clustered' | 'gaussian', dimension: number, count: number, recall: number,
): void {
  const data = family(kind, dimension, count, 300);
  const truth = truthOf(data, K);
  const contestants = [
    ours('kora f32', { dimension }), ours('kora bf16', { dimension, storage: 'bf16' }),
    hnswlib(dimension, count), usearch(dimension, 'f32', USEARCH_EFS),
    usearch(dimension, 'f16', USEARCH_EFS),
  ].filter((each) => each !== undefined);
  const built = buildInTurns(contestants, data);
  const curves = contestants.map((): Point[] => []);
  for (const contestant of contestants) {
    contestant.prepare?.(data.queries);
    // Once untimed: what is compiled while it runs should be.
    recallIn(contestant, data, truth, 50);
  }
  for (const ef of EFS) {
    for (const [place, contestant] of contestants.entries()) {
      if (contestant.efs?.includes(ef) === false) continue;
      const us = bestUs(4, data.queries.length, () => {
        for (const query of data.queries) contestant.search(query, K, ef);
      });
      curves[place]?.push({ us, recall: recallIn(contestant, data, truth, ef) });
    }
  }
  console.log(`\n${kind} ${count} x ${dimension}: us a search at recall ${recall}\n`);
  console.log(markdownTable(['index', 'insert', `search`, 'curve'],
    contestants.map(({ name }, place) => [
      name, (built[place] ?? NaN).toFixed(1), usAtRecall(curves[place] ?? [], recall).toFixed(1),
      (curves[place] ?? []).map((p) => `${p.us.toFixed(0)} (${p.recall.toFixed(3)})`).join(' '),
    ])));
}

function filled(data: Family, options: Partial<VectorIndexOptions>): VectorIndex {
  const dimension = data.vectors[0]?.length ?? 1;
  const index = new VectorIndex({ dimension, metric: 'l2', mode: 'hnsw', ...options });
  for (const [id, vector] of data.vectors.entries()) index.add(id, vector);
  index.settle();
  return index;
}

function searchUs(index: VectorIndex, data: Family, options: object): string {
  return bestUs(6, data.queries.length, () => {
    for (const query of data.queries) index.search(query, K, options);
  }).toFixed(1);
}

function recallOf(index: VectorIndex, data: Family, options: object): string {
  let found = 0;
  let wanted = 0;
  for (const query of data.queries) {
    const truth = new Set(index.search(query, K, { ...options, exact: true }).map(({ id }) => id));
    wanted += truth.size;
    for (const { id } of index.search(query, K, options)) if (truth.has(id)) found++;
  }
  return (found / wanted).toFixed(3);
}

function exact(): void {
  const rows = [[1000, 128], [1000, 768], [10_000, 128]].map(([count = 0, dimension = 0]) => {
    const data = family('clustered', dimension, count, 200);
    const index = filled(data, { mode: 'exact' });
    return [`${count} x ${dimension}`, searchUs(index, data, { exact: true })];
  });
  console.log(`\nexact top ${K}\n\n${markdownTable(['set', 'us'], rows)}`);
}

function presets(): void {
  const rows: string[][] = [];
  for (const kind of ['clustered', 'gaussian'] as const) {
    const data = family(kind, 128, 5000, 300);
    for (const preset of ['high_speed', 'default', 'high_recall'] as const) {
      const index = filled(data, { preset });
      rows.push([kind, preset, searchUs(index, data, {}), recallOf(index, data, {})]);
    }
  }
  console.log(`\n5,000 x 128\n\n${markdownTable(['family', 'preset', 'us', 'recall'], rows)}`);
}

function store(): void {
  const data = family('gaussian', 128, 20_000, 0);
  const ids = data.vectors.map((_, i) => `key:${i}`);
  const flat = new Float32Array(20_000 * 128);
  for (const [i, vector] of data.vectors.entries()) flat.set(vector, i * 128);
  const options = { dimension: 128, metric: 'l2', autoFlatMax: 2 ** 20 } as const;
  const one = bestUs(5, 20_000, () => {
    const index = new VectorIndex(options);
    for (const [i, id] of ids.entries()) index.add(id, data.vectors[i] ?? new Float32Array(0));
  });
  const exactOne = bestUs(5, 20_000, () => {
    const index = new VectorIndex({ ...options, mode: 'exact' });
    for (const [i, id] of ids.entries()) index.add(id, data.vectors[i] ?? new Float32Array(0));
  });
  const batch = bestUs(5, 20_000, () => { new VectorIndex(options).addMany(ids, flat); });
  const index = new VectorIndex(options);
  index.addMany(ids, flat);
  const into = new Float32Array(128);
  const get = bestUs(5, 20_000, () => { for (const id of ids) index.get(id, into); });
  const again = bestUs(5, 20_000, () => { index.addMany(ids, flat); });
  const parts = Array.from({ length: 200 }, (_, i) => ({
    ids: ids.slice(i * 100, i * 100 + 100), vectors: flat.slice(i * 12_800, i * 12_800 + 12_800),
  }));
  const small = bestUs(5, 20_000, () => {
    for (const part of parts) index.addMany(part.ids, part.vectors);
  });
  console.log(`\nstore and get, 128 dimensions, text keys, us\n\n${markdownTable(
    ['store, to be linked later', 'store, exact', 'store by batch', 'again, memory is there',
      'again, by 100', 'get'],
    [[one, exactOne, batch, again, small, get].map((us) => us.toFixed(2))])}`);
}

function deletes(): void {
  const rows: string[][] = [];
  for (const kind of ['clustered', 'gaussian'] as const) {
    const data = family(kind, 128, 5000, 200);
    const index = filled(data, {});
    let deleted = 0;
    for (const share of [0.5, 0.8, 0.95]) {
      const from = cpuMs();
      const before = deleted;
      for (; deleted < 5000 * share; deleted++) index.delete(deleted * 7919 % 5000);
      const us = (cpuMs() - from) * 1000 / (deleted - before);
      const left = { ...data, vectors: data.vectors.filter((_, i) => index.has(i)) };
      rows.push([kind, `${share * 100} %`, recallOf(index, data, {}),
        recallOf(filled(left, {}), data, {}), us.toFixed(0)]);
    }
  }
  console.log(`\ndeletes of 5,000 x 128, ef 50\n\n${markdownTable(
    ['family', 'deleted', 'recall', 'fresh index', 'us a delete'], rows)}`);
}

function filters(): void {
  const data = family('clustered', 128, 50_000, 200);
  const index = new VectorIndex({ dimension: 128, metric: 'l2', mode: 'hnsw' });
  const order = data.vectors.map((vector, i) => ({ i, x: vector[0] ?? 0 }));
  const place = new Map(order.sort((a, b) => a.x - b.x).map(({ i }, at) => [i, at / 50_000]));
  for (const [i, vector] of data.vectors.entries()) {
    index.add(i, vector, { random: i * 7919 % 10_007 / 10_007, place: place.get(i) ?? 0 });
  }
  index.settle();
  const rows: string[][] = [['none', '', searchUs(index, data, {}), recallOf(index, data, {})]];
  for (const field of ['random', 'place']) {
    for (const share of [0.001, 0.01, 0.1, 0.5]) {
      const options = { filter: `.${field} < ${share}` };
      rows.push([field === 'place' ? 'correlated' : field, `${share * 100} %`,
        searchUs(index, data, options), recallOf(index, data, options)]);
    }
  }
  console.log(`\nfilters, 50,000 x 128, ef 50\n\n${markdownTable(
    ['filter', 'matches', 'us', 'recall'], rows)}`);
}

function image(): void {
  const data = family('clustered', 128, 50_000, 10);
  const index = filled(data, { efConstruction: 100 });
  const dumped = dumpIndex(index);
  const dumpMs = bestUs(3, 1000, () => { dumpIndex(index); });
  const loadMs = bestUs(3, 1000, () => { loadIndex(dumped); });
  console.log(`\nimage of 50,000 x 128: ${(dumped.length / 1e6).toFixed(1)} MB, dump `
    + `${dumpMs.toFixed(0)} ms, load ${loadMs.toFixed(0)} ms`);
}

/** Beside what hnswlib-node takes: growth of resident memory for one index of that many. */
function bytes(): void {
  const rows: string[][] = [];
  for (const [dimension, count, peer] of [[128, 100_000, 825], [768, 20_000, 3434]] as const) {
    const data = family('gaussian', dimension, count, 0);
    for (const storage of ['f32', 'bf16', 'codes'] as const) {
      const index = filled(data, { storage, efConstruction: 16 });
      const each = index.info.bytesUsed / count;
      rows.push([`${count} x ${dimension}`, storage, each.toFixed(0), (each / peer).toFixed(2)]);
    }
  }
  console.log(`\nbytes a vector, and as a share of hnswlib-node's\n\n${markdownTable(
    ['set', 'storage', 'bytes', 'share'], rows)}`);
}

function million(): void {
  const data = family('clustered', 128, 1_000_000, 200);
  for (const storage of ['f32', 'bf16'] as const) {
    const from = cpuMs();
    const index = filled(data, { storage });
    const built = (cpuMs() - from) / 1000;
    for (const ef of [50, 100, 200]) {
      console.log(`1 M x 128 ${storage}: built ${built.toFixed(0)} s, ef ${ef} `
        + `${searchUs(index, data, { ef })} us, recall ${recallOf(index, data, { ef })}, `
        + `${(index.info.bytesUsed / 1e6).toFixed(0)} bytes a vector`);
    }
  }
}

const parts: Readonly<Record<string, () => void>> = {
  peers: () => {
    peers('clustered', 128, 20_000, 0.99);
    peers('gaussian', 128, 20_000, 0.91);
    peers('clustered', 768, 10_000, 0.99);
  },
  exact, presets, store, deletes, filters, image, bytes,
};

const [wanted] = process.argv.slice(2);
if (wanted === 'million') million();
else if (wanted === 'threads') void threads();
else for (const [name, part] of Object.entries(parts)) {
  if (wanted === undefined || wanted === name) part();
}
