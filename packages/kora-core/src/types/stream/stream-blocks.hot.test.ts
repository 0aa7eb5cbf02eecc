/**
 * Blocks as they are written and read (block-cursor.hot.ts): entries of every shape come back with
 * their IDs, fields and values; dead ones are marked; a block takes the bytes that were measured.
 */
import { describe, expect, it } from 'vitest';
import { randomSource } from '../../testing/random-source.ts';
import { WorkerMemory } from '../../structs/worker-memory.ts';
import { BlockCursor, PAIR_WORDS } from './block-cursor.hot.ts';
import {
  BLOCK_USED, blockDead, blockLive, StreamBlocks, varint64Bytes, varintBytes,
} from './stream-blocks.hot.ts';
import { StreamId } from './stream-id.hot.ts';

const memory = WorkerMemory.create({ lowBytes: 1 << 22, bytesMax: 1 << 26 });
const blocks = new StreamBlocks(memory, memory.arenaAllocator);
const cursor = new BlockCursor(memory);
const listAt = memory.lowAllocator.alloc(4096) * 8;
const textAt = memory.lowAllocator.alloc(1 << 20) * 8;

interface Entry {
  readonly id: readonly [number, number, number, number];
  readonly texts: readonly string[];
}

/** Columns of the texts, which are put into low memory. */
function columnsOf(texts: readonly string[]): { at: Int32Array; bytes: Int32Array } {
  let next = textAt;
  const at = new Int32Array(texts.length + 3);
  const bytes = new Int32Array(texts.length + 3);
  texts.forEach((text, i) => {
    at[i + 3] = next;
    bytes[i + 3] = text.length;
    for (let k = 0; k < text.length; k++) memory.low[next++] = text.charCodeAt(k);
  });
  return { at, bytes };
}

function idOf(entry: Entry): StreamId {
  const id = new StreamId();
  id.set(...entry.id);
  return id;
}

/** A block of these entries; it grows where it must. */
function build(entries: readonly Entry[]): number {
  let block = 0;
  for (const entry of entries) {
    const { at, bytes } = columnsOf(entry.texts);
    const pairs = entry.texts.length / 2;
    if (block === 0) {
      block = blocks.create(idOf(entry), at, bytes, 3, pairs, 0);
      continue;
    }
    const usedBefore = memory.i32[block * 2 + BLOCK_USED]!;
    const more = blocks.measure(block, idOf(entry), at, bytes, 3, pairs);
    const grown = blocks.growBytes(block, more);
    if (grown !== 0) block = blocks.resize(block, grown);
    blocks.append(block, at, bytes, 3, pairs);
    expect(memory.i32[block * 2 + BLOCK_USED]! - usedBefore).toBe(more);
  }
  return block;
}

function textAtOffset(at: number, bytes: number): string {
  memory.kernel.copy(textAt, at >>> 0, bytes);
  return String.fromCharCode(...memory.low.subarray(textAt, textAt + bytes));
}

/** What the cursor says of the entry it stands on. */
function standing(): Entry {
  const { msHigh, msLow, seqHigh, seqLow } = cursor.id;
  const texts: string[] = [];
  cursor.startPairs();
  for (let count = cursor.gather(listAt >>> 2, 3); count > 0;) {
    for (let i = 0; i < count * PAIR_WORDS; i += 2) {
      const word = (listAt >>> 2) + i;
      texts.push(textAtOffset(memory.i32[word]!, memory.i32[word + 1]!));
    }
    count = cursor.gather(listAt >>> 2, 3);
  }
  return { id: [msHigh, msLow, seqHigh, seqLow], texts };
}

function expectEntries(block: number, entries: readonly Entry[]): void {
  cursor.open(block);
  const offsets: number[] = [];
  for (const entry of entries) {
    expect(cursor.next()).toBe(true);
    expect(standing()).toEqual(entry);
    offsets.push(cursor.entryOffset);
  }
  expect(cursor.next()).toBe(false);
  offsets.forEach((offset, i) => {
    cursor.readAt(offset);
    expect(standing()).toEqual(entries[i]);
  });
}

describe('blocks', () => {
  it('give back what was written, whatever the IDs', () => {
    const entries: Entry[] = [
      { id: [0, 5, 0, 1], texts: ['a', '1'] },
      { id: [0, 5, 0, 2], texts: ['a', ''] },
      { id: [0, 5, -1, -1], texts: ['a', 'x'.repeat(200)] },
      { id: [0, 127 + 5, 0, 0], texts: ['b', '1', 'a', '2'] },
      { id: [0, -1, 7, 7], texts: ['', ''] },
      { id: [1, 0, 0, 3], texts: ['a', 'y'.repeat(20_000)] },
      { id: [0x1fffff, -1, 0, 0], texts: ['a', '1'] },
      { id: [-1, -1, -1, -1], texts: Array.from({ length: 40 }, (_, i) => `t${i}`) },
    ];
    expectEntries(build(entries), entries);
  });

  it('give back random entries', () => {
    const seed = 11;
    const random = randomSource(seed);
    for (let round = 0; round < 60; round++) {
      let msLow = random.below(1000);
      const isNarrow = random.chance(0.5);
      const entries = Array.from({ length: 1 + random.below(100) }, (_, i): Entry => {
        msLow += 1 + random.below(isNarrow ? 3 : 1_000_000);
        const pairs = isNarrow ? 2 : 1 + random.below(5);
        const text = (): string => 'z\0\xff'.repeat(random.below(12));
        const texts = Array.from({ length: pairs }, (_each, k) => [`field${k}`, text()]).flat();
        return { id: [0, msLow, 0, i], texts };
      });
      const block = build(entries);
      expect(blockLive(memory.i32, block), `seed ${seed}`).toBe(entries.length);
      expectEntries(block, entries);
      memory.arenaAllocator.free(block);
    }
  });

  it('mark the dead and count them', () => {
    const entries = Array.from(
      { length: 20 }, (_, i): Entry => ({ id: [0, 1, 0, i], texts: ['f', `${i}`] }),
    );
    const block = build(entries);
    cursor.open(block);
    for (let i = 0; cursor.next(); i++) if (i % 3 === 0) cursor.kill();
    expect([blockLive(memory.i32, block), blockDead(memory.i32, block)]).toEqual([13, 7]);
    cursor.open(block);
    for (let i = 0; cursor.next(); i++) expect(cursor.isDead, String(i)).toBe(i % 3 === 0);
    expectEntries(block, entries);
  });

  it('share the names of fields', () => {
    const names = ['a rather long name of a field', 'x'];
    const alike = build(Array.from(
      { length: 10 }, (_, i): Entry => ({ id: [0, i, 0, 0], texts: names }),
    ));
    const used = memory.i32[alike * 2 + BLOCK_USED]!;
    expect(used).toBeLessThan(32 + names.join('').length + 3 + 10 * 7);
    cursor.open(alike);
    cursor.next();
    expect(cursor.hasFieldsOfBlock()).toBe(true);
  });

  it('say how long their numbers are', () => {
    for (let bits = 0; bits < 64; bits++) {
      const value = 1n << BigInt(bits);
      const wanted = Math.floor(bits / 7) + 1;
      const high = Number(BigInt.asIntN(32, value >> 32n));
      expect(varint64Bytes(high, Number(BigInt.asIntN(32, value))), String(bits)).toBe(wanted);
      if (bits < 31) expect(varintBytes(Number(value))).toBe(wanted);
    }
  });
});
