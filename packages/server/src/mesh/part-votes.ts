/**
 * Whether a part can run, asked before any part of its command does: the conditions of the command
 * (NX, XX, the settings of CONFIG SET), and memory for what it may need, which is held until it
 * runs, so that it cannot fail then. A part of an EXEC has no conditions as a whole.
 * The refusal is the reply. Cost: O(arguments).
 */
import type { ReplyError, Shard } from '@kora/core';
import { assert, Flag, replyErrors } from '@kora/core';
import type { RespSink } from '../resp-sink.ts';
import type { PartCursor } from './part-cursor.ts';
import type { ProcessParts } from './process-parts.ts';

/** Bytes of an entry beside key and value, and pages for what grows beside it, as an estimate. */
const ENTRY_OVERHEAD_BYTES = 64;
export const BESIDE_BYTES = 256 * 1024;
const BLOCKS_PER_ARGUMENT = 2;

export class PartVotes {
  /** Pages that the vote asked for last has held; the part's, to be let go. */
  heldPages = 0;
  readonly #shard: Shard;
  readonly #process: ProcessParts;
  readonly #cursor: PartCursor;
  readonly #sink: RespSink;
  #blocksNeeded = 0;
  #bytesNeeded = 0;

  constructor(shard: Shard, process: ProcessParts, cursor: PartCursor, sink: RespSink) {
    this.#shard = shard;
    this.#process = process;
    this.#cursor = cursor;
    this.#sink = sink;
  }

  /** Asks a whole part. @param isOwn the connection is this worker's */
  ask(ref: number, isOwn: boolean): boolean {
    const cursor = this.#cursor;
    this.#clear();
    for (cursor.rewind(ref); cursor.next();) {
      if (!cursor.isInExec && !this.#meetsConditions(isOwn)) return false;
      this.#addNeeds();
    }
    return this.#hold(true);
  }

  /** Asks the command of an EXEC that the cursor is at; all of the EXEC is within its limits. */
  askCurrent(isOwn: boolean): boolean {
    this.#clear();
    if (!this.#meetsConditions(isOwn)) return false;
    this.#addNeeds();
    return this.#hold(false);
  }

  #clear(): void {
    this.heldPages = 0;
    this.#blocksNeeded = 0;
    this.#bytesNeeded = 0;
  }

  #meetsConditions(isOwn: boolean): boolean {
    const { command, frame } = this.#cursor;
    assert(command.parse(frame) === null, 'a part of what has parsed parses');
    const error = this.#process.vote(command, frame, isOwn);
    if (error !== null) return this.#refuse(error);
    if (command.vote(this.#shard, frame)) return true;
    this.#sink.integer(0);
    return false;
  }

  #addNeeds(): void {
    const { command, frame } = this.#cursor;
    if ((command.flags & Flag.DenyOom) === 0) return;
    if (this.#bytesNeeded === 0) this.#bytesNeeded = BESIDE_BYTES;
    this.#blocksNeeded += frame.count * BLOCKS_PER_ARGUMENT;
    for (let i = 1; i < frame.count; i++) {
      this.#bytesNeeded += (frame.bytes[i] ?? 0) + ENTRY_OVERHEAD_BYTES;
    }
  }

  #hold(isLimited: boolean): boolean {
    if (this.#bytesNeeded === 0) return true;
    const shard = this.#shard;
    if (isLimited && shard.settings.maxmemoryBytes !== 0 && !shard.ensureMemory()) {
      return this.#refuse(replyErrors.outOfMemory);
    }
    this.heldPages = shard.memory.arenaAllocator.hold(this.#blocksNeeded, this.#bytesNeeded);
    return this.heldPages > 0 || this.#refuse(replyErrors.arenaFull);
  }

  #refuse(error: ReplyError): boolean {
    this.#sink.error(error);
    return false;
  }
}
