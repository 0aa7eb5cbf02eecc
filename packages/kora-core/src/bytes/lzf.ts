/**
 * LZF, the compression of long strings in Redis's RDB and DUMP formats. Two block forms:
 *
 *   literal run  000nnnnn                       then n + 1 bytes as they are (1 to 32)
 *   reference    lllooooo [llllllll] oooooooo   copy length l + 2 (3 to 264) from distance o + 1
 *                (the extra length byte follows only when lll is 7, and is added to it)
 *
 * Compression is greedy over a hash of three bytes, deterministic, and gives up when the result
 *   does not fit. Decompression trusts nothing: every read and copy is checked, and the result
 *   must have exactly the announced size.
 * Cost: O(bytes) both ways; compression borrows one 64 KiB table per thread.
 * Source: the format of liblzf (Marc Lehmann).
 */

const LITERAL_BYTES_MAX = 32;
const REFERENCE_BYTES_MIN = 3;
const REFERENCE_BYTES_MAX = 264;
const DISTANCE_MAX = 8192;
const HASH_BITS = 14;

/** Most bytes one compressed byte can stand for: a reference takes 3 bytes for up to 264. */
export const LZF_EXPANSION_MAX = REFERENCE_BYTES_MAX / 3;

let positions: Int32Array | undefined;

/** Compresses into `target`; the two arrays must not overlap.
 * @param targetBytesMax room at `targetAt`; also how small the result has to be
 * @returns bytes written; 0 when the result does not fit (target then holds garbage) */
export function lzfCompress(
  source: Uint8Array, sourceAt: number, sourceBytes: number,
  target: Uint8Array, targetAt: number, targetBytesMax: number,
): number {
  const seen = (positions ??= new Int32Array(1 << HASH_BITS));
  // Entries are position + 1, relative to the source. Stale ones would let the past decide.
  seen.fill(0);
  const targetEnd = targetAt + targetBytesMax;
  const lastStart = sourceBytes - REFERENCE_BYTES_MIN;
  let next = 0;
  let literalFrom = 0;
  let out = targetAt;
  while (next <= lastStart) {
    const slot = hashOfThree(source, sourceAt + next);
    const candidate = (seen[slot] ?? 0) - 1;
    seen[slot] = next + 1;
    const isUsable = candidate >= 0 && next - candidate <= DISTANCE_MAX;
    const bytes = isUsable ? matchBytes(source, sourceAt, sourceBytes, candidate, next) : 0;
    if (bytes < REFERENCE_BYTES_MIN) {
      next++;
      continue;
    }
    out = writeLiterals(source, sourceAt + literalFrom, next - literalFrom, target, out, targetEnd);
    if (out < 0 || out + 3 > targetEnd) return 0;
    out = writeReference(target, out, next - candidate, bytes);
    const matchEnd = next + bytes;
    // The last two starts inside a match are kept too; all of them would cost more than they win.
    for (let i = matchEnd - 2; i < matchEnd && i <= lastStart; i++) {
      seen[hashOfThree(source, sourceAt + i)] = i + 1;
    }
    next = matchEnd;
    literalFrom = matchEnd;
  }
  const restBytes = sourceBytes - literalFrom;
  out = writeLiterals(source, sourceAt + literalFrom, restBytes, target, out, targetEnd);
  return out < 0 ? 0 : out - targetAt;
}

function byteOf(u8: Uint8Array, at: number): number {
  return u8[at] ?? 0;
}

function hashOfThree(u8: Uint8Array, at: number): number {
  const three = byteOf(u8, at) | (byteOf(u8, at + 1) << 8) | (byteOf(u8, at + 2) << 16);
  return Math.imul(three, 0x9e3779b1) >>> (32 - HASH_BITS);
}

function matchBytes(
  u8: Uint8Array, base: number, bytes: number, candidate: number, next: number,
): number {
  const bytesMax = Math.min(REFERENCE_BYTES_MAX, bytes - next);
  let count = 0;
  while (count < bytesMax && u8[base + candidate + count] === u8[base + next + count]) count++;
  return count;
}

/** Writes `bytes` bytes as literal runs; the next free position, or -1 when there is no room. */
function writeLiterals(
  source: Uint8Array, from: number, bytes: number, target: Uint8Array, at: number, end: number,
): number {
  let out = at;
  let next = from;
  let left = bytes;
  while (left > 0) {
    const run = Math.min(left, LITERAL_BYTES_MAX);
    if (out + 1 + run > end) return -1;
    target[out++] = run - 1;
    for (let i = 0; i < run; i++) target[out++] = byteOf(source, next++);
    left -= run;
  }
  return out;
}

function writeReference(target: Uint8Array, at: number, distance: number, bytes: number): number {
  const offset = distance - 1;
  const length = bytes - 2;
  let out = at;
  if (length < 7) {
    target[out++] = (length << 5) | (offset >>> 8);
  } else {
    target[out++] = (7 << 5) | (offset >>> 8);
    target[out++] = length - 7;
  }
  target[out++] = offset & 0xff;
  return out;
}

/** Restores exactly `targetBytes` bytes at `targetAt`; the two arrays must not overlap.
 * @returns false when the input is damaged or has another size (target then holds garbage) */
export function lzfDecompress(
  source: Uint8Array, sourceAt: number, sourceBytes: number,
  target: Uint8Array, targetAt: number, targetBytes: number,
): boolean {
  const sourceEnd = sourceAt + sourceBytes;
  const targetEnd = targetAt + targetBytes;
  if (sourceEnd > source.length || targetEnd > target.length) return false;
  let next = sourceAt;
  let out = targetAt;
  while (next < sourceEnd) {
    const control = byteOf(source, next++);
    if (control < LITERAL_BYTES_MAX) {
      const run = control + 1;
      if (next + run > sourceEnd || out + run > targetEnd) return false;
      for (let i = 0; i < run; i++) target[out++] = byteOf(source, next++);
      continue;
    }
    let length = control >>> 5;
    if (length === 7) {
      if (next >= sourceEnd) return false;
      length += byteOf(source, next++);
    }
    if (next >= sourceEnd) return false;
    const distance = ((control & 0x1f) << 8) + byteOf(source, next++) + 1;
    const bytes = length + 2;
    if (out - distance < targetAt || out + bytes > targetEnd) return false;
    // Byte by byte: a distance below the length repeats what the copy itself writes.
    for (let i = 0; i < bytes; i++) {
      target[out] = byteOf(target, out - distance);
      out++;
    }
  }
  return out === targetEnd;
}
