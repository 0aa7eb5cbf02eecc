/**
 * In which order commands were applied to keys, from their replies alone. Two kinds of keys tell
 * all of it: a counter, whose INCR says the how manieth write it was, and a register, whose
 * `SET key value GET`, with values that are never used twice, names the write it came behind. A
 * read says which write was the last. Cost: O(accesses), in `orderOf`.
 */

/** One access as its reply tells it; `null` is the value of a key that is not there. */
export interface ObservedAccess {
  readonly operation: number;
  readonly isWrite: boolean;
  /** A read: what it saw. A write to a register: the value before it. To a counter: after it. */
  readonly value: string | null;
  /** What a write to a register has put there. */
  readonly written?: string;
}

/** The accesses of a key one after the other; reads of one value have no order among themselves. */
export interface KeyOrder {
  readonly fault: string;
  readonly accesses: readonly ObservedAccess[];
}

/** The order of a counter's accesses. */
export function orderOfCounter(observed: readonly ObservedAccess[]): KeyOrder {
  return orderBy(observed, (value) => Number(value ?? 0));
}

/** The order of a register's accesses. */
export function orderOfRegister(observed: readonly ObservedAccess[]): KeyOrder {
  const next = new Map<string | null, string>();
  for (const { isWrite, value, written } of observed) {
    if (!isWrite || written === undefined) continue;
    if (next.has(value)) return { fault: `two writes came behind ${value}`, accesses: [] };
    next.set(value, written);
  }
  const places = new Map<string | null, number>();
  for (let value: string | null | undefined = null; value !== undefined; value = next.get(value)) {
    if (places.has(value)) return { fault: `${value} came behind itself`, accesses: [] };
    places.set(value, places.size);
  }
  return orderBy(observed, (value, written) => places.get(written ?? value) ?? NaN);
}

/** @param placeOf writes before the state that an access saw or made */
function orderBy(
  observed: readonly ObservedAccess[],
  placeOf: (value: string | null, written: string | undefined) => number,
): KeyOrder {
  const writes: ObservedAccess[] = [];
  const reads: ObservedAccess[][] = [];
  for (const access of observed) {
    const place = placeOf(access.value, access.written);
    if (!Number.isInteger(place)) return { fault: `nobody wrote ${access.value}`, accesses: [] };
    if (!access.isWrite) {
      (reads[place] ??= []).push(access);
      continue;
    }
    if (writes[place] !== undefined) {
      return { fault: `two writes have place ${place}`, accesses: [] };
    }
    writes[place] = access;
  }
  const accesses: ObservedAccess[] = [];
  for (let place = 0; place < Math.max(writes.length, reads.length); place++) {
    const write = writes[place];
    if (write !== undefined) accesses.push(write);
    else if (place > 0) return { fault: `nobody made write ${place}`, accesses: [] };
    accesses.push(...reads[place] ?? []);
  }
  return { fault: '', accesses };
}
