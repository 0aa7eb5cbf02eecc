/**
 * Numbers in files: little-endian, an u64 as low word and high word. Whole numbers below 2^53 are
 * exact; a reader asks `fits64` before it believes one. No allocation, no DataView.
 */

const TWO_32 = 4_294_967_296;
/** A high word at or above this makes an u64 that a double does not tell exactly. */
const HIGH_END = 0x20_0000;

/** Writes an u32. */
export function put32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

/** Reads an u32. The range must lie inside `bytes`. */
export function get32(bytes: Uint8Array, at: number): number {
  return (
    bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
  ) >>> 0;
}

/** Writes a whole number, 0 to 2^53 - 1, as u64. */
export function put64(bytes: Uint8Array, at: number, value: number): void {
  put32(bytes, at, value % TWO_32);
  put32(bytes, at + 4, Math.floor(value / TWO_32));
}

/** Reads an u64 that `fits64`. */
export function get64(bytes: Uint8Array, at: number): number {
  return get32(bytes, at + 4) * TWO_32 + get32(bytes, at);
}

/** True when the u64 is below 2^53. */
export function fits64(bytes: Uint8Array, at: number): boolean {
  return get32(bytes, at + 4) < HIGH_END;
}
