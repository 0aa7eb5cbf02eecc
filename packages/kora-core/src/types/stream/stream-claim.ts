/**
 * What XCLAIM and XAUTOCLAIM share: the consumer who claims, and one claim. Records change first
 * and are remembered; the reply is written from them afterwards, since it announces its length.
 * Invariant: memory for all claims is reserved before the first one.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import type { ReplySink } from '../../command/sink.ts';
import { EffectOp } from '../../keyspace/effect.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import type { Shard } from '../../shard/shard.ts';
import { commitConsumer, toldIds, toldRecords } from './stream-effects.ts';
import {
  CONSUMER_ACTIVE, CONSUMER_SEEN, consumerRoomBytes, createConsumer, dataWord, findConsumer,
  nameAt, nameBytes, setTimeAt,
} from './stream-groups.ts';
import { StreamId } from './stream-id.hot.ts';
import {
  givePending, PendingNeed, pendingDeliveries, readPendingId, removePending, setDeliveries,
} from './stream-pending.ts';
import { writeEntry, writeIdReply } from './stream-reply.ts';
import { findEntry } from './stream.ts';

/** Argument of both commands in which the consumer stands. */
const CONSUMER = 3;
const need = new PendingNeed();
const recordId = new StreamId();

/** Makes sure that the consumer can be made and be given `count` records. */
export function reserveClaims(
  shard: Shard, frame: ArgFrame, group: number, count: number,
): boolean {
  const bytes = frame.bytes[CONSUMER] ?? 0;
  const consumer = findConsumer(shard, group, frame.at[CONSUMER] ?? 0, bytes);
  need.start();
  if (consumer === 0) need.addBlocks(2, consumerRoomBytes(shard, group, bytes));
  need.addRecords(shard, group, consumer, count);
  return need.reserve(shard);
}

/**
 * The claims of one command: what it takes is remembered for the reply and told at the end. The
 * consumer is looked up, or made, and seen, with the first record it gets.
 *   start -> claim, add, drop ... -> end
 */
class Claims {
  /** Records that the consumer got, in order. */
  readonly records: number[] = [];
  #consumer = 0;

  start(shard: Shard, frame: ArgFrame, group: number): void {
    this.records.length = 0;
    this.#consumer = 0;
    toldIds.start(
      shard, frame, EffectOp.StreamPendingRemove, nameAt(shard, group), nameBytes(shard, group),
    );
  }

  /** The consumer, who gets a record now. */
  consumer(shard: Shard, frame: ArgFrame, group: number): number {
    if (this.#consumer !== 0) return this.#consumer;
    const at = frame.at[CONSUMER] ?? 0;
    const bytes = frame.bytes[CONSUMER] ?? 0;
    this.#consumer = findConsumer(shard, group, at, bytes);
    if (this.#consumer === 0) {
      this.#consumer = createConsumer(shard, group, at, bytes);
      const event = KeyEvent.XGroupCreateConsumer;
      commitConsumer(shard, frame, 1, group, this.#consumer, event);
    }
    toldRecords.start(shard, frame, 1, group, this.#consumer);
    return this.#consumer;
  }

  /**
   * Gives a record to the consumer.
   * @param deliveries what it states from now on; null = as before, and one more unless `isSilent`
   */
  take(
    shard: Shard, record: number, ms: number, deliveries: bigint | null, isSilent: boolean,
  ): void {
    givePending(shard, record, this.#consumer);
    const before = pendingDeliveries(shard, record);
    setDeliveries(shard, record, ms, deliveries ?? (isSilent ? before : before + 1n));
    toldRecords.add(record);
    this.records.push(record);
  }

  /** Removes a record whose entry is gone. @param id its ID, which is copied */
  drop(shard: Shard, group: number, record: number, id: StreamId): void {
    toldIds.add(id);
    removePending(shard, group, record);
  }

  /** Tells everything. */
  end(shard: Shard, frame: ArgFrame, group: number): void {
    toldIds.end(KeyEvent.None);
    if (this.#consumer === 0) return;
    toldRecords.end();
    const word = dataWord(shard, this.#consumer);
    setTimeAt(shard, word + CONSUMER_SEEN, shard.nowMs);
    setTimeAt(shard, word + CONSUMER_ACTIVE, shard.nowMs);
    commitConsumer(shard, frame, 1, group, this.#consumer, KeyEvent.None);
  }
}

/** The thread's one list of claims. */
export const claims = new Claims();

/** Writes what was claimed: entries, or with JUSTID their IDs. */
export function writeClaimed(
  shard: Shard, out: ReplySink, ref: number, isJustId: boolean,
): void {
  const { records } = claims;
  out.array(records.length);
  for (const record of records) {
    readPendingId(shard, record, recordId);
    if (isJustId) writeIdReply(shard, out, recordId);
    else if (findEntry(shard, ref, recordId)) {
      writeEntry(shard, out, shard.collections.streams.walk.cursor);
    }
  }
}
