/**
 * Big arguments that come one after another, as from a client that waits for each reply: the head
 * of the next request and the pieces of the argument are then received where they stay. Sizes lie
 * around the borders of pieces, requests are cut at random places, and small ones come in between;
 * what was stored must be what was sent, and no block may be left, also after resets.
 */
import { SeededChance } from '@kora/core';
import { encodeRequest } from '@kora/protocol';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { RawClient } from './testing/raw-client.ts';
import { TestServer } from './testing/test-server.ts';

const PIECE = 65_536;
const SIZES = [
  PIECE - 1, PIECE, PIECE + 1, PIECE + 400, 2 * PIECE - 1, 2 * PIECE, 2 * PIECE + 1, 3 * PIECE + 7,
  100_000, 1_000_000,
];
const ROUNDS = 60;

type Dice = (below: number) => number;

let server: TestServer;
beforeEach(async () => {
  server = await TestServer.start();
});
afterEach(() => server.close());

const diceOf = (seed: number): Dice => {
  const chance = new SeededChance(seed);
  return (below) => (chance.next32() >>> 0) % below;
};

/** Bytes of which every stretch is its own. */
function valueOf(bytes: number, salt: number): Buffer {
  const value = Buffer.alloc(bytes);
  for (let i = 0; i + 4 <= bytes; i += 4) value.writeInt32LE(Math.imul(i + salt, 0x9e3779b1), i);
  return value;
}

/** Sends the bytes in up to four parts, a few turns of the loop between them. */
async function sendInParts(client: RawClient, bytes: Buffer, dice: Dice): Promise<void> {
  const cuts = Array.from({ length: dice(4) }, () =>
    dice(2) === 0 ? dice(bytes.length) : dice(Math.min(700, bytes.length)));
  let from = 0;
  for (const cut of [...cuts.sort((a, b) => a - b), bytes.length]) {
    client.send(bytes.subarray(from, cut));
    from = cut;
    for (let turns = dice(4); turns > 0; turns--) {
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
  }
}

const lowBytes = (): number => server.room.worker.shard.memory.lowAllocator.usedBytes();

it.each([1, 2, 3, 4])('are stored as they were sent (seed %i)', async (seed) => {
  const dice = diceOf(seed);
  const client = await server.connect();
  let lowBefore = 0;
  for (let round = 0; round < ROUNDS; round++) {
    if (round === ROUNDS / 2) {
      // By now an engine has made what it makes when it is first needed.
      await client.call('PING');
      lowBefore = lowBytes();
    }
    const value = valueOf(SIZES[dice(SIZES.length)] ?? 0, round);
    const label = `seed ${seed}, round ${round}, ${value.length} bytes`;
    await Promise.all([
      client.reply().then((reply) => {
        expect(reply, label).toBe('+OK');
      }),
      sendInParts(client, Buffer.from(encodeRequest(['SET', 'key', value])), dice),
    ]);
    if (dice(3) !== 0) continue;
    const stored = await client.call('GET', 'key');
    expect(stored === JSON.stringify(value.toString('latin1')), label).toBe(true);
  }
  await client.call('PING');
  const { worker } = server.room;
  expect(worker.sessions.all().map(({ headRef }) => headRef)).toEqual([0]);
  expect(lowBytes(), `seed ${seed}`).toBe(lowBefore);
});

it('leave nothing behind when the peer resets at any point', async () => {
  const dice = diceOf(7);
  const watch = await server.connect();
  await watch.call('PING');
  const { worker } = server.room;
  const lowBefore = lowBytes();
  const usedBefore = worker.shard.usedBytes();
  for (let round = 0; round < ROUNDS; round++) {
    const client = await server.connect();
    const bytes = Buffer.from(encodeRequest(['SET', 'key', valueOf(2 * PIECE, round)]));
    await Promise.all([client.reply(), sendInParts(client, bytes, dice)]);
    await sendInParts(client, bytes.subarray(0, dice(bytes.length)), dice);
    client.socket.resetAndDestroy();
  }
  await server.until(() => worker.sessions.all().length === 1);
  await watch.call('DEL', 'key');
  expect(lowBytes()).toBe(lowBefore);
  expect(worker.shard.usedBytes()).toBeLessThan(usedBefore + 65_536);
});
