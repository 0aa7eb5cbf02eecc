/**
 * Has every worker of the process begin its part of a snapshot at one place of their order: BGSAVE
 * of a client of our own, which all workers carry out (process-commands.ts) behind everything that
 * had its place before, and with nothing locked. So of a transaction over several shards the cut
 * has all or nothing.
 * Cost: one message each way to each worker.
 */
import type { Command } from '@kora/core';
import { ArgFrame, assert, ClientFlag } from '@kora/core';
import type { Peer } from '../io/engine.ts';
import { Session } from '../session.ts';
import type { Worker } from '../worker.ts';
import { Step } from './origin.ts';

/** Nobody is at the other end. */
const NOBODY: Peer = Object.freeze({
  address: '', localAddress: '', isLoopback: true, isUnixSocket: false, descriptor: -1,
});
const NAME = 'BGSAVE';

export class ProcessCut {
  readonly #worker: Worker;
  readonly #command: Command;
  readonly #session: Session;
  readonly #frame: ArgFrame;
  readonly #at: Int32Array;
  readonly #bytes = Int32Array.of(NAME.length);

  /** @param worker one among others */
  constructor(worker: Worker) {
    const { shard, executor } = worker;
    const { low, lowAllocator } = shard.memory;
    const command = executor.registry.byName(NAME);
    assert(command !== undefined, 'the command table has BGSAVE');
    const block = lowAllocator.alloc(NAME.length);
    assert(block !== 0, 'low memory holds a word at the start');
    low.set(new TextEncoder().encode(NAME), block * 8);
    this.#worker = worker;
    this.#command = command;
    this.#at = Int32Array.of(block * 8);
    this.#session = new Session(worker, 0, -1, NOBODY, shard.nowMs);
    // What it is answered is for nobody.
    this.#session.flags |= ClientFlag.Internal | ClientFlag.ReplyOff;
    this.#frame = new ArgFrame(shard.memory, this.#session);
  }

  /**
   * Begins it, for the next turn.
   * @param done called when all workers have answered
   * @returns false: there is no room now
   */
  begin(done: () => void): boolean {
    const { mesh } = this.#worker;
    assert(mesh !== null, 'a cut over several workers has others');
    this.#frame.bind(this.#at, this.#bytes, 1);
    const step = mesh.coordination.beginTrying(this.#session, this.#command, this.#frame, done);
    if (step === Step.Sent) this.#worker.engine.requestTurn();
    return step === Step.Sent;
  }
}
