/**
 * Figures of an engine out of the text of INFO, for engines whose statistics are on other threads.
 */
import type { KoraStats } from './kora.ts';

/** All figures but those that INFO does not know. */
export function figuresOfInfo(info: string): Omit<KoraStats, 'memoryBytes'> {
  const fields = new Map<string, string>();
  for (const line of info.split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1));
  }
  const number = (name: string): number => Number(fields.get(name) ?? 0);
  let keyCount = 0;
  for (const [name, text] of fields) {
    if (/^db\d+$/.test(name)) keyCount += Number(/^keys=(\d+)/.exec(text)?.[1] ?? 0);
  }
  return {
    keyCount,
    usedBytes: number('used_memory'),
    commandCount: number('total_commands_processed'),
    hitCount: number('keyspace_hits'),
    missCount: number('keyspace_misses'),
    expiredKeyCount: number('expired_keys'),
    evictedKeyCount: number('evicted_keys'),
  };
}
