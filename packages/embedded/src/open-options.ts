/**
 * What `open` and `openSync` take, and how it becomes settings: every option is checked before
 * anything is made, and a misspelt or impossible one is a Fault that says what was given and what
 * is allowed.
 */
import { DATABASE_COUNT, Fault, MESH_WORKER_COUNT_MAX, Settings } from '@kora/core';
import type { Platform } from '@kora/core';

/** Policies of `maxmemoryPolicy`: what goes when memory is full. */
export type MaxmemoryPolicy =
  | 'noeviction' | 'allkeys-lru' | 'allkeys-lfu' | 'allkeys-random'
  | 'volatile-lru' | 'volatile-lfu' | 'volatile-random' | 'volatile-ttl';

/** When changes are made durable; see `OpenOptions.fsync`. */
export type Fsync = 'always' | 'everysec' | 'no';

/** Options of `openSync`, and of `open` beside `workers`. */
export interface OpenOptions {
  /**
   * Directory that keeps the data; made when it is not there, and of one engine at a time. Default:
   * none, the data ends with the engine.
   */
  readonly dir?: string;
  /**
   * When a change is durable. `always`: when its call returns, or its promise is settled.
   * `everysec` (the default): within a second, which is what a loss of power may take. `no`: when
   * the system writes it. A process that is killed loses what the last milliseconds changed, but
   * with `always`.
   */
  readonly fsync?: Fsync;
  /**
   * Told what was found in the directory that somebody should know, such as a torn end; with
   * workers also when the log cannot be written, and when it can again.
   */
  readonly onNotice?: (message: string) => void;
  /**
   * Bytes of data at most, or with a unit as in Redis (`'100mb'`). Default: no limit but
   * `memoryBytesMax`.
   */
  readonly maxmemory?: number | string;
  /** Default `noeviction`: writes are refused with `OOM` when memory is full. */
  readonly maxmemoryPolicy?: MaxmemoryPolicy;
  /** Databases that SELECT accepts, 1 to 16. Default 16. */
  readonly databases?: number;
  /** Any other parameter of CONFIG by its name, as CONFIG SET would take it. */
  readonly settings?: Readonly<Record<string, string | number>>;
  /**
   * Address space of the engine in bytes: a multiple of 64 KiB, 64 MiB to 4 GiB (the default). Only
   * what is used costs memory. A closed engine's memory serves the next one with the same figure.
   */
  readonly memoryBytesMax?: number;
  /**
   * Called when a command throws: a defect of the engine. Default: the reply's `cause` alone says
   * so.
   */
  readonly onError?: (message: string, cause: unknown) => void;
  /** Clocks and chance, for tests. Default: those of Node, with background work on a timer. */
  readonly platform?: Platform;
}

/** Options of `open`. */
export interface OpenAsyncOptions extends OpenOptions {
  /**
   * Threads that share the data, each with a part of the keys: 1 to 30. Default: none, the data
   * lives in this thread. They need the package @kora/server beside this one.
   * `memoryBytesMax` is that of each; `maxmemory` is that of all together.
   */
  readonly workers?: number;
}

/** Least address space: low memory, the page map and room for data. */
export const MEMORY_BYTES_MIN = 64 * 1024 * 1024;
const MEMORY_BYTES_MAX = 2 ** 32;
const WASM_PAGE_BYTES = 65_536;
const OPTION_NAMES: ReadonlySet<string> = new Set([
  'maxmemory', 'maxmemoryPolicy', 'databases', 'settings', 'memoryBytesMax', 'onError', 'platform',
  'workers', 'dir', 'fsync', 'onNotice',
]);
const FSYNC_WORDS: readonly string[] = ['always', 'everysec', 'no'];

/** The options as a settings table and an address space.
 * @throws {Fault} INVALID_OPTION */
export function readOptions(options: OpenOptions): {
  readonly settings: Settings;
  /** The settings that were given, as names and texts. */
  readonly pairs: readonly (readonly [string, string])[];
  readonly memoryBytesMax: number;
} {
  for (const name of Object.keys(options)) {
    if (OPTION_NAMES.has(name)) continue;
    throw new Fault(
      'INVALID_OPTION', `unknown option "${name}"; there is ${[...OPTION_NAMES].join(', ')}`,
    );
  }
  checkKinds(options);
  const pairs: [string, string][] = [];
  if (options.maxmemory !== undefined) pairs.push(['maxmemory', String(options.maxmemory)]);
  if (options.maxmemoryPolicy !== undefined) {
    pairs.push(['maxmemory-policy', options.maxmemoryPolicy]);
  }
  if (options.databases !== undefined) {
    checkInteger('databases', options.databases, 1, DATABASE_COUNT);
    pairs.push(['databases', String(options.databases)]);
  }
  for (const [name, value] of Object.entries(options.settings ?? {})) {
    pairs.push([name, String(value)]);
  }
  pairs.push(...storePairs(options));
  const settings = new Settings();
  for (const pair of pairs) {
    const refusal = settings.find(pair[0]) === undefined
      ? `there is no setting "${pair[0]}"`
      : settings.load([pair]);
    if (refusal !== null) throw new Fault('INVALID_OPTION', refusal);
  }
  const memoryBytesMax = options.memoryBytesMax ?? MEMORY_BYTES_MAX;
  checkInteger('memoryBytesMax', memoryBytesMax, MEMORY_BYTES_MIN, MEMORY_BYTES_MAX);
  if (memoryBytesMax % WASM_PAGE_BYTES !== 0) {
    throw new Fault(
      'INVALID_OPTION', `memoryBytesMax is ${memoryBytesMax}; it is a multiple of 65536`,
    );
  }
  return { settings, pairs, memoryBytesMax };
}

/** Values that are kept to be used later must be what they are used as.
 * @throws {Fault} INVALID_OPTION */
function checkKinds({ settings = {}, platform, ...options }: OpenOptions): void {
  checkObject('settings', settings);
  for (const name of ['onNotice', 'onError'] as const) {
    const given: unknown = options[name];
    if (given === undefined || typeof given === 'function') continue;
    throw new Fault('INVALID_OPTION', `${name} is ${shown(given)}; it is a function`);
  }
  if (platform === undefined) return;
  checkObject('platform', platform);
  for (const part of ['clock', 'chance', 'scheduler'] as const) {
    checkObject(`platform.${part}`, platform[part]);
  }
}

/** @throws {Fault} INVALID_OPTION */
function checkObject(name: string, given: unknown): void {
  if (typeof given === 'object' && given !== null && !Array.isArray(given)) return;
  throw new Fault('INVALID_OPTION', `${name} is ${shown(given)}; it is an object`);
}

function shown(given: unknown): string {
  return typeof given === 'object' && given !== null ? 'an object' : String(given);
}

/** What the settings say of the directory.
 * @throws {Fault} INVALID_OPTION */
function storePairs({ dir, fsync, settings = {} }: OpenOptions): [string, string][] {
  for (const name of ['dir', 'appendonly']) {
    if (!Object.hasOwn(settings, name)) continue;
    throw new Fault('INVALID_OPTION', `settings.${name}: say dir beside the other options`);
  }
  if (fsync !== undefined && !FSYNC_WORDS.includes(fsync)) {
    const allowed = FSYNC_WORDS.join(', ');
    throw new Fault('INVALID_OPTION', `fsync is ${String(fsync)}; allowed: ${allowed}`);
  }
  if (dir === undefined) {
    if (fsync === undefined) return [];
    throw new Fault('INVALID_OPTION', 'fsync is about a directory: say dir as well');
  }
  if (dir === '') throw new Fault('INVALID_OPTION', 'dir is empty; leave it out to keep nothing');
  if (typeof dir !== 'string' || dir.includes('\0')) {
    const given = JSON.stringify(dir);
    throw new Fault('INVALID_OPTION', `dir is ${given}; it is the path of a directory`);
  }
  const pairs: [string, string][] = [['dir', dir], ['appendonly', 'yes']];
  if (fsync !== undefined) pairs.push(['appendfsync', fsync]);
  return pairs;
}

/** An engine in the caller's thread has no workers.
 * @throws {Fault} INVALID_OPTION */
export function refuseWorkers(options: OpenOptions): void {
  checkObject('the argument of openSync()', options);
  if (!Object.hasOwn(options, 'workers')) return;
  throw new Fault('INVALID_OPTION', 'workers are for open(); openSync() has this thread alone');
}

/** How many worker threads are asked for; 0 when none are.
 * @throws {Fault} INVALID_OPTION */
export function readWorkers(options: OpenAsyncOptions): number {
  checkObject('the argument of open()', options);
  const { workers, platform } = options;
  if (workers === undefined) return 0;
  checkInteger('workers', workers, 1, MESH_WORKER_COUNT_MAX);
  if (platform !== undefined) {
    throw new Fault('INVALID_OPTION', 'a platform cannot go to other threads; leave out workers');
  }
  return workers;
}

function checkInteger(name: string, value: number, min: number, max: number): void {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return;
  throw new Fault(
    'INVALID_OPTION', `${name} is ${String(value)}; it is an integer from ${min} to ${max}`,
  );
}
