/**
 * Owners of commands against the slots of their keys, found by hand: one key, several keys of one
 * worker and of several, keys after counts and words, no keys, cursors, big keys; and the slot map.
 */
import { describe, expect, it } from 'vitest';
import { SLOT_COUNT, slotOfKey } from '../bytes/crc16.hot.ts';
import { CommandDriver } from '../testing/command-driver.ts';
import { placeArguments } from '../testing/placed-arguments.ts';
import { ROUTE_HERE, ROUTE_SEVERAL, Router } from './router.ts';
import { firstSlotOf, slotOwners } from './slot-map.ts';

const WORKERS = 3;

function slotOf(key: string): number {
  const bytes = Buffer.from(key, 'latin1');
  return slotOfKey(bytes, 0, bytes.length);
}

const ownerOf = (key: string): number => Math.floor((slotOf(key) * WORKERS) / SLOT_COUNT);

/** A key that this worker owns. */
function keyOf(owner: number, from = 0): string {
  for (let i = from; ; i++) if (ownerOf(`k${i}`) === owner) return `k${i}`;
}

describe('a router', () => {
  const driver = new CommandDriver();
  const router = new Router(driver.shard, driver.registry, 1, WORKERS);
  const route = (...words: string[]): number => {
    placeArguments(driver, words, driver.shard.scratchAt);
    const name = words[0] ?? '';
    const command = driver.registry.byName(name) ??
      driver.registry.byName(`${name}|${words[1] ?? ''}`);
    if (command === undefined) throw new Error(`no command ${name}`);
    return router.ownerOf(command, driver.frame);
  };
  const [a, b, c] = [keyOf(0), keyOf(1), keyOf(2)];

  it.each<[readonly string[], number]>([
    [['GET', a], 0], [['GET', b], 1], [['SET', c, 'v', 'EX', '5'], 2], [['GET'], ROUTE_HERE],
    [['MGET', a, keyOf(0, 50)], 0], [['MGET', a, b], ROUTE_SEVERAL], [['MSET', a, b, a, c], 0],
    [['MSET', a, '1', c, '2'], ROUTE_SEVERAL], [['RENAME', b, `{${b}}x`], 1],
    [['ZUNIONSTORE', a, '2', a, a], 0], [['ZUNIONSTORE', a, '2', a, b], ROUTE_SEVERAL],
    [['ZUNIONSTORE', a, '1', a, 'WEIGHTS', b], 0], [['LMPOP', '2', c, c, 'LEFT'], 2],
    [['XREAD', 'COUNT', '1', 'STREAMS', a, b, '0', '0'], ROUTE_SEVERAL],
    [['XREAD', 'STREAMS', b, '0'], 1], [['PING'], ROUTE_HERE], [['DBSIZE'], ROUTE_HERE],
    [['SORT', a, 'STORE', keyOf(0, 99)], 0], [['SORT', a, 'STORE', b], ROUTE_SEVERAL],
    [['SORT', a, 'BY', 'w_*'], ROUTE_SEVERAL], [['SORT', a, 'BY', 'nosort'], 0],
    [['SORT', a, 'GET', '#', 'GET', 'n_*->f'], ROUTE_SEVERAL], [['SCAN', '0'], ROUTE_HERE],
    [['SCAN', 'x'], ROUTE_HERE],
  ])('%j', (words, wanted) => {
    expect(route(...words)).toBe(wanted);
  });

  it('knows which commands have their only key in front', () => {
    const has = (name: string): boolean =>
      router.hasKeyFirst(driver.registry.byName(name)?.index ?? -1);
    expect(['get', 'set', 'zadd', 'xadd', 'hset'].map(has)).toEqual([true, true, true, true, true]);
    expect(['mget', 'ping', 'eval', 'rename', 'scan'].map(has)).not.toContain(true);
  });
});

describe('the slot map', () => {
  it.each([1, 2, 3, 7, 30])('gives %i workers runs of slots as long as each other', (count) => {
    const owners = slotOwners(count);
    const counts = new Array<number>(count).fill(0);
    for (const owner of owners) counts[owner] = (counts[owner] ?? 0) + 1;
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    expect([...owners]).toEqual([...owners].sort((x, y) => x - y));
    for (let worker = 0; worker < count; worker++) {
      expect(owners.indexOf(worker)).toBe(firstSlotOf(worker, count));
    }
  });
});
