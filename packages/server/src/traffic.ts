/**
 * Rates of a worker: operations, bytes in and bytes out per second, as the mean of the last sixteen
 * samples, which is how INFO's `instantaneous_...` fields are made. Totals live in the shard's
 * statistics, so that CONFIG RESETSTAT clears them; a total that fell since the last sample
 * restarts its rate.
 */
import type { Statistics } from '@kora/core';
import { Stat } from '@kora/core';

/** Samples a rate is the mean of. */
const SAMPLE_COUNT = 16;

class Rate {
  readonly #perSecond = new Float64Array(SAMPLE_COUNT);
  #next = 0;
  #last = 0;

  sample(total: number, elapsedMs: number): void {
    const grown = total >= this.#last ? total - this.#last : total;
    this.#last = total;
    this.#perSecond[this.#next] = (grown * 1000) / elapsedMs;
    this.#next = (this.#next + 1) % SAMPLE_COUNT;
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

  /** Takes a sample; called on every tick. */
  sample(nowMs: number, stats: Statistics): void {
    const elapsedMs = nowMs - this.#lastMs;
    if (elapsedMs <= 0) {
      this.#lastMs = nowMs; // The clock was set back: the next tick measures again.
      return;
    }
    this.#lastMs = nowMs;
    this.operations.sample(stats.counts[Stat.Commands] ?? 0, elapsedMs);
    this.input.sample(stats.counts[Stat.InputBytes] ?? 0, elapsedMs);
    this.output.sample(stats.counts[Stat.OutputBytes] ?? 0, elapsedMs);
  }
}
