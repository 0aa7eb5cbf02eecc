/**
 * Latency events: what kept a shard busy for `latency-monitor-threshold` and longer, by kind. Of
 * each kind the last 160 seconds in which it happened are kept, a second with its worst, and the
 * worst of all time.
 *   command, fast-command   calls of commands without and with the flag `fast`
 *   expire-cycle, eviction-cycle, active-defrag-cycle
 *                           slices of background work, and evictions before a command
 *   command-unblocking      commands that have waited, when they are served
 * Bounds: the kinds are a closed list of the engine's; SAMPLE_COUNT_MAX samples of each.
 */

/** Seconds kept of one kind. */
export const SAMPLE_COUNT_MAX = 160;

/** The worst of one second. */
export interface LatencySample {
  /** Seconds since 1970. */
  readonly atSeconds: number;
  readonly ms: number;
}

/** What is known of one kind of event. */
export interface LatencySeries {
  readonly event: string;
  /** Oldest first, a second each. */
  readonly samples: readonly LatencySample[];
  /** The worst since the last reset, ms. */
  readonly worstMs: number;
}

export class LatencyEvents {
  readonly #series = new Map<string, { samples: LatencySample[]; worstMs: number }>();

  /** Adds what took `ms` whole milliseconds and has just ended. */
  add(event: string, atSeconds: number, ms: number): void {
    let series = this.#series.get(event);
    if (series === undefined) {
      series = { samples: [], worstMs: 0 };
      this.#series.set(event, series);
    }
    series.worstMs = Math.max(series.worstMs, ms);
    addSample(series.samples, { atSeconds, ms });
  }

  /** Everything, by kind in the order of its first event. */
  all(): LatencySeries[] {
    return [...this.#series].map(([event, { samples, worstMs }]) =>
      ({ event, samples: [...samples], worstMs }));
  }

  /** Forgets these kinds, all when none is named. @returns how many there were */
  reset(events: readonly string[]): number {
    if (events.length === 0) {
      const { size } = this.#series;
      this.#series.clear();
      return size;
    }
    return events.filter((event) => this.#series.delete(event)).length;
  }
}

/** A second has one sample, its worst. */
function addSample(samples: LatencySample[], sample: LatencySample): void {
  const last = samples.at(-1);
  if (last?.atSeconds !== sample.atSeconds) samples.push(sample);
  else if (sample.ms > last.ms) samples[samples.length - 1] = sample;
  if (samples.length > SAMPLE_COUNT_MAX) samples.shift();
}

/** What several shards know, as if one had seen it. */
export function mergeSeries(all: readonly (readonly LatencySeries[])[]): LatencySeries[] {
  const byEvent = new Map<string, LatencySeries[]>();
  for (const one of all) {
    for (const series of one) {
      byEvent.set(series.event, [...(byEvent.get(series.event) ?? []), series]);
    }
  }
  return [...byEvent].map(([event, parts]) => {
    const samples: LatencySample[] = [];
    const sorted = parts.flatMap((part) => part.samples).sort(
      (left, right) => left.atSeconds - right.atSeconds,
    );
    for (const sample of sorted) addSample(samples, sample);
    return { event, samples, worstMs: Math.max(...parts.map((part) => part.worstMs)) };
  });
}
