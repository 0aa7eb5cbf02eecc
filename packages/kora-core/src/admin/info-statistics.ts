/**
 * The lines of INFO commandstats and errorstats: one for each command that was called or refused,
 * one for each error prefix that was answered, in the format of Redis 7.0.
 */
import type { Shard } from '../shard/shard.ts';
import type { EngineFigures } from './figures.ts';

/** `cmdstat_get:calls=2,usec=5,...` for every command with a count. */
export function commandStatistics(shard: Shard, figures: EngineFigures): readonly string[] {
  const lines: string[] = [];
  for (const { name, index } of shard.engine.registry.commands) {
    const calls = figures.calls[index] ?? 0;
    const rejected = figures.rejected[index] ?? 0;
    const failed = figures.failed[index] ?? 0;
    if (calls === 0 && rejected === 0 && failed === 0) continue;
    const us = figures.microseconds[index] ?? 0;
    const usPerCall = calls === 0 ? 0 : us / calls;
    lines.push(
      `cmdstat_${name}:calls=${calls},usec=${Math.round(us)},` +
        `usec_per_call=${usPerCall.toFixed(2)},rejected_calls=${rejected},failed_calls=${failed}`,
    );
  }
  return lines;
}

/** `errorstat_ERR:count=1` for every prefix, sorted. */
export function errorStatistics(_shard: Shard, { errors }: EngineFigures): readonly string[] {
  return [...errors]
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([prefix, count]) => `errorstat_${prefix}:count=${count}`);
}
