/**
 * Scans by WebAssembly beside the window that measures one element at a time: every form and
 * metric, dimensions around what loops take at once, sets of several chunks of lines, long names,
 * vectors of length 0 and beyond f32. The same elements with the same bits; a bound leaves out what
 * lies beyond it and nothing else; and searches answer alike by both.
 */
import { describe, expect, it } from 'vitest';
import { CommandDriver } from '../../testing/command-driver.ts';
import { randomSource } from '../../testing/random-source.ts';
import { fieldValueAt } from '../../structs/member.hot.ts';
import { scanElements } from './vector-scan.ts';
import { visitElements } from './vector-search.ts';
import { PLACE_BYTES, shapeOf } from './vector-set-layout.ts';

const FORMS = [
  ['f32', 'cosine'], ['f32', 'l2'], ['f32', 'ip'], ['q8', 'cosine'], ['bin', 'cosine'],
] as const;
const DIMENSIONS = [1, 2, 3, 4, 5, 7, 8, 31, 32, 33, 64, 127, 130];
const LONG_NAME = 'n'.repeat(70_000);

type Random = ReturnType<typeof randomSource>;

/** Mostly numbers without a pattern; sometimes none at all, and some near the ends of f32. */
function vectorOf(random: Random, dimension: number): Float32Array {
  const scale = [1, 1, 1, 0, 1e-30, 1e30][random.below(6)] ?? 1;
  return Float32Array.from({ length: dimension }, () => (random.below(2e6) / 1e6 - 1) * scale);
}

function bytesOf(vector: Float32Array): Uint8Array {
  return new Uint8Array(vector.buffer);
}

/** A set `v` of `count` elements. */
function filled(
  driver: CommandDriver, random: Random, form: string, metric: string, dimension: number,
  count: number,
): void {
  const storage = form === 'f32' ? [] : [form];
  driver.run('VECNEW', 'v', dimension, 'METRIC', metric, ...storage);
  for (let i = 0; i < count; i++) {
    const name = i === 3 ? LONG_NAME : `${'x'.repeat(random.below(9))}${i}`;
    driver.run('VECADD', 'v', name, bytesOf(vectorOf(random, dimension)), '');
  }
}

/** Distances by member, as bits: NaN is equal to itself. */
type Measured = Map<number, bigint>;
const floats = new Float64Array(1);
const words = new BigUint64Array(floats.buffer);
function bitsOf(distance: number): bigint {
  floats[0] = distance;
  return words[0] ?? 0n;
}

/** Entry of the set `v`. */
function setOf({ shard }: CommandDriver): number {
  const { keyspace, memory, scratchAt } = shard;
  const [db] = keyspace.databases;
  if (db === undefined) throw new Error('there is a first database');
  memory.low[scratchAt] = 'v'.charCodeAt(0);
  return keyspace.find(db, scratchAt, 1);
}

/** Both ways through the set, from a vector. */
function measure(
  driver: CommandDriver, query: Float32Array, furthest: number,
): { byKernel: Measured; byWindow: Measured } {
  const { shard } = driver;
  const ref = setOf(driver);
  const shape = shapeOf(shard, ref);
  const { vectors } = shard.collections;
  vectors.start(query.length).set(query);
  expect(vectors.measure()).toBe(true);
  vectors.prepare(shape);
  const byWindow: Measured = new Map();
  visitElements(shard, ref, (member) => {
    const at = fieldValueAt(shard.memory.i32, member) + PLACE_BYTES;
    byWindow.set(member, bitsOf(vectors.distance(at, shape)));
  });
  const byKernel: Measured = new Map();
  const usedBytes = driver.memory.lowAllocator.usedBytes();
  const isDone = scanElements(shard, ref, shape, {
    furthest: () => furthest,
    meet(member, distance) {
      expect(byKernel.has(member)).toBe(false);
      byKernel.set(member, bitsOf(distance));
    },
  });
  expect(isDone).toBe(true);
  expect(driver.memory.lowAllocator.usedBytes()).toBe(usedBytes);
  return { byKernel, byWindow };
}

function sorted(measured: Measured): (readonly [number, bigint])[] {
  return [...measured].sort(([a], [b]) => a - b);
}

describe.each(FORMS)('scans of %s by %s', (form, metric) => {
  it.each(DIMENSIONS)('give the distances of the window: %d dimensions', (dimension) => {
    const random = randomSource(dimension);
    const driver = new CommandDriver({ seed: dimension });
    // Once more than a chunk of lines.
    const isBig = dimension === 8 && form === 'f32' && metric === 'cosine';
    filled(driver, random, form, metric, dimension, isBig ? 3000 : 120);
    for (let round = 0; round < 4; round++) {
      const query = vectorOf(random, dimension);
      const { byKernel, byWindow } = measure(driver, query, Infinity);
      expect(sorted(byKernel)).toEqual(sorted(byWindow));
      const distances = [...byWindow.values()].map((bits) => {
        words[0] = bits;
        return floats[0] ?? 0;
      });
      const bound = distances[random.below(distances.length)] ?? 0;
      const near = [...byWindow].filter((_, i) => !((distances[i] ?? 0) > bound));
      expect(sorted(measure(driver, query, bound).byKernel)).toEqual(sorted(new Map(near)));
      expect(measure(driver, query, NaN).byKernel.size).toBe(byWindow.size);
    }
  });

  it('answer searches as the twin does', () => {
    const dimension = 6;
    const drivers = (['wasm', 'twin'] as const).map((kernel) => (
      new CommandDriver({ seed: 1, memoryOptions: { kernel } })
    ));
    for (const driver of drivers) {
      filled(driver, randomSource(5), form, metric, dimension, 400);
      for (let i = 0; i < 40; i++) driver.run('VREM', 'v', String(i * 7));
    }
    const random = randomSource(6);
    for (let round = 0; round < 40; round++) {
      const query = bytesOf(vectorOf(random, dimension));
      const asked = ['VECSEARCH', 'v', random.below(30), 'FP32', query] as const;
      const more = round % 3 === 0 ? ['MAXDISTANCE', random.below(100) / 50] : [];
      const [byKernel, byTwin] = drivers.map((driver) => driver.run(...asked, ...more));
      expect(byKernel).toBe(byTwin);
    }
  });
});

it('a scan without low memory is left to the window, and answers the same', () => {
  const driver = new CommandDriver({});
  filled(driver, randomSource(1), 'f32', 'l2', 4, 50);
  const query = bytesOf(Float32Array.of(0.1, 0.2, 0.3, 0.4));
  const expected = driver.run('VECSEARCH', 'v', 5, 'FP32', query);
  const { lowAllocator } = driver.memory;
  const taken: number[] = [];
  const sizes = [1 << 20, 1 << 16, ...Array.from({ length: 64 }, (_, i) => 4096 - i * 48)];
  for (const bytes of sizes) {
    for (let block = lowAllocator.alloc(bytes); block !== 0; block = lowAllocator.alloc(bytes)) {
      taken.push(block);
    }
  }
  const ref = setOf(driver);
  const visitor = { furthest: () => Infinity, meet: () => { throw new Error('met'); } };
  expect(scanElements(driver.shard, ref, shapeOf(driver.shard, ref), visitor)).toBe(false);
  for (const block of taken) lowAllocator.free(block);
  expect(driver.run('VECSEARCH', 'v', 5, 'FP32', query)).toBe(expected);
});
