/**
 * A page of ids, in the order an index holds them: of all, or of those whose attributes match a
 * filter. Cost: the ids passed over and those given; with a filter all ids, and one selection.
 */
import { parseFilter } from '../filter/expression.ts';
import { selectSlots } from '../filter/selection.ts';
import type { VectorIndex } from '../vector-index.ts';
import { checkCount } from '../vector-types.ts';
import type { VectorId } from '../vector-types.ts';

/** Some of the ids, and how many there are in all. */
export interface IdPage {
  readonly ids: VectorId[];
  readonly total: number;
  /** Whether more come behind this page. */
  readonly hasMore: boolean;
}

/**
 * Ids `offset` up to `offset + limit` of an index, or of anything with ids.
 * @throws VectorError COUNT
 */
export function listIds(
  source: { ids(): Iterable<VectorId>; readonly size: number },
  page: { readonly offset?: number; readonly limit?: number } = {},
): IdPage {
  const { offset = 0, limit = Number.MAX_SAFE_INTEGER } = page;
  checkCount('offset', offset);
  checkCount('limit', limit);
  const ids: VectorId[] = [];
  let at = 0;
  for (const id of source.ids()) {
    if (ids.length >= limit) break;
    if (at++ >= offset) ids.push(id);
  }
  return { ids, total: source.size, hasMore: offset + ids.length < source.size };
}

/**
 * As listIds, of those that match a filter; `total` is how many do.
 * @throws VectorError COUNT, FILTER
 */
export function listMatching(
  index: VectorIndex, filter: string,
  page: { readonly offset?: number; readonly limit?: number } = {},
): IdPage {
  const expression = parseFilter(filter);
  const matching: VectorId[] = [];
  for (const { ids, attributes } of index.parts()) {
    const selected = selectSlots(expression, attributes);
    for (const [slot, id] of ids.entries()) {
      if (id !== undefined && selected.has(slot)) matching.push(id);
    }
  }
  return listIds({ ids: () => matching, size: matching.length }, page);
}
