/**
 * The score tree against a sorted array of (score, text): random, ascending, descending and
 * delete-heavy runs, few and many ties, all ranks and walks compared; soundness after every phase;
 * every byte returned; adds that were reserved never fail near the end of memory; work per call
 * stays logarithmic.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { verify } from '../assert.ts';
import { makeDictMemory, REQUEST_KEY_AT } from '../testing/dict-driver.ts';
import { randomSource } from '../testing/random-source.ts';
import type { RandomSource } from '../testing/random-source.ts';
import { MEMBER_SCORED, newMember } from './member.hot.ts';
import { ScoreTree } from './score-tree.hot.ts';
import type { WorkerMemory } from './worker-memory.ts';

interface Pair { score: number; text: string; ref: number }

const MIB = 1024 * 1024;

/** A tree, its members and the same as an array. */
class TreeDriver {
  readonly memory: WorkerMemory;
  readonly tree: ScoreTree;
  readonly model: Pair[] = [];
  readonly out = new Int32Array(4096);

  constructor(memory: WorkerMemory) {
    this.memory = memory;
    this.tree = new ScoreTree(memory, memory.arenaAllocator);
    expect(this.tree.create()).toBeGreaterThan(0);
  }

  /** Where the pair is or belongs. */
  placeOf(score: number, text: string): number {
    let low = 0;
    let high = this.model.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const pair = this.model[middle]!;
      const isBefore = pair.score < score || (pair.score === score && pair.text < text);
      if (isBefore) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  key(text: string): number {
    this.memory.low.set(Buffer.from(text, 'latin1'), REQUEST_KEY_AT);
    return text.length;
  }

  member(text: string): number {
    return newMember(
      this.memory, this.memory.arenaAllocator, MEMBER_SCORED, REQUEST_KEY_AT, this.key(text), 0, 0,
      0, 0,
    );
  }

  /** False when the pair is there or memory is short. */
  add(score: number, text: string): boolean {
    const place = this.placeOf(score, text);
    const there = this.model[place];
    if (there !== undefined && there.score === score && there.text === text) return false;
    if (!this.tree.reserveAdd(1, 1, 32 + text.length)) return false;
    const ref = this.member(text);
    if (place === this.model.length && text.length % 2 === 0) this.tree.append(score, ref);
    else this.tree.add(score, ref);
    this.model.splice(place, 0, { score, text, ref });
    return true;
  }

  removeAt(place: number): void {
    const [pair] = this.model.splice(place, 1);
    if (place % 3 === 0) {
      expect(this.tree.seek(place)).toBe(true);
      this.tree.removeCursor();
    } else {
      expect(this.tree.remove(pair!.score, pair!.ref)).toBe(true);
    }
    this.memory.arenaAllocator.free(pair!.ref);
  }

  moveAt(place: number, score: number): void {
    const pair = this.model[place]!;
    const to = this.placeOf(score, pair.text);
    if (this.model[to]?.score === score && this.model[to]?.text === pair.text) return;
    expect(this.tree.reserveAdd(1, 0, 0)).toBe(true);
    this.tree.move(pair.score, pair.ref, score);
    this.model.splice(place, 1);
    this.model.splice(this.placeOf(score, pair.text), 0, { ...pair, score });
  }

  compareAll(hint: string): void {
    const { tree, model, out } = this;
    tree.check();
    expect(tree.count(), hint).toBe(model.length);
    const wanted = model.map(({ ref }) => ref);
    const found: number[] = [];
    for (let rank = 0; rank < model.length; rank += out.length) {
      found.push(...out.subarray(0, tree.collect(rank, out.length, out)));
    }
    expect(found, hint).toEqual(wanted);
    const back: number[] = [];
    for (let rank = model.length - 1; rank >= 0; rank -= out.length) {
      back.push(...out.subarray(0, tree.collectBack(rank, out.length, out)));
    }
    expect(back, hint).toEqual(wanted.reverse());
    expect(tree.collect(model.length, 5, out), hint).toBe(0);
    if (tree.seek(model.length - 1)) expect(tree.cursorRef(), hint).toBe(model.at(-1)!.ref);
  }

  compareSome(random: RandomSource, hint: string): void {
    const { tree, model } = this;
    const rank = random.below(model.length + 1);
    const pair = model[rank];
    expect(tree.seek(rank), hint).toBe(pair !== undefined);
    const score = pair?.score ?? random.below(100);
    const below = model.findIndex((other) => other.score >= score);
    const above = model.findIndex((other) => other.score > score);
    expect(tree.rankOfScore(score, false), hint).toBe(below < 0 ? model.length : below);
    expect(tree.rankOfScore(score, true), hint).toBe(above < 0 ? model.length : above);
    const text = String(random.below(1e6));
    const place = this.placeOf(score, text);
    const isThere = model[place]?.score === score && model[place]?.text === text;
    expect(tree.rankOfKey(score, REQUEST_KEY_AT, this.key(text), false), hint).toBe(place);
    expect(tree.rankOfKey(score, REQUEST_KEY_AT, this.key(text), true), hint)
      .toBe(place + (isThere ? 1 : 0));
    if (pair === undefined) return;
    expect(tree.rankOf(pair.score, pair.ref), hint).toBe(rank);
    tree.seek(rank);
    expect([tree.cursorScore(), tree.cursorRef()], hint).toEqual([pair.score, pair.ref]);
    expect(tree.next(), hint).toBe(rank + 1 < model.length);
    if (rank + 1 < model.length) expect(tree.cursorRef(), hint).toBe(model[rank + 1]!.ref);
    tree.seek(rank);
    expect(tree.previous(), hint).toBe(rank > 0);
    if (rank > 0) expect(tree.cursorRef(), hint).toBe(model[rank - 1]!.ref);
    expect(tree.remove(-123.5, pair.ref), hint).toBe(false);
  }

  destroy(): void {
    for (const { ref } of this.model) this.memory.arenaAllocator.free(ref);
    this.tree.destroy();
  }
}

afterEach(() => {
  verify.enabled = false;
  verify.growsOnAlloc = false;
});

/** How scores come. */
const orders: Record<string, (random: RandomSource, step: number) => number> = {
  random: (random) => random.below(1e9) / 7,
  ties: (random) => random.below(4),
  ascending: (_, step) => step,
  descending: (_, step) => -step,
  zigzag: (_, step) => (step % 2 === 0 ? step : 100_000 - step),
  gap: (_, step) => (step < 200 ? step * 1000 : 63_500 - step / 8),
  infinite: (random) => [-Infinity, Infinity, 0, -0, 5e-324][random.below(5)]!,
};

for (const [name, scoreOf] of Object.entries(orders)) {
  describe(`score tree, ${name} scores`, () => {
    for (const seed of [1, 2]) {
      it(`agrees with a sorted array (seed ${seed})`, () => {
        verify.enabled = seed === 1;
        verify.growsOnAlloc = seed === 1;
        const random = randomSource(seed);
        const memory = makeDictMemory(seed === 1 ? 'wasm' : 'twin', 4096 * MIB);
        const driver = new TreeDriver(memory);
        for (let step = 0; step < 12_000; step++) {
          const hint = `${name}, seed ${seed}, step ${step}`;
          const { length } = driver.model;
          const grows = step % 6000 < 3500;
          if (random.chance(grows ? 0.9 : 0.1)) {
            driver.add(scoreOf(random, step), String(random.below(1e6)));
          } else if (length > 0) {
            const inRow = random.chance(0.2) ? Math.min(30, length) : 1;
            const place = random.below(length - inRow + 1);
            for (let i = 0; i < inRow; i++) driver.removeAt(place);
          }
          if (driver.model.length > 0 && random.chance(0.3)) {
            const place = random.below(driver.model.length);
            const near = driver.model[place]!.score + random.below(3);
            driver.moveAt(place, random.chance(0.5) ? near : scoreOf(random, step));
          }
          if (random.chance(0.1)) driver.compareSome(random, hint);
          if (step % 1000 === 0) driver.compareAll(hint);
        }
        driver.compareAll(`${name}, seed ${seed}, end`);
        while (driver.model.length > 0) driver.removeAt(random.below(driver.model.length));
        driver.compareAll(`${name}, seed ${seed}, empty`);
        driver.destroy();
        expect(memory.usedBytes(), 'everything is returned').toBe(0);
      });
    }
  });
}

describe('score tree', () => {
  it('is dense: bytes a member after random, sorted and thinned loads', () => {
    const random = randomSource(5);
    const bytesOf = (count: number, scoreOf: (i: number) => number): number => {
      const driver = new TreeDriver(makeDictMemory());
      for (let i = 0; i < count; i++) {
        const ref = driver.member(`member:${i}`);
        driver.tree.reserveAdd(1, 0, 0);
        driver.tree.add(scoreOf(i), ref);
      }
      driver.tree.check();
      return driver.tree.heldBytes() / count;
    };
    expect(bytesOf(50_000, () => random.word())).toBeLessThan(15);
    expect(bytesOf(50_000, (i) => i)).toBeLessThan(13);
    expect(bytesOf(50_000, (i) => -i)).toBeLessThan(13);
    expect(bytesOf(65, () => random.word())).toBeLessThan(17);
    expect(bytesOf(5, (i) => i)).toBeLessThan(32);
  });

  it('gives memory back when most members go, and reads few nodes a call', () => {
    const random = randomSource(6);
    const driver = new TreeDriver(makeDictMemory());
    const { tree } = driver;
    const pairs: { score: number; ref: number }[] = [];
    for (let i = 0; i < 60_000; i++) {
      const pair = { score: random.word(), ref: driver.member(`m${i}`) };
      tree.reserveAdd(1, 0, 0);
      const before = tree.work();
      tree.add(pair.score, pair.ref);
      if (tree.work() - before > 15) throw new Error(`add ${i} is too much work`);
      pairs.push(pair);
    }
    for (let i = 0; i < 57_000; i++) {
      const before = tree.work();
      tree.remove(pairs[i]!.score, pairs[i]!.ref);
      if (tree.work() - before > 12) throw new Error(`removal ${i} is too much work`);
    }
    tree.check();
    expect(tree.count()).toBe(3000);
    expect(tree.heldBytes() / 3000).toBeLessThan(24);
  });

  it('never fails after a reserve, nor while removing, at the end of memory', () => {
    for (const seed of [1, 2]) {
      const random = randomSource(seed);
      const memory = makeDictMemory('wasm', 4 * MIB);
      const driver = new TreeDriver(memory);
      const { tree } = driver;
      for (let round = 0; round < 3; round++) {
        for (;;) {
          const count = 1 + random.below(random.chance(0.2) ? 600 : 40);
          if (!tree.reserveAdd(count, count, count * 40)) break;
          for (let i = 0; i < count; i++) {
            const text = String(random.below(1e9));
            const score = random.below(2000);
            const ref = driver.member(text);
            expect(ref, `seed ${seed}`).toBeGreaterThan(0);
            // An add of the same reserve comes after it: removing must not eat what is promised.
            if (driver.model.length > 100 && random.chance(0.2)) {
              const moved = random.below(driver.model.length);
              const pair = driver.model[moved]!;
              tree.remove(pair.score, pair.ref);
              memory.arenaAllocator.free(pair.ref);
              driver.model.splice(moved, 1);
            }
            tree.add(score, ref);
            driver.model.splice(driver.placeOf(score, text), 0, { score, text, ref });
          }
        }
        driver.compareAll(`seed ${seed}, round ${round}`);
        const keep = random.below(driver.model.length);
        while (driver.model.length > keep) driver.removeAt(random.below(driver.model.length));
        driver.compareAll(`seed ${seed}, round ${round}, thinned`);
      }
      driver.destroy();
      expect(memory.usedBytes()).toBe(0);
    }
  });

  it.each(Object.keys(orders))('takes no more than it reserved, %s scores', (name) => {
    for (const seed of [1, 2, 3]) {
      const random = randomSource(seed);
      const driver = new TreeDriver(makeDictMemory());
      const { tree } = driver;
      const allocator = driver.memory.arenaAllocator;
      const alloc = allocator.alloc.bind(allocator);
      const reserve = allocator.reserve.bind(allocator);
      let blocks = 0;
      let bytes = 0;
      allocator.reserve = (blocksMax, bytesMax) => {
        blocks = blocksMax;
        bytes = bytesMax;
        return reserve(blocksMax, bytesMax);
      };
      for (let batch = 0; batch < 60; batch++) {
        const count = 1 + random.below(random.chance(0.3) ? 800 : 12);
        const pairs = Array.from({ length: count }, (_, i) => ({
          score: orders[name]!(random, batch * 1000 + i), ref: driver.member(`${batch}:${i}`),
        }));
        const movedShare = random.chance(0.5) ? 0 : random.below(10) / 10;
        expect(tree.reserveAdd(count, 0, 0)).toBe(true);
        allocator.alloc = (wanted) => {
          blocks--;
          bytes -= wanted;
          return alloc(wanted);
        };
        for (const { score, ref } of pairs) {
          if (tree.count() > 1 && random.chance(movedShare)) {
            tree.seek(random.below(tree.count()));
            tree.move(tree.cursorScore(), tree.cursorRef(), score);
          } else {
            tree.add(score, ref);
          }
        }
        const left = `seed ${seed}, batch ${batch} of ${count}: ${blocks} blocks, ${bytes} bytes`;
        Reflect.deleteProperty(allocator, 'alloc');
        if (blocks < 0 || bytes < 0) throw new Error(left);
      }
      tree.check();
    }
  });

  it('moves its nodes and header out of sparse slabs, and members are replaced', () => {
    const random = randomSource(8);
    const memory = makeDictMemory();
    const driver = new TreeDriver(memory);
    for (let i = 0; i < 15_000; i++) driver.add(random.below(1e6), `m${i}`);
    const other = new TreeDriver(memory);
    for (let i = 0; i < 15_000; i++) other.add(random.below(1e6), `m${i}`);
    while (driver.model.length > 2000) driver.removeAt(random.below(driver.model.length));
    while (other.model.length > 2000) other.removeAt(random.below(other.model.length));
    expect(memory.arenaAllocator.markSparse()).toBeGreaterThan(0);
    while (memory.arenaAllocator.isMarking()) memory.arenaAllocator.markSparse();
    const before = memory.arenaAllocator.heldBytes();
    for (const { tree, model } of [driver, other]) {
      let cursor = 0;
      do cursor = tree.evacuate(cursor); while (cursor !== 0);
      tree.evacuateHeader();
      for (const pair of model) {
        if (!memory.arenaAllocator.isSparse(pair.ref)) continue;
        const ref = driver.member(pair.text);
        tree.replaceRef(pair.score, pair.ref, ref);
        memory.arenaAllocator.free(pair.ref);
        pair.ref = ref;
      }
    }
    driver.compareAll('evacuated');
    other.compareAll('evacuated');
    expect(memory.arenaAllocator.heldBytes()).toBeLessThan(before * 0.7);
    driver.destroy();
    other.destroy();
    expect(memory.usedBytes()).toBe(0);
  });

  it('is freed in slices', () => {
    const memory = makeDictMemory();
    const driver = new TreeDriver(memory);
    for (let i = 0; i < 5000; i++) driver.add(i % 77, `m${i}`);
    for (const { ref } of driver.model) memory.arenaAllocator.free(ref);
    let slices = 1;
    while (!driver.tree.freeSlice(10)) slices++;
    expect(slices).toBeGreaterThan(8);
    expect(memory.usedBytes()).toBe(0);
  });
});
