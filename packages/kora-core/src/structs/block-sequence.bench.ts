/**
 * Block sequences of 8,000 blocks of 120 elements, the shape of a list of a million: finding an
 * element, walking, and work at the ends and in the middle. Calls of 256 operations each.
 */
import { bench, describe } from 'vitest';
import { randomSource } from '../testing/random-source.ts';
import { BlockSequence } from './block-sequence.hot.ts';
import { WorkerMemory } from './worker-memory.ts';

const BLOCKS = 8000;
const ELEMENTS = 120;
const OPERATIONS = 256;

function filled(): BlockSequence {
  const memory = WorkerMemory.create({ lowBytes: 1_048_576 });
  const sequence = new BlockSequence(memory, memory.arenaAllocator);
  sequence.create();
  for (let i = 0; i < BLOCKS; i++) sequence.pushTail(i + 1, ELEMENTS);
  return sequence;
}

describe(`block sequence of ${BLOCKS}, ${OPERATIONS} operations`, () => {
  const random = randomSource(1);
  const sequence = filled();

  bench('seek', () => {
    for (let i = 0; i < OPERATIONS; i++) sequence.seek(random.below(BLOCKS * ELEMENTS));
  });

  bench('next', () => {
    sequence.seek(ELEMENTS * 1000);
    for (let i = 0; i < OPERATIONS; i++) sequence.next();
  });

  bench('push and remove at the tail', () => {
    for (let i = 0; i < OPERATIONS; i++) sequence.pushTail(i + 1, ELEMENTS);
    for (let i = 0; i < OPERATIONS; i++) {
      sequence.seekTail();
      sequence.removeBlock();
    }
  });

  bench('insert and remove in the middle', () => {
    for (let i = 0; i < OPERATIONS; i++) {
      const index = random.below(BLOCKS * ELEMENTS);
      sequence.seek(index);
      sequence.insertAfter(i + 1, ELEMENTS);
      sequence.seek(index);
      sequence.removeBlock();
    }
  });
});
