/**
 * One client that waits for keys, and what it needs to be served: a copy of its command's arguments
 * in low memory, from which a frame is bound again. The copy belongs to the waiter until the table
 * lets it go (wait-table.ts).
 *
 *   block    | at, bytes of each argument | their bytes | spare bytes |
 *
 * The spare bytes are for arguments that mean something else later than now: XREAD's `$`.
 * Cost: 8 bytes an argument besides its bytes. Owner: one shard.
 */
import { assert } from '../assert.ts';
import type { ClientState } from '../command/client-state.ts';
import type { ReplySink } from '../command/sink.ts';
import type { Command } from '../command/spec.ts';
import type { WorkerMemory } from '../structs/worker-memory.ts';
import type { WaitLink } from './waited-keys.ts';

/** Whoever lets clients wait and hands them their replies: sockets, other workers. */
export interface WaitHost {
  /** The client's running command waits: it has written no reply. */
  begin(waiter: Waiter): void;
  /**
   * Keeps memory for a reply of so many bytes, until `claim` says no or `answer` has been called.
   * False: there is none at the moment, and the waiter stays the first for its key.
   */
  hasRoom(waiter: Waiter, bytes: number): boolean;
  /**
   * A key can serve the waiter. True: it is served now, by `answer`, and nothing else may end it.
   * False: it is not to be served here. Either it leaves the table when its end is known, or the
   * host has set `isHeld` and serves it in another way: those behind it wait until it has.
   */
  claim(waiter: Waiter): boolean;
  /** The reply of a waiter that was claimed. `write` is to be called once, before this returns. */
  answer(waiter: Waiter, write: (out: ReplySink) => void): void;
}

/** A command of a client that waits. */
export class Waiter {
  readonly client: ClientState;
  readonly host: WaitHost;
  readonly command: Command;
  /** When it ends without a key, ms; Infinity = never. */
  readonly untilMs: number;
  /** Arguments, the command's name included. */
  readonly argc: number;
  /** Number of the database of its keys. */
  readonly db: number;
  /** Block of low memory with the arguments, 0 = let go. */
  ref: number;
  /** Bytes of the block. */
  readonly bytes: number;
  /** Its places in the queues of keys, in the order of its arguments; none: it is over. */
  firstLink: WaitLink | null = null;
  lastLink: WaitLink | null = null;
  linkCount = 0;
  /** Its host gets it what is there: it is first, and not served here (WaitTable.release). */
  isHeld = false;
  /** The other key that its command changes is another shard's. */
  isElsewhere = false;
  readonly #memory: WorkerMemory;
  /** Where the spare bytes begin that nobody took. */
  #spareAt: number;

  constructor(
    memory: WorkerMemory, client: ClientState, host: WaitHost, command: Command, untilMs: number,
    argc: number, ref: number, spareAt: number,
  ) {
    this.client = client;
    this.host = host;
    this.command = command;
    this.untilMs = untilMs;
    this.argc = argc;
    this.db = client.db;
    this.ref = ref;
    this.bytes = memory.lowAllocator.sizeOf(ref);
    this.#memory = memory;
    this.#spareAt = spareAt;
  }

  /** True once it was served, cancelled or refused. */
  get isOver(): boolean {
    return this.firstLink === null;
  }

  addLink(link: WaitLink): void {
    if (this.lastLink === null) this.firstLink = link;
    else this.lastLink.nextOfWaiter = link;
    this.lastLink = link;
    this.linkCount++;
  }

  dropLinks(): void {
    this.firstLink = null;
    this.lastLink = null;
    this.linkCount = 0;
  }

  /** Byte offset of argument i. */
  argumentAt(i: number): number {
    return this.#memory.i32[this.ref * 2 + i * 2] ?? 0;
  }

  argumentBytes(i: number): number {
    return this.#memory.i32[this.ref * 2 + i * 2 + 1] ?? 0;
  }

  /** Copies the columns of the arguments; both arrays hold `argc` at least. */
  copyColumns(at: Int32Array, bytes: Int32Array): void {
    for (let i = 0; i < this.argc; i++) {
      at[i] = this.argumentAt(i);
      bytes[i] = this.argumentBytes(i);
    }
  }

  /** Puts other bytes in the place of argument i; spare bytes were asked for. */
  replaceArgument(i: number, at: number, bytes: number): void {
    const { i32, kernel } = this.#memory;
    const to = this.#spareAt;
    assert(to + bytes <= this.ref * 8 + this.bytes, 'what is replaced has its spare bytes');
    kernel.copy(to, at, bytes);
    i32[this.ref * 2 + i * 2] = to;
    i32[this.ref * 2 + i * 2 + 1] = bytes;
    this.#spareAt = to + bytes;
  }
}
