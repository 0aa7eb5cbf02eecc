/**
 * Times the embedded engine with promises: in this thread, on one worker, on two. 10,000 keys of 16
 * characters, values of 64 bytes, in random order.
 *   awaited   one call after the other, each with its own trip to a worker and back
 *   batched   BATCH calls at once, then all are awaited; two such runs go on side by side, as two
 *             parts of a program would
 * Rounds of all places are interleaved; the median of ROUNDS counts. CPU is that of the process,
 * all threads together. `pnpm bench:embedded-workers`
 */
import { open } from '@kora/embedded';
import type { AsyncKora } from '@kora/embedded';
import { markdownTable, median } from './table.ts';

const KEYS = 10_000;
const AWAITED_CALLS = 20_000;
const BATCHED_CALLS = 400_000;
const BATCH = 1_000;
const RUNS = 2;
const ROUNDS = 5;
const VALUE_BYTES = 64;

const keys = Array.from({ length: KEYS }, (_, i) => `key:${String(i).padStart(12, '0')}`);
const value = 'v'.repeat(VALUE_BYTES);

let place = 1;

function nextKey(): string {
  place = (place * 1_103_515_245 + 12_345) & 0x7fffffff;
  return keys[(place >>> 8) % KEYS] ?? '';
}

/** What a place has shown, a value a round. */
class Results {
  readonly awaitedP50Us: number[] = [];
  readonly awaitedP99Us: number[] = [];
  readonly getsPerS: number[] = [];
  readonly setsPerS: number[] = [];
  readonly getCpuUs: number[] = [];
}

async function awaited(db: AsyncKora, results: Results): Promise<void> {
  const us = new Float64Array(AWAITED_CALLS);
  for (let i = 0; i < AWAITED_CALLS; i++) {
    const startMs = performance.now();
    if (await db.get(nextKey()) !== value) throw new Error('a key is lost');
    us[i] = (performance.now() - startMs) * 1000;
  }
  us.sort();
  results.awaitedP50Us.push(us[AWAITED_CALLS / 2] ?? NaN);
  results.awaitedP99Us.push(us[Math.floor(AWAITED_CALLS * 0.99)] ?? NaN);
}

/** Calls in batches, until BATCHED_CALLS are done. @returns calls a second */
async function batched(call: (key: string) => Promise<unknown>): Promise<number> {
  let left = BATCHED_CALLS;
  const run = async (): Promise<void> => {
    while (left > 0) {
      left -= BATCH;
      const calls: Promise<unknown>[] = [];
      for (let i = 0; i < BATCH; i++) calls.push(call(nextKey()));
      await Promise.all(calls);
    }
  };
  const startMs = performance.now();
  await Promise.all(Array.from({ length: RUNS }, run));
  return (BATCHED_CALLS * 1000) / (performance.now() - startMs);
}

async function round(db: AsyncKora, results: Results): Promise<void> {
  await awaited(db, results);
  const before = process.cpuUsage();
  results.getsPerS.push(await batched((key) => db.get(key)));
  const { user, system } = process.cpuUsage(before);
  results.getCpuUs.push((user + system) / BATCHED_CALLS);
  results.setsPerS.push(await batched((key) => db.set(key, value)));
}

async function main(): Promise<void> {
  const places = [
    { name: 'this thread', workers: 0 }, { name: '1 worker', workers: 1 },
    { name: '2 workers', workers: 2 },
  ];
  const subjects: { readonly name: string; readonly db: AsyncKora; readonly all: Results }[] = [];
  for (const { name, workers } of places) {
    const db = await open(workers === 0 ? {} : { workers });
    await Promise.all(keys.map((key) => db.set(key, value)));
    await round(db, new Results()); // Warms up.
    subjects.push({ name, db, all: new Results() });
  }
  for (let i = 0; i < ROUNDS; i++) {
    for (const { db, all } of subjects) await round(db, all);
  }
  const thousands = (perS: readonly number[]): string => (median(perS) / 1000).toFixed(0);
  const rows = subjects.map(({ name, all }) => [
    name, median(all.awaitedP50Us).toFixed(1), median(all.awaitedP99Us).toFixed(1),
    thousands(all.getsPerS), thousands(all.setsPerS), median(all.getCpuUs).toFixed(2),
  ]);
  console.log(`${KEYS} keys of 16 characters, ${VALUE_BYTES} B values, Node ${process.version}`);
  console.log(markdownTable([
    'embedded, with promises', 'awaited, p50 us', 'p99 us', 'batched gets, k/s', 'sets, k/s',
    'CPU us a get',
  ], rows));
  for (const { db } of subjects) await db.close();
}

await main();
