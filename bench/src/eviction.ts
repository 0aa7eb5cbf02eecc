/**
 * `pnpm bench:eviction`: hit ratio under eviction on a Zipf trace, Kora's engine in this process
 * beside redis-server over a socket. Both see one trace, as a cache does: a batch of GETs, then
 * SETs of the keys that were missing. Both hold about the same number of keys: redis-server's
 * limit is what it uses with `--budget` keys; Kora's is what it uses with the mean number of keys
 * that redis-server then held. The trace is sent at a steady rate, because both clocks of LRU
 * count seconds; Kora's virtual clock follows the same rate. The second half of the trace counts.
 * Target: Kora's ratio at least redis-server's minus 1 point.
 * Options: --keys 400000 --budget 40000 --requests 1500000 --rate 60000 --exponent 0.9 --samples 5
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { parseArgs } from 'node:util';
import { EvictionPolicy, KeyspaceFixture } from '@kora/core/testing';
import { encodeRequest, ReplyDecoder, replyValues } from '@kora/protocol';
import type { RequestArgument, RespValue } from '@kora/protocol';
import { isInstalled, startRedis } from './processes.ts';
import { markdownTable } from './table.ts';
import { zipfTrace } from './zipf-trace.ts';

const { values } = parseArgs({
  options: {
    keys: { type: 'string', default: '400000' },
    budget: { type: 'string', default: '40000' },
    requests: { type: 'string', default: '1500000' },
    rate: { type: 'string', default: '60000' },
    exponent: { type: 'string', default: '0.9' },
    samples: { type: 'string', default: '5' },
    seed: { type: 'string', default: '1' },
  },
});
const budgetKeys = Number(values.budget);
const requestRate = Number(values.rate);
const samples = Number(values.samples);
const trace = zipfTrace({
  keys: Number(values.keys),
  requests: Number(values.requests),
  exponent: Number(values.exponent),
  seed: Number(values.seed),
});
const BATCH = 500;
const FILL_BATCH = 1_000;
const VALUE_BYTES = 64;
const VALUE = 'v'.repeat(VALUE_BYTES);
const TARGET_POINTS = 1;
const keyText = (key: number): string => `key:${String(key).padStart(12, '0')}`;

/** What one run over the trace showed. */
interface RunResult {
  readonly hitRatio: number;
  /** Mean number of keys held during the second half. */
  readonly keysHeld: number;
}

/** A cache the trace can be played on: fetches a batch, then sets what was missing. */
interface CacheUnderTest {
  /** True for each key that is there; notes the accesses. */
  fetch(keys: Int32Array): Promise<boolean[]> | boolean[];
  store(keys: readonly number[]): Promise<void> | void;
  keyCount(): Promise<number> | number;
  /** Waits, or moves the clock, until `requests` are due at the rate. */
  pace(requests: number): Promise<void> | void;
}

async function play(cache: CacheUnderTest): Promise<RunResult> {
  let hits = 0;
  let counted = 0;
  let heldSum = 0;
  let heldCount = 0;
  for (let at = 0; at < trace.length; at += BATCH) {
    const batch = trace.subarray(at, at + BATCH);
    const found = await cache.fetch(batch);
    const missing = new Set<number>();
    found.forEach((isFound, i) => {
      if (!isFound) missing.add(batch[i] ?? 0);
    });
    await cache.store([...missing]);
    if (at >= trace.length / 2) {
      for (const isFound of found) if (isFound) hits++;
      counted += found.length;
      if ((at / BATCH) % 20 === 0) {
        heldSum += await cache.keyCount();
        heldCount++;
      }
    }
    await cache.pace(at + BATCH);
  }
  return { hitRatio: hits / counted, keysHeld: heldSum / heldCount };
}

/** One connection that sends pipelines and collects their replies. */
class RedisConnection {
  readonly #socket: Socket;
  readonly #decoder = new ReplyDecoder(replyValues);
  #replies: RespValue[] = [];
  #wake: () => void = () => undefined;

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.setNoDelay(true);
    this.#socket.on('data', (chunk: Buffer) => {
      this.#replies.push(...this.#decoder.feed(chunk));
      this.#wake();
    });
  }

  async pipeline(requests: readonly (readonly RequestArgument[])[]): Promise<RespValue[]> {
    if (requests.length === 0) return [];
    this.#socket.write(Buffer.concat(requests.map((request) => encodeRequest([...request]))));
    while (this.#replies.length < requests.length) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const replies = this.#replies;
    this.#replies = [];
    return replies;
  }

  async info(field: string): Promise<number> {
    const [text] = await this.pipeline([['INFO', 'memory']]);
    const match = new RegExp(`^${field}:(\\d+)`, 'm').exec(typeof text === 'string' ? text : '');
    return Number(match?.[1] ?? NaN);
  }

  async close(): Promise<void> {
    this.#socket.end();
    await once(this.#socket, 'close');
  }
}

async function runRedis(policy: string): Promise<RunResult> {
  const server = await startRedis(['--maxmemory-samples', String(samples)]);
  const connection = new RedisConnection(server.port);
  for (let key = 0; key < budgetKeys; key += FILL_BATCH) {
    const count = Math.min(FILL_BATCH, budgetKeys - key);
    const sets = Array.from({ length: count }, (_, i) => ['SET', `fill:${key + i + 1e8}`, VALUE]);
    await connection.pipeline(sets);
  }
  const limit = await connection.info('used_memory');
  await connection.pipeline([
    ['CONFIG', 'SET', 'maxmemory', String(limit)],
    ['CONFIG', 'SET', 'maxmemory-policy', policy],
    ['FLUSHALL'],
  ]);
  const startMs = performance.now();
  const result = await play({
    async fetch(keys) {
      const replies = await connection.pipeline(Array.from(keys, (key) => ['GET', keyText(key)]));
      return replies.map((reply) => reply !== null);
    },
    async store(keys) {
      await connection.pipeline(keys.map((key) => ['SET', keyText(key), VALUE]));
    },
    async keyCount() {
      const [count] = await connection.pipeline([['DBSIZE']]);
      return Number(count);
    },
    async pace(requests) {
      const waitMs = startMs + (requests / requestRate) * 1_000 - performance.now();
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    },
  });
  await connection.close();
  await server.stop();
  return result;
}

async function runKora(policy: number, isLfu: boolean, keysHeld: number): Promise<RunResult> {
  const fixture = new KeyspaceFixture({ seed: Number(values.seed) });
  const { shard } = fixture;
  for (let key = 0; key < keysHeld; key++) fixture.set(keyText(key), VALUE_BYTES);
  const limit = shard.usedBytes();
  for (let key = 0; key < keysHeld; key++) fixture.remove(keyText(key));
  shard.settings.maxmemoryBytes = limit;
  shard.settings.maxmemoryPolicy = policy;
  shard.settings.maxmemorySamples = samples;
  shard.keyspace.access.isLfu = isLfu ? 1 : 0;
  return play({
    fetch: (keys) => Array.from(keys, (key) => fixture.touch(keyText(key))),
    store(keys) {
      for (const key of keys) {
        shard.ensureMemory();
        fixture.set(keyText(key), VALUE_BYTES);
      }
    },
    keyCount: () => fixture.database().count,
    pace() {
      fixture.advance((BATCH / requestRate) * 1_000);
    },
  });
}

const policies = [
  { name: 'allkeys-lru', number: EvictionPolicy.AllKeysLru, isLfu: false },
  { name: 'allkeys-lfu', number: EvictionPolicy.AllKeysLfu, isLfu: true },
  { name: 'allkeys-random', number: EvictionPolicy.AllKeysRandom, isLfu: false },
];
const hasRedis = isInstalled('redis-server');
const percent = (ratio: number): string => `${(ratio * 100).toFixed(2)} %`;
const rows: string[][] = [];
let isGood = true;
for (const policy of policies) {
  const redis = hasRedis ? await runRedis(policy.name) : undefined;
  const keysHeld = redis?.keysHeld ?? budgetKeys;
  const kora = await runKora(policy.number, policy.isLfu, keysHeld);
  const points = redis === undefined ? NaN : (kora.hitRatio - redis.hitRatio) * 100;
  if (points < -TARGET_POINTS) isGood = false;
  rows.push([
    policy.name, percent(kora.hitRatio), redis === undefined ? '-' : percent(redis.hitRatio),
    redis === undefined ? '-' : points.toFixed(2), kora.keysHeld.toFixed(0),
    redis === undefined ? '-' : redis.keysHeld.toFixed(0),
  ]);
}
const heads = ['policy', 'Kora', 'redis-server', 'difference, points', 'keys', 'keys of redis'];
process.stdout.write(`${markdownTable(heads, rows)}\n`);
if (!hasRedis) process.stdout.write('redis-server is not installed: no comparison was made\n');
if (!isGood) process.exitCode = 1;
