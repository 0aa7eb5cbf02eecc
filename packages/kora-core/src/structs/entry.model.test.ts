/**
 * The entry layout against a plain object: random keys, values, flags and expiries written and read
 * back, neighbours untouched, and the words where the drawing has them.
 */
import { describe, expect, it } from 'vitest';
import {
  ENTRY_HAS_TTL, ENTRY_IS_ROPE, ENTRY_RAW, ENTRY_STREAM, ENTRY_WIDE, ENTRY_ZSET, entryAccess,
  entryBytesFor, entryEncoding, entryExpireHigh, entryExpireLow, entryExpireMs, entryFlags,
  entryHasTtl, entryIsDue, entryKeyAt, entryKeyBytes, entryRoot, entryType, entryValueAt,
  entryValueBytes, entryValueInlineBytes, ownsBlocks, rewriteEntryHeader, setEntryAccess,
  setEntryExpire, setEntryFlags, setEntryRoot, setEntryValueBytes, writeEntryHeader,
} from './entry.hot.ts';
import { randomSource } from '../testing/random-source.ts';

const REF = 16;
/** The flags of entries; the two bits above name the headers of members. */
const ENTRY_FLAGS_END = 1 << 14;

function makeWords(): { i32: Int32Array; u8: Buffer } {
  const buffer = new ArrayBuffer(400_000);
  const i32 = new Int32Array(buffer).fill(-1);
  return { i32, u8: Buffer.from(buffer) };
}

function low(value: bigint): number {
  return Number(BigInt.asIntN(32, value));
}

function high(value: bigint): number {
  return Number(BigInt.asIntN(32, value >> 32n));
}

describe('entry', () => {
  it('reads back what was written, for random keys, values and flags', () => {
    const seed = 7;
    const random = randomSource(seed);
    for (let round = 0; round < 3000; round++) {
      const { i32, u8 } = round % 300 === 0 ? makeWords() : shared;
      const keyBytes = random.chance(0.02) ? 65_530 + random.below(20) : random.below(40);
      const valueBytes = random.below(100);
      const flags = random.below(ENTRY_FLAGS_END);
      const access = random.below(1 << 24);
      const hasTtl = (flags & ENTRY_HAS_TTL) !== 0;
      const hint = `seed ${seed} round ${round}`;
      const bytes = entryBytesFor(keyBytes, valueBytes, hasTtl);
      const after = REF * 8 + bytes;
      i32.fill(-1, 0, ((after + 64) / 4) | 0);
      writeEntryHeader(i32, REF, flags, keyBytes, valueBytes);
      expect(entryAccess(i32, REF), hint).toBe(0);
      expect(entryExpireMs(i32, REF), hint).toBe(hasTtl ? 0 : -1);
      const keyAt = entryKeyAt(i32, REF);
      const valueAt = entryValueAt(i32, REF);
      expect(keyAt % 4, hint).toBe(0);
      expect(valueAt, hint).toBe(keyAt + Math.ceil(keyBytes / 4) * 4);
      expect(valueAt + valueBytes, hint).toBe(after);
      u8.fill(0x6b, keyAt, keyAt + keyBytes);
      for (let at = keyAt + keyBytes; at < valueAt; at++) expect(u8[at], hint).toBe(0);
      u8.fill(0x76, valueAt, valueAt + valueBytes);
      setEntryAccess(i32, REF, access);
      const highWord = BigInt(random.word()) << 32n;
      const expire = BigInt.asIntN(53, highWord | BigInt(random.word() >>> 0));
      if (hasTtl) setEntryExpire(i32, REF, low(expire), high(expire));
      expect(entryFlags(i32, REF), hint).toBe(flags);
      expect(entryType(i32, REF), hint).toBe(flags & 15);
      expect(entryEncoding(i32, REF), hint).toBe((flags >> 4) & 15);
      expect(entryHasTtl(i32, REF), hint).toBe(hasTtl);
      expect(entryKeyBytes(i32, REF), hint).toBe(keyBytes);
      expect(entryValueBytes(i32, REF), hint).toBe(valueBytes);
      expect(entryAccess(i32, REF), hint).toBe(access);
      expect(entryExpireMs(i32, REF), hint).toBe(hasTtl ? Number(expire) : -1);
      expect(entryExpireLow(i32, REF), hint).toBe(hasTtl ? low(expire) : 0);
      expect(entryExpireHigh(i32, REF), hint).toBe(hasTtl ? high(expire) : 0);
      expect(u8.subarray(0, REF * 8).every((byte) => byte === 255), hint).toBe(true);
      expect(u8.subarray(after, after + 8).every((byte) => byte === 255), hint).toBe(true);
      expect(u8.subarray(keyAt, keyAt + keyBytes).every((byte) => byte === 0x6b), hint).toBe(true);
    }
  });

  it('is due exactly when the expiry lies before now, over all of 64 bits', () => {
    const { i32 } = shared;
    writeEntryHeader(i32, REF, ENTRY_HAS_TTL, 3, 0);
    const times = [
      -(2n ** 62n), -1n, 0n, 1n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n,
      1_763_600_000_000n, 2n ** 62n,
    ];
    for (const expire of times) {
      setEntryExpire(i32, REF, low(expire), high(expire));
      for (const now of times) {
        expect(entryIsDue(i32, REF, low(now), high(now)), `${expire} ${now}`).toBe(expire < now);
      }
    }
    writeEntryHeader(i32, REF, 0, 3, 0);
    expect(entryIsDue(i32, REF, -1, 0x7fffffff)).toBe(false);
  });

  it('has after a rewrite the header that writing it anew gives, and its key and expiry', () => {
    const seed = 11;
    const random = randomSource(seed);
    const { i32 } = shared;
    for (let round = 0; round < 500; round++) {
      const keyBytes = random.chance(0.02) ? 65_530 + random.below(20) : random.below(40);
      const before = random.below(ENTRY_FLAGS_END);
      const flags = (random.below(ENTRY_FLAGS_END) & ~ENTRY_HAS_TTL) | (before & ENTRY_HAS_TTL);
      const valueBytes = random.below(100);
      const access = random.below(1 << 24);
      writeEntryHeader(i32, REF, flags, keyBytes, valueBytes);
      setEntryAccess(i32, REF, access);
      const words = entryKeyAt(i32, REF) / 4;
      const anew = i32.slice(REF * 2, words);
      writeEntryHeader(i32, REF, before, keyBytes, random.below(100));
      rewriteEntryHeader(i32, REF, flags, valueBytes, access);
      expect(i32.slice(REF * 2, words), `seed ${seed} round ${round}`).toEqual(anew);
    }
  });

  it('owns blocks as a rope or a collection, and then holds a root', () => {
    const { i32 } = shared;
    for (const flags of [0, ENTRY_RAW, ENTRY_HAS_TTL, ENTRY_IS_ROPE, ENTRY_ZSET, ENTRY_STREAM]) {
      const isOwner = flags === ENTRY_IS_ROPE || flags === ENTRY_ZSET || flags === ENTRY_STREAM;
      writeEntryHeader(i32, REF, flags, 3, 77);
      expect(ownsBlocks(flags), `flags ${flags}`).toBe(isOwner);
      expect(entryValueInlineBytes(i32, REF), `flags ${flags}`).toBe(isOwner ? 4 : 77);
    }
  });

  it('changes flags, value length and root in place', () => {
    const { i32 } = shared;
    writeEntryHeader(i32, REF, ENTRY_ZSET | ENTRY_HAS_TTL, 5, 4);
    setEntryExpire(i32, REF, 5, 6);
    setEntryRoot(i32, REF, 0x1fffffff);
    setEntryFlags(i32, REF, ENTRY_STREAM | ENTRY_HAS_TTL | ENTRY_RAW | ENTRY_IS_ROPE | ENTRY_WIDE);
    setEntryValueBytes(i32, REF, 3_000_000_000);
    expect(entryType(i32, REF)).toBe(ENTRY_STREAM);
    expect(entryFlags(i32, REF) & ENTRY_RAW).toBe(ENTRY_RAW);
    expect(entryKeyBytes(i32, REF)).toBe(5);
    expect(entryRoot(i32, REF)).toBe(0x1fffffff);
    expect(entryValueBytes(i32, REF)).toBe(3_000_000_000);
    expect(entryExpireMs(i32, REF)).toBe(6 * 2 ** 32 + 5);
  });
});

const shared = makeWords();
