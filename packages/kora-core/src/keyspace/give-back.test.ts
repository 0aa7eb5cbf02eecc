/**
 * Giving pages back: nothing without an advisor; after a flush everything, in bounded slices and
 * only when it lay free for a second; a hole that comes and goes is left alone; MEMORY PURGE does
 * not wait; what the accounting says stays the same, and the memory is good for use afterwards.
 */
import { describe, expect, it } from 'vitest';
import { PAGE_BYTES } from '../structs/memory-layout.ts';
import type { MemoryAdvisor } from '../structs/memory-advisor.ts';
import { CommandDriver } from '../testing/command-driver.ts';
import { GarbageAdvisor } from '../testing/garbage-advisor.ts';
import { KeyspaceFixture } from '../testing/keyspace-fixture.ts';
import {
  GIVE_BACK_MARGIN_PAGES, GIVE_BACK_PAGES_PER_SLICE, GIVE_BACK_PERIOD_MS,
} from './give-back.ts';

const KEYS = 40_000;
const VALUE_BYTES = 1000;

function fill(fixture: KeyspaceFixture, prefix = 'k'): void {
  for (let i = 0; i < KEYS; i++) {
    if (!fixture.set(`${prefix}${i}`, VALUE_BYTES)) throw new Error('the memory is full');
  }
}

function removeAll(fixture: KeyspaceFixture): void {
  for (let i = 0; i < KEYS; i++) fixture.remove(`k${i}`);
}

/** Lets so many periods pass, with a tick in each and all the work it leads to. */
function pass(fixture: KeyspaceFixture, periods: number): number {
  let slices = 0;
  for (let i = 0; i < periods; i++) {
    fixture.advance(GIVE_BACK_PERIOD_MS);
    while (fixture.shard.maintain()) slices++;
  }
  return slices;
}

function usedPages(fixture: KeyspaceFixture): number {
  const { runs } = fixture.shard.memory.arenaAllocator;
  return runs.topPage - runs.firstPage - runs.freePages;
}

describe('GiveBack', () => {
  it('does nothing without an advisor', () => {
    const fixture = new KeyspaceFixture();
    fill(fixture);
    removeAll(fixture);
    fixture.advance(10 * GIVE_BACK_PERIOD_MS);
    expect(fixture.shard.maintenance.giveBack.step()).toBe(false);
    fixture.shard.maintenance.giveBack.purge();
    expect(fixture.shard.maintenance.giveBack.offeredBytes).toBe(0);
  });

  it('gives back what lay free for a second, in bounded slices', () => {
    const fixture = new KeyspaceFixture();
    const advisor = new GarbageAdvisor(fixture.shard.memory);
    const { giveBack } = fixture.shard.maintenance;
    fill(fixture);
    const peak = usedPages(fixture);
    pass(fixture, 1);
    removeAll(fixture);
    const used = fixture.shard.usedBytes();
    const held = fixture.shard.memory.arenaAllocator.heldBytes();
    fixture.advance(GIVE_BACK_PERIOD_MS - 1);
    while (fixture.shard.maintain());
    expect(advisor.offers).toEqual([]);
    pass(fixture, 3);
    expect(advisor.offeredPages()).toBeGreaterThan((peak - usedPages(fixture)) * 0.95);
    const most = GIVE_BACK_PAGES_PER_SLICE * 1.25 + 2 * GIVE_BACK_MARGIN_PAGES;
    for (const { pages } of advisor.offers) expect(pages).toBeLessThanOrEqual(most);
    expect(advisor.offers.length).toBeGreaterThan(5);
    expect(giveBack.offeredBytes).toBe(advisor.offeredPages() * PAGE_BYTES);
    expect(fixture.shard.usedBytes()).toBe(used);
    expect(fixture.shard.memory.arenaAllocator.heldBytes()).toBe(held);
  });

  it('gives back the holes between data, and nothing twice', () => {
    const fixture = new KeyspaceFixture();
    const advisor = new GarbageAdvisor(fixture.shard.memory);
    for (let i = 0; i < 20_000; i++) fixture.set(`a${i}`, VALUE_BYTES);
    fill(fixture);
    for (let i = 0; i < 20_000; i++) fixture.set(`z${i}`, 2000);
    for (let i = 0; i < KEYS; i++) fixture.remove(`k${i}`);
    pass(fixture, 4);
    expect(advisor.offeredPages() * PAGE_BYTES).toBeGreaterThan(KEYS * VALUE_BYTES * 0.9);
    const offers = advisor.offers.length;
    pass(fixture, 5);
    expect(advisor.offers.length).toBe(offers);
    for (let i = 0; i < 20_000; i++) {
      if (fixture.check(`a${i}`) !== VALUE_BYTES) throw new Error(`a${i} was damaged`);
      if (fixture.check(`z${i}`) !== 2000) throw new Error(`z${i} was damaged`);
    }
  });

  it('lets data come back into what was given back', () => {
    const fixture = new KeyspaceFixture();
    const advisor = new GarbageAdvisor(fixture.shard.memory);
    for (let round = 0; round < 3; round++) {
      fill(fixture);
      for (let i = 0; i < KEYS; i++) {
        if (fixture.check(`k${i}`) !== VALUE_BYTES) throw new Error(`round ${round}: k${i}`);
      }
      removeAll(fixture);
      const before = advisor.offeredPages();
      pass(fixture, 4);
      expect(advisor.offeredPages() - before).toBeGreaterThan(5000);
    }
    expect(advisor.grownToByte).toBe(fixture.shard.memory.pages * PAGE_BYTES);
  });

  it('waits for a whole period after the one in which a hole opened', () => {
    const fixture = new KeyspaceFixture();
    const advisor = new GarbageAdvisor(fixture.shard.memory);
    const allocator = fixture.shard.memory.arenaAllocator;
    const hole = allocator.alloc(8_000_000);
    expect(allocator.alloc(100_000)).toBeGreaterThan(hole);
    pass(fixture, 1);
    fixture.advance(GIVE_BACK_PERIOD_MS - 1);
    while (fixture.shard.maintain());
    allocator.free(hole);
    for (const ms of [1, GIVE_BACK_PERIOD_MS - 1]) {
      fixture.advance(ms);
      while (fixture.shard.maintain());
      expect(advisor.offers).toEqual([]);
    }
    fixture.advance(1);
    while (fixture.shard.maintain());
    expect(advisor.offeredPages() * PAGE_BYTES).toBeGreaterThan(7_900_000);
  });

  it.each([
    ['between data', true], ['above all data', false],
  ])('leaves alone what is used again within a second, %s', (_where, isHole) => {
    const fixture = new KeyspaceFixture();
    const advisor = new GarbageAdvisor(fixture.shard.memory);
    const allocator = fixture.shard.memory.arenaAllocator;
    const first = allocator.alloc(isHole ? 8_000_000 : 100_000);
    const above = allocator.alloc(100_000);
    if (isHole) allocator.free(first);
    for (let round = 0; round < 20; round++) {
      const block = allocator.alloc(8_000_000);
      expect(block).not.toBe(0);
      fixture.advance(GIVE_BACK_PERIOD_MS / 4);
      while (fixture.shard.maintain());
      allocator.free(block);
      fixture.advance(GIVE_BACK_PERIOD_MS / 4);
      while (fixture.shard.maintain());
    }
    expect(advisor.offers).toEqual([]);
    pass(fixture, 3);
    expect(advisor.offeredPages() * PAGE_BYTES).toBeGreaterThan(7_900_000);
    allocator.free(above);
  });

  it('takes a refusal for an answer', () => {
    const fixture = new KeyspaceFixture();
    let calls = 0;
    const refusing: MemoryAdvisor = {
      onGrow: () => undefined,
      giveBack: () => {
        calls++;
        return false;
      },
    };
    fixture.shard.memory.attachAdvisor(refusing);
    fill(fixture);
    removeAll(fixture);
    pass(fixture, 4);
    const after = calls;
    expect(after).toBeGreaterThan(0);
    pass(fixture, 4);
    expect(calls).toBe(after);
    expect(fixture.shard.maintenance.giveBack.refusals).toBe(after);
    expect(fixture.shard.maintenance.giveBack.offeredBytes).toBe(0);
  });

  it('goes on when the clock is put back', () => {
    const fixture = new KeyspaceFixture();
    const advisor = new GarbageAdvisor(fixture.shard.memory);
    fill(fixture);
    removeAll(fixture);
    for (let i = 0; i < 3; i++) {
      fixture.advance(-3_600_000);
      while (fixture.shard.maintain());
    }
    expect(advisor.offers).toEqual([]);
    pass(fixture, 4);
    expect(advisor.offeredPages()).toBeGreaterThan(5000);
  });
});

describe('MEMORY PURGE', () => {
  it('gives back all free pages at once, small holes too', () => {
    const driver = new CommandDriver();
    const advisor = new GarbageAdvisor(driver.memory);
    const value = 'v'.repeat(60_000);
    for (let i = 0; i < 200; i++) driver.run('SET', `k${i}`, value);
    for (let i = 0; i < 200; i += 2) driver.run('DEL', `k${i}`);
    expect(driver.run('MEMORY', 'PURGE')).toBe('+"OK"');
    const { runs } = driver.memory.arenaAllocator;
    // A run's first page carries its links.
    expect(advisor.offeredPages()).toBeGreaterThan(runs.freePages * 0.9);
    const pages = advisor.offeredPages();
    driver.run('MEMORY', 'PURGE');
    expect(advisor.offeredPages()).toBe(pages);
    for (let i = 1; i < 200; i += 2) expect(driver.run('STRLEN', `k${i}`)).toBe(':60000');
    driver.run('FLUSHALL');
    driver.run('MEMORY', 'PURGE');
    expect(advisor.offeredPages() - pages).toBeGreaterThan(100 * 14);
  });
});
