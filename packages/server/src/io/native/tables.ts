/**
 * Flat tables that grow by doubling, for the columns of connections and queues. Rare: growth
 * happens as often as the number of connections doubles.
 */

/** A table at least `length` long with the contents of the other; a power-of-two multiple of it. */
export function grownInt32(table: Int32Array, length: number): Int32Array {
  const larger = new Int32Array(doubledLength(table.length, length));
  larger.set(table);
  return larger;
}

/** As grownInt32, for doubles. */
export function grownFloat64(table: Float64Array, length: number): Float64Array {
  const larger = new Float64Array(doubledLength(table.length, length));
  larger.set(table);
  return larger;
}

function doubledLength(from: number, atLeast: number): number {
  let length = from;
  while (length < atLeast) length *= 2;
  return length;
}
