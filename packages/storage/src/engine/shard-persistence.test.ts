/**
 * What follows from a running log: how far a shard is settled, who is told and woken, and what the
 * barrier does to commands while the log fails, is late, or waits for too many parts of others.
 */
import { ClientFlag, Flag, ReplyError, SeededChance } from '@kora/core';
import { CommandDriver } from '@kora/core/testing';
import { describe, expect, it } from 'vitest';
import { DirectDisk } from '../disk/direct-disk.ts';
import { Errno } from '../disk/errno.ts';
import { SimulatedFiles } from '../disk/simulated-files.ts';
import { TRANSACTION_PART_COUNT_MAX } from '../limits.ts';
import type { DurablePart } from '../log/settled-tracker.ts';
import type { SyncPolicy } from '../log/shard-log.ts';
import { LogWords } from './log-words.ts';
import { ShardPersistence } from './shard-persistence.ts';

const TURNS = 20;
const BOTH = 3;

/** A shard with its log, one of two. */
class Rig {
  readonly driver = new CommandDriver();
  readonly files = new SimulatedFiles(new SeededChance(1));
  readonly words = new LogWords(2);
  readonly announced: DurablePart[] = [];
  woken = 0;
  readonly persistence: ShardPersistence;

  constructor(policy: SyncPolicy = 'every_write') {
    this.files.makeDirectory('data');
    this.persistence = new ShardPersistence({
      shard: this.driver.shard, disk: new DirectDisk(this.files), directory: 'data',
      next: { logSet: 1, shard: 0, nextSequence: 1, nextSegment: 1 }, policy, words: this.words,
      tag: 5,
      announce: (parts) => this.announced.push(...parts) >= 0,
      wake: (shards) => { this.woken |= shards; },
    });
  }

  turns(): void {
    for (let turn = 0; turn < TURNS; turn++) {
      this.driver.clock.advance(100);
      this.driver.shard.refreshClock();
      this.persistence.endTurn();
    }
  }
  /** Writes a part of a transaction that changes a key; no barrier holds what runs inside. */
  part(transaction: number): void {
    const { effects } = this.persistence;
    effects.beginPart(transaction, BOTH, 0);
    const client = this.driver.newClient();
    client.flags |= ClientFlag.Internal;
    this.driver.runAs(client, 'INCR', 'parts');
    this.persistence.notePart(transaction, BOTH, effects.endPart(0));
  }
}

describe('a shard is settled', () => {
  it('up to its first part whose other part is not durable, and who waits is woken', () => {
    const rig = new Rig();
    const { persistence, words } = rig;
    rig.driver.reply('SET', 'a', '1');
    rig.part(7);
    rig.driver.reply('SET', 'b', '1');
    words.wait(0, 1);
    expect([persistence.appended, persistence.settled]).toEqual([3, 0]);
    rig.turns();
    expect([persistence.log.durableSequence, persistence.settled]).toEqual([3, 1]);
    expect(rig.announced).toMatchObject([{ transaction: 7, shards: BOTH, sequenceBefore: 1 }]);
    expect([rig.woken, words.hasSettled(0, 1), words.hasSettled(0, 2)]).toEqual([2, true, false]);
    words.wait(0, 1);
    rig.woken = 0;
    persistence.takeParts(1, [{ transaction: 7, shards: BOTH, sequenceBefore: 0 }]);
    rig.turns();
    expect([persistence.settled, rig.woken, words.hasSettled(0, 3)]).toEqual([3, 2, true]);
    // The last record of a log is told of as well.
    rig.part(8);
    rig.turns();
    expect(rig.announced.map(({ transaction }) => transaction)).toEqual([7, 8]);
  });
});

describe('the barrier', () => {
  it('refuses changes and PING while a log of the process cannot be written', () => {
    const rig = new Rig();
    const { driver, persistence, words } = rig;
    driver.reply('SET', 'a', '1');
    rig.turns();
    expect(persistence.isRefusing).toBe(false);
    // The other shard's log.
    words.setErrno(1, Errno.NoSpace);
    rig.turns();
    expect(persistence.isRefusing).toBe(true);
    const refusal = /MISCONF Errors writing to the AOF file: No space left on device/;
    expect(driver.run('SET', 'b', '1')).toMatch(refusal);
    expect(driver.run('PING')).toMatch(refusal);
    expect(driver.run('GET', 'a')).toBe('$"1"');
    words.setErrno(1, 0);
    rig.turns();
    expect([persistence.isRefusing, driver.run('SET', 'b', '1')]).toEqual([false, '+"OK"']);
    rig.files.refuse = () => Errno.InputOutput;
    rig.turns();
    expect([words.errno, driver.run('PING')]).toEqual([
      Errno.InputOutput, expect.stringMatching('Input/output error'),
    ]);
    rig.files.refuse = () => 0;
    rig.turns();
    expect([words.errno, driver.shard.barrier]).toEqual([0, null]);
  });

  it('makes writes wait while too many parts of other shards wait for theirs', () => {
    const rig = new Rig('every_second');
    const { persistence, driver: { shard } } = rig;
    const { barrier } = shard;
    expect(barrier).toBeNull();
    const parts = (from: number, count: number): DurablePart[] => Array.from({ length: count }, (
      _, i,
    ) => ({ transaction: from + i, shards: BOTH, sequenceBefore: from + i }));
    persistence.takeParts(1, parts(1, TRANSACTION_PART_COUNT_MAX - 1));
    rig.turns();
    expect(shard.barrier).toBeNull();
    persistence.takeParts(1, parts(TRANSACTION_PART_COUNT_MAX, 1));
    rig.turns();
    expect(shard.barrier?.mustWait(Flag.Write)).toBe(true);
    expect(shard.barrier?.mustWait(Flag.ReadOnly)).toBe(false);
    const set = rig.driver.registry.commands.find(({ name }) => name === 'set')!;
    expect(shard.barrier?.refusalOf(set, set.flags)).not.toBeInstanceOf(ReplyError);
    // What they wait for runs all the same, and lets them go.
    for (let transaction = 1; transaction <= 3; transaction++) rig.part(transaction);
    rig.turns();
    expect(shard.barrier).toBeNull();
    // Where nothing becomes durable by itself nobody waits for that.
    persistence.takeParts(1, parts(TRANSACTION_PART_COUNT_MAX + 1, 3));
    rig.turns();
    expect(shard.barrier?.mustWait(Flag.Write)).toBe(true);
    persistence.log.setPolicy('os_managed');
    rig.turns();
    expect(shard.barrier).toBeNull();
  });
});
