/**
 * The kernel's loops over nodes of a score tree in both forms, against an array: leaves of every
 * capacity opened and closed at every place, not a byte beside the columns touched; scores below
 * any score from any index on, infinities, both zeros and many ties included.
 */
import { describe, expect, it } from 'vitest';
import { makeDictMemory } from '../testing/dict-driver.ts';
import { randomSource } from '../testing/random-source.ts';
import type { Kernel } from './kernel.ts';
import {
  leafBytes, leafCapacityFor, nodeCount, refsWord, setNodeCount, startNode,
} from './score-tree-nodes.hot.ts';
import type { WorkerMemory } from './worker-memory.ts';

const ENTRIES_MAX = 63;
const GUARD = 0x5a5a5a5a;

/** A leaf of `count` entries between two guards: scores ascend, the ref says the place. */
function newLeaf(memory: WorkerMemory, capacity: number, count: number): number {
  const node = memory.arenaAllocator.alloc(leafBytes(capacity) + 16) + 1;
  const { i32, f64 } = memory;
  i32.fill(GUARD, (node - 1) << 1, ((node - 1) << 1) + 4 + leafBytes(capacity) / 4);
  startNode(i32, node, capacity, count);
  for (let place = 0; place < count; place++) {
    f64[node + 1 + place] = place / 3;
    i32[refsWord(i32, node) + place] = place + 1;
  }
  return node;
}

function pairsOf(memory: WorkerMemory, node: number): [number, number][] {
  const { i32, f64 } = memory;
  return Array.from({ length: nodeCount(i32, node) }, (_, place) => [
    f64[node + 1 + place]!, i32[refsWord(i32, node) + place]!,
  ]);
}

function expectGuards(memory: WorkerMemory, node: number, capacity: number, hint: string): void {
  const { i32 } = memory;
  const end = (node << 1) + leafBytes(capacity) / 4;
  const guards = [i32[(node << 1) - 2], i32[(node << 1) - 1], i32[end], i32[end + 1]];
  expect(guards, hint).toEqual([GUARD, GUARD, GUARD, GUARD]);
}

/** First index from `from` on whose score is not below `score`. */
function scoresBelow(scores: readonly number[], from: number, score: number): number {
  const place = scores.findIndex((other, index) => index >= from && other >= score);
  return place < 0 ? Math.max(from, scores.length) : place;
}

function checkScores(memory: WorkerMemory, kernel: Kernel, seed: number): void {
  const random = randomSource(seed);
  const node = newLeaf(memory, ENTRIES_MAX, 0);
  const { f64 } = memory;
  for (let round = 0; round < 1500; round++) {
    const count = random.below(ENTRIES_MAX + 1);
    const range = random.chance(0.5) ? 5 : 1000;
    const draw = (): number => {
      if (random.chance(0.05)) return random.chance(0.5) ? Infinity : -Infinity;
      return random.chance(0.1) ? -0 : random.below(range) - range / 2 + 0.25 * random.below(3);
    };
    const scores = Array.from({ length: count }, draw).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    // What stands behind the count must not matter.
    for (let i = 0; i < ENTRIES_MAX; i++) f64[node + 1 + i] = scores[i] ?? -Infinity;
    setNodeCount(memory.i32, node, count);
    const from = random.below(count + 1);
    const score = random.chance(0.5) ? draw() : (scores[random.below(count)] ?? 0);
    expect(kernel.nodeScoresBelow(node, from, score), `seed ${seed} round ${round}`)
      .toBe(scoresBelow(scores, from, score));
  }
}

for (const kernelName of ['wasm', 'twin'] as const) {
  describe(`nodes with the ${kernelName} kernel`, () => {
    const memory = makeDictMemory(kernelName);
    const { kernel } = memory;

    it('opens and closes every place of every leaf', () => {
      for (let count = 0; count <= ENTRIES_MAX; count++) {
        for (const capacity of [leafCapacityFor(count), leafCapacityFor(Math.min(count + 1, 63))]) {
          for (let place = 0; place <= count; place++) {
            const hint = `count ${count} capacity ${capacity} place ${place}`;
            const node = newLeaf(memory, capacity, count);
            const wanted = pairsOf(memory, node);
            if (count < capacity) {
              kernel.leafOpen(node, place);
              const opened = pairsOf(memory, node);
              expect(opened.length, hint).toBe(count + 1);
              opened.splice(place, 1);
              expect(opened, hint).toEqual(wanted);
              kernel.leafClose(node, place);
              expect(pairsOf(memory, node), hint).toEqual(wanted);
            }
            if (place < count) {
              kernel.leafClose(node, place);
              wanted.splice(place, 1);
              expect(pairsOf(memory, node), hint).toEqual(wanted);
            }
            expectGuards(memory, node, capacity, hint);
            memory.arenaAllocator.free(node - 1);
          }
        }
      }
    });

    it('counts the scores below', () => {
      checkScores(memory, kernel, 31);
    });
  });
}
