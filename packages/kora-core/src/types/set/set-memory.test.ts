/**
 * Memory refused in the middle of set commands: at every reserve, and with ever fewer pages, a
 * command answers OOM and has changed nothing. Big sets: removing or overwriting one frees all of
 * it, in slices; moving members out of sparse slabs changes nothing; a copy is whole and lives on
 * its own.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { verify } from '../../assert.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { refuseReserves, starveOfPages } from '../../testing/memory-faults.ts';
import { contentsOf } from '../../testing/shard-contents.ts';

const LONG = 'v'.repeat(3000);

function names(count: number, prefix = 'member:'): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${i}`);
}

const integers = [['SADD', 's', ...names(20, '')]];
const manyIntegers = [['SADD', 's', ...names(512, '')]];
const packed = [['SADD', 's', ...names(20)]];
const full = [['SADD', 's', ...names(128)]];
const wide = [['SADD', 's', ...names(150)]];
const two = [...wide, ['SADD', 't', ...names(100), ...names(40, 'other:')]];
const list = [['RPUSH', 'l', ...names(50)], ['SET', 'member:3', 'x'.repeat(70_000)]];

const faults: readonly (readonly [string, readonly (readonly string[])[], readonly string[]])[] = [
  ['a new intset', [], ['SADD', 's', '1']],
  ['a new pack', [], ['SADD', 's', 'a', 'b']],
  ['a new dict', [], ['SADD', 's', ...names(250)]],
  ['an intset that grows', integers, ['SADD', 's', ...names(200, '1')]],
  ['an intset that widens', integers, ['SADD', 's', '5000000000']],
  ['an intset that becomes a pack', integers, ['SADD', 's', 'text']],
  ['an intset that becomes a dict', manyIntegers, ['SADD', 's', 'text']],
  ['an intset that becomes a dict of integers', manyIntegers, ['SADD', 's', '999']],
  ['a pack that grows', packed, ['SADD', 's', ...names(90, 'more:')]],
  ['a pack that becomes a dict by count', full, ['SADD', 's', 'more']],
  ['a pack that becomes a dict by length', packed, ['SADD', 's', LONG]],
  ['a member of a dict', wide, ['SADD', 's', LONG]],
  ['SMOVE to a new key', packed, ['SMOVE', 's', 'other', 'member:3']],
  ['SMOVE to a full pack', [...full, ['SADD', 't', 'a']], ['SMOVE', 't', 's', 'a']],
  ['SMOVE to a dict', [...wide, ['SADD', 't', LONG]], ['SMOVE', 't', 's', LONG]],
  ['SINTERSTORE', two, ['SINTERSTORE', 'd', 's', 't']],
  ['SUNIONSTORE', two, ['SUNIONSTORE', 'd', 's', 't']],
  ['SUNIONSTORE over a source', two, ['SUNIONSTORE', 's', 's', 't']],
  ['SDIFFSTORE', two, ['SDIFFSTORE', 'd', 's', 't']],
  ['SUNION of many', two, ['SUNION', 's', 't', 's', 't', 's', 't']],
  ['SRANDMEMBER of a part', wide, ['SRANDMEMBER', 's', '20']],
  ['COPY of a pack', packed, ['COPY', 's', 'copy']],
  ['COPY of a dict', wide, ['COPY', 's', 'copy']],
  ['SORT', list, ['SORT', 'l', 'ALPHA']],
  ['SORT by long texts', list, ['SORT', 'l', 'BY', '*', 'ALPHA', 'GET', '*']],
  ['SORT STORE', list, ['SORT', 'l', 'ALPHA', 'STORE', 'd']],
  ['SORT STORE over its source', list, ['SORT', 'l', 'ALPHA', 'GET', '*', 'STORE', 'l']],
];

/** Commands that reserve nothing but take what they need: a refusal of pages is what they meet. */
const UNRESERVED = /^(SRANDMEMBER|SORT$)/;

describe('set commands that run out of memory', () => {
  it.each(faults)('change nothing: %s, reserves refused', (_, before, command) => {
    const refusals = refuseReserves({ before }, command);
    const isUnreserved = UNRESERVED.test(command[0] ?? '') && !command.includes('STORE');
    if (!isUnreserved) expect(refusals).toBeGreaterThan(0);
  });

  it.each(faults)('change nothing: %s, few pages', (_, before, command) => {
    expect(starveOfPages({ before }, command)).toBeGreaterThanOrEqual(0);
  });

  it('take back what many chunks of members added', () => {
    for (const before of [[], integers, packed, wide]) {
      for (let refused = 1; refused <= 6; refused++) {
        const driver = new CommandDriver();
        for (const args of before) driver.run(...args);
        const contents = contentsOf(driver.shard);
        const allocator = driver.memory.arenaAllocator;
        const reserve = allocator.reserve.bind(allocator);
        let calls = 0;
        allocator.reserve = (blocks, bytes) => ++calls !== refused && reserve(blocks, bytes);
        const reply = driver.run('SADD', 's', ...names(1200, 'new:'));
        Reflect.deleteProperty(allocator, 'reserve');
        if (reply.startsWith(':')) continue;
        expect(reply).toMatch(/OOM/);
        expect(contentsOf(driver.shard)).toEqual(contents);
        const ref = refOf(driver, 's');
        if (ref !== 0) driver.shard.handlerOf(ref).check(driver.shard, ref);
      }
    }
  });
});

afterEach(() => {
  verify.enabled = false;
});

const COUNT = 5000;

function bigSet(): CommandDriver {
  verify.enabled = true;
  const driver = new CommandDriver();
  driver.run('SADD', 'big', ...names(COUNT));
  return driver;
}

function usedBytes(driver: CommandDriver): number {
  return driver.memory.arenaAllocator.usedBytes();
}

function refOf(driver: CommandDriver, key: string): number {
  const { keyspace, scratchAt } = driver.shard;
  const [db] = keyspace.databases;
  driver.memory.low.set(Buffer.from(key), scratchAt);
  return db === undefined ? 0 : keyspace.find(db, scratchAt, key.length);
}

describe('big sets', () => {
  it.each([
    ['UNLINK', ['UNLINK', 'big']], ['overwriting', ['SET', 'big', '']], ['FLUSHALL', ['FLUSHALL']],
    ['SPOP', ['SPOP', 'big', '10000']],
  ])('are freed whole by %s, in slices', (_, command) => {
    const driver = bigSet();
    const { lazyFree } = driver.shard;
    driver.run(...command);
    expect(lazyFree.pendingObjects).toBeGreaterThan(0);
    driver.settle();
    expect(lazyFree.pendingObjects).toBe(0);
    driver.run('FLUSHALL');
    driver.settle();
    const fresh = new CommandDriver();
    fresh.run('SET', 'big', '');
    fresh.run('FLUSHALL');
    expect(usedBytes(driver)).toBe(usedBytes(fresh));
  });

  it('are evacuated from any cursor, whatever has changed since', () => {
    const driver = bigSet();
    const { arenaAllocator } = driver.memory;
    driver.run('SREM', 'big', ...names(COUNT).filter((__, i) => i % 5 !== 0));
    do arenaAllocator.markSparse(); while (arenaAllocator.isMarking());
    const handler = driver.shard.handlerOf(refOf(driver, 'big'));
    const evacuate = (cursor: number): number =>
      handler.evacuate(driver.shard, refOf(driver, 'big'), cursor);
    let calls = 0;
    for (let cursor = evacuate(0); cursor !== 0 && calls < 1000; calls++) {
      driver.run('SADD', 'big', `more:${calls}`);
      cursor = evacuate(cursor);
    }
    expect(calls).toBeGreaterThan(0);
    expect(evacuate(1_000_000)).toBe(0);
    handler.check(driver.shard, refOf(driver, 'big'));
    expect(driver.run('SCARD', 'big')).toBe(`:${COUNT / 5 + calls}`);
    expect(driver.run('SMISMEMBER', 'big', 'member:4995', 'member:4996')).toBe('*[:1 :0]');
  });

  it('move out of sparse slabs and stay the same', () => {
    const driver = bigSet();
    driver.run('SREM', 'big', ...names(COUNT).filter((__, i) => i % 10 !== 4));
    for (let i = 0; i < 20_000; i++) driver.run('SET', `filler:${i}`, 'x'.repeat(20));
    for (let i = 0; i < 20_000; i++) if (i % 16 !== 0) driver.run('DEL', `filler:${i}`);
    driver.settle();
    expect(driver.run('SCARD', 'big')).toBe(`:${COUNT / 10}`);
    driver.shard.handlerOf(refOf(driver, 'big')).check(driver.shard, refOf(driver, 'big'));
  });

  it('are copied whole, and the copy lives on its own', () => {
    const driver = bigSet();
    expect(driver.run('COPY', 'big', 'copy')).toBe(':1');
    driver.run('DEL', 'big');
    driver.settle();
    expect(driver.run('SCARD', 'copy')).toBe(`:${COUNT}`);
    expect(driver.run('SISMEMBER', 'copy', 'member:4999')).toBe(':1');
  });

  it('weigh about what they take', () => {
    const driver = new CommandDriver();
    const before = usedBytes(driver);
    driver.run('SADD', 'big', ...names(COUNT));
    const weight = Number(driver.run('MEMORY', 'USAGE', 'big').slice(1));
    const taken = usedBytes(driver) - before;
    expect(Math.abs(weight - taken)).toBeLessThan(taken * 0.1);
  });
});
