/**
 * What a server is made with. Everything Redis has a parameter for is given by that name under
 * `settings`, with the texts a redis.conf would hold; what only Kora has stands beside it. Plain
 * data, checked once by createServer: a bad value is a Fault INVALID_OPTION, something that does
 * not exist yet a Fault NOT_BUILT_YET.
 */
import type { ComposeOptions } from '@kora/core';
import { Fault, MESH_WORKER_COUNT_MAX } from '@kora/core/control';
import type { Settings } from '@kora/core/control';
import { MEMORY_ADVICES } from './io/native/memory-advisor.ts';
import type { MemoryAdvice } from './io/native/memory-advisor.ts';
import type { LogLevel } from './log.ts';

/**
 * A value of a setting: text as in redis.conf, a number, `true` for `yes`; a list is joined by
 * spaces.
 */
export type SettingInput = string | number | boolean | readonly (string | number)[];

/** The I/O engines. `auto` takes the best that works here: uring, else epoll, else node. */
export const IO_CHOICES = Object.freeze(['auto', 'uring', 'epoll', 'node'] as const);
export type IoChoice = (typeof IO_CHOICES)[number];

/** How a server is made. All fields are optional. */
export interface ServerOptions {
  /**
   * Redis parameters by name: `port` (0 = any free port), `bind`, `unixsocket`, `unixsocketperm`,
   * `requirepass`, `maxmemory`, `maxclients`, `loglevel`, `logfile`, `timeout`... Later duplicates
   * by an alias win.
   */
  readonly settings?: Readonly<Record<string, SettingInput>>;
  /**
   * Path of the configuration file the settings came from, for INFO and CONFIG REWRITE. Absent:
   * none.
   */
  readonly configFile?: string;
  /**
   * Threads that own a shard each, 1 (the default) to MESH_WORKER_COUNT_MAX.
   */
  readonly workers?: number;
  /**
   * Default `auto`. `uring` and `epoll` run the shard on a thread of its own and need Linux and
   * koffi; where they cannot be had, `start` rejects with IO_UNAVAILABLE. With several workers on
   * `node` all of them accept connections where koffi or Node (22.12, 23.1) can share a port, else
   * the first.
   */
  readonly io?: IoChoice;
  /**
   * What the system is told about the memory of the data, default `off`: `huge-pages` makes reads
   * of large data faster, `give-back` returns memory that lies free, `all` does both. Needs Linux
   * and koffi; where it cannot be had, `start` rejects with ADVICE_UNAVAILABLE.
   */
  readonly memoryAdvice?: MemoryAdvice;
  /**
   * Directory that keeps the data; made when it is not there, and of one engine at a time. The same
   * as the setting `dir`. Default: none, the data lives in memory.
   */
  readonly dataDir?: string;
  /** When a change is durable; the same as the setting `appendfsync`. Default `everysec`. */
  readonly fsync?: 'always' | 'everysec' | 'no';
  /** Takes every log line instead of stdout or `logfile`. */
  readonly onLog?: (level: LogLevel, message: string) => void;
  /**
   * Commands beside those of the core and the server. Functions cannot go to another thread: with
   * them `auto` is `node`, and the other engines are refused.
   */
  readonly extraCommands?: ComposeOptions['extraCommands'];
}

/**
 * Refuses what is not there yet, before anything is allocated. @throws {Fault} NOT_BUILT_YET,
 * INVALID_OPTION
 */
export function checkOptions(options: ServerOptions): void {
  const workers = options.workers ?? 1;
  if (!Number.isSafeInteger(workers) || workers < 1 || workers > MESH_WORKER_COUNT_MAX) {
    const allowed = `a whole number from 1 to ${MESH_WORKER_COUNT_MAX}`;
    throw new Fault('INVALID_OPTION', `workers is ${workers}; allowed: ${allowed}`);
  }
  checkIo(options);
  if (workers > 1) checkThreads(workers, options);
  checkAdvice(options);
  checkFsync(options);
}

const FSYNC_WORDS: readonly string[] = ['always', 'everysec', 'no'];

function checkFsync({ fsync, dataDir }: ServerOptions): void {
  if (dataDir === '') {
    throw new Fault('INVALID_OPTION', 'dataDir is empty; leave it out to keep nothing');
  }
  if (fsync === undefined || FSYNC_WORDS.includes(fsync)) return;
  const allowed = FSYNC_WORDS.join(', ');
  throw new Fault('INVALID_OPTION', `fsync is ${String(fsync)}; allowed: ${allowed}`);
}

/**
 * The directory that is to keep the data, null = none: `dir`, unless `appendonly no` was given as
 * well; `appendonly yes` alone means the directory the process runs in, as in Redis.
 */
export function directoryOf(
  settings: Settings, pairs: readonly (readonly string[])[],
): string | null {
  const given = pairs.some(([name]) => name?.toLowerCase() === 'appendonly');
  const isOn = settings.isOn('appendonly');
  if (given && !isOn) return null;
  const dir = settings.text('dir');
  if (dir !== '') return dir;
  return isOn ? '.' : null;
}

/** A worker's own port as a node of a cluster cannot be the one that all share. */
export function checkPorts(settings: Settings, workers = 1): void {
  const port = settings.number('port');
  const first = settings.number('cluster-ports');
  if (first === 0 || port < first || port >= first + workers) return;
  const ports = workers === 1 ? `port ${first}` : `ports ${first} to ${first + workers - 1}`;
  const reason = `the ${ports} of its nodes cannot be the port ${port} of all workers`;
  throw new Fault('INVALID_OPTION', `cluster-ports is ${first}: ${reason}`);
}

/** Several workers are threads, to which commands given as functions cannot go. */
function checkThreads(workers: number, { extraCommands }: ServerOptions): void {
  if (extraCommands === undefined) return;
  const reason = 'commands given as functions cannot go to other threads; use 1';
  throw new Fault('INVALID_OPTION', `workers ${workers} with extraCommands: ${reason}`);
}

function checkIo(options: ServerOptions): void {
  const io = options.io ?? 'auto';
  if (!IO_CHOICES.includes(io)) {
    throw new Fault('INVALID_OPTION', `io is ${String(io)}; allowed: ${IO_CHOICES.join(', ')}`);
  }
  if (options.extraCommands === undefined || io === 'auto' || io === 'node') return;
  const reason = 'commands given as functions cannot go to its thread';
  throw new Fault('INVALID_OPTION', `io ${io} with extraCommands: ${reason}; use node or auto`);
}

function checkAdvice({ memoryAdvice = 'off' }: ServerOptions): void {
  if (MEMORY_ADVICES.includes(memoryAdvice)) return;
  const allowed = MEMORY_ADVICES.join(', ');
  throw new Fault('INVALID_OPTION', `memoryAdvice is ${String(memoryAdvice)}; allowed: ${allowed}`);
}

/** The settings as pairs of name and text. */
export function settingPairs(options: ServerOptions): [string, string][] {
  const { settings = {}, dataDir, fsync } = options;
  const pairs = Object.entries(settings).map(([name, value]): [string, string] =>
    [name, settingText(value)]);
  if (dataDir !== undefined) pairs.push(['dir', dataDir]);
  if (fsync !== undefined) pairs.push(['appendfsync', fsync]);
  return pairs;
}

function settingText(value: SettingInput): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return typeof value === 'object' ? value.join(' ') : String(value);
}
