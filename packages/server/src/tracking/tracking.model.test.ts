/**
 * Caches kept by invalidations against what was written. Workers take their turns in a random
 * order, writers and readers send at any moment, alone, in pipelines and in transactions; when a
 * writer has its reply, whoever then asks over a connection that tracks must have heard of the
 * write by the answer: nothing older may be left in its cache. At the end all caches are true.
 * Every value is written once, so it names the write that made it.
 */
import { describe, expect, it } from 'vitest';
import type { RespValue } from '@kora/protocol';
import { MeshRig } from '../testing/index.ts';
import { belowOf, keysOf } from '../testing/mesh-clients.ts';
import { leftOf } from '../testing/mesh-checks.ts';
import type { Rigs } from '../testing/tracking-client.ts';
import { Loner, TrackingClient } from '../testing/tracking-client.ts';

const STEPS = 1_500;
const KEYS_OF_WORKER = 3;
const CLIENTS = 4;
const WRITERS = 3;

/** Ways to track. */
const MODES: readonly (readonly string[])[] = [
  [], ['NOLOOP'], ['BCAST'], ['BCAST', 'PREFIX', 'key', 'NOLOOP'], ['OPTIN'], ['OPTOUT'],
];

class World {
  readonly mesh: Rigs;
  readonly below: (bound: number) => number;
  readonly keys: readonly string[];
  /** Values of each key in the order in which they were there; null: it was absent. */
  readonly values = new Map<string, RespValue[]>();
  /** Index of the last value that a writer knows to be there. */
  readonly known = new Map<string, number>();
  readonly writers: readonly TrackingClient[];
  readonly readers: readonly { client: TrackingClient; mode: readonly string[] }[];
  /** Keys that are being written. */
  readonly #busy = new Set<string>();
  readonly seed: number;
  checks = 0;
  hits = 0;
  #version = 0;

  constructor(seed: number, workerCount: number, settings: readonly (readonly [string, string])[]) {
    this.seed = seed;
    this.below = belowOf(seed);
    this.mesh = workerCount === 1 ? new Loner({ seed, settings })
      : new MeshRig(workerCount, { seed, settings });
    this.keys = Array.from({ length: workerCount }, (_, i) =>
      keysOf(i, workerCount, KEYS_OF_WORKER)).flat();
    for (const key of this.keys) {
      this.values.set(key, [null]);
      this.known.set(key, 0);
    }
    const anywhere = (): TrackingClient => new TrackingClient(this.mesh, this.below(workerCount));
    this.writers = Array.from({ length: WRITERS }, anywhere);
    this.readers = Array.from({ length: CLIENTS }, () => {
      const client = anywhere();
      const mode = MODES[this.below(MODES.length)] ?? [];
      client.send([['HELLO', '3'], () => undefined]);
      client.send([['CLIENT', 'TRACKING', 'ON', ...mode], (reply) => {
        expect(reply, this.where()).toBe('OK');
      }]);
      return { client, mode };
    });
    this.settle();
  }

  where(): string {
    return `seed ${this.seed}, ${this.mesh.rigs.length} workers`;
  }

  settle(): void {
    this.mesh.settle();
    for (const writer of this.writers) writer.listen();
    for (const { client } of this.readers) client.listen();
  }

  /** Turns of some workers; what has come is taken now or later. */
  someTurns(): void {
    for (let i = this.below(4); i > 0; i--) {
      const worker = this.below(this.mesh.rigs.length);
      if (this.mesh.mayRun(worker)) this.mesh.turn(worker);
    }
    for (const writer of this.writers) if (this.below(2) === 0) writer.listen();
    for (const { client } of this.readers) if (this.below(2) === 0) client.listen();
  }

  #freeKeys(countMax: number): string[] {
    const free = this.keys.filter((key) => !this.#busy.has(key));
    const found: string[] = [];
    for (let i = 1 + this.below(countMax); i > 0 && free.length > 0; i--) {
      found.push(...free.splice(this.below(free.length), 1));
    }
    return found;
  }

  /** What a write will leave of its keys: each gets its place in the history now. */
  #plan(keys: readonly string[], isRemoved: boolean): { values: string[]; done: () => void } {
    const values = keys.map((key) => `${key}:${String(++this.#version)}`);
    const places = keys.map((key, i) => {
      this.#busy.add(key);
      return (this.values.get(key)?.push(isRemoved ? null : values[i] ?? '') ?? 0) - 1;
    });
    const done = (): void => {
      keys.forEach((key, i) => {
        this.#busy.delete(key);
        this.known.set(key, places[i] ?? 0);
      });
    };
    return { values, done };
  }

  /** Sends a write of one kind or another. @param own keys that the writer may not keep */
  write(writer: TrackingClient, own: (keys: readonly string[]) => void): void {
    const keys = this.#freeKeys(3);
    const [key] = keys;
    if (key === undefined) return;
    const kind = this.below(6);
    const isRemoved = kind === 1;
    const written = kind === 0 || kind === 4 ? [key] : keys;
    const { values, done } = this.#plan(written, isRemoved);
    const pairs = written.flatMap((one, i) => [one, values[i] ?? '']);
    const finish = (): void => {
      own(written);
      done();
    };
    const ignore = (): void => undefined;
    if (kind === 0) writer.send([['SET', key, values[0] ?? ''], finish]);
    else if (isRemoved) writer.send([['DEL', ...written], finish]);
    else if (kind === 2) writer.send([['MSET', ...pairs], finish]);
    else if (kind === 3) {
      writer.send(
        [['MULTI'], ignore],
        ...written.map((one, i) => [['SET', one, values[i] ?? ''], ignore] as const),
        [['EXEC'], finish],
      );
    } else if (kind === 4) {
      writer.send([['DEL', key], ignore], [['APPEND', key, values[0] ?? ''], finish]);
    } else {
      const last = written.length - 1;
      writer.send(...written.map((one, i) =>
        [['SET', one, values[i] ?? ''], i === last ? finish : ignore] as const));
    }
  }

  /** FLUSHALL, when nothing is being written. */
  flush(writer: TrackingClient): void {
    if (this.#busy.size > 0) return;
    const { done } = this.#plan(this.keys, true);
    writer.send([['FLUSHALL'], done]);
  }

  read({ client, mode }: World['readers'][number]): void {
    const keys = Array.from({ length: 1 + this.below(3) }, () =>
      this.keys[this.below(this.keys.length)] ?? '');
    const keep = (key: string) => (value: RespValue): void => {
      if (!mode.includes('OPTIN')) client.cache.set(key, value);
    };
    const ignore = (): void => undefined;
    const isCached = keys.some((key) => client.cache.has(key));
    if (isCached) this.hits++;
    const kind = this.below(4);
    if (kind === 0) {
      client.send([['MGET', ...keys], (values) => {
        const list = listOf(values);
        keys.forEach((key, i) => { keep(key)(list[i] ?? null); });
      }]);
    } else if (kind === 1) {
      const requests = keys.map((key) => [['GET', key], ignore] as const);
      client.send([['MULTI'], ignore], ...requests, [['EXEC'], (values) => {
        const list = listOf(values);
        keys.forEach((key, i) => { keep(key)(list[i] ?? null); });
      }]);
    } else if (mode.includes('OPTIN')) {
      const key = keys[0] ?? '';
      client.send([['CLIENT', 'CACHING', 'YES'], ignore], [['GET', key], (value) => {
        client.cache.set(key, value);
      }]);
    } else {
      client.send(...keys.map((key) => [['GET', key], keep(key)] as const));
    }
  }

  /** Asks over a connection that tracks: what was known before must have been told by then. */
  check({ client, mode }: World['readers'][number]): void {
    const known = new Map(this.known);
    client.send([['PING'], () => {
      for (const [key, value] of client.cache) {
        const at = this.values.get(key)?.lastIndexOf(value) ?? -1;
        const shown = `${this.where()}: ${key} is ${JSON.stringify(value)} ` +
          `at worker ${client.at.rig}, tracking ${mode.join(' ')}`;
        expect(at, shown).toBeGreaterThanOrEqual(known.get(key) ?? 0);
        this.checks++;
      }
    }]);
  }

  step(): void {
    const kind = this.below(12);
    const reader = this.readers[this.below(this.readers.length)];
    const writer = this.writers[this.below(this.writers.length)];
    if (reader === undefined || writer === undefined) return;
    if (kind < 5) this.read(reader);
    else if (kind < 8) this.write(writer, () => undefined);
    else if (kind === 8) {
      const { cache } = reader.client;
      this.write(reader.client, (keys) => { for (const key of keys) cache.delete(key); });
    } else if (kind === 9 && this.below(20) === 0) this.flush(writer);
    else this.check(reader);
    this.someTurns();
  }

  /** Nothing is under way: every cache is as the data is. */
  finish(): void {
    this.settle();
    for (const reader of this.readers) this.check(reader);
    this.settle();
    for (const { client } of this.readers) expect(client.waiting, this.where()).toBe(0);
    for (const reader of this.readers) {
      for (const [key, value] of reader.client.cache) {
        expect(value, `${this.where()}: ${key} at the end`).toBe(this.values.get(key)?.at(-1));
      }
    }
    expect(leftOf(this.mesh), this.where()).toEqual([]);
  }
}

function listOf(value: RespValue): readonly RespValue[] {
  if (!Array.isArray(value)) throw new Error(`not an array: ${JSON.stringify(value)}`);
  // The boundary to a type guard that knows no readonly arrays.
  return value as readonly RespValue[];
}

function play(
  seed: number, workerCount: number, settings: readonly (readonly [string, string])[] = [],
): World {
  const world = new World(seed, workerCount, settings);
  for (let i = 0; i < STEPS; i++) world.step();
  world.finish();
  return world;
}

describe('a cache that is kept by invalidations', () => {
  it.each([1, 2, 3])('holds nothing older than what was acknowledged, on %i workers', (workers) => {
    let hits = 0;
    let checks = 0;
    for (let seed = 1; seed <= 6; seed++) {
      const world = play(seed * 7 + workers, workers);
      hits += world.hits;
      checks += world.checks;
    }
    expect(hits).toBeGreaterThan(500);
    expect(checks).toBeGreaterThan(1_000);
  });

  it('and where keys are forgotten because there are too many', () => {
    for (let seed = 1; seed <= 3; seed++) play(seed, 2, [['tracking-table-max-keys', '4']]);
  });
});
