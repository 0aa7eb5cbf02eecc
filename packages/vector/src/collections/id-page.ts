/**
 * A page of ids, in the order an index holds them. Cost: the ids passed over and those given.
 */
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
