/**
 * The parts of an independent or conditional command: for every shard the same command with the
 * keys that live there, each with the arguments that belong to it (MSET's values), and everything
 * that stands before the first and after the last key.
 *   MSETEX 3  a 1  b 2  c 3  EX 60   with a and c on one shard:   MSETEX #  a 1  c 3  EX 60
 * A part is a list of argument indices of the original frame; PART_KEY_COUNT stands where the
 * number of the part's keys goes (#). Keys keep their order, so a key that comes twice works as in
 * one piece. Also the other way round: which key of the command a part's reply element is about.
 * Cost: O(keys + shards) for all parts together; nothing allocated but by doubling.
 */
import { assert } from '../assert.ts';
import type { CommandReach } from './across-shards.ts';
import type { PlannedKeys } from './plan.ts';

/** In place of an argument index: the number of keys of the part, as text. */
export const PART_KEY_COUNT = -1;

const FIRST_KEYS = 64;

export class ArgumentSplitter {
  readonly #workerCount: number;
  /** First position in `#order` of every shard; one more than shards. */
  readonly #starts: Int32Array;
  /** Positions among the command's keys, grouped by shard, ascending within one. */
  #order: Int32Array;
  #keyAt: Int32Array;
  #argumentCount: number;
  #firstKeyAt: number;
  #endOfKeys: number;
  /** Arguments from one key to the next. */
  #step: number;
  /** Argument index of the number of keys; 0 = the command has none. */
  #countAt: number;

  constructor(workerCount: number) {
    this.#workerCount = workerCount;
    this.#starts = new Int32Array(workerCount + 1);
    this.#order = new Int32Array(FIRST_KEYS);
    this.#keyAt = new Int32Array(0);
    this.#argumentCount = 0;
    this.#firstKeyAt = 0;
    this.#endOfKeys = 0;
    this.#step = 1;
    this.#countAt = 0;
  }

  /**
   * Splits a command of `argumentCount` arguments whose keys are `keys` (of the planner, borrowed:
   * the parts have to be read before it plans again).
   */
  split(reach: CommandReach, argumentCount: number, keys: PlannedKeys): void {
    const spec = reach.specs[0]?.spec;
    assert(spec !== undefined && reach.specs.length === 1, 'what is split has one kind of keys');
    assert(spec.find.kind !== 'unknown' && keys.count > 0, 'what is split has keys');
    this.#argumentCount = argumentCount;
    this.#keyAt = keys.at;
    this.#step = spec.find.step;
    this.#firstKeyAt = keys.at[0] ?? 0;
    this.#endOfKeys = (keys.at[keys.count - 1] ?? 0) + this.#step;
    assert(this.#endOfKeys <= argumentCount, 'every key has the arguments that belong to it');
    const isCounted = spec.find.kind === 'keynum';
    this.#countAt = isCounted && spec.begin.kind === 'index' ? spec.begin.index : 0;
    this.#group(keys);
  }

  /** Keys of a shard's part; 0 = it has none. */
  keyCount(shard: number): number {
    return (this.#starts[shard + 1] ?? 0) - (this.#starts[shard] ?? 0);
  }

  /** Position, among all keys of the command, of the part's i-th key. */
  keyOf(shard: number, i: number): number {
    return this.#order[(this.#starts[shard] ?? 0) + i] ?? 0;
  }

  /** Arguments of a shard's part. */
  argumentCount(shard: number): number {
    const around = this.#firstKeyAt + this.#argumentCount - this.#endOfKeys;
    return around + this.keyCount(shard) * this.#step;
  }

  /** Writes the part's argument indices to `into`, which has room for them; their number. */
  copyArguments(shard: number, into: Int32Array): number {
    const keyCount = this.keyCount(shard);
    let count = 0;
    for (let i = 0; i < this.#firstKeyAt; i++) {
      into[count++] = i !== 0 && i === this.#countAt ? PART_KEY_COUNT : i;
    }
    for (let k = 0; k < keyCount; k++) {
      const keyAt = this.#keyAt[this.keyOf(shard, k)] ?? 0;
      for (let i = 0; i < this.#step; i++) into[count++] = keyAt + i;
    }
    for (let i = this.#endOfKeys; i < this.#argumentCount; i++) into[count++] = i;
    assert(count === this.argumentCount(shard), 'a part has as many arguments as it says');
    return count;
  }

  /** Counting sort of the keys by shard. */
  #group(keys: PlannedKeys): void {
    if (this.#order.length < keys.count) {
      this.#order = new Int32Array(Math.max(keys.count, this.#order.length * 2));
    }
    const starts = this.#starts.fill(0);
    for (let k = 0; k < keys.count; k++) {
      const next = (keys.shard[k] ?? 0) + 1;
      starts[next] = (starts[next] ?? 0) + 1;
    }
    for (let shard = 0; shard < this.#workerCount; shard++) {
      starts[shard + 1] = (starts[shard + 1] ?? 0) + (starts[shard] ?? 0);
    }
    // Filled from the back, each shard's end moves to its start.
    for (let k = keys.count - 1; k >= 0; k--) {
      const end = (keys.shard[k] ?? 0) + 1;
      const at = (starts[end] ?? 0) - 1;
      starts[end] = at;
      this.#order[at] = k;
    }
    for (let shard = 0; shard < this.#workerCount; shard++) {
      starts[shard] = starts[shard + 1] ?? 0;
    }
    starts[this.#workerCount] = keys.count;
  }
}
