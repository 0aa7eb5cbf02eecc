/**
 * Random choices for the commands that draw elements (HRANDFIELD and its sisters): uniform, without
 * the bias of a remainder, from the engine's own generator.
 */
import { assert } from '../../assert.ts';
import type { Chance } from '../../platform/platform.ts';

/**
 * Elements that a negative count may ask for. Redis would go on until memory or client is gone;
 * docs/differences.md names this bound.
 */
export const REPEATED_DRAWS_MAX = 16_777_216;

const TWO_32 = 4_294_967_296;

/** An integer from 0 to `limit` - 1, each as likely as any other; `limit` is 1 .. 2^32. */
export function drawBelow(chance: Chance, limit: number): number {
  assert(limit >= 1, 'something is drawn from'); // Without it the loop below has no end.
  const fair = TWO_32 - (TWO_32 % limit);
  for (;;) {
    const drawn = chance.next32() >>> 0;
    if (drawn < fair) return drawn % limit;
  }
}

/**
 * Puts `wanted` of the first `count` items, chosen by chance, at the front: the first steps of a
 * Fisher-Yates shuffle, so each choice in each order is as likely as any other.
 */
export function shuffleFront(
  chance: Chance, items: number[] | Uint32Array | Int32Array, count: number, wanted: number,
): void {
  for (let i = 0; i < wanted; i++) {
    const other = i + drawBelow(chance, count - i);
    const item = items[other] ?? 0;
    items[other] = items[i] ?? 0;
    items[i] = item;
  }
}
