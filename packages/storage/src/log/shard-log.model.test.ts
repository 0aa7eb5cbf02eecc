/**
 * Random records, groups, turns and policies on a disk that overtakes, fails and loses power at a
 * random operation; then recovery, and on with what is there, many times over. Held against the
 * list of what was appended: what is found is a beginning of it, it ends between groups, and it
 * holds everything that was acknowledged. In the rig's `restart`.
 * With every_second what was acknowledged may go with the power: there the clock is held, and only
 * what a sync had completed counts.
 */
import { describe, expect, it } from 'vitest';
import { Errno } from '../disk/errno.ts';
import { SimulatedCrash } from '../disk/simulated-files.ts';
import { LogRig } from '../testing/log-rig.ts';
import type { SyncPolicy } from './shard-log.ts';

function appendUntilCrash(rig: LogRig, policy: SyncPolicy, turns: number): void {
  const maxBytes = [20, 200, 3000][rig.below(3)] ?? 20;
  crashIn(() => {
    for (let turn = 0; turn < turns; turn++) {
      const count = rig.below(6);
      for (let i = 0; i < count; i++) rig.appendSome(maxBytes);
      if (rig.below(30) === 0) rig.files.failAt(1 + rig.below(4), Errno.InputOutput);
      rig.turn(rig.below(600));
      if (policy !== 'every_write') rig.acknowledged = rig.log.durableSequence;
    }
  });
}

describe.each(['every_write', 'every_second', 'os_managed'] as const)('a log, %s', (policy) => {
  it('keeps what it acknowledged through every crash', () => {
    let found = 0;
    for (let seed = 1; seed <= 30; seed++) {
      const rig = new LogRig({
        seed, policy, isDelayed: seed % 3 !== 0, segmentBytes: seed % 2 === 0 ? 20_000 : 500_000,
      });
      for (let round = 0; round < 5; round++) {
        rig.files.crashAt(1 + rig.below(120));
        appendUntilCrash(rig, policy, 60);
        rig.files.crash(rig.below(2) === 0 ? 'drop' : 'chance');
        try {
          found += rig.restart();
        } catch (error) {
          throw new Error(`seed ${seed}, round ${round}`, { cause: error });
        }
      }
    }
    expect(found).toBeGreaterThan(1000);
  });
});

describe('the n-th operation', () => {
  const script = (rig: LogRig): void => {
    for (let turn = 0; turn < 12; turn++) {
      rig.appendSome(60_000);
      rig.appendSome(100);
      rig.turn(300);
    }
  };
  it('may be the last before the power goes, for every n', () => {
    const count = operationsOf(script);
    expect(count).toBeGreaterThan(15);
    for (const policy of ['every_write', 'every_second'] as const) {
      for (let n = 1; n <= count; n++) {
        const rig = new LogRig({ seed: 77, policy, segmentBytes: 100_000 });
        rig.files.crashAt(n);
        crashIn(() => { script(rig); });
        if (policy === 'every_second') rig.acknowledged = rig.log.durableSequence;
        rig.files.crash(n % 2 === 0 ? 'drop' : 'chance');
        try {
          rig.restart();
        } catch (error) {
          throw new Error(`${policy}, crash at operation ${n}`, { cause: error });
        }
      }
    }
  });
  it('may fail, for every n: the log goes on and has everything', () => {
    const count = operationsOf(script);
    for (const policy of ['every_write', 'every_second'] as const) {
      for (let n = 1; n <= count; n++) {
        const rig = new LogRig({ seed: 77, policy, segmentBytes: 100_000 });
        rig.files.failAt(n, Errno.InputOutput);
        script(rig);
        const last = rig.records.length;
        rig.settle(() => rig.log.durableSequence === last);
        expect(rig.log.failure, `${policy}, n ${n}`).toBeUndefined();
        rig.acknowledged = last;
        rig.files.crash('drop');
        try {
          rig.restart();
        } catch (error) {
          throw new Error(`${policy}, failure of operation ${n}`, { cause: error });
        }
      }
    }
  });
});

/** Runs work that the power may end; one script counts more operations than another. */
function crashIn(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof SimulatedCrash)) throw error;
  }
}

function operationsOf(script: (rig: LogRig) => void): number {
  const rig = new LogRig({ seed: 77, policy: 'every_write', segmentBytes: 100_000 });
  script(rig);
  return rig.files.operationCount;
}
