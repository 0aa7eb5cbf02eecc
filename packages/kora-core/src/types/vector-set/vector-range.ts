/**
 * VRANGE: names between two ends, in the order of their bytes. The elements are in no order, so all
 * are looked at; of those in the range the first `count` are kept in a heap.
 * Cost: O(n log m); one comparison of bytes for most elements.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { readInteger } from '../../command/grammar.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { ReplyError } from '../../errors/reply-error.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import { collectionCount } from '../../keyspace/collection-entry.ts';
import type { Shard } from '../../shard/shard.ts';
import { entryKeyAt, entryKeyBytes } from '../../structs/entry.hot.ts';
import { vectorErrors } from './vector-errors.ts';
import { visitElements } from './vector-search.ts';
import { isVectorSetOrAbsent } from './vector-set.ts';

const MINUS = 0x2d;
const PLUS = 0x2b;
const INCLUSIVE = 0x5b;
const EXCLUSIVE = 0x28;
const COUNT_SLOT = 3;

/** Writes the reply of VRANGE. */
export function writeRange(shard: Shard, frame: ArgFrame, out: ReplySink): void {
  const error = endError(frame, 2, MINUS, PLUS) ?? endError(frame, 3, PLUS, MINUS);
  if (error !== null) {
    out.error(error);
    return;
  }
  if (frame.count > 5) {
    out.error(replyErrors.syntax);
    return;
  }
  if (frame.count === 5 && !readInteger(frame, COUNT_SLOT, 4)) {
    out.error(replyErrors.notInteger);
    return;
  }
  const ref = shard.keyspace.read(frame, 1);
  if (!isVectorSetOrAbsent(shard, ref, out)) return;
  const wanted = frame.count === 5 ? (frame.number[COUNT_SLOT] ?? 0) : -1;
  const count = ref === 0 ? 0 : collectionCount(shard, ref);
  const members = firstInRange(shard, frame, ref, wanted < 0 ? count : Math.min(wanted, count));
  out.array(members.length);
  const { i32 } = shard.memory;
  for (const member of members) out.bulk(entryKeyAt(i32, member), entryKeyBytes(i32, member));
}

/** What is wrong with an end: argument i. @param own its word @param other that of the other end */
function endError(frame: ArgFrame, i: number, own: number, other: number): ReplyError | null {
  const first = frame.memory.low[frame.at[i] ?? 0] ?? 0;
  const bytes = frame.bytes[i] ?? 0;
  if (bytes === 1 && first === own) return null;
  if (bytes === 1 && first === other) return vectorErrors.rangeEnds;
  const isItem = bytes > 0 && (first === INCLUSIVE || first === EXCLUSIVE);
  return isItem ? null : vectorErrors.rangeItem;
}

/** Members in the range, the first `most` of them, in order. */
function firstInRange(
  shard: Shard, frame: ArgFrame, ref: number, most: number,
): readonly number[] {
  const heap: number[] = [];
  if (most === 0) return heap;
  visitElements(shard, ref, (member) => {
    if (heap.length === most && order(shard, member, heap[0] ?? 0) > 0) return;
    if (!isInside(shard, frame, member)) return;
    if (heap.length < most) rise(shard, heap, member);
    else sink(shard, heap, member);
  });
  return heap.sort((a, b) => order(shard, a, b));
}

function isInside(shard: Shard, frame: ArgFrame, member: number): boolean {
  return isBeyond(shard, frame, 2, member, 1) && isBeyond(shard, frame, 3, member, -1);
}

/** True when the member lies on that side (1 after, -1 before) of the end in argument i. */
function isBeyond(
  shard: Shard, frame: ArgFrame, i: number, member: number, side: number,
): boolean {
  const { i32, kernel, low } = shard.memory;
  const at = frame.at[i] ?? 0;
  const first = low[at] ?? 0;
  if (first === MINUS || first === PLUS) return true;
  const compared = side * kernel.compare(
    entryKeyAt(i32, member), entryKeyBytes(i32, member), at + 1, (frame.bytes[i] ?? 0) - 1,
  );
  return compared > 0 || (compared === 0 && first === INCLUSIVE);
}

/** Order of two members by their names. */
function order(shard: Shard, a: number, b: number): number {
  const { i32, kernel } = shard.memory;
  return kernel.compare(
    entryKeyAt(i32, a), entryKeyBytes(i32, a), entryKeyAt(i32, b), entryKeyBytes(i32, b),
  );
}

/** Adds to a heap with the last name on top. */
function rise(shard: Shard, heap: number[], member: number): void {
  let at = heap.push(member) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = heap[parent] ?? 0;
    if (order(shard, member, above) <= 0) break;
    heap[at] = above;
    at = parent;
  }
  heap[at] = member;
}

/** Puts a member in the place of the top. */
function sink(shard: Shard, heap: number[], member: number): void {
  let at = 0;
  for (;;) {
    let child = at * 2 + 1;
    if (child >= heap.length) break;
    const right = child + 1;
    if (right < heap.length && order(shard, heap[right] ?? 0, heap[child] ?? 0) > 0) child = right;
    if (order(shard, member, heap[child] ?? 0) >= 0) break;
    heap[at] = heap[child] ?? 0;
    at = child;
  }
  heap[at] = member;
}
