/**
 * The decoder's byte queue against an array: what goes in comes out in order, `moved` tells how
 * far offsets shifted, and room stays in proportion to what is unread.
 */
import { describe, expect, it } from 'vitest';
import { ByteQueue } from './byte-queue.ts';
import { seededChooser } from './testing/seeded.ts';

describe('byte queue', () => {
  it.each([1, 2, 3])('keeps bytes in order under random use, seed %i', (seed) => {
    const choose = seededChooser(seed);
    const queue = new ByteQueue();
    let model: number[] = [];
    for (let round = 0; round < 500; round++) {
      const chunk = Uint8Array.from({ length: choose(3_000) }, () => choose(256));
      const before = queue.start;
      const moved = queue.push(chunk);
      expect(queue.start).toBe(before - moved);
      model = [...model, ...chunk];
      const taken = choose(4) === 0 ? model.length : choose(Math.min(model.length, 4_000) + 1);
      expect([...queue.u8.subarray(queue.start, queue.start + taken)], `seed ${seed}`)
        .toEqual(model.slice(0, taken));
      queue.start += taken;
      model = model.slice(taken);
      expect(queue.bytes).toBe(model.length);
      expect(queue.u8.length).toBeLessThanOrEqual(Math.max(4_096, 4 * (model.length + 8_000)));
    }
  });

  it('gives the room of a large reply back when it is cleared', () => {
    const queue = new ByteQueue();
    queue.push(new Uint8Array(3_000_000));
    queue.clear();
    expect([queue.bytes, queue.u8.length]).toEqual([0, 4_096]);
  });
});
