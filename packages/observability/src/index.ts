/**
 * The public door of @kora/observability: what is observed of a shard, and the commands that show
 * it. Needs @kora/core alone.
 */
export { DURATION_NS_MAX, Histogram } from './histogram.ts';
export type { CumulativePoint, HistogramCells, HistogramTable } from './histogram.ts';
export { LatencyEvents, mergeSeries, SAMPLE_COUNT_MAX } from './latency-events.ts';
export type { LatencySample, LatencySeries } from './latency-events.ts';
export { writeDoctor, writeGraph, writeHistory, writeLatest } from './latency.commands.ts';
export { mergeHistograms, writeHistograms } from './latency-info.ts';
export { observationOf, observe, Observation } from './observation.ts';
export type { ObserveOptions, SlowCall } from './observation.ts';
export { observabilityCommands } from './observability-commands.ts';
export { wordsOf } from './shown-arguments.ts';
export { mergeSlowEntries, SLOW_LOG_WORDS, SlowLog, SlowLogIds } from './slow-log.ts';
export type { SlowEntry } from './slow-log.ts';
export { slowCountOf, writeSlowEntries } from './slowlog.commands.ts';
