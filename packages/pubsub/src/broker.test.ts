/**
 * What a program sees of a broker: listeners that publish, leave and throw, names and payloads of
 * any bytes, what is refused.
 */
import { describe, expect, it, vi } from 'vitest';
import { Broker } from './broker.ts';
import type { Message } from './message.ts';

const nothing = (): void => undefined;

describe('what has the wrong type', () => {
  const wrong = (value: unknown): never => value as never;

  it.each<[string, string, (broker: Broker) => unknown]>([
    ['INVALID_OPTION', 'not null', () => new Broker(wrong(null))],
    ['INVALID_OPTION', 'unknown option "onError"', () => new Broker(wrong({ onError: nothing }))],
    ['INVALID_OPTION', 'not number', () => new Broker({ onListenerError: wrong(5) })],
    ['INVALID_ARGUMENT', 'not undefined', (broker) => broker.listen('a', wrong(undefined))],
    ['INVALID_ARGUMENT', 'not number', (broker) => broker.listen(wrong(5), nothing)],
    ['INVALID_OPTION', '"pattern"', (broker) => broker.listen('a', nothing, wrong({ pattern: 1 }))],
    ['INVALID_ARGUMENT', 'not undefined', (broker) => broker.subscribe(wrong(undefined))],
    ['INVALID_ARGUMENT', 'needs a name', (broker) => broker.subscribe([])],
    ['INVALID_ARGUMENT', 'not number', (broker) => broker.subscribe(['a', wrong(5)])],
    ['INVALID_OPTION', 'AbortSignal', (broker) => broker.subscribe('a', { signal: wrong(5) })],
    ['INVALID_OPTION', '"max"', (broker) => broker.subscribe('a', wrong({ max: 5 }))],
    ['INVALID_ARGUMENT', 'not undefined', (broker) => broker.publish('a', wrong(undefined))],
    ['INVALID_ARGUMENT', 'not object', (broker) => broker.publishSharded('a', wrong({}))],
    ['INVALID_ARGUMENT', 'not null', (broker) => broker.publish(wrong(null), 'x')],
    ['INVALID_ARGUMENT', 'not number', (broker) => broker.channels(wrong(5))],
    ['INVALID_ARGUMENT', 'not undefined', (broker) => broker.subscriberCount(wrong(undefined))],
  ])('is refused at once with %s: %s', (code, part, call) => {
    const broker = new Broker();
    expect(() => call(broker)).toThrow(expect.objectContaining({
      code, message: expect.stringContaining(part) as string,
    }) as Error);
    expect([broker.subscribedCount, broker.publish('a', 'x')]).toEqual([0, 0]);
  });
});

describe('listeners', () => {
  it('all see the messages of a channel in one order, also when one of them publishes', () => {
    const broker = new Broker();
    const heard: string[][] = [[], []];
    broker.listen('chat', ({ text }) => {
      heard[0]?.push(text);
      if (text === 'ping') expect(broker.publish('chat', 'pong')).toBe(2);
    });
    broker.listen('chat', ({ text }) => {
      heard[1]?.push(text);
    });
    expect(broker.publish('chat', 'ping')).toBe(2);
    expect(heard).toEqual([['ping', 'pong'], ['ping', 'pong']]);
  });

  it('that leave before they are told do not hear it; those that come hear the next', () => {
    const broker = new Broker();
    const heard: string[] = [];
    broker.listen('a', () => {
      stop();
      broker.listen('a', ({ text }) => {
        heard.push(`late ${text}`);
      });
    });
    const stop = broker.listen('a', ({ text }) => {
      heard.push(text);
    });
    expect(broker.publish('a', '1')).toBe(2);
    expect(heard).toEqual([]);
    expect(broker.publish('a', '2')).toBe(2);
    expect(heard).toEqual(['late 2']);
  });

  it('are all told when the one who hears of errors throws as well', () => {
    const later = vi.spyOn(globalThis, 'queueMicrotask').mockImplementation(() => undefined);
    const thrown = new Error('from the handler');
    const broker = new Broker({ onListenerError() { throw thrown; } });
    const heard: string[] = [];
    broker.listen('a', () => { throw new Error('from a listener'); });
    broker.listen('a', ({ text }) => { heard.push(text); });
    expect(broker.publish('a', '1')).toBe(2);
    expect(broker.publish('a', '2')).toBe(2);
    const [[throwIt = nothing] = []] = later.mock.calls;
    later.mockRestore();
    expect(throwIt).toThrow(thrown);
    expect(heard).toEqual(['1', '2']);
  });

  it('that throw keep nobody from the message', () => {
    const thrown: unknown[] = [];
    const broker = new Broker({
      onListenerError(cause, message) {
        thrown.push(cause, message.text);
      },
    });
    const heard: string[] = [];
    const failure = new Error('no');
    broker.listen('a', () => {
      throw failure;
    });
    broker.listen('a', ({ text }) => {
      heard.push(text);
    });
    expect(broker.publish('a', 'x')).toBe(2);
    expect(heard).toEqual(['x']);
    expect(thrown).toEqual([failure, 'x']);
  });

  it('may be one function several times over', () => {
    const broker = new Broker();
    let count = 0;
    const listener = (): void => {
      count++;
    };
    const stop = broker.listen('a', listener);
    broker.listen('a', listener);
    expect(broker.publish('a', '')).toBe(2);
    stop();
    expect(broker.publish('a', '')).toBe(1);
    expect(count).toBe(3);
  });
});

describe('names and payloads', () => {
  it('are any bytes, and text is its UTF-8 bytes', () => {
    const broker = new Broker();
    const messages: Message[] = [];
    broker.listen(Uint8Array.of(0, 255, 10), (message) => {
      messages.push(message);
    });
    broker.listen('h\u00e9', (message) => {
      messages.push(message);
    });
    const payload = Uint8Array.of(1, 200, 0);
    expect(broker.publish(Uint8Array.of(0, 255, 10), payload)).toBe(1);
    payload.fill(9);
    expect(broker.publish(new TextEncoder().encode('h\u00e9'), 'gr\u00fc\u00df')).toBe(1);
    const [first, second] = messages;
    expect(first?.channelBytes).toEqual(Uint8Array.of(0, 255, 10));
    expect(first?.bytes).toEqual(Uint8Array.of(1, 200, 0));
    expect(second?.channel).toBe('h\u00e9');
    expect(second?.text).toBe('gr\u00fc\u00df');
    expect(second?.bytes).toEqual(new TextEncoder().encode('gr\u00fc\u00df'));
    expect(broker.channels('h*')).toEqual(['h\u00e9']);
  });

  it('match by byte', () => {
    const broker = new Broker();
    broker.listen('?', () => undefined, { isPattern: true });
    expect(broker.publish('e', '')).toBe(1);
    expect(broker.publish('\u00e9', '')).toBe(0);
  });
});

describe('a broker', () => {
  it('refuses what contradicts itself, and everything once it is closed', () => {
    const broker = new Broker();
    const both = { isPattern: true, isSharded: true };
    expect(() => broker.listen('a', () => undefined, both)).toThrow(/not both/);
    expect(() => broker.subscribe('a', { queuedMessagesMax: 0 })).toThrow(/above 0/);
    expect(broker.channels()).toEqual([]);
    broker.close();
    for (const use of [
      () => broker.publish('a', ''), () => broker.subscribe('a'),
      () => broker.listen('a', () => undefined),
    ]) expect(use).toThrow(expect.objectContaining({ code: 'ENGINE_CLOSED' }));
  });

  it('stops listeners that publish without end', () => {
    const broker = new Broker({
      onListenerError(cause) {
        expect(cause).toMatchObject({ code: 'ENGINE_BUSY' });
        isStopped = true;
      },
    });
    let isStopped = false;
    broker.listen('a', () => {
      if (isStopped) return;
      broker.publish('a', '');
      broker.publish('a', '');
    });
    broker.publish('a', '');
    expect(isStopped).toBe(true);
  }, 60_000);
});
