/**
 * Copies between byte arrays: by a loop while that is cheaper than making a view (about 60 bytes on
 * Node 20), by `set` else.
 */

const LOOP_BYTES_MAX = 64;

/** Copies `length` bytes; the ranges lie in different arrays or do not overlap. */
export function copyBytes(
  to: Uint8Array, toAt: number, from: Uint8Array, fromAt: number, length: number,
): void {
  if (length > LOOP_BYTES_MAX) {
    to.set(from.subarray(fromAt, fromAt + length), toAt);
    return;
  }
  for (let i = 0; i < length; i++) to[toAt + i] = from[fromAt + i] ?? 0;
}
