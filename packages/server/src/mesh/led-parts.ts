/**
 * This shard's part in a command whose keys lie on several shards and that only one of them, the
 * leader, can run (docs/internals/mesh.md). Kinds of parts, by the flags of their blocks:
 *   PART_LENDS   votes with the values of its keys; later carries out what the leader changed of
 *                them
 *   PART_MOVES   votes with the one element that is asked for; later takes it away by the plain
 *                command that its block holds (LPOP, RPOP, SREM)
 *   PART_LEADS   runs the command on its own keys and what was lent, for the length of one call
 *   PART_STAGED  SORT BY and GET: the leader first names the keys that it will look up, their
 *                owners lend them, then it runs
 * All see one instant, that of the origin, so that a key is alive for all of them or for none.
 * Cost: O(bytes lent); a move costs its element, however long the collections are.
 */
import type { Command, Executor, KeyBytes, Lending, ReplyError, Shard } from '@kora/core';
import {
  applyForeign, ArgFrame, assert, ClientFlag, Fault, Flag, ForeignKeys, lendEnd, lendMember,
  lendValue, replyErrors, slotOfKey, slotOwners, sortKeys,
} from '@kora/core';
import type { RespSink } from '../resp-sink.ts';
import { CALL_COMMAND_BITS, CALL_COMMAND_MASK, CALL_DB_MASK } from './message-kinds.ts';
import { PART_LENDS, PART_MOVES, PartBlocks } from './part-block.ts';
import type { PartClient } from './part-client.ts';
import { forEachRecord, RecordBlock } from './record-block.ts';
import type { ReplyBytes } from './reply-bytes.ts';

/** Arguments of the commands that take a moved element away. */
const KEY = 1;
const MEMBER = 2;

export class LedParts {
  /** What the last `lead` changed of other shards' keys, by shard; whoever sends it empties it. */
  readonly changes = new Map<number, RecordBlock>();
  readonly #shard: Shard;
  readonly #executor: Executor;
  readonly #client: PartClient;
  readonly #blocks: PartBlocks;
  readonly #frame: ArgFrame;
  readonly #foreign: ForeignKeys;
  readonly #owners: Uint8Array;

  constructor(shard: Shard, executor: Executor, client: PartClient) {
    this.#shard = shard;
    this.#executor = executor;
    this.#client = client;
    this.#blocks = new PartBlocks(shard);
    this.#frame = new ArgFrame(shard.memory, client);
    this.#owners = slotOwners(shard.count);
    this.#foreign = new ForeignKeys(shard, (at, bytes) => this.#changesOf(at, bytes));
  }

  /** Keys of other shards that are here now: none between calls. */
  get borrowedCount(): number {
    return this.#foreign.count;
  }

  /** What the part lends; empty when its keys are absent. Or why the command cannot run. */
  lend(ref: number, flags: number): RecordBlock | ReplyError {
    const block = new RecordBlock(this.#shard.memory);
    let lending: Lending = 'absent';
    this.#shard.atInstant(this.#blocks.nowMsOf(ref), () => {
      const command = this.#bind(ref);
      if ((flags & PART_MOVES) !== 0) lending = this.#lendElement(command, block);
      else if ((flags & PART_LENDS) !== 0) this.#lendValues(block);
    });
    return this.#checked(block, lending);
  }

  #checked(block: RecordBlock, lending: Lending): RecordBlock | ReplyError {
    if (!block.isLost && lending !== 'wrong type' && lending !== 'no memory') return block;
    block.free();
    return lending === 'wrong type' ? replyErrors.wrongType : replyErrors.arenaFull;
  }

  #lendValues(block: RecordBlock): void {
    const { count } = this.#frame;
    const db = this.#database();
    for (let i = KEY; i < count; i++) lendValue(this.#shard, db, this.#range(i), block);
  }

  #lendElement(command: Command, block: RecordBlock): Lending {
    const shard = this.#shard;
    const db = this.#database();
    const key = this.#range(KEY);
    if (command.name === 'srem') return lendMember(shard, db, key, this.#range(MEMBER), block);
    return lendEnd(shard, db, key, command.name === 'lpop', block);
  }

  /** What the part lends of keys that the leader has named. Or why the command cannot run. */
  lendNamed(ref: number, names: ReplyBytes | null): RecordBlock | ReplyError {
    const shard = this.#shard;
    const block = new RecordBlock(shard.memory);
    if (names === null || names.isLost) return replyErrors.arenaFull;
    shard.atInstant(this.#blocks.nowMsOf(ref), () => {
      this.#bind(ref);
      const db = this.#database();
      forEachRecord(shard.memory.low, names.at, names.bytes, (at, bytes) => {
        lendValue(shard, db, { at, bytes }, block);
      });
    });
    return this.#checked(block, 'lent');
  }

  /**
   * Names, in `changes`, the keys of other shards that the command will look up (SORT BY, GET).
   * @returns false when memory is short: there are none then
   */
  nameKeys(ref: number, lent: ReplyBytes | null): boolean {
    assert(this.changes.size === 0, 'changes were sent');
    const shard = this.#shard;
    let isWhole = lent === null || !lent.isLost;
    shard.atInstant(this.#blocks.nowMsOf(ref), () => {
      this.#bind(ref);
      const withKeys = (): void => {
        isWhole = sortKeys(shard, this.#frame, (at, bytes) => {
          const owner = this.#owners[slotOfKey(shard.memory.low, at, bytes)] ?? 0;
          if (owner !== shard.index) this.#name(owner, at, bytes);
        });
      };
      if (isWhole && this.#borrow(lent, withKeys) !== null) isWhole = false;
    });
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
  lead(ref: number, lent: ReplyBytes | null, sink: RespSink): void {
    assert(this.changes.size === 0, 'changes were sent');
    const shard = this.#shard;
    shard.atInstant(this.#blocks.nowMsOf(ref), () => {
      const command = this.#bind(ref);
      // Before anything is borrowed: what is evicted is this shard's own.
      const isFull = shard.settings.maxmemoryBytes !== 0 && !shard.ensureMemory();
      if (isFull && (command.flags & Flag.DenyOom) !== 0) sink.error(replyErrors.outOfMemory);
      else if (lent?.isLost === true) sink.error(replyErrors.arenaFull);
      else this.#runWith(command, lent, sink);
    });
    for (const { isLost } of this.changes.values()) {
      assert(!isLost, 'low memory holds the changes of a command');
    }
  }

  #runWith(command: Command, lent: ReplyBytes | null, sink: RespSink): void {
    const error = this.#borrow(lent, () => {
      this.#executor.run(command, this.#frame, sink);
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

  /** The command has run: what it changed of this shard's keys happens here, and is announced. */
  settle(ref: number, flags: number, changes: ReplyBytes | null, sink: RespSink): void {
    const shard = this.#shard;
    assert(changes !== null && !changes.isLost, 'low memory holds the changes of a command');
    const command = this.#bind(ref);
    try {
      shard.atInstant(this.#blocks.nowMsOf(ref), () => {
        if ((flags & PART_MOVES) !== 0) this.#takeAway(command, sink);
        else {
          forEachRecord(shard.memory.low, changes.at, changes.bytes, (at, bytes) => {
            applyForeign(shard, at, bytes);
          });
        }
      });
    } catch (cause) {
      // The leader has changed its keys: half of it may not stay.
      shard.onUnexpectedError(cause, command.name, true);
    }
  }

  /** Runs the part's command as a step of another: nobody sees its reply, nothing counts it. */
  #takeAway(command: Command, sink: RespSink): void {
    const error = command.parse(this.#frame);
    assert(error === null, 'what takes an element away parses');
    sink.mute();
    command.apply(this.#shard, this.#frame, sink);
    sink.unmute();
  }

  /** Points the frame at the part's only command. */
  #bind(ref: number): Command {
    this.#blocks.rewind(ref);
    const isThere = this.#blocks.next(this.#frame);
    assert(isThere, 'a led part has a command');
    const { call } = this.#blocks;
    this.#client.db = (call >>> CALL_COMMAND_BITS) & CALL_DB_MASK;
    this.#client.flags = ClientFlag.Internal;
    const command = this.#executor.registry.commands[call & CALL_COMMAND_MASK];
    assert(command !== undefined, 'workers have the same commands');
    return command;
  }

  #database(): Shard['keyspace']['databases'][number] {
    const db = this.#shard.keyspace.databases[this.#client.db];
    assert(db !== undefined, 'a call names a database');
    return db;
  }

  #range(i: number): KeyBytes {
    return { at: this.#frame.at[i] ?? 0, bytes: this.#frame.bytes[i] ?? 0 };
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
