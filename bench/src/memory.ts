/**
 * `pnpm bench:memory`: what data costs. (1) Bytes per key as RSS growth of the server process, Kora
 * and redis-server in turn, 1 M keys of 16 bytes with values of 64. (2) In this process: growth of
 * the JavaScript heap and garbage collections over 5 M keys. (3) The worst pauses while 10 M keys
 * are inserted, beside a control loop that does all but the insert, so that the machine's own noise
 * is known. Reading the clock makes some garbage: both loops contain scavenges, whose length does
 * not depend on the data.
 * Options: --keys 1000000 --heap-keys 5000000 --pause-keys 10000000 (0 leaves a part out)
 */
import { PerformanceObserver, constants } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { openSync } from '@kora/embedded';
import { collectNow } from './collect-now.ts';
import { fill, keyText } from './fill.ts';
import { isInstalled, startKora, startRedis } from './processes.ts';
import { markdownTable } from './table.ts';

const { values } = parseArgs({
  options: {
    keys: { type: 'string', default: '1000000' },
    'heap-keys': { type: 'string', default: '5000000' },
    'pause-keys': { type: 'string', default: '10000000' },
  },
});
const VALUE = 'v'.repeat(64);
const ZERO = 0x30;
const NINE = 0x39;

async function bytesPerKey(): Promise<void> {
  const count = Number(values.keys);
  if (count === 0) return;
  const makers = isInstalled('redis-server') ? [startRedis, startKora] : [startKora];
  const rows: string[][] = [];
  let reference = NaN;
  for (const make of makers) {
    const server = await make();
    await fill(server, 1000, VALUE);
    const before = server.residentBytes();
    await fill(server, count, VALUE);
    const perKey = (server.residentBytes() - before) / count;
    if (server.name === 'redis-server') reference = perKey;
    const ratio = Number.isNaN(reference) ? '-' : (perKey / reference).toFixed(2);
    rows.push([server.name, perKey.toFixed(1), ratio]);
    await server.stop();
  }
  const heads = ['1 key = 16 B + 64 B', `RSS growth, B/key at ${count}`, 'of redis'];
  process.stdout.write(`${markdownTable(heads, rows)}\n\n`);
}

/** Counts major collections while it lives. */
function watchCollections(): { readonly majors: () => number; readonly stop: () => void } {
  let majors = 0;
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      // GC entries carry their kind in `detail`, which the type of the web's entries lacks.
      const { detail } = entry as unknown as { readonly detail: { readonly kind: number } };
      if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) majors++;
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  return {
    majors: () => majors,
    stop: () => {
      observer.disconnect();
    },
  };
}

async function heapGrowth(): Promise<void> {
  const count = Number(values['heap-keys']);
  if (count === 0) return;
  using db = openSync();
  for (let i = 0; i < 100_000; i++) db.set(keyText(i), VALUE);
  collectNow();
  await new Promise((resolve) => setTimeout(resolve, 50));
  const before = process.memoryUsage().heapUsed;
  const watch = watchCollections();
  for (let i = 0; i < count; i++) db.set(keyText(i), VALUE);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const majors = watch.majors();
  watch.stop();
  collectNow();
  const growth = process.memoryUsage().heapUsed - before;
  process.stdout.write(
    `JavaScript heap over ${count} keys: ${(growth / 1e6).toFixed(2)} MB growth, ` +
      `${majors} major collections\n\n`,
  );
}

const BOUNDS_US = [20, 50, 100, 1000, 10_000, Infinity];

function histogram(run: (i: number) => void, count: number): { counts: number[]; worstUs: number } {
  const counts = BOUNDS_US.map(() => 0);
  let worstUs = 0;
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    run(i);
    const us = (performance.now() - start) * 1000;
    if (us > worstUs) worstUs = us;
    if (us < (BOUNDS_US[0] ?? 0)) continue;
    const bucket = BOUNDS_US.findIndex((bound) => us < bound);
    counts[bucket] = (counts[bucket] ?? 0) + 1;
  }
  return { counts, worstUs };
}

/** Counts a decimal text in place, so that the loop that is timed makes no garbage of its own. */
function countUp(digits: Uint8Array): void {
  for (let i = digits.length - 1; i >= 0; i--) {
    const digit = digits[i] ?? 0;
    if (digit < NINE) {
      digits[i] = digit + 1;
      return;
    }
    digits[i] = ZERO;
  }
}

function pauses(): void {
  const count = Number(values['pause-keys']);
  if (count === 0) return;
  using db = openSync();
  const key = new Uint8Array(16).fill(ZERO);
  const value = new Uint8Array(64).fill(NINE);
  for (let i = 0; i < 100_000; i++) db.set(keyText(i), value);
  const control = histogram(() => {
    countUp(key);
  }, count);
  const inserts = histogram(() => {
    countUp(key);
    db.set(key, value);
  }, count);
  const row = (name: string, result: { counts: number[]; worstUs: number }): string[] => [
    name, ...result.counts.slice(1).map(String), (result.worstUs / 1000).toFixed(2),
  ];
  const heads = [
    `${count} timed calls`, '20-50 us', '50-100 us', '0.1-1 ms', '1-10 ms', '> 10 ms', 'worst ms',
  ];
  const rows = [row('insert', inserts), row('control loop', control)];
  process.stdout.write(`${markdownTable(heads, rows)}\n`);
  if (db.size < count) throw new Error('not every key was inserted');
}

await bytesPerKey();
await heapGrowth();
pauses();
