/**
 * The typed methods do exactly what the commands do. Two engines under equal clocks and chance get
 * the same random operations: one through `get`, `set` and the like, the other through `call`.
 * After every step answers, counters, deadlines, access fields and the journal's position are
 * equal; at the end so are all keys, values and the bytes in use.
 */
import { SeededChance, VirtualClock } from '@kora/core';
import type { Platform } from '@kora/core';
import { describe, expect, it } from 'vitest';
import { Engine } from './engine.ts';
import type { OpenOptions } from './open-options.ts';
import { Kora } from './kora.ts';
import type { CallArgument } from './arguments.ts';

const STEPS = 4_000;
const KEYS = 24;

class Side {
  readonly clock = new VirtualClock();
  readonly engine: Engine;
  readonly db: Kora;

  constructor(options: OpenOptions, seed: number) {
    const platform: Platform = {
      clock: this.clock, chance: new SeededChance(seed),
      scheduler: { requestTurn: () => undefined },
    };
    this.engine = new Engine({ ...options, platform, memoryBytesMax: 64 * 1024 * 1024 });
    this.db = new Kora(this.engine);
  }

  /** What an operation gave: its value, or the message it threw. */
  outcome(action: (db: Kora) => unknown): unknown {
    try {
      return action(this.db);
    } catch (error) {
      return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    }
  }

  /** Everything that two equal engines have in common at any time. */
  figures(): unknown {
    const { shard } = this.engine;
    const { counts, calls, failed, rejected, errors } = shard.stats;
    return {
      counts: [...counts], calls: [...calls], failed: [...failed], rejected: [...rejected],
      errors: [...errors], sequence: shard.journal.sequence, mutations: shard.mutations,
      used: shard.usedBytes(), size: this.db.size,
    };
  }
}

interface Operation {
  readonly typed: (db: Kora) => unknown;
  readonly called: (db: Kora) => unknown;
}

function bytesOf(value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value;
}

/** One random operation in both forms. */
function operation(random: (below: number) => number): Operation {
  const key = `key:${random(KEYS)}${random(9) === 0 ? 'é' : ''}`;
  const lengths = [0, 1, 5, 24, 25, 64, 200, 3_000, 65_535, 65_536, 90_000];
  const length = lengths[random(random(6) === 0 ? lengths.length : 7)] ?? 0;
  const text = random(4) === 0 ? String(random(1_000)) : 'ab'.repeat(length).slice(0, length);
  const value: CallArgument = random(2) === 0 ? text : Buffer.from(text);
  switch (random(12)) {
    case 0: case 1: case 2:
      return { typed: (db) => db.get(key), called: (db) => db.call('GET', key) };
    case 3:
      return {
        typed: (db) => bytesOf(db.getBytes(key)), called: (db) => bytesOf(db.callBytes('GET', key)),
      };
    case 4:
      return {
        typed: (db) => {
          const target = new Uint8Array(100_000);
          const bytes = db.getInto(key, target);
          return bytes < 0 ? null : bytesOf(target.slice(0, bytes));
        },
        called: (db) => bytesOf(db.callBytes('GET', key)),
      };
    case 5:
      return {
        typed: (db) => db.with(key, (view) => bytesOf(view === null ? null : view.slice())),
        called: (db) => bytesOf(db.callBytes('GET', key)),
      };
    case 6: case 7: case 8:
      return {
        typed: (db) => db.set(key, value), called: (db) => db.call('SET', key, value) === 'OK',
      };
    case 9: {
      const ttlMs = random(300) + 1;
      const isNew = random(2) === 0;
      return {
        typed: (db) => db.set(key, value, isNew ? { ttlMs, ifAbsent: true } : { ttlMs }),
        called: (db) =>
          db.call('SET', key, value, ...(isNew ? ['NX'] : []), 'PX', ttlMs) === 'OK',
      };
    }
    case 10:
      return random(2) === 0
        ? { typed: (db) => db.del(key, 'x'), called: (db) => db.call('DEL', key, 'x') }
        : { typed: (db) => db.exists(key, key), called: (db) => db.call('EXISTS', key, key) };
    default:
      return random(2) === 0
        ? { typed: (db) => db.incr(key), called: (db) => db.call('INCR', key) }
        : { typed: (db) => db.incr(key, -7), called: (db) => db.call('INCRBY', key, -7) };
  }
}

function play(options: OpenOptions, seed: number): void {
  const chance = new SeededChance(seed);
  const random = (below: number): number => (chance.next32() >>> 0) % below;
  const typed = new Side(options, seed);
  const called = new Side(options, seed);
  for (let step = 0; step < STEPS; step++) {
    const where = `seed ${seed}, step ${step}`;
    const { typed: one, called: other } = operation(random);
    expect(typed.outcome(one), where).toEqual(called.outcome(other));
    expect(typed.figures(), where).toEqual(called.figures());
    const ms = random(20);
    typed.clock.advance(ms);
    called.clock.advance(ms);
    if (random(50) !== 0) continue;
    expect(typed.engine.shard.maintain(), where).toBe(called.engine.shard.maintain());
  }
  for (let i = 0; i < KEYS; i++) {
    for (const command of ['GET', 'PTTL', 'OBJECT IDLETIME', 'OBJECT FREQ', 'OBJECT ENCODING']) {
      const ask = (db: Kora): unknown => db.call(...command.split(' '), `key:${i}`);
      expect(typed.outcome(ask), `seed ${seed}, ${command}`).toEqual(called.outcome(ask));
    }
  }
  typed.db.close();
  called.db.close();
}

describe('typed methods against call', () => {
  it('are equal without limits', () => {
    play({}, 1);
    play({}, 2);
  });
  it('are equal under a memory limit that evicts by LFU', () => {
    play({ maxmemory: 1_000_000, maxmemoryPolicy: 'allkeys-lfu' }, 3);
  });
  it('are equal when writes are refused for memory', () => {
    play({ maxmemory: 600_000 }, 4);
  });
});
