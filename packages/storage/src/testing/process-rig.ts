/**
 * A process of some shards with their logs and snapshots on a simulated disk, run turn by turn in
 * one thread: the parts that servers and embedded engines are made of, and nothing else. The model
 * is what the shards hold; `crash` takes the power away, `open` is the recovery that programs use.
 */
import { assert, SeededChance } from '@kora/core';
import { CommandDriver, contentsOf, RandomTypeCommands } from '@kora/core/testing';
import type { ShardContents } from '@kora/core/testing';
import { DelayedDisk } from '../disk/delayed-disk.ts';
import { SimulatedFiles } from '../disk/simulated-files.ts';
import { dealOut } from '../engine/deal-out.ts';
import { LogWords } from '../engine/log-words.ts';
import { openStore } from '../engine/open-store.ts';
import type { OpenedStore } from '../engine/open-store.ts';
import { ShardLoad } from '../engine/shard-load.ts';
import { ShardPersistence } from '../engine/shard-persistence.ts';
import { ShardSnapshots } from '../engine/shard-snapshots.ts';
import type { SnapshotDisk } from '../engine/shard-snapshots.ts';
import { SnapshotDirector } from '../engine/snapshot-director.ts';
import type { SnapshotRules } from '../engine/snapshot-rules.ts';
import { SnapshotWords } from '../engine/snapshot-words.ts';
import { believedBytes } from '../log/log-replay.ts';
import type { SyncPolicy } from '../log/shard-log.ts';

const START_MS = 1_700_000_000_000;
const PART_TOKEN = 8;
const DIRECTOR_TOKEN = 9;
const TURN_MS = 20;
const NO_RULES: SnapshotRules = {
  saves: [], growthPercent: 0, growthBytesMin: 0, keptCount: 1,
};

/** A delayed disk that can be told to end. */
class RigDisk extends DelayedDisk implements SnapshotDisk {
  finish(): void {
    assert(this.pendingCount === 0, 'nothing is under way at the end of a test');
  }
  release(): void {
    assert(this.pendingCount === 0, 'a disk that is let go of has nothing under way');
  }
}

/** One shard of the process. */
interface RigShard {
  readonly driver: CommandDriver;
  readonly random: RandomTypeCommands;
  readonly persistence: ShardPersistence;
  readonly snapshots: ShardSnapshots;
}

/** Values without encodings: one that is changed by replays may have grown earlier. */
export function dataOf(contents: ShardContents): Map<string, unknown> {
  return new Map([...contents].map(
    ([name, { type, value, deadlineMs }]) => [name, { type, value, deadlineMs }],
  ));
}

/** The process and its disk. */
export class ProcessRig {
  readonly files: SimulatedFiles;
  readonly chance: SeededChance;
  rules: SnapshotRules = NO_RULES;
  shards: readonly RigShard[] = [];
  words = new SnapshotWords(1);
  director: SnapshotDirector | null = null;
  /** Lines of its log. */
  readonly log: string[] = [];
  nowMs = START_MS;
  /** By how much a turn moves the clock. */
  turnMs = TURN_MS;
  #store: OpenedStore | null = null;
  #lives = 0;

  constructor(seed: number) {
    this.chance = new SeededChance(seed);
    this.files = new SimulatedFiles(new SeededChance(seed ^ 0x5a5a));
  }

  below(end: number): number {
    return (this.chance.next32() >>> 0) % end;
  }

  /** Opens the directory with so many shards and loads it. */
  open(shardCount: number, policy: SyncPolicy = 'every_second'): void {
    const processes = { pid: 1, identityOf: () => undefined };
    const store = openStore(this.files, {
      directory: 'data', shardCount, processes, nowMs: this.nowMs,
    }, dealOut);
    this.#store = store;
    this.#lives++;
    const { directory, manifest } = store;
    const logs = new LogWords(shardCount);
    this.words = new SnapshotWords(shardCount);
    const { words } = this;
    const openDisk = (): RigDisk => new RigDisk(this.files, this.chance);
    this.shards = store.shards.map(({ data, next }, index): RigShard => {
      const driver = new CommandDriver({
        seed: this.chance.next32(), startMs: this.nowMs, place: { index, count: shardCount },
        memoryOptions: { lowBytes: 16 * 1024 * 1024, bytesMax: 128 * 1024 * 1024 },
      });
      const load = new ShardLoad(this.files, driver.shard, data);
      while (load.step(0));
      load.close();
      const persistence = new ShardPersistence({
        shard: driver.shard, disk: new DelayedDisk(this.files, this.chance), directory, next,
        policy, words: logs, tag: this.#lives, segmentBytes: 20_000,
      });
      const snapshots = new ShardSnapshots({
        shard: driver.shard, persistence, directory, words, token: PART_TOKEN, openDisk,
        logBytes: believedBytes(data.log.segments),
        onFailure: () => undefined, wakeDirector: () => undefined,
      });
      const random = new RandomTypeCommands(new SeededChance(this.chance.next32()));
      return { driver, random, persistence, snapshots };
    });
    this.director = new SnapshotDirector({
      files: this.files, directory, manifest, words, logs, token: DIRECTOR_TOKEN,
      startMs: this.nowMs, openDisk,
      startCut: () => {
        for (const { snapshots } of this.shards) snapshots.cut();
        return true;
      },
      rules: () => this.rules, wakeAll: () => undefined,
      log: (level, message) => { this.log.push(`${level} ${message}`); },
    });
  }

  /** Random commands on every shard. */
  change(count: number): void {
    for (const { driver, random } of this.shards) {
      for (let i = this.below(count + 1); i > 0; i--) {
        if (random.below(60) === 0) driver.run('FLUSHDB', 'ASYNC');
        else driver.reply(...random.next());
      }
    }
  }

  /** A turn of every shard, and of the director. */
  turn(): void {
    this.nowMs += this.turnMs;
    for (const { driver, persistence, snapshots } of this.shards) {
      driver.clock.advance(this.turnMs);
      driver.shard.refreshClock();
      driver.shard.maintain();
      persistence.endTurn();
      snapshots.endTurn();
    }
    this.director?.endTurn(this.nowMs);
  }

  /** Turns, with changes, until no snapshot is under way and nothing is superfluous. */
  settle(changesPerTurn = 0): void {
    for (let turn = 0; turn < 20_000; turn++) {
      this.change(changesPerTurn);
      this.turn();
      const isIdle = this.shards.every(({ snapshots }) => !snapshots.isActive);
      if (isIdle && this.director?.isQuiet === true) return;
    }
    throw new Error('a snapshot ends');
  }

  /** All logs are durable when it returns. */
  makeDurable(): void {
    for (let turn = 0; turn < 2000; turn++) {
      this.turn();
      if (this.shards.every(({ persistence }) => persistence.isQuiet)) return;
    }
    throw new Error('a log becomes durable');
  }

  /** What the shards hold, of all together: keys are named with their shard where asked. */
  contents(): Map<string, unknown>[] {
    return this.shards.map(({ driver }) => {
      driver.shard.keyspace.setNow(this.nowMs);
      return dataOf(contentsOf(driver.shard));
    });
  }

  /** The power goes. */
  crash(kind: 'drop' | 'chance'): void {
    this.files.crash(kind);
    this.shards = [];
    this.director = null;
    this.#store = null;
  }

  /** Gives the directory back without ending anything: the process is killed. */
  kill(): void {
    this.files.kill();
    this.shards = [];
    this.director = null;
    this.#store = null;
  }

  /** Files of the directory whose names begin so. */
  names(prefix: string): string[] {
    return this.files.list('data').filter((name) => name.startsWith(prefix));
  }

  get isOpen(): boolean {
    return this.#store !== null;
  }
}
