/**
 * Registers told in runs (hll-layout.ts draws them), in low memory: set one, merge all into
 * registers of a byte each, count their values. A set must give exactly the bytes that Redis gives,
 * so it splits one run into up to three and then joins equal neighbours from the run before on,
 * five runs at most.
 *
 * Corrupt is a value whose runs end before the register that is sought, or do not tell exactly
 * 16,384 of them.
 * Cost: O(bytes) for each; nothing is allocated.
 * Source: HyperLogLog in practice, Heule and others 2013, for the idea of two representations.
 */
import { setDenseRegister } from './dense-registers.hot.ts';
import { REGISTER_COUNT, SPARSE_VALUE_MAX } from './hll-layout.ts';

/** The register is that large already. */
export const SPARSE_SAME = -1;
/** The value is too large for runs, or the runs would become too long: go dense. */
export const SPARSE_FULL = -2;
export const SPARSE_CORRUPT = -3;
/** Bytes that one set may add. */
export const SPARSE_GROWTH_BYTES_MAX = 3;

/** Longest runs of one-byte opcodes. */
const ZERO_RUN_MAX = 64;
const VALUE_RUN_MAX = 4;
/** Runs that are looked at for equal neighbours after a change. */
const JOIN_SCAN_MAX = 5;
const KIND = 0xc0;
const LONG_ZERO = 0x40;
const VALUE = 0x80;

/** Registers told by the run at `at`. */
export function runLength(low: Uint8Array, at: number): number {
  const byte = low[at]!;
  if (byte >= VALUE) return (byte & 3) + 1;
  if (byte >= LONG_ZERO) return (((byte & 63) << 8) | low[at + 1]!) + 1;
  return byte + 1;
}

/** Bytes of the run at `at`: 2 for a long one of zeros, else 1. */
export function runBytes(low: Uint8Array, at: number): number {
  return (low[at]! & KIND) === LONG_ZERO ? 2 : 1;
}

/** Value of the registers in the run at `at`. */
export function runValue(low: Uint8Array, at: number): number {
  const byte = low[at]!;
  return byte >= VALUE ? ((byte >>> 2) & 31) + 1 : 0;
}

function valueRun(value: number, length: number): number {
  return VALUE | ((value - 1) << 2) | (length - 1);
}

/** Bytes that a run of this value and length (maybe 0) takes. */
function bytesOfRun(value: number, length: number): number {
  if (length === 0) return 0;
  return value === 0 && length > ZERO_RUN_MAX ? 2 : 1;
}

/** Writes a run; the offset behind it. */
function writeRun(low: Uint8Array, at: number, value: number, length: number): number {
  if (length === 0) return at;
  if (value !== 0) {
    low[at] = valueRun(value, length);
    return at + 1;
  }
  if (length <= ZERO_RUN_MAX) {
    low[at] = length - 1;
    return at + 1;
  }
  low[at] = LONG_ZERO | ((length - 1) >>> 8);
  low[at + 1] = (length - 1) & 0xff;
  return at + 2;
}

/**
 * Raises register `index` of the runs from `start` to `end` to `value`.
 * @param endMax the runs may not end behind it; SPARSE_GROWTH_BYTES_MAX bytes behind `end` are free
 * @param joins whether equal neighbours become one run: false where the length must stay
 * @returns the new end, or SPARSE_SAME, SPARSE_FULL, SPARSE_CORRUPT: nothing has changed then
 */
export function setSparse(
  low: Uint8Array, start: number, end: number, index: number, value: number, endMax: number,
  joins: boolean,
): number {
  if (value > SPARSE_VALUE_MAX) return SPARSE_FULL;
  let at = start;
  let previous = start;
  let first = 0;
  let length = 0;
  while (at < end) {
    length = runLength(low, at);
    if (index < first + length) break;
    previous = at;
    at += runBytes(low, at);
    first += length;
  }
  if (at >= end) return SPARSE_CORRUPT;
  const bytes = runBytes(low, at);
  if (at + bytes > end) return SPARSE_CORRUPT;
  const old = runValue(low, at);
  if (old >= value) return SPARSE_SAME;
  const before = index - first;
  const after = first + length - 1 - index;
  const needed = bytesOfRun(old, before) + 1 + bytesOfRun(old, after);
  const added = needed - bytes;
  if (added > 0 && end + added > endMax) return SPARSE_FULL;
  if (added !== 0) low.copyWithin(at + needed, at + bytes, end);
  let next = writeRun(low, at, old, before);
  next = writeRun(low, next, value, 1);
  writeRun(low, next, old, after);
  return joins ? joinRuns(low, previous, end + added) : end + added;
}

/** Joins equal neighbours among the runs from `from` on; the new end. */
function joinRuns(low: Uint8Array, from: number, end: number): number {
  let at = from;
  let last = end;
  for (let scanned = 0; scanned < JOIN_SCAN_MAX && at < last; scanned++) {
    if (low[at]! < VALUE) {
      at += runBytes(low, at);
      continue;
    }
    const next = at + 1;
    if (next < last && low[next]! >= VALUE && runValue(low, at) === runValue(low, next)) {
      const length = runLength(low, at) + runLength(low, next);
      if (length <= VALUE_RUN_MAX) {
        low[at] = valueRun(runValue(low, at), length);
        low.copyWithin(next, next + 1, last);
        last--;
        continue;
      }
    }
    at++;
  }
  return last;
}

/** Raises the registers of a byte each at `to` to those told in runs; false when corrupt. */
export function mergeSparse(low: Uint8Array, start: number, end: number, to: number): boolean {
  let register = 0;
  let at = start;
  while (at < end) {
    const length = runLength(low, at);
    const value = runValue(low, at);
    if (register + length > REGISTER_COUNT) return false;
    if (value !== 0) {
      for (let i = to + register; i < to + register + length; i++) {
        if (low[i]! < value) low[i] = value;
      }
    }
    register += length;
    at += runBytes(low, at);
  }
  return at === end && register === REGISTER_COUNT;
}

/** Sets the registers of 6 bits at `to`, all 0, to those told in runs; false when corrupt. */
export function expandSparse(
  low: Uint8Array, i32: Int32Array, start: number, end: number, to: number,
): boolean {
  let register = 0;
  let at = start;
  while (at < end) {
    const length = runLength(low, at);
    const value = runValue(low, at);
    if (register + length > REGISTER_COUNT) return false;
    if (value !== 0) {
      for (let i = register; i < register + length; i++) setDenseRegister(i32, to, i, value);
    }
    register += length;
    at += runBytes(low, at);
  }
  return at === end && register === REGISTER_COUNT;
}

/** Counts into `histogram` how often each value stands in the runs; false when corrupt. */
export function countSparse(
  low: Uint8Array, start: number, end: number, histogram: Int32Array,
): boolean {
  let registers = 0;
  let at = start;
  while (at < end) {
    const length = runLength(low, at);
    registers += length;
    histogram[runValue(low, at)]! += length;
    at += runBytes(low, at);
  }
  return at === end && registers === REGISTER_COUNT;
}
