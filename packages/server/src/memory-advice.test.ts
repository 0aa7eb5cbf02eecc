/**
 * The option that lets the system know about memory: on Linux resident memory falls after the data
 * is gone, at once by MEMORY PURGE and by itself in the background, and the data that comes after
 * is whole; where it cannot be had the server refuses to start and says why.
 */
import { Fault } from '@kora/core';
import { describe, expect, it } from 'vitest';
import { createServer } from './server.ts';
import type { RawClient } from './testing/raw-client.ts';
import { TestServer } from './testing/test-server.ts';

const MIB = 1024 * 1024;
const VALUE_BYTES = 8 * MIB;
const KEYS = 16;
const LIMIT_MS = 30_000;

async function start(memoryAdvice: 'give-back' | 'all'): Promise<TestServer | null> {
  if (process.platform === 'linux') return TestServer.start({}, { memoryAdvice });
  const refusal = TestServer.start({}, { memoryAdvice });
  await expect(refusal).rejects.toMatchObject({ code: 'ADVICE_UNAVAILABLE' });
  return null;
}

async function fill(client: RawClient): Promise<void> {
  for (let i = 0; i < KEYS; i++) {
    const last = String(VALUE_BYTES - 1);
    expect(await client.call('SETRANGE', `k${i}`, last, 'x')).toBe(`:${VALUE_BYTES}`);
  }
}

describe('memory advice', () => {
  it('MEMORY PURGE gives free memory back, and new data is whole', async () => {
    const server = await start('give-back');
    if (server === null) return;
    const client = await server.connect();
    await fill(client);
    const full = process.memoryUsage.rss();
    await client.call('FLUSHALL', 'SYNC');
    expect(await client.call('MEMORY', 'PURGE')).toBe('+OK');
    expect(full - process.memoryUsage.rss()).toBeGreaterThan((KEYS * VALUE_BYTES) / 2);
    await fill(client);
    expect(await client.call('GETRANGE', 'k3', '-2', '-1')).toBe(String.raw`"\u0000x"`);
    await server.close();
  }, LIMIT_MS);

  it('gives it back by itself when it was free for a while', async () => {
    const server = await start('all');
    if (server === null) return;
    const client = await server.connect();
    await fill(client);
    const full = process.memoryUsage.rss();
    await client.call('FLUSHALL');
    const { giveBack } = server.room.composed.shard.maintenance;
    const most = (KEYS * VALUE_BYTES) / 2;
    await server.until(() => giveBack.offeredBytes > most);
    await server.until(() => full - process.memoryUsage.rss() > most);
    await server.close();
  }, LIMIT_MS);

  it('is refused when it is no word it knows', () => {
    const options: object = { memoryAdvice: 'some' };
    expect(() => createServer(options)).toThrow(Fault);
    expect(() => createServer(options)).toThrow(/memoryAdvice is some; allowed: off, huge-pages/);
  });
});
