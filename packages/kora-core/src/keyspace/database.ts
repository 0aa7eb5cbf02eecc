/**
 * One logical database of a shard: the dict of its entries and the wheel of its deadlines, both in
 * the arena.
 * A database without keys costs nothing: dict and wheel are made at the first use. SWAPDB exchanges
 * two of these objects. Owner: one shard.
 */
import type { Dict } from '../structs/dict.hot.ts';
import type { TimingWheel } from '../structs/timing-wheel.hot.ts';

export class Database {
  /** Number by which SELECT knows it; changes only in SWAPDB. */
  index: number;
  readonly dict: Dict;
  readonly wheel: TimingWheel;
  /** Keys with an expiry. */
  expiringCount = 0;
  /** Keys with elements that have deadlines, as the last rebuild of the wheel counted them. */
  timedAtRebuild = 0;
  /** Its number when the snapshot began that runs. */
  indexAtCut = 0;

  constructor(index: number, dict: Dict, wheel: TimingWheel) {
    this.index = index;
    this.dict = dict;
    this.wheel = wheel;
  }

  /** Number of keys, those due but not yet freed included. */
  get count(): number {
    return this.dict.header === 0 ? 0 : this.dict.count();
  }
}
