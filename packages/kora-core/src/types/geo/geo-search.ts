/**
 * The search itself: ranges of scores of a few cells are walked, each member's position is measured
 * against the shape, and what lies inside is noted, sorted and cut. The set does not change
 * meanwhile, so members are noted by where they lie.
 *
 * Cost: O(log n) for each of nine cells at most, O(m) for the m members in them, and O(h log h)
 * for h hits that are sorted, with COUNT c O(h + c log c). Twenty-eight bytes of heap for a hit,
 * gone with the reply.
 */
import type { Shard } from '../../shard/shard.ts';
import { rankOfScore } from '../zset/zset.ts';
import { walk } from '../zset/zset-walk.ts';
import type { SearchRequest } from './geo-arguments.ts';
import type { Shape } from './geo-area.ts';
import { cellsToSearch, distanceWithin } from './geo-area.ts';
import { positionOfScore, scoresOf } from './geo-cell.ts';
import { sortFirst } from './partial-sort.ts';

const FIRST_CAPACITY = 64;

/** Members inside a shape, in the order in which they were found. */
export class GeoHits {
  count = 0;
  /** Byte offset in the worker memory (u32) and length of each member. */
  at = new Uint32Array(FIRST_CAPACITY);
  bytes = new Int32Array(FIRST_CAPACITY);
  scores = new Float64Array(FIRST_CAPACITY);
  /** Metres from the centre. */
  metres = new Float64Array(FIRST_CAPACITY);

  add(at: number, bytes: number, score: number, metres: number): void {
    const i = this.count++;
    if (i === this.at.length) this.#grow();
    this.at[i] = at;
    this.bytes[i] = bytes;
    this.scores[i] = score;
    this.metres[i] = metres;
  }

  #grow(): void {
    const capacity = this.at.length * 2;
    const { at, bytes, scores, metres } = this;
    this.at = new Uint32Array(capacity);
    this.bytes = new Int32Array(capacity);
    this.scores = new Float64Array(capacity);
    this.metres = new Float64Array(capacity);
    this.at.set(at);
    this.bytes.set(bytes);
    this.scores.set(scores);
    this.metres.set(metres);
  }
}

/**
 * Finds the members of the sorted set of entry `ref` inside a shape.
 * @param countMax stops at so many; 0 = never
 */
export function findHits(shard: Shard, ref: number, shape: Shape, countMax: number): GeoHits {
  const hits = new GeoHits();
  for (const cell of cellsToSearch(shape)) {
    if (countMax > 0 && hits.count >= countMax) break;
    const { from, to } = scoresOf(cell);
    const rank = rankOfScore(shard, ref, from, false);
    const end = rankOfScore(shard, ref, to, false);
    if (end <= rank) continue;
    walk.open(shard, ref, rank, end - rank, false);
    while (walk.next()) {
      const score = walk.score();
      const metres = distanceWithin(shape, positionOfScore(score));
      if (metres < 0) continue;
      hits.add(walk.at, walk.bytes, score, metres);
      if (countMax > 0 && hits.count >= countMax) break;
    }
  }
  return hits;
}

/** The hits that a request gets, as indexes in the order of the reply. */
export function orderHits(hits: GeoHits, request: SearchRequest): Uint32Array {
  const { count, order } = request;
  const wanted = count === 0 ? hits.count : Math.min(count, hits.count);
  const all = new Uint32Array(hits.count);
  for (let i = 0; i < all.length; i++) all[i] = i;
  if (order !== 'none') {
    const sign = order === 'asc' ? 1 : -1;
    const { metres } = hits;
    const compare = (a: number, b: number): number =>
      sign * ((metres[a] ?? 0) - (metres[b] ?? 0));
    // Equally far ones stay in the order in which they were found, unless the result is cut.
    if (wanted === hits.count) all.sort((a, b) => compare(a, b) || a - b);
    else sortFirst(all, wanted, compare);
  }
  return all.subarray(0, wanted);
}
