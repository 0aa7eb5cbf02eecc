/**
 * XXH3, 64 bits, seed 0, default secret: a fast checksum over pieces of any size; not for secrets
 *   and not for hash tables that strangers fill.
 * Up to 240 bytes one of four short forms runs over the whole text (xxh3-short.ts). Above, eight
 *   64-bit lanes take a stripe of 64 bytes at a time, and after each block of 16 stripes they
 *   are scrambled; the last 64 bytes of the text are always taken as one more stripe.
 * Buffer of the hasher, 320 bytes: the last 64 bytes consumed | up to 256 bytes not yet consumed.
 *   Nothing is consumed before more follows, because the last stripe needs a key of its own.
 * Lanes are pairs of int32 words (low, high), since bigint costs an allocation a step.
 * Cost: O(bytes). Source: the xxHash specification (Yann Collet), section XXH3.
 */
import {
  PRIME32, PRIME64, mask64, multiplyFold, readWord, secret, secretWord, shortHash, xxh3Avalanche,
} from './xxh3-short.ts';

const STRIPE_BYTES = 64;
const LANE_COUNT = 8;
const STRIPES_PER_BLOCK = 16;
const SHORT_BYTES_MAX = 240;
const PENDING_BYTES_MAX = 256;
const PENDING_AT = STRIPE_BYTES;
const SCRAMBLE_KEY_AT = 128;
const LAST_KEY_AT = 121;
const MERGE_KEY_AT = 11;

const startLanes = [
  PRIME32[2], PRIME64[0], PRIME64[1], PRIME64[2],
  PRIME64[3], PRIME32[1], PRIME64[4], PRIME32[0],
] as const;

/** A running XXH3 of 64 bits. Feed pieces with `update`; `digest` may be asked at any time. */
export class Xxh3Hasher {
  readonly #lanes = new Int32Array(LANE_COUNT * 2);
  readonly #buffer = new Uint8Array(PENDING_AT + PENDING_BYTES_MAX);
  #pendingBytes = 0;
  #totalBytes = 0;
  #stripe = 0;

  constructor() {
    this.reset();
  }

  /** Back to the start, for another text. */
  reset(): void {
    for (let lane = 0; lane < LANE_COUNT; lane++) {
      const start = startLanes[lane] ?? 0n;
      this.#lanes[lane * 2] = Number(BigInt.asIntN(32, start));
      this.#lanes[lane * 2 + 1] = Number(BigInt.asIntN(32, start >> 32n));
    }
    this.#pendingBytes = 0;
    this.#totalBytes = 0;
    this.#stripe = 0;
  }

  /** Takes in `bytes` bytes at `at`; they are copied, not kept. */
  update(u8: Uint8Array, at: number, bytes: number): void {
    this.#totalBytes += bytes;
    let next = at;
    let left = bytes;
    const buffer = this.#buffer;
    if (this.#pendingBytes + left > PENDING_BYTES_MAX) {
      const fill = PENDING_BYTES_MAX - this.#pendingBytes;
      copy(u8, next, buffer, PENDING_AT + this.#pendingBytes, fill);
      next += fill;
      left -= fill;
      this.#consume(buffer, PENDING_AT, PENDING_BYTES_MAX / STRIPE_BYTES);
      copy(buffer, PENDING_AT + PENDING_BYTES_MAX - STRIPE_BYTES, buffer, 0, STRIPE_BYTES);
      this.#pendingBytes = 0;
      if (left > PENDING_BYTES_MAX) {
        const stripes = Math.floor((left - 1) / STRIPE_BYTES);
        this.#consume(u8, next, stripes);
        next += stripes * STRIPE_BYTES;
        left -= stripes * STRIPE_BYTES;
        copy(u8, next - STRIPE_BYTES, buffer, 0, STRIPE_BYTES);
      }
    }
    copy(u8, next, buffer, PENDING_AT + this.#pendingBytes, left);
    this.#pendingBytes += left;
  }

  #consume(u8: Uint8Array, at: number, stripes: number): void {
    let stripe = this.#stripe;
    for (let i = 0; i < stripes; i++) {
      accumulate(this.#lanes, u8, at + i * STRIPE_BYTES, stripe * 8);
      stripe++;
      if (stripe === STRIPES_PER_BLOCK) {
        scramble(this.#lanes);
        stripe = 0;
      }
    }
    this.#stripe = stripe;
  }

  /** The hash of everything taken in so far, an unsigned 64-bit bigint; the state stays usable. */
  digest(): bigint {
    const total = this.#totalBytes;
    if (total <= SHORT_BYTES_MAX) return shortHash(this.#buffer, PENDING_AT, total);
    const lanes = Int32Array.from(this.#lanes);
    let stripe = this.#stripe;
    const stripes = Math.floor((this.#pendingBytes - 1) / STRIPE_BYTES);
    for (let i = 0; i < stripes; i++) {
      accumulate(lanes, this.#buffer, PENDING_AT + i * STRIPE_BYTES, stripe * 8);
      stripe++;
      if (stripe === STRIPES_PER_BLOCK) {
        scramble(lanes);
        stripe = 0;
      }
    }
    const lastAt = PENDING_AT + this.#pendingBytes - STRIPE_BYTES;
    accumulate(lanes, this.#buffer, lastAt, LAST_KEY_AT);
    return mergeLanes(lanes, total);
  }
}

/** XXH3 (64 bits, seed 0) of `bytes` bytes at `at`, an unsigned bigint. */
export function xxh3(u8: Uint8Array, at: number, bytes: number): bigint {
  if (bytes <= SHORT_BYTES_MAX) return shortHash(u8, at, bytes);
  const hasher = new Xxh3Hasher();
  hasher.update(u8, at, bytes);
  return hasher.digest();
}

function copy(from: Uint8Array, at: number, to: Uint8Array, toAt: number, bytes: number): void {
  for (let i = 0; i < bytes; i++) to[toAt + i] = from[at + i] ?? 0;
}

/** High word of the unsigned product of two 32-bit words. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  // Both sums stay below 2^32: (2^16 - 1)^2 + 2 * (2^16 - 1) = 2^32 - 1.
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const cross = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + (middle >>> 16) + (cross >>> 16)) | 0;
}

/** One stripe: lane i gets the product of its keyed halves, its neighbour the plain data. */
function accumulate(lanes: Int32Array, u8: Uint8Array, at: number, keyAt: number): void {
  for (let lane = 0; lane < LANE_COUNT; lane++) {
    const low = readWord(u8, at + lane * 8);
    const high = readWord(u8, at + lane * 8 + 4);
    addTo(lanes, (lane ^ 1) * 2, low, high);
    const keyedLow = low ^ readWord(secret, keyAt + lane * 8);
    const keyedHigh = high ^ readWord(secret, keyAt + lane * 8 + 4);
    addTo(lanes, lane * 2, Math.imul(keyedLow, keyedHigh), multiplyHigh(keyedLow, keyedHigh));
  }
}

function addTo(lanes: Int32Array, at: number, low: number, high: number): void {
  const sum = ((lanes[at] ?? 0) >>> 0) + (low >>> 0);
  lanes[at] = sum | 0;
  lanes[at + 1] = (lanes[at + 1] ?? 0) + high + (sum > 0xffffffff ? 1 : 0);
}

function scramble(lanes: Int32Array): void {
  const prime = Number(PRIME32[0]);
  for (let lane = 0; lane < LANE_COUNT; lane++) {
    let low = lanes[lane * 2] ?? 0;
    let high = lanes[lane * 2 + 1] ?? 0;
    low ^= high >>> 15;
    low ^= readWord(secret, SCRAMBLE_KEY_AT + lane * 8);
    high ^= readWord(secret, SCRAMBLE_KEY_AT + lane * 8 + 4);
    lanes[lane * 2] = Math.imul(low, prime);
    lanes[lane * 2 + 1] = Math.imul(high, prime) + multiplyHigh(low, prime);
  }
}

function mergeLanes(lanes: Int32Array, totalBytes: number): bigint {
  let sum = BigInt(totalBytes) * PRIME64[0];
  for (let lane = 0; lane < LANE_COUNT; lane += 2) {
    sum += multiplyFold(
      laneOf(lanes, lane) ^ secretWord(MERGE_KEY_AT + lane * 8),
      laneOf(lanes, lane + 1) ^ secretWord(MERGE_KEY_AT + lane * 8 + 8),
    );
  }
  return xxh3Avalanche(mask64(sum));
}

function laneOf(lanes: Int32Array, lane: number): bigint {
  const low = (lanes[lane * 2] ?? 0) >>> 0;
  const high = (lanes[lane * 2 + 1] ?? 0) >>> 0;
  return (BigInt(high) << 32n) | BigInt(low);
}
