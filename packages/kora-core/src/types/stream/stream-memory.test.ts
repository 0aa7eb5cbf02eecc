/**
 * Memory refused in the middle of stream commands: at every reserve, and with ever fewer pages, a
 * command answers OOM and has changed nothing. Big streams and groups: removing one frees all of
 * it, in slices; moving blocks and records out of sparse slabs changes nothing, whatever happens
 * between two calls.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { verify } from '../../assert.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { refuseReserves, starveOfPages } from '../../testing/memory-faults.ts';

const LONG = 'v'.repeat(3000);

function adds(count: number, value = 'value'): string[][] {
  return Array.from({ length: count }, (_, i) => ['XADD', 's', `${i + 1}-1`, 'field', value]);
}

const few = adds(5);
const group = [...few, ['XGROUP', 'CREATE', 's', 'g', '0']];
const pending = [...group, ['XREADGROUP', 'GROUP', 'g', 'ada', 'COUNT', '3', 'STREAMS', 's', '>']];
const many = [...adds(150), ['XGROUP', 'CREATE', 's', 'g', '0']];
const manyPending = [...many, ['XREADGROUP', 'GROUP', 'g', 'ada', 'STREAMS', 's', '>']];

const faults: readonly (readonly [string, readonly (readonly string[])[], readonly string[]])[] = [
  ['a new stream', [], ['XADD', 's', '1-1', 'a', '1']],
  ['a new stream with a long entry', [], ['XADD', 's', '1-1', 'a', LONG]],
  ['a block that grows', few, ['XADD', 's', '9-1', 'other', LONG]],
  ['a second block', adds(100), ['XADD', 's', '999-1', 'a', 'b']],
  ['a third block', adds(200), ['XADD', 's', '999-1', 'a', LONG]],
  ['adding with a trim', adds(200), ['XADD', 's', 'MAXLEN', '10', '999-1', 'a', LONG]],
  ['a first group', few, ['XGROUP', 'CREATE', 's', 'g', '0']],
  ['a group with its stream', [], ['XGROUP', 'CREATE', 's', 'g', '0', 'MKSTREAM']],
  ['another group', group, ['XGROUP', 'CREATE', 's', 'other', '0']],
  ['a consumer', group, ['XGROUP', 'CREATECONSUMER', 's', 'g', 'n'.repeat(300)]],
  ['a first delivery', group, ['XREADGROUP', 'GROUP', 'g', 'ada', 'STREAMS', 's', '>']],
  ['a delivery of many', many, ['XREADGROUP', 'GROUP', 'g', 'ada', 'STREAMS', 's', '>']],
  ['a delivery to another', pending, ['XREADGROUP', 'GROUP', 'g', 'bob', 'STREAMS', 's', '>']],
  ['a history without a consumer', pending, ['XREADGROUP', 'GROUP', 'g', 'b', 'STREAMS', 's', '0']],
  ['XCLAIM', pending, ['XCLAIM', 's', 'g', 'bob', '0', '1-1', '2-1', '3-1']],
  ['XCLAIM FORCE', group, ['XCLAIM', 's', 'g', 'bob', '0', '1-1', '2-1', 'FORCE']],
  ['XAUTOCLAIM', manyPending, ['XAUTOCLAIM', 's', 'g', 'bob', '0', '0', 'COUNT', '200']],
  ['XSETID back', [...few, ['XDEL', 's', '5-1']], ['XSETID', 's', '4-1']],
  ['COPY', manyPending, ['COPY', 's', 'copy']],
];

describe('stream commands that run out of memory', () => {
  it.each(faults)('change nothing: %s, reserves refused', (_, before, command) => {
    expect(refuseReserves({ before }, command)).toBeGreaterThanOrEqual(0);
  });

  it.each(faults)('change nothing: %s, few pages', (_, before, command) => {
    expect(starveOfPages({ before }, command)).toBeGreaterThanOrEqual(0);
  });

  it('are refused where they reserve', () => {
    expect(refuseReserves({ before: few }, ['XADD', 's', '9-1', 'other', LONG])).toBe(1);
    expect(refuseReserves({ before: many }, ['XREADGROUP', 'GROUP', 'g', 'a', 'STREAMS', 's', '>']))
      .toBe(1);
  });
});

afterEach(() => {
  verify.enabled = false;
});

const COUNT = 8000;

/** A stream of 80 blocks, with a group whose consumers have all of it pending. */
function bigStream(): CommandDriver {
  verify.enabled = true;
  const driver = new CommandDriver();
  for (let i = 1; i <= COUNT; i++) driver.run('XADD', 'big', `${i}-1`, 'f', `v${i}`);
  driver.run('XGROUP', 'CREATE', 'big', 'g', '0');
  for (let i = 0; i < 8; i++) {
    driver.run('XREADGROUP', 'GROUP', 'g', `c${i}`, 'COUNT', '1000', 'STREAMS', 'big', '>');
  }
  return driver;
}

function usedBytes(driver: CommandDriver): number {
  return driver.memory.arenaAllocator.usedBytes();
}

function bigEntry(driver: CommandDriver): number {
  const { keyspace, scratchAt } = driver.shard;
  for (let i = 0; i < 3; i++) driver.memory.low[scratchAt + i] = 'big'.charCodeAt(i);
  const [db] = keyspace.databases;
  return db === undefined ? 0 : keyspace.find(db, scratchAt, 3);
}

function check(driver: CommandDriver): void {
  const ref = bigEntry(driver);
  driver.shard.handlerOf(ref).check(driver.shard, ref);
}

describe('big streams', () => {
  it.each([
    ['UNLINK', ['UNLINK', 'big']], ['overwriting', ['SET', 'big', '']], ['FLUSHALL', ['FLUSHALL']],
  ])('are freed whole by %s, in slices', (_, command) => {
    const driver = bigStream();
    const { lazyFree } = driver.shard;
    driver.run(...command);
    expect(lazyFree.pendingObjects).toBeGreaterThan(0);
    driver.settle();
    expect(lazyFree.pendingObjects).toBe(0);
    driver.run('DEL', 'big');
    driver.run('FLUSHALL');
    const fresh = new CommandDriver();
    fresh.run('SET', 'big', '');
    fresh.run('FLUSHALL');
    expect(usedBytes(driver)).toBe(usedBytes(fresh));
  });

  it('give the memory of a destroyed group back in slices', () => {
    const driver = bigStream();
    driver.run('XGROUP', 'CREATE', 'big', 'other', '0');
    driver.run('XGROUP', 'DESTROY', 'big', 'other');
    expect(driver.run('XGROUP', 'DESTROY', 'big', 'g')).toBe(':1');
    expect(driver.shard.lazyFree.pendingObjects).toBe(1);
    driver.settle();
    const without = new CommandDriver();
    for (let i = 1; i <= COUNT; i++) without.run('XADD', 'big', `${i}-1`, 'f', `v${i}`);
    expect(usedBytes(driver)).toBe(usedBytes(without));
    check(driver);
  });

  it('weigh what their blocks weigh', () => {
    const driver = bigStream();
    const ref = bigEntry(driver);
    const before = usedBytes(driver);
    const owned = driver.shard.handlerOf(ref).ownedBytes(driver.shard, ref);
    driver.run('DEL', 'big');
    driver.settle();
    const freed = before - usedBytes(driver);
    expect(Math.abs(owned - freed) / freed).toBeLessThan(0.05);
  });

  it('are evacuated from any cursor, whatever has changed since', () => {
    const driver = bigStream();
    const { shard } = driver;
    const allocator = shard.memory.arenaAllocator;
    for (let i = 1; i <= COUNT; i++) if (i % 5 !== 0) driver.run('XACK', 'big', 'g', `${i}-1`);
    for (let i = 1; i <= COUNT; i++) if (i % 300 > 50) driver.run('XDEL', 'big', `${i}-1`);
    const length = driver.run('XLEN', 'big');
    do allocator.markSparse();
    while (allocator.isMarking());
    expect(allocator.markSparse()).toBeGreaterThan(0);
    const handler = shard.handlerOf(bigEntry(driver));
    let calls = 0;
    for (let cursor = handler.evacuate(shard, bigEntry(driver), 0); cursor !== 0; calls++) {
      driver.run('XADD', 'big', `${COUNT + calls + 1}-1`, 'f', 'more');
      driver.run('XACK', 'big', 'g', `${5 * calls}-1`);
      cursor = handler.evacuate(shard, bigEntry(driver), cursor);
      expect(calls).toBeLessThan(1000);
    }
    expect(calls).toBeGreaterThan(10);
    check(driver);
    for (const cursor of [123, 2 ** 40 + 7, 2 ** 41 + 3, 3 * 2 ** 40, 2 ** 52]) {
      handler.evacuate(shard, bigEntry(driver), cursor);
    }
    check(driver);
    expect(driver.run('XLEN', 'big')).toBe(`:${Number(length.slice(1)) + calls}`);
    expect(driver.run('XRANGE', 'big', '301', '301')).toBe('*[*[$"301-1" *[$"f" $"v301"]]]');
  });
});
