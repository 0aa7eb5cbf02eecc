/**
 * Several connections at once on several workers: what happens at one moment is never seen in
 * parts, no update is lost, and each connection sees its own calls in order. Random programs from a
 * seed; the threads run the built files.
 */
import { SeededChance } from '@kora/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { open } from '../index.ts';
import type { AsyncConnection, AsyncKora } from '../index.ts';

const SEED = 41;
const CONNECTIONS = 5;
const ROUNDS = 120;
const keys = Array.from({ length: 6 }, (_, i) => `account:${i}`);

let db: AsyncKora | undefined;
beforeAll(async () => {
  db = await open({ workers: 3 });
});
afterAll(async () => {
  await db?.close();
});

function connections(): AsyncConnection[] {
  return Array.from({ length: CONNECTIONS }, () => db!.connection());
}

function randomOf(seed: number): (below: number) => number {
  const chance = new SeededChance(seed);
  return (below) => (chance.next32() >>> 0) % below;
}

describe('several connections on workers', () => {
  it('see all of an MSET or nothing of it', async () => {
    const random = randomOf(SEED);
    await db!.call('MSET', ...keys.flatMap((key) => [key, 'start']));
    const seen: Promise<unknown>[] = [];
    const changes: Promise<unknown>[] = [];
    const all = connections();
    for (let round = 0; round < ROUNDS; round++) {
      const connection = all[random(CONNECTIONS)]!;
      if (random(2) === 0) {
        changes.push(connection.call('MSET', ...keys.flatMap((key) => [key, `round ${round}`])));
      } else {
        seen.push(connection.call('MGET', ...keys));
      }
      if (random(4) === 0) await Promise.all(seen.slice(-3));
    }
    await Promise.all(changes);
    for (const values of await Promise.all(seen)) {
      expect(new Set(values as string[]).size, `seed ${SEED}: ${String(values)}`).toBe(1);
    }
  });

  it('move money by EXEC, and the sum is always the same', async () => {
    const random = randomOf(SEED + 1);
    await db!.call('MSET', ...keys.flatMap((key) => [key, '100']));
    const all = connections();
    const viewers = connections();
    let moved = 0;
    await Promise.all(all.map(async (connection, i) => {
      for (let round = 0; round < ROUNDS / 4; round++) {
        const from = keys[random(keys.length)]!;
        const to = keys[(keys.indexOf(from) + 1 + random(keys.length - 1)) % keys.length]!;
        const [, , , done] = await Promise.all([
          connection.call('MULTI'), connection.call('DECRBY', from, 7),
          connection.call('INCRBY', to, 7), connection.call('EXEC'),
        ]);
        if (Array.isArray(done)) moved++;
        const values = await viewers[i]!.call('MGET', ...keys);
        const sum = (values as string[]).reduce((total, value) => total + Number(value), 0);
        expect(sum, `seed ${SEED + 1}`).toBe(100 * keys.length);
      }
    }));
    expect(moved).toBe(CONNECTIONS * Math.floor(ROUNDS / 4));
  });

  it('count by WATCH without losing an update', async () => {
    const pairs = ['a', 'b'].map((name) => `counter:${name}`);
    await db!.call('MSET', 'counter:a', 0, 'counter:b', 0);
    let count = 0;
    await Promise.all(connections().map(async (connection) => {
      for (let tries = 0, done = 0; done < 8 && tries < 2_000; tries++) {
        await connection.call('WATCH', ...pairs);
        const [a, b] = (await connection.call('MGET', ...pairs)) as string[];
        expect(a).toBe(b);
        const next = String(Number(a) + 1);
        void connection.call('MULTI');
        for (const key of pairs) void connection.call('SET', key, next);
        if (await connection.call('EXEC') === null) continue;
        done++;
        count++;
      }
    }));
    expect(count).toBe(8 * CONNECTIONS);
    expect(await db!.call('MGET', ...pairs)).toEqual([String(count), String(count)]);
  });

  it('each see their own calls in order, whatever is under way', async () => {
    const random = randomOf(SEED + 2);
    const checks: Promise<void>[] = [];
    connections().forEach((connection, i) => {
      const own = Array.from({ length: 5 }, (_, k) => `own:${i}:${k}`);
      const model = new Map<string, number>();
      for (let round = 0; round < ROUNDS; round++) {
        const key = own[random(own.length)]!;
        const note = `seed ${SEED + 2}, connection ${i}, round ${round}`;
        if (random(5) > 0) {
          model.set(key, (model.get(key) ?? 0) + 1);
          const expected = model.get(key);
          checks.push(connection.call('INCR', key).then((value) => {
            expect(value, note).toBe(expected);
          }));
        } else if (random(2) === 0) {
          const expected = own.map((one) => model.has(one) ? String(model.get(one)) : null);
          checks.push(connection.call('MGET', ...own).then((values) => {
            expect(values, note).toEqual(expected);
          }));
        } else {
          const gone = own.filter((one) => model.delete(one)).length;
          checks.push(connection.call('DEL', ...own).then((value) => {
            expect(value, note).toBe(gone);
          }));
        }
      }
    });
    await Promise.all(checks);
  });
});
