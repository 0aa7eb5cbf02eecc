/**
 * Which way a search goes in one segment. Costs are counted in distances, not in time, so that the
 * same calls take the same ways on every machine.
 *   a walk of breadth ef computes about 12 ef + 200 distances at random places in memory;
 *   a scan computes one for every slot, in order, at about half the price of a random one.
 * Without a filter: scan while that is cheaper or little is linked. With one: s of n slots match;
 *   a scan of the matches is always right and wins up to surprisingly large s; from two fifths on
 *   the plain walk collects them; between, the walk steps over what does not match, but never below
 *   a twentieth, where the matching part of the graph falls apart.
 * Measured on 50 k x 128 (docs/internals/vector.md).
 */
import { BEAM_ANSWERS_MAX, EF_MAX } from './limits.ts';
import type { FilterStrategy } from './vector-types.ts';

/** A way to search. */
export type Way = 'exact' | 'coded' | 'walk' | 'two-hop' | 'collect';

/** What the plan is made from. */
export interface PlanFacts {
  readonly liveCount: number;
  /** Stored but not yet in the graph. */
  readonly pendingCount: number;
  /** Slots that match the filter; undefined without one. */
  readonly matchCount: number | undefined;
  readonly k: number;
  readonly ef: number;
  readonly hasCodes: boolean;
  readonly isTrained: boolean;
  readonly hasGraph: boolean;
  readonly strategy: FilterStrategy;
}

const TWO_HOP_SHARE_MIN = 0.05;
const COLLECT_SHARE_MIN = 0.4;
const COLLECT_BREADTH = 4;
/** A filter makes a walk at most this many times as long before a scan is taken. */
const STRETCH_MAX = 8;
/** Slots below which scanning the vectors is not slower than scanning codes and ranking. */
const CODED_SCAN_MIN = 1000;

/** Distances that a walk of this breadth computes, about. */
export function walkDistances(ef: number): number {
  return 12 * ef + 200;
}

/** Breadth of an unfiltered beam in which ef matches may be expected, when they are a share. */
export function collectBreadth(ef: number, share: number): number {
  return Math.ceil(ef * Math.max(COLLECT_BREADTH, 1.5 / share));
}

function scanWay(facts: PlanFacts, slotCount: number): Way {
  const isCoded = facts.hasCodes && facts.isTrained && slotCount > CODED_SCAN_MIN;
  return isCoded && facts.k * 2 < BEAM_ANSWERS_MAX ? 'coded' : 'exact';
}

/** Chooses the way. The caller falls back to `exact` when a filtered walk finds too little. */
export function planSearch(facts: PlanFacts): Way {
  const { liveCount: n, matchCount, k } = facts;
  const ef = Math.max(facts.ef, k);
  const candidates = matchCount ?? n;
  if (!facts.hasGraph || !facts.isTrained || facts.pendingCount * 2 > n) {
    return facts.hasGraph ? scanWay(facts, candidates) : 'exact';
  }
  if (k * 4 >= candidates) return scanWay(facts, candidates);
  if (matchCount !== undefined && facts.strategy !== 'auto') {
    const isWalked = facts.strategy === 'post' && collectBreadth(ef, matchCount / n) <= EF_MAX;
    return isWalked ? 'collect' : scanWay(facts, candidates);
  }
  const walk = walkDistances(ef);
  if (matchCount === undefined) return n <= 2 * walk ? scanWay(facts, n) : 'walk';
  const share = matchCount / n;
  if (matchCount <= walk * Math.min(STRETCH_MAX, 1 / share) || share < TWO_HOP_SHARE_MIN) {
    return scanWay(facts, matchCount);
  }
  return share >= COLLECT_SHARE_MIN ? 'collect' : 'two-hop';
}
