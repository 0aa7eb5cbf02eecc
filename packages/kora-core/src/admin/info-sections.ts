/**
 * The sections of INFO that the core can fill, with Redis 7.0's names and order, and the fields
 * that only a host can know at 0 in their places: the server replaces those (clients, traffic, CPU,
 * addresses). Values are counted, never estimated, but avg_ttl, which looks at a bounded sample.
 */
import { KORA_VERSION, REDIS_VERSION } from '../command/engine-context.ts';
import { Stat } from '../keyspace/statistics.ts';
import type { Shard } from '../shard/shard.ts';
import type { EngineFigures } from './figures.ts';
import { commandStatistics, errorStatistics } from './info-statistics.ts';
import type { InfoReader, InfoRegistry } from './info-registry.ts';
import type { MemoryFigures } from './memory-figures.ts';
import { humanBytes } from './memory-figures.ts';

/** Fields that are 0 until a host knows better, or for good where the thing does not exist here. */
const zero: InfoReader = () => 0;
const zeros = (...names: readonly string[]): Record<string, InfoReader> =>
  Object.fromEntries(names.map((name) => [name, zero]));
const setting = (name: string): InfoReader => (shard) => shard.engine.settings.text(name);
const counter = (place: number): InfoReader => (_shard, { counts }) => counts[place] ?? 0;

/** Adds the core's sections to a new registry. */
export function coreInfo(info: InfoRegistry): void {
  info.addSection('server', 'Server');
  info.addSection('clients', 'Clients');
  info.addSection('memory', 'Memory');
  info.addSection('persistence', 'Persistence');
  info.addSection('stats', 'Stats');
  info.addSection('replication', 'Replication');
  info.addSection('cpu', 'CPU');
  info.addSection('modules', 'Modules');
  info.addSection('commandstats', 'Commandstats', 'all');
  info.addSection('errorstats', 'Errorstats');
  info.addSection('latencystats', 'Latencystats', 'all');
  info.addSection('cluster', 'Cluster');
  info.addSection('keyspace', 'Keyspace');
  info.addFields('server', serverFields);
  info.addFields('clients', clientFields);
  info.addFields('memory', memoryFields);
  info.addFields('persistence', persistenceFields);
  info.addFields('stats', statsFields);
  info.addFields('replication', replicationFields);
  info.addFields('cluster', zeros('cluster_enabled'));
  info.addLines('commandstats', commandStatistics);
  info.addLines('errorstats', errorStatistics);
  info.addLines('keyspace', keyspaceLines);
}

const uptimeSeconds: InfoReader = (shard) =>
  Math.floor((shard.platform.clock.monotonicUs() - shard.engine.startUs) / 1e6);

const serverFields: Record<string, InfoReader> = {
  redis_version: () => REDIS_VERSION,
  kora_version: () => KORA_VERSION,
  redis_mode: () => 'standalone',
  arch_bits: () => 64,
  run_id: (_shard, { runId }) => runId,
  tcp_port: setting('port'),
  server_time_usec: (shard) => shard.platform.clock.nowMs() * 1000,
  uptime_in_seconds: uptimeSeconds,
  uptime_in_days: (shard, all) => Math.floor(Number(uptimeSeconds(shard, all)) / 86_400),
  hz: setting('hz'),
  configured_hz: setting('hz'),
  lru_clock: (shard) => shard.keyspace.access.seconds,
  config_file: () => '',
  io_threads_active: zero,
};

const clientFields: Record<string, InfoReader> = {
  ...zeros('connected_clients', 'cluster_connections'),
  maxclients: setting('maxclients'),
  ...zeros(
    'client_recent_max_input_buffer', 'client_recent_max_output_buffer', 'blocked_clients',
    'tracking_clients', 'clients_in_timeout_table',
  ),
};

type Figure = Exclude<keyof MemoryFigures, 'keyCount'>;
const figure = (name: Figure): InfoReader => (_shard, { memory }) => memory[name];
const human = (name: Figure): InfoReader => (_shard, { memory }) => humanBytes(memory[name]);
const percent = (part: number, whole: number): string =>
  `${(whole === 0 ? 0 : (part / whole) * 100).toFixed(2)}%`;
const ratio = (part: number, whole: number): string => (whole === 0 ? 1 : part / whole).toFixed(2);

const memoryFields: Record<string, InfoReader> = {
  used_memory: figure('usedBytes'),
  used_memory_human: human('usedBytes'),
  // The host puts the resident set here; all that is mapped is its upper bound.
  used_memory_rss: figure('mappedBytes'),
  used_memory_rss_human: human('mappedBytes'),
  used_memory_peak: figure('peakBytes'),
  used_memory_peak_human: human('peakBytes'),
  used_memory_peak_perc: (_shard, { memory }) => {
    const { usedBytes, peakBytes } = memory;
    return percent(usedBytes, peakBytes);
  },
  used_memory_overhead: figure('overheadBytes'),
  used_memory_startup: figure('startupBytes'),
  used_memory_dataset: figure('datasetBytes'),
  used_memory_dataset_perc: (_shard, { memory }) => {
    const { usedBytes, startupBytes, datasetBytes } = memory;
    return percent(datasetBytes, Math.max(datasetBytes, usedBytes - startupBytes));
  },
  allocator_allocated: figure('usedBytes'),
  allocator_active: figure('activeBytes'),
  allocator_resident: figure('mappedBytes'),
  ...zeros('used_memory_lua', 'used_memory_vm_eval', 'used_memory_scripts_eval'),
  ...zeros('number_of_cached_scripts', 'number_of_functions', 'number_of_libraries'),
  ...zeros('used_memory_vm_functions', 'used_memory_vm_total', 'used_memory_functions'),
  used_memory_scripts: zero,
  maxmemory: setting('maxmemory'),
  maxmemory_human: (shard) => humanBytes(shard.engine.settings.number('maxmemory')),
  maxmemory_policy: setting('maxmemory-policy'),
  allocator_frag_ratio: (_shard, { memory }) => {
    const { activeBytes, usedBytes } = memory;
    return ratio(activeBytes, usedBytes);
  },
  allocator_frag_bytes: (_shard, { memory }) => {
    const { activeBytes, usedBytes } = memory;
    return activeBytes - usedBytes;
  },
  mem_fragmentation_ratio: (_shard, { memory }) => {
    const { activeBytes, usedBytes } = memory;
    return ratio(activeBytes, usedBytes);
  },
  mem_fragmentation_bytes: (_shard, { memory }) => {
    const { activeBytes, usedBytes } = memory;
    return activeBytes - usedBytes;
  },
  ...zeros('mem_not_counted_for_evict', 'mem_replication_backlog', 'mem_total_replication_buffers'),
  ...zeros('mem_clients_slaves', 'mem_clients_normal', 'mem_cluster_links', 'mem_aof_buffer'),
  mem_allocator: () => 'kora-slab',
  active_defrag_running: zero,
  lazyfree_pending_objects: (_shard, { lazyFreePending }) => lazyFreePending,
  lazyfreed_objects: counter(Stat.LazyFreedObjects),
};

const persistenceFields: Record<string, InfoReader> = {
  ...zeros('loading', 'async_loading', 'current_cow_peak', 'current_cow_size'),
  ...zeros('current_cow_size_age'),
  current_fork_perc: () => '0.00',
  ...zeros('current_save_keys_processed', 'current_save_keys_total'),
  rdb_changes_since_last_save: (_shard, { changeCount }) => changeCount,
  rdb_bgsave_in_progress: zero,
  rdb_last_save_time: (_shard, { startMs }) => Math.floor(startMs / 1000),
  rdb_last_bgsave_status: () => 'ok',
  rdb_last_bgsave_time_sec: () => -1,
  rdb_current_bgsave_time_sec: () => -1,
  ...zeros('rdb_saves', 'rdb_last_cow_size', 'rdb_last_load_keys_expired'),
  ...zeros('rdb_last_load_keys_loaded', 'aof_enabled', 'aof_rewrite_in_progress'),
  aof_rewrite_scheduled: zero,
  aof_last_rewrite_time_sec: () => -1,
  aof_current_rewrite_time_sec: () => -1,
  aof_last_bgrewrite_status: () => 'ok',
  ...zeros('aof_rewrites', 'aof_rewrites_consecutive_failures'),
  aof_last_write_status: () => 'ok',
  ...zeros('aof_last_cow_size', 'module_fork_in_progress', 'module_fork_last_cow_size'),
};

const statsFields: Record<string, InfoReader> = {
  total_connections_received: counter(Stat.Connections),
  total_commands_processed: counter(Stat.Commands),
  instantaneous_ops_per_sec: zero,
  total_net_input_bytes: counter(Stat.InputBytes),
  total_net_output_bytes: counter(Stat.OutputBytes),
  ...zeros('total_net_repl_input_bytes', 'total_net_repl_output_bytes'),
  instantaneous_input_kbps: () => '0.00',
  instantaneous_output_kbps: () => '0.00',
  instantaneous_input_repl_kbps: () => '0.00',
  instantaneous_output_repl_kbps: () => '0.00',
  rejected_connections: counter(Stat.RejectedConnections),
  ...zeros('sync_full', 'sync_partial_ok', 'sync_partial_err'),
  expired_subkeys: counter(Stat.ExpiredSubkeys),
  expired_keys: counter(Stat.ExpiredKeys),
  expired_stale_perc: (_shard, { counts }) => (counts[Stat.ExpiredStalePerc] ?? 0).toFixed(2),
  expired_time_cap_reached_count: zero,
  expire_cycle_slices: counter(Stat.ExpireCycleSlices),
  evicted_keys: counter(Stat.EvictedKeys),
  evicted_clients: counter(Stat.EvictedClients),
  total_eviction_exceeded_time: (_shard, { counts }) =>
    Math.floor((counts[Stat.EvictionExceededUs] ?? 0) / 1000),
  current_eviction_exceeded_time: zero,
  keyspace_hits: counter(Stat.KeyspaceHits),
  keyspace_misses: counter(Stat.KeyspaceMisses),
  ...zeros('pubsub_channels', 'pubsub_patterns', 'pubsubshard_channels'),
  ...zeros('latest_fork_usec', 'total_forks', 'migrate_cached_sockets'),
  slave_expires_tracked_keys: zero,
  active_defrag_hits: counter(Stat.EvacuatedEntries),
  ...zeros('active_defrag_misses', 'active_defrag_key_hits', 'active_defrag_key_misses'),
  ...zeros('tracking_total_keys', 'tracking_total_items', 'tracking_total_prefixes'),
  unexpected_error_replies: counter(Stat.UnexpectedErrors),
  total_error_replies: counter(Stat.ErrorReplies),
  dump_payload_sanitizations: zero,
  ...zeros('total_reads_processed', 'total_writes_processed'),
  ...zeros('io_threaded_reads_processed', 'io_threaded_writes_processed'),
  client_query_buffer_limit_disconnections: counter(Stat.QueryLimitDisconnections),
  client_output_buffer_limit_disconnections: counter(Stat.OutputLimitDisconnections),
};

const replicationFields: Record<string, InfoReader> = {
  role: () => 'master',
  connected_slaves: zero,
  master_failover_state: () => 'no-failover',
  master_replid: (_shard, { replicationId }) => replicationId,
  master_replid2: () => '0'.repeat(40),
  master_repl_offset: zero,
  second_repl_offset: () => -1,
  repl_backlog_active: zero,
  repl_backlog_size: setting('repl-backlog-size'),
  ...zeros('repl_backlog_first_byte_offset', 'repl_backlog_histlen'),
};

function keyspaceLines(_shard: Shard, { databases }: EngineFigures): readonly string[] {
  return databases.map(({ index, keyCount, expiringCount, averageTtlMs }) =>
    `db${index}:keys=${keyCount},expires=${expiringCount},avg_ttl=${averageTtlMs}`);
}
