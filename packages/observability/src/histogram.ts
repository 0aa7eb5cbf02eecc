/**
 * A histogram of durations with a bounded relative error: 128 cells for every doubling, single
 * nanoseconds below 256, so a value read back is at most 1/128 above the one recorded.
 *
 *   cell 0..255                ns 0..255, one each
 *   cell 128 + o*128 .. +127   ns 2^(7+o) .. 2^(8+o) - 1, in 128 steps of 2^o        o = 1..22
 *
 * Counts are doubles: exact below 2^53. Cells are allocated by the doubling, up to the longest
 * duration seen: 24 KiB at most, 10 KiB where nothing takes longer than 130 us. Durations beyond
 * 2^30 - 1 ns (1.07 s) are recorded as that.
 * Cost: recording is a count of leading zeros and one addition; 10 ns.
 * Source: Gil Tene's HdrHistogram, with two significant digits.
 */
import { assert } from '@kora/core';

/** Cells of one doubling. */
const STEPS = 128;
const STEP_BITS = 7;
/** Below this each nanosecond has a cell. */
const EXACT_NS = 256;
/** Longest duration that is told apart. */
export const DURATION_NS_MAX = 2 ** 30 - 1;
const CELLS_MAX = 24 * STEPS;
/** First and last level of `cumulative`, ns: powers of two. */
const FIRST_LEVEL_NS = 1024;
const LAST_LEVEL_NS = 2 ** 29;

/** A point of a cumulative distribution. */
export interface CumulativePoint {
  /** The longest duration counted here, in whole microseconds. */
  readonly us: number;
  /** Durations up to it. */
  readonly count: number;
}

/** A histogram as plain data: cell and count in turn, cells ascending. */
export type HistogramCells = readonly number[];

/** Histograms of several commands as plain data: command index and cells. */
export type HistogramTable = readonly (readonly [number, HistogramCells])[];

function cellOf(ns: number): number {
  if (ns < EXACT_NS) return ns;
  const octave = 31 - Math.clz32(ns) - STEP_BITS;
  return octave * STEPS + (ns >>> octave);
}

/** Shortest duration of a cell, ns. */
function lowestOf(cell: number): number {
  if (cell < EXACT_NS) return cell;
  const octave = (cell >> STEP_BITS) - 1;
  return ((cell & (STEPS - 1)) + STEPS) << octave;
}

/** Longest duration of a cell, ns. */
function highestOf(cell: number): number {
  return cell < EXACT_NS ? cell : lowestOf(cell) + 2 ** ((cell >> STEP_BITS) - 1) - 1;
}

export class Histogram {
  /** Durations recorded. */
  total = 0;
  #counts = new Float64Array(EXACT_NS);

  /**
   * Records a duration.
   * @param ns a fraction is rounded; below 1 it counts as 1, beyond DURATION_NS_MAX as that
   * @param count how often, at least 1
   */
  record(ns: number, count = 1): void {
    const bounded = ns <= 1 ? 1 : ns >= DURATION_NS_MAX ? DURATION_NS_MAX : Math.round(ns);
    const cell = cellOf(bounded);
    if (cell >= this.#counts.length) this.#growTo(cell);
    this.#counts[cell] = (this.#counts[cell] ?? 0) + count;
    this.total += count;
  }

  /** Adds what another one has recorded. */
  merge(other: Histogram): void {
    this.add(other.cells());
  }

  /** Cells that are not empty. */
  cells(): HistogramCells {
    const cells: number[] = [];
    this.#counts.forEach((count, cell) => {
      if (count !== 0) cells.push(cell, count);
    });
    return cells;
  }

  /** Adds cells of another one. */
  add(cells: HistogramCells): void {
    for (let i = 0; i + 1 < cells.length; i += 2) {
      const cell = cells[i] ?? 0;
      const count = cells[i + 1] ?? 0;
      assert(cell >= 0 && cell < CELLS_MAX, 'a cell is one of a histogram');
      if (cell >= this.#counts.length) this.#growTo(cell);
      this.#counts[cell] = (this.#counts[cell] ?? 0) + count;
      this.total += count;
    }
  }

  /**
   * The duration that `percent` of all do not exceed: the longest of its cell, the shortest for 0.
   * @param percent 0 to 100
   * @returns ns; 0 when nothing was recorded
   */
  percentile(percent: number): number {
    if (this.total === 0) return 0;
    const wanted = Math.max(1, Math.floor((percent / 100) * this.total + 0.5));
    let seen = 0;
    let cell = 0;
    for (; cell < this.#counts.length; cell++) {
      seen += this.#counts[cell] ?? 0;
      if (seen >= wanted) break;
    }
    return percent === 0 ? lowestOf(cell) : highestOf(cell);
  }

  /** How many took up to 1, 2, 4, 8, 16, 33 ... us; levels that add nothing are left out. */
  cumulative(): CumulativePoint[] {
    const points: CumulativePoint[] = [];
    let cell = 0;
    let count = 0;
    let before = 0;
    for (let level = FIRST_LEVEL_NS; level <= LAST_LEVEL_NS; level *= 2) {
      const last = cellOf(level);
      for (; cell <= last && cell < this.#counts.length; cell++) count += this.#counts[cell] ?? 0;
      if (count > before) points.push({ us: Math.floor(highestOf(last) / 1000), count });
      before = count;
    }
    const rest = { us: Math.floor(DURATION_NS_MAX / 1000), count: this.total };
    if (this.total > before) points.push(rest);
    return points;
  }

  #growTo(cell: number): void {
    const length = (Math.floor(cell / STEPS) + 1) * STEPS;
    const counts = new Float64Array(Math.min(length, CELLS_MAX));
    counts.set(this.#counts);
    this.#counts = counts;
  }
}
