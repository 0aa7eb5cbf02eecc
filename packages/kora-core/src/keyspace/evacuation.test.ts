/**
 * Evacuation: after random deletes the held memory shrinks to near the used memory, in slices of a
 * bounded number of lines, while every key keeps its value and deadline.
 */
import { describe, expect, it } from 'vitest';
import { SeededChance } from '../platform/platform.ts';
import { CHAIN_SLOTS_MAX } from '../structs/dict-layout.ts';
import { checkChain } from '../testing/chain-handler.ts';
import { KeyspaceFixture } from '../testing/keyspace-fixture.ts';
import { MOVES_PER_SLICE } from './evacuation.ts';
import { Stat } from './statistics.ts';
import { ValueType } from './type-handler.ts';

const KEYS = 100_000;

/** Bytes a key's value has, several sizes so that several classes are sparse. */
function bytesOf(i: number): number {
  return i % 3 === 0 ? 40 : i % 3 === 1 ? 90 : 300;
}

function sparseFixture(keys = KEYS): KeyspaceFixture {
  const fixture = new KeyspaceFixture();
  const chance = new SeededChance(5);
  for (let i = 0; i < keys; i++) {
    fixture.set(`k${i}`, bytesOf(i), i % 5 === 0 ? 1_000_000 : undefined);
  }
  for (let i = 0; i < keys; i++) if ((chance.next32() >>> 0) % 10 !== 0) fixture.remove(`k${i}`);
  return fixture;
}

describe('Evacuation', () => {
  it('brings held memory near used memory after 90% of the keys are gone', () => {
    const fixture = sparseFixture(300_000);
    const { evacuation } = fixture.shard.maintenance;
    const allocator = fixture.shard.memory.arenaAllocator;
    const { counts } = fixture.shard.stats;
    const left: number[] = [];
    for (let i = 0; i < 300_000; i++) if (fixture.check(`k${i}`) >= 0) left.push(i);
    const usedBefore = allocator.usedBytes();
    expect(allocator.heldBytes() / usedBefore).toBeGreaterThan(2);
    let slices = 0;
    let moved = 0;
    while (evacuation.step()) {
      slices++;
      const movedNow = counts[Stat.EvacuatedEntries]! - moved;
      moved += movedNow;
      expect(movedNow).toBeLessThanOrEqual(MOVES_PER_SLICE + CHAIN_SLOTS_MAX);
      expect(slices).toBeLessThan(10_000);
    }
    expect(moved).toBeGreaterThan(left.length / 2);
    expect(allocator.usedBytes()).toBe(usedBefore);
    expect(allocator.heldBytes() / usedBefore).toBeLessThan(1.25);
    for (const i of left) {
      if (fixture.check(`k${i}`) !== bytesOf(i)) throw new Error(`k${i} was damaged`);
    }
    expect(fixture.database().count).toBe(left.length);
    fixture.advance(1_000_300);
    while (fixture.shard.maintenance.expiry.step());
    expect(fixture.database().count).toBe(left.filter((i) => i % 5 !== 0).length);
  });

  it('rests where memory is dense, and after a pass until enough has changed', () => {
    const dense = new KeyspaceFixture();
    for (let i = 0; i < 50_000; i++) dense.set(`k${i}`, 80);
    expect(dense.shard.maintenance.evacuation.step()).toBe(false);
    expect(dense.shard.stats.counts[Stat.EvacuatedEntries]).toBe(0);

    const fixture = sparseFixture();
    const { evacuation } = fixture.shard.maintenance;
    while (evacuation.step());
    expect(evacuation.isActive).toBe(false);
    const moved = fixture.shard.stats.counts[Stat.EvacuatedEntries]!;
    for (let i = 0; i < 100; i++) expect(evacuation.step()).toBe(false);
    expect(fixture.shard.stats.counts[Stat.EvacuatedEntries]).toBe(moved);
  });

  it('goes on correctly while keys come and go between its slices', () => {
    const fixture = sparseFixture();
    const chance = new SeededChance(9);
    const { evacuation } = fixture.shard.maintenance;
    const values = new Map<string, number>();
    for (let i = 0; i < KEYS; i++) {
      const bytes = fixture.check(`k${i}`);
      if (bytes >= 0) values.set(`k${i}`, bytes);
    }
    for (let slice = 0; evacuation.step() && slice < 2_000; slice++) {
      for (let i = 0; i < 40; i++) {
        const key = `k${(chance.next32() >>> 0) % KEYS}`;
        if ((chance.next32() & 1) === 0) {
          fixture.set(key, 70);
          values.set(key, 70);
        } else {
          fixture.remove(key);
          values.delete(key);
        }
      }
    }
    expect(fixture.database().count).toBe(values.size);
    for (const [key, bytes] of values) {
      if (fixture.check(key) !== bytes) throw new Error(`${key} was damaged`);
    }
  });

  it('moves big values in slices, safely while they change, go and come', () => {
    for (const seed of [31, 32, 33]) {
      const fixture = new KeyspaceFixture({ seed });
      const chance = new SeededChance(seed);
      const { shard } = fixture;
      const { evacuation } = shard.maintenance;
      // Every other chain goes again, so that all slabs of blocks are half empty.
      for (let i = 0; i < 400; i++) fixture.setChain(`c${i}`, 300, 48);
      for (let i = 0; i < 400; i++) if (i % 4 !== 0) fixture.remove(`c${i}`);
      while (shard.lazyFree.step());
      const held = shard.memory.arenaAllocator.heldBytes();
      let slices = 0;
      while (evacuation.step() && slices < 20_000) {
        slices++;
        const key = `c${4 * ((chance.next32() >>> 0) % 100)}`;
        const kind = (chance.next32() >>> 0) % 40;
        if (kind === 0) fixture.remove(key);
        else if (kind === 1) fixture.setChain(key, 200, 48);
        else if (kind === 2) fixture.set(key, 40);
        if (kind < 3) while (shard.lazyFree.step());
      }
      expect(slices, `seed ${seed}`).toBeGreaterThan(100);
      expect(shard.memory.arenaAllocator.heldBytes()).toBeLessThan(held * 0.75);
      let chains = 0;
      for (let i = 0; i < 400; i++) {
        const ref = fixture.find(`c${i}`);
        if (ref === 0 || !shard.keyspace.isType(ref, ValueType.List)) continue;
        checkChain(shard, ref);
        chains++;
      }
      expect(chains, `seed ${seed}`).toBeGreaterThan(10);
    }
  });
});
