/**
 * Bytes at any offset of the worker memory through its words: what the kernel's twin is made of.
 * Why: byte views above 2^31 are slow on Node 26, and this is the plain form that the WebAssembly
 *   kernel is held against; an unaligned word is put together from two.
 * Cost: a byte 2 ns; unaligned copies 5 times those of WebAssembly. Nothing is allocated.
 */

/** Four bytes from any byte offset. Bytes beyond the memory read as 0. */
export function wordAt(i32: Int32Array, at: number): number {
  const word = at >>> 2;
  const shift = (at & 3) << 3;
  if (shift === 0) return i32[word]!;
  return (i32[word]! >>> shift) | (i32[word + 1]! << (32 - shift));
}

/** The byte at any byte offset. */
export function byteAt(i32: Int32Array, at: number): number {
  return (i32[at >>> 2]! >>> ((at & 3) << 3)) & 0xff;
}

/** Sets the byte at any byte offset. */
export function setByteAt(i32: Int32Array, at: number, byte: number): void {
  const shift = (at & 3) << 3;
  i32[at >>> 2] = (i32[at >>> 2]! & ~(0xff << shift)) | (byte << shift);
}

/** First 0 to 3 of four bytes, the rest zero. */
export function partialWordAt(i32: Int32Array, at: number, bytes: number): number {
  let word = 0;
  for (let i = 0; i < bytes; i++) word |= byteAt(i32, at + i) << (i << 3);
  return word;
}

/** True when both ranges hold the same bytes. */
export function isSame(i32: Int32Array, a: number, b: number, bytes: number): boolean {
  const whole = bytes - (bytes & 3);
  for (let i = 0; i < whole; i += 4) {
    if (wordAt(i32, a + i) !== wordAt(i32, b + i)) return false;
  }
  const rest = bytes & 3;
  return partialWordAt(i32, a + whole, rest) === partialWordAt(i32, b + whole, rest);
}

function copyForward(i32: Int32Array, to: number, from: number, bytes: number): void {
  const end = to + bytes;
  let target = to;
  let source = from;
  while (target < end && (target & 3) !== 0) setByteAt(i32, target++, byteAt(i32, source++));
  for (; target + 4 <= end; target += 4, source += 4) i32[target >>> 2] = wordAt(i32, source);
  while (target < end) setByteAt(i32, target++, byteAt(i32, source++));
}

function copyBackward(i32: Int32Array, to: number, from: number, bytes: number): void {
  for (let i = bytes - 1; i >= 0; i--) setByteAt(i32, to + i, byteAt(i32, from + i));
}

/** Copies `bytes` bytes; the ranges may overlap. */
export function copyBytes(i32: Int32Array, to: number, from: number, bytes: number): void {
  // An overlap that ends later must go backwards; so must a word read ahead of the words written.
  if (to > from && to < from + bytes) copyBackward(i32, to, from, bytes);
  else copyForward(i32, to, from, bytes);
}
