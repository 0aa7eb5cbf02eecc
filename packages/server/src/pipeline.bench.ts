/**
 * What finding requests ahead saves: one turn of sixteen GETs of random keys among 100,000, through
 * a whole worker, with look-ahead and without. One iteration is 64 turns.
 */
import { SeededChance } from '@kora/core';
import { encodeRequest } from '@kora/protocol';
import { bench, describe } from 'vitest';
import { WorkerRig } from './testing/worker-rig.ts';

const KEYS = 100_000;
const DEPTH = 16;
const TURNS = 64;
const FILL_BATCH = 250;

function makeTurns(aheadCountMax: number): () => void {
  const rig = new WorkerRig({ aheadCountMax });
  const slot = rig.connect();
  const chance = new SeededChance(3);
  for (let from = 0; from < KEYS; from += FILL_BATCH) {
    const sets = Array.from({ length: FILL_BATCH }, (_, i) =>
      encodeRequest(['SET', `key:${from + i}`, 'v'.repeat(64)]));
    rig.receive(slot, Buffer.concat(sets));
  }
  rig.engine.keepsReplies = false;
  const { low, lowAllocator } = rig.composed.memory;
  const turns = Array.from({ length: TURNS * 64 }, () => {
    const gets = Array.from({ length: DEPTH }, () =>
      encodeRequest(['GET', `key:${(chance.next32() >>> 0) % KEYS}`]));
    const bytes = Buffer.concat(gets);
    const at = lowAllocator.alloc(bytes.length) * 8;
    low.set(bytes, at);
    return { at, bytes: bytes.length };
  });
  let next = 0;
  return () => {
    for (let i = 0; i < TURNS; i++) {
      const turn = turns[next]!;
      next = (next + 1) % turns.length;
      rig.deliver(slot, turn.at, turn.bytes);
    }
  };
}

describe(`${TURNS} turns of ${DEPTH} GETs`, () => {
  bench('found ahead', makeTurns(DEPTH));
  bench('one by one', makeTurns(1));
});
