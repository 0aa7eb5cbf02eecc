/**
 * The kernel in plain TypeScript: oracle of the WebAssembly form, and its stand-in without SIMD.
 * Everything goes through the word view, because byte views above 2^31 are slow on Node 26; an
 * unaligned word is put together from two. Same layouts and same results as kernel/kernel.as.ts.
 * Cost on 2026-11-20: find about the same as WebAssembly, batches twice, unaligned copies 5 times.
 */
import {
  CHUNK_LINES, CHUNK_SHIFT, DICT_DIRECTORY, DICT_LEVEL, DICT_SEED0, DICT_SEED1, DICT_SINK,
  DICT_SPLIT,
} from './dict-layout.ts';
import {
  bulksBytes, encodeBulks, gather, packBack, packCount, packFind, packForward, packInsert, packList,
  packRemove, packReplace,
} from './kernel-twin-packs.hot.ts';
import { slotBatch } from './kernel-twin-slots.hot.ts';
import type { Kernel } from './kernel.ts';
import { leafClose, leafOpen, nodeScoresBelow } from './kernel-twin-nodes.hot.ts';
import {
  byteAt, copyBytes, isSame, partialWordAt, setByteAt, wordAt,
} from './word-bytes.hot.ts';

/** A holder of the current views, so that a twin sees the memory grow. */
export interface WordView {
  i32: Int32Array;
  f64: Float64Array;
}

const ONES = 0x01010101;
const HIGH_BITS = 0x80808080;

function isKeyOf(i32: Int32Array, ref: number, key: number, keyBytes: number): boolean {
  const word = ref << 1;
  const word0 = i32[word]!;
  const head = word + ((0x4213 >>> ((word0 >>> 30) << 2)) & 0xf);
  let at = head + ((word0 >>> 24) & 1) * 2;
  if (keyBytes >= 0xffff) {
    if ((word0 & 0xffff) !== 0xffff || i32[head] !== keyBytes) return false;
    at++;
  } else if ((word0 & 0xffff) !== keyBytes) {
    return false;
  }
  return isSame(i32, at * 4, key, keyBytes);
}

/** First word of the line that the hash belongs to. `header`: first word of the dict's header. */
function lineWord(i32: Int32Array, header: number, hash: number): number {
  const level = i32[header + DICT_LEVEL]!;
  let line = hash & ((1 << level) - 1);
  if (line < i32[header + DICT_SPLIT]!) line = hash & ((2 << level) - 1);
  const directory = i32[header + DICT_DIRECTORY]! << 1;
  return i32[directory + (line >>> CHUNK_SHIFT)]! + ((line & (CHUNK_LINES - 1)) << 4);
}

/** The hash's fingerprint in all four bytes. */
function fingerprints(hash: number): number {
  const top = hash >>> 24;
  return Math.imul(top === 0 ? 1 : top, ONES);
}

/** Ref of the first entry in a line whose fingerprint may be the hash's, 0 when there is none. */
function firstCandidate(i32: Int32Array, line: number, hash: number): number {
  const wanted = fingerprints(hash);
  for (let i = 0; i < 3; i++) {
    const x = i32[line + i]! ^ wanted;
    const hits = (x - ONES) & ~x & HIGH_BITS;
    if (hits !== 0) return i32[line + 4 + (i << 2) + ((31 - Math.clz32(hits & -hits)) >>> 3)]!;
  }
  return 0;
}

export class KernelTwin implements Kernel {
  readonly view: WordView;

  constructor(view: WordView) {
    this.view = view;
  }

  copy(to: number, from: number, bytes: number): void {
    copyBytes(this.view.i32, to, from, bytes);
  }

  fill(to: number, byte: number, bytes: number): void {
    const i32 = this.view.i32;
    const end = to + bytes;
    let at = to;
    while (at < end && (at & 3) !== 0) setByteAt(i32, at++, byte);
    const words = (end - at) >>> 2;
    i32.fill(Math.imul(byte, ONES), at >>> 2, (at >>> 2) + words);
    at += words * 4;
    while (at < end) setByteAt(i32, at++, byte);
  }

  equal(a: number, b: number, bytes: number): number {
    return isSame(this.view.i32, a, b, bytes) ? 1 : 0;
  }

  compare(a: number, aBytes: number, b: number, bBytes: number): number {
    const i32 = this.view.i32;
    const shared = Math.min(aBytes, bBytes);
    let i = 0;
    while (i + 4 <= shared && wordAt(i32, a + i) === wordAt(i32, b + i)) i += 4;
    for (; i < shared; i++) {
      const difference = byteAt(i32, a + i) - byteAt(i32, b + i);
      if (difference !== 0) return difference < 0 ? -1 : 1;
    }
    if (aBytes === bBytes) return 0;
    return aBytes < bBytes ? -1 : 1;
  }

  hash(at: number, bytes: number, seed0: number, seed1: number): number {
    const i32 = this.view.i32;
    const rest = bytes & 3;
    const whole = bytes - rest;
    let p0 = seed0 | 0;
    let p1 = seed1 | 0;
    for (let i = 0; i <= whole; i += 4) {
      const tail = partialWordAt(i32, at + i, i === whole ? rest : 0) | (0x80 << (rest << 3));
      p0 = (p0 + (i === whole ? tail : wordAt(i32, at + i))) | 0;
      p1 ^= p0;
      p0 = (((p0 << 20) | (p0 >>> 12)) + p1) | 0;
      p1 = ((p1 << 9) | (p1 >>> 23)) ^ p0;
      p0 = (((p0 << 27) | (p0 >>> 5)) + p1) | 0;
      p1 = (p1 << 19) | (p1 >>> 13);
    }
    p1 ^= p0;
    p0 = (((p0 << 20) | (p0 >>> 12)) + p1) | 0;
    p1 = ((p1 << 9) | (p1 >>> 23)) ^ p0;
    p0 = (((p0 << 27) | (p0 >>> 5)) + p1) | 0;
    p1 = (p1 << 19) | (p1 >>> 13);
    return p0 ^ p1;
  }

  find(dict: number, key: number, keyBytes: number, hash: number): number {
    const i32 = this.view.i32;
    let word = lineWord(i32, dict >>> 2, hash);
    const wanted = fingerprints(hash);
    for (;;) {
      for (let i = 0; i < 3; i++) {
        const x = i32[word + i]! ^ wanted;
        // May also flag a byte just above a true hit: the key comparison decides.
        let hits = (x - ONES) & ~x & HIGH_BITS;
        while (hits !== 0) {
          const slot = word + 4 + (i << 2) + ((31 - Math.clz32(hits & -hits)) >>> 3);
          const ref = i32[slot]!;
          if (ref !== 0 && isKeyOf(i32, ref, key, keyBytes)) return slot;
          hits &= hits - 1;
        }
      }
      const next = i32[word + 3]!;
      if (next === 0) return 0;
      word = next << 1;
    }
  }

  findBatch(list: number, count: number, dict: number): void {
    const i32 = this.view.i32;
    const header = dict >>> 2;
    const seed0 = i32[header + DICT_SEED0]!;
    const seed1 = i32[header + DICT_SEED1]!;
    const first = list >>> 2;
    const end = first + count * 4;
    // In stages, so that the cache misses of all keys overlap: lines, then entries, then compare.
    for (let at = first; at < end; at += 4) {
      const hash = this.hash(i32[at]! >>> 0, i32[at + 1]! >>> 0, seed0, seed1);
      i32[at + 2] = hash;
      i32[at + 3] = i32[lineWord(i32, header, hash)]!;
    }
    let sink = 0;
    for (let at = first; at < end; at += 4) {
      const hash = i32[at + 2]!;
      sink ^= i32[firstCandidate(i32, lineWord(i32, header, hash), hash) << 1]!;
    }
    i32[header + DICT_SINK] = sink; // A use of the reads that no compiler can drop.
    for (let at = first; at < end; at += 4) {
      i32[at + 3] = this.find(dict, i32[at]! >>> 0, i32[at + 1]! >>> 0, i32[at + 2]!);
    }
  }

  slotBatch(list: number, count: number, tables: number): void {
    slotBatch(this.view.i32, list, count, tables);
  }

  packFind(pack: number, from: number, at: number, bytes: number, stride: number): number {
    return packFind(this.view.i32, pack, from, at, bytes, stride);
  }

  packForward(pack: number, pos: number, steps: number): number {
    return packForward(this.view.i32, pack, pos, steps);
  }

  packBack(pack: number, pos: number, steps: number): number {
    return packBack(this.view.i32, pack, pos, steps);
  }

  packCount(pack: number, pos: number): number {
    return packCount(this.view.i32, pack, pos);
  }

  packList(pack: number, pos: number, entries: number, out: number): number {
    return packList(this.view.i32, pack, pos, entries, out);
  }

  packInsert(pack: number, pos: number, at: number, bytes: number): void {
    packInsert(this.view.i32, pack, pos, at, bytes);
  }

  packReplace(pack: number, pos: number, at: number, bytes: number): void {
    packReplace(this.view.i32, pack, pos, at, bytes);
  }

  packRemove(pack: number, pos: number, entries: number): void {
    packRemove(this.view.i32, pack, pos, entries);
  }

  bulksBytes(list: number, count: number): number {
    return bulksBytes(this.view.i32, list, count);
  }

  encodeBulks(list: number, count: number, to: number): number {
    return encodeBulks(this.view.i32, list, count, to);
  }

  gather(list: number, count: number, to: number): number {
    return gather(this.view.i32, list, count, to);
  }

  nodeScoresBelow(node: number, from: number, score: number): number {
    return nodeScoresBelow(this.view.i32, this.view.f64, node, from, score);
  }

  leafOpen(node: number, index: number): void {
    leafOpen(this.view.i32, node, index);
  }

  leafClose(node: number, index: number): void {
    leafClose(this.view.i32, node, index);
  }
}
