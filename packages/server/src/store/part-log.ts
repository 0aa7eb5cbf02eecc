/**
 * This shard's parts of transactions over several shards, in its log: one for each that may change
 * something, also where it changes nothing here, so that recovery can tell whether all are there.
 *   runs at once, cannot fail       written as it runs
 *   may fail, or runs in steps      kept aside, written when it is known to have happened
 *   only lent something             written without records, when the coordinator lets its locks go
 *   aborted                         nothing
 * Each has a lock, if need be one for this alone (SlotLocks.addPresence): so the cut of a snapshot,
 * which locks everything, has all parts of a transaction before it or all behind it.
 * When a part is durable the other shards are told, by a note to each. Where memory is short for
 * that, the shard's changes wait until they have been told (ShardPersistence): meanwhile others
 * take parts of this one for not durable, which makes replies late and nothing wrong.
 */
import { assert } from '@kora/core';
import type { Shard } from '@kora/core';
import type { DeferredRecords, DurablePart, ShardPersistence } from '@kora/storage/engine';
import type { PartBlocks } from '../mesh/part-block.ts';
import {
  PART_LEADS, PART_LENDS, PART_MOVES, PART_SCRIPT, PART_WAITS,
} from '../mesh/part-block.ts';
import { NoteTopic } from '../mesh/note-topics.ts';
import type { Notes } from '../mesh/notes.ts';
import { NoteBody, NoteReader } from '../tracking/note-body.ts';
import type { RoomStore } from './room-store.ts';

/** What the log has of a part. */
export interface LoggedPart {
  readonly transaction: number;
  /** All shards that log the transaction, a bit each. */
  readonly shards: number;
  /** Changes that wait for the end of it. */
  aside: DeferredRecords | null;
  isWritten: boolean;
}

/** Parts that may refuse although they have voted, or run in steps. */
const PART_MAY_FAIL =
  PART_LEADS | PART_LENDS | PART_MOVES | PART_SCRIPT | PART_WAITS;
/** Bytes of a part in a note. */
const PART_BYTES = 20;
/** Parts in a note: it fits into a chunk of replies, so it needs no second one. */
const NOTE_PARTS_MAX = 1024;

export class PartLog {
  readonly #store: RoomStore;
  readonly #shard: Shard;
  readonly #notes: Notes;
  /** By shard: bodies of notes that it has not been sent, oldest first. */
  readonly #untold: Uint8Array[][];

  constructor(store: RoomStore, shard: Shard, notes: Notes) {
    this.#store = store;
    this.#shard = shard;
    this.#notes = notes;
    this.#untold = Array.from({ length: shard.count }, () => []);
    notes.on(NoteTopic.LogParts, (from, _number, body) => {
      this.#takeParts(from, body);
    });
  }

  get #persistence(): ShardPersistence {
    const { persistence } = this.#store;
    assert(persistence !== null, 'nothing runs before all data is there');
    return persistence;
  }

  /** What a block says. @returns null when it changes nothing, and the log needs nothing of it */
  partOf(blocks: PartBlocks, ref: number): LoggedPart | null {
    const shards = blocks.loggedOf(ref);
    if (shards === 0) return null;
    return { transaction: blocks.transactionOf(ref), shards, aside: null, isWritten: false };
  }

  /** The part, or a step of it, runs. @param flags of its block */
  begin(part: LoggedPart | null, flags: number): void {
    if (part === null) return;
    const { effects } = this.#persistence;
    if ((flags & PART_MAY_FAIL) !== 0) {
      part.aside ??= effects.newRecords();
      effects.beginAside(part.aside);
    } else {
      effects.beginPart(part.transaction, part.shards, this.#shard.nowMs);
    }
  }

  /** @param hasHappened all of the part has run, and it has not refused */
  end(part: LoggedPart | null, hasHappened: boolean): void {
    if (part === null) return;
    const persistence = this.#persistence;
    if (part.aside !== null) {
      persistence.effects.endAside();
      if (hasHappened) this.finish(part);
      return;
    }
    assert(hasHappened, 'what may fail is kept aside');
    const written = persistence.effects.endPart(this.#shard.nowMs);
    persistence.notePart(part.transaction, part.shards, written);
    part.isWritten = true;
  }

  /** The transaction has happened: its part is in the log from here on. */
  finish(part: LoggedPart | null): void {
    if (part === null || part.isWritten) return;
    const persistence = this.#persistence;
    const { transaction, shards, aside } = part;
    const { nowMs } = this.#shard;
    const records = aside ?? persistence.effects.newRecords();
    const written = persistence.effects.writePart(transaction, shards, nowMs, records);
    persistence.notePart(transaction, shards, written);
    part.isWritten = true;
    part.aside = null;
  }

  /**
   * Tells the other shards of parts that are durable here, each in the log's order.
   * @returns false: memory is short, so some have not been told. Ask again in a turn to come.
   */
  announce(parts: readonly DurablePart[]): boolean {
    const { index } = this.#shard;
    const bodies = bodiesOf(parts);
    let isTold = true;
    for (const [shard, untold] of this.#untold.entries()) {
      if (shard === index) continue;
      const isLate = untold.length > 0;
      untold.push(...bodies);
      // What has not found memory finds it when the shard has taken what it was sent before.
      if (!isLate || !this.#notes.isBehind(shard)) this.#tell(shard, untold);
      if (untold.length > 0) isTold = false;
    }
    return isTold;
  }

  #tell(shard: number, untold: Uint8Array[]): void {
    for (let body = untold[0]; body !== undefined; body = untold[0]) {
      const bytes = body;
      const isSent = this.#notes.send(
        shard, NoteTopic.LogParts, bytes.length / PART_BYTES, (sink) => { sink.raw(bytes); },
      );
      if (!isSent) return;
      untold.shift();
    }
  }

  #takeParts(from: number, body: Uint8Array): void {
    const reader = new NoteReader(body);
    const parts: DurablePart[] = [];
    for (let at = 0; at < body.length; at += PART_BYTES) {
      const transaction = reader.double();
      const shards = reader.word();
      parts.push({ transaction, shards, sequenceBefore: reader.double() });
    }
    this.#persistence.takeParts(from, parts);
  }
}

/** Parts as notes carry them. */
function bodiesOf(parts: readonly DurablePart[]): Uint8Array[] {
  const bodies: Uint8Array[] = [];
  for (let from = 0; from < parts.length; from += NOTE_PARTS_MAX) {
    const some = parts.slice(from, from + NOTE_PARTS_MAX);
    const body = new NoteBody(some.length * PART_BYTES);
    for (const { transaction, shards, sequenceBefore } of some) {
      body.double(transaction);
      body.word(shards);
      body.double(sequenceBefore);
    }
    bodies.push(body.bytes());
  }
  return bodies;
}
