/**
 * Growth of the parser's two argument tables. Kept out of the hot file because it allocates: it
 * runs once per doubling. A table grows as arguments arrive, never from the count a peer announces,
 * so a header of a few bytes cannot make the parser allocate.
 */

/** Entries of a fresh table. */
export const ARGUMENT_TABLE_ENTRIES = 16;
/** A table above this size is dropped when the next frame or chunk begins. */
export const ARGUMENT_TABLE_ENTRIES_KEPT = 1_024;

/** A table twice as long, holding the same entries. The old one belongs to the caller. */
export function grownTable(table: Int32Array): Int32Array {
  const grown = new Int32Array(table.length * 2);
  grown.set(table);
  return grown;
}
