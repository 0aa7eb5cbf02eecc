/**
 * A shard that logs its changes and takes a snapshot meanwhile: the part, and the log behind its
 * cut, give the data that the shard holds at the end; whichever operation of the disk fails, the
 * shard works on, says so, and the next snapshot is whole.
 */
import { describe, expect, it } from 'vitest';
import { SeededChance } from '@kora/core';
import {
  CommandDriver, contentsOf, EVERY_TYPE, RandomTypeCommands, replayEffect,
} from '@kora/core/testing';
import type { ShardContents } from '@kora/core/testing';
import { DelayedDisk } from '../disk/delayed-disk.ts';
import { Errno } from '../disk/errno.ts';
import { SimulatedFiles } from '../disk/simulated-files.ts';
import { EffectLog, lowChunks } from '../log/effect-log.ts';
import { LogReplay } from '../log/log-replay.ts';
import { ShardLog } from '../log/shard-log.ts';
import { PartLoad } from '../store/load-part.ts';
import { recoverStore } from '../store/recovery.ts';
import { commitSnapshot, removeSuperfluous } from '../store/snapshot-commit.ts';
import { ShardPart, ShardPartLoad } from './shard-part.ts';

const START_MS = 1_700_000_000_000;
const PART_TOKEN = 9;
const TURNS_MAX = 20_000;
const processes = { pid: 1, identityOf: () => undefined };

/** Values without encodings: one that is changed by replays may have grown earlier. */
function dataOf(contents: ShardContents): Map<string, unknown> {
  return new Map([...contents].map(
    ([name, { type, value, deadlineMs }]) => [name, { type, value, deadlineMs }],
  ));
}

/** A shard with a log on a simulated disk. */
class LoggedShard {
  readonly driver: CommandDriver;
  readonly files: SimulatedFiles;
  readonly disk: DelayedDisk;
  readonly random: RandomTypeCommands;
  readonly store;
  readonly #log: ShardLog;
  readonly #effects: EffectLog;
  #part: ShardPart | null = null;

  constructor(seed: number) {
    this.files = new SimulatedFiles(new SeededChance(seed));
    this.store = recoverStore(this.files, {
      directory: 'data', shardCount: 1, processes, nowMs: START_MS,
    });
    this.driver = new CommandDriver({ seed, startMs: START_MS });
    this.random = new RandomTypeCommands(new SeededChance(seed), EVERY_TYPE);
    this.disk = new DelayedDisk(this.files, new SeededChance(seed));
    const next = this.store.next[0];
    if (next === undefined) throw new Error('a shard has a log');
    this.#log = new ShardLog({
      ...next, directory: 'data', shardCount: 1, disk: this.disk, policy: 'every_second',
      tokenBase: 0, tag: seed, allocate: lowChunks(this.driver.memory),
    });
    this.#effects = new EffectLog(this.driver.shard, this.#log);
  }

  change(): void {
    if (this.random.below(30) === 0) this.driver.run('SELECT', this.random.below(2));
    else if (this.random.below(60) === 0) this.driver.run('FLUSHDB', 'ASYNC');
    else this.driver.reply(...this.random.next());
    this.#effects.endGroup();
    if (this.random.below(20) === 0) this.driver.advance(this.random.below(60));
  }

  turn(): void {
    this.driver.clock.advance(20);
    this.driver.shard.maintain();
    this.#effects.endGroup();
    this.#write();
  }

  #write(): void {
    this.#log.pump(this.driver.clock.nowMs());
    this.disk.drain((token, result) => {
      const isTaken = this.#log.complete(token, result)
        || this.#part?.complete(token, result) === true;
      expect(isTaken).toBe(true);
    });
  }

  /** Takes a part while commands run. */
  takePart(number: number): ShardPart {
    const part = ShardPart.begin(this.driver.shard, {
      disk: this.disk, directory: 'data', token: PART_TOKEN, snapshot: number, shard: 0,
      shardCount: 1, createdMs: START_MS, tag: number,
    });
    if (part === null) throw new Error('a part begins');
    this.#part = part;
    for (let turn = 0; turn < TURNS_MAX; turn++) {
      if (part.state === 'done' || part.state === 'failed') return part;
      for (let i = this.random.below(6); i > 0; i--) this.change();
      part.step();
      this.turn();
    }
    throw new Error('a part ends');
  }

  end(): void {
    this.#effects.endGroup();
    this.#effects.close();
    this.#log.close();
    for (let turn = 0; turn < TURNS_MAX && !this.#log.isClosed; turn++) {
      // Nothing is maintained any more: what expires now is in no log.
      this.driver.clock.advance(20);
      this.#write();
    }
  }
}

/** What is found in a directory. */
function recovered(files: SimulatedFiles, nowMs: number): ShardContents {
  const store = recoverStore(files, { directory: 'data', shardCount: 1, processes, nowMs });
  const { shard } = new CommandDriver({ seed: 99, startMs: START_MS });
  for (const facts of store.manifest.parts) {
    const load = new ShardPartLoad(shard);
    const part = new PartLoad(files, 'data', facts, load.listener);
    while (part.step());
    load.finish();
  }
  for (const { segments, fromSequence } of store.logs.flat()) {
    const replay = new LogReplay(files, segments, fromSequence, (record) => {
      replayEffect(shard, record);
    });
    while (replay.step());
  }
  shard.keyspace.setNow(nowMs);
  return contentsOf(shard);
}

describe('a part and the log behind it', () => {
  for (let seed = 1; seed <= 16; seed++) {
    it(`give what the shard holds, seed ${seed}`, () => {
      const logged = new LoggedShard(seed);
      const { driver, files } = logged;
      for (let i = 0; i < 40; i++) driver.run('SET', `string:${i}`, 'v'.repeat(i * 1000));
      for (let i = 0; i < 200; i++) logged.change();
      const part = logged.takePart(1);
      expect(part.state).toBe('done');
      const manifest = commitSnapshot(files, 'data', logged.store.manifest, {
        parts: [part.facts], cuts: [part.cutSequence], createdMs: START_MS,
      });
      removeSuperfluous(files, 'data', manifest, 1);
      for (let i = 0; i < 30; i++) logged.change();
      logged.end();
      const { nowMs } = driver.shard;
      const wanted = dataOf(contentsOf(driver.shard));
      files.crash('drop');
      expect(dataOf(recovered(files, nowMs))).toEqual(wanted);
    });
  }
});

describe('a part that cannot be written', () => {
  it('fails alone, whichever operation fails, and the next one is whole', () => {
    let failures = 0;
    for (let operation = 1; operation <= 40; operation++) {
      const logged = new LoggedShard(operation);
      const { driver, files } = logged;
      for (let i = 0; i < 20; i++) driver.run('SET', `string:${i}`, 'v'.repeat(60_000));
      let operations = 0;
      files.refuse = (_, path) => {
        if (path.includes('.part')) operations++;
        return path.includes('.part') && operations === operation ? Errno.NoSpace : 0;
      };
      const first = logged.takePart(1);
      files.refuse = () => 0;
      if (first.state === 'failed') {
        failures++;
        expect(first.failure?.errno).toBe(Errno.NoSpace);
      }
      for (let turn = 0; turn < 50; turn++) logged.turn();
      const second = logged.takePart(2);
      expect(second.state).toBe('done');
      const load = new ShardPartLoad(new CommandDriver().shard);
      const part = new PartLoad(files, 'data', second.facts, load.listener);
      while (part.step());
      load.finish();
      expect(load.keyCount).toBe(second.keyCount);
      expect(driver.shard.keyspace.keeper).toBeNull();
    }
    expect(failures).toBeGreaterThan(8);
  });
});
