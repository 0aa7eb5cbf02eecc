/**
 * An index of slots that threads build and search, beside one of a single thread and beside a map:
 * that it finds what that finds, that a slot is its vector's while a search is read, filters, its
 * bounds, and what a thread that dies leaves. Threads run the built files.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { SlotIndex } from '../slot-index.ts';
import { Chance, makeFamily, trueDistance } from '../testing/families.ts';
import type { Metric, Storage, VectorIndexOptions } from '../options.ts';
import { SlotThreads } from './slot-threads.ts';
import { ThreadedSlotIndex } from './threaded-slot-index.ts';

const DIMENSION = 64;
const COUNT = 3000;
const encoder = new TextEncoder();

function optionsOf(metric: Metric, storage: Storage): VectorIndexOptions {
  return {
    dimension: DIMENSION, metric, storage, m: 12, efConstruction: 80, seed: 5, trainingCount: 200,
  };
}

/** Threads whose owner lives in Node's loop, and looks when it is told. */
class Owner {
  news = 0;
  failures = 0;
  readonly threads = new SlotThreads({
    threads: 2,
    shareWake: () => -1,
    onNews: () => { this.news++; this.threads.look(); },
    onFailure: () => { this.failures++; },
  });

  open(metric: Metric = 'l2', storage: Storage = 'f32'): ThreadedSlotIndex {
    const index = ThreadedSlotIndex.create(optionsOf(metric, storage), this.threads);
    if (index === null) throw new Error('there is memory');
    return index;
  }

  restore(head: Uint8Array): ThreadedSlotIndex {
    const index = ThreadedSlotIndex.restoring(optionsOf('l2', 'f32'), head, this.threads);
    if (index === null) throw new Error('there is memory');
    return index;
  }

  /** Waits until something is so, looking meanwhile. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      this.threads.look();
      await new Promise((resolve) => { setImmediate(resolve); });
    }
  }

  ask(
    index: ThreadedSlotIndex, query: Float32Array, count: number, filter?: string,
  ): Promise<readonly number[] | null> {
    return new Promise((resolve) => {
      const asked = index.ask(
        query, count, 100, filter === undefined ? null : { text: filter }, 'auto', resolve,
      );
      if (!asked) resolve(null);
    });
  }
}

const owners: Owner[] = [];
function owner(): Owner {
  const made = new Owner();
  owners.push(made);
  return made;
}
afterEach(() => { for (const each of owners.splice(0)) each.threads.end(); });

function share(vectors: readonly Float32Array[], index: ThreadedSlotIndex): void {
  for (const vector of vectors) index.put(vector);
  index.release();
  index.link(1);
  expect(index.hasThreads).toBe(true);
}

describe('an index that threads build', () => {
  it.each(['l2', 'cosine', 'ip'] as const)('finds what one thread finds: %s', async (metric) => {
    const { vectors, queries } = makeFamily('clustered', DIMENSION, COUNT, 60, 31);
    const alone = SlotIndex.create({
      dimension: DIMENSION, metric, m: 12, efConstruction: 80, seed: 5, trainingCount: 200,
    });
    if (alone === null) throw new Error('there is memory');
    for (const vector of vectors) alone.put(vector);
    alone.link(COUNT);
    const each = owner();
    const index = each.open(metric);
    share(vectors.slice(0, COUNT / 2), index);
    for (const vector of vectors.slice(COUNT / 2)) expect(index.put(vector)).toBeGreaterThan(0);
    await each.until(() => index.pendingCount === 0);
    let same = 0;
    for (const query of queries) {
      const found = await each.ask(index, query, 10);
      const wanted = alone.search(query, 10, 100, null) ?? [];
      expect(index.search(query, 10, 100, null)).toEqual(found);
      same += wanted.filter((slot) => found?.includes(slot)).length;
    }
    expect(same).toBeGreaterThan(queries.length * 10 * 0.98);
    index.close();
  });

  it('filters as one thread does', async () => {
    const { vectors, queries } = makeFamily('clustered', DIMENSION, COUNT, 10, 32);
    const each = owner();
    const index = each.open();
    share(vectors, index);
    for (let slot = 0; slot < COUNT; slot++) {
      index.setAttributes(slot, encoder.encode(`{"n":${slot},"odd":${slot % 2 === 1}}`));
    }
    await each.until(() => index.pendingCount === 0);
    for (const filter of ['.n < 40', '.odd == true', '.n > 2990 or .n == 7', '.n == -1']) {
      for (const query of queries) {
        const found = await each.ask(index, query, 10, filter);
        expect(found, filter).toEqual(index.search(query, 10, 100, { text: filter }));
        for (const slot of found ?? []) {
          if (filter === '.odd == true') expect(slot % 2).toBe(1);
          if (filter === '.n < 40') expect(slot).toBeLessThan(40);
        }
      }
    }
    index.close();
  });
});

describe('an image of an index of threads', () => {
  it('is a graph whatever they do meanwhile', async () => {
    const { vectors, queries } = makeFamily('clustered', DIMENSION, COUNT, 60, 33);
    const each = owner();
    const index = each.open();
    const half = COUNT / 2;
    share(vectors.slice(0, half), index);
    await each.until(() => index.pendingCount === 0);
    const image = index.beginImage();
    if (image === null) throw new Error('there is a graph');
    const head = image.head();
    const nodes: Uint8Array[] = [];
    for (let i = 0; i < half; i++) {
      // What comes and goes while the image is taken: half of what it has is removed from it.
      index.put(vectors[half + i] ?? new Float32Array(DIMENSION));
      if (i % 2 === 0) index.remove(i);
      nodes.push(image.node(i).slice());
      if (i % 16 === 0) await each.until(() => !index.isCrowded(false));
    }
    expect(nodes.filter(({ length }) => length > 0).length).toBe(half / 2);
    image.end();

    const other = owner();
    const again = other.restore(head);
    const numbers = new Map<number, number>();
    for (const [number, node] of nodes.entries()) {
      if (number % 2 === 0) continue;
      const slot = again.putNode(vectors[number] ?? new Float32Array(DIMENSION), node);
      expect(slot).toBeGreaterThanOrEqual(0);
      numbers.set(slot, number);
    }
    expect(again.settle()).toBe(true);
    again.release();
    expect(again.hasThreads).toBe(true);
    await other.until(() => again.pendingCount === 0);
    let found = 0;
    for (const query of queries) {
      const wanted = [...numbers.values()]
        .map((number) => [number, trueDistance('l2', query, vectors[number] ?? query)] as const)
        .sort((a, b) => a[1] - b[1]).slice(0, 10).map(([number]) => number);
      const slots = await other.ask(again, query, 10) ?? [];
      found += slots.filter((slot) => wanted.includes(numbers.get(slot) ?? -1)).length;
    }
    expect(found).toBeGreaterThan(queries.length * 10 * 0.97);
    again.close();
    index.close();
  });

  it('ends with the index, and gives nothing of another', async () => {
    const { vectors } = makeFamily('clustered', DIMENSION, COUNT, 1, 34);
    const each = owner();
    const index = each.open();
    share(vectors, index);
    await each.until(() => index.pendingCount === 0);
    const image = index.beginImage();
    expect(image?.node(5).length).toBeGreaterThan(0);
    index.close();
    expect(image?.node(5).length).toBe(0);
  });
});

describe('an index of threads and a map of its slots', () => {
  it.each([
    ['l2', 'f32', 1], ['cosine', 'codes', 2], ['ip', 'f32', 3],
  ] as const)('agree while all goes on at once: %s, %s', async (metric, storage, seed) => {
    const chance = new Chance(seed);
    const vectorOf = (scale: number): Float32Array =>
      Float32Array.from({ length: DIMENSION }, () => chance.gaussian() * scale);
    const each = owner();
    const index = each.open(metric, storage);
    const held = new Map<number, Float32Array>();
    const add = (scale: number): void => {
      const vector = vectorOf(scale);
      const slot = index.put(vector);
      expect(slot).toBeGreaterThanOrEqual(0);
      expect(held.has(slot)).toBe(false);
      held.set(slot, vector);
    };
    for (let i = 0; i < 400; i++) add(1);
    index.release();
    index.link(1);
    expect(index.hasThreads).toBe(true);
    let answered = 0;
    for (let round = 0; round < 80; round++) {
      const asked = Array.from({ length: 4 }, () => {
        const query = vectorOf(1);
        // What is there now, slot by slot: an answer may name no other vector under its slot.
        const before = new Map(held);
        return each.ask(index, query, 8).then((slots) => {
          answered++;
          for (const slot of slots ?? []) {
            const now = held.get(slot);
            if (now !== undefined && before.has(slot)) expect(now).toBe(before.get(slot));
          }
          return slots;
        });
      });
      for (let i = 0; i < 30; i++) {
        if (chance.below(2) === 0 || held.size < 300) add(1 + round / 20);
        else {
          const slots = [...held.keys()];
          const slot = slots[chance.below(slots.length)] ?? 0;
          index.remove(slot);
          held.delete(slot);
        }
        index.link(2);
      }
      for (const slots of await Promise.all(asked)) expect(slots?.length).toBeGreaterThan(0);
    }
    expect(answered).toBe(320);
    await each.until(() => index.pendingCount === 0);
    let right = 0;
    for (let i = 0; i < 30; i++) {
      const query = vectorOf(2);
      const truth = [...held].sort(([, a], [, b]) =>
        trueDistance(metric, query, a) - trueDistance(metric, query, b)).slice(0, 10);
      const found = await each.ask(index, query, 20);
      expect(found?.every((slot) => held.has(slot))).toBe(true);
      right += truth.filter(([slot]) => found?.includes(slot)).length;
    }
    expect(right).toBeGreaterThan(300 * (storage === 'codes' ? 0.9 : 0.95));
    index.close();
  });
});

describe('the bounds of an index of threads', () => {
  it('says that it is crowded, and tells when it is so no longer', async () => {
    const { vectors } = makeFamily('gaussian', DIMENSION, 12_000, 0, 33);
    const each = owner();
    const index = each.open();
    share(vectors.slice(0, 1000), index);
    let isCrowded = false;
    let seen = 0;
    for (const vector of vectors.slice(1000)) {
      expect(index.put(vector)).toBeGreaterThan(0);
      isCrowded = index.isCrowded(isCrowded);
      if (!isCrowded) continue;
      seen++;
      const { news } = each;
      // Told by the threads alone, without looking.
      while (each.news === news) await new Promise((resolve) => { setTimeout(resolve, 1); });
      isCrowded = index.isCrowded(true);
    }
    expect(seen).toBeGreaterThan(0);
    await each.until(() => index.pendingCount === 0);
    index.close();
  });

  it('refuses more searches than it has tickets, and answers all others', async () => {
    const { vectors } = makeFamily('clustered', DIMENSION, COUNT, 0, 34);
    const each = owner();
    const index = each.open();
    share(vectors, index);
    const asked = Array.from({ length: 1100 }, (_, i) => each.ask(index, vectors[i]!, 1));
    const answers = await Promise.all(asked);
    expect(answers.filter((slots) => slots === null).length).toBeGreaterThan(0);
    for (const [i, slots] of answers.entries()) if (slots !== null) expect(slots).toEqual([i]);
    expect(await each.ask(index, vectors[5]!, 1)).toEqual([5]);
    index.close();
  });

  it('is closed while searches are under way: they are refused', async () => {
    const { vectors } = makeFamily('clustered', DIMENSION, COUNT, 0, 35);
    const each = owner();
    for (let round = 0; round < 5; round++) {
      const index = each.open();
      share(vectors, index);
      const asked = Array.from({ length: 20 }, (_, i) => each.ask(index, vectors[i]!, 1));
      index.close();
      for (const slots of await Promise.all(asked)) expect(slots).toBe(null);
    }
    expect(each.failures).toBe(0);
  });

  it('is sparse once most of it was removed', async () => {
    const { vectors } = makeFamily('clustered', DIMENSION, 5000, 0, 36);
    const each = owner();
    const index = each.open();
    share(vectors, index);
    expect(index.isSparse).toBe(false);
    for (let slot = 0; slot < 4000; slot++) index.remove(slot);
    expect(index.isSparse).toBe(true);
    expect(index.compact()).toBe(null);
    await each.until(() => index.pendingCount === 0);
    index.close();
  });
});

describe('a thread that dies', () => {
  it('ends all indexes, once, and refuses what is asked', async () => {
    const { vectors } = makeFamily('clustered', DIMENSION, COUNT, 0, 37);
    const each = owner();
    const [first, other] = [each.open(), each.open()];
    share(vectors, first);
    share(vectors, other);
    const asked = [...vectors.slice(0, 300)].map((vector) => each.ask(first, vector, 5));
    await each.threads.terminate(0);
    await each.until(() => each.failures > 0);
    for (const slots of await Promise.all(asked)) if (slots !== null) expect(slots.length).toBe(5);
    expect(first.hasFailed && other.hasFailed).toBe(true);
    expect(first.search(vectors[0]!, 1, 50, null)).toBe(null);
    expect(await each.ask(other, vectors[0]!, 1)).toBe(null);
    expect(first.isCrowded(false)).toBe(false);
    first.remove(3);
    first.close();
    other.close();
    await each.until(() => true);
    expect(each.failures).toBe(1);
    expect(each.threads.failure?.code).toBe('THREAD');
  });

  it('is found out by its silence', async () => {
    const { vectors } = makeFamily('clustered', DIMENSION, COUNT, 0, 38);
    const each = owner();
    const index = each.open();
    share(vectors, index);
    await each.until(() => index.pendingCount === 0);
    // Nobody takes what is asked while all stand still, as if all had died at their work.
    const stopped = { onStill: (): void => undefined };
    each.threads.standStill(stopped);
    const asked = each.ask(index, vectors[0]!, 1);
    for (const nowMs of [0, 4000, 9999]) each.threads.check(nowMs);
    expect(each.threads.failure).toBe(undefined);
    each.threads.forget(stopped);
    for (const nowMs of [10_000, 14_000]) each.threads.check(nowMs);
    expect(each.threads.failure).toBe(undefined);
    each.threads.check(15_100);
    expect(each.threads.failure?.message).toContain('has not moved for 5000 ms');
    await each.until(() => each.failures > 0);
    expect(await asked).toBe(null);
  });
});
