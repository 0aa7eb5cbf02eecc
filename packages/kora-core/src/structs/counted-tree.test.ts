/**
 * The counted tree alone: what its users rely on besides the model test of block sequences. Growth
 * in one direction fills leaves, removal joins them again, and a path leads where it is sent.
 */
import { describe, expect, it } from 'vitest';
import { BlockSequence } from './block-sequence.hot.ts';
import { TREE_HEIGHT, TREE_NODES } from './counted-tree.hot.ts';
import { WorkerMemory } from './worker-memory.ts';

const MIB = 1024 * 1024;

function sequenceOf(blocks: number, entriesMax: number): BlockSequence {
  const memory = WorkerMemory.create({ lowBytes: MIB, bytesMax: 64 * MIB });
  const sequence = new BlockSequence(memory, memory.arenaAllocator);
  sequence.tree.entriesMax = entriesMax;
  sequence.create();
  for (let i = 0; i < blocks; i++) sequence.pushTail(i + 1, 2);
  return sequence;
}

function field(sequence: BlockSequence, at: number): number {
  return sequence.memory.i32[(sequence.header << 1) + at] ?? 0;
}

describe('a counted tree', () => {
  it('has full leaves after growth at the tail', () => {
    const sequence = sequenceOf(1000, 10);
    sequence.check();
    // 998 blocks between the ends: 100 leaves, 10 above them, 1 root.
    expect(field(sequence, TREE_NODES)).toBeLessThanOrEqual(112);
    expect(field(sequence, TREE_HEIGHT)).toBe(3);
  });

  it('joins leaves while blocks leave its middle', () => {
    const sequence = sequenceOf(1000, 16);
    const nodesBefore = field(sequence, TREE_NODES);
    for (let left = 1000; left > 100; left--) {
      sequence.seek(((left * 7) % left) + (left >>> 1));
      sequence.removeBlock();
    }
    sequence.check();
    expect(field(sequence, TREE_NODES)).toBeLessThan(nodesBefore / 5);
  });

  it('becomes lower when it empties, down to nothing', () => {
    const sequence = sequenceOf(500, 4);
    expect(field(sequence, TREE_HEIGHT)).toBeGreaterThan(3);
    while (sequence.blockCount() > 2) {
      sequence.seekTail();
      sequence.removeBlock();
    }
    sequence.check();
    expect(field(sequence, TREE_HEIGHT)).toBe(0);
    expect(field(sequence, TREE_NODES)).toBe(0);
  });

  it('leads to the block of every element', () => {
    const sequence = sequenceOf(300, 5);
    for (let index = 2; index < 598; index++) {
      expect(sequence.tree.descend(index - 2)).toBe(index % 2);
      expect(sequence.tree.block).toBe((index >>> 1) + 1);
    }
  });
});
