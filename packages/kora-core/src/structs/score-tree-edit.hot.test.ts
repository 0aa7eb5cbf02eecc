/**
 * Splits and merges of a score tree at their edges: the 64th member, thin leaves between full ones,
 * gaps filled downwards behind a full leaf, and removal when there is no memory to shrink into.
 */
import { describe, expect, it } from 'vitest';
import { makeDictMemory, REQUEST_KEY_AT } from '../testing/dict-driver.ts';
import { MEMBER_SCORED, newMember } from './member.hot.ts';
import { TREE_HEIGHT, TREE_LEAVES } from './score-tree-nodes.hot.ts';
import { ScoreTree } from './score-tree.hot.ts';
import type { WorkerMemory } from './worker-memory.ts';

const MIB = 1024 * 1024;

function newTree(memory: WorkerMemory): ScoreTree {
  const tree = new ScoreTree(memory, memory.arenaAllocator);
  tree.create();
  return tree;
}

function add(tree: ScoreTree, score: number): number {
  expect(tree.reserveAdd(1, 1, 64)).toBe(true);
  const { memory } = tree;
  const ref = newMember(
    memory, memory.arenaAllocator, MEMBER_SCORED, REQUEST_KEY_AT, 3, 0, 0, 0, 0,
  );
  tree.add(score, ref);
  return ref;
}

const word = (tree: ScoreTree, at: number): number => tree.memory.i32[(tree.header << 1) + at]!;

describe('edits of a score tree', () => {
  it('split a leaf at its 64th member and drop the root when one leaf is left', () => {
    for (const order of [1, -1]) {
      const tree = newTree(makeDictMemory());
      const refs = Array.from({ length: 63 }, (_, i) => add(tree, i * order));
      expect(word(tree, TREE_HEIGHT)).toBe(0);
      const last = add(tree, 63 * order);
      expect([word(tree, TREE_HEIGHT), word(tree, TREE_LEAVES)]).toEqual([1, 2]);
      tree.check();
      expect(tree.remove(63 * order, last)).toBe(true);
      expect([word(tree, TREE_HEIGHT), word(tree, TREE_LEAVES)]).toEqual([0, 1]);
      tree.check();
      refs.forEach((ref, i) => expect(tree.remove(i * order, ref)).toBe(true));
      expect(tree.count()).toBe(0);
      tree.check();
    }
  });

  it('keep leaves well filled when a gap behind a full leaf is filled downwards', () => {
    const tree = newTree(makeDictMemory());
    for (let i = 0; i < 63 * 20; i++) add(tree, i < 630 ? i : i + 100_000);
    for (let i = 0; i < 5000; i++) add(tree, 50_000 - i);
    tree.check();
    expect(word(tree, TREE_LEAVES)).toBeLessThan(tree.count() / 28);
  });

  it('join thin leaves with either neighbour', () => {
    const tree = newTree(makeDictMemory());
    const refs = Array.from({ length: 6000 }, (_, i) => add(tree, i));
    const before = word(tree, TREE_LEAVES);
    for (let i = 0; i < 6000; i++) if (i % 5 !== 0) tree.remove(i, refs[i]!);
    tree.check();
    expect(word(tree, TREE_LEAVES)).toBeLessThan(before * 0.5);
    for (let i = 5995; i > 0; i -= 5) {
      tree.remove(i, refs[i]!);
      if (i % 500 === 0) tree.check();
    }
    expect([tree.count(), word(tree, TREE_HEIGHT)]).toEqual([1, 0]);
  });

  it('remove without memory', () => {
    const memory = makeDictMemory('wasm', 4 * MIB);
    const tree = newTree(memory);
    const refs: number[] = [];
    while (tree.reserveAdd(1, 1, 64)) refs.push(add(tree, refs.length % 1000 + refs.length / 1e6));
    while (memory.arenaAllocator.alloc(4096) !== 0);
    refs.forEach((ref, i) => {
      if (!tree.remove(i % 1000 + i / 1e6, ref)) throw new Error(`member ${i} is not there`);
      if (i % 10_000 === 0) tree.check();
    });
    expect(tree.count()).toBe(0);
  });
});
