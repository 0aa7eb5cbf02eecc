/**
 * The cursor on its own: it reads pairs in portions of any size, also of entries it was sent back
 * to, and stays at the end. What it reads is held against the writer in stream-blocks.hot.test.ts.
 */
import { describe, expect, it } from 'vitest';
import { WorkerMemory } from '../../structs/worker-memory.ts';
import { BlockCursor, PAIR_WORDS } from './block-cursor.hot.ts';
import { StreamBlocks } from './stream-blocks.hot.ts';
import { StreamId } from './stream-id.hot.ts';

const memory = WorkerMemory.create({ lowBytes: 1 << 20, bytesMax: 1 << 24 });
const blocks = new StreamBlocks(memory, memory.arenaAllocator);
const listWord = (memory.lowAllocator.alloc(4096) * 8) >>> 2;
const textAt = memory.lowAllocator.alloc(64) * 8;
const PAIRS = 9;

/** A block of two entries with PAIRS pairs; the second has names of its own. */
function block(): number {
  const id = new StreamId();
  id.setMs(7);
  for (let i = 0; i < 64; i++) memory.low[textAt + i] = 64 + i;
  const at = new Int32Array(PAIRS * 2).map((_, i) => textAt + i);
  const bytes = new Int32Array(PAIRS * 2).fill(3);
  const made = blocks.create(id, at, bytes, 0, PAIRS, 0);
  id.increment();
  const moved = at.map((each) => each + 1);
  const more = blocks.measure(made, id, moved, bytes, 0, PAIRS);
  const grown = blocks.resize(made, blocks.growBytes(made, more));
  blocks.append(grown, moved, bytes, 0, PAIRS);
  return grown;
}

/** First bytes of all fields and values of the entry, read in portions. */
function firstBytes(cursor: BlockCursor, portion: number): number[] {
  const found: number[] = [];
  expect(cursor.startPairs()).toBe(PAIRS);
  for (let count = cursor.gather(listWord, portion); count > 0;) {
    expect(count).toBeLessThanOrEqual(portion);
    for (let i = 0; i < count * PAIR_WORDS; i += 2) {
      const at = memory.i32[listWord + i]! >>> 0;
      expect(memory.i32[listWord + i + 1]).toBe(3);
      found.push((memory.i32[at >>> 2]! >>> ((at & 3) * 8)) & 0xff);
    }
    count = cursor.gather(listWord, portion);
  }
  return found;
}

describe('a cursor', () => {
  it('reads pairs in portions, again and in any order of entries', () => {
    const cursor = new BlockCursor(memory);
    cursor.open(block());
    expect(cursor.next()).toBe(true);
    const first = cursor.entryOffset;
    const wanted = Array.from({ length: PAIRS * 2 }, (_, i) => 64 + i);
    for (const portion of [1, 2, 4, 100]) expect(firstBytes(cursor, portion)).toEqual(wanted);
    expect(cursor.next()).toBe(true);
    expect(cursor.hasFieldsOfBlock()).toBe(false);
    for (const portion of [1, 5, 9]) {
      expect(firstBytes(cursor, portion)).toEqual(wanted.map((byte) => byte + 1));
    }
    expect(cursor.id.seqLow).toBe(1);
    expect(cursor.next()).toBe(false);
    expect(cursor.next()).toBe(false);
    cursor.readAt(first);
    expect(cursor.id.seqLow).toBe(0);
    expect(firstBytes(cursor, 3)).toEqual(wanted);
    expect(cursor.next()).toBe(true);
  });

  it('marks the entry it stands on, once', () => {
    const cursor = new BlockCursor(memory);
    cursor.open(block());
    cursor.next();
    cursor.next();
    cursor.kill();
    cursor.open(cursor.block);
    cursor.next();
    expect(cursor.isDead).toBe(false);
    cursor.next();
    expect(cursor.isDead).toBe(true);
    expect(firstBytes(cursor, 9)).toHaveLength(PAIRS * 2);
  });
});
