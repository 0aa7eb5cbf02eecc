/**
 * Messages as a sequence: order, the ways to end it, and what becomes of a reader that falls
 * behind.
 */
import { describe, expect, it } from 'vitest';
import { Broker } from './broker.ts';
import type { Subscription } from './subscription.ts';

async function textsOf(subscription: Subscription): Promise<string[]> {
  const texts: string[] = [];
  for await (const { text } of subscription) texts.push(text);
  return texts;
}

describe('a subscription', () => {
  it('gives what was published since, in order, also before it is read', async () => {
    const broker = new Broker();
    broker.publish('a', 'early');
    const subscription = broker.subscribe(['a', 'b']);
    await subscription.ready;
    expect(broker.publish('a', '1')).toBe(1);
    broker.publish('b', '2');
    expect(subscription.queuedCount).toBe(2);
    const read: string[] = [];
    for await (const message of subscription) {
      read.push(`${message.channel} ${message.text}`);
      if (message.text === '2') queueMicrotask(() => broker.publish('a', '3'));
      if (message.text === '3') break;
    }
    expect(read).toEqual(['a 1', 'b 2', 'a 3']);
    expect(broker.publish('a', '4')).toBe(0);
    expect(broker.channels()).toEqual([]);
  });

  it('tells which pattern has matched', async () => {
    const broker = new Broker();
    const subscription = broker.subscribe(['n.*', 'n.?'], { isPattern: true });
    expect(broker.publish('n.a', 'x')).toBe(2);
    const patterns = [await subscription.next(), await subscription.next()]
      .map(({ value }) => value?.pattern);
    expect(patterns.sort()).toEqual(['n.*', 'n.?']);
    subscription.close();
  });

  it('counts a name once, however often it is given', () => {
    const broker = new Broker();
    broker.subscribe(['a', 'a']);
    expect(broker.publish('a', '')).toBe(1);
  });

  it.each([1, 3, 10])('serves %i readers at once, each message one of them', async (count) => {
    const broker = new Broker();
    const subscription = broker.subscribe('a');
    const reads = Array.from({ length: count }, () => subscription.next());
    for (let i = 0; i < count - 1; i++) broker.publish('a', String(i));
    subscription.close();
    const results = await Promise.all(reads);
    expect(results.map(({ done, value }) => (done === true ? 'end' : value?.text)))
      .toEqual([...Array.from({ length: count - 1 }, (_, i) => String(i)), 'end']);
  });
});

describe('the end of a subscription', () => {
  it('comes with the signal, without an error, and forgets what waits', async () => {
    const broker = new Broker();
    const controller = new AbortController();
    const subscription = broker.subscribe('a', { signal: controller.signal });
    const texts = textsOf(subscription);
    broker.publish('a', '1');
    await Promise.resolve();
    await Promise.resolve();
    await Promise.resolve();
    broker.publish('a', '2');
    broker.publish('a', '3');
    controller.abort();
    expect(await texts).toEqual(['1', '2']);
    expect(broker.channels()).toEqual([]);
  });

  it('is there already where the signal was aborted before', async () => {
    const broker = new Broker();
    const subscription = broker.subscribe('a', { signal: AbortSignal.abort() });
    expect(await textsOf(subscription)).toEqual([]);
    expect(broker.publish('a', '')).toBe(0);
  });

  it('comes after what waits when the broker closes', async () => {
    const broker = new Broker();
    const subscription = broker.subscribe('a');
    broker.publish('a', '1');
    broker.close();
    expect(await textsOf(subscription)).toEqual(['1']);
  });

  it('comes with a thrown error in the loop', async () => {
    const broker = new Broker();
    const subscription = broker.subscribe('a');
    broker.publish('a', '1');
    const loop = async (): Promise<void> => {
      for await (const { text } of subscription) throw new Error(`stop at ${text}`);
    };
    await expect(loop()).rejects.toThrow('stop at 1');
    expect(broker.channels()).toEqual([]);
  });
});

describe('a reader that falls behind', () => {
  it.each([
    ['messages', { queuedMessagesMax: 3 }, 3], ['bytes', { queuedBytesMax: 1000 }, 2],
  ])('gets what waits, then SUBSCRIBER_SLOW: too many %s', async (_what, limits, kept) => {
    const broker = new Broker();
    const subscription = broker.subscribe('a', limits);
    for (let i = 0; i < 5; i++) broker.publish('a', String(i).padEnd(200));
    expect(broker.publish('a', '')).toBe(0);
    expect(subscription.isOpen).toBe(false);
    const texts: string[] = [];
    const loop = async (): Promise<void> => {
      for await (const { text } of subscription) texts.push(text.trim());
    };
    await expect(loop()).rejects.toMatchObject({ code: 'SUBSCRIBER_SLOW' });
    expect(texts).toEqual(['0', '1', '2', '3'].slice(0, kept));
    expect(await subscription.next()).toEqual({ done: true, value: undefined });
  });

  it('is fine again once it has read', async () => {
    const broker = new Broker();
    const subscription = broker.subscribe('a', { queuedMessagesMax: 2 });
    for (let i = 0; i < 100; i++) {
      broker.publish('a', `${i}a`);
      broker.publish('a', `${i}b`);
      expect((await subscription.next()).value?.text).toBe(`${i}a`);
      expect((await subscription.next()).value?.text).toBe(`${i}b`);
    }
    subscription.close();
  });
});
