/**
 * CONFIG against a real redis-server 7.0: the same names, the same defaults, and for a table of
 * hostile values the same error text and the same value afterwards. What differs on purpose is
 * named here, with the reason.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisServer } from '../../reference/redis-server.ts';
import { Settings } from './settings.ts';

/**
 * Settings whose value depends on how a server is started, or that Kora starts with another value.
 */
const OWN_VALUE: Readonly<Record<string, string>> = {
  dir: 'the working directory of the process',
  port: 'the test server listens on a port of its own',
  bind: 'the test server listens on 127.0.0.1',
  save: 'Kora needs no rule: every change is logged',
};

/** Settings that are Kora's own. */
const OWN_NAMES: ReadonlySet<string> = new Set([
  'cluster-ports', 'pipeline-order', 'snapshot-retain', 'vector-threads', 'wal-max-bytes',
]);

let redis: RedisServer;
beforeAll(async () => {
  // A unix socket would be a setting that has not its default.
  redis = await RedisServer.start({ isOnTcp: true });
});
afterAll(() => redis.stop());

/** The reply of the reference to CONFIG SET as text; an error is its text. */
async function set(...words: readonly string[]): Promise<string> {
  const [reply] = await redis.ask([['CONFIG', 'SET', ...words]]);
  return reply !== undefined && 'text' in reply ? reply.text : '';
}

async function values(pattern: string): Promise<Map<string, string>> {
  const [reply] = await redis.ask([['CONFIG', 'GET', pattern]]);
  const items = reply !== undefined && 'items' in reply ? reply.items : [];
  const words = items.map((item) => ('text' in item ? item.text : ''));
  const found = new Map<string, string>();
  for (let i = 0; i + 1 < words.length; i += 2) found.set(words[i] ?? '', words[i + 1] ?? '');
  return found;
}

/** Pairs given to CONFIG SET in one call. */
const HOSTILE: readonly (readonly string[])[] = [
  ['maxmemory', 'abc'], ['maxmemory', '-1'], ['maxmemory', '1k'], ['maxmemory', '1Kb'],
  ['maxmemory', '1 kb'], ['maxmemory', ''], ['maxmemory', 'kb'], ['maxmemory', '1.5mb'],
  ['maxmemory', '1tb'], ['maxmemory', '007'], ['maxmemory', '18446744073709551616'],
  ['maxmemory', '0'], ['MaxMemory', 'zzz'], ['maxmemory', '1', 'maxmemory', '2'],
  ['maxmemory', '1', 'MAXMEMORY', '2'], ['maxmemory', '1', 'databases', '4'],
  ['databases', '4'], ['databases', '4', 'nosuch', '1'], ['nosuch', '1', 'maxmemory', 'abc'],
  ['maxmemory', 'abc', 'nosuch', '1'], ['', 'x'], ['no such', 'y'],
  ['hash-max-listpack-entries', '10', 'maxmemory-policy', 'bogus'],
  ['hash-max-listpack-entries', '1', 'hash-max-ziplist-entries', '2'],
  ['hash-max-ziplist-entries', '-1'], ['hash-max-listpack-entries', '512'],
  ['hash-max-listpack-value', '-1'], ['hash-max-listpack-value', '9223372036854775808'],
  ['hash-max-listpack-value', '64'],
  ['maxmemory-policy', 'VOLATILE-LRU'], ['maxmemory-policy', ''],
  ['maxmemory-policy', 'noeviction'],
  ['maxmemory-samples', '0'], ['maxmemory-samples', '1'], ['maxmemory-samples', '5'],
  ['maxmemory-clients', '10%'], ['maxmemory-clients', '101%'], ['maxmemory-clients', '-1%'],
  ['maxmemory-clients', '0%'], ['maxmemory-clients', '05%'], ['maxmemory-clients', '%'],
  ['maxmemory-clients', '5kb'], ['maxmemory-clients', '-5'], ['maxmemory-clients', '0'],
  ['timeout', '+5'], ['timeout', ' 5'], ['timeout', '5 '], ['timeout', '05'], ['timeout', '5.0'],
  ['timeout', ''], ['timeout', '-0'], ['timeout', '-1'], ['timeout', '2147483648'],
  ['timeout', '2147483647'], ['timeout', '0'],
  ['activerehashing', 'YES'], ['activerehashing', '1'], ['activerehashing', ''],
  ['proto-max-bulk-len', '0'], ['proto-max-bulk-len', '1mb'],
  ['proto-max-bulk-len', '9223372036854775808'], ['proto-max-bulk-len', '512mb'],
  ['client-query-buffer-limit', '1023kb'], ['client-query-buffer-limit', '1gb'],
  ['save', '900 1'], ['save', '900 1 '], ['save', ' 900 1'], ['save', '900 1 300'],
  ['save', '0 1'], ['save', '1 0'], ['save', '1 -1'], ['save', '900 x'], ['save', ' '],
  ['save', '900 1 300 10'], ['save', ''],
  ['notify-keyspace-events', 'KEA'], ['notify-keyspace-events', 'xKE'],
  ['notify-keyspace-events', 'Kg$lshzxet'], ['notify-keyspace-events', 'Kg$lshzxetd'],
  ['notify-keyspace-events', 'nm'], ['notify-keyspace-events', 'KEAmn'],
  ['notify-keyspace-events', 'mnK'], ['notify-keyspace-events', 'dtn'],
  ['notify-keyspace-events', 'q'], ['notify-keyspace-events', 'K E'],
  ['notify-keyspace-events', ''],
  ['client-output-buffer-limit', 'normal 1mb 2mb 3'],
  ['client-output-buffer-limit', 'normal 1 1 1 pubsub 2 2 2'],
  ['client-output-buffer-limit', 'replica 1 1 1'], ['client-output-buffer-limit', 'normal 1 1'],
  ['client-output-buffer-limit', 'foo 1 1 1'], ['client-output-buffer-limit', 'normal a 1 1'],
  ['client-output-buffer-limit', 'normal 1 1 -1'], ['client-output-buffer-limit', ''],
  ['client-output-buffer-limit', 'normal 1 1 1 normal 2 2 2'],
  ['client-output-buffer-limit', 'master 1 1 1'], ['client-output-buffer-limit', 'NORMAL 0 0 0'],
  ['oom-score-adj-values', '1 2'], ['oom-score-adj-values', '2001 0 0'],
  ['oom-score-adj-values', 'a b c'], ['oom-score-adj-values', '-2000 0 2000'],
  ['latency-tracking-info-percentiles', '50 99.5'], ['latency-tracking-info-percentiles', '101'],
  ['latency-tracking-info-percentiles', 'a'], ['latency-tracking-info-percentiles', ''],
  ['shutdown-on-sigterm', 'nosave now'], ['shutdown-on-sigterm', 'save nosave'],
  ['shutdown-on-sigterm', 'default save'], ['shutdown-on-sigterm', ''],
  ['shutdown-on-sigterm', 'FORCE'], ['shutdown-on-sigterm', 'x'], ['shutdown-on-sigint', 'default'],
  ['proc-title-template', '{foo}'], ['proc-title-template', ''],
  ['proc-title-template', '{title}'], ['proc-title-template', '{title}x'],
  ['cluster-announce-hostname', 'a_b'], ['cluster-announce-hostname', 'a-b.c'],
  ['port', '65536'], ['port', '-1'], ['maxclients', '0'], ['tcp-keepalive', '-1'],
  ['dir', '/'], ['dbfilename', 'x'], ['unixsocketperm', '700'], ['requirepass', ''],
  ['loglevel', 'DEBUG'], ['loglevel', 'trace'], ['lfu-log-factor', '-1'], ['lfu-decay-time', '0'],
  ['slowlog-log-slower-than', '-2'], ['list-max-listpack-size', '-2147483649'],
  ['active-expire-effort', '11'], ['repl-timeout', '0'], ['min-slaves-max-lag', '-1'],
];

describe('CONFIG as the reference has it', () => {
  it('knows the same names', async () => {
    const all = new Settings().match(['*']).map(({ name }) => name);
    const ours = all.filter((name) => !OWN_NAMES.has(name));
    expect(all).toHaveLength(ours.length + OWN_NAMES.size);
    expect([...ours].sort()).toEqual([...(await values('*')).keys()].sort());
  });

  it('starts with the same values', async () => {
    const settings = new Settings();
    for (const [name, text] of await values('*')) {
      if (OWN_VALUE[name] !== undefined) continue;
      expect(`${name} ${settings.text(name)}`).toBe(`${name} ${text}`);
    }
  });

  it('refuses and accepts the same values', async () => {
    const settings = new Settings();
    for (const words of HOSTILE) {
      const pairs: [string, string][] = [];
      for (let i = 0; i < words.length; i += 2) pairs.push([words[i] ?? '', words[i + 1] ?? '']);
      const theirs = await set(...words);
      const ours = settings.change(pairs)?.text ?? 'OK';
      expect(`${words.join(' ')}: ${ours}`).toBe(`${words.join(' ')}: ${theirs}`);
      for (const [name] of pairs) {
        if (settings.find(name) === undefined || OWN_VALUE[name] !== undefined) continue;
        expect(`${name} ${settings.text(name)}`).toBe(
          `${name} ${(await values(name)).get(name) ?? ''}`,
        );
      }
    }
  });
});
