/**
 * The life of an engine: memories that are used again, work in the background, and what happens
 * when something breaks that should not.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { SeededChance } from '@kora/core';
import type { Platform } from '@kora/core';
import { bytesPerCall } from '@kora/core/testing';
import { describe, expect, it } from 'vitest';
import { Engine } from './engine.ts';
import { pooledMemories } from './pooled-memories.ts';
import { Kora } from './kora.ts';
import { KoraReplyError } from './kora-reply-error.ts';

const POOLED_MAX = 16;
/**
 * A direct call allocates nothing; one in 64 goes through the executor, with its lists and times.
 */
const ALLOCATED_BYTES_MAX = 6;

/**
 * Time stands still: the number that Node's clock makes for every call (16 bytes) is not the
 * engine's.
 */
const stillPlatform: Platform = {
  clock: { nowMs: () => 1_700_000_000_000, monotonicUs: () => 5 },
  chance: new SeededChance(5),
  scheduler: { requestTurn: () => undefined },
};

function codeOf(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error;
  }
  return undefined;
}

describe('memories', () => {
  it('serve the next engine, empty', () => {
    const memories = new Set<WebAssembly.Memory>();
    for (let i = 0; i < 300; i++) {
      const engine = new Engine({});
      const db = new Kora(engine);
      expect(db.size).toBe(0);
      expect(db.get('k')).toBeNull();
      db.set('k', 'secret'.repeat(i * 10));
      db.connection().call('SET', 'other', 'x'.repeat(i));
      memories.add(engine.memory.memory);
      db.close();
    }
    expect(memories.size).toBe(1);
    expect(pooledMemories.count).toBeGreaterThan(0);
  });

  it('hold zeroes in the pool', () => {
    const engine = new Engine({});
    const db = new Kora(engine);
    for (let i = 0; i < 3_000; i++) db.set(`k${i}`, 'secret'.repeat(i % 100));
    db.set('big', 'secret'.repeat(50_000));
    db.set('other', db.get('big') ?? '');
    const words = new Int32Array(engine.memory.memory.buffer);
    expect(words.some((word) => word !== 0)).toBe(true);
    db.close();
    expect(new Int32Array(engine.memory.memory.buffer).every((word) => word === 0)).toBe(true);
  });

  it('are kept up to a bound when many engines close at once', () => {
    const many = Array.from({ length: POOLED_MAX + 8 }, () => new Kora(new Engine({})));
    for (const db of many) db.set('k', 'v');
    for (const db of many) db.close();
    expect(pooledMemories.count).toBeLessThanOrEqual(POOLED_MAX);
  });

  it('of another size are not mixed up', () => {
    const small = new Engine({ memoryBytesMax: 64 * 1024 * 1024 });
    const { memory } = small.memory;
    small.close();
    const large = new Engine({});
    expect(large.memory.memory).not.toBe(memory);
    large.close();
  });

  it('are back where they were when all keys and big arguments are gone', () => {
    const engine = new Engine({});
    const db = new Kora(engine);
    const { lowAllocator } = engine.memory;
    db.set('k', 'v');
    db.call('FLUSHALL');
    const before = lowAllocator.usedBytes();
    for (let i = 0; i < 50; i++) {
      db.call('MSET', 'a', 'x'.repeat(60_000), 'b', 'y'.repeat(60_000), 'c', 'z'.repeat(60_000));
      db.call('SET', 'rope', 'r'.repeat(500_000));
      codeOf(() => db.call('SETEX', 'rope', 'no number', 'r'.repeat(500_000)));
      codeOf(() => db.call('NOSUCH', 'r'.repeat(100_000)));
      codeOf(() => db.call('SET', 'rope', 'r'.repeat(100_000), { } as unknown as string));
    }
    expect(db.del('a', 'b', 'c', 'rope')).toBe(4);
    expect(lowAllocator.usedBytes()).toBe(before);
    expect(engine.shard.maintain()).toBe(false);
    expect(db.call('MEMORY', 'USAGE', 'rope')).toBeNull();
    db.close();
  });
});

describe('background work', () => {
  it('frees what is due while nobody asks', async () => {
    const engine = new Engine({});
    const db = new Kora(engine);
    for (let i = 0; i < 1_000; i++) db.set(`k${i}`, 'v', { ttlMs: 1 });
    const untilMs = Date.now() + 10_000;
    while (db.size > 0 && Date.now() < untilMs) {
      // Lets the loop turn; no delay counted on.
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(db.size).toBe(0);
    expect(db.stats.expiredKeyCount).toBe(1_000);
    db.close();
  });
});

describe('a defect', () => {
  it('before a change is a refusal with its cause, and the engine goes on', () => {
    const told: unknown[] = [];
    const engine = new Engine({
      onError: (message, thrown) => {
        told.push(message.split('\n', 1)[0], thrown, db.call('PING'));
      },
    });
    const db = new Kora(engine);
    const cause = new Error('a defect');
    const broken = (): never => engine.broke(cause, 'get', engine.shard.mutations);
    expect(broken).toThrow(KoraReplyError);
    expect(told).toEqual(["command 'get' failed: Error: a defect", cause, 'PONG']);
    expect(broken).toThrow('ERR internal error');
    expect(db.set('k', 'v')).toBe(true);
    expect(db.get('k')).toBe('v');
    db.close();
  });

  it('in the middle of a change stops the engine for good', () => {
    const engine = new Engine({});
    const db = new Kora(engine);
    const cause = new Error('a defect');
    expect(codeOf(() => engine.broke(cause, 'set', engine.shard.mutations - 1))).toBe('ERR');
    expect(codeOf(() => db.get('k'))).toBe('ENGINE_FAILED');
    expect(codeOf(() => db.call('PING'))).toBe('ENGINE_FAILED');
    db.close();
    expect(codeOf(() => db.get('k'))).toBe('ENGINE_CLOSED');
  });
});

describe('allocation', () => {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  const isCollector = (value: unknown): value is () => void => typeof value === 'function';
  const meter = {
    collect: (): void => {
      if (isCollector(collect)) collect();
    },
    usedBytes: () => process.memoryUsage().heapUsed,
  };

  it('of getInto and set is nothing, of getBytes its array', () => {
    const db = new Kora(new Engine({ platform: stillPlatform }));
    const target = new Uint8Array(64);
    const value = 'v'.repeat(64);
    const key = 'key:000000000001';
    db.set(key, value);
    const getInto = (): void => void db.getInto(key, target);
    const enough = { enoughBytes: ALLOCATED_BYTES_MAX };
    const setOnce = (): void => void db.set(key, value);
    const getOnce = (): void => void db.getBytes(key);
    expect(bytesPerCall(meter, getInto, enough)).toBeLessThan(ALLOCATED_BYTES_MAX);
    expect(bytesPerCall(meter, setOnce, enough)).toBeLessThan(ALLOCATED_BYTES_MAX);
    expect(bytesPerCall(meter, getOnce, { enoughBytes: Infinity })).toBeGreaterThan(64);
    db.close();
  });
});
