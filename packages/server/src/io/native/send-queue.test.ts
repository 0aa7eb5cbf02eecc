/**
 * The send queue against a plain twin: a list of ranges per slot. Random pushes, partial sends of
 * any length, clears, and vectors read back as the kernel would read them.
 */
import { SeededChance, WorkerMemory } from '@kora/core';
import { describe, expect, it } from 'vitest';
import { SendQueue } from './send-queue.hot.ts';

interface Range {
  at: number;
  bytes: number;
}

const SLOTS = 100;
const BASE = 140_000_000_000_000;
const VECTOR_AT = 65_536;

/** Sends `bytes` bytes of the plain list; ranges that left whole. */
function consumePlain(ranges: Range[], bytes: number): number {
  let left = bytes;
  let whole = 0;
  for (let first = ranges[0]; first !== undefined; first = ranges[0]) {
    if (left < first.bytes) {
      first.at += left;
      first.bytes -= left;
      return whole;
    }
    left -= first.bytes;
    whole++;
    ranges.shift();
  }
  return whole;
}

function vectorOf(queue: SendQueue, slot: number, view: DataView, max: number): Range[] {
  const count = queue.fillVector(slot, view, VECTOR_AT, BASE, max);
  return Array.from({ length: count }, (_, i) => ({
    at: Number(view.getBigUint64(VECTOR_AT + i * 16, true)) - BASE,
    bytes: Number(view.getBigUint64(VECTOR_AT + i * 16 + 8, true)),
  }));
}

describe('SendQueue', () => {
  it.each([1, 2, 3])('does what a list of ranges does, seed %i', (seed) => {
    const chance = new SeededChance(seed);
    const below = (bound: number): number => (chance.next32() >>> 0) % bound;
    const queue = new SendQueue();
    const plain = Array.from({ length: SLOTS }, (): Range[] => []);
    const view = WorkerMemory.create().lowView;
    for (let step = 0; step < 20_000; step++) {
      const slot = below(SLOTS);
      const ranges = plain[slot]!;
      const choice = below(10);
      if (choice < 5) {
        const range = { at: below(2 ** 30) * 4, bytes: 1 + below(65_536) };
        queue.push(slot, range.at, range.bytes);
        ranges.push({ ...range });
      } else if (choice < 9) {
        const total = ranges.reduce((sum, { bytes }) => sum + bytes, 0);
        const bytes = below(total + 1);
        expect(queue.consume(slot, bytes)).toBe(consumePlain(ranges, bytes));
      } else if (below(20) === 0) {
        queue.clear(slot);
        ranges.length = 0;
      }
      expect(queue.countOf(slot)).toBe(ranges.length);
      if (ranges.length === 0) continue;
      expect([queue.firstAt(slot), queue.firstBytes(slot)]).toEqual([
        ranges[0]!.at, ranges[0]!.bytes,
      ]);
      expect(vectorOf(queue, slot, view, 8)).toEqual(ranges.slice(0, 8));
    }
  });

  it('knows nothing of a slot it never saw', () => {
    const queue = new SendQueue();
    expect(queue.countOf(100_000)).toBe(0);
    queue.clear(100_000);
    queue.push(100_000, 8, 1);
    expect(queue.countOf(100_000)).toBe(1);
  });
});
