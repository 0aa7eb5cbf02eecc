/**
 * Walks over the members of a sorted set in order, from any rank, up or down: what replies, STORE
 * commands, scans and codecs are made of. Refs of members are fetched by the hundred and touched
 * before the first is used, so that their cache misses overlap.
 *
 *   walk.open(shard, ref, rank, count, isReverse);
 *   while (walk.next()) ... walk.at, walk.bytes, walk.score()
 *
 * Invariants: the set does not change while a walk is under way; other sets may.
 * Cost: O(log n) for each hundred, then O(1) a member; no heap allocation.
 */
import type { ReplySink } from '../../command/sink.ts';
import type { Shard } from '../../shard/shard.ts';
import { entryKeyAt, entryKeyBytes, entryRoot } from '../../structs/entry.hot.ts';
import { memberScore } from '../../structs/member.hot.ts';
import { isPacked, treeOf } from './zset.ts';
import { nameMembers } from './zset-gather.hot.ts';
import { nextPair, packedScore, pairAt, previousPair } from './zset-pack.ts';

/** Refs fetched at once. */
const BATCH = 128;

export class ZsetWalk {
  /** Byte offset (u32) and length of the member. */
  at = 0;
  bytes = 0;
  /** Members not yet met. */
  left = 0;
  readonly #refs = new Int32Array(BATCH);
  readonly #score = new Float64Array(1);
  #shard: Shard | null = null;
  #ref = 0;
  #rank = 0;
  #step = 1;
  #pack = 0;
  #pos = 0;
  #fetched = 0;
  #used = 0;
  /** What was read to start a cache miss, so that no optimiser drops it. */
  #sink = 0;

  /** Starts at a 0-based rank counted from the lowest; `count` members exist from there on. */
  open(shard: Shard, ref: number, rank: number, count: number, isReverse: boolean): void {
    this.#shard = shard;
    this.#ref = ref;
    this.#rank = rank;
    this.#step = isReverse ? -1 : 1;
    this.left = count;
    this.#fetched = 0;
    this.#used = 0;
    this.#pack = isPacked(shard, ref) ? entryRoot(shard.memory.i32, ref) : 0;
    this.#pos = 0;
    if (this.#pack !== 0 && count > 0) this.#pos = pairAt(shard, this.#pack, rank);
  }

  /** Moves to the first member, or the next; false behind the last. */
  next(): boolean {
    if (this.left <= 0 || this.#shard === null) return false;
    this.left--;
    if (this.#pack !== 0) this.#nextPacked(this.#shard);
    else this.#nextOfTree(this.#shard);
    return true;
  }

  /** Score of the member. */
  score(): number {
    return this.#score[0] ?? 0;
  }

  #nextPacked(shard: Shard): void {
    const { packs } = shard.collections;
    const pack = this.#pack;
    const pos = this.#pos;
    this.at = packs.entryAt(pack, pos);
    this.bytes = packs.entryBytes(pack, pos);
    this.#score[0] = packedScore(shard, pack, pos);
    if (this.left === 0) return;
    this.#pos = this.#step > 0 ? nextPair(shard, pack, pos) : previousPair(shard, pack, pos);
  }

  #nextOfTree(shard: Shard): void {
    if (this.#used === this.#fetched) this.#fetch(shard);
    const member = this.#refs[this.#used++] ?? 0;
    const { i32, f64 } = shard.memory;
    this.at = entryKeyAt(i32, member);
    this.bytes = entryKeyBytes(i32, member);
    this.#score[0] = memberScore(f64, member);
  }

  #fetch(shard: Shard): void {
    const count = Math.min(BATCH, this.left + 1);
    const tree = treeOf(shard, this.#ref);
    this.#fetched = this.#step > 0
      ? tree.collect(this.#rank, count, this.#refs)
      : tree.collectBack(this.#rank, count, this.#refs);
    this.#used = 0;
    this.#rank += this.#fetched * this.#step;
    const { i32 } = shard.memory;
    let sink = 0;
    for (let i = 0; i < this.#fetched; i++) sink ^= i32[(this.#refs[i] ?? 0) << 1] ?? 0;
    this.#sink = sink;
  }
}

/** The walk of the running command of this thread. */
export const walk = new ZsetWalk();
/** A second one, for commands on two sets. */
export const otherWalk = new ZsetWalk();

/** Members named in the scratch area before they are written. */
const NAMED = 256;
const named = new Int32Array(NAMED);
/** What naming read; see nameMembers. */
const sink = new Int32Array(1);

/**
 * Writes `count` members from a rank on as bulk strings; the caller announced them.
 * @param rank counted from the lowest; with `isReverse` the first written, and the highest
 */
export function writeMembers(
  shard: Shard, ref: number, rank: number, count: number, isReverse: boolean, out: ReplySink,
): void {
  if (isPacked(shard, ref)) {
    writePacked(shard, ref, rank, count, isReverse, out);
    return;
  }
  const { scratchAt } = shard;
  for (let done = 0; done < count;) {
    const wanted = Math.min(count - done, NAMED);
    const tree = treeOf(shard, ref);
    const met = isReverse
      ? tree.collectBack(rank - done, wanted, named)
      : tree.collect(rank + done, wanted, named);
    sink[0] = nameMembers(shard.memory.i32, named, met, scratchAt >>> 2);
    out.bulkMany(scratchAt, met);
    done += met;
  }
}

function writePacked(
  shard: Shard, ref: number, rank: number, count: number, isReverse: boolean, out: ReplySink,
): void {
  walk.open(shard, ref, rank, count, isReverse);
  const first = shard.scratchAt >>> 2;
  const { i32 } = shard.memory;
  for (let left = count; left > 0;) {
    const step = Math.min(left, NAMED);
    for (let i = 0; i < step; i++) {
      walk.next();
      i32[first + i * 2] = walk.at;
      i32[first + i * 2 + 1] = walk.bytes;
    }
    out.bulkMany(shard.scratchAt, step);
    left -= step;
  }
}
