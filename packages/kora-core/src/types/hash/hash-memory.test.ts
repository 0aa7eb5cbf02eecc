/**
 * Memory refused in the middle of hash commands: at every reserve, and with ever fewer pages, a
 * command answers OOM and has changed nothing. Big hashes: removing, overwriting and expiring one
 * frees all of it, in slices; moving members out of sparse slabs changes nothing; a copy is whole
 * and independent.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { verify } from '../../assert.ts';
import { CHAIN_SLOTS_MAX } from '../../structs/dict-layout.ts';
import type { CommandDriverOptions } from '../../testing/command-driver.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { refuseReserves, starveOfPages } from '../../testing/memory-faults.ts';
import { dictHeader } from './hash.ts';

const LONG = 'v'.repeat(3000);

function pairs(count: number, value = 'value'): string[] {
  return Array.from({ length: count }, (_, i) => [`field:${i}`, `${value}${i}`]).flat();
}

function names(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `field:${i}`);
}

const packed = [['HSET', 'h', ...pairs(10)]];
const full = [['HSET', 'h', ...pairs(64)]];
const wide = [['HSET', 'h', ...pairs(80)]];
const timed = [...packed, ['HEXPIRE', 'h', '100', 'FIELDS', '3', ...names(3)]];

const faults: readonly (readonly [string, readonly (readonly string[])[], readonly string[]])[] = [
  ['a new pack', [], ['HSET', 'h', 'a', '1', 'b', '2']],
  ['a new dict', [], ['HSET', 'h', ...pairs(100)]],
  ['a longer value', packed, ['HSET', 'h', 'field:3', 'x'.repeat(60)]],
  ['one more field', packed, ['HSET', 'h', 'new', 'x'.repeat(60)]],
  ['many more fields', packed, ['HSET', 'h', ...pairs(50, 'another')]],
  ['a pack that becomes a dict by count', full, ['HSET', 'h', 'new', '1']],
  ['a pack that becomes a dict by length', packed, ['HSET', 'h', 'new', LONG]],
  ['a field of a dict', wide, ['HSET', 'h', 'new', LONG]],
  ['a longer value in a dict', wide, ['HSET', 'h', 'field:7', LONG]],
  ['HSETNX', [], ['HSETNX', 'h', 'a', LONG]],
  ['HINCRBY', [], ['HINCRBY', 'h', 'n', '5']],
  ['HINCRBYFLOAT in a dict', wide, ['HINCRBYFLOAT', 'h', 'n', '5.5']],
  ['a first deadline in a pack', packed, ['HEXPIRE', 'h', '9', 'FIELDS', '2', ...names(2)]],
  ['a first deadline in a dict', wide, ['HEXPIRE', 'h', '9', 'FIELDS', '9', ...names(9)]],
  ['more deadlines', timed, ['HEXPIRE', 'h', '9', 'FIELDS', '9', ...names(9)]],
  ['HGETEX', packed, ['HGETEX', 'h', 'EX', '9', 'FIELDS', '2', ...names(2)]],
  ['HSETEX of a new key', [], ['HSETEX', 'h', 'EX', '9', 'FIELDS', '100', ...pairs(100)]],
  ['HSETEX of a pack', packed, ['HSETEX', 'h', 'EX', '9', 'FIELDS', '20', ...pairs(20)]],
  ['HSETEX without a deadline', timed, ['HSETEX', 'h', 'KEEPTTL', 'FIELDS', '20', ...pairs(20)]],
  ['COPY of a pack', packed, ['COPY', 'h', 'copy']],
  ['COPY of a dict', wide, ['COPY', 'h', 'copy']],
  ['COPY with deadlines', timed, ['COPY', 'h', 'copy']],
];

/** Those of them that take the most different things from memory. */
const starved = new Set([
  'a new dict', 'many more fields', 'a pack that becomes a dict by count', 'COPY with deadlines',
  'a longer value in a dict', 'a first deadline in a pack', 'HSETEX of a new key',
]);

describe('hash commands that run out of memory', () => {
  it.each(faults)('change nothing: %s, reserves refused', (_, before, command) => {
    expect(refuseReserves({ before }, command)).toBeGreaterThan(0);
  });

  const few = faults.filter(([name]) => starved.has(name));
  it.each(few)('change nothing: %s, few pages', (_, before, command) => {
    expect(starveOfPages({ before }, command)).toBeGreaterThanOrEqual(0);
  });
});

afterEach(() => {
  verify.enabled = false;
});

const COUNT = 5000;

function bigHash(options: CommandDriverOptions = {}): CommandDriver {
  verify.enabled = true;
  const driver = new CommandDriver(options);
  for (let from = 0; from < COUNT; from += 500) {
    const part = Array.from({ length: 500 }, (_, i) => [`f${from + i}`, `v${from + i}`]).flat();
    driver.run('HSET', 'big', ...part);
  }
  return driver;
}

function usedBytes(driver: CommandDriver): number {
  const { databases } = driver.shard.keyspace;
  const ofWheels = databases.reduce(
    (sum, { wheel }) => sum + (wheel.header === 0 ? 0 : wheel.heldBytes()), 0,
  );
  return driver.memory.arenaAllocator.usedBytes() - ofWheels;
}

describe('small hashes', () => {
  it('keep their size when the same fields are written again', () => {
    const driver = new CommandDriver();
    driver.run('HSET', 'h', ...pairs(10));
    const used = driver.memory.arenaAllocator.usedBytes();
    for (let i = 0; i < 5; i++) driver.run('HSET', 'h', ...pairs(10, 'other'));
    expect(driver.memory.arenaAllocator.usedBytes()).toBe(used);
  });
});

describe('big hashes', () => {
  it.each([
    ['UNLINK', ['UNLINK', 'big']], ['overwriting', ['SET', 'big', '']], ['FLUSHALL', ['FLUSHALL']],
  ])('are freed whole by %s, in slices', (_, command) => {
    const driver = bigHash();
    driver.run('HEXPIRE', 'big', '100', 'FIELDS', '3', 'f1', 'f2', 'f3');
    const { lazyFree } = driver.shard;
    driver.run(...command);
    expect(lazyFree.pendingObjects).toBeGreaterThan(0);
    driver.settle();
    expect(lazyFree.pendingObjects).toBe(0);
    driver.run('DEL', 'big');
    const fresh = new CommandDriver();
    fresh.run('SET', 'big', '');
    fresh.run('DEL', 'big');
    driver.run('FLUSHALL');
    fresh.run('FLUSHALL');
    expect(usedBytes(driver)).toBe(usedBytes(fresh));
  });

  it('move out of sparse slabs and stay the same', () => {
    const driver = bigHash();
    driver.run('HPEXPIRE', 'big', '100000', 'FIELDS', '2', 'f0', 'f4');
    for (let i = 0; i < COUNT; i += 2) if (i % 10 !== 4) driver.run('HDEL', 'big', `f${i + 1}`);
    for (let i = 0; i < 30_000; i++) driver.run('SET', `filler:${i}`, 'x'.repeat(20));
    for (let i = 0; i < 30_000; i++) if (i % 16 !== 0) driver.run('DEL', `filler:${i}`);
    const before = driver.run('HLEN', 'big');
    driver.settle();
    expect(driver.run('HLEN', 'big')).toBe(before);
    expect(driver.run('HMGET', 'big', 'f0', 'f1', 'f4', 'f5')).toBe('*[$"v0" _ $"v4" $"v5"]');
    expect(driver.run('HPTTL', 'big', 'FIELDS', '2', 'f0', 'f4')).toBe('*[:100000 :100000]');
    checkAll(driver);
  });

  it('are evacuated from any cursor, whatever has changed since', () => {
    const driver = bigHash();
    driver.run('HEXPIRE', 'big', '100', 'FIELDS', '2', 'f7', 'f8');
    const { allocatorMarks, evacuateBig } = evacuator(driver);
    for (let i = 0; i < COUNT; i++) if (i % 5 !== 0) driver.run('HDEL', 'big', `f${i}`);
    allocatorMarks();
    expect(sparseMembers(driver)).toBeGreaterThan(100);
    for (let cursor = evacuateBig(0), calls = 0; cursor !== 0 && calls < 1000; calls++) {
      driver.run('HSET', 'big', `more${calls}`, 'x');
      cursor = evacuateBig(cursor);
    }
    expect(evacuateBig(123_456)).toBeLessThanOrEqual(0);
    expect(sparseMembers(driver)).toBe(0);
    checkAll(driver);
    expect(driver.run('HGET', 'big', 'f4995')).toBe('$"v4995"');
  });

  it('are copied whole, and the copy lives on its own', () => {
    const driver = bigHash();
    driver.run('HPEXPIRE', 'big', '500', 'FIELDS', '1', 'f9');
    expect(driver.run('COPY', 'big', 'copy')).toBe(':1');
    checkAll(driver);
    driver.run('DEL', 'big');
    driver.settle();
    expect(driver.run('HLEN', 'copy')).toBe(`:${COUNT}`);
    expect(driver.run('HPTTL', 'copy', 'FIELDS', '1', 'f9')).toBe('*[:500]');
    driver.advance(700);
    expect(driver.run('HLEN', 'copy')).toBe(`:${COUNT - 1}`);
    expect(driver.run('HGET', 'copy', 'f4999')).toBe('$"v4999"');
  });
});

function entryOf(driver: CommandDriver, name: string): number {
  const { memory, shard } = driver;
  for (let i = 0; i < name.length; i++) memory.low[shard.scratchAt + i] = name.charCodeAt(i);
  const [db] = shard.keyspace.databases;
  return db === undefined ? 0 : shard.keyspace.find(db, shard.scratchAt, name.length);
}

function checkAll(driver: CommandDriver): void {
  for (const name of ['big', 'copy']) {
    const ref = entryOf(driver, name);
    if (ref !== 0) driver.shard.handlerOf(ref).check(driver.shard, ref);
  }
}

/** Members of the hash `big` that lie in marked slabs. */
function sparseMembers(driver: CommandDriver): number {
  const { memory, shard } = driver;
  const { dict } = shard.collections;
  dict.bind(dictHeader(shard, entryOf(driver, 'big')));
  const slots = new Int32Array(CHAIN_SLOTS_MAX);
  let sparse = 0;
  for (let line = 0; line < dict.lines(); line++) {
    const met = dict.collectLine(line, slots);
    for (const slot of slots.subarray(0, met)) {
      if (memory.arenaAllocator.isSparse(memory.i32[slot] ?? 0)) sparse++;
    }
  }
  return sparse;
}

/** Marks sparse slabs, and moves parts of the hash `big`. */
function evacuator(driver: CommandDriver): {
  readonly allocatorMarks: () => void;
  readonly evacuateBig: (cursor: number) => number;
} {
  const { shard } = driver;
  return {
    allocatorMarks: () => {
      do shard.memory.arenaAllocator.markSparse();
      while (shard.memory.arenaAllocator.isMarking());
    },
    evacuateBig: (cursor) => {
      const ref = entryOf(driver, 'big');
      return shard.handlerOf(ref).evacuate(shard, ref, cursor);
    },
  };
}
