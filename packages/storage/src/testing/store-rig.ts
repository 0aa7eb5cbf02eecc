/**
 * A whole store on a simulated disk: shards that are lists of numbers, transactions over them,
 * snapshots, losses of power, and the recovery that programs use. The model is the history: each
 * step adds numbers to some shards; what is found must be the history up to some step, on all
 * shards, with every acknowledged step in it.
 */
import { assert, SeededChance } from '@kora/core';
import { DelayedDisk } from '../disk/delayed-disk.ts';
import { SimulatedFiles } from '../disk/simulated-files.ts';
import { LogReplay } from '../log/log-replay.ts';
import { SettledTracker } from '../log/settled-tracker.ts';
import type { DurablePart } from '../log/settled-tracker.ts';
import { ShardLog } from '../log/shard-log.ts';
import { PartWriter } from '../snapshot/part-writer.ts';
import { wholeEntries } from '../snapshot/part-reader.ts';
import { PartLoad } from '../store/load-part.ts';
import type { Manifest } from '../store/manifest.ts';
import { recoverStore } from '../store/recovery.ts';
import type { RecoveredStore } from '../store/recovery.ts';
import { commitSnapshot, removeSuperfluous } from '../store/snapshot-commit.ts';

/** A step: its number goes to these shards, as one transaction when they are several. */
interface Step {
  readonly number: number;
  readonly shards: number;
  /** Sequences of its records, by shard. */
  readonly sequences: ReadonlyMap<number, number>;
}

const TOKENS_PER_SHARD = 4;

/** Store, model and disk. */
export class StoreRig {
  readonly chance: SeededChance;
  readonly files: SimulatedFiles;
  store: RecoveredStore | undefined;
  #manifest: Manifest | undefined;
  #disk: DelayedDisk | undefined;
  #logs: ShardLog[] = [];
  #writers: PartWriter[] = [];
  #cuts: number[] = [];
  #stepsAtCut: Step[] = [];
  steps: Step[] = [];
  /** What each shard holds: numbers of steps. */
  #data: number[][] = [];
  /** Steps of this run whose replies were sent. */
  acknowledged = new Set<number>();
  nowMs = 1_700_000_000_000;
  #tracker = new SettledTracker(1);
  /** By shard: parts that are not durable yet. */
  #parts: DurablePart[][] = [];
  #nextTransaction = 1;
  #nextNumber = 1;

  constructor(seed: number) {
    this.chance = new SeededChance(seed);
    this.files = new SimulatedFiles(new SeededChance(seed ^ 0x1234));
  }

  below(end: number): number {
    return (this.chance.next32() >>> 0) % end;
  }

  /** Recovers and opens, and holds what was found against the model. */
  open(shardCount: number): void {
    const processes = { pid: 1, identityOf: (pid: number) => (pid === 1 ? undefined : undefined) };
    const store = recoverStore(this.files, {
      directory: 'data', shardCount, processes, nowMs: this.nowMs,
    });
    this.#check(this.#load(store), store);
    this.store = store;
    this.#manifest = store.manifest;
    const disk = new DelayedDisk(this.files, this.chance);
    this.#disk = disk;
    this.#writers = [];
    this.#tracker = new SettledTracker(shardCount);
    this.#parts = store.next.map(() => []);
    this.#nextTransaction = store.lastTransaction + 1;
    this.#logs = store.next.map((next) => new ShardLog({
      ...next, directory: 'data', shardCount, disk, policy: 'every_write',
      tokenBase: next.shard * TOKENS_PER_SHARD, segmentBytes: 3000,
      tag: this.chance.next32() >>> 0,
    }));
  }

  /** Numbers of steps that lie in the directory, by the shard that logged them. */
  #load(store: RecoveredStore): number[] {
    const found: number[] = [];
    const take = (bytes: Uint8Array): void => {
      found.push(new DataView(bytes.buffer, bytes.byteOffset).getUint32(0));
    };
    for (const part of store.manifest.parts) {
      const load = new PartLoad(this.files, 'data', part, wholeEntries(take));
      while (load.step());
    }
    for (const set of store.logs) {
      for (const { segments, fromSequence } of set) {
        const replay = new LogReplay(this.files, segments, fromSequence, take);
        while (replay.step());
      }
    }
    return found;
  }

  #check(found: readonly number[], store: RecoveredStore): void {
    const counts = new Map<number, number>();
    for (const number of found) counts.set(number, (counts.get(number) ?? 0) + 1);
    for (const step of this.steps) {
      const expected = step.sequences.size;
      const count = counts.get(step.number) ?? 0;
      assert(count === 0 || count === expected, `step ${step.number}: ${count} of ${expected}`);
      const isPromised = this.acknowledged.has(step.number);
      assert(count > 0 || !isPromised, `step ${step.number} was acknowledged`);
      counts.delete(step.number);
    }
    assert(counts.size === 0, 'nothing was found that was not written');
    const present = new Set(found);
    this.steps = this.steps.filter((step) => present.has(step.number));
    for (const step of this.steps) this.acknowledged.add(step.number);
    const { logSets } = store.manifest;
    const shardCount = logSets.at(-1)?.shardCount ?? 1;
    // Numbers belong to shards by their value; another count of shards deals them out anew.
    this.#data = Array.from({ length: shardCount }, () => []);
    for (const number of found) this.#data[number % shardCount]?.push(number);
  }

  /** A few steps, each over one or several shards; shards may do them in different orders. */
  step(): void {
    const count = this.#logs.length;
    const steps = Array.from({ length: 1 + this.below(3) }, () => {
      const isSeveral = this.below(3) === 0;
      const shards = isSeveral ? 1 + this.below((1 << count) - 1) : 1 << this.below(count);
      const number = this.#nextNumber++;
      const record = new Uint8Array(4 + this.below(300));
      new DataView(record.buffer).setUint32(0, number);
      const transaction = this.#nextTransaction++;
      return { number, transaction, shards, record, sequences: new Map<number, number>() };
    });
    this.#logs.forEach((log, shard) => {
      for (const step of this.below(2) === 0 ? steps : steps.toReversed()) {
        if ((step.shards & (1 << shard)) === 0) continue;
        step.sequences.set(shard, this.#append(log, shard, step));
        this.#data[shard]?.push(step.number);
      }
    });
    this.steps.push(...steps);
  }

  #append(
    log: ShardLog, shard: number,
    step: { readonly transaction: number; readonly shards: number; readonly record: Uint8Array },
  ): number {
    const { transaction, shards, record } = step;
    const isSeveral = (shards & (shards - 1)) !== 0;
    const sequenceBefore = log.frames.nextSequence - 1;
    if (isSeveral) {
      this.#parts[shard]?.push({ transaction, shards, sequenceBefore });
      log.frames.beginPart(transaction, shards, this.nowMs);
    }
    const sequence = log.append(record, 0, record.length, this.nowMs);
    if (isSeveral) log.frames.endPart();
    return sequence;
  }

  /** Begins a snapshot: one cut over all shards. */
  beginSnapshot(): void {
    const { store } = this;
    const manifest = this.#manifest;
    const disk = this.#disk;
    if (store === undefined || manifest === undefined || disk === undefined) return;
    if (this.#writers.length > 0) return;
    this.#cuts = this.#logs.map((log) => log.frames.nextSequence - 1);
    this.#stepsAtCut = [...this.steps];
    this.#writers = this.#logs.map((_, shard) => {
      const writer = new PartWriter({
        disk, directory: 'data', token: shard * TOKENS_PER_SHARD + 3, shard,
        snapshot: manifest.number + 1, shardCount: this.#logs.length,
        cutSequence: this.#cuts[shard] ?? 0, createdMs: this.nowMs,
        tag: this.chance.next32() >>> 0,
      });
      for (const number of this.#data[shard] ?? []) {
        writer.entries.beginEntry();
        // Big-endian, as the records have it.
        for (let shift = 24; shift >= 0; shift -= 8) writer.entries.u8((number >>> shift) & 255);
        writer.entries.endEntry();
      }
      writer.finish();
      return writer;
    });
  }

  /** Ends a turn of all shards. */
  turn(): void {
    this.nowMs += this.below(300);
    for (const log of this.#logs) log.pump(this.nowMs);
    this.#disk?.drain((token, result) => {
      const taken = this.#logs.some((log) => log.complete(token, result))
        || this.#writers.some((writer) => writer.complete(token, result));
      assert(taken, 'every completion has an owner');
    });
    this.#acknowledge();
    this.#endSnapshot();
  }

  /** Steps are acknowledged when the logs are settled up to them. */
  #acknowledge(): void {
    const durable = this.#logs.map((log) => log.acknowledgedSequence);
    this.#parts.forEach((parts, shard) => {
      for (let part = parts[0]; part !== undefined; part = parts[0]) {
        // A part is one record here.
        if (part.sequenceBefore >= (durable[shard] ?? 0)) break;
        this.#tracker.partDurable(shard, part);
        parts.shift();
      }
    });
    const ends = durable.map((sequence, shard) => this.#tracker.settledSequence(shard, sequence));
    for (const step of this.steps) {
      const isSettled = [...step.sequences].every(([shard, at]) => at <= (ends[shard] ?? 0));
      if (isSettled) this.acknowledged.add(step.number);
    }
  }

  #endSnapshot(): void {
    const manifest = this.#manifest;
    if (manifest === undefined || this.#writers.length === 0) return;
    if (this.#writers.some((writer) => writer.state === 'failed')) {
      for (const writer of this.#writers) writer.abort();
      if (this.#writers.every(({ state }) => state === 'failed' || state === 'done')) {
        this.#writers = [];
      }
      return;
    }
    if (!this.#writers.every((writer) => writer.state === 'done')) return;
    const parts = this.#writers.map((writer) => writer.facts);
    this.#writers = [];
    this.#manifest = commitSnapshot(this.files, 'data', manifest, {
      parts, cuts: this.#cuts, createdMs: this.nowMs,
    });
    // What the snapshot holds is durable with it, whatever the logs say.
    for (const step of this.#stepsAtCut) this.acknowledged.add(step.number);
    removeSuperfluous(this.files, 'data', this.#manifest, 1 + this.below(2));
  }
}
