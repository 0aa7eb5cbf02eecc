/**
 * Snapshots of processes with several shards while random commands of all types run: what is
 * recovered is what the shards held, whether the snapshot counts, was cut off at any operation of
 * the disk, or failed at any; and then the one before counts, nothing of it is left behind, and the
 * next one is whole.
 */
import { describe, expect, it } from 'vitest';
import { Errno } from '../disk/errno.ts';
import { SimulatedCrash } from '../disk/simulated-files.ts';
import { ProcessRig } from '../testing/process-rig.ts';
import { SnapshotKind } from './snapshot-words.ts';

/** What the shards hold now, and again after a loss of power when all was durable. */
function expectRecovered(rig: ProcessRig, shardCount: number, about: string): void {
  rig.makeDurable();
  const wanted = rig.contents();
  rig.crash('drop');
  rig.open(shardCount);
  expect(rig.contents(), about).toEqual(wanted);
}

describe('snapshots of a process', () => {
  for (let seed = 1; seed <= 12; seed++) {
    const shardCount = 1 + (seed % 3);
    it(`and the logs behind them give what it held, ${shardCount} shards, seed ${seed}`, () => {
      const rig = new ProcessRig(seed);
      rig.open(shardCount);
      for (let round = 0; round < 3; round++) {
        for (let turn = 0; turn < 20; turn++) {
          rig.change(12);
          rig.turn();
        }
        expect(rig.words.ask(SnapshotKind.Save)).toBe(true);
        rig.settle(3);
        expect(rig.words.failed).toBe(0);
        expect(rig.names('snapshot')).toHaveLength(shardCount);
        expect(rig.names('manifest')).toHaveLength(1);
        rig.change(20);
        expectRecovered(rig, shardCount, `round ${round}`);
      }
    });
  }

  it('let go of the logs before them, and of what they replace', () => {
    const rig = new ProcessRig(77);
    rig.open(2);
    for (let turn = 0; turn < 120; turn++) {
      rig.change(20);
      rig.turn();
    }
    expect(rig.names('wal').length).toBeGreaterThan(6);
    rig.words.ask(SnapshotKind.Rewrite);
    rig.settle();
    // The segment that is written, and one that ended at the cut at most.
    expect(rig.names('wal').length).toBeLessThanOrEqual(4);
    rig.change(10);
    rig.makeDurable();
    rig.words.ask(SnapshotKind.Rewrite);
    rig.settle();
    expect(rig.names('wal').length).toBeLessThanOrEqual(4);
    expect(rig.names('snapshot')).toHaveLength(2);
    expect(rig.words.countOf(SnapshotKind.Rewrite)).toBe(2);
  });

  it('are kept as many as the settings say', () => {
    const rig = new ProcessRig(78);
    rig.open(2);
    rig.rules = { ...rig.rules, keptCount: 3 };
    for (let round = 0; round < 5; round++) {
      rig.change(30);
      rig.turn();
      rig.words.ask(SnapshotKind.Save);
      rig.settle(2);
    }
    expect(rig.names('manifest')).toHaveLength(3);
    expect(rig.names('snapshot')).toHaveLength(6);
    rig.change(10);
    expectRecovered(rig, 2, 'three are kept');
  });

  it('begin by themselves when the log has grown, and never let it grow for ever', () => {
    const rig = new ProcessRig(79);
    rig.open(1);
    rig.rules = { ...rig.rules, growthPercent: 100, growthBytesMin: 50_000 };
    for (let turn = 0; turn < 1500; turn++) {
      rig.shards[0]?.driver.run('SET', 'one', 'x'.repeat(2000));
      rig.turn();
    }
    rig.settle();
    expect(rig.words.countOf(SnapshotKind.Rewrite)).toBeGreaterThan(10);
    expect(rig.words.totalBytes).toBeLessThan(300_000);
    expect(rig.names('wal').length).toBeLessThan(8);
  });
});

describe('another number of shards', () => {
  for (const [before, after] of [[1, 3], [3, 1], [2, 3]] as const) {
    it(`has what ${before} had in a snapshot and behind it, dealt out to ${after}`, () => {
      const rig = new ProcessRig(before * 10 + after);
      rig.open(before);
      const all = new Map<string, unknown>();
      const change = (from: number, to: number): void => {
        for (const [index, { driver }] of rig.shards.entries()) {
          for (let i = from; i < to; i++) {
            const key = `${index}:${i}`;
            driver.run('SET', `${key}:string`, 'v'.repeat(i * 37));
            driver.run('RPUSH', `${key}:list`, 'a', 'b', i);
            driver.run('SADD', `${key}:set`, 'a', 'b', i);
            driver.run('HSET', `${key}:hash`, 'f', i, 'g', 'x');
            driver.run('ZADD', `${key}:zset`, i, 'm', 1, 'n');
            driver.run('XADD', `${key}:stream`, `${i + 1}-1`, 'f', 'v');
            if (i % 3 === 0) driver.run('PEXPIREAT', `${key}:string`, rig.nowMs + 1e6);
            driver.run('DEL', `${index}:${i - 2}:list`);
          }
        }
      };
      change(0, 60);
      rig.turn();
      rig.words.ask(SnapshotKind.Save);
      rig.turn();
      change(60, 70);
      rig.settle();
      change(70, 80);
      rig.makeDurable();
      for (const contents of rig.contents()) {
        for (const [key, value] of contents) all.set(key, value);
      }
      rig.crash('drop');
      rig.open(after);
      const found = new Map(rig.contents().flatMap((contents) => [...contents]));
      expect(found).toEqual(all);
      // The directory is of the new number, and snapshots of it work.
      rig.words.ask(SnapshotKind.Save);
      rig.settle();
      expect(rig.words.failed).toBe(0);
      expectRecovered(rig, after, 'again');
    });
  }
});

describe('a disk that fails during a snapshot', () => {
  it('leaves the one before, says so, and the next is whole: for every operation', () => {
    let failures = 0;
    for (let n = 1; n <= 60; n++) {
      const rig = new ProcessRig(n);
      rig.open(2);
      rig.change(40);
      rig.makeDurable();
      rig.words.ask(SnapshotKind.Save);
      rig.settle();
      rig.change(40);
      rig.turn();
      const before = rig.names('manifest');
      let operations = 0;
      rig.files.refuse = (_operation, path) => {
        const isOfSnapshot = path.includes('snapshot') || path.includes('manifest');
        if (isOfSnapshot) operations++;
        return isOfSnapshot && operations === n ? Errno.NoSpace : 0;
      };
      rig.words.ask(SnapshotKind.Save);
      rig.settle(2);
      rig.files.refuse = () => 0;
      if (rig.words.failed !== 0) {
        failures++;
        expect(rig.words.isWell(SnapshotKind.Save), `operation ${n}`).toBe(false);
        expect(rig.names('manifest'), `operation ${n}`).toEqual(before);
        expect(rig.log.join('\n')).toMatch(/failed: .*ENOSPC/);
        expect(rig.names('snapshot').filter((name) => !name.endsWith('.tmp'))).toHaveLength(2);
      }
      expectRecovered(rig, 2, `operation ${n}`);
      rig.words.ask(SnapshotKind.Save);
      rig.settle(2);
      expect(rig.words.isWell(SnapshotKind.Save)).toBe(true);
      expect(rig.names('snapshot')).toHaveLength(2);
      expectRecovered(rig, 2, `after operation ${n}`);
    }
    expect(failures).toBeGreaterThan(10);
  });

  it('also when it is full for a while: the log recovers, and so do snapshots', () => {
    for (let seed = 1; seed <= 6; seed++) {
      const rig = new ProcessRig(seed);
      rig.open(2);
      rig.change(60);
      rig.makeDurable();
      const used = rig.names('').reduce(
        (sum, name) => sum + rig.files.contentOf(`data/${name}`).length, 0,
      );
      rig.files.capacityBytes = used + 10 * seed;
      rig.words.ask(SnapshotKind.Save);
      rig.settle();
      expect(rig.words.failed).toBe(1);
      rig.files.capacityBytes = Infinity;
      rig.change(10);
      rig.makeDurable();
      rig.words.ask(SnapshotKind.Save);
      rig.settle();
      expect(rig.words.failed).toBe(1);
      expectRecovered(rig, 2, `seed ${seed}`);
    }
  });
});

describe('a loss of power during a snapshot', () => {
  it('finds the old state or the new, at every operation', () => {
    for (let at = 1; at <= 120; at += 2) {
      const rig = new ProcessRig(at);
      const shardCount = 1 + (at % 2);
      rig.open(shardCount);
      rig.change(30);
      rig.makeDurable();
      rig.words.ask(SnapshotKind.Save);
      rig.settle();
      rig.change(30);
      rig.makeDurable();
      // Nothing changes from here on, and no time passes: whatever counts says the same.
      const wanted = rig.contents();
      rig.turnMs = 0;
      try {
        rig.files.crashAt(at);
        rig.words.ask(SnapshotKind.Save);
        rig.settle();
      } catch (error) {
        if (!(error instanceof SimulatedCrash)) throw error;
      }
      if (at % 3 === 0) rig.kill();
      else rig.crash(at % 3 === 1 ? 'drop' : 'chance');
      rig.open(shardCount);
      expect(rig.contents(), `operation ${at}`).toEqual(wanted);
      rig.turnMs = 20;
      rig.words.ask(SnapshotKind.Save);
      rig.settle(2);
      expect(rig.words.failed, `operation ${at}`).toBe(0);
      expect(rig.names('snapshot')).toHaveLength(shardCount);
      expectRecovered(rig, shardCount, `operation ${at}`);
    }
  });
});
