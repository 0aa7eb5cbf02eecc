/**
 * What the commands of streams announce. IDs travel as 16 bytes, big-endian, so that a replay reads
 * them exactly; records of pending entries are told straight from their blocks. Long lists are told
 * in several effects, of which the last one carries the event.
 *
 * Invariant: a removal is announced before what its effect names is freed, all else afterwards.
 * Cost: nothing but the commit while nobody listens.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { EffectOp } from '../../keyspace/effect.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import type { Shard } from '../../shard/shard.ts';
import { effectOfKey } from '../string/string-effects.ts';
import {
  CONSUMER_ACTIVE, CONSUMER_SEEN, dataWord, GROUP_LAST_ID, GROUP_READ, nameAt, nameBytes,
} from './stream-groups.ts';
import { HEADER_ADDED, HEADER_DELETED_ID, HEADER_LAST_ID } from './stream-header.hot.ts';
import { STREAM_ID_BYTES, StreamId } from './stream-id.hot.ts';
import { PENDING_TOLD_AT, PENDING_TOLD_BYTES } from './stream-pending.ts';
import { EFFECT_IDS_MAX, SCRATCH_FACTS, SCRATCH_IDS } from './stream-scratch.ts';
import { headerWord } from './stream.ts';

/** Records that one effect names. */
const EFFECT_RECORDS_MAX = 8192;
const LONG_BYTES = 8;
const toldId = new StreamId();

/** An entry was added: fields and values are arguments from `from` on. */
export function commitAdd(
  shard: Shard, frame: ArgFrame, key: number, id: StreamId, from: number,
): void {
  const { parts } = effectOfKey(shard, frame, key, EffectOp.StreamAdd, KeyEvent.XAdd);
  if (shard.journal.isHeard) {
    parts.add(placeId(shard, id, 0), STREAM_ID_BYTES);
    for (let i = from; i < frame.count; i++) parts.add(frame.at[i] ?? 0, frame.bytes[i] ?? 0);
  }
  shard.commit();
}

/** Writes an ID as slot i of the IDs in scratch; its byte offset. */
function placeId(shard: Shard, id: StreamId, i: number): number {
  const at = shard.scratchAt + SCRATCH_IDS + i * STREAM_ID_BYTES;
  id.writeKey(shard.memory.i32, at >>> 2);
  return at;
}

/**
 * Gathers IDs for effects of one op. Without listeners it only counts.
 *   start, add ..., end
 */
class ToldIds {
  #shard: Shard | null = null;
  #frame: ArgFrame | null = null;
  #op = 0;
  #group = 0;
  #groupBytes = 0;
  #pending = 0;
  #total = 0;

  /** @param group byte offset of the group's name that comes first, 0 = none */
  start(shard: Shard, frame: ArgFrame, op: number, group: number, groupBytes: number): void {
    this.#shard = shard;
    this.#frame = frame;
    this.#op = op;
    this.#group = group;
    this.#groupBytes = groupBytes;
    this.#pending = 0;
    this.#total = 0;
  }

  add(id: StreamId): void {
    const shard = this.#shard;
    if (shard === null) return;
    this.#total++;
    if (!shard.journal.isHeard) return;
    if (this.#pending === EFFECT_IDS_MAX) this.#commit(KeyEvent.None);
    placeId(shard, id, this.#pending++);
  }

  /** Announces what is left; nothing when no ID was added. */
  end(event: number): void {
    if (this.#total > 0) this.#commit(event);
    this.#shard = null;
    this.#frame = null;
  }

  #commit(event: number): void {
    if (this.#shard === null || this.#frame === null) return;
    const { parts } = effectOfKey(this.#shard, this.#frame, 1, this.#op, event);
    if (this.#group !== 0) parts.add(this.#group, this.#groupBytes);
    const at = this.#shard.scratchAt + SCRATCH_IDS;
    for (let i = 0; i < this.#pending; i++) parts.add(at + i * STREAM_ID_BYTES, STREAM_ID_BYTES);
    this.#pending = 0;
    this.#shard.commit();
  }
}

/** The thread's one gatherer of IDs. */
export const toldIds = new ToldIds();

/** Entries went at the head. */
export function commitTrim(shard: Shard, frame: ArgFrame, key: number, count: number): void {
  const { parts } = effectOfKey(shard, frame, key, EffectOp.StreamTrim, KeyEvent.XTrim);
  if (shard.journal.isHeard) parts.addNumber(count);
  shard.commit();
}

/** Header fields were set. */
export function commitSetId(shard: Shard, frame: ArgFrame, ref: number): void {
  const { parts } = effectOfKey(shard, frame, 1, EffectOp.StreamSetId, KeyEvent.XSetId);
  if (shard.journal.isHeard) {
    const word = headerWord(shard, ref);
    toldId.read(shard.memory.i32, word + HEADER_LAST_ID);
    parts.add(placeId(shard, toldId, 0), STREAM_ID_BYTES);
    toldId.read(shard.memory.i32, word + HEADER_DELETED_ID);
    parts.add(placeId(shard, toldId, 1), STREAM_ID_BYTES);
    parts.add((word + HEADER_ADDED) * 4, LONG_BYTES);
  }
  shard.commit();
}

/** A group is there and has read up to where its block says. */
export function commitGroup(
  shard: Shard, frame: ArgFrame, key: number, group: number, event: number,
): void {
  const { parts } = effectOfKey(shard, frame, key, EffectOp.StreamGroupPut, event);
  if (shard.journal.isHeard) {
    const word = dataWord(shard, group);
    parts.add(nameAt(shard, group), nameBytes(shard, group));
    toldId.read(shard.memory.i32, word + GROUP_LAST_ID);
    parts.add(placeId(shard, toldId, 0), STREAM_ID_BYTES);
    parts.add((word + GROUP_READ) * 4, LONG_BYTES);
  }
  shard.commit();
}

/** A group goes; call it before. */
export function commitGroupRemoval(
  shard: Shard, frame: ArgFrame, key: number, group: number,
): void {
  const effect = effectOfKey(
    shard, frame, key, EffectOp.StreamGroupRemove, KeyEvent.XGroupDestroy,
  );
  if (shard.journal.isHeard) effect.parts.add(nameAt(shard, group), nameBytes(shard, group));
  shard.commit();
}

/** A consumer is there and was seen and active when its block says. */
export function commitConsumer(
  shard: Shard, frame: ArgFrame, key: number, group: number, consumer: number, event: number,
): void {
  const { parts } = effectOfKey(shard, frame, key, EffectOp.StreamConsumerPut, event);
  if (shard.journal.isHeard) {
    parts.add(nameAt(shard, group), nameBytes(shard, group));
    parts.add(nameAt(shard, consumer), nameBytes(shard, consumer));
    const { i32 } = shard.memory;
    const from = dataWord(shard, consumer);
    const word = (shard.scratchAt + SCRATCH_FACTS) >>> 2;
    for (let i = 0; i < 2; i++) {
      i32[word + i] = i32[from + CONSUMER_SEEN + i] ?? 0;
      i32[word + 2 + i] = i32[from + CONSUMER_ACTIVE + i] ?? 0;
    }
    parts.add(shard.scratchAt + SCRATCH_FACTS, 2 * LONG_BYTES);
  }
  shard.commit();
}

/** A consumer goes; call it before. */
export function commitConsumerRemoval(
  shard: Shard, frame: ArgFrame, key: number, group: number, consumer: number,
): void {
  const effect = effectOfKey(
    shard, frame, key, EffectOp.StreamConsumerRemove, KeyEvent.XGroupDelConsumer,
  );
  if (shard.journal.isHeard) {
    effect.parts.add(nameAt(shard, group), nameBytes(shard, group));
    effect.parts.add(nameAt(shard, consumer), nameBytes(shard, consumer));
  }
  shard.commit();
}

/** Gathers records of one consumer that were added, given to it or delivered again. */
class ToldRecords {
  #shard: Shard | null = null;
  #frame: ArgFrame | null = null;
  #key = 0;
  #group = 0;
  #consumer = 0;
  #refs: number[] = [];
  #total = 0;

  start(shard: Shard, frame: ArgFrame, key: number, group: number, consumer: number): void {
    this.#shard = shard;
    this.#frame = frame;
    this.#key = key;
    this.#group = group;
    this.#consumer = consumer;
    this.#refs.length = 0;
    this.#total = 0;
  }

  add(record: number): void {
    this.#total++;
    if (this.#shard?.journal.isHeard !== true) return;
    if (this.#refs.length === EFFECT_RECORDS_MAX) this.#commit();
    this.#refs.push(record);
  }

  /** Announces what is left; nothing when no record was added. */
  end(): void {
    if (this.#total > 0) this.#commit();
    this.#shard = null;
    this.#frame = null;
  }

  #commit(): void {
    const shard = this.#shard;
    if (shard === null || this.#frame === null) return;
    const { parts } = effectOfKey(
      shard, this.#frame, this.#key, EffectOp.StreamPendingPut, KeyEvent.None,
    );
    if (shard.journal.isHeard) {
      parts.add(nameAt(shard, this.#group), nameBytes(shard, this.#group));
      parts.add(nameAt(shard, this.#consumer), nameBytes(shard, this.#consumer));
      for (const record of this.#refs) parts.add(record * 8 + PENDING_TOLD_AT, PENDING_TOLD_BYTES);
    }
    this.#refs.length = 0;
    shard.commit();
  }
}

/** The thread's one gatherer of records. */
export const toldRecords = new ToldRecords();
