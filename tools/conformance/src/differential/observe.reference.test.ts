/**
 * MONITOR and SLOWLOG judged by redis-server: the same random requests on both, with errors,
 * transactions, passwords and any bytes among them; a monitor has to see the same lines but for
 * time and address, and a slow log of everything has to have the same words.
 * With several workers transactions stay on one worker, for only one has an order for its entries.
 * Needs redis-server 7.0.15 on the PATH, and the build.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  KORA_CORPUS_FLAGS, REFERENCE_CORPUS_FLAGS, startKora, startReference, type RunningServer,
} from '../server-process.ts';
import { Choices } from './choices.ts';
import { openRaw, type RawConnection } from './raw-connection.ts';

const GROUPS = 300;
/** Groups of requests sent together. */
const TOGETHER_MAX = 6;
/** Nothing more comes after so long. */
const SILENCE_MS = 400;
const KEYS = ['a', 'b', 'c{x}', 'd{x}', 'e\xff\x00', 'f "q"'];
const TEXTS = ['1', 'value', '', '\x00\x01\x07\x08\t\n\r\x1b\x7f\x80\xff', '"\\', 'y'.repeat(300)];

type Request = readonly string[];

/** Requests of one connection in groups that leave no MULTI open, the same for the same seed. */
function groupsOf(seed: number, keys: readonly string[]): (readonly Request[])[] {
  const choices = new Choices(seed);
  const key = (): string => choices.of(keys);
  const text = (): string => choices.of(TEXTS);
  const made: (readonly Request[])[] = [];
  while (made.length < GROUPS) {
    made.push(choices.of<() => readonly Request[]>([
      () => [['SET', key(), text()]], () => [['get', key()]], () => [['INCR', key()]],
      () => [['LPUSH', key(), text(), text()]], () => [['LRANGE', key(), '0', '-1']],
      () => [['MSET', key(), text(), key(), text()]], () => [['DEL', key(), key()]],
      () => [['HSET', key(), text(), text()]], () => [['SELECT', choices.of(['0', '3', '99'])]],
      () => [['GET']], () => [['NOSUCH', 'x']], () => [['SET', key(), text(), 'BAD']],
      () => [['PING']], () => [['ECHO', text()]], () => [['AUTH', 'user', 'word']],
      () => [['HELLO', '2', 'AUTH', 'user', 'word']], () => [['CLIENT', 'SETNAME', 'n']],
      () => [['CONFIG', 'GET', 'maxclients']], () => [['DBSIZE']], () => [['WATCH', key()]],
      () => [['UNWATCH']], () => [['EXEC']], () => [['TYPE', key()]],
      () => [['SADD', key(), ...Array.from({ length: 40 }, (_, i) => `m${i}`)]],
      () => [['MULTI'], ['SET', key(), text()], ['GET'], ['EXEC']],
      () => [['MULTI'], ['INCR', key()], ['SELECT', '2'], ['LPUSH', key(), 'x'], ['EXEC']],
      () => [['MULTI'], ['SET', key(), text()], ['DISCARD']],
    ])());
  }
  return made;
}

/** Sends all requests, some together, and waits for the last reply. */
async function play(
  connection: RawConnection, seed: number, groups: readonly (readonly Request[])[],
): Promise<void> {
  const choices = new Choices(seed + 1);
  for (let from = 0; from < groups.length;) {
    const count = choices.below(TOGETHER_MAX) + 1;
    const word = `end${from}`;
    connection.send([...groups.slice(from, from + count).flat(), ['ECHO', word]]);
    const { ending } = await connection.until(`$${word.length}\r\n${word}\r\n`, 5000);
    expect(ending, `after ${from} groups, seed ${seed}`).toBe('complete');
    from += count;
  }
}

/** Lines of a monitor without times and addresses. */
async function linesOf(monitor: RawConnection): Promise<string[]> {
  const { replies } = await monitor.until('', SILENCE_MS);
  const head = /^\+\d+\.\d{6} \[(\d+) [^\]]*\]/;
  return replies.map((line) => line.replace(head, '+TIME [$1 ADDRESS]'));
}

async function monitored(server: RunningServer, seed: number): Promise<string[]> {
  const monitor = await openRaw(server);
  const client = await openRaw(server);
  monitor.send([['MONITOR']]);
  await monitor.until('+OK\r\n', 5000);
  client.send([['FLUSHALL']]);
  await client.until('+OK\r\n', 5000);
  await play(client, seed, groupsOf(seed, KEYS));
  const lines = await linesOf(monitor);
  monitor.close();
  client.close();
  return lines;
}

/** Words of the slow log, oldest first, one text an entry. */
async function slowWords(server: RunningServer, seed: number): Promise<string[]> {
  const client = await openRaw(server);
  client.send([
    ['CONFIG', 'SET', 'slowlog-log-slower-than', '0', 'slowlog-max-len', '100000'],
    ['FLUSHALL'], ['SLOWLOG', 'RESET'], ['ECHO', 'begun'],
  ]);
  await client.until('$5\r\nbegun\r\n', 5000);
  // One worker runs all of these, so that entries have one order.
  await play(client, seed, groupsOf(seed, KEYS.map((key) => `{t}${key}`)));
  client.send([['CONFIG', 'SET', 'slowlog-log-slower-than', '-1'], ['SLOWLOG', 'GET', '-1']]);
  const { replies } = await client.until('', SILENCE_MS);
  client.close();
  const log = replies.at(-1) ?? '';
  return log.split(/\*6\r\n:\d+\r\n:\d+\r\n:\d+\r\n/).slice(1).map((entry) =>
    entry.replace(/\$\d+\r\n127\.0\.0\.1:\d+\r\n\$\d+\r\n\w*\r\n$/, '')).reverse();
}

/** Odd requests whose replies have to be the same, byte for byte. */
const ODD: readonly string[] = [
  'CONFIG SET slowlog-max-len 128 slowlog-log-slower-than 10000', 'SLOWLOG RESET',
  'SLOWLOG', 'SLOWLOG GET 1 2', 'SLOWLOG GET -5', 'SLOWLOG GET 1.5', 'SLOWLOG GET +1',
  'SLOWLOG GET 9223372036854775808', 'SLOWLOG GET 4294967296', 'SLOWLOG GET 00', 'SLOWLOG LEN x',
  'SLOWLOG RESET x', 'SLOWLOG NOSUCH', 'LATENCY', 'LATENCY HISTORY', 'LATENCY HISTORY a b',
  'LATENCY LATEST x', 'LATENCY RESET a b', 'LATENCY HISTOGRAM nosuch', 'LATENCY GRAPH nosuch',
  'LATENCY DOCTOR x', 'LATENCY NOSUCH', 'MONITOR x', 'CONFIG SET slowlog-log-slower-than -2',
  'CONFIG SET slowlog-max-len -1', 'CONFIG SET latency-monitor-threshold -1',
  'CONFIG SET latency-tracking maybe', 'CONFIG GET slowlog-max-len', 'CONFIG GET latency-tracking',
];

async function repliesTo(server: RunningServer, lines: readonly string[]): Promise<string[]> {
  const client = await openRaw(server);
  client.send([...lines.map((line) => line.split(' ')), ['ECHO', 'over']]);
  const { replies } = await client.until('$4\r\nover\r\n', 5000);
  client.close();
  return replies.map((reply, i) => `${lines[i] ?? ''} -> ${reply}`);
}

let reference: RunningServer | undefined;
beforeAll(async () => {
  reference = await startReference(REFERENCE_CORPUS_FLAGS);
});
afterAll(() => reference?.stop());

describe.each([1, 3])('%i workers', (workers) => {
  let kora: RunningServer | undefined;
  beforeAll(async () => {
    kora = await startKora([...KORA_CORPUS_FLAGS, '--workers', String(workers)]);
  });
  afterAll(() => kora?.stop());

  it('answer odd requests the same', async () => {
    expect(await repliesTo(kora!, ODD)).toEqual(await repliesTo(reference!, ODD));
  });
  it.each([71, 72, 73])('show a monitor the same, seed %i', { timeout: 20_000 }, async (seed) => {
    const wanted = await monitored(reference!, seed);
    expect(wanted.length).toBeGreaterThan(GROUPS / 2);
    expect(await monitored(kora!, seed), `seed ${seed}`).toEqual(wanted);
  });
  it.each([81, 82])('have the same slow log, seed %i', { timeout: 20_000 }, async (seed) => {
    const wanted = await slowWords(reference!, seed);
    expect(wanted.length).toBeGreaterThan(GROUPS / 2);
    const found = await slowWords(kora!, seed);
    // Entries of the connection's worker and of the keys' have an order among their own alone.
    if (workers === 1) {
      expect(found, `seed ${seed}`).toEqual(wanted);
      return;
    }
    // Watches of another worker's keys are no calls there; of all shards each has an entry.
    const isAlike = (entry: string): boolean => !/WATCH|DBSIZE/.test(entry);
    const alike = found.filter(isAlike).sort();
    expect(alike, `seed ${seed}`).toEqual(wanted.filter(isAlike).sort());
  });
});
