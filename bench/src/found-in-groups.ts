/**
 * The batched get of the dict benchmarks: keys that lie one after another in low memory are looked
 * up in groups, so that their cache misses overlap.
 */
import type { Dict } from '@kora/core/testing';

/** Where the keys lie, and the list of records that a batched find takes. */
export interface PlacedKeys {
  readonly keysAt: number;
  readonly keyBytes: number;
  readonly count: number;
  readonly listAt: number;
}

/** Keys found, `group` looked up at a time. */
export function foundInGroups(dict: Dict, keys: PlacedKeys, group: number): number {
  const { i32 } = dict.memory;
  const { keysAt, keyBytes, count, listAt } = keys;
  let found = 0;
  for (let first = 0; first < count; first += group) {
    for (let i = 0; i < group; i++) {
      i32[listAt / 4 + i * 4] = keysAt + (first + i) * keyBytes;
      i32[listAt / 4 + i * 4 + 1] = keyBytes;
    }
    dict.findBatch(listAt, group);
    for (let i = 0; i < group; i++) if (i32[listAt / 4 + i * 4 + 3] !== 0) found++;
  }
  return found;
}
