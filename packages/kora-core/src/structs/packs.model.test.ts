/**
 * Packs against arrays of byte strings: random inserts, replacements, removals, splits and copies
 * over eight packs in one memory, with both kernels, lengths on both sides of every form of length;
 * after each step the whole of one pack is read in every way that there is. Memory grows at every
 * allocation and freed blocks are poisoned in one of the seeds; at the end no byte is left.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { verify } from '../assert.ts';
import { checkSame } from '../testing/quick-checks.ts';
import { makeDictMemory } from '../testing/dict-driver.ts';
import type { RandomSource } from '../testing/random-source.ts';
import { randomSource } from '../testing/random-source.ts';
import { PACK_HEADER_BYTES, Packs } from './packs.hot.ts';
import type { WorkerMemory } from './worker-memory.ts';

const MIB = 1024 * 1024;
const PACKS = 8;
const ENTRIES_MAX = 60;
const ARGUMENT_AT = 70_001;
const LIST_AT = 120_000;
const LENGTHS = [0, 1, 126, 127, 128, 129, 16_383, 16_384, 16_390];

interface Bench {
  readonly memory: WorkerMemory;
  readonly packs: Packs;
  readonly random: RandomSource;
  readonly refs: number[];
  readonly models: string[][];
}

function makeBench(kernel: 'wasm' | 'twin', seed: number): Bench {
  const memory = makeDictMemory(kernel, 512 * MIB, 2 * MIB);
  const packs = new Packs(memory, memory.arenaAllocator);
  const refs = Array.from({ length: PACKS }, () => packs.create(0));
  return { memory, packs, random: randomSource(seed), refs, models: refs.map(() => []) };
}

function textAt(memory: WorkerMemory, at: number, bytes: number): string {
  const copy = Buffer.alloc(bytes);
  for (let i = 0; i < bytes; i++) {
    copy[i] = (memory.i32[Math.floor((at + i) / 4)] ?? 0) >>> (((at + i) % 4) * 8);
  }
  return copy.toString('latin1');
}

function place(memory: WorkerMemory, text: string): number {
  memory.low.set(Buffer.from(text, 'latin1'), ARGUMENT_AT);
  return ARGUMENT_AT;
}

function randomText(random: RandomSource): string {
  const isEdge = random.chance(0.03);
  const bytes = isEdge ? LENGTHS[random.below(LENGTHS.length)]! : random.below(24);
  const first = String.fromCharCode(97 + random.below(4));
  return bytes === 0 ? '' : first + String.fromCharCode(random.below(256)).repeat(bytes - 1);
}

/** Reads the pack forwards, backwards, by index and by list, and holds all against the model. */
function checkPack(bench: Bench, which: number, hint: string): void {
  const { memory, packs } = bench;
  const pack = bench.refs[which]!;
  const model = bench.models[which]!;
  packs.check(pack);
  if (packs.count(pack) !== model.length) throw new Error(`count ${hint}`);
  const forwards: string[] = [];
  const places: number[] = [];
  for (let pos = packs.first(pack); pos !== 0; pos = packs.next(pack, pos)) {
    places.push(pos);
    forwards.push(textAt(memory, packs.entryAt(pack, pos), packs.entryBytes(pack, pos)));
  }
  if (forwards.join('|') !== model.join('|')) throw new Error(`contents ${hint}`);
  const backwards: number[] = [];
  for (let pos = packs.last(pack); pos !== 0; pos = packs.previous(pack, pos)) backwards.push(pos);
  checkSame(backwards.reverse().join(' '), places.join(' '), `backwards ${hint}`);
  const room = model.reduce((sum, text) => sum + packs.entryRoom(text.length), 0);
  checkSame(packs.usedBytes(pack), PACK_HEADER_BYTES + room, `used ${hint}`);
  const index = bench.random.below(model.length + 2) - 1;
  const placed = index < 0 ? places.at(-1) ?? 0 : places[index] ?? 0;
  checkSame(packs.seek(pack, index), placed, `seek ${index} ${hint}`);
  const placedBack = index < 0 ? places[0] ?? 0 : places.at(-1 - index) ?? 0;
  checkSame(packs.seek(pack, -1 - index), placedBack, `seek ${-1 - index} ${hint}`);
  checkSame(packs.seek(pack, model.length), 0, hint);
  checkSame(packs.seek(pack, -1 - model.length), 0, hint);
  checkList(bench, which, places, hint);
}

function checkList(bench: Bench, which: number, places: number[], hint: string): void {
  const { memory, packs, random } = bench;
  if (places.length === 0) return;
  const from = random.below(places.length);
  const entries = 1 + random.below(places.length);
  const listed = Math.min(entries, places.length - from);
  memory.i32[LIST_AT / 4 + listed * 2] = 12_345;
  const after = packs.list(bench.refs[which]!, places[from]!, entries, LIST_AT);
  checkSame(after, places[from + entries] ?? 0, `after list ${hint}`);
  for (let i = 0; i < listed; i++) {
    const at = memory.i32[LIST_AT / 4 + i * 2]! >>> 0;
    const bytes = memory.i32[LIST_AT / 4 + i * 2 + 1]!;
    const text = bench.models[which]![from + i];
    if (textAt(memory, at, bytes) !== text) throw new Error(`list ${from} ${i} ${hint}`);
  }
  checkSame(memory.i32[LIST_AT / 4 + listed * 2], 12_345, `list ends ${hint}`);
}

function checkFind(bench: Bench, which: number, hint: string): void {
  const { memory, packs, random } = bench;
  const pack = bench.refs[which]!;
  const model = bench.models[which]!;
  const isThere = model.length > 0 && random.chance(0.8);
  const text = isThere ? model[random.below(model.length)]! : randomText(random);
  const stride = 1 + random.below(3);
  const from = random.below(model.length + 1);
  let wanted = 0;
  for (let i = from; i < model.length && wanted === 0; i += stride) {
    if (model[i] === text) wanted = packs.seek(pack, i);
  }
  const start = from < model.length ? packs.seek(pack, from) : 0;
  const found = packs.find(pack, start, place(memory, text), text.length, stride);
  const where = `find ${JSON.stringify(text)} from ${from} by ${stride} ${hint}`;
  checkSame(found, wanted, where);
}

function reserve(bench: Bench, pack: number, more: number, hint: string): void {
  const growBytes = bench.packs.growBytes(pack, more);
  const isReserved = bench.memory.arenaAllocator.reserve(growBytes === 0 ? 0 : 1, growBytes);
  if (!isReserved) throw new Error(`reserve ${hint}`);
}

function insertOne(bench: Bench, which: number, hint: string): void {
  const { memory, packs, random, refs } = bench;
  const model = bench.models[which]!;
  const text = randomText(random);
  const index = random.chance(0.4) ? model.length : random.below(model.length + 1);
  const pos = index < model.length ? packs.seek(refs[which]!, index) : 0;
  reserve(bench, refs[which]!, packs.entryRoom(text.length), hint);
  refs[which] = packs.insert(refs[which]!, pos, place(memory, text), text.length);
  model.splice(index, 0, text);
}

/** Several inserts behind one growth: none of them allocates. */
function insertMany(bench: Bench, which: number, hint: string): void {
  const { memory, packs, random, refs } = bench;
  const texts = Array.from({ length: 1 + random.below(4) }, () => randomText(random));
  const more = texts.reduce((sum, text) => sum + packs.entryRoom(text.length), 0);
  reserve(bench, refs[which]!, more, hint);
  refs[which] = packs.grow(refs[which]!, more);
  for (const text of texts) {
    const pack = packs.insert(refs[which], 0, place(memory, text), text.length);
    checkSame(pack, refs[which], `grown once ${hint}`);
    bench.models[which]!.push(text);
  }
}

function replaceOne(bench: Bench, which: number, hint: string): void {
  const { memory, packs, random, refs } = bench;
  const model = bench.models[which]!;
  const index = random.below(model.length);
  const text = randomText(random);
  reserve(bench, refs[which]!, packs.entryRoom(text.length), hint);
  const pos = packs.seek(refs[which]!, index);
  refs[which] = packs.replace(refs[which]!, pos, place(memory, text), text.length);
  model[index] = text;
  checkSame(packs.seek(refs[which], index), pos, `the position holds ${hint}`);
}

function removeSome(bench: Bench, which: number): void {
  const { packs, random, refs } = bench;
  const model = bench.models[which]!;
  const index = random.below(model.length);
  const entries = 1 + random.below(Math.min(model.length - index, random.chance(0.1) ? 99 : 3));
  refs[which] = packs.remove(refs[which]!, packs.seek(refs[which]!, index), entries);
  model.splice(index, entries);
}

/** Splits a pack and puts the second part in another pack's place, or a copy in its own. */
function splitOrCopy(bench: Bench, which: number): void {
  const { packs, random, refs } = bench;
  const model = bench.models[which]!;
  const other = random.below(PACKS);
  if (other === which) {
    const copy = packs.copy(refs[which]!);
    packs.destroy(refs[which]!);
    refs[which] = copy;
    return;
  }
  const index = random.below(model.length);
  const second = packs.split(refs[which]!, packs.seek(refs[which]!, index));
  refs[which] = packs.trim(refs[which]!);
  packs.destroy(refs[other]!);
  refs[other] = second;
  bench.models[other] = model.splice(index);
}

function step(bench: Bench, hint: string): void {
  const { random } = bench;
  const which = random.below(PACKS);
  const model = bench.models[which]!;
  const draw = random.below(100);
  if (model.length > ENTRIES_MAX || (model.length > 0 && draw < 25)) removeSome(bench, which);
  else if (model.length > 0 && draw < 40) replaceOne(bench, which, hint);
  else if (model.length > 0 && draw < 45) splitOrCopy(bench, which);
  else if (draw < 55) insertMany(bench, which, hint);
  else insertOne(bench, which, hint);
  checkFind(bench, which, hint);
  checkPack(bench, random.chance(0.8) ? which : random.below(PACKS), hint);
}

afterEach(() => {
  verify.enabled = false;
  verify.growsOnAlloc = false;
});

for (const kernel of ['wasm', 'twin'] as const) {
  describe(`packs with the ${kernel} kernel`, () => {
    for (const seed of [1, 2, 3]) {
      it(`agree with arrays (seed ${seed})`, () => {
        verify.enabled = seed !== 3;
        verify.growsOnAlloc = seed === 2;
        const bench = makeBench(kernel, seed);
        const steps = seed === 2 ? 1500 : 4000;
        for (let i = 0; i < steps; i++) step(bench, `${kernel} seed ${seed} step ${i}`);
        for (let which = 0; which < PACKS; which++) checkPack(bench, which, `end of ${seed}`);
        for (const ref of bench.refs) bench.packs.destroy(ref);
        expect(bench.memory.usedBytes(), 'everything is returned').toBe(0);
      }, 60_000);
    }

    it('work where byte offsets exceed 2^31', () => {
      const memory = makeDictMemory(kernel, 4096 * MIB);
      const below = memory.arenaAllocator.alloc(3072 * MIB);
      const packs = new Packs(memory, memory.arenaAllocator);
      let pack = packs.create(100);
      expect(pack * 8).toBeGreaterThan(2 ** 31);
      for (const text of ['one', 'two', 'three']) {
        pack = packs.insert(pack, 0, place(memory, text), text.length);
      }
      const found = packs.find(pack, packs.first(pack), place(memory, 'three'), 5, 1);
      expect(found).toBe(packs.seek(pack, 2));
      expect(textAt(memory, packs.entryAt(pack, found), 5)).toBe('three');
      packs.list(pack, packs.first(pack), 3, LIST_AT);
      expect(textAt(memory, memory.i32[LIST_AT / 4 + 2]! >>> 0, 3)).toBe('two');
      pack = packs.remove(pack, packs.first(pack), 2);
      packs.check(pack);
      packs.destroy(pack);
      memory.arenaAllocator.free(below);
      expect(memory.usedBytes()).toBe(0);
    });
  });
}

describe('packs', () => {
  it('take the block of the class above, and give up what they do not need', () => {
    const memory = makeDictMemory();
    const packs = new Packs(memory, memory.arenaAllocator);
    let pack = packs.create(0);
    for (let i = 0; i < 400; i++) {
      pack = packs.insert(pack, 0, place(memory, `element ${i}`), `element ${i}`.length);
      const used = packs.usedBytes(pack);
      expect(packs.heldBytes(pack)).toBe(memory.arenaAllocator.realBytes(used));
      if (used > 128) expect(packs.heldBytes(pack) - used).toBeLessThan(used / 8 + 8);
    }
    for (let left = 400; left > 0; left--) {
      pack = packs.remove(pack, packs.seek(pack, left >>> 1), 1);
      const used = packs.usedBytes(pack);
      expect(packs.heldBytes(pack) - used).toBeLessThanOrEqual(Math.max(24, used / 3));
    }
    packs.destroy(pack);
    expect(memory.usedBytes()).toBe(0);
  });

  it('answer 0 without memory and change nothing, and a removal goes on', () => {
    const memory = makeDictMemory('wasm', 8 * MIB);
    const packs = new Packs(memory, memory.arenaAllocator);
    let pack = packs.create(0);
    for (let i = 0; i < 100; i++) pack = packs.insert(pack, 0, place(memory, 'abcdefgh'), 8);
    for (let bytes = 65_536; bytes >= 8; bytes -= 8) {
      while (memory.arenaAllocator.alloc(bytes) !== 0);
    }
    expect(packs.create(4000)).toBe(0);
    expect(packs.copy(pack)).toBe(0);
    expect(packs.split(pack, packs.seek(pack, 3))).toBe(0);
    expect(packs.grow(pack, 5000)).toBe(0);
    expect(packs.growBytes(pack, 5000)).toBe(packs.usedBytes(pack) + 5000);
    packs.check(pack);
    expect(packs.remove(pack, packs.seek(pack, 1), 98)).toBe(pack);
    packs.check(pack);
    expect(packs.count(pack)).toBe(2);
  });

  it('tell a damaged pack', () => {
    const memory = makeDictMemory();
    const packs = new Packs(memory, memory.arenaAllocator);
    const pack = packs.insert(packs.create(20), 0, place(memory, 'abc'), 3);
    packs.check(pack);
    memory.i32[(pack << 1) + 1]! += 1;
    expect(() => { packs.check(pack); }).toThrow('count');
    memory.i32[(pack << 1) + 1]! -= 1;
    memory.i32[(pack << 1) + 3]! ^= 1;
    expect(() => { packs.check(pack); }).toThrow('lengths');
  });
});
