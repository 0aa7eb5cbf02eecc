/**
 * Intsets of 16 and 512 values: search, and insert with remove in the middle.
 */
import { bench, describe } from 'vitest';
import { Intsets } from './intset.hot.ts';
import { WorkerMemory } from './worker-memory.ts';

const memory = WorkerMemory.create({ lowBytes: 1 << 20, bytesMax: 16 << 20 });
const sets = new Intsets(memory, memory.arenaAllocator);

function filled(count: number): number {
  const set = sets.create(count + 1, 4);
  for (let i = 0; i < count; i++) sets.insertAt(set, i, 0, i * 2);
  return set;
}

for (const count of [16, 512]) {
  describe(`an intset of ${count}`, () => {
    const set = filled(count);
    let next = 0;
    bench('search', () => {
      for (let i = 0; i < 1000; i++) {
        next = (next + 37) & 1023;
        sets.search(set, 0, next);
      }
    });
    bench('insert and remove in the middle', () => {
      for (let i = 0; i < 1000; i++) {
        sets.insertAt(set, count >>> 1, 0, count - 1);
        sets.removeAt(set, count >>> 1);
      }
    });
  });
}
