/**
 * Histograms of commands as text and replies: the lines of INFO latencystats, and LATENCY
 * HISTOGRAM. Both take tables of plain data, for those of several workers are one.
 */
import type { Command, EngineFigures, ReplySink, Shard } from '@kora/core';
import { writeLatin1 } from '@kora/core';
import type { HistogramTable } from './histogram.ts';
import { Histogram } from './histogram.ts';

const NS_PER_US = 1000;

/** One table out of those of several shards. */
export function mergeHistograms(all: readonly HistogramTable[]): HistogramTable {
  const merged = new Map<number, Histogram>();
  for (const table of all) {
    for (const [index, cells] of table) {
      const histogram = merged.get(index) ?? new Histogram();
      histogram.add(cells);
      merged.set(index, histogram);
    }
  }
  return [...merged]
    .sort(([left], [right]) => left - right)
    .map(([index, histogram]) => [index, histogram.cells()]);
}

/** `latency_percentiles_usec_get:p50=1.003,p99=2.007` for every command that was called. */
export function latencyLines(shard: Shard, { details }: EngineFigures): readonly string[] {
  const { registry, settings } = shard.engine;
  // What `observe` put there.
  const table = (details['latencystats'] ?? []) as HistogramTable;
  const text = settings.text('latency-tracking-info-percentiles');
  const percents = text === '' ? [] : text.split(' ');
  return table.map(([index, cells]) => {
    const histogram = new Histogram();
    histogram.add(cells);
    const values = percents.map((percent) => {
      const us = histogram.percentile(Number(percent)) / NS_PER_US;
      return `p${percent}=${us.toFixed(3)}`;
    });
    const name = registry.commands[index]?.name ?? '';
    return `latency_percentiles_usec_${name}:${values.join(',')}`;
  });
}

/** Commands that the words name, those of a container with it; all without a word. */
function namedCommands(shard: Shard, names: readonly string[]): readonly Command[] {
  const { registry } = shard.engine;
  if (names.length === 0) return registry.commands;
  return names.flatMap((name) => {
    const command = registry.byName(name.toLowerCase());
    return command === undefined ? [] : [command, ...command.subcommands.values()];
  });
}

/**
 * The reply of LATENCY HISTOGRAM.
 * @param names of commands as the client wrote them; none = all
 */
export function writeHistograms(
  shard: Shard, table: HistogramTable, names: readonly string[], out: ReplySink,
): void {
  const byIndex = new Map(table);
  const found = namedCommands(shard, names).filter(({ index }) => byIndex.has(index));
  out.map(found.length);
  for (const { name, index } of found) {
    const histogram = new Histogram();
    histogram.add(byIndex.get(index) ?? []);
    const points = histogram.cumulative();
    writeLatin1(out, name);
    out.map(2);
    out.bulkText('calls');
    out.integer(histogram.total);
    out.bulkText('histogram_usec');
    out.map(points.length);
    for (const { us, count } of points) {
      out.integer(us);
      out.integer(count);
    }
  }
}
