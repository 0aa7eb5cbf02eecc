/**
 * The keys that COMMAND GETKEYS shows of a line. A line that fits the key specifications has the
 * keys that they find. One that does not is looked at a second time, as Redis does with code of its
 * own for each command: a count is read as C's atoi reads it, and the keys it counts come before
 * the key that is written to; of STORE and STOREDIST the last one with a word behind it counts.
 * Routing never takes the second way: what does not fit is the command's own error.
 * Cost: O(arguments). Source: replies of redis-server 7.0.
 */
import type { KeySpec } from './key-spec.ts';
import { findKeys } from './key-spec.ts';

/** A key of a line. */
export interface ShownKey {
  /** Argument index; the command's name is 0. */
  readonly index: number;
  /** What the command does with it; undefined where nothing is told. */
  readonly spec: KeySpec | undefined;
}

/** First argument that can be STORE where its keyword's specification found nothing. */
const STORE_FROM = 5;

/**
 * Keys of a line of a command, in the order in which Redis shows them; none when it has none.
 * @param argument text of argument i
 */
export function shownKeys(
  specs: readonly KeySpec[], argumentCount: number, argument: (index: number) => string,
): readonly ShownKey[] {
  const found: ShownKey[] = [];
  const indices: number[] = [];
  for (const spec of specs) {
    const count = findKeys([spec], argumentCount, argument, indices);
    if (count < 0 || (count === 0 && spec.find.kind === 'keynum')) {
      return keysLookedFor(specs, argumentCount, argument);
    }
    for (const index of indices) found.push({ index, spec });
  }
  return found;
}

function keysLookedFor(
  specs: readonly KeySpec[], argumentCount: number, argument: (index: number) => string,
): readonly ShownKey[] {
  const fixed = specs.filter(({ begin, find }) => begin.kind === 'index' && find.kind === 'range');
  const indices: number[] = [];
  if (findKeys(fixed, argumentCount, argument, indices) < 0) return [];
  const keys = fixed.flatMap((spec, i) => {
    const index = indices[i];
    return index === undefined ? [] : [{ index, spec }];
  });
  const counted = specs.find(({ find }) => find.kind === 'keynum');
  if (counted !== undefined) {
    const read = countedKeys(counted, argumentCount, argument);
    return [...read, ...(read.length === 0 ? [] : indices)].map((index) =>
      ({ index, spec: undefined }));
  }
  // Without a fixed key there is nothing but the keyword that was not found.
  if (keys.length === 0) return [];
  const stored = storeKey(specs, argumentCount, argument);
  return stored === undefined ? keys : [...keys, stored];
}

/** Keys of a count that is as lax as atoi; none when there are not as many. */
function countedKeys(
  spec: KeySpec, argumentCount: number, argument: (index: number) => string,
): readonly number[] {
  if (spec.begin.kind !== 'index' || spec.find.kind !== 'keynum') return [];
  const { keynumIndex, firstKey, step } = spec.find;
  const countAt = spec.begin.index + keynumIndex;
  const first = spec.begin.index + firstKey;
  const text = countAt < argumentCount ? argument(countAt) : '';
  const [digits = '0'] = /^\s*[+-]?\d+/.exec(text) ?? [];
  const count = Number(digits) | 0; // atoi cuts a number to 32 bits.
  if (count < 1 || count > Math.floor((argumentCount - first) / step)) return [];
  return Array.from({ length: count }, (_, i) => first + i * step);
}

/** The key behind the last keyword that has one, whichever keyword it is. */
function storeKey(
  specs: readonly KeySpec[], argumentCount: number, argument: (index: number) => string,
): ShownKey | undefined {
  let found: ShownKey | undefined;
  for (let i = STORE_FROM; i + 1 < argumentCount; i++) {
    const word = argument(i).toUpperCase();
    const spec = specs.find(({ begin }) => begin.kind === 'keyword' && begin.keyword === word);
    if (spec !== undefined) found = { index: ++i, spec };
  }
  return found;
}
