/**
 * Several clients in random turns against a naive engine: counters and strings in two databases,
 * transactions, watches, errors while queueing and while running. Each reply, and at the end the
 * data, must be the model's. The model says what a transaction is: a list that runs at once.
 */
import { describe, expect, it } from 'vitest';
import type { ClientState } from '../command/client-state.ts';
import { CommandDriver } from '../testing/command-driver.ts';
import { randomSource } from '../testing/random-source.ts';
import type { RandomSource } from '../testing/random-source.ts';

const KEYS = ['a', 'b', 'c'];
const NOT_INTEGER = '-"ERR value is not an integer or out of range"';

interface NaiveClient {
  db: number;
  queue: string[][] | null;
  isAborted: boolean;
  isDirty: boolean;
  readonly watched: Set<string>;
}

/** Databases of strings; every change is told to all who watch the key. */
class NaiveEngine {
  dbs: Map<string, string>[] = [new Map(), new Map()];
  readonly clients: NaiveClient[] = [];

  addClient(): void {
    this.clients.push({
      db: 0, queue: null, isAborted: false, isDirty: false, watched: new Set(),
    });
  }

  run(client: NaiveClient, words: readonly string[]): string {
    const [name = '', key = ''] = words;
    switch (name) {
      case 'MULTI': return this.#multi(client);
      case 'EXEC': return this.#exec(client);
      case 'DISCARD':
        if (client.queue === null) return '-"ERR DISCARD without MULTI"';
        this.reset(client);
        return '+"OK"';
      case 'WATCH':
        if (client.queue !== null) return '-"ERR WATCH inside MULTI is not allowed"';
        if (client.isDirty) return '+"OK"';
        for (const word of words.slice(1)) client.watched.add(at(client, word));
        return '+"OK"';
      default: break;
    }
    if (name === 'NOSUCH' || (name === 'GET' && key === '')) {
      if (client.queue !== null) client.isAborted = true;
      return name === 'GET' ? '-"ERR wrong number of arguments for \'get\' command"'
        : '-"ERR unknown command \'NOSUCH\', with args beginning with: "';
    }
    if (client.queue === null) return this.#apply(client, words);
    client.queue.push([...words]);
    return '+"QUEUED"';
  }

  reset(client: NaiveClient): void {
    client.queue = null;
    client.isAborted = false;
    this.#unwatch(client);
  }

  #unwatch(client: NaiveClient): void {
    client.isDirty = false;
    client.watched.clear();
  }

  #multi(client: NaiveClient): string {
    if (client.queue !== null) return '-"ERR MULTI calls can not be nested"';
    client.queue = [];
    return '+"OK"';
  }

  #exec(client: NaiveClient): string {
    const { queue, isAborted, isDirty } = client;
    if (queue === null) return '-"ERR EXEC without MULTI"';
    this.reset(client);
    if (isAborted) return '-"EXECABORT Transaction discarded because of previous errors."';
    if (isDirty) return '*_';
    return `*[${queue.map((words) => this.#apply(client, words)).join(' ')}]`;
  }

  #touch(db: number, key: string): void {
    for (const client of this.clients) {
      if (client.watched.has(`${db}/${key}`)) client.isDirty = true;
    }
  }

  #apply(client: NaiveClient, words: readonly string[]): string {
    const [name = '', key = '', value = ''] = words;
    const data = this.dbs[client.db]!;
    switch (name) {
      case 'GET': return data.has(key) ? `$"${data.get(key)}"` : '_';
      case 'SET':
        data.set(key, value);
        this.#touch(client.db, key);
        return '+"OK"';
      case 'INCR': return this.#increment(client.db, data, key);
      case 'DEL':
        if (!data.delete(key)) return ':0';
        this.#touch(client.db, key);
        return ':1';
      case 'MSET':
        for (let i = 1; i < words.length; i += 2) {
          this.#apply(client, ['SET', words[i]!, words[i + 1]!]);
        }
        return '+"OK"';
      case 'RENAME': return this.#rename(client.db, data, key, value);
      case 'FLUSHDB':
        for (const there of data.keys()) this.#touch(client.db, there);
        data.clear();
        return '+"OK"';
      case 'SWAPDB':
        for (const there of new Set([...this.dbs[0]!.keys(), ...this.dbs[1]!.keys()])) {
          this.#touch(0, there);
          this.#touch(1, there);
        }
        this.dbs.reverse();
        return '+"OK"';
      case 'SELECT':
        client.db = Number(key);
        return '+"OK"';
      case 'UNWATCH':
        this.#unwatch(client);
        return '+"OK"';
      default: throw new RangeError(name);
    }
  }

  #increment(db: number, data: Map<string, string>, key: string): string {
    const old = data.get(key) ?? '0';
    if (!/^\d+$/.test(old)) return NOT_INTEGER;
    const next = String(Number(old) + 1);
    data.set(key, next);
    this.#touch(db, key);
    return `:${next}`;
  }

  #rename(db: number, data: Map<string, string>, from: string, to: string): string {
    const value = data.get(from);
    if (value === undefined) return '-"ERR no such key"';
    if (from === to) return '+"OK"';
    data.delete(from);
    data.set(to, value);
    this.#touch(db, from);
    this.#touch(db, to);
    return '+"OK"';
  }
}

const at = (client: NaiveClient, key: string): string => `${client.db}/${key}`;

function pick<T>(random: RandomSource, items: readonly T[]): T {
  return items[random.below(items.length)]!;
}

function randomWords(random: RandomSource): string[] {
  const key = pick(random, KEYS);
  const other = pick(random, KEYS);
  return pick(random, [
    ['GET', key], ['GET', key], ['SET', key, String(random.below(9))], ['SET', key, 'x'],
    ['INCR', key], ['INCR', key], ['DEL', key], ['MSET', key, '1', other, '2'],
    ['RENAME', key, other], ['SELECT', String(random.below(2))], ['UNWATCH'],
    ['MULTI'], ['MULTI'], ['MULTI'], ['EXEC'], ['EXEC'], ['EXEC'], ['WATCH', key],
    ['WATCH', key, other], ['WATCH', key], ['DISCARD'],
    ...(random.chance(0.2) ? [['NOSUCH'], ['GET'], ['FLUSHDB'], ['SWAPDB', '0', '1']] : []),
  ]);
}

const SEEDS = Array.from({ length: 16 }, (_, i) => i + 1);

describe('transactions of several clients', () => {
  it.each(SEEDS)('are those of the model, seed %i', (seed) => {
    const random = randomSource(seed);
    const driver = new CommandDriver({ seed });
    const model = new NaiveEngine();
    const clients: ClientState[] = [];
    for (let i = 0; i < 1 + random.below(4); i++) {
      clients.push(driver.newClient());
      model.addClient();
    }
    let aborted = 0;
    for (let step = 0; step < 1_500; step++) {
      const i = random.below(clients.length);
      const words = randomWords(random);
      const wanted = model.run(model.clients[i]!, words);
      const got = driver.runAs(clients[i]!, ...words);
      expect(got, `seed ${seed}, step ${step}: client ${i}: ${words.join(' ')}`).toBe(wanted);
      if (words[0] === 'EXEC' && wanted === '*_') aborted++;
      if (random.chance(0.01)) {
        driver.shard.transactions.reset(clients[i]!);
        model.reset(model.clients[i]!);
      }
    }
    expect(aborted, `seed ${seed}`).toBeGreaterThan(0);
    for (const db of [0, 1]) {
      driver.client.db = db;
      for (const key of KEYS) {
        const value = model.dbs[db]!.get(key);
        expect(driver.run('GET', key)).toBe(value === undefined ? '_' : `$"${value}"`);
      }
    }
    for (const client of clients) driver.shard.transactions.reset(client);
    driver.run('FLUSHALL');
    driver.emptyCompletely();
    expect(driver.memory.arenaAllocator.usedBytes()).toBe(0);
    expect(driver.shard.transactions.queues.bytes).toBe(0);
    expect(driver.errors).toEqual([]);
  });
});
