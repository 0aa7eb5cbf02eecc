/**
 * Random commands of all types between slices of a snapshot: what is loaded from it is what the
 * shard held at the cut, whatever happened since: changes, deletes, deadlines, eviction, growth and
 * shrinking of dicts, FLUSHALL, SWAPDB, a sink that is full for a while. A snapshot that is not
 * told of one kind of change must be found out, or the test says nothing.
 */
import { describe, expect, it } from 'vitest';
import { verify } from '../assert.ts';
import type { SnapshotKeeper } from '../keyspace/snapshot-keeper.ts';
import { SeededChance } from '../platform/platform.ts';
import type { MemberKeeper } from '../structs/dict.hot.ts';
import { ChunkList } from '../testing/chunk-list.ts';
import { CommandDriver } from '../testing/command-driver.ts';
import { EVERY_TYPE, RandomTypeCommands } from '../testing/random-type-commands.ts';
import { contentsOf } from '../testing/shard-contents.ts';
import type { ShardContents } from '../testing/shard-contents.ts';
import { listBounds } from '../types/list/list.ts';
import { ShardSnapshot } from './shard-snapshot.ts';

const BULK_KEYS = 600;
const STEPS_MAX = 3000;

/** What a snapshot is not told of. */
type Silence = Partial<MemberKeeper & SnapshotKeeper>;

/** A shard with random data that random commands change further. */
class Workload {
  readonly driver: CommandDriver;
  readonly random: RandomTypeCommands;
  readonly #evicts: boolean;
  readonly flushes: boolean;

  constructor(seed: number) {
    this.random = new RandomTypeCommands(new SeededChance(seed), EVERY_TYPE);
    this.#evicts = this.below(4) === 0;
    this.flushes = this.below(3) === 0;
    const policy = this.below(2) === 0 ? 'allkeys-lru' : 'allkeys-random';
    this.driver = new CommandDriver({ seed, settings: { 'maxmemory-policy': policy } });
  }

  below(bound: number): number {
    return this.random.below(bound);
  }

  fill(): void {
    const { driver } = this;
    const keys = this.below(4) === 0 ? 0 : this.below(BULK_KEYS);
    for (let i = 0; i < keys; i++) driver.run('SET', `bulk:${i}`, 'v'.repeat(this.below(300)));
    driver.run('SET', 'rope', 'r'.repeat(65_536 + this.below(200_000)));
    driver.run('SET', 'k'.repeat(40_000), 'long key');
    driver.run('SET', 'wide', 'w'.repeat(40_000));
    const members = Array.from({ length: this.below(3000) }, (_, i) => `m${i}`);
    if (members.length > 0) {
      driver.run('SADD', 'bigset', ...members);
      driver.run('ZADD', 'bigzset', ...members.flatMap((member, i) => [i * 1.5, member]));
      driver.run('RPUSH', 'biglist', ...members.map((member) => member.repeat(20)));
      driver.run('HSET', 'bighash', ...members.flatMap((member) => [member, member.repeat(9)]));
    }
    for (let i = 0; i < 150; i++) this.change();
    if (this.#evicts) driver.run('CONFIG', 'SET', 'maxmemory', String(driver.shard.usedBytes()));
  }

  /** One command, or time passes. */
  change(): void {
    const { driver } = this;
    switch (this.below(40)) {
      case 0:
        driver.advance(this.below(80));
        return;
      case 1:
        driver.run('SELECT', this.below(2));
        return;
      case 2:
        this.#disturb();
        return;
      case 3:
        for (let i = 0; i < 60; i++) driver.run('SET', `more:${this.below(2000)}`, 'x'.repeat(50));
        return;
      case 4:
        for (let i = 0; i < 60; i++) driver.run('DEL', `bulk:${this.below(BULK_KEYS)}`);
        return;
      case 5:
        driver.run('SET', `bulk:${this.below(BULK_KEYS)}`, 'new', 'PX', 1 + this.below(100));
        return;
      case 6:
        driver.run('GETDEL', `bulk:${this.below(BULK_KEYS)}`);
        driver.run('GETEX', `bulk:${this.below(BULK_KEYS)}`, 'PX', 50);
        driver.run('PFCOUNT', this.random.key());
        return;
      case 7:
      case 8:
      case 9:
      case 10:
      case 11:
        this.#changeBig();
        return;
      default:
        driver.reply(...this.random.next());
    }
  }

  #changeBig(): void {
    const { driver } = this;
    const member = `m${this.below(3000)}`;
    switch (this.below(14)) {
      case 0:
        driver.run('APPEND', 'rope', 'tail'.repeat(this.below(30_000)));
        return;
      case 1:
        driver.run('SETRANGE', 'rope', this.below(150_000), 'patch'.repeat(this.below(9000)));
        return;
      case 2:
        driver.run(['DEL', 'UNLINK'][this.below(2)] ?? 'DEL', this.#bigKey());
        return;
      case 3:
        driver.run('RENAME', this.#bigKey(), this.#bigKey());
        return;
      case 4:
        driver.run('SREM', 'bigset', member);
        driver.run('SADD', 'bigset', `${member}x`);
        return;
      case 5:
        driver.run('ZADD', 'bigzset', this.below(9), member, this.below(9), `${member}x`);
        driver.run('ZPOPMIN', 'bigzset');
        return;
      case 6:
        driver.run('HSET', 'bighash', member, 'v'.repeat(this.below(200)), `${member}x`, '1');
        driver.run('HDEL', 'bighash', `m${this.below(3000)}`);
        return;
      case 7:
        driver.run('HPEXPIRE', 'bighash', this.below(90), 'FIELDS', 1, member);
        driver.run('HPERSIST', 'bighash', 'FIELDS', 1, member);
        return;
      case 8:
        driver.run('RPUSH', 'biglist', 'tail');
        driver.run('LPOP', 'biglist', 1 + this.below(90));
        driver.run('RPOP', 'biglist', 1 + this.below(90));
        return;
      case 9:
        driver.run('LSET', 'biglist', this.below(1500), 'set');
        driver.run('LINSERT', 'biglist', 'BEFORE', 'set', 'inserted');
        driver.run('LTRIM', 'biglist', this.below(50), -1 - this.below(50));
        return;
      case 10:
        driver.run('LREM', 'biglist', this.below(7) - 3, member.repeat(20));
        driver.run('RPUSH', 'biglist', ...Array.from({ length: 200 }, () => member.repeat(20)));
        driver.run('LPUSH', 'biglist', ...Array.from({ length: 200 }, () => member.repeat(20)));
        return;
      case 11:
        driver.run('LTRIM', 'biglist', this.below(900), -1 - this.below(900));
        return;
      case 12:
        driver.run('PEXPIRE', this.#bigKey(), this.below(200));
        driver.run('PERSIST', this.#bigKey());
        return;
      default:
        driver.run('COPY', this.#bigKey(), this.#bigKey(), 'REPLACE');
    }
  }

  #bigKey(): string {
    return ['rope', 'bigset', 'bigzset', 'biglist', 'bighash', 'wide'][this.below(6)] ?? 'rope';
  }

  #disturb(): void {
    const { driver } = this;
    switch (this.below(this.flushes ? 6 : 4)) {
      case 0:
        driver.run('SWAPDB', 0, 1);
        return;
      case 1:
        driver.run('MOVE', this.random.key(), 1);
        return;
      case 2:
        driver.run('MULTI');
        for (let i = 0; i < 5; i++) driver.reply(...this.random.next());
        driver.run('EXEC');
        return;
      case 3:
        driver.shard.maintain();
        return;
      case 4:
        driver.run('FLUSHDB', ['ASYNC', 'SYNC'][this.below(2)] ?? 'ASYNC');
        return;
      default:
        driver.run('FLUSHALL');
    }
  }
}

/** The contents at the cut, and of what was loaded from a snapshot taken under load. */
function takeSnapshot(
  seed: number, silence: Silence = {},
): { readonly wanted: ShardContents; readonly found: ShardContents } {
  const nodeBytesMax = listBounds.nodeBytesMax;
  // Small packs make lists of many blocks.
  if (seed % 2 === 0) listBounds.nodeBytesMax = 200;
  try {
    return playSnapshot(seed, silence);
  } finally {
    listBounds.nodeBytesMax = nodeBytesMax;
  }
}

function playSnapshot(
  seed: number, silence: Silence,
): { readonly wanted: ShardContents; readonly found: ShardContents } {
  const workload = new Workload(seed);
  const { driver } = workload;
  const { shard } = driver;
  workload.fill();
  driver.shard.refreshClock();
  const wanted = contentsOf(shard);
  const cutMs = shard.nowMs;
  const sink = new ChunkList();
  const snapshot = ShardSnapshot.begin(shard, sink);
  if (snapshot === null) throw new Error('a snapshot begins');
  expect(ShardSnapshot.begin(shard, sink)).toBeNull();
  Object.assign(snapshot, silence);
  const changes = 1 + workload.below(12);
  const units = 1 + workload.below(60);
  let steps = 0;
  do {
    for (let i = workload.below(changes); i > 0; i--) workload.change();
    sink.isFull = workload.below(5) === 0;
    steps++;
    if (steps > STEPS_MAX) throw new Error(`seed ${seed}: a snapshot ends`);
    if (workload.flushes && steps === 3) driver.run('FLUSHALL', 'ASYNC');
    // After a while the walk overtakes the load.
  } while (snapshot.step(steps > 300 ? 10_000 : units));
  expect(snapshot.isDone).toBe(true);
  expect(shard.keyspace.keeper).toBeNull();
  for (let i = 0; i < 20; i++) workload.change();
  expect(driver.errors, `seed ${seed}`).toEqual([]);
  const other = new CommandDriver({ seed: seed + 1, startMs: cutMs });
  const keys = sink.loadInto(other.shard);
  expect(keys).toBe(snapshot.keyCount);
  const found = contentsOf(other.shard);
  driver.emptyCompletely();
  expect(shard.memory.arenaAllocator.usedBytes(), `seed ${seed} leaks nothing`).toBe(0);
  return { wanted, found };
}

const SEEDS = Array.from({ length: 40 }, (_, i) => i + 1);

describe('a snapshot under load', () => {
  for (const seed of SEEDS) {
    it(`holds what there was at the cut, seed ${seed}`, () => {
      verify.enabled = seed % 4 === 0;
      verify.growsOnAlloc = seed % 8 === 0;
      try {
        const { wanted, found } = takeSnapshot(seed);
        expect(found).toEqual(wanted);
      } finally {
        verify.enabled = false;
        verify.growsOnAlloc = false;
      }
    });
  }
});

describe('a snapshot that is not told of', () => {
  /** True when one of the first seeds fails, which all hold for a snapshot that is told. */
  const isFoundOut = (silence: Silence): boolean =>
    SEEDS.some((seed) => {
      try {
        const { wanted, found } = takeSnapshot(seed, silence);
        expect(found).toEqual(wanted);
        return false;
      } catch {
        return true;
      }
    });

  it('changes is found out', () => {
    expect(isFoundOut({ beforeChange: () => undefined })).toBe(true);
  });

  it('changes of members is found out', () => {
    expect(isFoundOut({ saveMember: () => undefined })).toBe(true);
  });

  it('databases that are flushed is found out', () => {
    expect(isFoundOut({ takeDetached: () => false })).toBe(true);
  });
});
