/**
 * Memory refused in the middle of sorted set commands: at every reserve, and with ever fewer pages,
 * a command answers OOM and has changed nothing. Big sets: removing and overwriting one frees all
 * of it, in slices; moving members and nodes out of sparse slabs changes nothing; a copy is whole
 * and independent.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { verify } from '../../assert.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { refuseReserves, starveOfPages } from '../../testing/memory-faults.ts';

const LONG = 'v'.repeat(3000);

function pairs(count: number, name = 'member'): string[] {
  return Array.from({ length: count }, (_, i) => [String(i * 1.5), `${name}:${i}`]).flat();
}

const packed = [['ZADD', 'z', ...pairs(10)]];
const full = [['ZADD', 'z', ...pairs(64)]];
// Small enough to be freed at once, so that nothing waits when the bytes are counted.
const wide = [['ZADD', 'z', ...pairs(250)]];
const both = [...wide, ['ZADD', 'y', ...pairs(10)]];

const faults: readonly (readonly [string, readonly (readonly string[])[], readonly string[]])[] = [
  ['a new pack', [], ['ZADD', 'z', '1', 'a', '2', 'b']],
  ['a new tree', [], ['ZADD', 'z', ...pairs(100)]],
  ['one more member', packed, ['ZADD', 'z', '3', 'x'.repeat(60)]],
  ['many more members', packed, ['ZADD', 'z', ...pairs(50, 'another')]],
  ['a pack that becomes a tree by count', full, ['ZADD', 'z', '3', 'new']],
  ['a pack that becomes a tree by length', packed, ['ZADD', 'z', '3', LONG]],
  ['a member of a tree', wide, ['ZADD', 'z', '3', LONG]],
  ['members of a tree', wide, ['ZADD', 'z', ...pairs(40, 'another')]],
  ['another score in a tree', wide, ['ZADD', 'z', '999', 'member:3']],
  ['ZINCRBY of a new key', [], ['ZINCRBY', 'z', '1', 'a']],
  ['ZINCRBY in a tree', wide, ['ZINCRBY', 'z', '1000', 'member:3']],
  ['ZADD INCR in a pack', packed, ['ZADD', 'z', 'INCR', '1', 'new']],
  ['ZRANGESTORE to a new key', wide, ['ZRANGESTORE', 'dest', 'z', '0', '20']],
  ['ZRANGESTORE of a tree', wide, ['ZRANGESTORE', 'dest', 'z', '0', '-1']],
  ['ZRANGESTORE over another', both, ['ZRANGESTORE', 'y', 'z', '5', '200']],
  ['ZRANGESTORE over itself', wide, ['ZRANGESTORE', 'z', 'z', '5', '200']],
  ['COPY of a pack', packed, ['COPY', 'z', 'copy']],
  ['COPY of a tree', wide, ['COPY', 'z', 'copy']],
];

describe('sorted set commands that run out of memory', () => {
  it.each(faults)('change nothing: %s, reserves refused', (_, before, command) => {
    expect(refuseReserves({ before }, command)).toBeGreaterThan(0);
  });

  it.each(faults)('change nothing: %s, few pages', (_, before, command) => {
    expect(starveOfPages({ before }, command)).toBeGreaterThanOrEqual(0);
  });

  it.each([
    ['ZREM', ['ZREM', 'z', 'member:5', 'member:9']], ['ZPOPMAX', ['ZPOPMAX', 'z', '100']],
    ['ZREMRANGEBYSCORE', ['ZREMRANGEBYSCORE', 'z', '10', '400']],
    ['a score in its place', ['ZADD', 'z', '0', 'member:0']],
  ])('need none: %s', (_, command) => {
    expect(refuseReserves({ before: packed }, command)).toBe(0);
  });
});

afterEach(() => {
  verify.enabled = false;
});

const COUNT = 5000;

function bigSet(): CommandDriver {
  verify.enabled = true;
  const driver = new CommandDriver();
  for (let from = 0; from < COUNT; from += 500) {
    const part = Array.from({ length: 500 }, (_, i) => {
      const n = from + i;
      return [String((n * 7919) % 1000), `m${n}`];
    });
    driver.run('ZADD', 'big', ...part.flat());
  }
  return driver;
}

function check(driver: CommandDriver, key: string): void {
  const { shard, memory } = driver;
  const [db] = shard.keyspace.databases;
  memory.low.set(Buffer.from(key), shard.scratchAt);
  const ref = shard.keyspace.find(db!, shard.scratchAt, key.length);
  expect(ref).toBeGreaterThan(0);
  shard.handlerOf(ref).check(shard, ref);
}

describe('big sorted sets', () => {
  it.each([
    ['UNLINK', ['UNLINK', 'big']], ['overwriting', ['SET', 'big', '']],
    ['ZREMRANGEBYRANK', ['ZREMRANGEBYRANK', 'big', '0', '-1']],
    ['ZPOPMIN', ['ZPOPMIN', 'big', '100000']],
  ])('are freed whole by %s, in slices', (_, command) => {
    const driver = bigSet();
    const { lazyFree } = driver.shard;
    driver.run(...command);
    expect(lazyFree.pendingObjects).toBeGreaterThan(0);
    driver.settle();
    expect(lazyFree.pendingObjects).toBe(0);
    driver.run('FLUSHALL');
    const fresh = new CommandDriver();
    fresh.run('SET', 'big', '');
    fresh.run('FLUSHALL');
    const used = driver.memory.arenaAllocator.usedBytes();
    expect(used).toBe(fresh.memory.arenaAllocator.usedBytes());
  });

  it('move out of sparse slabs and stay the same', () => {
    const driver = bigSet();
    for (let i = 0; i < COUNT; i++) if (i % 6 !== 0) driver.run('ZREM', 'big', `m${i}`);
    const before = driver.run('ZRANGE', 'big', '0', '-1', 'WITHSCORES');
    const held = driver.memory.arenaAllocator.heldBytes();
    driver.settle();
    check(driver, 'big');
    expect(driver.run('ZRANGE', 'big', '0', '-1', 'WITHSCORES')).toBe(before);
    expect(driver.memory.arenaAllocator.heldBytes()).toBeLessThan(held);
    driver.run('ZADD', 'big', '5', 'm0', '6', 'new');
    check(driver, 'big');
  });

  it('are copied whole and apart', () => {
    const driver = bigSet();
    expect(driver.run('COPY', 'big', 'copy')).toBe(':1');
    check(driver, 'copy');
    const members = driver.run('ZRANGE', 'copy', '0', '-1', 'WITHSCORES');
    expect(members).toBe(driver.run('ZRANGE', 'big', '0', '-1', 'WITHSCORES'));
    driver.run('ZREMRANGEBYSCORE', 'copy', '100', '900');
    expect(driver.run('ZCARD', 'big')).toBe(`:${COUNT}`);
    check(driver, 'copy');
    check(driver, 'big');
  });

  it('stay what they are through DUMP and RESTORE', () => {
    const driver = bigSet();
    driver.run('ZADD', 'small', '1.5', 'a', '-inf', 'b', '3', '17');
    for (const key of ['big', 'small']) {
      const dump = driver.reply('DUMP', key);
      if (!('text' in dump)) throw new Error('DUMP answers a text');
      expect(driver.run('RESTORE', `${key}2`, '0', dump.text)).toBe('+"OK"');
      check(driver, `${key}2`);
      const members = driver.run('ZRANGE', `${key}2`, '0', '-1', 'WITHSCORES');
      expect(members).toBe(driver.run('ZRANGE', key, '0', '-1', 'WITHSCORES'));
      expect(driver.run('OBJECT', 'ENCODING', `${key}2`))
        .toBe(driver.run('OBJECT', 'ENCODING', key));
    }
  });
});
