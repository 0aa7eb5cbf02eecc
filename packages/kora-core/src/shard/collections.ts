/**
 * The windows through which a shard's thread sees the structures of collections. Each is one object
 * bound to one header at a time; a command binds what it works on before it uses it and relies on
 * nothing that another function may bind. Two of a kind, for commands on two collections.
 */
import { BlockSequence } from '../structs/block-sequence.hot.ts';
import { Dict } from '../structs/dict.hot.ts';
import { Intsets } from '../structs/intset.hot.ts';
import { Packs } from '../structs/packs.hot.ts';
import { ScoreTree } from '../structs/score-tree.hot.ts';
import type { WorkerMemory } from '../structs/worker-memory.ts';
import { StreamWindow } from '../types/stream/stream-window.ts';
import { VectorWindow } from '../types/vector-set/vector-window.ts';

export class Collections {
  readonly packs: Packs;
  readonly intsets: Intsets;
  /** Of long lists; `otherBlocks` is for the second list of a command. */
  readonly blocks: BlockSequence;
  readonly otherBlocks: BlockSequence;
  /** For members; `otherDict` is for the second collection of a command. */
  readonly dict: Dict;
  readonly otherDict: Dict;
  readonly tree: ScoreTree;
  readonly otherTree: ScoreTree;
  readonly #memory: WorkerMemory;
  readonly #scratchAt: number;
  #streams: StreamWindow | null = null;
  #vectors: VectorWindow | null = null;

  /** @param scratchAt byte offset of the scratch area of the shard */
  constructor(memory: WorkerMemory, seed0: number, seed1: number, scratchAt: number) {
    this.#memory = memory;
    this.#scratchAt = scratchAt;
    const allocator = memory.arenaAllocator;
    this.packs = new Packs(memory, allocator);
    this.intsets = new Intsets(memory, allocator);
    this.blocks = new BlockSequence(memory, allocator);
    this.otherBlocks = new BlockSequence(memory, allocator);
    this.dict = new Dict(memory, allocator, seed0, seed1);
    this.otherDict = new Dict(memory, allocator, seed0, seed1);
    this.tree = new ScoreTree(memory, allocator);
    this.otherTree = new ScoreTree(memory, allocator);
  }

  /** For streams; made when a shard meets its first one. */
  get streams(): StreamWindow {
    this.#streams ??= new StreamWindow(this.#memory, this.#scratchAt);
    return this.#streams;
  }

  /** For vectors; made when a shard meets its first one. */
  get vectors(): VectorWindow {
    this.#vectors ??= new VectorWindow(this.#memory);
    return this.#vectors;
  }
}
