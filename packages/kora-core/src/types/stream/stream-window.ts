/**
 * What the functions of streams work with, made once for a shard: the writer of blocks, the walk,
 * the lists of groups and consumers, and IDs that are filled again by every command. None keeps
 * anything between commands, and none takes memory of its own.
 */
import type { WorkerMemory } from '../../structs/worker-memory.ts';
import { NameLists } from './name-list.hot.ts';
import { StreamBlocks } from './stream-blocks.hot.ts';
import { StreamId } from './stream-id.hot.ts';
import { SCRATCH_WALK_KEY } from './stream-scratch.ts';
import { StreamWalk } from './stream-walk.hot.ts';

export class StreamWindow {
  readonly blocks: StreamBlocks;
  readonly walk: StreamWalk;
  readonly names: NameLists;
  /** For functions that call no other one of streams while they use them. */
  readonly id = new StreamId();
  readonly otherId = new StreamId();

  /** @param scratchAt byte offset of the scratch area of the shard */
  constructor(memory: WorkerMemory, scratchAt: number) {
    this.blocks = new StreamBlocks(memory, memory.arenaAllocator);
    this.walk = new StreamWalk(memory, scratchAt + SCRATCH_WALK_KEY);
    this.names = new NameLists(memory, memory.arenaAllocator);
  }
}
