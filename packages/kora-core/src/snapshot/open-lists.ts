/**
 * Long lists that are being saved block by block: in slices by the walk, and each block before it
 * changes or is freed (Packs tells). What a list's blocks were, in order, is noted when it is
 * opened: four bytes for each block of about four kilobytes. So nothing that happens to the list
 * matters, not even its end; and nothing has to be undone when a snapshot is given up.
 * A fragment is the place of a block and its elements; they come in any order.
 * Invariant: a block that is noted and not 0 holds what it held at the cut, under its ref.
 * Cost: opening O(blocks); then each change of a pack looks through the blocks of
 *   the lists that are open, unless the pack was looked for before.
 */
import { RdbType } from '../rdb/rdb-types.ts';
import type { RdbWriter } from '../rdb/rdb-writer.ts';
import type { Shard } from '../shard/shard.ts';
import { BlockSequence } from '../structs/block-sequence.hot.ts';
import type { Packs } from '../structs/packs.hot.ts';

/** Packs that are known to be of no list: a power of two. */
const KNOWN_COUNT = 256;

/** One that is open. */
export interface OpenList {
  readonly id: number;
  /** Refs of its blocks, 0 when saved. */
  readonly blocks: Int32Array;
  /** Blocks that are not saved yet. */
  left: number;
  /** Where the walk goes on. */
  next: number;
}

/** Notes and writes blocks of lists. */
export class ListWalk {
  readonly #packs: Packs;
  readonly #rdb: RdbWriter;
  readonly #sequence: BlockSequence;
  readonly #open: OpenList[] = [];
  readonly #known = new Int32Array(KNOWN_COUNT);

  /** @param rdb where fragments are written, between `begin` and `end` of whoever owns it */
  constructor(shard: Shard, rdb: RdbWriter) {
    this.#packs = shard.collections.packs;
    this.#rdb = rdb;
    this.#sequence = new BlockSequence(shard.memory, shard.memory.arenaAllocator);
  }

  /** Lists that are open. */
  get openCount(): number {
    return this.#open.length;
  }

  /** The one that was opened first. */
  get first(): OpenList | undefined {
    return this.#open[0];
  }

  /** Blocks of the sequence with this header. */
  blockCount(header: number): number {
    this.#sequence.bind(header);
    return this.#sequence.blockCount();
  }

  open(id: number, header: number): void {
    const sequence = this.#sequence;
    const blocks = new Int32Array(this.blockCount(header));
    sequence.seekHead();
    let count = 0;
    do blocks[count++] = sequence.block;
    while (sequence.next());
    this.#open.push({ id, blocks, left: count, next: 0 });
    this.#known.fill(0);
  }

  /** Writes the next block of a list, if one is left. */
  step(list: OpenList): void {
    while (list.next < list.blocks.length && list.blocks[list.next] === 0) list.next++;
    if (list.left > 0) this.write(list, list.next);
  }

  /** Forgets a list of which nothing is left. */
  close(list: OpenList): void {
    this.#open.splice(this.#open.indexOf(list), 1);
  }

  /** Forgets all. */
  closeAll(): void {
    this.#open.length = 0;
  }

  /**
   * Looks for a pack that is about to change or to go.
   * @param found gets the list that has it and its place
   */
  find(pack: number, found: (list: OpenList, index: number) => void): void {
    const at = pack & (KNOWN_COUNT - 1);
    if (this.#known[at] === pack) return;
    for (const list of this.#open) {
      const index = list.blocks[list.next] === pack ? list.next : list.blocks.indexOf(pack);
      if (index < 0) continue;
      found(list, index);
      break;
    }
    this.#known[at] = pack;
  }

  /** Writes a block: its place, then type byte and body. */
  write(list: OpenList, index: number): void {
    const packs = this.#packs;
    const pack = list.blocks[index] ?? 0;
    list.blocks[index] = 0;
    list.left--;
    const rdb = this.#rdb;
    for (let shift = 0; shift < 32; shift += 8) rdb.u8((index >>> shift) & 0xff);
    rdb.u8(RdbType.List);
    rdb.count(packs.count(pack));
    for (let pos = packs.first(pack); pos !== 0; pos = packs.next(pack, pos)) {
      rdb.string(packs.entryAt(pack, pos), packs.entryBytes(pack, pos));
    }
  }
}
