/**
 * Channels of an engine in the program's thread: what is published reaches subscriptions, by the
 * typed methods and by commands; ends of subscriptions and of the database.
 */
import { describe, expect, it } from 'vitest';
import { open } from './async-kora.ts';
import { openSync } from './kora.ts';

describe('a database of this thread', () => {
  it('delivers to subscriptions, and counts', async () => {
    const db = openSync();
    const subscription = db.subscribe(['news', 'sport']);
    const pattern = db.subscribe('n*', { isPattern: true });
    expect(db.publish('news', 'one')).toBe(2);
    expect(db.call('PUBLISH', 'sport', Uint8Array.of(0, 255))).toBe(1);
    expect(db.publish('other', '')).toBe(0);
    expect(db.call('PUBSUB', 'CHANNELS')).toEqual(['news', 'sport']);
    expect(db.call('PUBSUB', 'NUMSUB', 'news')).toEqual(['news', 1]);
    expect(db.call('PUBSUB', 'NUMPAT')).toBe(1);
    const seen: string[] = [];
    for await (const message of subscription) {
      seen.push(`${message.channel}:${[...message.bytes].join(',')}`);
      if (seen.length === 2) break;
    }
    expect(seen).toEqual(['news:111,110,101', 'sport:0,255']);
    const { value } = await pattern.next();
    expect([value?.pattern, value?.channel, value?.text]).toEqual(['n*', 'news', 'one']);
    expect(db.publish('sport', '')).toBe(0);
    db.close();
    expect(await pattern.next()).toEqual({ done: true, value: undefined });
    expect(() => db.subscribe('a')).toThrow(expect.objectContaining({ code: 'ENGINE_CLOSED' }));
  });

  it('runs nothing of the program within a command', async () => {
    const db = openSync();
    const order: string[] = [];
    const subscription = db.subscribe('a');
    const loop = (async () => {
      for await (const { text } of subscription) {
        order.push(text);
        if (text === 'two') return;
        db.publish('a', 'two');
      }
    })();
    db.call('MULTI');
    db.call('PUBLISH', 'a', 'one');
    db.call('SET', 'k', 'v');
    expect(db.call('EXEC')).toEqual([1, 'OK']);
    order.push('exec');
    await loop;
    expect(order).toEqual(['exec', 'one', 'two']);
    db.close();
  });

  it('carries payloads of any size', async () => {
    const db = openSync();
    const subscription = db.subscribe('big');
    const payload = new Uint8Array(5_000_000).map((_, i) => i % 251);
    expect(db.publish('big', payload)).toBe(1);
    const { value } = await subscription.next();
    expect(Buffer.compare(value?.bytes ?? Buffer.alloc(0), payload)).toBe(0);
    db.close();
  });

  it('tells of changes of keys', async () => {
    const db = openSync({ settings: { 'notify-keyspace-events': 'KEA' } });
    const subscription = db.subscribe('__key*__:*', { isPattern: true });
    db.set('k', 'v');
    db.call('DEL', 'k');
    const told: string[] = [];
    for await (const { channel, text } of subscription) {
      told.push(`${channel} ${text}`);
      if (told.length === 4) break;
    }
    expect(told).toEqual([
      '__keyspace@0__:k set', '__keyevent@0__:set k', '__keyspace@0__:k del',
      '__keyevent@0__:del k',
    ]);
    db.close();
  });

  it('has sharded channels of their own', async () => {
    const db = openSync();
    const subscription = db.subscribe('a', { isSharded: true });
    expect(db.publish('a', 'no')).toBe(0);
    expect(db.call('SPUBLISH', 'a', 'yes')).toBe(1);
    expect((await subscription.next()).value?.text).toBe('yes');
    db.close();
  });

  it('refuses to subscribe by a call, which has but one reply', () => {
    const db = openSync();
    for (const word of ['SUBSCRIBE', 'psubscribe', 'UNSUBSCRIBE']) {
      expect(() => db.call(word, 'a'))
        .toThrow(`ERR ${word.toUpperCase()} isn't allowed for a DENY BLOCKING client`);
    }
    db.close();
  });
});

describe('open()', () => {
  it('delivers, and ends with the signal', async () => {
    await using db = await open();
    const controller = new AbortController();
    const texts: string[] = [];
    const subscription = db.subscribe('a', { signal: controller.signal });
    await subscription.ready;
    const loop = (async () => {
      for await (const { text } of subscription) {
        texts.push(text);
        if (text === 'last') controller.abort();
      }
    })();
    expect(await db.publish('a', 'first')).toBe(1);
    await db.publish('a', 'last');
    await loop;
    expect(texts).toEqual(['first', 'last']);
    expect(await db.publish('a', 'more')).toBe(0);
  });
});
