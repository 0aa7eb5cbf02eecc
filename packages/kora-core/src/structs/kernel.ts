/**
 * The kernel's interface, and the door to its WebAssembly form.
 * Two forms exist: WebAssembly (kernel/kernel.as.ts, bytes in kernel-bytes.ts) and a plain
 *   TypeScript twin (kernel-twin.hot.ts), the oracle in tests and the fallback without SIMD.
 * All addresses are byte offsets into the worker's memory, u32, passed as numbers; they may exceed
 *   2^31. Slots come back as word indexes, which always fit int32.
 * Cost on 2026-11-20, Node 20: copy 8 ns for 64 B, hash 27 ns for 16 B, findBatch of 16 86 ns a key
 *   at 1 M keys (bench/src/micro-dict.ts, 2 shared cores).
 */
import { KERNEL_BASE64 } from './kernel-bytes.ts';

/** Loops over raw memory. Every range must lie inside the memory; a wrong one traps or corrupts. */
export interface Kernel {
  /** Copies `bytes` bytes; the ranges may overlap; 0 bytes is allowed. */
  copy(to: number, from: number, bytes: number): void;
  /** Sets `bytes` bytes to `byte` (0..255). */
  fill(to: number, byte: number, bytes: number): void;
  /** 1 when both ranges hold the same bytes, else 0. */
  equal(a: number, b: number, bytes: number): number;
  /** Order of two byte strings as memcmp, a prefix first: -1, 0 or 1. */
  compare(a: number, aBytes: number, b: number, bBytes: number): number;
  /** Marvin32 of the bytes, an int32. */
  hash(at: number, bytes: number, seed0: number, seed1: number): number;
  /**
   * Word index of the slot that holds the key, 0 when absent. `dict`: byte offset of the header.
   */
  find(dict: number, key: number, keyBytes: number, hash: number): number;
  /**
   * Finds many keys, stage by stage, so that their cache misses overlap. `list`: byte offset of
   * `count` records of four words: key address, key bytes, hash (out), slot word or 0 (out).
   */
  findBatch(list: number, count: number, dict: number): void;
  /**
   * Slots of keys, by the hashtag rule. `list`: byte offset of `count` records of four words: key
   * address, key bytes, slot (out), any. `tables`: byte offset of CRC_TABLES (crc16.hot.ts).
   */
  slotBatch(list: number, count: number, tables: number): void;
  /**
   * Position of the first entry of a pack (packs.hot.ts) from `from` on, in steps of `stride`
   * entries, that holds the bytes at `at`; 0 when there is none, or `from` is 0. `pack` is a ref,
   * here and below.
   */
  packFind(pack: number, from: number, at: number, bytes: number, stride: number): number;
  /** Position `steps` entries after the one at `pos`; 0 behind the last. */
  packForward(pack: number, pos: number, steps: number): number;
  /** Position `steps` entries before `pos`, which may be the end; as many entries are there. */
  packBack(pack: number, pos: number, steps: number): number;
  /** Entries from `pos` on. */
  packCount(pack: number, pos: number): number;
  /**
   * Writes pairs of words (byte offset, bytes) of up to `entries` entries from `pos` on to `out`;
   * returns the position after the last one, 0 at the end.
   */
  packList(pack: number, pos: number, entries: number, out: number): number;
  /** Inserts an entry at `pos`, 0 = at the end; the block has room for it. */
  packInsert(pack: number, pos: number, at: number, bytes: number): void;
  /** Puts another entry in the place of the one at `pos`; the block has room for it. */
  packReplace(pack: number, pos: number, at: number, bytes: number): void;
  /** Removes `entries` entries from `pos` on; there are as many. */
  packRemove(pack: number, pos: number, entries: number): void;
  /**
   * Bytes of RESP bulk strings, at most 2^31 - 1. `list`: byte offset, 4-aligned, of `count` pairs
   * of words (byte offset, bytes).
   */
  bulksBytes(list: number, count: number): number;
  /** Writes them as RESP bulk strings to `to`; returns the bytes written. */
  encodeBulks(list: number, count: number, to: number): number;
  /**
   * Copies ranges one behind the other to `to`, which none of them overlaps; returns their bytes.
   * `list`: byte offset, 4-aligned, of `count` pairs of words (byte offset, bytes).
   */
  gather(list: number, count: number, to: number): number;
  /**
   * First index from `from` on in a node of a score tree (score-tree-nodes.hot.ts) whose score is
   * not below `score`; the count when there is none. `node` is a ref, here and below.
   */
  nodeScoresBelow(node: number, from: number, score: number): number;
  /** Opens a gap of one entry in a leaf of a score tree that has room, and counts it. */
  leafOpen(node: number, index: number): void;
  /** Closes the place of one entry of a leaf of a score tree. */
  leafClose(node: number, index: number): void;
}

let compiledModule: WebAssembly.Module | null = null;
let isCompileRefused = false;

/** The WebAssembly kernel over `memory`, or null where the platform has no SIMD or threads. */
export function instantiateKernel(memory: WebAssembly.Memory): Kernel | null {
  if (compiledModule === null && !isCompileRefused) compiledModule = compileKernel();
  if (compiledModule === null) return null;
  const instance = new WebAssembly.Instance(compiledModule, { env: { memory } });
  // Byte boundary: the exports' types are fixed by the test that rebuilds the kernel.
  return instance.exports as unknown as Kernel;
}

/** The kernel's bytes, as the build wrote them. */
export function kernelBytes(): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(KERNEL_BASE64), (character) => character.charCodeAt(0));
}

function compileKernel(): WebAssembly.Module | null {
  try {
    return new WebAssembly.Module(kernelBytes());
  } catch (error) {
    if (!(error instanceof WebAssembly.CompileError)) throw error;
    isCompileRefused = true;
    return null;
  }
}
