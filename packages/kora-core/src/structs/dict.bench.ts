/**
 * Speed of the dict and of the allocator under it, in calls of 256 operations (divide by 256):
 * finds by key at 100 k keys, alone and in batches of 16, over each kernel; blocks freed and taken
 * again. Figures with medians and targets at 1 M keys: bench/src/micro-dict.ts.
 */
import { bench, describe } from 'vitest';
import { DictDriver, makeDictMemory, REQUEST_KEY_AT } from '../testing/dict-driver.ts';
import { randomSource } from '../testing/random-source.ts';

const KEYS = 100_000;
const OPERATIONS = 256;
const GROUP = 16;
const LIST_AT = 90_000;
const random = randomSource(1);

for (const kernel of ['wasm', 'twin'] as const) {
  describe(`dict of ${KEYS} keys, ${kernel} kernel, ${OPERATIONS} operations`, () => {
    const driver = new DictDriver(makeDictMemory(kernel));
    const { dict, memory } = driver;
    for (let i = 0; i < KEYS; i++) driver.set(`key:${String(i).padStart(12, '0')}`, i);
    const keyBytes = driver.key('key:000000000000');
    const i32 = memory.i32;

    bench('find', () => {
      for (let i = 0; i < OPERATIONS; i++) {
        memory.low[REQUEST_KEY_AT + keyBytes - 1 - random.below(4)] = 48 + random.below(10);
        dict.find(REQUEST_KEY_AT, keyBytes, dict.hashOf(REQUEST_KEY_AT, keyBytes));
      }
    });

    bench('find in batches of 16', () => {
      for (let first = 0; first < OPERATIONS; first += GROUP) {
        for (let i = 0; i < GROUP; i++) {
          const at = REQUEST_KEY_AT + i * 32;
          memory.low.copyWithin(at, REQUEST_KEY_AT, REQUEST_KEY_AT + keyBytes);
          memory.low[at + keyBytes - 1 - random.below(4)] = 48 + random.below(10);
          i32[LIST_AT / 4 + i * 4] = at;
          i32[LIST_AT / 4 + i * 4 + 1] = keyBytes;
        }
        dict.findBatch(LIST_AT, GROUP);
      }
    });
  });
}

describe(`allocator, ${OPERATIONS} pairs of free and alloc`, () => {
  const allocator = makeDictMemory().arenaAllocator;
  const sizes = Array.from({ length: 4096 }, () => 24 + random.below(400));
  const refs = sizes.map((bytes) => allocator.alloc(bytes));

  bench('random sizes up to 424 bytes', () => {
    for (let i = 0; i < OPERATIONS; i++) {
      const index = random.below(refs.length);
      allocator.free(refs[index] ?? 0);
      refs[index] = allocator.alloc(sizes[index] ?? 8);
    }
  });
});
