/**
 * Rates of a worker: operations, bytes in and bytes out per second, as the mean of the last sixteen
 * spans of SAMPLE_MS, which is how INFO's `instantaneous_...` fields are made. A look that comes
 * after several spans fills that many with their mean, so that a worker may tick seldom while it
 * has nothing to do. Totals live in the shard's statistics, so that CONFIG RESETSTAT clears them;
 * a total that fell since the last sample restarts its rate.
 */
import type { Statistics } from '@kora/core';
import { Stat } from '@kora/core';

/** Samples a rate is the mean of. */
const SAMPLE_COUNT = 16;
/** The time that one of them stands for. */
const SAMPLE_MS = 100;

class Rate {
  readonly #perSecond = new Float64Array(SAMPLE_COUNT);
  #next = 0;
  #last = 0;

  /** @param count places that the sample fills, at most all */
  sample(total: number, elapsedMs: number, count: number): void {
    const grown = total >= this.#last ? total - this.#last : total;
    this.#last = total;
    for (let i = 0; i < count; i++) {
      this.#perSecond[this.#next] = (grown * 1000) / elapsedMs;
      this.#next = (this.#next + 1) % SAMPLE_COUNT;
    }
  }

  get mean(): number {
    let sum = 0;
    for (const value of this.#perSecond) sum += value;
    return sum / SAMPLE_COUNT;
  }
}

export class Traffic {
  readonly operations = new Rate();
  readonly input = new Rate();
  readonly output = new Rate();
  #lastMs = 0;

  /**
   * Takes a sample, when one is due; on every tick, and before a rate is read, for a worker may not
   * have ticked for long.
   */
  sample(nowMs: number, stats: Statistics): void {
    const elapsedMs = nowMs - this.#lastMs;
    if (elapsedMs < 0) this.#lastMs = nowMs; // The clock was set back: measured from here on.
    const count = Math.min(SAMPLE_COUNT, Math.round(elapsedMs / SAMPLE_MS));
    if (count < 1) return;
    this.#lastMs = nowMs;
    this.operations.sample(stats.counts[Stat.Commands] ?? 0, elapsedMs, count);
    this.input.sample(stats.counts[Stat.InputBytes] ?? 0, elapsedMs, count);
    this.output.sample(stats.counts[Stat.OutputBytes] ?? 0, elapsedMs, count);
  }
}
