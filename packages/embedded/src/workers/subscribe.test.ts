/**
 * Channels of an engine whose data lives on workers: any connection's messages reach any
 * subscription once it is ready, in order and counted; readers that fall behind; ends.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { open } from '../async-kora.ts';
import type { AsyncKora } from '../async-kora.ts';

let db: AsyncKora;
beforeAll(async () => {
  db = await open({ workers: 2 });
});
afterAll(() => db.close());

describe('a database of workers', () => {
  it('delivers to subscriptions on any worker, in order, and counts', async () => {
    const names = ['a', 'b', 'c', 'd', 'h\u00e9'];
    const subscriptions = names.map((name) => db.subscribe(name));
    const all = db.subscribe('*', { isPattern: true });
    await Promise.all([...subscriptions, all].map(({ ready }) => ready));
    const counts: Promise<number>[] = [];
    for (let i = 0; i < 100; i++) {
      for (const name of names) counts.push(db.publish(name, `${name} ${i}`));
    }
    expect(new Set(await Promise.all(counts))).toEqual(new Set([2]));
    for (const [n, subscription] of subscriptions.entries()) {
      let next = 0;
      for await (const { channel, pattern, text } of subscription) {
        expect([channel, pattern, text]).toEqual([names[n], null, `${names[n]} ${next}`]);
        next++;
        if (next === 100) break;
      }
    }
    for (let i = 0; i < 500; i++) expect((await all.next()).value?.pattern).toBe('*');
    all.close();
    await expect.poll(() => db.call('PUBSUB', 'CHANNELS')).toEqual([]);
    await expect.poll(() => db.call('PUBSUB', 'NUMPAT')).toBe(0);
  });

  it('carries bytes of any value and size', async () => {
    const subscription = db.subscribe([Uint8Array.of(0, 255), 'other']);
    await subscription.ready;
    const payload = new Uint8Array(1_500_000).map((_, i) => i % 253);
    expect(await db.publish(Uint8Array.of(0, 255), payload)).toBe(1);
    const { value } = await subscription.next();
    expect(value?.channelBytes).toEqual(Uint8Array.of(0, 255));
    expect(Buffer.compare(value?.bytes ?? Buffer.alloc(0), payload)).toBe(0);
    subscription.close();
  });

  it('ends with the signal and with break, and tells the workers', async () => {
    const controller = new AbortController();
    const subscription = db.subscribe('s', { signal: controller.signal, isSharded: true });
    await subscription.ready;
    expect(await db.call('SPUBLISH', 's', 'x')).toBe(1);
    for await (const { text } of subscription) {
      expect(text).toBe('x');
      controller.abort();
    }
    await expect.poll(() => db.call('PUBSUB', 'SHARDCHANNELS')).toEqual([]);
    expect(db.subscribe('s', { signal: AbortSignal.abort() }).isOpen).toBe(false);
  });

  it('tells a reader that falls behind, after what it has got', async () => {
    const subscription = db.subscribe('slow', { queuedMessagesMax: 10 });
    await subscription.ready;
    for (let i = 0; i < 20; i++) await db.publish('slow', String(i));
    const texts: string[] = [];
    const loop = (async () => {
      for await (const { text } of subscription) texts.push(text);
    })();
    await expect(loop).rejects.toMatchObject({ code: 'SUBSCRIBER_SLOW' });
    expect(texts).toEqual(Array.from({ length: 10 }, (_, i) => String(i)));
  });

  it('refuses to subscribe by a call, and the connection goes on', async () => {
    await expect(db.call('SUBSCRIBE', 'a', 'b'))
      .rejects.toThrow("ERR SUBSCRIBE isn't allowed for a DENY BLOCKING client");
    expect(await db.call('PING')).toBe('PONG');
  });

  it('ends all subscriptions when it closes', async () => {
    const other = await open({ workers: 1 });
    const subscription = other.subscribe('a');
    await subscription.ready;
    await other.publish('a', 'last');
    await other.close();
    const texts: string[] = [];
    for await (const { text } of subscription) texts.push(text);
    expect(texts).toEqual(['last']);
    expect(() => other.subscribe('a')).toThrow(expect.objectContaining({ code: 'ENGINE_CLOSED' }));
  });
});
