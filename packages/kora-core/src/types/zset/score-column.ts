/**
 * A column of scores that grows to what a command needs and lets go of a very long one: where a
 * parser keeps numbers between reading and storing them.
 * Cost: nothing is allocated once it has grown.
 */

const FIRST_CAPACITY = 64;
/** A column longer than this is not kept for the next command. */
const KEPT_MAX = 16_384;

export class ScoreColumn {
  values = new Float64Array(FIRST_CAPACITY);

  /** The column with room for `count` scores; those of the command before are forgotten. */
  ensure(count: number): Float64Array {
    const { length } = this.values;
    if (count > length || (length > KEPT_MAX && count <= FIRST_CAPACITY)) {
      this.values = new Float64Array(Math.max(count, FIRST_CAPACITY));
    }
    return this.values;
  }
}
