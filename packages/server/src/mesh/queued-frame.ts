/**
 * The commands of a queue, one after the other, in a frame of their own: for planning an EXEC, and
 * for running what of it is the connection's own affair.
 */
import type { Command, CommandQueue, CommandRegistry, Shard } from '@kora/core';
import { ArgFrame, assert, ClientState } from '@kora/core';

const FIRST_ARGUMENTS = 64;

export class QueuedFrame {
  readonly frame: ArgFrame;
  readonly #registry: CommandRegistry;
  readonly #nobody = new ClientState(0);
  #at = new Int32Array(FIRST_ARGUMENTS);
  #bytes = new Int32Array(FIRST_ARGUMENTS);

  constructor(shard: Shard, registry: CommandRegistry) {
    this.#registry = registry;
    this.frame = new ArgFrame(shard.memory, this.#nobody);
  }

  /** The current command of the queue; its arguments are in the frame, ropes stay the queue's. */
  look(queue: CommandQueue): Command {
    const command = this.#registry.commands[queue.commandIndex];
    assert(command !== undefined, 'a queued command is in the table');
    const { argc } = queue;
    this.#ensure(argc);
    for (let i = 0; i < argc; i++) {
      this.#at[i] = queue.argumentAt(i);
      this.#bytes[i] = queue.argumentBytes(i);
    }
    this.frame.bind(this.#at, this.#bytes, argc);
    return command;
  }

  /** The same for running it for a client: the ropes are the frame's now. */
  take(queue: CommandQueue, client: ClientState): void {
    const { argc } = queue;
    this.#ensure(argc);
    queue.take(this.#at, this.#bytes);
    this.frame.client = client;
    this.frame.bind(this.#at, this.#bytes, argc);
  }

  /** The client is forgotten. */
  leave(): void {
    this.frame.client = this.#nobody;
  }

  #ensure(argc: number): void {
    if (argc <= this.#at.length) return;
    this.#at = new Int32Array(argc);
    this.#bytes = new Int32Array(argc);
  }
}
