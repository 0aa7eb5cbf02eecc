/**
 * Copies the settings that hot code reads into a shard's plain fields, now and at every change.
 * Hosts with several shards call it once for each.
 */
import type { Shard } from '../shard/shard.ts';
import type { Settings } from './settings.ts';
import type { ShardSettings } from './shard-settings.ts';
import { EvictionPolicy } from './shard-settings.ts';

/** Number of EvictionPolicy for each word of maxmemory-policy. */
const POLICY_OF_WORD: Readonly<Record<string, number>> = Object.freeze({
  noeviction: EvictionPolicy.NoEviction,
  'allkeys-lru': EvictionPolicy.AllKeysLru,
  'allkeys-lfu': EvictionPolicy.AllKeysLfu,
  'allkeys-random': EvictionPolicy.AllKeysRandom,
  'volatile-lru': EvictionPolicy.VolatileLru,
  'volatile-lfu': EvictionPolicy.VolatileLfu,
  'volatile-random': EvictionPolicy.VolatileRandom,
  'volatile-ttl': EvictionPolicy.VolatileTtl,
});

/** Keeps `shard.settings` and the shard's access clock equal to the table. */
export function bindShardSettings(settings: Settings, shard: Shard): void {
  const plain = shard.settings;
  const { access } = shard.keyspace;
  settings.bind('maxmemory', ({ number }) => {
    // Beyond 2^53 no engine can get: the same as the largest number that is exact.
    plain.maxmemoryBytes = Math.min(number, Number.MAX_SAFE_INTEGER);
  });
  settings.bind('maxmemory-policy', ({ text }) => {
    const policy = POLICY_OF_WORD[text] ?? EvictionPolicy.NoEviction;
    plain.maxmemoryPolicy = policy;
    const isLfu = policy === EvictionPolicy.AllKeysLfu || policy === EvictionPolicy.VolatileLfu;
    access.isLfu = isLfu ? 1 : 0;
  });
  settings.bind('maxmemory-samples', ({ number }) => {
    plain.maxmemorySamples = number;
  });
  settings.bind('lfu-log-factor', ({ number }) => {
    plain.lfuLogFactor = number;
    access.logFactor = number;
  });
  settings.bind('lfu-decay-time', ({ number }) => {
    plain.lfuDecayMinutes = number;
    access.decayMinutes = number;
  });
  settings.bind('proto-max-bulk-len', ({ number }) => {
    plain.stringBytesMax = Math.min(number, STRING_BYTES_CEILING);
  });
  settings.bind('notify-keyspace-events', ({ text, number }) => {
    shard.notifier.choose(text, number === 1);
  });
  settings.bind('tracking-table-max-keys', ({ number }) => {
    // The limit is the process's: a shard has its part of it.
    shard.tracking.limit(Math.ceil(number / shard.count));
  });
  bindThresholds(settings, plain);
  settings.bind('requirepass', ({ text }) => {
    plain.password = text;
  });
  settings.bind('databases', ({ number }) => {
    plain.databases = number;
  });
  settings.bind('enable-debug-command', ({ text }) => {
    plain.enableDebugCommand = text;
  });
}

function bindThresholds(settings: Settings, plain: ShardSettings): void {
  settings.bind('hash-max-listpack-entries', ({ number }) => {
    plain.hashListpackEntriesMax = number;
  });
  settings.bind('hash-max-listpack-value', ({ number }) => {
    plain.hashListpackValueBytesMax = number;
  });
  settings.bind('set-max-intset-entries', ({ number }) => {
    plain.intsetEntriesMax = number;
  });
  settings.bind('zset-max-listpack-entries', ({ number }) => {
    plain.zsetListpackEntriesMax = number;
  });
  settings.bind('zset-max-listpack-value', ({ number }) => {
    plain.zsetListpackValueBytesMax = number;
  });
  settings.bind('list-max-listpack-size', ({ number }) => {
    plain.listListpackSize = number;
  });
  settings.bind('hll-sparse-max-bytes', ({ number }) => {
    plain.hllSparseBytesMax = number;
  });
  settings.bind('stream-node-max-bytes', ({ number }) => {
    plain.streamNodeBytesMax = number;
  });
  settings.bind('stream-node-max-entries', ({ number }) => {
    plain.streamNodeEntriesMax = number;
  });
}

/** Longest string an entry can state, whatever proto-max-bulk-len says: its length is a u32. */
const STRING_BYTES_CEILING = 0xffff_ffff;
