/**
 * The fields of INFO that only a server knows: the process, the I/O engine, clients, rates, CPU.
 * They replace the core's placeholders in their places, or come after them.
 */
import { humanBytes } from '@kora/core';
import type { InfoReader, InfoRegistry } from '@kora/core';
import { Kind } from '@kora/pubsub';
import type { Session } from './session.ts';
import type { Worker } from './worker.ts';

/** What the worker does not know of itself. */
export interface ServerFacts {
  /** Why this I/O engine. */
  readonly ioReason: string;
  /** Path of the configuration file, empty without. */
  readonly configFile: string;
  /** Path of the program. */
  readonly executable: string;
}

/** Adds the server's fields. */
export function addServerInfo(info: InfoRegistry, worker: Worker, facts: ServerFacts): void {
  const { engine, limits } = worker;
  addFigures(info, worker);
  info.addFields('server', {
    os: () => `${process.platform} ${process.arch}`,
    node_version: () => process.version,
    process_id: () => process.pid,
    process_supervised: () => 'no',
    multiplexing_api: () => engine.name,
    io_engine: () => engine.name,
    io_engine_reason: () => facts.ioReason,
    workers: (shard) => shard.count,
    executable: () => facts.executable,
    config_file: () => facts.configFile,
  });
  if (worker.cluster !== null) {
    info.addFields('server', { redis_mode: () => 'cluster' });
    info.addFields('cluster', { cluster_enabled: () => 1 });
  }
  info.addFields('clients', {
    connected_clients: hosted('connected_clients'),
    maxclients: () => limits.clientsMax,
    client_recent_max_input_buffer: hosted('largest_input'),
    client_recent_max_output_buffer: hosted('largest_output'),
    blocked_clients: hosted('blocked_clients'),
    tracking_clients: hosted('tracking_clients'),
  });
  info.addFields('memory', {
    used_memory_rss: () => process.memoryUsage.rss(),
    used_memory_rss_human: () => humanBytes(process.memoryUsage.rss()),
    allocator_resident: () => process.memoryUsage.rss(),
    mem_clients_normal: hosted('client_bytes'),
  });
  info.addFields('stats', {
    instantaneous_ops_per_sec: (_shard, { hosted: { operations = 0 } }) => Math.round(operations),
    instantaneous_input_kbps: (_shard, { hosted: { input = 0 } }) => (input / 1024).toFixed(2),
    instantaneous_output_kbps: (_shard, { hosted: { output = 0 } }) => (output / 1024).toFixed(2),
  });
  info.addFields('stats', {
    tracking_total_keys: hosted('tracked_keys'),
    tracking_total_items: hosted('tracked_items'),
    tracking_total_prefixes: hosted('tracked_prefixes'),
    pubsub_channels: hosted('pubsub_channels'),
    pubsub_patterns: hosted('pubsub_patterns'),
    pubsubshard_channels: hosted('pubsubshard_channels'),
  });
  info.addFields('cpu', cpuFields);
}

/** What every worker has of its own, for the sums over all of them. */
function addFigures(info: InfoRegistry, worker: Worker): void {
  const { sessions, shard, traffic } = worker;
  const rateOf = (name: 'operations' | 'input' | 'output') => (): number => {
    traffic.sample(shard.nowMs, shard.stats);
    return traffic[name].mean;
  };
  info.addFigures('sum', {
    tracking_clients: () => worker.tracking.clientCount,
    tracked_keys: () => shard.tracking.table.keyCount,
    tracked_items: () => shard.tracking.table.itemCount,
    tracked_prefixes: () => worker.tracking.prefixCount,
    connected_clients: () => sessions.count,
    blocked_clients: () => worker.waits.count,
    client_bytes: () => sessions.open().reduce((sum, { memoryBytes }) => sum + memoryBytes, 0),
    operations: rateOf('operations'),
    input: rateOf('input'),
    output: rateOf('output'),
  });
  info.addFigures('sum', {
    pubsub_channels: () => worker.pubSub.activeNames(Kind.Channel, null).length,
    pubsubshard_channels: () => worker.pubSub.activeNames(Kind.Sharded, null).length,
  });
  info.addFigures('largest', {
    // Every worker knows of all.
    pubsub_patterns: () => worker.pubSub.patternCount(),
    largest_input: () => largest(worker, (session) => session.inputCapacity),
    largest_output: () => largest(worker, (session) => session.outputBytes),
  });
}

const hosted = (name: string): InfoReader => (_shard, figures) => figures.hosted[name] ?? 0;

function largest(worker: Worker, of: (session: Session) => number): number {
  return worker.sessions.open().reduce((most, session) => Math.max(most, of(session)), 0);
}

const seconds = (us: number): string => (us / 1e6).toFixed(6);

const cpuFields: Record<string, InfoReader> = {
  used_cpu_sys: () => seconds(process.cpuUsage().system),
  used_cpu_user: () => seconds(process.cpuUsage().user),
  used_cpu_sys_children: () => seconds(0),
  used_cpu_user_children: () => seconds(0),
  used_cpu_sys_main_thread: () => seconds(process.cpuUsage().system),
  used_cpu_user_main_thread: () => seconds(process.cpuUsage().user),
};
