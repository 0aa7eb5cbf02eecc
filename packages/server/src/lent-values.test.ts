/**
 * Values of 64 KiB and more on their way to a peer that does not read: whatever happens to their
 * keys meanwhile, the peer reads what was there when it asked; what is lent counts as unread
 * output and as used memory, takes no reply chunks, and is free when the peer has read or is gone.
 */
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Session } from './session.ts';
import type { RawClient } from './testing/raw-client.ts';
import { TestServer } from './testing/test-server.ts';

const BYTES = 20_000_000;

let server: TestServer;
let admin: RawClient;
beforeEach(async () => {
  server = await TestServer.start();
  admin = await server.connect();
});
afterEach(() => server.close());

async function sessionOf(client: RawClient): Promise<Session> {
  const id = Number((await client.call('CLIENT', 'ID')).slice(1));
  const session = server.room.worker.sessions.byId(id);
  if (session === undefined) throw new Error('no session');
  return session;
}

/** A value in which every stretch of it is its own. */
function valueOf(bytes: number): Buffer {
  const value = Buffer.alloc(bytes);
  for (let i = 0; i + 4 <= bytes; i += 4) value.writeUInt32LE(i, i);
  return value;
}

/** A client that asked for `key` and holds most of it unread. */
async function slowReader(key: string): Promise<{ client: RawClient; session: Session }> {
  const client = await server.connect();
  const session = await sessionOf(client);
  client.socket.pause();
  client.send(`GET ${key}\r\n`);
  await server.until(() => session.outputBytes > BYTES / 4);
  return { client, session };
}

const quoted = (value: Buffer): string => JSON.stringify(value.toString('latin1'));
const ropes = (): { pinCount: number; droppedBytes: number } => server.room.worker.shard.ropes;

it.each([
  ['overwritten', ['SET', 'key', 'short'], ['GET', 'key'], '"short"'],
  ['unlinked', ['UNLINK', 'key'], ['EXISTS', 'key'], ':0'],
  ['flushed', ['FLUSHALL'], ['EXISTS', 'key'], ':0'],
  ['patched', ['SETRANGE', 'key', '10000000', 'patch'],
    ['GETRANGE', 'key', '10000000', '10000004'], '"patch"'],
  ['grown', ['APPEND', 'key', 'tail'], ['GETRANGE', 'key', '-4', '-1'], '"tail"'],
])('are read as they were when their key is %s meanwhile', async (_name, change, look, seen) => {
  const value = valueOf(BYTES);
  await admin.call('SET', 'key', value);
  const { client } = await slowReader('key');
  expect(ropes().pinCount).toBeGreaterThan(0);
  await admin.call(...change);
  expect(await admin.call(...look)).toBe(seen);
  client.socket.resume();
  expect((await client.reply()) === quoted(value)).toBe(true);
  await server.until(() => ropes().pinCount === 0);
  expect(ropes().droppedBytes).toBe(0);
});

it('take no reply chunks, whoever asks how often', async () => {
  await admin.call('SET', 'key', valueOf(BYTES));
  const before = server.room.worker.chunks.alive;
  const usedBefore = server.room.worker.shard.usedBytes();
  const readers = [];
  for (let i = 0; i < 10; i++) readers.push(await slowReader('key'));
  expect(server.room.worker.chunks.alive).toBeLessThanOrEqual(before + 2);
  expect(server.room.worker.shard.usedBytes() - usedBefore).toBeLessThan(1_000_000);
  for (const { session } of readers) expect(session.memoryBytes).toBeGreaterThan(BYTES / 4);
  for (const { client } of readers) client.socket.resetAndDestroy();
  await server.until(() => ropes().pinCount === 0);
});

it('count as used memory after their key is gone, until the peer is gone too', async () => {
  await admin.call('SET', 'key', valueOf(BYTES));
  const { client } = await slowReader('key');
  await admin.call('DEL', 'key');
  expect(ropes().droppedBytes).toBeGreaterThanOrEqual(BYTES);
  expect(server.room.worker.shard.usedBytes()).toBeGreaterThan(BYTES);
  client.socket.resetAndDestroy();
  await server.until(() => ropes().droppedBytes === 0);
  expect(server.room.worker.shard.usedBytes()).toBeLessThan(BYTES);
});

it('count for the limits on unread output', async () => {
  await admin.call('SET', 'key', valueOf(BYTES));
  await admin.call('CONFIG', 'SET', 'client-output-buffer-limit', 'normal 1000000 0 0');
  const client = await server.connect();
  client.socket.pause();
  client.send('GET key\r\n');
  const { worker } = server.room;
  await server.until(() => server.log.some((line) => line.includes('client-output-buffer-limit')));
  await server.until(() => worker.sessions.count === 1 && ropes().pinCount === 0);
  expect(await admin.call('STRLEN', 'key')).toBe(`:${BYTES}`);
});

it('arrive whole in pipelines of both protocols', async () => {
  const value = valueOf(300_001);
  const client = await server.connect();
  await client.call('SET', 'key', value);
  const text = quoted(value);
  for (const resp of ['2', '3']) {
    await client.call('HELLO', resp);
    client.send('PING\r\nGET key\r\nMGET key nosuch key\r\nGETRANGE key 1 200000\r\nPING\r\n');
    const replies = await client.replies(5);
    expect(replies[0]).toBe('+PONG');
    expect(replies[1] === text).toBe(true);
    expect(replies[2] === `[${text}, _, ${text}]`).toBe(true);
    expect(replies[3] === quoted(value.subarray(1, 200_001))).toBe(true);
    expect(replies[4]).toBe('+PONG');
  }
});
