/**
 * Registers of 6 bits, four in three bytes, the lowest bits first; and registers of a byte each,
 * which merging and counting work on. Single registers are read and written where they lie in the
 * arena, at any byte offset; whole sets in low memory.
 * Cost: a register 2 ns; a whole set 20 to 40 us. Nothing is allocated.
 */
import { DENSE_REGISTERS_BYTES, REGISTER_COUNT } from './hll-layout.ts';

/** Register `index` of those that start at byte offset `at` of the worker memory. */
export function denseRegister(i32: Int32Array, at: number, index: number): number {
  const bit = index * 6;
  const byte = at + (bit >>> 3);
  const shift = bit & 7;
  const first = (i32[byte >>> 2]! >>> ((byte & 3) << 3)) & 0xff;
  if (shift <= 2) return (first >>> shift) & 63;
  const next = byte + 1;
  const second = (i32[next >>> 2]! >>> ((next & 3) << 3)) & 0xff;
  return ((first >>> shift) | (second << (8 - shift))) & 63;
}

/** Sets register `index` of those that start at byte offset `at`. */
export function setDenseRegister(
  i32: Int32Array, at: number, index: number, value: number,
): void {
  const bit = index * 6;
  const byte = at + (bit >>> 3);
  const shift = bit & 7;
  putBits(i32, byte, (63 << shift) & 0xff, (value << shift) & 0xff);
  if (shift > 2) putBits(i32, byte + 1, 63 >>> (8 - shift), value >>> (8 - shift));
}

/** Puts bits into the places that `mask` names of the byte at `at`. */
function putBits(i32: Int32Array, at: number, mask: number, bits: number): void {
  const word = at >>> 2;
  const shift = (at & 3) << 3;
  i32[word] = (i32[word]! & ~(mask << shift)) | (bits << shift);
}

/** Raises the registers of a byte each at `to` to those of 6 bits at `from`. */
export function mergeDense(low: Uint8Array, from: number, to: number): void {
  const end = from + DENSE_REGISTERS_BYTES;
  let register = to;
  for (let at = from; at < end; at += 3) {
    const bits = low[at]! | (low[at + 1]! << 8) | (low[at + 2]! << 16);
    raise(low, register, bits & 63);
    raise(low, register + 1, (bits >>> 6) & 63);
    raise(low, register + 2, (bits >>> 12) & 63);
    raise(low, register + 3, bits >>> 18);
    register += 4;
  }
}

function raise(low: Uint8Array, at: number, value: number): void {
  if (low[at]! < value) low[at] = value;
}

/** Writes the registers of a byte each at `from` as registers of 6 bits at `to`. */
export function packDense(low: Uint8Array, from: number, to: number): void {
  const end = to + DENSE_REGISTERS_BYTES;
  let register = from;
  for (let at = to; at < end; at += 3) {
    const bits =
      low[register]! | (low[register + 1]! << 6) | (low[register + 2]! << 12)
      | (low[register + 3]! << 18);
    low[at] = bits & 0xff;
    low[at + 1] = (bits >>> 8) & 0xff;
    low[at + 2] = bits >>> 16;
    register += 4;
  }
}

/** Counts into `histogram` (64 places) how often each value stands in the registers at `from`. */
export function countDense(low: Uint8Array, from: number, histogram: Int32Array): void {
  const end = from + DENSE_REGISTERS_BYTES;
  for (let at = from; at < end; at += 3) {
    const bits = low[at]! | (low[at + 1]! << 8) | (low[at + 2]! << 16);
    histogram[bits & 63]!++;
    histogram[(bits >>> 6) & 63]!++;
    histogram[(bits >>> 12) & 63]!++;
    histogram[bits >>> 18]!++;
  }
}

/** As countDense, of registers of a byte each. */
export function countRegisters(low: Uint8Array, from: number, histogram: Int32Array): void {
  const end = from + REGISTER_COUNT;
  for (let at = from; at < end; at++) histogram[low[at]! & 63]!++;
}
