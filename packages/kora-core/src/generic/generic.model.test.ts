/**
 * Every command that ignores the type, at random, against maps (testing/naive-keyspace.ts): each
 * reply, and after each step everything the shard holds, in every database. Time moves between
 * steps, with and without background work. At the end time passes everything by, all is flushed,
 * and the memory account is back where it started.
 */
import { describe, expect, it } from 'vitest';
import { SeededChance } from '../platform/platform.ts';
import { CommandDriver } from '../testing/command-driver.ts';
import { modelPasses, playPass } from '../testing/model-passes.ts';
import type { KernelName, ModelRun } from '../testing/model-passes.ts';
import { NaiveKeyspace } from '../testing/naive-keyspace.ts';
import { contentsOf } from '../testing/shard-contents.ts';

const START_MS = 1_700_000_000_000;
const DATABASES_USED = 3;
const STEPS = 600;
/** Longer than a flat argument, the scratch area and a short key length. */
const LONG_KEY = 'k'.repeat(70_000);

function latin1Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

/** One run of the engine beside the model. */
class Run implements ModelRun {
  readonly driver: CommandDriver;
  readonly model = new NaiveKeyspace();
  readonly #chance: SeededChance;
  readonly #keyCount: number;
  readonly #weights: readonly number[];
  readonly #payloads: { readonly payload: string; readonly value: string }[] = [];
  readonly #seed: number;
  #nowMs = START_MS;

  constructor(seed: number, kernel: KernelName) {
    this.#seed = seed;
    this.#chance = new SeededChance(seed);
    this.driver = new CommandDriver({ seed, startMs: START_MS, memoryOptions: { kernel } });
    this.#keyCount = this.pick([2, 6, 20, 300]);
    this.#weights = Array.from({ length: 16 }, () => this.below(5));
    this.model.nowMs = START_MS;
  }

  /** Makes what a database keeps for good, the wheel's header; returns the bytes used then. */
  warmUp(): number {
    for (let db = 0; db < DATABASES_USED; db++) {
      this.driver.run('SELECT', db);
      this.driver.run('SET', 'warm', '1', 'EX', '100');
    }
    this.driver.run('FLUSHALL');
    this.driver.run('SELECT', '0');
    return this.driver.memory.usedBytes();
  }

  below(n: number): number {
    return (this.#chance.next32() >>> 0) % n;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new RangeError('a choice of nothing');
    return item;
  }

  key(): string {
    const n = this.below(this.#keyCount);
    if (n === 0 && this.#keyCount === 20) return LONG_KEY;
    if (n === 0) return this.pick(['', '\0', '\xff\r\n']);
    return n % 7 === 0 ? `long-key-${'x'.repeat(n % 90)}-${n}` : `k${n}`;
  }

  value(): string {
    const bytes = this.pick([0, 3, 11, 44, 45, 300, 5000]);
    if (this.below(60) === 0) return String.fromCharCode(97 + this.below(26)).repeat(66_000);
    return this.below(4) === 0 ? String(this.below(1e6) - 5e5) : 'v'.repeat(bytes);
  }

  time(): string {
    const seconds = this.below(40) - 4;
    return this.pick([
      String(seconds), String(seconds * 100), String(this.#nowMs + seconds * 50),
      String(Math.floor(this.#nowMs / 1000) + seconds), '0', 'x', '9223372036854775807',
      '9223372036854775', '-9223372036854775808', '9007199254740993', '33177117420123',
    ]);
  }

  #maker(kind: number): readonly string[] {
    const { db } = this.model;
    const words = ['NX', 'XX', 'GT', 'LT'].filter(() => this.below(4) === 0);
    const other = String(this.below(DATABASES_USED));
    switch (kind) {
      case 0: return ['DEL', this.key(), this.key()];
      case 1: return [this.pick(['UNLINK', 'EXISTS', 'TOUCH']), this.key(), this.key(), this.key()];
      case 2: return ['TYPE', this.key()];
      case 3: return [this.pick(['RENAME', 'RENAMENX']), this.key(), this.key()];
      case 4: return ['COPY', this.key(), this.key(), ...(this.below(2) === 0 ? ['REPLACE'] : [])];
      case 5: return ['COPY', this.key(), this.key(), 'DB', other, 'REPLACE'];
      case 6: return ['MOVE', this.key(), other];
      case 7: return ['SWAPDB', String(db), other];
      case 8: return [this.pick(['EXPIRE', 'PEXPIRE']), this.key(), this.time(), ...words];
      case 9: return [this.pick(['EXPIREAT', 'PEXPIREAT']), this.key(), this.time(), ...words];
      case 10: return ['PERSIST', this.key()];
      case 11: return [this.pick(['TTL', 'PTTL', 'EXPIRETIME', 'PEXPIRETIME']), this.key()];
      case 12: return ['SELECT', other];
      case 13: return ['GET', this.key()];
      case 14: return this.below(40) === 0 ? [this.pick(['FLUSHDB', 'FLUSHALL'])] : ['TYPE', ''];
      default: return ['SET', this.key(), this.value()];
    }
  }

  #command(): readonly string[] {
    for (;;) {
      const kind = this.below(18);
      if (kind >= 16 || this.below(5) < (this.#weights[kind] ?? 0)) return this.#maker(kind);
    }
  }

  step(): void {
    const kind = this.below(20);
    if (kind === 0) this.#passTime();
    else if (kind === 1) this.#dumpOrRestore();
    else if (kind === 2) this.#listKeys();
    else this.#runBoth(this.#command());
    this.compare();
  }

  #runBoth(args: readonly string[]): void {
    const shown = args.map((word) => word.slice(0, 40)).join(' ');
    const reply = this.driver.run(...args);
    const expected = this.model.run(args);
    if (reply === expected) return;
    throw new Error(
      `seed ${this.#seed}: ${shown}\n${reply.slice(0, 200)}\n` +
        `expected ${String(expected).slice(0, 200)}`,
    );
  }

  #passTime(): void {
    const ms = this.pick([1, 30, 900, 20_000]);
    this.#nowMs += ms;
    this.model.nowMs = this.#nowMs;
    if (this.below(2) === 0) this.driver.advance(ms);
    else this.driver.clock.advance(ms);
    this.driver.shard.refreshClock();
  }

  #dumpOrRestore(): void {
    const key = this.key();
    if (this.below(2) === 0 || this.#payloads.length === 0) {
      const reply = this.driver.reply('DUMP', key);
      this.model.expire();
      const value = this.model.databases[this.model.db]?.get(key)?.value;
      expect('text' in reply, `seed ${this.#seed}: DUMP`).toBe(value !== undefined);
      if (!('text' in reply) || value === undefined) return;
      this.#payloads.push({ payload: reply.text, value });
      return;
    }
    const { payload, value } = this.pick(this.#payloads);
    const ttl = this.pick([0, 500]);
    const isReplacing = this.below(2) === 0;
    const options = isReplacing ? ['REPLACE'] : [];
    const reply = this.driver.run('RESTORE', key, ttl, payload, ...options);
    expect(reply, `seed ${this.#seed}`).toBe(this.model.restore(key, ttl, value, isReplacing));
  }

  /** KEYS, a whole SCAN and RANDOMKEY show what the model has, each key once. */
  #listKeys(): void {
    this.model.expire();
    const expected = [...(this.model.databases[this.model.db]?.keys() ?? [])].sort();
    expect(this.#listOf('KEYS', '*').sort(), `seed ${this.#seed}: KEYS`).toEqual(expected);
    const scanned = this.#listOf('SCAN', '0', 'COUNT', '1000000');
    expect([...new Set(scanned)].sort(), `seed ${this.#seed}: SCAN`).toEqual(expected);
    const random = this.driver.reply('RANDOMKEY');
    const isThere = 'text' in random ? expected.includes(random.text) : expected.length === 0;
    expect(isThere, `seed ${this.#seed}: RANDOMKEY`).toBe(true);
  }

  #listOf(...args: readonly string[]): string[] {
    const reply = this.driver.reply(...args);
    const list = args[0] === 'SCAN' && 'items' in reply ? reply.items[1] : reply;
    if (list === undefined || !('items' in list)) throw new Error('a list');
    return list.items.map((item) => ('text' in item ? item.text : '?'));
  }

  /** Everything the shard holds against everything the model holds. */
  compare(): void {
    this.model.expire();
    const held = new Map<string, string>();
    for (const [key, { value, deadlineMs }] of contentsOf(this.driver.shard, latin1Of)) {
      held.set(key, `${deadlineMs} ${value}`);
    }
    const expected = new Map<string, string>();
    this.model.databases.forEach((database, index) => {
      for (const [key, { value, deadlineMs }] of database) {
        expected.set(`${index}/${key}`, `${deadlineMs} ${value}`);
      }
    });
    const where = `seed ${this.#seed}`;
    if (held.size !== expected.size) {
      expect([...held.keys()].sort(), where).toEqual([...expected.keys()].sort());
    }
    for (const [key, text] of expected) {
      if (held.get(key) !== text) throw new Error(`${where}: ${key.slice(0, 60)} differs`);
    }
  }

  /** Lets background work catch up: then what is counted is exactly what lives. */
  finish(usedBytes: number): void {
    this.#nowMs += 5_000;
    this.model.nowMs = this.#nowMs;
    this.driver.advance(5_000);
    this.compare();
    this.driver.shard.keyspace.databases.forEach((database, index) => {
      const living = this.model.databases[index];
      const entries = [...(living?.values() ?? [])];
      const expiring = entries.filter((entry) => entry.deadlineMs !== undefined);
      expect([index, database.count], `seed ${this.#seed}: keys`).toEqual([index, living?.size]);
      expect(database.expiringCount, `seed ${this.#seed}: deadlines`).toBe(expiring.length);
    });
    this.driver.run('FLUSHALL');
    this.driver.settle();
    expect(this.driver.errors).toEqual([]);
    expect(this.driver.memory.usedBytes(), `seed ${this.#seed}: memory`).toBe(usedBytes);
  }
}

describe('commands that ignore the type', () => {
  for (const pass of modelPasses(100, 10)) {
    it(`agree with maps under random commands, ${pass.title}`, () => {
      playPass(pass, STEPS, (seed, kernel) => new Run(seed, kernel));
    });
  }
});
