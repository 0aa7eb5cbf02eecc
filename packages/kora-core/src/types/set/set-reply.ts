/**
 * Replies of many members: they are gathered in the scratch area as pairs of words and handed to
 * the sink some hundred at a time (`bulkMany`). Integers of intsets are written as text behind the
 * pairs, since they have no bytes of their own.
 *
 *   scratch   | pairs: GATHER_MAX x 8 B | texts: GATHER_MAX x 20 B | - | the sets' own text |
 *
 * Cost: a few stores a member; nothing is allocated.
 */
import { assert } from '../../assert.ts';
import { INTEGER_TEXT_BYTES_MAX } from '../../bytes/number-text.hot.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { Shard } from '../../shard/shard.ts';
import { entryEncoding, entryRoot } from '../../structs/entry.hot.ts';
import { SET_PACK } from './set-layout.ts';
import { SetWalk } from './set-walk.hot.ts';
import { SET_TEXT_OFFSET } from './set.ts';

/** Members gathered at most. */
export const GATHER_MAX = 2048;
const PAIR_BYTES = 8;

assert(GATHER_MAX * (PAIR_BYTES + INTEGER_TEXT_BYTES_MAX) <= SET_TEXT_OFFSET, 'gathered texts fit');

/** Members that wait to be written. One per thread: a command gathers, writes, and is done. */
class Gathered {
  count = 0;
  #texts = 0;

  clear(): void {
    this.count = 0;
    this.#texts = 0;
  }

  get isFull(): boolean {
    return this.count === GATHER_MAX;
  }

  /** Adds bytes that stay where they are until `write`. */
  add(shard: Shard, at: number, bytes: number): void {
    const { i32 } = shard.memory;
    const word = (shard.scratchAt + this.count * PAIR_BYTES) >>> 2;
    i32[word] = at;
    i32[word + 1] = bytes;
    this.count++;
  }

  /** Adds bytes that are about to be overwritten, at most those of an integer. */
  addText(shard: Shard, at: number, bytes: number): void {
    const { kernel } = shard.memory;
    const textAt = shard.scratchAt + GATHER_MAX * PAIR_BYTES + this.#texts;
    assert(bytes <= INTEGER_TEXT_BYTES_MAX, 'only integers are copied');
    kernel.copy(textAt, at, bytes);
    this.#texts += bytes;
    this.add(shard, textAt, bytes);
  }

  /** Adds the walk's current member. */
  addCurrent(shard: Shard, walk: SetWalk): void {
    const at = walk.at();
    if (at === walk.textAt) this.addText(shard, at, walk.bytes());
    else this.add(shard, at, walk.bytes());
  }

  /** Byte offset and bytes of member i. */
  at(shard: Shard, i: number): number {
    return (shard.memory.i32[(shard.scratchAt + i * PAIR_BYTES) >>> 2] ?? 0) >>> 0;
  }

  bytes(shard: Shard, i: number): number {
    return shard.memory.i32[((shard.scratchAt + i * PAIR_BYTES) >>> 2) + 1] ?? 0;
  }

  /** Writes what was gathered and forgets it. */
  write(shard: Shard, out: ReplySink): void {
    if (this.count !== 0) out.bulkMany(shard.scratchAt, this.count);
    this.clear();
  }
}

export const gathered = new Gathered();

const walks = new WeakMap<Shard, SetWalk>();

/** The walk that the set commands of a shard share: one at a time. */
export function setWalkOf(shard: Shard): SetWalk {
  let walk = walks.get(shard);
  if (walk === undefined) {
    walk = new SetWalk(shard.memory);
    walks.set(shard, walk);
  }
  return walk;
}

/** Writes all members of a set (0 = none); the aggregate was announced. Uses the shared walk. */
export function writeMembers(shard: Shard, ref: number, out: ReplySink): void {
  const { i32 } = shard.memory;
  if (ref !== 0 && entryEncoding(i32, ref) === SET_PACK) {
    writePacked(shard, entryRoot(i32, ref), out);
    return;
  }
  const walk = setWalkOf(shard);
  gathered.clear();
  walk.start(ref);
  while (walk.next()) {
    if (gathered.isFull) gathered.write(shard, out);
    gathered.addCurrent(shard, walk);
  }
  gathered.write(shard, out);
}

/** Writes all entries of a pack, which the kernel lists some thousand at a time. */
function writePacked(shard: Shard, pack: number, out: ReplySink): void {
  const { packs } = shard.collections;
  let left = packs.count(pack);
  for (let pos = packs.first(pack); left > 0; left -= GATHER_MAX) {
    const listed = Math.min(left, GATHER_MAX);
    pos = packs.list(pack, pos, listed, shard.scratchAt);
    out.bulkMany(shard.scratchAt, listed);
  }
}
