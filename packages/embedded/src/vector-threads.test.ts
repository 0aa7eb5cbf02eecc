/**
 * A shard whose indexes threads build: what searches find beside what scans find, in every form of
 * vector, with filters, after removals and overwriting; memory that is counted and given back, and
 * a set that shrinks. Searches are made here, beside the threads that link. Threads run the built
 * files.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { SeededChance } from '@kora/core';
import { CommandDriver } from '@kora/core/testing';
import { VectorThreads } from './vector-threads.ts';

const COUNT = 3000;
const DIMENSION = 96;

const open: VectorThreads[] = [];
afterEach(() => { for (const threads of open.splice(0)) threads.close(); });

class Shard {
  readonly failures: string[] = [];
  readonly threads = new VectorThreads({
    threads: 2, shareWake: () => -1, requestTurn: () => undefined,
    onFailure: (message) => { this.failures.push(message); },
  });
  readonly driver = new CommandDriver({ vectorEngine: this.threads });
  readonly #chance = new SeededChance(5);

  constructor() {
    open.push(this.threads);
  }

  vector(): Uint8Array {
    const components = Float32Array.from({ length: DIMENSION }, (_, i) =>
      (this.#chance.next32() >>> 0) / 2 ** 32 - (i % 7) / 7);
    return new Uint8Array(components.buffer);
  }

  fill(form: string): void {
    for (let i = 0; i < COUNT; i++) {
      const json = `{"x":${i}}`;
      this.driver.run('VADD', 'v', 'FP32', this.vector(), `e${i}`, form, 'SETATTR', json);
    }
    this.driver.settle();
    this.driver.run('VADD', 'v', 'FP32', this.vector(), 'e0', form);
  }

  /** Waits until threads have linked all; the shard looks at the end of its turns. */
  async linked(): Promise<void> {
    const { vectors } = this.driver.shard;
    for (let turns = 0; turns < 50;) {
      const { indexBytes } = vectors;
      vectors.look();
      await new Promise((resolve) => { setTimeout(resolve, 2); });
      turns = vectors.indexBytes === indexBytes && !vectors.isCrowded ? turns + 1 : 0;
    }
  }

  ask(...words: readonly (string | Uint8Array)[]): string[] {
    const reply = this.driver.reply(...words);
    if (reply.kind !== 'array') throw new Error(`an array is wanted, not ${reply.kind}`);
    return reply.items.map((item) => 'text' in item ? item.text : '?');
  }

  recall(...options: readonly string[]): number {
    let found = 0;
    let wanted = 0;
    for (let i = 0; i < 30; i++) {
      const words = ['VSIM', 'v', 'FP32', this.vector(), 'EF', '400', ...options];
      const truth = new Set(this.ask(...words, 'TRUTH'));
      const answer = this.ask(...words);
      expect(answer.length).toBe(truth.size);
      wanted += truth.size;
      found += answer.filter((name) => truth.has(name)).length;
    }
    return found / wanted;
  }
}

describe.each([['NOQUANT', 0.95], ['Q8', 0.93], ['BIN', 0.5]] as const)('%s', (form, least) => {
  it('finds beside threads what scans find, while they link and afterwards', async () => {
    const shard = new Shard();
    shard.fill(form);
    const { vectors } = shard.driver.shard;
    expect(vectors.count).toBe(1);
    // What threads link wants no turns of the shard.
    expect(vectors.isBusy).toBe(false);
    expect(shard.recall()).toBeGreaterThan(least);
    await shard.linked();
    expect(shard.recall()).toBeGreaterThan(least);
    expect(shard.recall('FILTER', '.x < 300')).toBeGreaterThan(least);
    for (let i = 0; i < 500; i++) {
      shard.driver.run('VREM', 'v', `e${i}`);
      shard.driver.run('VADD', 'v', 'FP32', shard.vector(), `e${i + 500}`, form);
      vectors.look();
    }
    await shard.linked();
    const all = shard.ask('VSIM', 'v', 'ELE', 'e700', 'COUNT', '5000');
    expect(all.length).toBe(COUNT - 500);
    expect(all.some((name) => Number(name.slice(1)) < 500)).toBe(false);
    expect(shard.recall()).toBeGreaterThan(least - 0.02);
    expect(shard.ask('VLINKS', 'v', 'e1000').length).toBeGreaterThan(0);
    const { driver } = shard;
    expect(driver.shard.usedBytes()).toBe(driver.memory.usedBytes() + vectors.indexBytes);
    expect(vectors.indexBytes).toBeGreaterThan(COUNT * 100);
    driver.run('DEL', 'v');
    driver.settle();
    expect(vectors.count).toBe(0);
    expect(vectors.indexBytes).toBe(0);
    expect(shard.failures).toEqual([]);
  });
});

describe('a set of threads', () => {
  it('that shrinks by far gets an index of its size, and then none', async () => {
    const shard = new Shard();
    for (let i = 0; i < 6000; i++) {
      shard.driver.run('VADD', 'v', 'FP32', shard.vector(), `e${i}`, 'NOQUANT');
    }
    shard.driver.settle();
    shard.driver.run('VADD', 'v', 'FP32', shard.vector(), 'e0', 'NOQUANT');
    await shard.linked();
    const { vectors } = shard.driver.shard;
    const before = vectors.indexBytes;
    for (let i = 0; i < 4600; i++) shard.driver.run('VREM', 'v', `e${i}`);
    shard.driver.settle();
    await shard.linked();
    expect(vectors.count).toBe(1);
    expect(vectors.indexBytes).toBeLessThan(before * 0.8);
    expect(shard.recall()).toBeGreaterThan(0.95);
    for (let i = 4600; i < 5800; i++) shard.driver.run('VREM', 'v', `e${i}`);
    expect(vectors.count).toBe(0);
    expect(shard.recall()).toBe(1);
  });

  it('is made anew without threads when one has died', async () => {
    const shard = new Shard();
    shard.fill('NOQUANT');
    await shard.linked();
    const { vectors } = shard.driver.shard;
    await shard.threads.terminate(1);
    vectors.look();
    expect(shard.failures.length).toBe(1);
    expect(vectors.count).toBe(0);
    expect(shard.recall()).toBeGreaterThan(0.95);
    shard.driver.settle();
    expect(vectors.count).toBe(1);
    expect(shard.recall()).toBeGreaterThan(0.95);
    vectors.look();
    expect(shard.failures.length).toBe(1);
  });
});
