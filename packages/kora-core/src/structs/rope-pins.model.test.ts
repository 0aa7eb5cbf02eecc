/**
 * Pinned ropes against copies of their bytes: whatever the owner does meanwhile (change by copying,
 * free, evacuate), a reader that holds a pin finds the bytes where and as they were; with the last
 * pin a freed rope gives all its memory back. Pieces filled outside are adopted without a copy.
 */
import { describe, expect, it } from 'vitest';
import { AssertionError, verify } from '../assert.ts';
import { SeededChance } from '../platform/platform.ts';
import { Ropes, ROPE_PIECE_BYTES } from './rope.ts';
import { WorkerMemory } from './worker-memory.ts';

verify.enabled = true; // Freed blocks are poisoned: a pin that does not hold shows.

const MEBIBYTE = 1_048_576;

interface Bench {
  readonly memory: WorkerMemory;
  readonly ropes: Ropes;
  readonly scratch: number;
}

function setUp(bytesMax = 64 * MEBIBYTE): Bench {
  const memory = WorkerMemory.create({ lowBytes: 4 * MEBIBYTE, bytesMax });
  const ropes = new Ropes(memory, memory.arenaAllocator);
  return { memory, ropes, scratch: memory.lowAllocator.alloc(MEBIBYTE) * 8 };
}

/** Bytes anywhere in the memory. */
function bytesAt(bench: Bench, at: number, bytes: number): Buffer {
  return Buffer.from(new Uint8Array(bench.memory.memory.buffer, at, bytes));
}

function wholeOf(bench: Bench, root: number): Buffer {
  const pieces: Buffer[] = [];
  for (let i = 0; i < bench.ropes.pieceCount(root); i++) {
    pieces.push(bytesAt(bench, bench.ropes.pieceAt(root, i), bench.ropes.pieceBytes(root, i)));
  }
  return Buffer.concat(pieces);
}

/** One pinned range, as an engine holds it. */
interface Pin {
  readonly root: number;
  readonly at: number;
  readonly bytes: Buffer;
}

class Owner {
  readonly bench: Bench;
  readonly chance: SeededChance;
  readonly pins: Pin[] = [];
  /** Ropes with an owner, and what they hold. */
  readonly held = new Map<number, Buffer>();

  constructor(bench: Bench, seed: number) {
    this.bench = bench;
    this.chance = new SeededChance(seed);
  }

  dice(below: number): number {
    return (this.chance.next32() >>> 0) % below;
  }

  fill(bytes: number): Buffer {
    const value = Buffer.alloc(bytes, `${this.dice(1e9)}|`);
    this.bench.memory.low.set(value, this.bench.scratch);
    return value;
  }

  create(): void {
    const { ropes, scratch } = this.bench;
    const value = this.fill(ROPE_PIECE_BYTES + this.dice(300_000));
    const root = ropes.create(value.length);
    ropes.write(root, 0, scratch, value.length);
    this.held.set(root, value);
  }

  pin(root: number): void {
    const { ropes } = this.bench;
    const piece = this.dice(ropes.pieceCount(root));
    const at = ropes.pieceAt(root, piece);
    ropes.pin(root);
    this.pins.push({ root, at, bytes: bytesAt(this.bench, at, ropes.pieceBytes(root, piece)) });
  }

  unpin(): void {
    const [pin] = this.pins.splice(this.dice(this.pins.length), 1);
    if (pin !== undefined) this.bench.ropes.unpin(pin.root);
  }

  /** Overwrites and grows, in place or in a copy. */
  change(root: number, value: Buffer): void {
    const { ropes, scratch } = this.bench;
    const bytes = value.length + this.dice(3) * this.dice(40_000);
    let target = root;
    if (ropes.isPinned(root)) {
      target = ropes.copyGrown(root, bytes);
      ropes.free(root);
    } else {
      target = ropes.resize(root, bytes);
    }
    const after = Buffer.alloc(bytes);
    value.copy(after);
    const patch = this.fill(this.dice(70_000) % bytes);
    const offset = this.dice(bytes - patch.length);
    ropes.write(target, offset, scratch, patch.length);
    patch.copy(after, offset);
    this.held.delete(root);
    this.held.set(target, after);
  }

  step(): void {
    const { ropes, memory } = this.bench;
    const entries = [...this.held];
    const [root, value] = entries[this.dice(entries.length)] ?? [0, Buffer.alloc(0)];
    const action = this.dice(8);
    if (entries.length < 3 || action === 0) this.create();
    else if (action <= 2) this.pin(root);
    else if (action <= 4) this.unpin();
    else if (action === 5) this.change(root, value);
    else if (action === 6) {
      memory.arenaAllocator.markSparse();
      const moved = ropes.relocatePieces(root);
      this.held.delete(root);
      this.held.set(moved, value);
    } else {
      ropes.free(root);
      this.held.delete(root);
    }
  }

  check(context: string): void {
    const { bench } = this;
    for (const { at, bytes } of this.pins) {
      expect(bytesAt(bench, at, bytes.length).equals(bytes), context).toBe(true);
    }
    let usedBytes = bench.ropes.droppedBytes;
    for (const [root, value] of this.held) {
      expect(wholeOf(bench, root).equals(value), context).toBe(true);
      usedBytes += bench.ropes.heldBytes(root);
    }
    expect(bench.memory.arenaAllocator.usedBytes(), context).toBe(usedBytes);
    expect(bench.ropes.pinCount, context).toBe(this.pins.length);
  }
}

describe('pinned ropes', () => {
  it.each([1, 2, 3, 4])('stay as they are for who reads them (seed %i)', (seed) => {
    const bench = setUp();
    const owner = new Owner(bench, seed);
    for (let step = 0; step < 300; step++) {
      owner.step();
      owner.check(`seed ${seed} step ${step}`);
    }
    for (const root of owner.held.keys()) bench.ropes.free(root);
    owner.held.clear();
    while (owner.pins.length > 0) {
      owner.unpin();
      owner.check(`seed ${seed}, at the end`);
    }
    expect(bench.memory.arenaAllocator.usedBytes(), `seed ${seed}`).toBe(0);
  });

  it('refuse every change, a second free and a pin too many back', () => {
    const { ropes, scratch } = setUp();
    const root = ropes.create(100_000);
    ropes.pin(root);
    expect(() => { ropes.write(root, 0, scratch, 1); }).toThrow(AssertionError);
    expect(() => ropes.resize(root, 1)).toThrow(AssertionError);
    expect(() => ropes.appendFrom(root, scratch, 1)).toThrow(AssertionError);
    ropes.free(root);
    expect(() => { ropes.free(root); }).toThrow(AssertionError);
    expect(() => { ropes.pin(root); }).toThrow(AssertionError);
    const other = ropes.create(100_000);
    expect(() => { ropes.unpin(other); }).toThrow(AssertionError);
  });

  it('are copied only when there is memory for it', () => {
    const { memory, ropes } = setUp(32 * MEBIBYTE);
    const root = ropes.create(16 * MEBIBYTE);
    ropes.pin(root);
    const usedBytes = memory.arenaAllocator.usedBytes();
    expect(ropes.copyGrown(root, 17 * MEBIBYTE)).toBe(0);
    expect(memory.arenaAllocator.usedBytes()).toBe(usedBytes);
  });
});

describe('pieces from outside', () => {
  it('are adopted where they lie, after whole pieces only', () => {
    const bench = setUp();
    const { memory, ropes, scratch } = bench;
    let root = ropes.create(0);
    const value: Buffer[] = [];
    for (let i = 0; i < 40; i++) {
      const piece = ropes.takePiece();
      const bytes = Buffer.alloc(ROPE_PIECE_BYTES, `piece ${i}|`);
      new Uint8Array(memory.memory.buffer).set(bytes, piece * 8);
      value.push(bytes);
      root = ropes.adoptPiece(root, piece);
      expect(ropes.pieceAt(root, i)).toBe(piece * 8);
    }
    expect(wholeOf(bench, root).equals(Buffer.concat(value))).toBe(true);
    const grown = ropes.appendFrom(root, scratch, 5);
    const piece = ropes.takePiece();
    expect(() => ropes.adoptPiece(grown, piece)).toThrow(AssertionError);
    ropes.givePiece(piece);
    ropes.free(grown);
    expect(memory.arenaAllocator.usedBytes()).toBe(0);
  });
});
