/**
 * Ropes against plain byte arrays: random creates, writes, reads, appends, resizes, copies and
 * moves; after each step every rope equals its model, and at the end the memory is as before.
 * Waste and behaviour without memory are checked beside it.
 */
import { describe, expect, it } from 'vitest';
import { verify } from '../assert.ts';
import { SeededChance } from '../platform/platform.ts';
import { Ropes, ROPE_PIECE_BYTES } from './rope.ts';
import { WorkerMemory } from './worker-memory.ts';

verify.enabled = true; // Double frees and foreign refs are assertions, freed blocks poisoned.

const SCRATCH_BYTES = 1_048_576;
const MEBIBYTE = 1_048_576;

interface Bench {
  readonly memory: WorkerMemory;
  readonly ropes: Ropes;
  readonly scratch: number;
}

function setUp(bytesMax = 64 * MEBIBYTE): Bench {
  const memory = WorkerMemory.create({ lowBytes: 4 * MEBIBYTE, bytesMax });
  const ropes = new Ropes(memory, memory.arenaAllocator);
  return { memory, ropes, scratch: memory.lowAllocator.alloc(SCRATCH_BYTES) * 8 };
}

function writeAll(bench: Bench, root: number, value: Uint8Array): void {
  bench.memory.low.set(value, bench.scratch);
  bench.ropes.write(root, 0, bench.scratch, value.length);
}

function readAll(bench: Bench, root: number): Buffer {
  const bytes = bench.ropes.bytesOf(root);
  bench.ropes.read(root, 0, bench.scratch, bytes);
  return Buffer.from(bench.memory.low.slice(bench.scratch, bench.scratch + bytes));
}

function randomBytes(chance: SeededChance, bytes: number): Buffer {
  const value = Buffer.alloc(bytes);
  for (let i = 0; i < bytes; i++) value[i] = chance.next32();
  return value;
}

function below(chance: SeededChance, bound: number): number {
  return (chance.next32() >>> 0) % bound;
}

/** Lengths near piece borders as often as anywhere else. */
function randomLength(chance: SeededChance): number {
  if (below(chance, 3) === 0) return below(chance, 400_000);
  const near = below(chance, 5) * ROPE_PIECE_BYTES + below(chance, 5) - 2;
  return Math.max(0, near);
}

/** Pieces by which a rope is made up, by the rules of its file's header. */
function checkShape(bench: Bench, root: number, bytes: number, context: string): void {
  const { ropes } = bench;
  const pieces = ropes.pieceCount(root);
  expect(pieces, context).toBe(Math.ceil(bytes / ROPE_PIECE_BYTES));
  let sum = 0;
  for (let index = 0; index < pieces; index++) {
    const pieceBytes = ropes.pieceBytes(root, index);
    if (index < pieces - 1) expect(pieceBytes, context).toBe(ROPE_PIECE_BYTES);
    expect(ropes.pieceAt(root, index) % 8, context).toBe(0);
    sum += pieceBytes;
  }
  expect(sum, context).toBe(bytes);
}

function randomStep(bench: Bench, chance: SeededChance, root: number, model: Buffer) {
  const { ropes, memory, scratch } = bench;
  const action = below(chance, 6);
  if (action === 0 && model.length > 0) {
    const offset = below(chance, model.length);
    const part = randomBytes(chance, below(chance, Math.min(90_000, model.length - offset + 1)));
    memory.low.set(part, scratch);
    ropes.write(root, offset, scratch, part.length);
    part.copy(model, offset);
    return { root, model };
  }
  if (action === 1) {
    const bytes = randomLength(chance);
    const after = Buffer.alloc(bytes);
    model.copy(after, 0, 0, Math.min(bytes, model.length));
    return { root: ropes.resize(root, bytes), model: after };
  }
  if (action === 2) {
    const part = randomBytes(chance, below(chance, below(chance, 4) === 0 ? 70_000 : 300));
    if (model.length + part.length > 500_000) return { root, model };
    memory.low.set(part, scratch);
    const grown = ropes.appendFrom(root, scratch, part.length);
    return { root: grown, model: Buffer.concat([model, part]) };
  }
  if (action === 3) {
    const copy = ropes.copyRope(root);
    ropes.free(root);
    return { root: copy, model };
  }
  if (action === 4) {
    memory.arenaAllocator.markSparse();
    return { root: ropes.relocatePieces(root), model };
  }
  const offset = below(chance, model.length + 1);
  const bytes = below(chance, model.length - offset + 1);
  ropes.read(root, offset, scratch, bytes);
  const read = Buffer.from(memory.low.slice(scratch, scratch + bytes));
  expect(read.equals(model.subarray(offset, offset + bytes))).toBe(true);
  return { root, model };
}

describe('Ropes against byte arrays', () => {
  for (const seed of [1, 2, 3, 4]) {
    it(`agrees after every random step, seed ${seed}`, () => {
      const bench = setUp();
      const chance = new SeededChance(seed);
      const usedBefore = bench.memory.arenaAllocator.usedBytes();
      const roots: number[] = [];
      const models: Buffer[] = [];
      for (let i = 0; i < 4; i++) {
        const value = randomBytes(chance, randomLength(chance));
        const root = bench.ropes.create(value.length);
        writeAll(bench, root, value);
        roots.push(root);
        models.push(value);
      }
      for (let step = 0; step < 250; step++) {
        const context = `seed ${seed} step ${step}`;
        const which = below(chance, roots.length);
        const after = randomStep(bench, chance, roots[which]!, models[which]!);
        expect(after.root, context).not.toBe(0);
        roots[which] = after.root;
        models[which] = after.model;
        checkShape(bench, after.root, after.model.length, context);
        expect(readAll(bench, after.root).equals(after.model), context).toBe(true);
        const held = roots.reduce((sum, root) => sum + bench.ropes.heldBytes(root), 0);
        const used = bench.memory.arenaAllocator.usedBytes() - usedBefore;
        expect(used, context).toBe(held);
      }
      for (let i = 0; i < roots.length; i++) {
        expect(readAll(bench, roots[i]!).equals(models[i]!), `seed ${seed} rope ${i}`).toBe(true);
        bench.ropes.free(roots[i]!);
      }
      expect(bench.memory.arenaAllocator.usedBytes()).toBe(usedBefore);
    });
  }
});

describe('Ropes, memory', () => {
  it('wastes at most an eighth of the total and 4 KiB, whatever way the rope grew', () => {
    const bench = setUp();
    for (const step of [1_000, 4_097, 30_000, 65_536]) {
      let root = bench.ropes.create(ROPE_PIECE_BYTES);
      for (let bytes = ROPE_PIECE_BYTES; bytes < 800_000; bytes += step) {
        root = bench.ropes.resize(root, bytes);
        const waste = bench.ropes.heldBytes(root) - bytes;
        expect(waste, `step ${step} at ${bytes}`).toBeLessThanOrEqual(bytes / 8 + 4_096);
      }
      for (let bytes = 800_000; bytes >= ROPE_PIECE_BYTES; bytes -= step) {
        root = bench.ropes.resize(root, bytes);
        const waste = bench.ropes.heldBytes(root) - bytes;
        expect(waste, `step -${step} at ${bytes}`).toBeLessThanOrEqual(bytes / 8 + 8_192);
      }
      bench.ropes.free(root);
    }
  });

  it('moves its last piece seldom while bytes are appended one at a time', () => {
    const bench = setUp();
    let root = bench.ropes.create(ROPE_PIECE_BYTES);
    let moves = 0;
    let last = 0;
    for (let i = 0; i < 3 * ROPE_PIECE_BYTES; i++) {
      root = bench.ropes.appendFrom(root, bench.scratch, 1);
      const pieces = bench.ropes.pieceCount(root);
      const at = bench.ropes.pieceAt(root, pieces - 1);
      if (at !== last) moves++;
      last = at;
    }
    expect(moves).toBeLessThan(60);
    bench.ropes.free(root);
  });

  it('refuses to grow without memory, leaves the rope as it was, and leaks nothing', () => {
    const bench = setUp(32 * MEBIBYTE);
    const chance = new SeededChance(7);
    const value = randomBytes(chance, 200_000);
    const root = bench.ropes.create(value.length);
    writeAll(bench, root, value);
    const used = bench.memory.arenaAllocator.usedBytes();
    let refusals = 0;
    for (const bytes of [29_000_000, 40_000_000, 500_000_000]) {
      if (bench.ropes.resize(root, bytes) !== 0) throw new Error(`${bytes} bytes fitted`);
      expect(bench.ropes.create(bytes)).toBe(0);
      expect(bench.memory.arenaAllocator.usedBytes()).toBe(used);
      refusals++;
    }
    expect(refusals).toBe(3);
    expect(readAll(bench, root).equals(value)).toBe(true);
    bench.ropes.free(root);
    expect(bench.memory.arenaAllocator.usedBytes()).toBe(0);
  });

  it('holds as many ropes as the memory has room for, and gives each a refusal after', () => {
    const bench = setUp(32 * MEBIBYTE);
    const roots: number[] = [];
    for (;;) {
      const root = bench.ropes.create(100_000 + roots.length * 1_111);
      if (root === 0) break;
      roots.push(root);
    }
    expect(roots.length).toBeGreaterThan(10);
    const held = roots.reduce((sum, root) => sum + bench.ropes.heldBytes(root), 0);
    expect(bench.memory.arenaAllocator.usedBytes()).toBe(held);
    for (const root of roots) bench.ropes.free(root);
    expect(bench.memory.arenaAllocator.usedBytes()).toBe(0);
  });

  it('zeroes what a resize adds, also over bytes that were dropped before', () => {
    const bench = setUp();
    const value = Buffer.alloc(150_000, 0xff);
    let root = bench.ropes.create(value.length);
    writeAll(bench, root, value);
    root = bench.ropes.resize(root, 70_000);
    root = bench.ropes.resize(root, 140_000);
    const expected = Buffer.alloc(140_000);
    value.copy(expected, 0, 0, 70_000);
    expect(readAll(bench, root).equals(expected)).toBe(true);
  });
});
