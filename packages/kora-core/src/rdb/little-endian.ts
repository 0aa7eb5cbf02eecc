/**
 * Numbers in byte arrays on the heap, least significant byte first, as the RDB format has most of
 * them. Reading outside the array gives zeros: callers check lengths first.
 */

/** An unsigned number of 1 to 6 bytes. */
export function unsignedAt(u8: Uint8Array, at: number, bytes: number): number {
  let value = 0;
  for (let i = bytes - 1; i >= 0; i--) value = value * 256 + (u8[at + i] ?? 0);
  return value;
}

/** A signed number of 1 to 4 bytes, an int32. */
export function signedAt(u8: Uint8Array, at: number, bytes: number): number {
  const unusedBits = 32 - 8 * bytes;
  return (unsignedAt(u8, at, bytes) << unusedBits) >> unusedBits;
}

/** Writes the low `bytes` (1 to 4) bytes of an int32 or u32. */
export function writeWord(u8: Uint8Array, at: number, bytes: number, value: number): void {
  for (let i = 0; i < bytes; i++) u8[at + i] = value >>> (8 * i);
}
