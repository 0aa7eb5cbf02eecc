/**
 * Searches one segment: uploads the filter's bitmap, goes the planned way, and falls back to a scan
 * of the matches when a filtered walk came back short or met far fewer matches than there are
 * (the filter is correlated with the place, and the matches lie elsewhere).
 * Answers are appended to a list of hits; slots become ids in vector-index.ts.
 */
import type { Bitmap } from './attributes/bitmap.ts';
import { E_NOT_FINITE } from './engine/layout.ts';
import { BEAM_ANSWERS_MAX, EF_MAX } from './limits.ts';
import { collectBreadth, planSearch } from './search-plan.ts';
import type { Way } from './search-plan.ts';
import type { Segment } from './segment.ts';
import { VectorError } from './vector-error.ts';
import type { FilterStrategy } from './vector-types.ts';

/** One answer of a segment. */
export interface SlotHit {
  readonly slot: number;
  readonly distance: number;
}

/** What to look for. The query has been set in the segment. */
export interface SegmentQuery {
  readonly k: number;
  readonly ef: number;
  /** Answers must be right, not only near: scan the vectors. */
  readonly isExact: boolean;
  readonly filter: Bitmap | undefined;
  readonly strategy: FilterStrategy;
}

/** Walks that met less than this part of the matches they should have are not trusted. */
const CORRELATED_PART = 1 / 3;

function refuse(result: number): VectorError {
  return result === E_NOT_FINITE
    ? new VectorError('NOT_FINITE', 'a component of the query, or its length, is not finite')
    : new VectorError('MEMORY_LIMIT', 'no memory for marks of visited slots');
}

/** Runs `search` with the bitmap in the engine's memory. */
function withBitmap<Result>(
  segment: Segment, filter: Bitmap | undefined, search: () => Result,
): Result {
  if (filter === undefined) return search();
  const { engine } = segment;
  // Read once: another thread may add slots.
  const { slotCount } = segment;
  const wordCount = ((slotCount + 63) >>> 6) * 2;
  const at = engine.takeBlock(wordCount * 4);
  if (at === 0) throw new VectorError('MEMORY_LIMIT', 'no memory for a filter');
  try {
    const words = engine.i32.subarray(at / 4, at / 4 + wordCount);
    words.fill(0);
    words.set(filter.words.subarray(0, wordCount));
    engine.calls.setBitmap(at, slotCount);
    return search();
  } finally {
    engine.calls.setBitmap(0, 0);
    engine.calls.giveBlock(at, wordCount * 4);
  }
}

function read(segment: Segment, count: number): SlotHit[] {
  if (count < 0) throw refuse(count);
  const hits: SlotHit[] = [];
  for (let i = 0; i < count; i++) {
    hits.push({ slot: segment.slotOf(i), distance: segment.distanceOf(i) });
  }
  return hits;
}

function go(segment: Segment, way: Way, k: number, ef: number, share: number): number {
  const { calls } = segment.engine;
  const ranked = segment.ranked(k, ef);
  switch (way) {
    case 'exact': return calls.exact(k);
    case 'coded': return calls.coded(k, Math.max(2 * k, ranked));
    case 'walk': return calls.walk(k, ef, ranked);
    case 'two-hop': return calls.twoHop(k, ef, ranked);
    case 'collect':
      return calls.collect(k, ef, Math.min(collectBreadth(ef, share), EF_MAX), ranked);
  }
}

/** Everything within a distance in the engine's units, in slot order. */
function scanWithin(segment: Segment, radius: number): SlotHit[] {
  const { engine } = segment;
  let room = 4096;
  for (;;) {
    const blockBytes = room * 8;
    const at = engine.takeBlock(blockBytes);
    if (at === 0) throw new VectorError('MEMORY_LIMIT', 'no memory for the answers');
    try {
      const count = engine.calls.within(radius, at, room);
      if (count < 0) throw refuse(count);
      if (count > room) { room = count; continue; }
      const hits: SlotHit[] = [];
      const isL2 = segment.options.metric === 'l2';
      for (let i = 0; i < count; i++) {
        const d = engine.f32[at / 4 + 2 * i] ?? 0;
        hits.push({ slot: engine.i32[at / 4 + 2 * i + 1] ?? 0, distance: isL2 ? Math.sqrt(d) : d });
      }
      return hits;
    } finally {
      engine.calls.giveBlock(at, blockBytes);
    }
  }
}

/** Hits within a distance, ascending. */
export function searchWithin(
  segment: Segment, distance: number, filter: Bitmap | undefined,
): SlotHit[] {
  // The engine compares in f32; a little slack, then the exact bound on what users see.
  const bound = segment.options.metric === 'l2' ? distance * distance : distance;
  const slack = Math.abs(bound) * 1e-6;
  const hits = withBitmap(segment, filter, () => scanWithin(segment, bound + slack));
  return hits.filter((hit) => hit.distance <= distance)
    .sort((a, b) => a.distance - b.distance || a.slot - b.slot);
}

/** The k nearest of one segment, ascending; fewer only when fewer match. */
export function searchSegment(segment: Segment, query: SegmentQuery): SlotHit[] {
  const matchCount = query.filter?.count();
  const candidates = matchCount ?? segment.liveCount;
  const k = Math.min(query.k, candidates);
  if (k === 0) return [];
  const ef = Math.min(EF_MAX, Math.max(query.ef, k));
  return withBitmap(segment, query.filter, () => {
    if (k > BEAM_ANSWERS_MAX) {
      return scanWithin(segment, Number.POSITIVE_INFINITY)
        .sort((a, b) => a.distance - b.distance || a.slot - b.slot).slice(0, k);
    }
    const way = query.isExact ? 'exact' : planSearch({
      liveCount: segment.liveCount, pendingCount: segment.pendingCount, matchCount, k, ef,
      hasCodes: segment.hasCodes, isTrained: segment.isTrained,
      hasGraph: segment.options.mode !== 'exact', strategy: query.strategy,
    });
    const count = go(segment, way, k, ef, candidates / segment.liveCount);
    if (count < 0 || way === 'exact' || way === 'coded') return read(segment, count);
    if (count < k) return read(segment, segment.engine.calls.exact(k));
    if (matchCount !== undefined) {
      const { calls } = segment.engine;
      const expected = matchCount / segment.liveCount * calls.walkedCount();
      if (calls.walkedAllowedCount() < expected * CORRELATED_PART) {
        return read(segment, calls.exact(k));
      }
    }
    return read(segment, count);
  });
}

