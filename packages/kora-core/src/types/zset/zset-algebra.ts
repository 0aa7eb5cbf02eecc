/**
 * Union, intersection and difference of sorted sets and sets, as ZUNION, ZINTER, ZDIFF and their
 * sisters have them. The members of a set score 1.
 *
 * No table of members met so far: a member belongs to the first source that has it, and what the
 * others say of it is looked up. So every member of the result comes once, with its last score.
 * Order of adding up: sources from the smallest to the largest, ties as they were named, so that
 *   sums of fractions come out as in Redis. A sum that is no number (inf - inf) is 0; so is a
 *   weighted score (0 * inf) with which a member enters.
 * Cost: O(members of the sources x sources) lookups for a union; an intersection walks the smallest
 *   source, a difference the first. Nothing is allocated in the arena.
 */
import type { Shard } from '../../shard/shard.ts';
import type { ScoredMembers } from './scored-members.ts';
import type { AlgebraSource } from './zset-sources.ts';
import { eachMember, scoreIn } from './zset-sources.ts';

/** What becomes of the scores of one member in several sources. */
export const Aggregate = Object.freeze({ Sum: 1, Min: 2, Max: 3 } as const);

/** The score with which a member enters: weighted; 0 when that is no number. */
function firstScore(source: AlgebraSource, score: number): number {
  const weighted = source.weight * score;
  return Number.isNaN(weighted) ? 0 : weighted;
}

function aggregated(aggregate: number, score: number, other: number): number {
  if (aggregate === Aggregate.Min) return other < score ? other : score;
  if (aggregate === Aggregate.Max) return other > score ? other : score;
  const sum = score + other;
  return Number.isNaN(sum) ? 0 : sum;
}

function bySize(sources: readonly AlgebraSource[]): AlgebraSource[] {
  return [...sources].sort((a, b) => a.count - b.count);
}

/** Adds the members of any source to `into`. */
export function unite(
  shard: Shard, sources: readonly AlgebraSource[], aggregate: number, into: ScoredMembers,
): void {
  const ordered = bySize(sources);
  ordered.forEach((source, place) => {
    const earlier = ordered.slice(0, place);
    const later = ordered.slice(place + 1);
    eachMember(shard, source, (at, bytes, ownScore) => {
      if (earlier.some((other) => !Number.isNaN(scoreIn(shard, other, at, bytes)))) return true;
      let score = firstScore(source, ownScore);
      for (const other of later) {
        const theirs = scoreIn(shard, other, at, bytes);
        if (Number.isNaN(theirs)) continue;
        score = aggregated(aggregate, score, firstScore(other, theirs));
      }
      into.add(at, bytes, score);
      return true;
    });
  });
}

/** Adds the members that all sources have to `into`. */
export function intersect(
  shard: Shard, sources: readonly AlgebraSource[], aggregate: number, into: ScoredMembers,
): void {
  const [smallest, ...others] = bySize(sources);
  if (smallest === undefined) return;
  eachMember(shard, smallest, (at, bytes, ownScore) => {
    let score = firstScore(smallest, ownScore);
    for (const other of others) {
      const theirs = scoreIn(shard, other, at, bytes);
      if (Number.isNaN(theirs)) return true;
      score = aggregated(aggregate, score, other.weight * theirs);
    }
    into.add(at, bytes, score);
    return true;
  });
}

/** Members that all sources have. @param limit counting stops there; 0 = never */
export function countCommon(
  shard: Shard, sources: readonly AlgebraSource[], limit: number,
): number {
  const [smallest, ...others] = bySize(sources);
  if (smallest === undefined) return 0;
  let count = 0;
  eachMember(shard, smallest, (at, bytes) => {
    if (others.some((other) => Number.isNaN(scoreIn(shard, other, at, bytes)))) return true;
    count++;
    return count !== limit;
  });
  return count;
}

/** Adds the members of the first source that no other has to `into`, with their scores. */
export function subtract(
  shard: Shard, sources: readonly AlgebraSource[], into: ScoredMembers,
): void {
  const [first, ...rest] = sources;
  if (first === undefined) return;
  // The largest is the likeliest to have a member.
  const others = bySize(rest).reverse();
  eachMember(shard, first, (at, bytes, score) => {
    if (others.some((other) => !Number.isNaN(scoreIn(shard, other, at, bytes)))) return true;
    into.add(at, bytes, score);
    return true;
  });
}
