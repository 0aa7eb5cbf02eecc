/**
 * Paths of a score tree: what `toPair`, `toRank` and `rank` say agrees, and walking leaf by leaf
 * meets every member once, both ways.
 */
import { describe, expect, it } from 'vitest';
import { makeDictMemory, REQUEST_KEY_AT } from '../testing/dict-driver.ts';
import { MEMBER_SCORED, newMember } from './member.hot.ts';
import { nodeCount, refsWord } from './score-tree-nodes.hot.ts';
import { ScoreTreePath } from './score-tree-path.hot.ts';
import { ScoreTree } from './score-tree.hot.ts';

const COUNT = 9000;

function build(): { tree: ScoreTree; path: ScoreTreePath; refs: number[] } {
  const memory = makeDictMemory();
  const tree = new ScoreTree(memory, memory.arenaAllocator);
  tree.create();
  const refs: number[] = [];
  for (let i = 0; i < COUNT; i++) {
    const name = String(i).padStart(6, '0');
    memory.low.set(Buffer.from(name), REQUEST_KEY_AT);
    refs.push(newMember(
      memory, memory.arenaAllocator, MEMBER_SCORED, REQUEST_KEY_AT, name.length, 0, 0, 0, 0,
    ));
  }
  for (let i = 0; i < COUNT; i++) {
    const n = (i * 7919) % COUNT;
    tree.reserveAdd(1, 0, 0);
    tree.add(Math.floor(n / 100), refs[n]!); // A hundred of each score: ties decide.
  }
  tree.check();
  return { tree, path: new ScoreTreePath(memory), refs };
}

describe('paths of a score tree', () => {
  const { tree, path, refs } = build();
  const { i32 } = path.memory;
  const refAt = (): number => i32[refsWord(i32, path.leaf) + path.position]!;

  it('lead to pairs and ranks alike', () => {
    for (let rank = 0; rank < COUNT; rank += 7) {
      path.wantPair(Math.floor(rank / 100), refs[rank]!);
      expect(path.rank(tree.header, false)).toBe(rank);
      expect(path.rank(tree.header, true)).toBe(rank + 1);
      path.toPair(tree.header);
      expect(refAt()).toBe(refs[rank]);
      path.toRank(tree.header, rank);
      expect(refAt()).toBe(refs[rank]);
    }
    path.wantScore(5);
    expect(path.rank(tree.header, false)).toBe(500);
    expect(path.rank(tree.header, true)).toBe(600);
    path.memory.low.set(Buffer.from('000555x'), REQUEST_KEY_AT);
    path.wantKey(5, REQUEST_KEY_AT, 7);
    expect(path.rank(tree.header, true)).toBe(556);
  });

  it('go from leaf to leaf, both ways', () => {
    path.toRank(tree.header, 0);
    let met = nodeCount(i32, path.leaf);
    while (path.nextLeaf()) {
      expect(refAt()).toBe(refs[met]);
      met += nodeCount(i32, path.leaf);
    }
    expect(met).toBe(COUNT);
    expect(path.isRightmost(path.height)).toBe(true);
    path.toRank(tree.header, COUNT - 1);
    let left = COUNT - 1 - path.position;
    while (path.previousLeaf()) {
      expect(refAt()).toBe(refs[left - 1]);
      left -= nodeCount(i32, path.leaf);
    }
    expect(left).toBe(0);
    expect(path.isRightmost(path.height)).toBe(false);
  });
});
