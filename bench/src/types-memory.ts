/**
 * `pnpm bench:types-memory`: bytes per entry of every type, Kora beside redis-server. Each case
 * runs on a fresh server of either kind; what counts is the growth of used_memory as INFO tells it,
 * the keys of the case included, divided by the entries, and beside it that of resident memory.
 * Then, in this process, the growth of the JavaScript heap over 5 M entries of collections.
 * Options: --scale 1 (of the number of entries) --heap-entries 5000000 (0 leaves it out)
 */
import { parseArgs } from 'node:util';
import { CommandDriver } from '@kora/core/testing';
import { collectNow } from './collect-now.ts';
import { ask, fillWith, untilIdle } from './fill.ts';
import type { ServerProcess } from './processes.ts';
import { isInstalled, startKora, startRedis } from './processes.ts';
import { markdownTable } from './table.ts';

const { values } = parseArgs({
  options: {
    scale: { type: 'string', default: '1' },
    'heap-entries': { type: 'string', default: '5000000' },
  },
});

const STEP = 100;
const FIELDS_OF_SMALL_HASH = 10;
/** Multiplied with an index it visits every score below a million once. */
const SCORE_STEP = 700_001;
const MIB = 1024 * 1024;

/** One row: what is sent, and how many entries that makes. */
interface MemoryCase {
  readonly name: string;
  readonly entries: number;
  readonly requests: number;
  readonly request: (i: number) => readonly string[];
  readonly linesPerReply: number;
  /** At most this share of redis-server's bytes. */
  readonly goal: number;
}

const padded = (i: number, width: number): string => String(i).padStart(width, '0');
const steps = (i: number, each: (n: number) => readonly string[]): string[] =>
  Array.from({ length: STEP }, (_, k) => each(i * STEP + k)).flat();

function big(
  name: string, words: readonly string[], goal: number, each: (n: number) => readonly string[],
): MemoryCase {
  const entries = Math.ceil((1_000_000 * Number(values.scale)) / STEP) * STEP;
  return {
    name, entries, requests: entries / STEP, linesPerReply: 1, goal,
    request: (i) => [...words, ...steps(i, each)],
  };
}

function cases(): MemoryCase[] {
  const hashes = Math.ceil(100_000 * Number(values.scale));
  const streamEntries = Math.ceil(1_000_000 * Number(values.scale));
  const value = 'v'.repeat(20);
  const element = 'e'.repeat(24);
  return [
    {
      name: 'small hash, 10 fields: a field', entries: hashes * FIELDS_OF_SMALL_HASH,
      requests: hashes, linesPerReply: 1, goal: 1,
      request: (i) => [
        'HSET', `hash:${padded(i, 11)}`,
        ...Array.from({ length: FIELDS_OF_SMALL_HASH }, (_, k) => [`field:${k}`, value]).flat(),
      ],
    },
    big('hash of 1 M fields (16 B, 20 B)', ['HSET', 'hash'], 0.65,
      (n) => [`field:${padded(n, 10)}`, value]),
    big('set of 1 M members (16 B)', ['SADD', 'set'], 0.65, (n) => [`member:${padded(n, 9)}`]),
    big('zset of 1 M members (16 B)', ['ZADD', 'zset'], 0.65,
      (n) => [String((n * SCORE_STEP) % 1_000_000), `member:${padded(n, 9)}`]),
    big('list of 1 M x 32 B', ['RPUSH', 'list'], 1, (n) => [`${element}${padded(n, 8)}`]),
    {
      name: 'stream of 1 M entries (1 field, 20 B)', entries: streamEntries,
      requests: streamEntries, linesPerReply: 2, goal: 1,
      request: (i) => ['XADD', 'stream', `${1_700_000_000_000 + i}-0`, 'field', value],
    },
  ];
}

/** used_memory by INFO, in bytes. */
async function usedMemory(server: ServerProcess): Promise<number> {
  const info = await ask(server, ['INFO', 'memory']);
  return Number(/used_memory:(\d+)/.exec(info)?.[1] ?? NaN);
}

/** Bytes an entry: by used_memory, and resident. */
async function measure(
  make: () => Promise<ServerProcess>, one: MemoryCase,
): Promise<readonly [used: number, resident: number]> {
  const server = await make();
  try {
    // Buffers of a first connection belong to no case.
    await fillWith(server, 1000, (i) => ['SET', `warm:${i}`, 'x']);
    await ask(server, ['FLUSHALL']);
    await untilIdle(server);
    const before = [await usedMemory(server), server.residentBytes()] as const;
    await fillWith(server, one.requests, one.request, one.linesPerReply);
    await untilIdle(server);
    const used = (await usedMemory(server)) - before[0];
    return [used / one.entries, (server.residentBytes() - before[1]) / one.entries];
  } finally {
    await server.stop();
  }
}

async function besideRedis(): Promise<void> {
  const hasRedis = isInstalled('redis-server');
  const rows: string[][] = [];
  for (const one of cases()) {
    const redis = hasRedis ? await measure(() => startRedis(), one) : [NaN, NaN];
    const kora = await measure(() => startKora(), one);
    const ratio = (kora[0] ?? NaN) / (redis[0] ?? NaN);
    rows.push([
      one.name, (kora[0] ?? NaN).toFixed(1), (redis[0] ?? NaN).toFixed(1), ratio.toFixed(2),
      one.goal.toFixed(2), Number.isNaN(ratio) ? '-' : ratio <= one.goal ? 'yes' : 'NO',
      (kora[1] ?? NaN).toFixed(1), (redis[1] ?? NaN).toFixed(1),
    ]);
    process.stderr.write(`${one.name}: done\n`);
  }
  const heads = [
    'bytes an entry', 'kora', 'redis-server', 'ratio', 'goal', 'met', 'RSS kora', 'RSS redis',
  ];
  process.stdout.write(`${markdownTable(heads, rows)}\n\n`);
}

/** Growth of the JavaScript heap while a shard takes entries of all types in turn. */
function heapGrowth(): void {
  const wanted = Number(values['heap-entries']);
  if (wanted === 0) return;
  const driver = new CommandDriver({
    memoryOptions: { lowBytes: 32 * MIB, bytesMax: 4096 * MIB - MIB },
  });
  const fillers: readonly ((i: number) => readonly string[])[] = [
    (i) => ['HSET', 'hash', ...steps(i, (n) => [`field:${n}`, 'v'])],
    (i) => ['SADD', 'set', ...steps(i, (n) => [`member:${n}`])],
    (i) => ['ZADD', 'zset', ...steps(i, (n) => [String(n), `member:${n}`])],
    (i) => ['RPUSH', 'list', ...steps(i, (n) => [`element:${n}`])],
    (i) => ['HSET', `small:${i}`, ...steps(i, (n) => [`field:${n % STEP}`, 'v'])],
  ];
  const run = (i: number): void => {
    const filler = fillers[i % fillers.length];
    const reply = driver.run(...(filler?.(Math.floor(i / fillers.length)) ?? []));
    if (!reply.startsWith(':')) throw new Error(reply);
  };
  const warm = 2000;
  for (let i = 0; i < warm; i++) run(i);
  collectNow();
  const before = process.memoryUsage().heapUsed;
  const requests = Math.ceil(wanted / STEP);
  for (let i = warm; i < warm + requests; i++) run(i);
  collectNow();
  const growth = (process.memoryUsage().heapUsed - before) / 1e6;
  process.stdout.write(
    `JavaScript heap over ${requests * STEP} entries of collections: ${growth.toFixed(2)} MB ` +
      `growth (goal: below 10), ${(driver.memory.usedBytes() / 1e6).toFixed(0)} MB of data\n`,
  );
}

await besideRedis();
heapGrowth();
