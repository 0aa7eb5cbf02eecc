/**
 * Lists of named blocks held against a sorted array, under random inserts, searches and removals.
 */
import { describe, expect, it } from 'vitest';
import { MEMBER_OF_SET, newMember } from '../../structs/member.hot.ts';
import { WorkerMemory } from '../../structs/worker-memory.ts';
import { randomSource } from '../../testing/random-source.ts';
import { NameLists } from './name-list.hot.ts';

const memory = WorkerMemory.create({ lowBytes: 1 << 20, bytesMax: 1 << 24 });
const allocator = memory.arenaAllocator;
const lists = new NameLists(memory, allocator);
const nameAt = memory.lowAllocator.alloc(256) * 8;

function place(name: string): number {
  for (let i = 0; i < name.length; i++) memory.low[nameAt + i] = name.charCodeAt(i);
  return name.length;
}

describe('name lists', () => {
  it.each([1, 2, 3])('are those of a sorted array, seed %i', (seed) => {
    const random = randomSource(seed);
    const used = allocator.usedBytes();
    const names: string[] = [];
    const refs = new Map<string, number>();
    let list = 0;
    for (let step = 0; step < 2000; step++) {
      const name = String.fromCharCode(random.below(4) * 80).repeat(random.below(3))
        + String(random.below(60));
      const position = lists.find(list, nameAt, place(name));
      const where = `seed ${seed}, step ${step}`;
      const known = names.indexOf(name);
      const goesTo = names.filter((each) => each < name).length;
      expect(position, where).toBe(known >= 0 ? known : -1 - goesTo);
      if (known < 0 && random.chance(0.6)) {
        const ref = newMember(
          memory, allocator, MEMBER_OF_SET, nameAt, name.length, 0, 0, 0, 0,
        );
        const bytes = lists.growBytes(list);
        const before = allocator.counts[0] ?? 0;
        list = lists.insert(list, goesTo, ref);
        if (bytes === 0) expect(allocator.counts[0], where).toBe(before);
        names.splice(goesTo, 0, name);
        refs.set(name, ref);
      } else if (known >= 0 && random.chance(0.6)) {
        list = lists.remove(list, known);
        allocator.free(refs.get(name) ?? 0);
        names.splice(known, 1);
      }
      expect(lists.count(list), where).toBe(names.length);
      expect(names.map((_, i) => lists.at(list, i)), where).toEqual(
        names.map((each) => refs.get(each)),
      );
    }
    while (list !== 0) {
      allocator.free(lists.at(list, 0));
      list = lists.remove(list, 0);
    }
    expect(allocator.usedBytes()).toBe(used);
  });
});
