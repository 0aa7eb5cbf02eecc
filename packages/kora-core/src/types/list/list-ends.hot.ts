/**
 * One element at an end of a list, in the case that nearly always holds: the pack there has room
 * for it, or more than it. Everything else is answered with 0 or false and left to list.ts, which
 * draws the layout; nothing has happened then.
 *
 * Invariants: nothing is allocated, but for a smaller block for a short list, which may be refused;
 *   a pack at an end of a long list keeps its block while it is emptied.
 * Cost: one call of the kernel, which moves the bytes of the pack when the work is at its head;
 *   60 to 80 ns of a command (2026-11-20, two shared cores), a third of the way through list.ts.
 */
import type { ReplySink } from '../../command/sink.ts';
import type { Shard } from '../../shard/shard.ts';
import { SEQUENCE_HEAD, SEQUENCE_TAIL } from '../../structs/block-sequence.hot.ts';
import { entryEncoding, entryValueWord } from '../../structs/entry.hot.ts';
import {
  PACK_COUNT, PACK_FIRST, PACK_USED, packLengthAt, packLengthBytes,
} from '../../structs/pack-layout.hot.ts';

/** Word of an entry that counts its elements. */
const COUNT_WORD = 2;
/** Encoding of a long list: the root is the header of a sequence. */
const LONG = 1;

/**
 * Pushes an element to an end of list `ref`.
 * @param nodeBytesMax bytes of a pack of several elements, at most
 * @returns elements of the list afterwards; 0: not done, take the long way
 */
export function pushIntoEnd(
  shard: Shard, ref: number, isHead: boolean, at: number, bytes: number, nodeBytesMax: number,
): number {
  const memory = shard.memory;
  const i32 = memory.i32;
  const isLong = entryEncoding(i32, ref) === LONG;
  const root = i32[entryValueWord(i32, ref)]!;
  const endWord = (root << 1) + (isHead ? SEQUENCE_HEAD : SEQUENCE_TAIL);
  const pack = isLong ? i32[endWord]! : root;
  const needed = i32[(pack << 1) + PACK_USED]! + bytes + 2 * packLengthBytes(bytes);
  if (needed > nodeBytesMax || needed > memory.arenaAllocator.sizeOf(pack)) return 0;
  shard.noteMutation();
  shard.collections.packs.noteChange(pack);
  memory.kernel.packInsert(pack, isHead ? PACK_FIRST : 0, at, bytes);
  if (isLong) i32[endWord + 1]! += 1;
  const countWord = (ref << 1) + COUNT_WORD;
  const count = i32[countWord]! + 1;
  i32[countWord] = count;
  return count;
}

/**
 * Answers the element at an end of list `ref`, as a bulk string, and takes it away. False: not
 * done, nothing was answered, take the long way.
 */
export function popFromEnd(
  shard: Shard, ref: number, isHead: boolean, out: ReplySink,
): boolean {
  const memory = shard.memory;
  const packs = shard.collections.packs;
  let i32 = memory.i32;
  const isLong = entryEncoding(i32, ref) === LONG;
  const rootWord = entryValueWord(i32, ref);
  const root = i32[rootWord]!;
  const endWord = (root << 1) + (isHead ? SEQUENCE_HEAD : SEQUENCE_TAIL);
  const pack = isLong ? i32[endWord]! : root;
  if (i32[(pack << 1) + PACK_COUNT]! < 2) return false;
  const pos = isHead ? PACK_FIRST : packs.last(pack);
  const bytes = packLengthAt(i32, pack, pos);
  out.bulk(pack * 8 + pos + packLengthBytes(bytes), bytes);
  shard.noteMutation();
  packs.noteChange(pack);
  memory.kernel.packRemove(pack, pos, 1);
  i32 = memory.i32;
  i32[(ref << 1) + COUNT_WORD]! -= 1;
  if (isLong) {
    i32[endWord + 1]! -= 1;
    return true;
  }
  const fitting = packs.trim(pack);
  if (fitting !== pack) memory.i32[rootWord] = fitting;
  return true;
}
