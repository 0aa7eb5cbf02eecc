/**
 * The ring of held ranges against a plain array, over many lengths; the pool keeps few and short
 * ones; and neither holding nor letting go of a range allocates once a ring is there.
 */
import { SeededChance } from '@kora/core';
import { bytesPerCall } from '@kora/core/testing';
import { encodeRequest } from '@kora/protocol';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { HeldRanges, HeldRangesPool } from './held-ranges.ts';
import { ReplyChunk } from './reply-chunks.ts';
import { WorkerRig } from './testing/worker-rig.ts';

it.each([1, 2, 3, 4])('keeps order whatever its length (seed %i)', (seed) => {
  const chance = new SeededChance(seed);
  const dice = (below: number): number => (chance.next32() >>> 0) % below;
  const ring = new HeldRanges();
  const model: { chunk: ReplyChunk | null; root: number; bytes: number }[] = [];
  for (let step = 0; step < 3000; step++) {
    const isPush = model.length === 0 || dice(2 + (step % 700 < 400 ? 3 : 0)) !== 0;
    if (isPush) {
      const chunk = dice(2) === 0 ? new ReplyChunk(1 + dice(1000)) : null;
      const range = { chunk, root: chunk === null ? 1 + dice(1000) : 0, bytes: dice(65_536) };
      ring.push(range.chunk, range.root, range.bytes);
      model.push(range);
    } else {
      ring.take();
      const { chunk, root, bytes } = ring;
      expect({ chunk, root, bytes }, `seed ${seed} step ${step}`).toEqual(model.shift());
    }
    expect(ring.count, `seed ${seed} step ${step}`).toBe(model.length);
  }
});

it('goes round in the pool, unless it grew long', () => {
  const pool = new HeldRangesPool();
  const short = pool.take();
  pool.give(short);
  expect(pool.take()).toBe(short);
  const long = pool.take();
  for (let i = 0; i < 5000; i++) long.push(null, 1, 1);
  for (let i = 0; i < 5000; i++) long.take();
  pool.give(long);
  expect(pool.take()).not.toBe(long);
});

describe('a held range', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void; // The collector behind the flag.
  const meter = { collect, usedBytes: () => process.memoryUsage().heapUsed };

  it('allocates nothing in its ring', () => {
    const pool = new HeldRangesPool();
    const chunk = new ReplyChunk(8);
    const bytes = bytesPerCall(meter, () => {
      const ring = pool.take();
      for (let i = 0; i < 10; i++) ring.push(chunk, 0, i);
      for (let i = 0; i < 10; i++) ring.take();
      pool.give(ring);
    });
    expect(bytes).toBeLessThan(1);
  });

  it.each([1, 5])('allocates nothing on its way through a worker, %i at once', (turns) => {
    const rig = new WorkerRig();
    const slot = rig.connect();
    rig.engine.keepsReplies = false;
    rig.engine.holdsSends = true;
    rig.receive(slot, encodeRequest(['SET', 'key', 'v'.repeat(20_000)]));
    rig.release(slot);
    const request = encodeRequest(['GET', 'key']);
    const at = rig.engine.receiveAt;
    rig.composed.memory.low.set(request, at);
    const session = rig.worker.sessions.atSlot(slot);
    let heldMost = 0;
    const bytes = bytesPerCall(meter, () => {
      for (let i = 0; i < turns; i++) rig.deliver(slot, at, request.length);
      heldMost = Math.max(heldMost, session?.pinnedCount ?? 0);
      rig.release(slot);
    }, { enoughBytes: turns });
    // A reply that passes the end of a chunk leaves in two ranges.
    expect(heldMost).toBeGreaterThanOrEqual(turns);
    expect(session?.pinnedCount).toBe(0);
    expect(session?.outputBytes).toBe(0);
    expect(bytes / turns).toBeLessThan(1);
  });
});
