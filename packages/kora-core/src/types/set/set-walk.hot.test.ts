/**
 * The walk over a set meets each member once, in every encoding, as JavaScript's sets hold them;
 * two walks at a time do not disturb each other, and walking allocates nothing.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { bytesPerCall } from '../../testing/allocation.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { SetWalk } from './set-walk.hot.ts';

const shapes: readonly (readonly [string, readonly string[]])[] = [
  ['an intset', Array.from({ length: 300 }, (_, i) => String(i * 7_000_000_000 - 50))],
  ['a narrow intset', ['-5', '0', '7', '2147483647']],
  ['a pack', ['', 'a', '007', 'x'.repeat(64), ...Array.from({ length: 90 }, (_, i) => `m${i}`)]],
  ['a dict', Array.from({ length: 3000 }, (_, i) => `member:${i}`)],
  ['a dict of long members', ['x'.repeat(70_000), 'y'.repeat(100)]],
];

function entryOf(driver: CommandDriver, key: string): number {
  const { keyspace, scratchAt } = driver.shard;
  const [db] = keyspace.databases;
  driver.memory.low.set(Buffer.from(key), scratchAt);
  return db === undefined ? 0 : keyspace.find(db, scratchAt, key.length);
}

function textOf(driver: CommandDriver, walk: SetWalk): string {
  const { memory } = driver;
  const bytes = walk.bytes();
  const block = memory.lowAllocator.alloc(bytes + 1);
  memory.kernel.copy(block * 8, walk.at(), bytes);
  const text = Buffer.from(memory.low.subarray(block * 8, block * 8 + bytes)).toString('latin1');
  memory.lowAllocator.free(block);
  return text;
}

describe('a walk over a set', () => {
  it.each(shapes)('meets every member of %s once', (_, members) => {
    const driver = new CommandDriver();
    driver.run('SADD', 's', ...members);
    const walk = new SetWalk(driver.memory);
    for (let round = 0; round < 2; round++) {
      const met: string[] = [];
      walk.start(entryOf(driver, 's'));
      while (walk.next()) met.push(textOf(driver, walk));
      expect(walk.next()).toBe(false);
      expect(met.sort()).toEqual([...members].sort());
    }
  });

  it('has no members where there is no set', () => {
    const walk = new SetWalk(new CommandDriver().memory);
    walk.start(0);
    expect(walk.next()).toBe(false);
  });

  it('goes on beside another walk', () => {
    const driver = new CommandDriver();
    for (const [i, [, members]] of shapes.entries()) driver.run('SADD', `s${i}`, ...members);
    const outer = new SetWalk(driver.memory);
    const inner = new SetWalk(driver.memory);
    for (let a = 0; a < shapes.length; a++) {
      for (let b = 0; b < shapes.length; b++) {
        const met: string[] = [];
        outer.start(entryOf(driver, `s${a}`));
        inner.start(entryOf(driver, `s${b}`));
        while (outer.next()) {
          inner.next();
          met.push(textOf(driver, outer));
        }
        expect(met.sort()).toEqual([...(shapes[a]?.[1] ?? [])].sort());
      }
    }
  });

  it('allocates nothing', () => {
    setFlagsFromString('--expose-gc');
    // Byte boundary: the collector has no type of its own.
    const collect = runInNewContext('gc') as () => void;
    const meter = { collect, usedBytes: () => process.memoryUsage().heapUsed };
    const driver = new CommandDriver();
    driver.run('SADD', 'i', '1', '2', '5000000000');
    driver.run('SADD', 'p', 'a', 'b', 'c');
    driver.run('SADD', 'd', 'x'.repeat(100), 'y', 'z');
    const refs = ['i', 'p', 'd'].map((key) => entryOf(driver, key));
    const walk = new SetWalk(driver.memory);
    let sum = 0;
    const bytes = bytesPerCall(meter, () => {
      for (let i = 0; i < 3; i++) {
        walk.start(refs[i] ?? 0);
        while (walk.next()) sum = (sum + walk.bytes()) | 0;
      }
    });
    expect(sum).not.toBe(0);
    expect(bytes).toBeLessThan(1);
  });
});
