/**
 * Many dicts of different sizes, most of them deleted, so that their indexes lie in sparse slabs:
 * after moving, every dict that is left has every entry, goes on growing and shrinking, frees all
 * it has, and held memory comes down.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { verify } from '../assert.ts';
import { checkSame } from '../testing/quick-checks.ts';
import { randomSource } from '../testing/random-source.ts';
import { evacuateDictIndex } from './dict-index-move.ts';
import { Dict } from './dict.hot.ts';
import { MEMBER_OF_SET, newMember } from './member.hot.ts';
import { WorkerMemory } from './worker-memory.ts';

const KEY_AT = 64;
const SEED = 3;

afterEach(() => {
  verify.enabled = false;
});

class Fixture {
  readonly memory = WorkerMemory.create({ lowBytes: 1 << 20, bytesMax: 128 << 20 });
  readonly allocator = this.memory.arenaAllocator;
  readonly dict = new Dict(this.memory, this.allocator, 1, 2);

  #place(name: string): number {
    for (let i = 0; i < name.length; i++) this.memory.low[KEY_AT + i] = name.charCodeAt(i);
    return this.dict.hashOf(KEY_AT, name.length);
  }

  add(name: string): void {
    const hash = this.#place(name);
    const member = newMember(
      this.memory, this.allocator, MEMBER_OF_SET, KEY_AT, name.length, 0, 0, 0, 0,
    );
    this.dict.insert(hash, member);
  }

  has(name: string): boolean {
    return this.dict.find(KEY_AT, name.length, this.#place(name)) !== 0;
  }

  remove(name: string): void {
    const hash = this.#place(name);
    const slot = this.dict.find(KEY_AT, name.length, hash);
    const member = this.memory.i32[slot] ?? 0;
    this.dict.removeAt(slot, hash);
    this.allocator.free(member);
  }
}

describe('moving the index of dicts', () => {
  it('leaves every dict as it was and gives the memory back', () => {
    verify.enabled = true;
    const random = randomSource(SEED);
    const fixture = new Fixture();
    const { allocator, dict } = fixture;
    const dicts: { header: number; readonly count: number }[] = [];
    for (let i = 0; i < 400; i++) {
      const header = dict.create();
      const count = i % 40 === 0 ? 3000 : 5 + random.below(200);
      for (let n = 0; n < count; n++) fixture.add(`m${n}`);
      dicts.push({ header, count });
    }
    const kept = dicts.filter((_, i) => i % 8 === 0);
    for (const each of dicts) {
      if (kept.includes(each)) continue;
      dict.bind(each.header);
      for (let n = 0; n < each.count; n++) fixture.remove(`m${n}`);
      dict.destroy();
    }
    const heldBefore = allocator.heldBytes();
    do allocator.markSparse();
    while (allocator.isMarking());
    let moved = 0;
    for (const each of kept) {
      for (let pass = 0; pass < 3; pass++) {
        const header = evacuateDictIndex(fixture.memory, allocator, each.header);
        if (header !== each.header) moved++;
        each.header = header;
      }
    }
    expect(moved, `seed ${SEED}`).toBeGreaterThan(10);
    expect(allocator.heldBytes()).toBeLessThan(heldBefore);
    for (const { header, count } of kept) {
      dict.bind(header);
      expect(dict.count()).toBe(count);
      for (let n = 0; n < count; n++) checkSame(fixture.has(`m${n}`), true, `m${n}`);
      for (let n = count; n < count + 500; n++) fixture.add(`m${n}`);
      for (let n = 0; n < count + 500; n++) fixture.remove(`m${n}`);
      expect(dict.count()).toBe(0);
      dict.destroy();
    }
    expect(allocator.usedBytes()).toBe(0);
  });
});
