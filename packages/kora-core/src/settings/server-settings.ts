/**
 * Settings of whoever puts the engine behind sockets: addresses, limits on clients, log, files, the
 * few that are Kora's own, and those of Redis's cluster, replication, TLS and persistence that Kora
 * accepts without effect so that a redis.conf loads. They live in the core's table because CONFIG
 * is one table; what acts is made to act by the server.
 */
import { MESH_WORKER_COUNT_MAX } from '../limits.ts';
import { INT32_MAX } from './core-settings.ts';
import {
  booleanSetting, enumSetting, integerSetting, memoryOrPercentSetting, memorySetting, octalSetting,
  textSetting,
} from './setting.ts';
import type { Setting } from './setting.ts';
import {
  oomScoreSetting, outputLimitSetting, saveSetting, shutdownSetting,
} from './special-settings.ts';

const PORT = { min: 0, max: 65_535 };
const COUNT = { min: 0, max: INT32_MAX };
const UINT32_MAX = 4_294_967_295;
const UINT64_MAX = 2n ** 64n - 1n;
const MIB = 1024 * 1024;

const laterAcl = { inert: 'access control lists are not built yet' };
const process = { inert: 'the process is started, named and watched by whoever runs it' };
const ownTicks = {
  inert: 'background work is driven by need and by a tick: of 100 ms, at rest of up to 1 s',
};
const ownThreads = { inert: "Kora's threads are its workers: --workers" };

const TITLE_VARIABLES = new Set([
  'title', 'listen-addr', 'server-mode', 'port', 'tls-port', 'unixsocket', 'config-file',
]);

const networkSettings: readonly Setting[] = [
  textSetting('bind', '* -::*'),
  textSetting('bind-source-addr', '', { inert: 'Kora opens no connections of its own' }),
  integerSetting('port', 6379, PORT),
  textSetting('unixsocket', '', { isFixed: true }),
  octalSetting('unixsocketperm', '0', 0o777, { isFixed: true }),
  integerSetting('tcp-backlog', 511, COUNT, { isFixed: true }),
  integerSetting('tcp-keepalive', 300, COUNT),
  integerSetting('timeout', 0, COUNT),
  booleanSetting('protected-mode', 'yes'),
  textSetting('requirepass', '', { isSecret: true }),
  integerSetting('maxclients', 10_000, { min: 1, max: UINT32_MAX }),
  memorySetting('client-query-buffer-limit', 1024 * MIB, { min: MIB }),
  outputLimitSetting('normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60'),
  memoryOrPercentSetting('maxmemory-clients', 0, { min: -100 }),
  integerSetting('socket-mark-id', 0, { min: 0, max: UINT32_MAX }, {
    isFixed: true, inert: 'sockets are not marked',
  }),
  integerSetting('io-threads', 1, { min: 1, max: 128 }, { isFixed: true, ...ownThreads }),
  booleanSetting('io-threads-do-reads', 'no', { isFixed: true, ...ownThreads }),
];

const processSettings: readonly Setting[] = [
  enumSetting('loglevel', 'notice', ['debug', 'verbose', 'notice', 'warning']),
  textSetting('logfile', '', { isFixed: true }),
  textSetting('pidfile', '', { isFixed: true, ...process }),
  booleanSetting('daemonize', 'no', { isFixed: true, ...process }),
  enumSetting('supervised', 'no', ['upstart', 'systemd', 'auto', 'no'], {
    isFixed: true, ...process,
  }),
  booleanSetting('always-show-logo', 'no', { isFixed: true, inert: 'there is no logo' }),
  booleanSetting('set-proc-title', 'yes', { isFixed: true, ...process }),
  textSetting('proc-title-template', '{title} {listen-addr} {server-mode}', process, (text) =>
    hasKnownVariables(text) ? null : 'template format is invalid or contains unknown variables'),
  booleanSetting('crash-log-enabled', 'yes', process),
  booleanSetting('crash-memcheck-enabled', 'yes', process),
  booleanSetting('disable-thp', 'yes', { isFixed: true, ...process }),
  enumSetting('oom-score-adj', 'no', ['no', 'yes', 'relative', 'absolute'], process),
  oomScoreSetting(process),
  booleanSetting('syslog-enabled', 'no', { isFixed: true, ...process }),
  textSetting('syslog-ident', 'redis', { isFixed: true, ...process }),
  enumSetting('syslog-facility', 'local0', [
    'user', 'local0', 'local1', 'local2', 'local3', 'local4', 'local5', 'local6', 'local7',
  ], { isFixed: true, ...process }),
  textSetting('server_cpulist', '', { isFixed: true, ...process }),
  textSetting('bio_cpulist', '', { isFixed: true, ...process }),
  textSetting('aof_rewrite_cpulist', '', { isFixed: true, ...process }),
  textSetting('bgsave_cpulist', '', { isFixed: true, ...process }),
  textSetting('ignore-warnings', '', process),
  integerSetting('hz', 10, COUNT, ownTicks),
  booleanSetting('dynamic-hz', 'yes', ownTicks),
  integerSetting('shutdown-timeout', 10, COUNT, { inert: 'there are no replicas to wait for' }),
  shutdownSetting('shutdown-on-sigint', { inert: 'the log keeps what was changed' }),
  shutdownSetting('shutdown-on-sigterm', { inert: 'the log keeps what was changed' }),
  textSetting('aclfile', '', { isFixed: true, ...laterAcl }),
  enumSetting('acl-pubsub-default', 'resetchannels', ['allchannels', 'resetchannels'], laterAcl),
  integerSetting('acllog-max-len', 128, { min: 0 }, laterAcl),
];

const ownFiles = { inert: 'the log has names and a form of its own: docs/internals/wal.md' };
const ownSegments = { inert: 'the log lies in segments, which snapshots make superfluous' };
const ownSnapshots = {
  inert: 'snapshots have names and a form of their own: docs/internals/wal.md',
};
const keptByLog = { inert: 'a change is kept by the log: writes are refused while that fails' };
const forkless = { inert: 'snapshots are written without fork or temporary rewrites' };

const persistenceSettings: readonly Setting[] = [
  saveSetting(''),
  textSetting('dir', '', { isProtected: true }),
  textSetting('dbfilename', 'dump.rdb', { isProtected: true, ...ownSnapshots }, (text) =>
    text.includes('/') ? "dbfilename can't be a path, just a filename" : null),
  textSetting('appendfilename', 'appendonly.aof', { isFixed: true, ...ownFiles }),
  textSetting('appenddirname', 'appendonlydir', { isFixed: true, ...ownFiles }),
  booleanSetting('appendonly', 'no'),
  enumSetting('appendfsync', 'everysec', ['everysec', 'always', 'no']),
  booleanSetting('no-appendfsync-on-rewrite', 'no', forkless),
  integerSetting('auto-aof-rewrite-percentage', 100, COUNT),
  memorySetting('auto-aof-rewrite-min-size', 64 * MIB, {}),
  booleanSetting('aof-load-truncated', 'yes', {
    inert: 'a torn end of the log is always cut off and reported, damage before it refused',
  }),
  booleanSetting('aof-use-rdb-preamble', 'yes', forkless),
  booleanSetting('aof-timestamp-enabled', 'no', ownFiles),
  booleanSetting('aof-rewrite-incremental-fsync', 'yes', forkless),
  booleanSetting('aof-disable-auto-gc', 'no', ownSegments),
  booleanSetting('rdbcompression', 'yes', ownSnapshots),
  booleanSetting('rdbchecksum', 'yes', { isFixed: true, ...ownSnapshots }),
  booleanSetting('rdb-save-incremental-fsync', 'yes', ownSnapshots),
  booleanSetting('rdb-del-sync-files', 'no', ownSnapshots),
  booleanSetting('stop-writes-on-bgsave-error', 'yes', keptByLog),
];

const noReplicas = { inert: 'there is no replication' };

const replicationSettings: readonly Setting[] = [
  textSetting('replicaof', '', { aliases: ['slaveof'], isFixed: true, ...noReplicas }),
  textSetting('masteruser', '', noReplicas),
  textSetting('masterauth', '', { isSecret: true, ...noReplicas }),
  booleanSetting('replica-serve-stale-data', 'yes', {
    aliases: ['slave-serve-stale-data'], ...noReplicas,
  }),
  booleanSetting('replica-read-only', 'yes', { aliases: ['slave-read-only'], ...noReplicas }),
  booleanSetting('replica-lazy-flush', 'no', { aliases: ['slave-lazy-flush'], ...noReplicas }),
  booleanSetting('replica-ignore-maxmemory', 'yes', {
    aliases: ['slave-ignore-maxmemory'], ...noReplicas,
  }),
  booleanSetting('replica-announced', 'yes', noReplicas),
  booleanSetting('replica-ignore-disk-write-errors', 'no', noReplicas),
  textSetting('replica-announce-ip', '', { aliases: ['slave-announce-ip'], ...noReplicas }),
  integerSetting('replica-announce-port', 0, PORT, {
    aliases: ['slave-announce-port'], ...noReplicas,
  }),
  integerSetting('replica-priority', 100, COUNT, { aliases: ['slave-priority'], ...noReplicas }),
  integerSetting('min-replicas-to-write', 0, COUNT, {
    aliases: ['min-slaves-to-write'], ...noReplicas,
  }),
  integerSetting('min-replicas-max-lag', 10, COUNT, {
    aliases: ['min-slaves-max-lag'], ...noReplicas,
  }),
  integerSetting('repl-ping-replica-period', 10, { min: 1, max: INT32_MAX }, {
    aliases: ['repl-ping-slave-period'], ...noReplicas,
  }),
  integerSetting('repl-timeout', 60, { min: 1, max: INT32_MAX }, noReplicas),
  memorySetting('repl-backlog-size', MIB, { min: 1 }, noReplicas),
  integerSetting('repl-backlog-ttl', 3600, { min: 0 }, noReplicas),
  booleanSetting('repl-disable-tcp-nodelay', 'no', noReplicas),
  booleanSetting('repl-diskless-sync', 'yes', noReplicas),
  integerSetting('repl-diskless-sync-delay', 5, COUNT, noReplicas),
  integerSetting('repl-diskless-sync-max-replicas', 0, COUNT, noReplicas),
  enumSetting('repl-diskless-load', 'disabled', ['disabled', 'on-empty-db', 'swapdb'], noReplicas),
  enumSetting('propagation-error-behavior', 'ignore', ['ignore', 'panic', 'panic-on-replicas'],
    noReplicas),
];

const noCluster = { inert: 'there is no cluster mode yet' };

const clusterSettings: readonly Setting[] = [
  booleanSetting('cluster-enabled', 'no', {
    isFixed: true, refuseYes: 'cluster mode is not built yet: only no is accepted',
  }),
  textSetting('cluster-config-file', 'nodes.conf', { isFixed: true, ...noCluster }),
  integerSetting('cluster-port', 0, PORT, { isFixed: true, ...noCluster }),
  integerSetting('cluster-node-timeout', 15_000, { min: 0 }, noCluster),
  integerSetting('cluster-migration-barrier', 1, COUNT, noCluster),
  integerSetting('cluster-replica-validity-factor', 10, COUNT, {
    aliases: ['cluster-slave-validity-factor'], ...noCluster,
  }),
  booleanSetting('cluster-replica-no-failover', 'no', {
    aliases: ['cluster-slave-no-failover'], ...noCluster,
  }),
  booleanSetting('cluster-require-full-coverage', 'yes', noCluster),
  booleanSetting('cluster-allow-reads-when-down', 'no', noCluster),
  booleanSetting('cluster-allow-pubsubshard-when-down', 'yes', noCluster),
  booleanSetting('cluster-allow-replica-migration', 'yes', noCluster),
  memorySetting('cluster-link-sendbuf-limit', 0, { max: UINT64_MAX }, noCluster),
  textSetting('cluster-announce-ip', ''),
  textSetting('cluster-announce-hostname', '', noCluster, (text) =>
    /^[a-zA-Z0-9.-]*$/.test(text)
      ? null
      : 'Hostnames may only contain alphanumeric characters, hyphens or dots'),
  integerSetting('cluster-announce-port', 0, PORT, noCluster),
  integerSetting('cluster-announce-bus-port', 0, PORT, noCluster),
  integerSetting('cluster-announce-tls-port', 0, PORT, noCluster),
  enumSetting('cluster-preferred-endpoint-type', 'ip', ['ip', 'hostname', 'unknown-endpoint'],
    noCluster),
];

const noTls = { inert: 'connections are not encrypted yet' };

const tlsSettings: readonly Setting[] = [
  integerSetting('tls-port', 0, PORT, noTls),
  textSetting('tls-cert-file', '', noTls),
  textSetting('tls-key-file', '', noTls),
  textSetting('tls-key-file-pass', '', { isSecret: true, ...noTls }),
  textSetting('tls-client-cert-file', '', noTls),
  textSetting('tls-client-key-file', '', noTls),
  textSetting('tls-client-key-file-pass', '', { isSecret: true, ...noTls }),
  textSetting('tls-dh-params-file', '', noTls),
  textSetting('tls-ca-cert-file', '', noTls),
  textSetting('tls-ca-cert-dir', '', noTls),
  textSetting('tls-protocols', '', noTls),
  textSetting('tls-ciphers', '', noTls),
  textSetting('tls-ciphersuites', '', noTls),
  enumSetting('tls-auth-clients', 'yes', ['no', 'yes', 'optional'], noTls),
  booleanSetting('tls-cluster', 'no', noTls),
  booleanSetting('tls-replication', 'no', noTls),
  booleanSetting('tls-prefer-server-ciphers', 'no', noTls),
  booleanSetting('tls-session-caching', 'yes', noTls),
  integerSetting('tls-session-cache-size', 20_480, COUNT, noTls),
  integerSetting('tls-session-cache-timeout', 300, COUNT, noTls),
];

/** The first port of the workers, at most: as many workers as there can be have one behind it. */
const CLUSTER_PORTS_MAX = 65_536 - MESH_WORKER_COUNT_MAX;

/** As many as can work at one index. */
const VECTOR_THREADS_MAX = 16;

/** Each is a whole copy of the data. */
const SNAPSHOT_RETAIN_MAX = 1000;

/** What Redis has no parameter for. */
const ownSettings: readonly Setting[] = [
  // The places of the words are numbers of the server's PipelineOrder.
  enumSetting('pipeline-order', 'writes', ['writes', 'strict', 'relaxed']),
  // Worker i listens on this port plus i; 0 = none does.
  integerSetting('cluster-ports', 0, { min: 0, max: CLUSTER_PORTS_MAX }, { isFixed: true }),
  // Threads of each worker that link and search the indexes of its big vector sets; 0 = none.
  integerSetting('vector-threads', 0, { min: 0, max: VECTOR_THREADS_MAX }, { isFixed: true }),
  // Snapshots that a directory keeps, with the logs since the oldest of them; 0 counts as 1.
  integerSetting('snapshot-retain', 1, { min: 0, max: SNAPSHOT_RETAIN_MAX }),
  // Bytes at which a segment of the log ends and the next begins; 0 = it ends with a snapshot.
  memorySetting('wal-max-bytes', 64 * MIB, {}),
];

/** The server's settings, in the order of CONFIG GET. */
export const serverSettings: readonly Setting[] = [
  ...networkSettings, ...processSettings, ...persistenceSettings, ...replicationSettings,
  ...clusterSettings, ...tlsSettings, ...ownSettings,
];

function hasKnownVariables(template: string): boolean {
  // What stands for nothing in an ordinary server cannot be all of a title.
  if (template.replace(/\{(?:title|server-mode|unixsocket)\}/g, '').trim() === '') return false;
  const names = [...template.matchAll(/\{([^{}]*)\}/g)].map((match) => match[1] ?? '');
  const rest = template.replace(/\{[^{}]*\}/g, '');
  return !/[{}]/.test(rest) && names.every((name) => TITLE_VARIABLES.has(name));
}
