/**
 * The dict against a Map: random inserts, overwrites, removals and lookups over two dicts in one
 * memory, with both kernels; the whole contents compared both ways; scans with growth and shrinking
 * between calls; entries by chance.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { verify } from '../assert.ts';
import { DictDriver, makeDictMemory, REQUEST_KEY_AT } from '../testing/dict-driver.ts';
import { randomSource } from '../testing/random-source.ts';
import { Dict } from './dict.hot.ts';

const MIB = 1024 * 1024;
const LIST_AT = 80_000;

function checkBatch(driver: DictDriver, model: Map<string, number>, texts: string[]): void {
  const { memory, dict } = driver;
  let at = REQUEST_KEY_AT;
  for (const [index, text] of texts.entries()) {
    memory.low.set(Buffer.from(text, 'latin1'), at);
    memory.i32[LIST_AT / 4 + index * 4] = at;
    memory.i32[LIST_AT / 4 + index * 4 + 1] = text.length;
    at += text.length;
  }
  dict.findBatch(LIST_AT, texts.length);
  for (const [index, text] of texts.entries()) {
    const hash = memory.i32[LIST_AT / 4 + index * 4 + 2]!;
    const slot = memory.i32[LIST_AT / 4 + index * 4 + 3]!;
    expect(slot === 0 ? undefined : driver.valueAt(slot), text).toBe(model.get(text));
    expect(hash).toBe(dict.hashOf(REQUEST_KEY_AT, driver.key(text)));
  }
}

afterEach(() => {
  verify.enabled = false;
  verify.growsOnAlloc = false;
});

for (const kernel of ['wasm', 'twin'] as const) {
  describe(`dict with the ${kernel} kernel`, () => {
    for (const seed of [1, 2, 3]) {
      it(`agrees with a Map, two dicts in one memory (seed ${seed})`, () => {
        verify.enabled = seed !== 3;
        verify.growsOnAlloc = seed === 2;
        const random = randomSource(seed);
        const memory = makeDictMemory(kernel);
        const drivers = [new DictDriver(memory), new DictDriver(memory)];
        const models = [new Map<string, number>(), new Map<string, number>()];
        for (let step = 0; step < 24_000; step++) {
          const which = random.below(8) === 0 ? 1 : 0;
          const driver = drivers[which]!;
          const model = models[which]!;
          const text = 'k'.repeat(random.below(7)) + String(random.below(9000));
          const grows = step % 12_000 < 6000;
          const hint = `seed ${seed} step ${step} key ${text}`;
          if (random.chance(grows ? 0.6 : 0.1)) {
            expect(driver.set(text, step), hint).toBe(true);
            model.set(text, step);
          } else if (random.chance(0.8)) {
            expect(driver.delete(text), hint).toBe(model.delete(text));
          } else {
            expect(driver.get(text), hint).toBe(model.get(text));
          }
          if (driver.dict.count() !== model.size) throw new Error(`count ${hint}`);
          if (step % 2000 === 0) {
            expect(drivers[0]!.contents(), hint).toEqual(models[0]);
            expect(drivers[1]!.contents(), hint).toEqual(models[1]);
            checkBatch(driver, model, [...model.keys()].slice(0, 40).concat('absent', ''));
          }
        }
        for (const text of [...models[0]!.keys()]) expect(drivers[0]!.delete(text)).toBe(true);
        expect(drivers[0]!.dict.lines()).toBeLessThanOrEqual(32);
        expect(drivers[1]!.contents()).toEqual(models[1]);
        for (const driver of drivers) driver.destroy();
        expect(memory.usedBytes(), 'everything is returned').toBe(0);
      });
    }

    it('works where byte offsets exceed 2^31', () => {
      const memory = makeDictMemory(kernel, 4096 * MIB);
      const below = memory.arenaAllocator.alloc(3072 * MIB);
      const driver = new DictDriver(memory);
      expect(driver.dict.header * 8).toBeGreaterThan(2 ** 31);
      const model = new Map<string, number>();
      for (let i = 0; i < 5000; i++) {
        driver.set(`key${i}`, i);
        model.set(`key${i}`, i);
        if (i % 3 === 0) {
          driver.delete(`key${i >>> 1}`);
          model.delete(`key${i >>> 1}`);
        }
      }
      expect(driver.contents()).toEqual(model);
      checkBatch(driver, model, ['key4999', 'key4998', 'key0', 'absent']);
      driver.destroy();
      memory.arenaAllocator.free(below);
      expect(memory.usedBytes()).toBe(0);
    });

    it('tells long keys apart, on both sides of the 16-bit length', () => {
      const driver = new DictDriver(makeDictMemory(kernel, MIB * 64, MIB));
      const texts = [0, 1, 65_534, 65_535, 65_536, 70_000].map((bytes) => 'x'.repeat(bytes));
      for (const [index, text] of texts.entries()) driver.set(text, index);
      for (const [index, text] of texts.entries()) expect(driver.get(text)).toBe(index);
      expect(driver.get('x'.repeat(69_999))).toBeUndefined();
      expect(driver.contents().size).toBe(texts.length);
    });
  });
}

describe('dict scan', () => {
  for (const seed of [1, 2, 3, 4]) {
    it(`meets every key that stays, whatever grows and shrinks (seed ${seed})`, () => {
      const random = randomSource(seed);
      const driver = new DictDriver(makeDictMemory());
      const staying = new Set<string>();
      for (let i = 0; i < 400; i++) {
        staying.add(`stay${i}`);
        driver.set(`stay${i}`, i);
      }
      let passing = 0;
      for (let round = 0; round < 6; round++) {
        const met = new Set<string>();
        let cursor = 0;
        let calls = 0;
        do {
          const count = driver.dict.collectLine(driver.dict.lineAtCursor(cursor), driver.out);
          for (let i = 0; i < count; i++) met.add(driver.keyAt(driver.out[i]!));
          cursor = driver.dict.scanNext(cursor);
          calls++;
          const burst = random.below(120);
          const grows = random.chance(round % 2 === 0 ? 0.8 : 0.2);
          for (let i = 0; i < burst; i++) {
            if (grows && passing < 20_000) driver.set(`pass${passing++}`, 0);
            else if (!grows && passing > 0) driver.delete(`pass${--passing}`);
          }
          if (calls > 100_000) throw new Error(`seed ${seed}: the scan does not end`);
        } while (cursor !== 0);
        for (const text of staying) {
          if (!met.has(text)) throw new Error(`seed ${seed} round ${round}: missed ${text}`);
        }
      }
    });
  }

  it('visits each line once when nothing changes', () => {
    const driver = new DictDriver(makeDictMemory());
    for (let i = 0; i < 5000; i++) driver.set(`key${i}`, i);
    const lines: number[] = [];
    let cursor = 0;
    do {
      lines.push(driver.dict.lineAtCursor(cursor));
      cursor = driver.dict.scanNext(cursor);
    } while (cursor !== 0);
    expect(lines.length).toBe(driver.dict.lines());
    expect(new Set(lines).size).toBe(lines.length);
  });
});

describe('dict', () => {
  it('finds every entry by chance, and none in an empty dict', () => {
    const random = randomSource(9);
    const driver = new DictDriver(makeDictMemory());
    expect(driver.dict.randomSlot(random.word(), random.word())).toBe(0);
    const texts = Array.from({ length: 300 }, (_, index) => `key${index}`);
    for (const size of [20, 300]) {
      for (const text of texts.slice(0, size)) driver.set(text, 1);
      const met = new Map<string, number>();
      for (let i = 0; i < size * 200; i++) {
        const text = driver.keyAt(driver.dict.randomSlot(random.word(), random.word()));
        met.set(text, (met.get(text) ?? 0) + 1);
      }
      expect(met.size).toBe(size);
      for (const [text, times] of met) {
        if (times < 120 || times > 300) throw new Error(`${text} of ${size}: ${times} times`);
      }
    }
    for (const text of texts.slice(1)) driver.delete(text);
    expect(driver.keyAt(driver.dict.randomSlot(0, 0))).toBe(texts[0]);
  });

  it('answers 0 for a dict that has no memory, and leaks nothing', () => {
    const memory = makeDictMemory('wasm', MIB);
    const allocator = memory.arenaAllocator;
    while (allocator.alloc(1024) !== 0);
    const used = allocator.usedBytes();
    const dict = new Dict(memory, allocator, 1, 2);
    expect(dict.create()).toBe(0);
    expect(allocator.usedBytes()).toBe(used);
  });

  it('warms its rare paths without leaving a trace', () => {
    const driver = new DictDriver(makeDictMemory());
    driver.set('kept', 7);
    const used = driver.memory.usedBytes();
    expect(driver.dict.warmRarePaths()).toBe(true);
    expect(driver.memory.usedBytes()).toBe(used);
    expect(driver.get('kept')).toBe(7);
    expect([...driver.dict.counters]).toEqual([0, 0, 0, 0, 0, 0, 0]);
  });
});
