/**
 * What the packed lists of the RDB format have in common for those who load them: listpacks of
 * Redis 7, ziplists and zipmaps of older versions, intsets.
 */

/** Elements of one packed list, in order. Each lies at `reader.at`, `reader.bytes`. */
export interface ElementReader {
  /** Elements that are left; 0 = the end was reached and is sound. */
  readonly left: number;
  /**
   * Reads the next element into the low memory of the RdbReader (integers as their decimal text).
   * @throws {RdbError} `format` when the list does not hold together or has no more
   */
  next(): void;
  /**
   * As `next`, and the element as a signed 64-bit integer in `high`, `low` (int32 words).
   * @throws {RdbError} `format` also when it is none
   */
  nextInteger(): void;
  /** Words that `nextInteger` read. */
  readonly high: number;
  readonly low: number;
}
