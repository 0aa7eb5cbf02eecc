/**
 * The commands that a client has queued since MULTI, as bytes: each with its arguments one after
 * another in blocks of low memory, so that EXEC binds a frame to them in place. Nothing but the
 * name is looked at here: parsers keep results in variables of their modules, so a command is
 * parsed when it runs. Big arguments stay the ropes they came as.
 *
 *   block    | next block, ref | end of its records, byte offset | record | record | ...
 *   record   | command:10, arguments:22 | its bytes | at, bytes of each argument | bytes | pad to 8
 *            at < 0: a rope, as in a frame; 0 once it was handed on
 *
 * Invariants: every block and every rope that was not handed on is freed by `free`; what is refused
 *   leaves the frame and the queue as they were.
 * Bounds: QUEUED_COMMAND_COUNT_MAX and QUEUED_BYTES_MAX a queue, `QueueMemory.bytesMax` for the
 *   blocks of all queues of a worker.
 * Cost: 8 bytes a command and 8 an argument besides its bytes; one copy each. Owner: one worker.
 */
import { assert } from '../assert.ts';
import type { ArgFrame } from '../command/arg-frame.hot.ts';
import type { Command } from '../command/spec.ts';
import { ReplyError } from '../errors/reply-error.ts';
import {
  QUEUED_BYTES_MAX, QUEUED_COMMAND_COUNT_MAX, QUEUED_LOW_BYTES_MAX, QUEUED_LOW_SHARE,
} from '../limits.ts';
import type { Ropes } from '../structs/rope.ts';
import type { WorkerMemory } from '../structs/worker-memory.ts';

/** Smallest and largest block, unless one command needs more. */
const BLOCK_BYTES_MIN = 512;
const BLOCK_BYTES_MAX = 65_536;
const BLOCK_HEADER_BYTES = 8;
const RECORD_HEADER_BYTES = 8;
const PAIR_BYTES = 8;
const COMMAND_BITS = 10;
const COMMAND_MASK = (1 << COMMAND_BITS) - 1;

const queueFull = new ReplyError('OOM the commands queued since MULTI take too much memory');

/** What all queues of a worker share: where their bytes lie, and how many there are. */
export class QueueMemory {
  readonly memory: WorkerMemory;
  readonly ropes: Ropes;
  /** Bytes of the blocks of all queues, at most. */
  readonly bytesMax: number;
  /** Bytes of the blocks of all queues. */
  bytes = 0;

  constructor(memory: WorkerMemory, ropes: Ropes) {
    this.memory = memory;
    this.ropes = ropes;
    this.bytesMax = Math.min(memory.lowBytes / QUEUED_LOW_SHARE, QUEUED_LOW_BYTES_MAX);
  }

  /** A block of low memory; 0 when there is no room for it. */
  take(bytes: number): number {
    const { lowAllocator } = this.memory;
    if (this.bytes + lowAllocator.realBytes(bytes) > this.bytesMax) return 0;
    const ref = lowAllocator.alloc(bytes);
    if (ref !== 0) this.bytes += lowAllocator.sizeOf(ref);
    return ref;
  }

  give(ref: number): void {
    const { lowAllocator } = this.memory;
    this.bytes -= lowAllocator.sizeOf(ref);
    lowAllocator.free(ref);
  }
}

export class CommandQueue {
  /** Commands in it. */
  count = 0;
  /** Bits of Flag that at least one of them has. */
  flags = 0;
  /** Bytes of its blocks and of the ropes that came with its commands. */
  bytes = 0;
  readonly #shared: QueueMemory;
  /** Ropes that came with its commands, those handed on included. */
  #ropeCount = 0;
  #firstBlock = 0;
  #lastBlock = 0;
  /** Byte offset behind the last record, and of the end of its block. */
  #end = 0;
  #limit = 0;
  /** Where reading stands: block, byte offset of the record, and of the one behind it. */
  #block = 0;
  #record = 0;
  #nextRecord = 0;

  constructor(shared: QueueMemory) {
    this.#shared = shared;
  }

  // ------------------------------------------------------------------ writing

  /**
   * Queues the command with the frame's arguments; their bytes are copied, their ropes taken.
   * @returns null, or the error: nothing was queued or taken then
   */
  add(command: Command, frame: ArgFrame): ReplyError | null {
    const argc = frame.count;
    let flatBytes = 0;
    let bigBytes = 0;
    for (let i = 0; i < argc; i++) {
      if (frame.isBig(i)) bigBytes += frame.bytes[i] ?? 0;
      else flatBytes += frame.bytes[i] ?? 0;
    }
    const recordBytes = (RECORD_HEADER_BYTES + argc * PAIR_BYTES + flatBytes + 7) & ~7;
    if (this.count >= QUEUED_COMMAND_COUNT_MAX) return queueFull;
    if (this.bytes + recordBytes + bigBytes > QUEUED_BYTES_MAX) return queueFull;
    if (this.#end + recordBytes > this.#limit && !this.#addBlock(recordBytes)) return queueFull;
    this.#write(command, frame, recordBytes);
    this.count++;
    this.flags |= command.flags;
    this.bytes += bigBytes;
    return null;
  }

  /** Opens a block that holds a record of so many bytes; false when there is no memory. */
  #addBlock(recordBytes: number): boolean {
    const shared = this.#shared;
    const lastBytes = this.#lastBlock === 0 ? 0 : this.#limit - this.#lastBlock * 8;
    const usual = Math.min(Math.max(lastBytes * 2, BLOCK_BYTES_MIN), BLOCK_BYTES_MAX);
    const ref = shared.take(Math.max(usual, recordBytes + BLOCK_HEADER_BYTES));
    if (ref === 0) return false;
    const { i32, lowAllocator } = shared.memory;
    const blockBytes = lowAllocator.sizeOf(ref);
    if (this.#lastBlock === 0) this.#firstBlock = ref;
    else i32[this.#lastBlock << 1] = ref;
    this.#lastBlock = ref;
    this.#end = ref * 8 + BLOCK_HEADER_BYTES;
    this.#limit = ref * 8 + blockBytes;
    i32[ref << 1] = 0;
    i32[(ref << 1) + 1] = this.#end;
    this.bytes += blockBytes;
    return true;
  }

  #write(command: Command, frame: ArgFrame, recordBytes: number): void {
    const { i32, kernel } = this.#shared.memory;
    const argc = frame.count;
    const word = this.#end >>> 2;
    assert(command.index >= 0 && command.index <= COMMAND_MASK, 'a queued command is registered');
    i32[word] = command.index | (argc << COMMAND_BITS);
    i32[word + 1] = recordBytes;
    let to = this.#end + RECORD_HEADER_BYTES + argc * PAIR_BYTES;
    for (let i = 0; i < argc; i++) {
      const pair = word + 2 + i * 2;
      const bytes = frame.bytes[i] ?? 0;
      i32[pair + 1] = bytes;
      if (frame.isBig(i)) {
        i32[pair] = -frame.takeRope(i) - 1;
        this.#ropeCount++;
        continue;
      }
      i32[pair] = to;
      kernel.copy(to, frame.at[i] ?? 0, bytes);
      to += bytes;
    }
    this.#end += recordBytes;
    i32[(this.#lastBlock << 1) + 1] = this.#end;
  }

  // ------------------------------------------------------------------ reading, in order

  /** Goes before the first command. */
  rewind(): void {
    this.#block = this.#firstBlock;
    this.#record = 0;
    this.#nextRecord = this.#block * 8 + BLOCK_HEADER_BYTES;
  }

  /** Goes to the next command, which the fields below are about; false behind the last. */
  next(): boolean {
    const { i32 } = this.#shared.memory;
    if (this.#block === 0) return false;
    if (this.#nextRecord === i32[(this.#block << 1) + 1]) {
      this.#block = i32[this.#block << 1] ?? 0;
      if (this.#block === 0) return false;
      this.#nextRecord = this.#block * 8 + BLOCK_HEADER_BYTES;
    }
    this.#record = this.#nextRecord;
    this.#nextRecord += i32[(this.#record >>> 2) + 1] ?? 0;
    return true;
  }

  /** Index of the command in the registry. */
  get commandIndex(): number {
    return (this.#shared.memory.i32[this.#record >>> 2] ?? 0) & COMMAND_MASK;
  }

  /** Number of its arguments, its name included. */
  get argc(): number {
    return (this.#shared.memory.i32[this.#record >>> 2] ?? 0) >>> COMMAND_BITS;
  }

  /** Byte offset of argument i in low memory; below 0 a rope, as in ArgFrame.at. */
  argumentAt(i: number): number {
    return this.#shared.memory.i32[(this.#record >>> 2) + 2 + i * 2] ?? 0;
  }

  argumentBytes(i: number): number {
    return this.#shared.memory.i32[(this.#record >>> 2) + 3 + i * 2] ?? 0;
  }

  /**
   * Copies the columns of the command's arguments. Its ropes are the caller's from here on; flat
   * arguments lie where they are until `free`.
   * @param at, bytes at least `argc` long
   */
  take(at: Int32Array, bytes: Int32Array): void {
    const { i32 } = this.#shared.memory;
    const { argc } = this;
    let pair = (this.#record >>> 2) + 2;
    for (let i = 0; i < argc; i++) {
      const from = i32[pair] ?? 0;
      at[i] = from;
      bytes[i] = i32[pair + 1] ?? 0;
      if (from < 0) {
        i32[pair] = 0;
        i32[pair + 1] = 0;
      }
      pair += 2;
    }
  }

  // ------------------------------------------------------------------ the end

  /** Frees everything; the queue is empty afterwards and may be used again. */
  free(): void {
    const shared = this.#shared;
    if (this.#ropeCount > 0) this.#freeRopes();
    for (let ref = this.#firstBlock; ref !== 0;) {
      const next = shared.memory.i32[ref << 1] ?? 0;
      shared.give(ref);
      ref = next;
    }
    this.count = 0;
    this.flags = 0;
    this.bytes = 0;
    this.#ropeCount = 0;
    this.#firstBlock = 0;
    this.#lastBlock = 0;
    this.#end = 0;
    this.#limit = 0;
    this.rewind();
  }

  #freeRopes(): void {
    for (this.rewind(); this.next();) {
      const { argc } = this;
      for (let i = 0; i < argc; i++) {
        const at = this.argumentAt(i);
        if (at < 0) this.#shared.ropes.free(-at - 1);
      }
    }
  }
}
