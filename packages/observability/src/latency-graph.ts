/**
 * LATENCY GRAPH: the samples of one kind of event as columns of characters, under each how long ago
 * it was. Four rows, three heights a row, 80 columns a band, as redis-server draws it.
 */
import type { LatencySeries } from './latency-events.ts';

const COLUMNS = 80;
const ROWS = 4;
/** Tops of a column, from low to high; below its top a column is drawn with STEM. */
const TOPS = ['_', 'o', '#'] as const;
const STEM = '|';

/** How long ago in one unit: 15s, 3m, 2h, 4d. */
function age(seconds: number): string {
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

/** Height of each column: 0 to ROWS * TOPS.length - 1. */
function heightsOf(values: readonly number[]): number[] {
  const least = Math.min(...values);
  const range = Math.max(...values) - least;
  const steps = ROWS * TOPS.length;
  return values.map((value) =>
    (range === 0 ? 0 : Math.min(steps - 1, Math.floor(((value - least) * steps) / range))));
}

/** Character of a column in a row, 0 = the lowest. */
function cell(height: number, row: number): string {
  const inRow = height - row * TOPS.length;
  return inRow < 0 ? ' ' : TOPS[inRow] ?? STEM;
}

function band(heights: readonly number[], labels: readonly string[]): string[] {
  const lines: string[] = [];
  for (let row = ROWS - 1; row >= 0; row--) {
    lines.push(heights.map((height) => cell(height, row)).join(''));
  }
  lines.push(' '.repeat(heights.length));
  const labelRows = Math.max(...labels.map((label) => label.length));
  for (let i = 0; i < labelRows; i++) {
    lines.push(labels.map((label) => label.charAt(i) || ' ').join(''));
  }
  return lines;
}

/**
 * The drawing.
 * @param nowSeconds seconds since 1970
 */
export function latencyGraph(series: LatencySeries, nowSeconds: number): string {
  const { event, samples, worstMs } = series;
  const values = samples.map(({ ms }) => ms);
  const head = `${event} - high ${Math.max(...values)} ms, low ${Math.min(...values)} ms ` +
    `(all time high ${worstMs} ms)`;
  const heights = heightsOf(values);
  const labels = samples.map(({ atSeconds }) => age(Math.max(0, nowSeconds - atSeconds)));
  const lines = [head, '-'.repeat(COLUMNS)];
  for (let from = 0; from < heights.length; from += COLUMNS) {
    if (from > 0) lines.push('');
    lines.push(...band(heights.slice(from, from + COLUMNS), labels.slice(from, from + COLUMNS)));
  }
  return `${lines.join('\n')}\n`;
}
