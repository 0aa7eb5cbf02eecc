/**
 * The four short forms of XXH3 (0 to 240 bytes), its constants and its 64-bit mixing steps.
 * Split from xxh3.ts by subject: here the text is short and each step is a 64 by 64 bit product,
 *   so bigint is clear enough; there the text is long and the steps are 32-bit words.
 * Cost: about 1 us for a short text, of which the bigint products are the most.
 * Source: the xxHash specification (Yann Collet), section XXH3; the secret is its "default
 *   secret", 192 bytes.
 */

/** The three 32-bit primes of xxHash. */
export const PRIME32 = [0x9e3779b1n, 0x85ebca77n, 0xc2b2ae3dn] as const;

/** The five 64-bit primes of xxHash. */
export const PRIME64 = [
  0x9e3779b185ebca87n, 0xc2b2ae3d27d4eb4fn, 0x165667b19e3779f9n,
  0x85ebca77c2b2ae63n, 0x27d4eb2f165667c5n,
] as const;

const PRIME_AVALANCHE = 0x165667919e3779f9n;
const PRIME_STRONG = 0x9fb21c651e98df25n;
const SECRET_BYTES_MIN = 136;

/** The default secret: the keys of every form are read from it at fixed places. */
export const secret: Uint8Array = bytesOfHex(
  'b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f' +
  'cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c' +
  '3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8' +
  'a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364' +
  'eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e' +
  '2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e',
);

function bytesOfHex(hex: string): Uint8Array {
  const bytes = new Uint8Array(hex.length / 2);
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = Number.parseInt(hex.slice(i * 2, i * 2 + 2), 16);
  }
  return bytes;
}

/** The low 64 bits. */
export function mask64(value: bigint): bigint {
  return BigInt.asUintN(64, value);
}

/** Four bytes, lowest first, as an int32. */
export function readWord(u8: Uint8Array, at: number): number {
  return (
    (u8[at] ?? 0) | ((u8[at + 1] ?? 0) << 8) | ((u8[at + 2] ?? 0) << 16) |
    ((u8[at + 3] ?? 0) << 24)
  );
}

function read32(u8: Uint8Array, at: number): bigint {
  return BigInt(readWord(u8, at) >>> 0);
}

function read64(u8: Uint8Array, at: number): bigint {
  return (read32(u8, at + 4) << 32n) | read32(u8, at);
}

/** Eight bytes of the secret as an unsigned bigint. */
export function secretWord(at: number): bigint {
  return read64(secret, at);
}

/** The two halves of the 128-bit product, xored. */
export function multiplyFold(a: bigint, b: bigint): bigint {
  const product = a * b;
  return mask64(product) ^ (product >> 64n);
}

/** Last mixing step of all forms above 16 bytes. */
export function xxh3Avalanche(value: bigint): bigint {
  let hash = value ^ (value >> 37n);
  hash = mask64(hash * PRIME_AVALANCHE);
  return hash ^ (hash >> 32n);
}

function xxh64Avalanche(value: bigint): bigint {
  let hash = value ^ (value >> 33n);
  hash = mask64(hash * PRIME64[1]);
  hash ^= hash >> 29n;
  hash = mask64(hash * PRIME64[2]);
  return hash ^ (hash >> 32n);
}

function rotateLeft(value: bigint, bits: bigint): bigint {
  return mask64(value << bits) | (value >> (64n - bits));
}

function swapBytes(value: bigint): bigint {
  let swapped = 0n;
  for (let rest = value, i = 0; i < 8; i++, rest >>= 8n) swapped = (swapped << 8n) | (rest & 0xffn);
  return swapped;
}

/** XXH3 of a text of 0 to 240 bytes. */
export function shortHash(u8: Uint8Array, at: number, bytes: number): bigint {
  if (bytes > 128) return hashTo240(u8, at, bytes);
  if (bytes > 16) return hashTo128(u8, at, bytes);
  if (bytes > 8) return hashTo16(u8, at, bytes);
  if (bytes >= 4) return hashTo8(u8, at, bytes);
  if (bytes > 0) return hashTo3(u8, at, bytes);
  return xxh64Avalanche(secretWord(56) ^ secretWord(64));
}

function hashTo3(u8: Uint8Array, at: number, bytes: number): bigint {
  const first = u8[at] ?? 0;
  const middle = u8[at + (bytes >> 1)] ?? 0;
  const last = u8[at + bytes - 1] ?? 0;
  const combined = ((first << 16) | (middle << 24) | last | (bytes << 8)) >>> 0;
  return xxh64Avalanche(BigInt(combined) ^ (read32(secret, 0) ^ read32(secret, 4)));
}

function hashTo8(u8: Uint8Array, at: number, bytes: number): bigint {
  const joined = read32(u8, at + bytes - 4) + (read32(u8, at) << 32n);
  let hash = joined ^ (secretWord(8) ^ secretWord(16));
  hash ^= rotateLeft(hash, 49n) ^ rotateLeft(hash, 24n);
  hash = mask64(hash * PRIME_STRONG);
  hash ^= (hash >> 35n) + BigInt(bytes);
  hash = mask64(hash * PRIME_STRONG);
  return hash ^ (hash >> 28n);
}

function hashTo16(u8: Uint8Array, at: number, bytes: number): bigint {
  const low = read64(u8, at) ^ (secretWord(24) ^ secretWord(32));
  const high = read64(u8, at + bytes - 8) ^ (secretWord(40) ^ secretWord(48));
  return xxh3Avalanche(mask64(BigInt(bytes) + swapBytes(low) + high + multiplyFold(low, high)));
}

function mix16(u8: Uint8Array, at: number, keyAt: number): bigint {
  return multiplyFold(
    read64(u8, at) ^ secretWord(keyAt),
    read64(u8, at + 8) ^ secretWord(keyAt + 8),
  );
}

function hashTo128(u8: Uint8Array, at: number, bytes: number): bigint {
  let sum = BigInt(bytes) * PRIME64[0];
  const pairs = (bytes - 1) >> 5;
  for (let i = pairs; i >= 0; i--) {
    sum += mix16(u8, at + 16 * i, 32 * i);
    sum += mix16(u8, at + bytes - 16 * (i + 1), 32 * i + 16);
  }
  return xxh3Avalanche(mask64(sum));
}

function hashTo240(u8: Uint8Array, at: number, bytes: number): bigint {
  let sum = BigInt(bytes) * PRIME64[0];
  const rounds = bytes >> 4;
  for (let i = 0; i < 8; i++) sum += mix16(u8, at + 16 * i, 16 * i);
  sum = xxh3Avalanche(mask64(sum));
  for (let i = 8; i < rounds; i++) sum += mix16(u8, at + 16 * i, 16 * (i - 8) + 3);
  sum += mix16(u8, at + bytes - 16, SECRET_BYTES_MIN - 17);
  return xxh3Avalanche(mask64(sum));
}
