/**
 * A block sequence against an array of blocks: random work at the ends and under the cursor, with
 * nodes of 4 to 63 entries, on both kernels and with views that go stale at every allocation. After
 * each step the index is sound, every element is found in its block, and walks in both directions
 * see what the array holds. At the end no byte is left.
 */
import { describe, expect, it } from 'vitest';
import type { RandomSource } from '../testing/random-source.ts';
import { randomSource } from '../testing/random-source.ts';
import type { KernelName } from '../testing/model-passes.ts';
import { modelPasses, playPass } from '../testing/model-passes.ts';
import { checkAtLeast, checkAtMost, checkSame } from '../testing/quick-checks.ts';
import { BlockSequence } from './block-sequence.hot.ts';
import { WorkerMemory } from './worker-memory.ts';

type Block = readonly [ref: number, elements: number];

class Run {
  readonly sequence: BlockSequence;
  readonly model: Block[] = [];
  readonly #random: RandomSource;
  readonly #seed: number;
  readonly #growth: number;
  #nextRef = 1000;

  constructor(seed: number, kernel: KernelName) {
    const memory = WorkerMemory.create({
      lowBytes: 1024 * 1024, bytesMax: 64 * 1024 * 1024, kernel,
    });
    this.#seed = seed;
    this.#random = randomSource(seed);
    this.sequence = new BlockSequence(memory, memory.arenaAllocator);
    this.sequence.tree.entriesMax = [4, 5, 8, 63][seed % 4] ?? 63;
    this.#growth = 0.5 + this.#random.below(3) / 10;
  }

  warmUp(): number {
    const used = this.sequence.allocator.usedBytes();
    expect(this.sequence.create()).not.toBe(0);
    return used;
  }

  step(): void {
    const { model, sequence } = this;
    if (model.length === 0 || this.#random.chance(this.#growth)) this.#add();
    else if (this.#random.chance(0.3)) this.#change();
    else this.#remove();
    this.#compare();
    expect(sequence.blockCount(), this.#where()).toBe(model.length);
  }

  finish(usedBytes: number): void {
    while (this.model.length > 0) {
      this.#remove();
      this.#compare();
    }
    this.sequence.destroy();
    expect(this.sequence.allocator.usedBytes(), this.#where()).toBe(usedBytes);
  }

  #add(): void {
    const { model, sequence } = this;
    const block: Block = [this.#nextRef++, 1 + this.#random.below(9)];
    const nodes = sequence.nodesFor(1);
    expect(sequence.allocator.reserve(nodes, nodes * 512)).toBe(true);
    const kind = model.length === 0 ? this.#random.below(2) : this.#random.below(4);
    if (kind === 0) {
      sequence.pushHead(...block);
      model.unshift(block);
    } else if (kind === 1) {
      sequence.pushTail(...block);
      model.push(block);
    } else {
      const at = this.#seek();
      sequence.insertAfter(...block);
      model.splice(at + 1, 0, block);
    }
  }

  #change(): void {
    const { model, sequence } = this;
    const at = this.#seek();
    const block: Block = [this.#nextRef++, 1 + this.#random.below(9)];
    const end = this.#random.below(3);
    const [, elements] = model[at] ?? [0, 0];
    if (end === 0 && at === 0) sequence.changeHead(block[0], block[1] - elements);
    else if (end === 1 && at === model.length - 1) {
      sequence.changeTail(block[0], block[1] - elements);
    } else {
      sequence.replaceBlock(...block);
      expect([sequence.block, sequence.elements]).toEqual(block);
    }
    model[at] = block;
  }

  #remove(): void {
    const at = this.#seek();
    this.sequence.removeBlock();
    this.model.splice(at, 1);
  }

  /** Puts the cursor on some block, in one of several ways; its place in the model. */
  #seek(): number {
    const { model, sequence } = this;
    const way = this.#random.below(4);
    if (way === 0) sequence.seekHead();
    else if (way === 1) sequence.seekTail();
    else sequence.seek(this.#random.below(sequence.elementCount()));
    let at = model.findIndex(([ref]) => ref === sequence.block);
    for (let i = this.#random.below(4); i > 0; i--) {
      if (this.#random.chance(0.5)) at += sequence.next() ? 1 : 0;
      else at -= sequence.previous() ? 1 : 0;
    }
    expect(sequence.block, this.#where()).toBe(model[at]?.[0]);
    return at;
  }

  #compare(): void {
    const { model, sequence } = this;
    const where = this.#where();
    sequence.check();
    checkSame(sequence.head(), model[0]?.[0] ?? 0, where);
    checkSame(sequence.tail(), model.at(-1)?.[0] ?? 0, where);
    if (model.length === 0) return;
    let first = 0;
    let at = 0;
    sequence.seekHead();
    do {
      this.#checkBlock(at++, first, where);
      first += sequence.elements;
    } while (sequence.next());
    checkSame(at, model.length, where);
    checkSame(sequence.elementCount(), first, where);
    sequence.seekTail();
    do {
      first -= sequence.elements;
      this.#checkBlock(--at, first, where);
    } while (sequence.previous());
    checkSame(at, 0, where);
    const index = this.#random.below(sequence.elementCount());
    sequence.seek(index);
    checkAtMost(index - sequence.firstIndex, sequence.elements - 1, where);
    checkAtLeast(index, sequence.firstIndex, where);
  }

  /** The block that the sequence stands at is the one of that place in the model. */
  #checkBlock(at: number, first: number, where: string): void {
    const { model, sequence } = this;
    checkSame(sequence.firstIndex, first, where);
    checkSame(sequence.block, model[at]?.[0], where);
    checkSame(sequence.elements, model[at]?.[1] ?? -1, where);
  }

  #where(): string {
    return `seed ${this.#seed}`;
  }
}

describe('a block sequence against an array', () => {
  it.each(modelPasses(1, 8))('agrees $title', (pass) => {
    playPass(pass, 220, (seed, kernel) => new Run(seed, kernel));
  }, 60_000);

  it('keeps leaves full and the tree low while it grows at one end', () => {
    for (const isHead of [true, false]) {
      const memory = WorkerMemory.create({ lowBytes: 1024 * 1024, bytesMax: 64 * 1024 * 1024 });
      const sequence = new BlockSequence(memory, memory.arenaAllocator);
      sequence.create();
      const blocks = 20_000;
      for (let i = 0; i < blocks; i++) {
        if (isHead) sequence.pushHead(i + 1, 3);
        else sequence.pushTail(i + 1, 3);
      }
      sequence.check();
      expect(sequence.heldBytes() / blocks).toBeLessThan(isHead ? 8.6 : 8.4);
      sequence.seek(30_000);
      expect(sequence.block).toBe(isHead ? 10_000 : 10_001);
    }
  });

  it('moves header and nodes out of sparse slabs', () => {
    const memory = WorkerMemory.create({ lowBytes: 1024 * 1024, bytesMax: 64 * 1024 * 1024 });
    const { arenaAllocator } = memory;
    const holes: number[] = [];
    const sequence = new BlockSequence(memory, arenaAllocator);
    for (let i = 0; i < 2000; i++) holes.push(arenaAllocator.alloc(512));
    sequence.create();
    for (let i = 0; i < 4000; i++) {
      sequence.pushTail(i + 1, 1);
      if (i % 63 === 0) for (let k = 0; k < 30; k++) holes.push(arenaAllocator.alloc(512));
    }
    for (const hole of holes) arenaAllocator.free(hole);
    expect(arenaAllocator.markSparse()).toBeGreaterThan(0);
    const slabsBefore = arenaAllocator.counts[6] ?? 0;
    sequence.seekHead();
    do expect(sequence.evacuatePath()).toBe(true); while (sequence.next());
    expect(sequence.evacuateHeader()).not.toBe(0);
    sequence.check();
    expect(arenaAllocator.counts[6]).toBeLessThan(slabsBefore);
    sequence.seek(2000);
    expect(sequence.block).toBe(2001);
  });
});
