/**
 * The WebAssembly kernel against its TypeScript twin and against Uint8Array, by property: random
 * ranges, all alignments, overlaps, empty ranges, the memory's last byte, and again after growth.
 * Marvin32 against the vectors of .NET.
 */
import { describe, expect, it } from 'vitest';
import { randomSource } from '../testing/random-source.ts';
import { instantiateKernel } from './kernel.ts';
import type { Kernel } from './kernel.ts';
import { KernelTwin } from './kernel-twin.hot.ts';
import { createSharedMemory } from './worker-memory.ts';

const REGION_BYTES = 4096;
const BYTES_MAX = 4 * 65_536;

interface Bench {
  readonly memory: WebAssembly.Memory;
  readonly view: { i32: Int32Array; f64: Float64Array };
  readonly wasm: Kernel;
  readonly twin: KernelTwin;
  u8(): Uint8Array;
}

function viewsOf(memory: WebAssembly.Memory): Bench['view'] {
  return { i32: new Int32Array(memory.buffer), f64: new Float64Array(memory.buffer) };
}

function makeBench(): Bench {
  const memory = createSharedMemory(BYTES_MAX, 65_536);
  const view = viewsOf(memory);
  const wasm = instantiateKernel(memory);
  if (wasm === null) throw new Error('this platform has no WebAssembly SIMD');
  const twin = new KernelTwin(view);
  return { memory, view, wasm, twin, u8: () => new Uint8Array(memory.buffer) };
}

function bothKernels(bench: Bench): [string, Kernel][] {
  return [['wasm', bench.wasm], ['twin', bench.twin]];
}

/** Checks every function at one place of the memory. */
function checkAll(bench: Bench, base: number, seed: number): void {
  const random = randomSource(seed);
  for (let round = 0; round < 400; round++) {
    const bytes = random.chance(0.1) ? 0 : random.below(round % 4 === 0 ? 600 : 40);
    const from = base + random.below(REGION_BYTES - bytes + 1);
    const to = base + random.below(REGION_BYTES - bytes + 1);
    const byte = random.below(256);
    for (const [name, kernel] of bothKernels(bench)) {
      const hint = `${name} seed ${seed} round ${round} to ${to} from ${from} bytes ${bytes}`;
      const u8 = bench.u8();
      for (let i = 0; i < REGION_BYTES; i++) u8[base + i] = (i & 5) === 0 ? 7 : i * 31;
      const expected = Buffer.from(u8.slice(base, base + REGION_BYTES));
      const region = Buffer.from(bench.memory.buffer, base, REGION_BYTES);
      expected.copyWithin(to - base, from - base, from - base + bytes);
      kernel.copy(to, from, bytes);
      if (!region.equals(expected)) throw new Error(`copy ${hint}`);
      expect(kernel.equal(to, to, bytes), `equal ${hint}`).toBe(1);
      expected.fill(byte, to - base, to - base + bytes);
      kernel.fill(to, byte, bytes);
      if (!region.equals(expected)) throw new Error(`fill ${hint}`);
      checkOrder(bench, kernel, from, to, bytes, hint);
    }
    const seed0 = random.word();
    const seed1 = random.word();
    expect(bench.wasm.hash(from, bytes, seed0, seed1), `hash seed ${seed} bytes ${bytes}`)
      .toBe(bench.twin.hash(from, bytes, seed0, seed1));
  }
}

function checkOrder(
  bench: Bench, kernel: Kernel, a: number, b: number, bytes: number, hint: string,
): void {
  const left = Buffer.from(bench.u8().slice(a, a + bytes));
  const right = Buffer.from(bench.u8().slice(b, b + bytes));
  expect(kernel.equal(a, b, bytes), `equal ${hint}`).toBe(left.equals(right) ? 1 : 0);
  const shorter = bytes >>> 1;
  expect(kernel.compare(a, bytes, b, bytes), `compare ${hint}`).toBe(Buffer.compare(left, right));
  expect(kernel.compare(a, shorter, b, bytes), `compare shorter ${hint}`)
    .toBe(Buffer.compare(left.subarray(0, shorter), right));
}

describe('kernel', () => {
  it('does what its twin and Uint8Array do, at every alignment', () => {
    checkAll(makeBench(), 1024, 11);
  });

  it('still does after the memory grew, in the new part and at its last byte', () => {
    const bench = makeBench();
    checkAll(bench, 65_536 - REGION_BYTES, 12);
    bench.memory.grow(3);
    Object.assign(bench.view, viewsOf(bench.memory));
    checkAll(bench, BYTES_MAX - REGION_BYTES, 13);
  });

  it('takes ranges that differ in one byte for different, wherever the byte is', () => {
    const bench = makeBench();
    for (let bytes = 1; bytes < 40; bytes++) {
      for (let at = 0; at < bytes; at++) {
        bench.u8().fill(1, 1024, 4096);
        bench.u8()[2049 + at] = 2;
        for (const [name, kernel] of bothKernels(bench)) {
          expect(kernel.equal(1031, 2049, bytes), `${name} ${bytes} ${at}`).toBe(0);
          expect(kernel.compare(1031, bytes, 2049, bytes), `${name} ${bytes} ${at}`).toBe(-1);
        }
      }
    }
  });

  it('hashes as Marvin32 in .NET does', () => {
    // Vectors of .NET's own tests: 64-bit results, of which the two halves are folded together.
    const bench = makeBench();
    const vectors: [string, number, number][] = [
      ['', 0x30ed35c1, 0x00cd3c7d], ['af', 0x48e73fc7, 0x7d75ddc1],
      ['e70f', 0xb5f6e1fc, 0x485dbff8], ['37f495', 0xf0b07c78, 0x9b8cf7e8],
      ['8642dc59', 0x7008f2e8, 0x7e9cf556], ['153fb79826', 0xe6c08c6d, 0xa2afa997],
    ];
    for (const [hex, high, low] of vectors) {
      const bytes = Buffer.from(hex, 'hex');
      bench.u8().set(bytes, 513);
      for (const [name, kernel] of bothKernels(bench)) {
        const hash = kernel.hash(513, bytes.length, 0x001bdbcc, 0x004fb61a);
        expect(hash, `${name} ${hex}`).toBe(high ^ low);
      }
    }
  });
});
