/**
 * The commands of a part, one after the other, as they are run: the arguments of the current one
 * are in the frame, whose client is the engine's own and has its database and flags.
 * One cursor serves all parts of a shard, for none is left in the middle of a call.
 */
import type { ClientState, Command, CommandRegistry, Shard } from '@kora/core';
import { ArgFrame, assert, ClientFlag } from '@kora/core';
import {
  CALL_COMMAND_BITS, CALL_COMMAND_MASK, CALL_DB_MASK, CALL_NO_TOUCH, CALL_REMEMBERS, CALL_TRACKS,
  CALL_UNCOUNTED,
} from './message-kinds.ts';
import { PART_EXEC, PartBlocks } from './part-block.ts';

export class PartCursor {
  readonly blocks: PartBlocks;
  readonly frame: ArgFrame;
  /** The client that asks, as a reader, if it tracks keys. */
  asker = 0;
  readonly #registry: CommandRegistry;
  readonly #client: ClientState;

  constructor(shard: Shard, registry: CommandRegistry, client: ClientState) {
    this.blocks = new PartBlocks(shard);
    this.frame = new ArgFrame(shard.memory, client);
    this.#registry = registry;
    this.#client = client;
  }

  /** The commands that come are those of a part with these flags, for a client of this version. */
  open(flags: number, resp: number): void {
    const client = this.#client;
    client.resp = resp;
    client.flags = ClientFlag.Internal;
    if ((flags & PART_EXEC) !== 0) client.flags |= ClientFlag.InExec;
  }

  /** Goes to before the part's first command. */
  rewind(ref: number): void {
    this.blocks.rewind(ref);
  }

  /** The next command of the part is in the frame, its client set. */
  next(): boolean {
    if (!this.blocks.next(this.frame)) return false;
    const { call } = this.blocks;
    const client = this.#client;
    client.db = (call >>> CALL_COMMAND_BITS) & CALL_DB_MASK;
    if ((call & CALL_NO_TOUCH) === 0) client.flags &= ~ClientFlag.NoTouch;
    else client.flags |= ClientFlag.NoTouch;
    client.tracker = (call & CALL_TRACKS) === 0 ? 0 : this.asker;
    if ((call & CALL_REMEMBERS) === 0) client.flags &= ~ClientFlag.Tracks;
    else client.flags |= ClientFlag.Tracks;
    return true;
  }

  /** As `next`, where there is one. */
  take(): void {
    const isThere = this.next();
    assert(isThere, 'a part has the commands that it is told of');
  }

  /** The command in the frame. */
  get command(): Command {
    const command = this.#registry.commands[this.blocks.call & CALL_COMMAND_MASK];
    assert(command !== undefined, 'workers have the same commands');
    return command;
  }

  /** False: another shard's part of the same command is counted. */
  get isCounted(): boolean {
    return (this.blocks.call & CALL_UNCOUNTED) === 0;
  }

  /** True for a command of an EXEC. */
  get isInExec(): boolean {
    return (this.#client.flags & ClientFlag.InExec) !== 0;
  }
}
