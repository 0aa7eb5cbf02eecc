/**
 * What one shard has put into its log in one life, noted from outside: what it held when it began,
 * every record in the log's order, where calls and parts of transactions begin and end. This is the
 * model that a recovery is held against: base and records up to some sequence, replayed into an
 * empty shard. That all of them give what the living shard holds is checked too.
 *
 *   record   version u8 | op u8 | reason u8 | db u8 | ... | 16: key bytes u32 | key | ...
 */
import {
  composeShard, createSharedMemory, DATABASE_COUNT, encodeEffect, encodeEntry, SeededChance,
  VirtualClock, visitEntries,
} from '@kora/core';
import type { EffectWriter, MemoryPool, Shard } from '@kora/core';
import { contentsOf, replayEffect } from '@kora/core/testing';
import type { ShardContents } from '@kora/core/testing';
import { RIG_MEMORY_BYTES } from '@kora/server/testing';
import type { WorkerRig } from '@kora/server/testing';

/** One change, as the log has it. */
export interface LoggedRecord {
  readonly sequence: number;
  readonly bytes: Uint8Array;
  /** Number of the call that made it; -1: it is of a part. */
  readonly call: number;
  readonly timeMs: number;
  /** EffectReason; 0: a command. */
  readonly reason: number;
  /** One character a byte. */
  readonly key: string;
}

/** A part of a transaction over several shards. */
export interface LoggedPart {
  readonly transaction: number;
  readonly shards: number;
  readonly sequenceBefore: number;
  readonly lastSequence: number;
}

const REASON_AT = 2;
const KEY_BYTES_AT = 16;
const KEY_AT = 20;
const BLOCK_BYTES = 65_536;

export const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

/** Bytes of one record after the other. */
class RecordBytes implements EffectWriter {
  readonly #shard: Shard;
  readonly #block: number;
  #parts: Uint8Array[] = [];

  constructor(shard: Shard) {
    this.#shard = shard;
    this.#block = shard.memory.lowAllocator.alloc(BLOCK_BYTES);
  }

  take(): Uint8Array {
    const bytes = new Uint8Array(Buffer.concat(this.#parts));
    this.#parts = [];
    return bytes;
  }
  u8(value: number): void {
    this.#parts.push(Uint8Array.of(value));
  }
  u32(value: number): void {
    this.#parts.push(Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24));
  }
  bytes(at: number, bytes: number): void {
    const { kernel, low } = this.#shard.memory;
    const to = this.#block * 8;
    for (let done = 0; done < bytes; done += BLOCK_BYTES) {
      const step = Math.min(BLOCK_BYTES, bytes - done);
      kernel.copy(to, at + done, step);
      this.#parts.push(low.slice(to, to + step));
    }
  }
}

export class ShardRecord {
  readonly shard: Shard;
  /** What the shard held, a record for each key. */
  readonly base: readonly Uint8Array[];
  /** As it was read: what recovery has made. */
  readonly found: ShardContents;
  readonly firstSequence: number;
  readonly records: LoggedRecord[] = [];
  readonly parts: LoggedPart[] = [];
  readonly logSet: number;
  /** Parts that run in steps are under way: the shard holds more than its log. */
  asideCount = 0;
  readonly #onRecord: (record: LoggedRecord) => void;

  /** @param onRecord told of every record as it is logged */
  constructor(rig: WorkerRig, logSet: number, onRecord: (record: LoggedRecord) => void) {
    const { shard } = rig.worker;
    const persistence = rig.store?.persistence;
    if (persistence === null || persistence === undefined) throw new Error('its data is loaded');
    this.shard = shard;
    this.logSet = logSet;
    this.#onRecord = onRecord;
    const bytes = new RecordBytes(shard);
    [this.base, this.found] = timelessly(shard, () => [baseOf(shard, bytes), read(shard)]);
    const { effects, log: { frames } } = persistence;
    let last = frames.nextSequence - 1;
    this.firstSequence = last + 1;
    shard.journal.listen((effect, _sequence, timeMs) => {
      const sequence = frames.nextSequence - 1;
      // What is kept aside comes with writePart.
      if (sequence === last) return;
      last = sequence;
      encodeEffect(shard, effect, timeMs, bytes);
      this.#add(sequence, bytes.take(), shard.unit, timeMs);
    });
    const newRecords = effects.newRecords.bind(effects);
    effects.newRecords = () => {
      this.asideCount++;
      return newRecords();
    };
    const writePart = effects.writePart.bind(effects);
    effects.writePart = (transaction, shards, timeMs, records) => {
      const written = writePart(transaction, shards, timeMs, records);
      let sequence = written.sequenceBefore;
      records.forEach((all, at, length, recordMs) => {
        sequence++;
        this.#add(sequence, all.slice(at, at + length), -1, recordMs);
      });
      last = written.lastSequence;
      return written;
    };
    const notePart = persistence.notePart.bind(persistence);
    persistence.notePart = (transaction, shards, part) => {
      this.parts.push({ transaction, shards, ...part });
      last = frames.nextSequence - 1;
      notePart(transaction, shards, part);
    };
  }

  #add(sequence: number, bytes: Uint8Array, call: number, timeMs: number): void {
    const keyBytes = new DataView(bytes.buffer, bytes.byteOffset).getUint32(KEY_BYTES_AT, true);
    const key = latin1(bytes.subarray(KEY_AT, KEY_AT + keyBytes));
    const before = this.records.at(-1);
    // A hash whose last field was due is removed for no other reason.
    const follows = before?.key === key && before.call === call && before.timeMs === timeMs;
    const reason = follows && before.reason !== 0 ? before.reason : bytes[REASON_AT] ?? 0;
    const record = { sequence, bytes, call, timeMs, reason, key };
    this.records.push(record);
    this.#onRecord(record);
  }

  get lastSequence(): number {
    return Math.max(
      this.firstSequence - 1, this.records.at(-1)?.sequence ?? 0,
      ...this.parts.slice(-1).map(({ lastSequence }) => lastSequence),
    );
  }

  /** What the shard holds now. */
  live(): ShardContents {
    return timelessly(this.shard, () => read(this.shard));
  }

  /** What the shard held after this record of its log. */
  contentsAt(sequence: number, pool: MemoryPool): ShardContents {
    const memory = pool.take(RIG_MEMORY_BYTES) ?? createSharedMemory(RIG_MEMORY_BYTES, 0);
    const fresh = composeShard({
      platform: {
        clock: new VirtualClock(), chance: new SeededChance(1),
        scheduler: { requestTurn: () => undefined },
      },
      memoryOptions: { memory, lowBytes: this.shard.memory.lowBytes },
    });
    const { shard } = fresh;
    shard.isReplaying = true;
    for (const record of this.base) replayEffect(shard, record);
    for (const record of this.records) {
      if (record.sequence <= sequence) replayEffect(shard, record.bytes);
    }
    const contents = timelessly(shard, () => read(shard));
    pool.give(fresh.memory);
    return contents;
  }
}

function read(shard: Shard): ShardContents {
  return contentsOf(shard, latin1);
}

/** Runs something while no deadline has passed. */
function timelessly<T>(shard: Shard, run: () => T): T {
  const { keyspace, nowMs } = shard;
  keyspace.setNow(0);
  try {
    return run();
  } finally {
    keyspace.setNow(nowMs);
  }
}

function baseOf(shard: Shard, bytes: RecordBytes): Uint8Array[] {
  const records: Uint8Array[] = [];
  for (let db = 0; db < DATABASE_COUNT; db++) {
    visitEntries(shard, db, (ref) => {
      encodeEntry(shard, db, ref, bytes);
      records.push(bytes.take());
    });
  }
  return records;
}
