/**
 * What is observed of one shard: a histogram for each command that was called, its slow log and its
 * latency events. `observe` attaches it to a composed engine; from then on the settings
 * slowlog-*, latency-tracking and latency-monitor-threshold do what they say, and INFO has
 * latencystats. Commands find it through `observationOf`.
 * Exact: calls that the engine times (core, CommandTimer), which are all that can take long. Calls
 *   that are not timed stand in the histogram as long as the timed one before them.
 * Bounds: a histogram for each command of the table, SlowLog's and LatencyEvents' own.
 * Cost: a timed call pays about 20 ns here, an entry of the slow log a few microseconds.
 */
import type {
  ArgFrame, ClientState, Command, ComposedShard, Cycle, Settings, Shard, ShardObserver,
} from '@kora/core';
import { AssertionError, Flag } from '@kora/core';
import type { HistogramCells, HistogramTable } from './histogram.ts';
import { Histogram } from './histogram.ts';
import { LatencyEvents } from './latency-events.ts';
import { latencyLines, mergeHistograms } from './latency-info.ts';
import { excerptOf } from './shown-arguments.ts';
import type { SlowLogIds } from './slow-log.ts';
import { SlowLog } from './slow-log.ts';

const US_PER_MS = 1000;
const NS_PER_US = 1000;
/** Below this threshold of the slow log every call is timed. */
const EVERY_CALL_US = 1000;

/** A call that goes into the slow log, without who asked for it. */
export interface SlowCall {
  readonly us: number;
  readonly words: readonly string[];
}

/** What a host adds. */
export interface ObserveOptions {
  /** Ids of the slow log that several shards share; default: of its own. */
  readonly slowLogIds?: SlowLogIds;
  /**
   * Takes a slow call whose client is known elsewhere, and who has it logged there by `logCall`.
   * False: it is logged here.
   */
  readonly forwardSlow?: (client: ClientState, call: SlowCall) => boolean;
}

export class Observation implements ShardObserver {
  readonly slowLog: SlowLog;
  readonly events = new LatencyEvents();
  watchesCycles = false;
  wantsEveryCall = false;
  readonly #shard: Shard;
  readonly #histograms: (Histogram | undefined)[] = [];
  readonly #forward: ObserveOptions['forwardSlow'];
  #isTracking = true;
  /** Infinity = off. */
  #slowUs = Infinity;
  #eventUs = Infinity;
  /** Excerpt of a call with big arguments that is under way. */
  #noted: readonly string[] = [];

  constructor(shard: Shard, options: ObserveOptions) {
    this.#shard = shard;
    this.slowLog = new SlowLog(options.slowLogIds);
    this.#forward = options.forwardSlow;
  }

  /** Follows the settings, now and at every change. */
  bind(settings: Settings): void {
    settings.bind('slowlog-log-slower-than', ({ number }) => {
      this.#slowUs = number < 0 ? Infinity : number;
      this.wantsEveryCall = number >= 0 && number < EVERY_CALL_US;
      this.#shard.timer.follow();
    });
    settings.bind('slowlog-max-len', ({ number }) => {
      this.slowLog.entryCountMax = number;
    });
    settings.bind('latency-monitor-threshold', ({ number }) => {
      this.#eventUs = number === 0 ? Infinity : number * US_PER_MS;
      this.watchesCycles = number > 0;
    });
    settings.bind('latency-tracking', ({ number }) => {
      this.#isTracking = number === 1;
    });
  }

  // ------------------------------------------------------------------ what happens

  noteArguments(command: Command, frame: ArgFrame): void {
    const isOfInterest = this.#slowUs !== Infinity && (command.flags & Flag.SkipSlowlog) === 0;
    this.#noted = isOfInterest ? excerptOf(this.#shard, command, frame) : [];
  }

  onCall(command: Command, frame: ArgFrame, us: number, isNoted: boolean): void {
    if (this.#isTracking) this.#histogram(command.index).record(us * NS_PER_US);
    const whole = Math.floor(us);
    if (whole >= this.#eventUs) {
      this.#addEvent((command.flags & Flag.Fast) === 0 ? 'command' : 'fast-command', whole);
    }
    if (whole < this.#slowUs || (command.flags & Flag.SkipSlowlog) !== 0) return;
    const words = isNoted ? this.#noted : excerptOf(this.#shard, command, frame);
    this.#noted = [];
    const call = { us: whole, words };
    const { client } = frame;
    if (this.#forward?.(client, call) === true) return;
    this.logCall(call, client.address, client.name);
  }

  onUntimed(commandIndex: number, us: number, count: number): void {
    if (this.#isTracking) this.#histogram(commandIndex).record(us * NS_PER_US, count);
  }

  onCycle(cycle: Cycle, us: number): void {
    const whole = Math.floor(us);
    if (whole >= this.#eventUs) this.#addEvent(cycle, whole);
  }

  onReset(): void {
    this.#histograms.length = 0;
  }

  /** Adds a call to the slow log. */
  logCall({ us, words }: SlowCall, address: string, clientName: string): void {
    this.slowLog.add({ atSeconds: this.nowSeconds(), us, words, address, clientName });
  }

  #addEvent(event: string, us: number): void {
    this.events.add(event, this.nowSeconds(), Math.floor(us / US_PER_MS));
  }

  #histogram(index: number): Histogram {
    return (this.#histograms[index] ??= new Histogram());
  }

  // ------------------------------------------------------------------ what is known

  /** Seconds since 1970. */
  nowSeconds(): number {
    return Math.floor(this.#shard.platform.clock.nowMs() / 1000);
  }

  /** The histograms that have something, by command index. */
  histograms(): HistogramTable {
    this.#shard.timer.settle();
    const table: [number, HistogramCells][] = [];
    this.#histograms.forEach((histogram, index) => {
      table.push([index, histogram?.cells() ?? []]);
    });
    return table.filter(([, cells]) => cells.length > 0);
  }
}

/** Observes the shard of a composed engine, for good. */
export function observe(
  { shard, settings, info }: Pick<ComposedShard, 'shard' | 'settings' | 'info'>,
  options: ObserveOptions = {},
): Observation {
  const observation = new Observation(shard, options);
  shard.observer = observation;
  observation.bind(settings);
  info.addDetail('latencystats', {
    read: (of) => (settings.number('latency-tracking') === 1 ? observationOf(of).histograms() : []),
    // The boundary between threads: the same program made these tables.
    merge: (all) => mergeHistograms(all as HistogramTable[]),
  });
  info.addLines('latencystats', latencyLines);
  return observation;
}

/** What is observed of the shard. */
export function observationOf(shard: Shard): Observation {
  const { observer } = shard;
  if (observer instanceof Observation) return observer;
  throw new AssertionError('an engine with the commands of observability is observed');
}
