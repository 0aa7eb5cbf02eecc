/**
 * The whole of storage against its history: shards with logs, transactions over several of them,
 * snapshots and their clearing up, another number of shards after a restart, and the power that
 * goes at a random operation, also in the middle of recovery. Each restart finds every acknowledged
 * step and no transaction by half; the checks are in the rig.
 */
import { describe, expect, it } from 'vitest';
import { Errno } from '../disk/errno.ts';
import { SimulatedCrash } from '../disk/simulated-files.ts';
import { DiskFault } from '../errors.ts';
import { StoreRig } from '../testing/store-rig.ts';

/** Recovers, at times with a loss of power in the middle of it. */
function openAtLast(rig: StoreRig, shardCount: number): void {
  for (let attempt = 0; attempt < 20; attempt++) {
    if (attempt < 10 && rig.below(3) === 0) rig.files.crashAt(1 + rig.below(12));
    try {
      rig.open(shardCount);
      return;
    } catch (error) {
      if (!(error instanceof SimulatedCrash)) throw error;
      rig.files.crash(rig.below(2) === 0 ? 'drop' : 'chance');
    }
  }
}

function runUntilCrash(rig: StoreRig): void {
  rig.files.crashAt(1 + rig.below(300));
  try {
    for (let turn = 0; turn < 150; turn++) {
      const count = rig.below(3);
      for (let i = 0; i < count; i++) rig.step();
      if (rig.below(25) === 0) rig.beginSnapshot();
      if (rig.below(60) === 0) rig.files.failAt(1 + rig.below(5), Errno.NoSpace);
      try {
        rig.turn();
      } catch (error) {
        // A snapshot could not be committed or cleared up after: the program ends here.
        if (error instanceof DiskFault) return;
        throw error;
      }
    }
  } catch (error) {
    if (!(error instanceof SimulatedCrash)) throw error;
  }
}

describe('a store', () => {
  it('keeps every acknowledged step, whole, through losses of power', () => {
    let acknowledged = 0;
    let snapshots = 0;
    for (let seed = 1; seed <= 40; seed++) {
      const rig = new StoreRig(seed);
      let shardCount = 1 + (seed % 4);
      for (let round = 0; round < 6; round++) {
        try {
          openAtLast(rig, shardCount);
          runUntilCrash(rig);
        } catch (error) {
          throw new Error(`seed ${seed}, round ${round}`, { cause: error });
        }
        rig.files.crash(rig.below(2) === 0 ? 'drop' : 'chance');
        if (rig.below(3) === 0) shardCount = 1 + rig.below(4);
      }
      openAtLast(rig, shardCount);
      acknowledged += rig.acknowledged.size;
      snapshots += (rig.store?.manifest.parts.length ?? 0) > 0 ? 1 : 0;
    }
    expect(acknowledged).toBeGreaterThan(2000);
    expect(snapshots).toBeGreaterThan(10);
  });
});
