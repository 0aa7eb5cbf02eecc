/**
 * LATENCY: histograms of commands and the events of the latency monitor, over the wire. Every reply
 * is written from plain data, which is a shard's own or that of all workers together.
 */
import type { Command, ReplySink, Shard } from '@kora/core';
import {
  arg, argumentText, argumentTexts, defineCommand, defineContainer, defineHelp, Flag, 
  reply, ReplyError, writeLatin1,
} from '@kora/core';
import { latencyReport } from './latency-doctor.ts';
import type { LatencySeries } from './latency-events.ts';
import { latencyGraph } from './latency-graph.ts';
import { writeHistograms } from './latency-info.ts';
import { observationOf } from './observation.ts';

const ADMIN = Flag.Admin | Flag.NoScript | Flag.Loading | Flag.Stale;
const TOLD_BY_ALL = [
  'nondeterministic_output', 'request_policy:all_nodes', 'response_policy:special',
];

/** The reply of LATENCY LATEST. */
export function writeLatest(all: readonly LatencySeries[], out: ReplySink): void {
  out.array(all.length);
  for (const { event, samples, worstMs } of all) {
    const latest = samples.at(-1);
    out.array(4);
    writeLatin1(out, event);
    out.integer(latest?.atSeconds ?? 0);
    out.integer(latest?.ms ?? 0);
    out.integer(worstMs);
  }
}

/** The reply of LATENCY HISTORY. */
export function writeHistory(all: readonly LatencySeries[], event: string, out: ReplySink): void {
  const samples = all.find((series) => series.event === event)?.samples ?? [];
  out.array(samples.length);
  for (const { atSeconds, ms } of samples) {
    out.array(2);
    out.integer(atSeconds);
    out.integer(ms);
  }
}

/** The reply of LATENCY GRAPH. */
export function writeGraph(
  shard: Shard, all: readonly LatencySeries[], event: string, out: ReplySink,
): void {
  const series = all.find((one) => one.event === event);
  if (series === undefined) {
    out.error(new ReplyError(`ERR No samples available for event '${event}'`));
    return;
  }
  out.verbatim('txt', latencyGraph(series, observationOf(shard).nowSeconds()));
}

/** The reply of LATENCY DOCTOR. */
export function writeDoctor(shard: Shard, all: readonly LatencySeries[], out: ReplySink): void {
  const { settings } = shard.engine;
  out.verbatim('txt', latencyReport(all, {
    thresholdMs: settings.number('latency-monitor-threshold'),
    slowerThanUs: settings.number('slowlog-log-slower-than'),
  }));
}

export const latency = defineContainer({
  name: 'LATENCY', group: 'server', since: '2.8.13',
  summary: 'Shows how long commands and other work take.',
});

export const latencyLatest = defineCommand({
  name: 'LATENCY|LATEST', group: 'server', since: '2.8.13',
  summary: 'Returns the latest and the worst event of every kind.',
  complexity: 'O(1)',
  arity: 2,
  flags: ADMIN,
  acl: [],
  keys: [],
  tips: TOLD_BY_ALL,
  args: {},
  reply: reply.array('kind, time in seconds, its milliseconds, those of the worst'),
  examples: [['LATENCY LATEST', '*[]']],
  apply(shard, _frame, out) {
    writeLatest(observationOf(shard).events.all(), out);
  },
});

export const latencyHistory = defineCommand({
  name: 'LATENCY|HISTORY', group: 'server', since: '2.8.13',
  summary: 'Returns the events of one kind, the worst of each second.',
  complexity: 'O(1)',
  arity: 3,
  flags: ADMIN,
  acl: [],
  keys: [],
  tips: TOLD_BY_ALL,
  args: { event: arg.bytes() },
  reply: reply.array('pairs of time in seconds and milliseconds'),
  examples: [['LATENCY HISTORY command', '*[]']],
  apply(shard, frame, out) {
    writeHistory(observationOf(shard).events.all(), argumentText(frame, 2), out);
  },
});

export const latencyReset = defineCommand({
  name: 'LATENCY|RESET', group: 'server', since: '2.8.13',
  summary: 'Forgets events: of the kinds that are named, or all.',
  complexity: 'O(1)',
  arity: -2,
  flags: ADMIN,
  acl: [],
  keys: [],
  tips: ['request_policy:all_nodes', 'response_policy:all_succeeded'],
  args: { event: arg.bytes().repeated().optional() },
  reply: reply.integer('kinds that there were'),
  examples: [['LATENCY RESET', ':0']],
  apply(shard, frame, out) {
    out.integer(observationOf(shard).events.reset(argumentTexts(frame, 2)));
  },
});

export const latencyGraphCommand = defineCommand({
  name: 'LATENCY|GRAPH', group: 'server', since: '2.8.13',
  summary: 'Draws the events of one kind with characters.',
  complexity: 'O(1)',
  arity: 3,
  flags: ADMIN,
  acl: [],
  keys: [],
  tips: TOLD_BY_ALL,
  args: { event: arg.bytes() },
  reply: reply.bulk('the drawing'),
  examples: [['LATENCY GRAPH command', '-"ERR No samples available for event \'command\'"']],
  apply(shard, frame, out) {
    writeGraph(shard, observationOf(shard).events.all(), argumentText(frame, 2), out);
  },
});

export const latencyDoctor = defineCommand({
  name: 'LATENCY|DOCTOR', group: 'server', since: '2.8.13',
  summary: 'Says in sentences what the events mean.',
  complexity: 'O(1)',
  arity: 2,
  flags: ADMIN,
  acl: [],
  keys: [],
  tips: TOLD_BY_ALL,
  args: {},
  reply: reply.bulk('the report'),
  examples: [],
  apply(shard, _frame, out) {
    writeDoctor(shard, observationOf(shard).events.all(), out);
  },
});

export const latencyHistogram = defineCommand({
  name: 'LATENCY|HISTOGRAM', group: 'server', since: '7.0.0',
  summary: 'Returns how many calls of commands took up to so many microseconds.',
  complexity: 'O(n); n = commands shown.',
  arity: -2,
  flags: ADMIN,
  acl: [],
  keys: [],
  tips: TOLD_BY_ALL,
  args: { command: arg.bytes().repeated().optional() },
  reply: reply.map('by command: its calls, and how many took up to so many microseconds'),
  examples: [['LATENCY HISTOGRAM nosuch', '*[]']],
  apply(shard, frame, out) {
    const table = observationOf(shard).histograms();
    writeHistograms(shard, table, argumentTexts(frame, 2), out);
  },
});

export const latencyHelp = defineHelp({
  container: 'LATENCY', group: 'server', since: '2.8.13',
  lines: [
    'DOCTOR',
    '    Says in sentences what the events mean.',
    'GRAPH <event>',
    '    Draws the events of one kind.',
    'HISTORY <event>',
    '    Returns the events of one kind, the worst of each second.',
    'LATEST',
    '    Returns the latest and the worst event of every kind.',
    'RESET [<event> ...]',
    '    Forgets events: of these kinds, or all.',
    'HISTOGRAM [<command> ...]',
    '    Returns how many calls took up to so many microseconds, of these commands or of all.',
  ],
});

/** Entries of LATENCY. */
export const latencyCommands: readonly Command[] = [
  latency, latencyDoctor, latencyGraphCommand, latencyHelp, latencyHistogram, latencyHistory,
  latencyLatest, latencyReset,
];
