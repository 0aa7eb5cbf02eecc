/**
 * Chance that can be repeated: the same seed gives the same numbers. For tests and fuzzing only;
 * mulberry32, which is small and good enough to choose inputs.
 */

/** Gives an integer from 0 to count - 1. */
export type Chooser = (count: number) => number;

/** A chooser that depends on nothing but the seed. */
export function seededChooser(seed: number): Chooser {
  let state = seed | 0;
  return (count) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * count);
  };
}

/** One of the items. */
export function pick<Item>(choose: Chooser, items: readonly [Item, ...Item[]]): Item {
  return items[choose(items.length)] ?? items[0];
}
