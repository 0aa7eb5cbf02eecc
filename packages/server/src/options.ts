/**
 * What a server is made with. Everything Redis has a parameter for is given by that name under
 * `settings`, with the texts a redis.conf would hold; what only Kora has stands beside it. Plain
 * data, checked once by createServer: a bad value is a Fault INVALID_OPTION, something that does
 * not exist yet a Fault NOT_BUILT_YET.
 */
import type { ComposeOptions } from '@kora/core';
import { Fault } from '@kora/core';
import type { LogLevel } from './log.ts';

/**
 * A value of a setting: text as in redis.conf, a number, `true` for `yes`; a list is joined by
 * spaces.
 */
export type SettingInput = string | number | boolean | readonly (string | number)[];

/** The I/O engines that exist or are planned. `auto` takes the best that works here. */
export type IoChoice = 'auto' | 'node' | 'epoll' | 'uring';

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
  /** Threads that own a shard. Only 1 so far. */
  readonly workers?: number;
  /** Default `auto`. */
  readonly io?: IoChoice;
  /** Directory of the log and snapshots. Not built yet. */
  readonly dataDir?: string;
  /** When the log is written through. Not built yet. */
  readonly fsync?: 'always' | 'everysec' | 'no';
  /** Takes every log line instead of stdout or `logfile`. */
  readonly onLog?: (level: LogLevel, message: string) => void;
  /** Commands beside those of the core and the server. */
  readonly extraCommands?: ComposeOptions['extraCommands'];
}

/**
 * Refuses what is not there yet, before anything is allocated. @throws {Fault} NOT_BUILT_YET,
 * INVALID_OPTION
 */
export function checkOptions(options: ServerOptions): void {
  const workers = options.workers ?? 1;
  if (!Number.isSafeInteger(workers) || workers < 1) {
    throw new Fault('INVALID_OPTION', `workers is ${workers}; allowed: a whole number from 1`);
  }
  if (workers > 1) {
    throw new Fault('NOT_BUILT_YET', `workers ${workers}: more than one worker is not built yet`);
  }
  const io = options.io ?? 'auto';
  if (io === 'epoll' || io === 'uring') {
    throw new Fault('NOT_BUILT_YET', `io ${io}: this engine is not built yet; use node or auto`);
  }
  if (options.dataDir !== undefined || options.fsync !== undefined) {
    const name = options.dataDir === undefined ? 'fsync' : 'dir';
    throw new Fault('NOT_BUILT_YET', `${name}: persistence is not built yet; data lives in memory`);
  }
}

/** The settings as pairs of name and text. */
export function settingPairs(options: ServerOptions): [string, string][] {
  return Object.entries(options.settings ?? {}).map(([name, value]) => [name, settingText(value)]);
}

function settingText(value: SettingInput): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return typeof value === 'object' ? value.join(' ') : String(value);
}
