/**
 * This shard's part in a command whose keys lie on several shards and that only one of them, the
 * leader, can run (docs/internals/mesh.md):
 *   lend     a shard tells the values of its keys, of those that are popped from (LMPOP) the end,
 *            or the one element that is asked for
 *   lead     the leader runs the command on its own keys and what was lent, for the length of one
 *            call
 *   settle   a shard carries out what the leader changed of its keys; an element that was lent is
 *            taken away by the plain command that the part holds (LPOP, RPOP, SREM)
 *   name     SORT BY and GET: the leader first names the keys that it will look up, their owners
 *            lend them, then it runs
 * The command is the one that the cursor is at. All see one instant, that of the origin, so that a
 * key is alive for all of them or for none: whoever calls has set it.
 * Cost: O(bytes lent); a move costs its element, however long the collections are.
 */
import type { Command, Executor, KeyBytes, Lending, ReplyError, Shard } from '@kora/core';
import {
  applyForeign, applyForeignPop, assert, ClientFlag, Fault, Flag, ForeignKeys, LENT_END_ARGUMENTS,
  lendEnd, lendEndOf, lendMember, lendValue, popsEnd, replyErrors, slotOfKey, slotOwners, sortKeys,
} from '@kora/core';
import type { RespSink } from '../resp-sink.ts';
import type { PartCursor } from './part-cursor.ts';
import { forEachRecord, RecordBlock } from './record-block.ts';
import type { ReplyBytes } from './reply-bytes.ts';
import { runWithRoom } from './reply-room.ts';

/** Arguments of the commands that take a moved element away. */
const KEY = 1;
const MEMBER = 2;

export class LedParts {
  /** What the last `lead` changed of other shards' keys, by shard; whoever sends it empties it. */
  readonly changes = new Map<number, RecordBlock>();
  readonly #shard: Shard;
  readonly #executor: Executor;
  readonly #cursor: PartCursor;
  readonly #foreign: ForeignKeys;
  readonly #owners: Uint8Array;

  constructor(shard: Shard, executor: Executor, cursor: PartCursor) {
    this.#shard = shard;
    this.#executor = executor;
    this.#cursor = cursor;
    this.#owners = slotOwners(shard.count);
    this.#foreign = new ForeignKeys(shard, (at, bytes) => this.#changesOf(at, bytes));
  }

  /** Keys of other shards that are here now: none between calls. */
  get borrowedCount(): number {
    return this.#foreign.count;
  }

  /** The values of the part's keys; empty when they are absent. Or why the command cannot run. */
  lendValues(): RecordBlock | ReplyError {
    const block = new RecordBlock(this.#shard.memory);
    const { command, frame } = this.#cursor;
    const db = this.#database();
    const isEnd = popsEnd(command);
    let worst: Lending = 'lent';
    for (let i = isEnd ? KEY + LENT_END_ARGUMENTS : KEY; i < frame.count; i++) {
      const key = this.#range(i);
      const lending = isEnd ? lendEndOf(this.#shard, command, frame, db, key, block)
        : lendValue(this.#shard, db, key, block);
      if (lending === 'no memory') worst = lending;
      this.#remember(key);
    }
    return this.#checked(block, worst);
  }

  /** A client that tracks keys reads one that is lent: its owner says when it changes. */
  #remember({ at, bytes }: KeyBytes): void {
    const { flags, tracker } = this.#cursor.frame.client;
    if ((flags & ClientFlag.Tracks) !== 0) this.#shard.tracking.note(at, bytes, tracker);
  }

  /** The one element that the part's command takes away; else as lendValues. */
  lendElement(): RecordBlock | ReplyError {
    const shard = this.#shard;
    const block = new RecordBlock(shard.memory);
    const db = this.#database();
    const key = this.#range(KEY);
    const { name } = this.#cursor.command;
    const lending = name === 'srem' ? lendMember(shard, db, key, this.#range(MEMBER), block)
      : lendEnd(shard, db, key, name === 'lpop', block);
    return this.#checked(block, lending);
  }

  #checked(block: RecordBlock, lending: Lending): RecordBlock | ReplyError {
    if (!block.isLost && lending !== 'wrong type' && lending !== 'no memory') return block;
    block.free();
    return lending === 'wrong type' ? replyErrors.wrongType : replyErrors.arenaFull;
  }

  /** What the part lends of keys that the leader has named. Or why the command cannot run. */
  lendNamed(names: ReplyBytes | null): RecordBlock | ReplyError {
    const shard = this.#shard;
    if (names === null || names.isLost) return replyErrors.arenaFull;
    const block = new RecordBlock(shard.memory);
    const db = this.#database();
    forEachRecord(shard.memory.low, names.at, names.bytes, (at, bytes) => {
      lendValue(shard, db, { at, bytes }, block);
    });
    return this.#checked(block, 'lent');
  }

  /**
   * Names, in `changes`, the keys of other shards that the command will look up (SORT BY, GET).
   * @returns false when memory is short: there are none then
   */
  nameKeys(lent: ReplyBytes | null): boolean {
    assert(this.changes.size === 0, 'changes were sent');
    const shard = this.#shard;
    let isWhole = lent === null || !lent.isLost;
    const withKeys = (): void => {
      isWhole = sortKeys(shard, this.#cursor.frame, (at, bytes) => {
        const owner = this.#owners[slotOfKey(shard.memory.low, at, bytes)] ?? 0;
        if (owner !== shard.index) this.#name(owner, at, bytes);
      });
    };
    if (isWhole && this.#borrow(lent, withKeys) !== null) isWhole = false;
    for (const { isLost } of this.changes.values()) if (isLost) isWhole = false;
    if (isWhole) return true;
    for (const names of this.changes.values()) names.free();
    this.changes.clear();
    return false;
  }

  #name(owner: number, at: number, bytes: number): void {
    const block = this.#blockOf(owner);
    block.beginRecord();
    block.bytes(at, bytes);
    block.endRecord();
  }

  /**
   * Runs the command of the part on its keys and the records in `lent`; writes its reply. Whatever
   * goes wrong is the reply, and then nothing has changed anywhere.
   */
  lead(lent: ReplyBytes | null, sink: RespSink): void {
    assert(this.changes.size === 0, 'changes were sent');
    const { command } = this.#cursor;
    if (!this.#hasMemoryFor(command)) sink.error(replyErrors.outOfMemory);
    else if (lent?.isLost === true) sink.error(replyErrors.arenaFull);
    else this.#runWith(command, lent, sink);
    for (const { isLost } of this.changes.values()) {
      assert(!isLost, 'low memory holds the changes of a command');
    }
  }

  /** Before anything is borrowed: what is evicted is this shard's own. EXEC was let in whole. */
  #hasMemoryFor(command: Command): boolean {
    const shard = this.#shard;
    if (shard.settings.maxmemoryBytes === 0 || this.#cursor.isInExec) return true;
    return shard.ensureMemory() || (command.flags & Flag.DenyOom) === 0;
  }

  #runWith(command: Command, lent: ReplyBytes | null, sink: RespSink): void {
    const error = this.#borrow(lent, () => {
      runWithRoom(this.#executor, this.#shard, command, this.#cursor.frame, sink);
    });
    if (error !== null) sink.error(error);
  }

  /** Runs something while the keys of the records are here. @returns why it could not run */
  #borrow(lent: ReplyBytes | null, run: () => void): ReplyError | null {
    const shard = this.#shard;
    const foreign = this.#foreign;
    foreign.open();
    try {
      if (lent !== null) {
        forEachRecord(shard.memory.low, lent.at, lent.bytes, (at, bytes) => {
          foreign.borrow(at, bytes);
        });
      }
      run();
      return null;
    } catch (cause) {
      if (cause instanceof Fault && cause.code === 'OUT_OF_MEMORY') return replyErrors.arenaFull;
      shard.onUnexpectedError(cause, 'a command of several workers', false);
      return replyErrors.internal;
    } finally {
      foreign.close();
    }
  }

  /**
   * The command has run: what it changed of this shard's keys happens here, and is announced.
   * @param changes the records; null where the part's own command says what happens
   */
  settle(changes: ReplyBytes | null, sink: RespSink): void {
    const shard = this.#shard;
    const { command, frame } = this.#cursor;
    assert(changes?.isLost !== true, 'low memory holds the changes of a command');
    shard.tracking.writer = this.#cursor.frame.client.tracker;
    try {
      if (changes === null) {
        this.#takeAway(sink);
        return;
      }
      forEachRecord(shard.memory.low, changes.at, changes.bytes, (at, bytes) => {
        if (popsEnd(command)) applyForeignPop(shard, frame, at, bytes);
        else applyForeign(shard, at, bytes);
      });
    } catch (cause) {
      // The leader has changed its keys: half of it may not stay.
      shard.onUnexpectedError(cause, this.#cursor.command.name, true);
    } finally {
      shard.tracking.writer = 0;
    }
  }

  /** Runs the part's command as a step of another: nobody sees its reply, nothing counts it. */
  #takeAway(sink: RespSink): void {
    const { command, frame } = this.#cursor;
    const error = command.parse(frame);
    assert(error === null, 'what takes an element away parses');
    sink.mute();
    command.apply(this.#shard, frame, sink);
    sink.unmute();
  }

  #database(): Shard['keyspace']['databases'][number] {
    const db = this.#shard.keyspace.databases[this.#cursor.frame.client.db];
    assert(db !== undefined, 'a call names a database');
    return db;
  }

  #range(i: number): KeyBytes {
    const { frame } = this.#cursor;
    return { at: frame.at[i] ?? 0, bytes: frame.bytes[i] ?? 0 };
  }

  #changesOf(keyAt: number, keyBytes: number): RecordBlock {
    return this.#blockOf(this.#owners[slotOfKey(this.#shard.memory.low, keyAt, keyBytes)] ?? 0);
  }

  #blockOf(owner: number): RecordBlock {
    const { memory } = this.#shard;
    let block = this.changes.get(owner);
    if (block === undefined) {
      block = new RecordBlock(memory);
      this.changes.set(owner, block);
    }
    return block;
  }
}
