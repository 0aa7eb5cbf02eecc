/**
 * The generator under a virtual clock and a virtual server: it keeps its rate and its mix, charges
 * a stalled server for the whole stall, never reuses a request that is under way, and gives the
 * same requests for the same seed.
 */
import { describe, expect, it } from 'vitest';
import type { OpenLoopOptions } from './open-loop-generator.ts';
import { IN_FLIGHT_MAX, OpenLoopGenerator, setRequest } from './open-loop-generator.ts';

const REPLY_TO_SET = Buffer.from('+OK\r\n');
const REPLY_TO_GET = Buffer.from('$4\r\nvvvv\r\n');

const options: OpenLoopOptions = {
  rate: 10_000, schedule: 'poisson', writePercent: 50, valueBytes: 4, keys: 10_000, seed: 7,
  countFromMs: 0, startMs: 0,
};

interface Request {
  readonly connection: number;
  readonly bytes: Uint8Array;
  readonly text: string;
}

/** A generator with connections whose requests pile up until `answer` is called. */
function open(connections: number, changed: Partial<OpenLoopOptions> = {}) {
  const generator = new OpenLoopGenerator({ ...options, ...changed });
  const waiting: Request[] = [];
  const sent: string[] = [];
  for (let connection = 0; connection < connections; connection++) {
    generator.addConnection((bytes) => {
      const text = Buffer.from(bytes).toString('latin1');
      waiting.push({ connection, bytes, text });
      sent.push(text);
    });
  }
  const answer = (nowMs: number): void => {
    for (const { connection, bytes, text } of waiting.splice(0)) {
      expect(Buffer.from(bytes).toString('latin1')).toBe(text);
      const reply = text.startsWith('*3') ? REPLY_TO_SET : REPLY_TO_GET;
      generator.onBytes(connection, reply, reply.length, nowMs);
    }
  };
  return { generator, waiting, sent, answer };
}

describe('OpenLoopGenerator', () => {
  it.each(['poisson', 'fixed'] as const)('keeps rate and mix, %s', (schedule) => {
    const { generator, sent, answer } = open(50, { schedule });
    for (let tenth = 0; tenth <= 100_000; tenth++) {
      generator.sendDue(tenth / 10);
      answer(tenth / 10);
    }
    expect(generator.answered).toBeGreaterThan(98_000);
    expect(generator.answered).toBeLessThan(102_000);
    const sets = sent.filter((text) => text.startsWith('*3')).length;
    expect(sets / sent.length).toBeGreaterThan(0.48);
    expect(sets / sent.length).toBeLessThan(0.52);
    expect(generator.keys).toBe(options.keys + sets);
    expect(generator.latency.maxUs).toBeLessThanOrEqual(100);
    expect([generator.errors, generator.misses, generator.inFlight]).toEqual([0, 0, 0]);
  });

  it('charges a server that stalls from the time each operation was due', () => {
    const { generator, answer } = open(50, { schedule: 'fixed', rate: 1000 });
    for (let ms = 0; ms < 1000; ms++) generator.sendDue(ms);
    answer(1000);
    expect(generator.latency.count).toBe(1000);
    expect(generator.latency.maxUs).toBe(1_000_000);
    expect(generator.latency.percentileUs(50)).toBeGreaterThan(495_000);
    expect(generator.latency.percentileUs(50)).toBeLessThan(505_000);
    expect(generator.lateness.maxUs).toBe(0);
  });

  it('lets what is due wait when every connection is full, and its time runs', () => {
    const { generator, waiting, answer } = open(2, { schedule: 'fixed', rate: 1000 });
    expect(generator.sendDue(10_000)).toBe(1);
    expect(waiting.length).toBe(2 * IN_FLIGHT_MAX);
    answer(10_000);
    expect(generator.latency.maxUs).toBe(10_000_000);
    while (generator.sendDue(10_000) > 0) answer(10_000);
    answer(10_000);
    expect(generator.answered).toBe(10_001);
  });

  it('does not measure the operations of the warming', () => {
    const { generator, answer } = open(5, { schedule: 'fixed', rate: 1000, countFromMs: 500 });
    for (let ms = 0; ms < 1000; ms++) {
      generator.sendDue(ms);
      answer(ms);
    }
    expect(generator.answered).toBe(1000);
    expect(generator.latency.count).toBe(500);
  });

  it('reads keys that were written, and writes the next ones in order', () => {
    const { generator, sent, answer } = open(3, { seed: 3 });
    for (let ms = 0; ms < 500; ms++) {
      generator.sendDue(ms);
      answer(ms);
    }
    let next = options.keys;
    for (const text of sent) {
      const key = Number(/load:(\d{12})/.exec(text)?.[1]);
      if (text.startsWith('*3')) {
        expect(text).toBe(Buffer.from(setRequest(next, 4)).toString());
        next++;
      } else {
        expect(key).toBeLessThan(next);
      }
    }
  });

  it('counts errors and keys that are not there', () => {
    const { generator } = open(1, { rate: 1000, schedule: 'fixed' });
    generator.sendDue(1);
    const replies = Buffer.from('$-1\r\n-ERR no\r\n');
    generator.onBytes(0, replies, replies.length, 2);
    expect([generator.misses, generator.errors, generator.inFlight]).toEqual([1, 1, 0]);
  });
});
