/**
 * LZF both ways: every text comes back, the room is never left, damage is never believed. The twin
 * decompressor works on plain arrays and says undefined wherever the format is broken.
 */
import { describe, expect, it } from 'vitest';
import { SeededChance } from '../platform/platform.ts';
import { LZF_EXPANSION_MAX, lzfCompress, lzfDecompress } from './lzf.ts';

function plainDecompress(packed: readonly number[], bytes: number): number[] | undefined {
  const out: number[] = [];
  const rest = [...packed];
  while (rest.length > 0) {
    const control = rest.shift() ?? 0;
    if (control < 32) {
      if (rest.length < control + 1) return undefined;
      out.push(...rest.splice(0, control + 1));
      continue;
    }
    const extra = control >> 5 === 7 ? rest.shift() : 0;
    const offset = rest.shift();
    if (extra === undefined || offset === undefined) return undefined;
    const distance = (control & 31) * 256 + offset + 1;
    for (let left = (control >> 5) + extra + 2; left > 0; left--) {
      const byte = out.at(-distance);
      if (byte === undefined) return undefined;
      out.push(byte);
    }
  }
  return out.length === bytes ? out : undefined;
}

class Source {
  readonly #chance: SeededChance;
  constructor(seed: number) { this.#chance = new SeededChance(seed); }
  below(count: number): number { return (this.#chance.next32() >>> 0) % count; }
  bytes(): Uint8Array {
    const bytes = new Uint8Array(this.below(this.below(2) === 0 ? 60 : 20_000));
    const symbols = [1, 2, 8, 256][this.below(4)] ?? 1;
    const period = [1, 3, 300, 8192, 8193, 1 << 20][this.below(6)] ?? 1;
    for (let i = 0; i < bytes.length; i++) {
      bytes[i] = i < period ? this.below(symbols) : bytes[i - period] ?? 0;
    }
    return bytes;
  }
}

function pack(bytes: Uint8Array, room: number): Uint8Array {
  const packed = new Uint8Array(room + 8).fill(0xee);
  const source = new Uint8Array(bytes.length + 6);
  source.set(bytes, 3);
  const count = lzfCompress(source, 3, bytes.length, packed, 4, room);
  expect(count).toBeLessThanOrEqual(room);
  expect(Buffer.from(packed.slice(4 + room)).toString('hex')).toBe('eeeeeeee');
  return packed.slice(4, 4 + count);
}

function unpack(packed: Uint8Array, bytes: number): Uint8Array | undefined {
  const target = new Uint8Array(bytes + 8).fill(0xee);
  const isWhole = lzfDecompress(packed, 0, packed.length, target, 4, bytes);
  expect(Buffer.from(target.slice(0, 4)).toString('hex')).toBe('eeeeeeee');
  expect(Buffer.from(target.slice(4 + bytes)).toString('hex')).toBe('eeeeeeee');
  return isWhole ? target.slice(4, 4 + bytes) : undefined;
}

describe('lzf', () => {
  it('gives every text back, in the format of the twin', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const bytes = new Source(seed).bytes();
      const packed = pack(bytes, bytes.length + (bytes.length >> 5) + 8);
      const note = `seed ${String(seed)}`;
      expect(packed.length * LZF_EXPANSION_MAX, note).toBeGreaterThanOrEqual(bytes.length);
      const back = unpack(packed, bytes.length);
      expect(back !== undefined && Buffer.compare(back, bytes) === 0, note).toBe(true);
      if (bytes.length > 5000) continue;
      expect(plainDecompress([...packed], bytes.length), note).toEqual([...bytes]);
    }
  });

  it('answers 0 whenever the result does not fit, for every room', () => {
    const bytes = Buffer.from('abcdefgh-abcdefgh-abcdefgh-0123456789'.repeat(3));
    const packedBytes = pack(bytes, bytes.length + 10).length;
    expect(packedBytes).toBeLessThan(bytes.length);
    for (let room = 0; room < packedBytes; room++) expect(pack(bytes, room)).toHaveLength(0);
    expect(pack(bytes, packedBytes)).toHaveLength(packedBytes);
  });

  it('makes the same bytes whatever was compressed before', () => {
    const first = new Source(5).bytes();
    const before = pack(first, first.length + 700);
    for (let seed = 20; seed < 30; seed++) pack(new Source(seed).bytes(), 30_000);
    expect(Buffer.compare(pack(first, first.length + 700), before)).toBe(0);
  });

  it('reads the bytes that redis-server wrote', () => {
    const packed = Buffer.from('016161e027000161 61'.replace(' ', ''), 'hex');
    expect(unpack(packed, 52)).toEqual(new Uint8Array(52).fill(0x61));
  });

  it('believes no damage', () => {
    const seed = 99;
    const source = new Source(seed);
    for (let round = 0; round < 3000; round++) {
      const bytes = source.bytes().slice(0, 200);
      const packed = pack(bytes, bytes.length + 20);
      if (packed.length === 0) continue;
      const damaged = packed.slice(0, source.below(packed.length) + 1);
      damaged[source.below(damaged.length)] = source.below(256);
      const claimed = Math.max(0, bytes.length + source.below(3) - 1);
      const expected = plainDecompress([...damaged], claimed);
      const found = unpack(damaged, claimed);
      const note = `seed ${String(seed)}, round ${String(round)}`;
      expect(found === undefined ? undefined : [...found], note).toEqual(expected);
    }
  });

  it('refuses places outside the arrays', () => {
    expect(lzfDecompress(new Uint8Array(2), 0, 3, new Uint8Array(9), 0, 2)).toBe(false);
    expect(lzfDecompress(new Uint8Array(9), 0, 3, new Uint8Array(1), 0, 2)).toBe(false);
  });
});
