/**
 * Finds blocks that are freed twice, under `verify` only: remembers the list of free blocks of each
 * slab as the last free left it. Between two frees an allocator only takes blocks from the head of
 * that list, or new ones, so the present list is what is left of the remembered one: blocks are
 * dropped until the head is met, each once, instead of walking up to 4,000 blocks at every free.
 * What does not agree (the head, the next links, the count of blocks in use) was changed by
 * somebody else, frees without `verify` or a slab made anew: then the list is read from memory.
 * Cost: 0.2 us a free, whatever the length of the list; a reading costs its length.
 */

/** Links below the head that are compared with memory. */
const LINKS_COMPARED = 4;

/** The free blocks of a slab, the head last. */
interface FreeList {
  readonly refs: number[];
  readonly known: Set<number>;
  used: number;
  /** Blocks that were handed out at least once. */
  opened: number;
}

export class FreedBlocks {
  readonly #lists = new Map<number, FreeList>();

  /**
   * A block is about to be freed.
   * @param slab its slab, whose state of before follows: head of the free list, blocks in use,
   *   blocks that were ever handed out
   * @returns false when it is free already
   */
  note(
    i32: Int32Array, slab: number, head: number, used: number, opened: number, ref: number,
  ): boolean {
    let list = this.#lists.get(slab);
    if (list === undefined || !follow(list, i32, head, used, opened)) {
      list = readList(i32, head);
      this.#lists.set(slab, list);
    }
    if (list.known.has(ref)) return false;
    list.refs.push(ref);
    list.known.add(ref);
    list.used = used - 1;
    list.opened = opened;
    return true;
  }
}

/** Drops what was allocated since; false when that does not lead to the present state. */
function follow(
  list: FreeList, i32: Int32Array, head: number, used: number, opened: number,
): boolean {
  const { refs, known } = list;
  let taken = opened - list.opened;
  for (let top = refs.at(-1); top !== undefined && top !== head; top = refs.at(-1)) {
    known.delete(top);
    refs.pop();
    taken++;
  }
  if (used !== list.used + taken || (head !== 0 && refs.length === 0)) return false;
  let free = head;
  let same = 0;
  for (; same < LINKS_COMPARED && free !== 0; same++) {
    if (refs.at(-1 - same) !== free) return false;
    free = i32[free << 1] ?? 0;
  }
  return free === 0 ? refs.length === same : refs.length > same;
}

function readList(i32: Int32Array, head: number): FreeList {
  const refs: number[] = [];
  for (let free = head; free !== 0; free = i32[free << 1] ?? 0) refs.push(free);
  refs.reverse();
  return { refs, known: new Set(refs), used: 0, opened: 0 };
}
