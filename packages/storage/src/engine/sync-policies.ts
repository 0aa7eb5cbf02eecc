/**
 * Redis's words for when a log is made durable.
 */
import type { SyncPolicy } from '../log/shard-log.ts';

const policies: Readonly<Record<string, SyncPolicy>> = {
  always: 'every_write', everysec: 'every_second', no: 'os_managed',
};

/** What `appendfsync` says; every second where it says nothing known. */
export function syncPolicyOf(appendfsync: string): SyncPolicy {
  return policies[appendfsync] ?? 'every_second';
}
