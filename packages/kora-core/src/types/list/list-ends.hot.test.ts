/**
 * The short ways at the ends of lists against the long ways through list.ts: the same elements, and
 * a refusal wherever something would have to be allocated or would become empty.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { createCollection } from '../../keyspace/collection-entry.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { randomSource } from '../../testing/random-source.ts';
import { listHandler } from './list-handler.ts';
import { popFromEnd, pushIntoEnd } from './list-ends.hot.ts';
import {
  appendElement, isLongList, LIST_FLAGS, listBounds, listCount, removeElements,
} from './list.ts';

const NODE_BYTES_MAX = listBounds.nodeBytesMax;

afterEach(() => {
  listBounds.nodeBytesMax = NODE_BYTES_MAX;
});

function emptyList(driver: CommandDriver): number {
  const { memory, shard } = driver;
  const keyAt = memory.lowAllocator.alloc(8) * 8;
  memory.low[keyAt] = 'k'.charCodeAt(0);
  const [db] = shard.keyspace.databases;
  if (db === undefined) throw new RangeError('a shard has databases');
  shard.keyspace.find(db, keyAt, 1);
  expect(shard.keyspace.reserve(1, 4, 0, 0)).toBe(true);
  return createCollection(shard, keyAt, 1, LIST_FLAGS);
}

describe('the short ways at the ends of a list', () => {
  it.each([1, 2, 3])('do what the long ways do, seed %i', (seed) => {
    listBounds.nodeBytesMax = [64, 200, NODE_BYTES_MAX][seed % 3] ?? NODE_BYTES_MAX;
    const driver = new CommandDriver();
    const { memory, shard, sink } = driver;
    const random = randomSource(seed);
    const ref = emptyList(driver);
    const at = memory.lowAllocator.alloc(512) * 8;
    appendElement(shard, ref, at, 0);
    const model = [''];
    let short = 0;
    for (let step = 0; step < 3000; step++) {
      const isHead = random.chance(0.5);
      if (model.length < 2 || random.chance(0.53)) {
        const text = String.fromCharCode(97 + random.below(26)).repeat(random.below(40));
        for (let i = 0; i < text.length; i++) memory.low[at + i] = text.charCodeAt(i);
        const usedBefore = memory.arenaAllocator.usedBytes();
        const count = pushIntoEnd(
          shard, ref, isHead, at, text.length, listBounds.nodeBytesMax,
        );
        expect(memory.arenaAllocator.usedBytes(), `seed ${seed}`).toBe(usedBefore);
        if (count === 0) {
          if (isHead) continue;
          expect(appendElement(shard, ref, at, text.length)).toBe(true);
        }
        if (isHead) model.unshift(text);
        else model.push(text);
        if (count !== 0) expect(count, `seed ${seed}`).toBe(model.length);
      } else if (popFromEnd(shard, ref, isHead, sink)) {
        short++;
        const wanted = isHead ? model.shift() : model.pop();
        expect(sink.take(), `seed ${seed}`).toEqual({ kind: 'bulk', text: wanted });
      } else {
        expect(sink.takeAll()).toEqual([]);
        removeElements(shard, ref, isHead ? 0 : model.length - 1, 1);
        if (isHead) model.shift();
        else model.pop();
      }
      listHandler.check(shard, ref);
      expect(listCount(shard, ref), `seed ${seed}`).toBe(model.length);
    }
    expect(driver.run('LRANGE', 'k', 0, -1)).toBe(`*[${model.map((t) => `$"${t}"`).join(' ')}]`);
    expect(short).toBeGreaterThan(500);
  });

  it('refuse the last element of a pack', () => {
    const driver = new CommandDriver();
    const { shard, sink } = driver;
    const ref = emptyList(driver);
    appendElement(shard, ref, shard.scratchAt, 3);
    expect(isLongList(shard, ref)).toBe(false);
    expect(popFromEnd(shard, ref, true, sink)).toBe(false);
    expect(listCount(shard, ref)).toBe(1);
  });
});
