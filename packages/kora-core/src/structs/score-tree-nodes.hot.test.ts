/**
 * The nodes of a score tree against plain arrays: random openings, closings and copies of columns
 * in nodes of every capacity, other columns untouched; and capacities that fill their blocks.
 */
import { describe, expect, it } from 'vitest';
import { makeDictMemory } from '../testing/dict-driver.ts';
import { randomSource } from '../testing/random-source.ts';
import {
  NODE_ENTRIES_MAX, childrenWord, closeInner, copyInner, copyLeaf, countsWord,
  innerBytes, innerCapacityFor, leafBytes, leafCapacityFor, nodeCapacity, nodeCount, openInner,
  refsWord, setNodeCount, startNode, sumCounts,
} from './score-tree-nodes.hot.ts';
import type { WorkerMemory } from './worker-memory.ts';

type Entry = readonly number[];

function newNode(memory: WorkerMemory, isLeaf: boolean, capacity: number): number {
  const bytes = isLeaf ? leafBytes(capacity) : innerBytes(capacity);
  const node = memory.arenaAllocator.alloc(bytes);
  startNode(memory.i32, node, capacity, 0);
  return node;
}

function write(memory: WorkerMemory, isLeaf: boolean, node: number, at: number, e: Entry): void {
  const { i32, f64 } = memory;
  f64[node + 1 + at] = e[0]!;
  i32[refsWord(i32, node) + at] = e[1]!;
  if (isLeaf) return;
  i32[childrenWord(i32, node) + at] = e[2]!;
  i32[countsWord(i32, node) + at] = e[3]!;
}

function read(memory: WorkerMemory, isLeaf: boolean, node: number): Entry[] {
  const { i32, f64 } = memory;
  return Array.from({ length: nodeCount(i32, node) }, (_, at) => {
    const pair = [f64[node + 1 + at]!, i32[refsWord(i32, node) + at]!];
    if (isLeaf) return pair;
    return [...pair, i32[childrenWord(i32, node) + at]!, i32[countsWord(i32, node) + at]!];
  });
}

describe('nodes of a score tree', () => {
  it('have capacities that fill a size class of the allocator', () => {
    const { arenaAllocator } = makeDictMemory();
    for (let count = 0; count <= NODE_ENTRIES_MAX; count++) {
      const leaf = leafCapacityFor(count);
      const inner = innerCapacityFor(count);
      expect(leaf).toBeGreaterThanOrEqual(count);
      expect(inner).toBeGreaterThanOrEqual(count);
      expect(leaf).toBeLessThanOrEqual(Math.max(4, count * 1.9));
      expect(arenaAllocator.realBytes(leafBytes(leaf)) - leafBytes(leaf)).toBeLessThan(12);
    }
  });

  for (const isLeaf of [true, false]) {
    for (const kernel of ['wasm', 'twin'] as const) {
      it(`move the columns of ${isLeaf ? 'leaves' : 'inner nodes'} together (${kernel})`, () => {
        const random = randomSource(3);
        const memory = makeDictMemory(kernel);
        const { i32 } = memory;
        const capacityFor = isLeaf ? leafCapacityFor : innerCapacityFor;
        let node = newNode(memory, isLeaf, capacityFor(1));
        let model: Entry[] = [];
        for (let step = 0; step < 3000; step++) {
          const entry = [random.word() / 3, random.word(), random.word(), random.below(1000)];
          const isFull = model.length === nodeCapacity(i32, node);
          if (isFull || random.chance(0.05)) {
            const keep = random.below(model.length + 1);
            const from = random.below(model.length - keep + 1);
            const fresh = newNode(memory, isLeaf, capacityFor(Math.min(keep + 5, 63)));
            (isLeaf ? copyLeaf : copyInner)(i32, memory.kernel, fresh, 0, node, from, keep);
            setNodeCount(i32, fresh, keep);
            memory.arenaAllocator.free(node);
            node = fresh;
            model = model.slice(from, from + keep);
          } else if (model.length > 0 && random.chance(0.4)) {
            const at = random.below(model.length);
            if (isLeaf) memory.kernel.leafClose(node, at);
            else closeInner(i32, memory.kernel, node, at);
            model.splice(at, 1);
          } else {
            const at = random.below(model.length + 1);
            if (isLeaf) memory.kernel.leafOpen(node, at);
            else openInner(i32, memory.kernel, node, at);
            write(memory, isLeaf, node, at, entry);
            model.splice(at, 0, isLeaf ? entry.slice(0, 2) : entry);
          }
          expect(read(memory, isLeaf, node), `step ${step}`).toEqual(model);
          if (isLeaf) continue;
          const below = model.reduce((sum, [, , , count]) => sum + count!, 0);
          expect(sumCounts(i32, node, 0, model.length)).toBe(below);
        }
      });
    }
  }
});
