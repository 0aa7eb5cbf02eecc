/**
 * LATENCY DOCTOR: what the latency events say, in sentences, and what to do about it.
 */
import type { LatencySeries } from './latency-events.ts';

/** Settings that the report is about. */
export interface LatencySettings {
  /** latency-monitor-threshold, ms; 0 = off. */
  readonly thresholdMs: number;
  /** slowlog-log-slower-than, us; below 0 = off. */
  readonly slowerThanUs: number;
}

const US_PER_MS = 1000;

function sentenceOf({ event, samples, worstMs }: LatencySeries): string {
  const count = samples.length;
  const average = samples.reduce((sum, { ms }) => sum + ms, 0) / count;
  const deviation = samples.reduce((sum, { ms }) => sum + Math.abs(ms - average), 0) / count;
  const seconds = (samples.at(-1)?.atSeconds ?? 0) - (samples[0]?.atSeconds ?? 0);
  const period = count > 1 ? `, one every ${(seconds / (count - 1)).toFixed(1)} s` : '';
  return `${event}: ${count} latency spikes${period}, on average ${Math.round(average)} ms ` +
    `(mean deviation ${Math.round(deviation)} ms); the worst ever took ${worstMs} ms.`;
}

function adviceFor(all: readonly LatencySeries[], settings: LatencySettings): string[] {
  const events = new Set(all.map(({ event }) => event));
  const advice: string[] = [];
  if (events.has('command') || events.has('fast-command')) {
    const thresholdUs = settings.thresholdMs * US_PER_MS;
    if (settings.slowerThanUs < 0 || settings.slowerThanUs > thresholdUs) {
      advice.push(
        'The slow log does not see all of these calls. CONFIG SET slowlog-log-slower-than ' +
        `${thresholdUs} makes it.`,
      );
    }
    advice.push('SLOWLOG GET names the calls that took long, with their arguments and clients.');
    advice.push(
      'A command over many elements keeps everybody waiting: ask for ranges, scan with COUNT, or ' +
      'spread the key.',
    );
  }
  if (events.has('fast-command')) {
    advice.push(
      'A fast command that was slow had many arguments, or the process did not run: look for ' +
      'other load on the machine and for swapping.',
    );
  }
  if (events.has('expire-cycle')) {
    advice.push('Many keys expire in the same moment: spread their deadlines a little.');
  }
  if (events.has('eviction-cycle')) {
    advice.push(
      'Memory is at its limit and grows in large steps: raise maxmemory, or write in smaller ones.',
    );
  }
  return advice;
}

/** The report. */
export function latencyReport(all: readonly LatencySeries[], settings: LatencySettings): string {
  if (settings.thresholdMs === 0 && all.length === 0) {
    return 'Latency is not monitored. CONFIG SET latency-monitor-threshold <milliseconds> turns ' +
      'that on.\n';
  }
  if (all.length === 0) return 'No latency spike was seen since the start or the last reset.\n';
  const lines = ['Latency spikes were seen.', ''];
  all.forEach((series, i) => {
    lines.push(`${i + 1}. ${sentenceOf(series)}`);
  });
  const advice = adviceFor(all, settings);
  if (advice.length > 0) lines.push('', 'What may help:', '');
  for (const line of advice) lines.push(`- ${line}`);
  return `${lines.join('\n')}\n`;
}
