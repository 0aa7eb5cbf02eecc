/**
 * When a vector set has an index: made as it grows, filled in slices, dropped as it shrinks or
 * goes, not made where memory is short, and right after its elements and its root block were moved.
 */
import { describe, expect, it } from 'vitest';
import { checkShard } from '../../admin/shard-check.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { NaiveNearest } from '../../testing/naive-nearest.ts';

const DIMENSION = 1024;
/** Elements from which a set of that dimension is big, and below which its index goes. */
const BIG = 128;
const SMALL = 32;

function blobOf(value: number): Uint8Array {
  const vector = new Float32Array(DIMENSION).fill(1);
  vector[value % DIMENSION] = 100 + value;
  return new Uint8Array(vector.buffer);
}

function add(driver: CommandDriver, key: string, from: number, to: number): void {
  for (let i = from; i < to; i++) {
    const reply = driver.run('VADD', key, 'FP32', blobOf(i), `e${i}`, 'BIN');
    if (reply.startsWith('-')) throw new Error(reply);
  }
}

function driverOf(): { driver: CommandDriver; engine: NaiveNearest } {
  const engine = new NaiveNearest();
  return { driver: new CommandDriver({ vectorEngine: engine }), engine };
}

describe('an index', () => {
  it('is there from a size on, and goes at a quarter of it', () => {
    const { driver, engine } = driverOf();
    add(driver, 'v', 0, BIG - 1);
    driver.run('VSIM', 'v', 'ELE', 'e0');
    expect(engine.openCount).toBe(0);
    add(driver, 'v', BIG - 1, BIG);
    expect(engine.openCount).toBe(1);
    expect(driver.shard.vectors.indexBytes).toBeGreaterThan(0);
    for (let i = 0; i < BIG - SMALL; i++) driver.run('VREM', 'v', `e${i}`);
    expect(engine.openCount).toBe(1);
    driver.run('VREM', 'v', `e${BIG - 1}`);
    expect(engine.openCount).toBe(0);
    expect(driver.shard.vectors.indexBytes).toBe(0);
    checkShard(driver.shard);
  });

  it('is filled in slices, while searches scan', () => {
    const { driver, engine } = driverOf();
    engine.isFull = true;
    add(driver, 'v', 0, 3000);
    engine.isFull = false;
    expect(engine.openCount).toBe(0);
    driver.clock.advance(2000);
    driver.run('VSIM', 'v', 'ELE', 'e0');
    expect(engine.openCount).toBe(1);
    expect(engine.searchCount).toBe(0);
    expect(driver.turnsRequested).toBeGreaterThan(0);
    let slices = 0;
    while (engine.searchCount === 0 && slices++ < 1000) {
      driver.shard.maintain();
      driver.run('VSIM', 'v', 'ELE', `e${slices}`);
      driver.run('VREM', 'v', `e${2999 - slices}`);
    }
    expect(slices).toBeGreaterThan(5);
    expect(slices).toBeLessThan(40);
    checkShard(driver.shard);
    driver.settle();
    expect(driver.shard.vectors.isBusy).toBe(false);
  });

  it('goes with its key, whichever way that goes', () => {
    const { driver, engine } = driverOf();
    for (const last of [
      'DEL v', 'UNLINK v', 'FLUSHALL', 'FLUSHDB ASYNC', 'SET v x', 'PEXPIRE v 0',
      'COPY w v REPLACE', 'RENAME w v', 'SWAPDB 0 1',
    ]) {
      add(driver, 'v', 0, BIG + 300);
      add(driver, 'w', 0, 2);
      expect(engine.openCount, last).toBe(1);
      driver.runLine(last);
      driver.settle();
      expect(engine.openCount, last).toBe(last.startsWith('SWAPDB') ? 1 : 0);
      driver.run('FLUSHALL');
      driver.settle();
      expect(engine.openCount, last).toBe(0);
      expect(driver.shard.vectors.indexBytes, last).toBe(0);
    }
    expect(driver.errors).toEqual([]);
  });

  it('follows its set to another name and database', () => {
    const { driver, engine } = driverOf();
    add(driver, 'v', 0, BIG + 10);
    driver.run('RENAME', 'v', 'w');
    driver.run('MOVE', 'w', '1');
    driver.run('SWAPDB', '0', '1');
    driver.run('PEXPIRE', 'w', '100000');
    driver.run('VREM', 'w', 'e5');
    add(driver, 'w', 500, 505);
    checkShard(driver.shard);
    driver.settle();
    driver.run('VSIM', 'w', 'ELE', 'e500');
    expect(engine.searchCount).toBe(1);
    expect(engine.openCount).toBe(1);
  });

  it('counts to maxmemory, and is not made beyond it', () => {
    const { driver, engine } = driverOf();
    const limit = driver.shard.usedBytes() + BIG * 1000;
    driver.run('CONFIG', 'SET', 'maxmemory', limit);
    add(driver, 'v', 0, BIG + 20);
    driver.run('VSIM', 'v', 'ELE', 'e1');
    expect(engine.openCount).toBe(0);
    driver.run('CONFIG', 'SET', 'maxmemory', limit * 4);
    driver.clock.advance(2000);
    driver.run('VSIM', 'v', 'ELE', 'e1');
    expect(engine.openCount).toBe(1);
    driver.run('CONFIG', 'SET', 'maxmemory', '1');
    driver.run('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-random');
    driver.settle();
    driver.run('PING');
    expect(driver.run('DBSIZE')).toBe(':0');
    expect(engine.openCount).toBe(0);
  });

  it('knows its elements after they were moved', () => {
    const { driver, engine } = driverOf();
    // Elements among others of their size that go again: their slabs are nearly empty then.
    for (let i = 0; i < 400; i++) {
      add(driver, 'v', i, i + 1);
      for (let other = 0; other < 24; other++) {
        add(driver, `other${other}:${i % 50}`, i, i + 1);
      }
    }
    driver.settle();
    const held = driver.memory.arenaAllocator.heldBytes();
    for (let i = 0; i < 50; i++) {
      for (let other = 0; other < 24; other++) driver.run('UNLINK', `other${other}:${i}`);
    }
    driver.settle();
    expect(driver.memory.arenaAllocator.heldBytes()).toBeLessThan(held / 2);
    checkShard(driver.shard);
    expect(driver.run('VSIM', 'v', 'ELE', 'e7', 'COUNT', '1')).toMatch(/^[*]\[\$"e/);
    expect(engine.searchCount).toBe(1);
    add(driver, 'v', 400, 420);
    for (let i = 0; i < 200; i++) driver.run('VREM', 'v', `e${i}`);
    checkShard(driver.shard);
  });
});
