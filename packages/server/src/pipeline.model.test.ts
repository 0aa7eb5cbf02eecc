/**
 * Random pipelines in random chunks against the plain way of asking: one command at a time on
 * another connection. Values from nothing to several times the receive region, in bulks and inline,
 * on several connections at once; every reply must be the same, and nothing may be left in memory
 * at the end.
 */
import { SeededChance } from '@kora/core';
import { encodeRequest } from '@kora/protocol';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RawClient } from './testing/raw-client.ts';
import { TestServer } from './testing/test-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
});
afterAll(() => server.close());

/** A number in [0, below). */
type Dice = (below: number) => number;

const SIZES = [0, 1, 3, 100, 4000, 65_000, 65_535, 65_536, 70_000, 200_000];

/** One random command on keys that begin with `prefix`. */
function randomCommand(dice: Dice, prefix: string): string[] {
  const key = `${prefix}:${dice(5)}`;
  const other = `${prefix}:${dice(5)}`;
  const size = SIZES[dice(dice(4) === 0 ? SIZES.length : 5)] ?? 0;
  const value = `${dice(1000)}|`.repeat(size).slice(0, size);
  const commands = [
    ['SET', key, value], ['GET', key], ['APPEND', key, value.slice(0, 5000)], ['STRLEN', key],
    ['ECHO', value], ['MSET', key, value, other, 'short'], ['INCR', `${prefix}:n`],
    ['MGET', key, other], ['DEL', key], ['NOSUCH', key.slice(prefix.length)],
    ['GETRANGE', key, '5', '60'], ['PING'], ['SET', key],
  ];
  return commands[dice(commands.length)] ?? ['PING'];
}

/** The bytes of a command: mostly bulks, sometimes inline. */
function bytesOf(dice: Dice, words: readonly string[]): Buffer {
  const isPlain = words.every((word) => /^[\w:|]{1,200}$/.test(word));
  if (isPlain && dice(4) === 0) return Buffer.from(`${words.join(' ')}\r\n`);
  return Buffer.from(encodeRequest(words));
}

/** Sends in chunks of random length, giving the server a turn after some of them. */
async function sendChopped(client: RawClient, bytes: Buffer, dice: Dice): Promise<void> {
  for (let from = 0; from < bytes.length;) {
    const length = 1 + dice([3, 100, 5000, 100_000][dice(4)] ?? 1);
    client.send(bytes.subarray(from, from + length));
    from += length;
    if (dice(3) !== 0) continue;
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}

const SEEDS = [1, 2, 3, 4, 5, 6];
const COMMANDS = 120;

it.each(SEEDS)('replies do not depend on chunks (seed %i)', async (seed) => {
  const chance = new SeededChance(seed);
  const dice: Dice = (below) => (chance.next32() >>> 0) % below;
  const streams = Array.from({ length: 3 }, (_, stream) =>
    Array.from({ length: COMMANDS }, () => randomCommand(dice, `k${stream}`)));
  const wanted: string[][] = [];
  const chunksAtStart = server.room.worker.chunks.alive;
  const plain = await server.connect();
  await plain.call('FLUSHALL');
  for (const commands of streams) {
    const replies: string[] = [];
    for (const words of commands) replies.push(await plain.call(...words));
    wanted.push(replies);
  }
  await plain.call('FLUSHALL');
  const got = await Promise.all(streams.map(async (commands) => {
    const client = await server.connect();
    const bytes = Buffer.concat(commands.map((words) => bytesOf(dice, words)));
    const [replies] = await Promise.all([
      client.replies(COMMANDS), sendChopped(client, bytes, dice),
    ]);
    client.destroy();
    return replies;
  }));
  got.forEach((replies, stream) => {
    replies.forEach((reply, i) => {
      const isSame = reply === wanted[stream]?.[i];
      expect(isSame, `seed ${seed}, stream ${stream}, command ${i}`).toBe(true);
    });
  });
  const { worker } = server.room;
  plain.destroy();
  await server.until(() => worker.sessions.all().length === 0);
  expect(worker.chunks.alive, `seed ${seed}`).toBeLessThanOrEqual(chunksAtStart);
});
