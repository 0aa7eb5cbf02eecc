/**
 * An index of slots beside a Map: what is put is found under its slot, through adds, removals,
 * attributes and moves; refusals are values; closed memories serve again.
 */
import { describe, expect, it } from 'vitest';
import { readSlotFilter, SlotIndex } from './slot-index.ts';
import { makeFamily, trueDistance } from './testing/families.ts';
import type { FilterStrategy } from './vector-types.ts';

const DIMENSION = 64;

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function indexOf(storage: 'f32' | 'codes' | 'bits' = 'codes'): SlotIndex {
  const index = SlotIndex.create({
    dimension: DIMENSION, metric: 'cosine', storage, m: 16, efConstruction: 200, seed: 1,
  });
  if (index === null) throw new Error('there is memory');
  return index;
}

/** Vectors of a family, one by one. */
function vectorsOf(count: number, seed: number): Float32Array[] {
  return [...makeFamily('clustered', DIMENSION, count, 0, seed).vectors];
}

function filterOf(text: string): { readonly text: string } {
  const filter = readSlotFilter(utf8(text));
  if (typeof filter === 'string') throw new Error(filter);
  return filter;
}

const FORMS = [['codes', 0.97], ['f32', 0.99], ['bits', 0.5]] as const;

describe.each(FORMS)('%s', (storage, least) => {
  it('finds the nearest of what is there', () => {
    const index = indexOf(storage);
    const held = new Map<number, Float32Array>();
    const vectors = vectorsOf(6200, 3);
    for (const [i, vector] of vectors.slice(0, 6000).entries()) {
      const slot = index.put(vector);
      expect(slot).toBeGreaterThanOrEqual(0);
      expect(held.has(slot)).toBe(false);
      held.set(slot, vector);
      index.setAttributes(slot, utf8(`{"n":${i % 50}}`));
      if (i % 3 === 0) index.link(4);
    }
    index.link(10_000);
    expect(index.pendingCount).toBe(0);
    const recall = (filter: { readonly text: string } | null): number => {
      let found = 0;
      for (const query of vectors.slice(6000, 6040)) {
        const wanted = [...held]
          .map(([slot, vector]) => [slot, trueDistance('cosine', query, vector)] as const)
          .sort((a, b) => a[1] - b[1])
          .slice(0, 10)
          .map(([slot]) => slot);
        const answer = index.search(query, 20, 100, filter) ?? [];
        expect(answer.every((slot) => held.has(slot))).toBe(true);
        found += wanted.filter((slot) => answer.includes(slot)).length;
      }
      return found / 400;
    };
    expect(recall(null)).toBeGreaterThan(least);
    const few = index.search(vectors[6000] ?? new Float32Array(0), 500, 100, filterOf('.n == 7'));
    expect(few?.length).toBe(120);
    for (const slot of [...held.keys()].filter((each) => each % 10 !== 0)) {
      index.remove(slot);
      held.delete(slot);
    }
    const moved = index.compact();
    if (moved === null) throw new Error('most slots are free');
    const after = [...held].map(([slot, vector]) => [moved[slot] ?? -1, vector] as const);
    held.clear();
    for (const [slot, vector] of after) held.set(slot, vector);
    expect(held.has(-1)).toBe(false);
    expect(index.slotEnd).toBe(held.size);
    expect(recall(null)).toBeGreaterThan(least);
    const all = index.search(vectors[6000] ?? new Float32Array(0), 9999, 100, filterOf('.n >= 0'));
    expect(all?.length).toBe(held.size);
    index.close();
  });
});

describe('an index of slots', () => {
  it('scans the matches, or walks to them, as it is told', () => {
    const { vectors, queries } = makeFamily('gaussian', DIMENSION, 4000, 20, 5);
    const index = indexOf();
    for (const vector of vectors) {
      const slot = index.put(vector);
      index.setAttributes(slot, utf8(`{"isEven":${slot % 2 === 0}}`));
    }
    index.link(vectors.length);
    const filter = filterOf('.isEven');
    const recall = (strategy: FilterStrategy): number => {
      let found = 0;
      for (const query of queries) {
        const distances = vectors.map((vector) => trueDistance('cosine', query, vector));
        const wanted = [...vectors.keys()].filter((slot) => slot % 2 === 0)
          .sort((x, y) => (distances[x] ?? 0) - (distances[y] ?? 0)).slice(0, 10);
        const answer = index.search(query, 20, 20, filter, strategy) ?? [];
        expect(answer.length).toBe(20);
        found += wanted.filter((slot) => answer.includes(slot)).length;
      }
      return found / queries.length / 10;
    };
    expect(recall('pre')).toBeGreaterThan(0.99);
    expect(recall('post')).toBeLessThan(0.98);
    index.close();
  });

  it('has levels and neighbours once it is linked', () => {
    const index = indexOf();
    const vectors = vectorsOf(2100, 5);
    const slots = vectors.map((vector) => index.put(vector));
    expect(index.levelOf(slots[5] ?? 0)).toBe(-1);
    index.link(5000);
    expect(index.levelMax).toBeGreaterThan(0);
    for (const slot of slots.slice(0, 50)) {
      const named = index.neighbours(slot, 0);
      expect(named.length).toBeGreaterThan(0);
      expect(named.includes(slot)).toBe(false);
    }
    index.close();
  });

  it('refuses a vector without a finite length, and an option that is none', () => {
    const index = indexOf();
    expect(index.put(new Float32Array(DIMENSION).fill(3e38))).toBe(-2);
    expect(index.put(new Float32Array(DIMENSION).fill(NaN))).toBe(-2);
    expect(index.search(new Float32Array(DIMENSION).fill(3e38), 5, 5, null)).toEqual([]);
    index.put(new Float32Array(DIMENSION).fill(1));
    expect(index.search(new Float32Array(DIMENSION).fill(3e38), 5, 5, null)).toBeNull();
    expect(() => SlotIndex.create({ dimension: 0 })).toThrow(/dimension/);
    index.close();
  });

  it('answers null when memory ends, and holds what it held', () => {
    const index = SlotIndex.create({ dimension: DIMENSION, bytesMax: 2 << 20, storage: 'f32' });
    if (index === null) throw new Error('there is memory for a small one');
    let count = 0;
    for (const vector of vectorsOf(20_000, 7)) {
      if (index.put(vector) < 0) break;
      count++;
    }
    expect(count).toBeGreaterThan(500);
    expect(count).toBeLessThan(20_000);
    const found = index.search(vectorsOf(1, 9)[0] ?? new Float32Array(0), 10, 50, null);
    expect(found?.length).toBe(10);
    index.close();
  });

  it('counts what attributes take, and takes no JSON object for none', () => {
    const index = indexOf();
    const slot = index.put(new Float32Array(DIMENSION).fill(1));
    const before = index.bytesUsed;
    index.setAttributes(slot, utf8('{"a":"text"}'));
    expect(index.bytesUsed).toBeGreaterThan(before);
    for (const json of ['no', '[1]', 'null', '"x"', '']) {
      index.setAttributes(slot, utf8(json));
      expect(index.bytesUsed, json).toBe(before);
    }
    index.setAttributes(slot, null);
    index.remove(slot);
    expect(index.bytesUsed).toBe(before);
    index.close();
  });

  it('takes a closed memory as if it were fresh', () => {
    const answers = Array.from({ length: 3 }, () => {
      const index = indexOf();
      for (const vector of vectorsOf(1500, 11)) index.put(vector);
      index.link(2000);
      const answer = index.search(vectorsOf(1, 13)[0] ?? new Float32Array(0), 20, 60, null);
      const bytes = index.bytesUsed;
      index.close();
      return { answer, bytes };
    });
    expect(answers[1]).toEqual(answers[0]);
    expect(answers[2]).toEqual(answers[0]);
  });
});

describe('filters', () => {
  it('tell what is wrong with them', () => {
    expect(readSlotFilter(utf8('.a =='))).toMatch(/character/);
    expect(readSlotFilter(Uint8Array.of(0xff, 0xfe))).toMatch(/unexpected/);
    const filter = readSlotFilter(utf8('.a == "ä"'));
    if (typeof filter === 'string') throw new Error(filter);
    expect(filter.matches(utf8('{"a":"ä"}'))).toBe(true);
    expect(filter.matches(utf8('{"a":"\\u00e4"}'))).toBe(true);
    expect(filter.matches(utf8('{"a":1}'))).toBe(false);
    expect(filter.matches(utf8('nothing'))).toBe(false);
  });
});
