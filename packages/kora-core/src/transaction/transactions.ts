/**
 * MULTI, EXEC and WATCH on one shard: what the commands of that name, the gate and the executor do
 * to a client's transaction. The client's flags say where it stands:
 *
 *   none --MULTI--> InMulti --commands are queued--> EXEC --> InMulti | InExec, they run --> none
 *                   InMulti --an error while queueing--> InMulti | AbortsExec --EXEC--> none, error
 *
 * Invariants: the commands of one EXEC run in one go under one frozen clock, so nothing expires, is
 *   evicted or comes from somebody else between them, and their effects follow each other in the
 *   journal; what fails does not stop the rest. Queue and watches are gone after EXEC, DISCARD,
 *   RESET and the end of the client, also when that ends in the middle of its EXEC.
 * Cost: a queued command is copied once and looked up once. Owner: one shard.
 */
import { ArgFrame } from '../command/arg-frame.hot.ts';
import { ClientFlag, ClientState } from '../command/client-state.ts';
import type { ReplySink } from '../command/sink.ts';
import type { Command } from '../command/spec.ts';
import { ReplyError, replyErrors } from '../errors/reply-error.ts';
import { assert } from '../assert.ts';
import type { Shard } from '../shard/shard.ts';
import { CommandQueue, QueueMemory } from './command-queue.ts';
import type { SlotTaker } from './slot-set.ts';
import { WatchTable } from './watch-table.ts';

/** Runs a command that the gate has let in with its whole transaction; writes one reply. */
export interface AdmittedRunner {
  runAdmitted(command: Command, frame: ArgFrame, out: ReplySink): void;
}

const ERROR_WORD = 'ERR ';
const FIRST_ARGUMENTS = 16;

export class Transactions {
  readonly watches: WatchTable;
  readonly queues: QueueMemory;
  readonly #shard: Shard;
  #runner: AdmittedRunner | null = null;
  /** The frame of the commands within EXEC. */
  readonly #frame: ArgFrame;
  #at = new Int32Array(FIRST_ARGUMENTS);
  #bytes = new Int32Array(FIRST_ARGUMENTS);

  constructor(shard: Shard) {
    this.#shard = shard;
    this.watches = new WatchTable(shard);
    this.queues = new QueueMemory(shard.memory, shard.ropes);
    this.#frame = new ArgFrame(shard.memory, new ClientState(0));
  }

  /** Called once, by the executor of the shard. */
  attachRunner(runner: AdmittedRunner): void {
    this.#runner = runner;
  }

  // ------------------------------------------------------------------ queueing

  /**
   * Queues the frame's command for its client, who is in MULTI.
   * @returns null, or why not; nothing was taken from the frame then
   */
  queue(command: Command, frame: ArgFrame): ReplyError | null {
    const { client } = frame;
    client.queue ??= new CommandQueue(this.queues);
    return client.queue.add(command, frame);
  }

  /**
   * The gate refused a command. One that should have been queued takes the transaction with it, and
   * EXEC itself ends it.
   * @returns the error to answer
   */
  onRefusal(client: ClientState, command: Command | undefined, error: ReplyError): ReplyError {
    if (command?.name === 'exec') {
      this.reset(client);
      return abortedBy(error);
    }
    if ((client.flags & ClientFlag.InMulti) !== 0) client.flags |= ClientFlag.AbortsExec;
    return error;
  }

  // ------------------------------------------------------------------ running

  /** EXEC of a client in MULTI. */
  exec(client: ClientState, out: ReplySink): void {
    if ((client.flags & ClientFlag.AbortsExec) !== 0) out.error(replyErrors.execAborted);
    else if (this.isDirty(client)) out.nullArray();
    else this.#run(client, out);
    this.reset(client);
  }

  #run(client: ClientState, out: ReplySink): void {
    const shard = this.#shard;
    const runner = this.#runner;
    assert(runner !== null, 'a shard that runs commands has an executor');
    this.unwatch(client); // Before they run, so that their changes need not be looked up.
    const { queue } = client;
    out.array(queue === null ? 0 : queue.count);
    if (queue === null) return;
    client.flags |= ClientFlag.InExec;
    shard.isClockFrozen = true;
    try {
      for (queue.rewind(); queue.next();) this.#runNext(client, queue, runner, out);
    } finally {
      shard.isClockFrozen = false;
      client.flags &= ~ClientFlag.InExec;
    }
  }

  #runNext(
    client: ClientState, queue: CommandQueue, runner: AdmittedRunner, out: ReplySink,
  ): void {
    const { argc } = queue;
    if (argc > this.#at.length) {
      this.#at = new Int32Array(argc);
      this.#bytes = new Int32Array(argc);
    }
    const command = this.#shard.engine.registry.commands[queue.commandIndex];
    assert(command !== undefined, 'a queued command is in the table');
    queue.take(this.#at, this.#bytes);
    const frame = this.#frame;
    frame.client = client;
    frame.bind(this.#at, this.#bytes, argc);
    runner.runAdmitted(command, frame, out);
  }

  // ------------------------------------------------------------------ watching

  /**
   * Watches the keys that are the frame's arguments from 1 on, all or none of them.
   * @returns null, or why none
   */
  watch(frame: ArgFrame): ReplyError | null {
    const { client } = frame;
    const { watches } = this;
    if (this.isTouched(client)) return null;
    let keyBytes = 0;
    for (let i = 1; i < frame.count; i++) keyBytes += frame.bytes[i] ?? 0;
    const refusal = watches.reserve(frame.count - 1, keyBytes);
    if (refusal !== null) return refusal;
    if (client.watcher === 0) client.watcher = watches.open();
    for (let i = 1; i < frame.count; i++) {
      watches.add(client.watcher, client.db, frame.at[i] ?? 0, frame.bytes[i] ?? 0);
    }
    return null;
  }

  /** Ends all watches of the client. */
  unwatch(client: ClientState): void {
    if (client.watcher === 0) return;
    this.watches.drop(client.watcher);
    client.watcher = 0;
  }

  /** Gives the client's watches away, to be asked and ended by whoever has them; 0 = none. */
  takeWatcher(client: ClientState): number {
    const { watcher } = client;
    client.watcher = 0;
    return watcher;
  }

  /** Tells of the slots of all keys that the client watches. */
  addWatchedSlots(client: ClientState, into: SlotTaker): void {
    if (client.watcher !== 0) this.watches.addSlots(client.watcher, into);
  }

  /** True when a key that the client watches has changed, or its time has come since. */
  isDirty(client: ClientState): boolean {
    return client.watcher !== 0 && this.watches.isDirty(client.watcher);
  }

  /** True when such a change was noticed already; a passed deadline is noticed by EXEC. */
  isTouched(client: ClientState): boolean {
    return client.watcher !== 0 && this.watches.isTouched(client.watcher);
  }

  /** Ends the client's transaction and watches; within its EXEC that is left to EXEC. */
  reset(client: ClientState): void {
    if ((client.flags & ClientFlag.InExec) !== 0) return;
    client.flags &= ~(ClientFlag.InMulti | ClientFlag.AbortsExec);
    if (client.queue !== null) {
      client.queue.free();
      client.queue = null;
    }
    this.unwatch(client);
  }
}

/** EXEC was refused for this reason. */
function abortedBy(error: ReplyError): ReplyError {
  const { text } = error;
  const reason = text.startsWith(ERROR_WORD) ? text.slice(ERROR_WORD.length) : text;
  return new ReplyError(`EXECABORT Transaction discarded because of: ${reason}`);
}
