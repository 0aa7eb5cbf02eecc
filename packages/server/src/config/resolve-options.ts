/**
 * From what was written to what the server takes: flags over file over defaults, every value
 * checked by the parameter's own parser, every error one line with its place and what is allowed.
 * Nothing is started or created here; the only thing read is the configuration file.
 */
import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { Fault, Settings } from '@kora/core/control';
import type { Setting } from '@kora/core/control';
import { logLevelOf } from '../log.ts';
import type { MemoryAdvice } from '../io/native/memory-advisor.ts';
import type { IoChoice, ServerOptions } from '../options.ts';
import { quoted, refused } from './config-entry.ts';
import type { ConfigEntry } from './config-entry.ts';
import { nearestName } from './nearest-name.ts';
import {
  NAME_OF_FORM, OWN_OPTION_NAMES, PARAMETER_ALIASES, UNBUILT_OPTIONS, checkUnbuilt, oneWord,
  readIo, readMemoryAdvice, readWorkers, translated,
} from './own-options.ts';
import { readRedisConf } from './redis-conf.ts';
import { readToml } from './toml.ts';

/** The file that is read when none is named. */
export const DEFAULT_CONFIG_FILE = 'kora.toml';
/** A configuration file is text somebody wrote; beyond this it is something else. */
export const CONFIG_FILE_BYTES_MAX = 1024 * 1024;

/** What is to be resolved. */
export interface ConfigSources {
  /** Options of the command line, in order; the last of a name counts. */
  readonly flags: readonly ConfigEntry[];
  /** The file that was named; its absence is an error. Default: kora.toml, if there is one. */
  readonly configFile?: string;
  /** Where relative paths start. */
  readonly directory: string;
}

/** Where Kora listens unless told otherwise: on this machine only, whatever redis-server does. */
const DEFAULT_BIND = '127.0.0.1';

/** Parameters that take several words. */
const SEVERAL_WORDS: ReadonlySet<string> = new Set([
  'bind', 'save', 'client-output-buffer-limit', 'oom-score-adj-values', 'shutdown-on-sigint',
  'shutdown-on-sigterm', 'latency-tracking-info-percentiles', 'tls-protocols',
]);

/**
 * Resolves configuration into what `createServer` takes. The file is named there only when CONFIG
 * REWRITE can write it: when it has the syntax of redis.conf.
 * @throws {Fault} INVALID_CONFIG with a message of one line
 */
export function resolveOptions(sources: ConfigSources): ServerOptions {
  const draft = new Draft();
  const file = readConfigFile(sources);
  for (const entry of file?.entries ?? []) draft.add(entry);
  draft.endSource();
  for (const entry of sources.flags) draft.add(entry);
  return {
    settings: { bind: DEFAULT_BIND, ...Object.fromEntries(draft.settings()) },
    workers: draft.workers,
    io: draft.io,
    memoryAdvice: draft.memoryAdvice,
    ...(file?.isRedisConf === true ? { configFile: file.path } : {}),
  };
}

/** True when the option takes all words up to the next one. */
export function takesSeveralWords(name: string): boolean {
  return SEVERAL_WORDS.has(name);
}

/** Every name an option can have, for suggestions and help. */
export function optionNames(): string[] {
  const settings = new Settings();
  const names = settings.definitions.flatMap((setting) => [setting.name, ...setting.aliases]);
  return [...OWN_OPTION_NAMES, ...names];
}

/** Collects entries; later ones win. */
class Draft {
  workers = 1;
  io: IoChoice = 'auto';
  memoryAdvice: MemoryAdvice = 'off';
  readonly #table = new Settings();
  readonly #texts = new Map<Setting, string>();
  /** Parameters given in the source that is being read: repeated `save` lines add up within one. */
  readonly #given = new Set<Setting>();

  /** The next entry comes from another source. */
  endSource(): void {
    this.#given.clear();
  }

  add(given: ConfigEntry): void {
    const entry = translated(given);
    if (entry === null) return;
    const unbuilt = UNBUILT_OPTIONS.get(entry.name);
    if (unbuilt !== undefined) {
      checkUnbuilt(entry, unbuilt);
      return;
    }
    if (entry.name === 'workers') {
      this.workers = readWorkers(entry);
      return;
    }
    if (entry.name === 'io') {
      this.io = readIo(entry);
      return;
    }
    if (entry.name === 'memory-advice') {
      this.memoryAdvice = readMemoryAdvice(entry);
      return;
    }
    const name = PARAMETER_ALIASES.get(entry.name) ?? entry.name;
    // A few of Redis's names have `_` between their words.
    const setting = this.#table.find(name) ?? this.#table.find(name.replaceAll('-', '_'));
    if (setting === undefined) throw unknown(entry);
    this.#set(setting, entry);
  }

  settings(): (readonly [string, string])[] {
    return [...this.#texts].map(([setting, text]) => [setting.name, text] as const);
  }

  #set(setting: Setting, entry: ConfigEntry): void {
    const text = textOf(setting, entry);
    const current = this.#texts.get(setting) ?? setting.initial.text;
    const isAddition = setting.name === 'save' && this.#given.has(setting) && text !== '';
    const value = setting.parse(isAddition ? `${current} ${text}`.trim() : text, current);
    if ('refusal' in value) {
      const given = setting.isSecret ? 'the value' : quoted(text);
      throw refused(entry, `${given} is refused: ${value.refusal}`);
    }
    this.#texts.set(setting, value.text);
    this.#given.add(setting);
  }
}

/** The text that the parameter's parser gets.
 * @throws {Fault} INVALID_CONFIG for a wrong type or number of words */
function textOf(setting: Setting, entry: ConfigEntry): string {
  checkType(setting, entry);
  const isSeveral = SEVERAL_WORDS.has(setting.name);
  const text = isSeveral || entry.form === 'list' ? entry.words.join(' ') : oneWord(entry);
  if (setting.name !== 'loglevel') return text;
  return logLevelOf(text) ?? text;
}

/** Holds a value's type against the kind of the parameter, which its parser shows when tried. */
function checkType(setting: Setting, entry: ConfigEntry): void {
  if (entry.form === 'words') return;
  const current = setting.initial.text;
  const accepts = (text: string): boolean => !('refusal' in setting.parse(text, current));
  const takesText = accepts('some text');
  const isNumeric = /^-?\d+$/.test(current) && !takesText;
  const isMemory = isNumeric && accepts('64mb');
  const isSwitch = !takesText && accepts('no');
  if (entry.form === 'integer' && isNumeric) return;
  if (entry.form === 'boolean' && isSwitch) return;
  if (entry.form === 'list' && SEVERAL_WORDS.has(setting.name)) return;
  if (entry.form === 'text' && (!isNumeric || isMemory)) return;
  const wanted = isMemory
    ? 'an integer or text such as "100mb"'
    : isNumeric ? 'an integer' : isSwitch ? 'a boolean' : 'text';
  throw refused(entry, `wrong type: it is ${NAME_OF_FORM[entry.form]}, wanted ${wanted}`);
}

function unknown(entry: ConfigEntry): Fault {
  const near = nearestName(entry.name, optionNames());
  const dashes = entry.shown.startsWith('--') ? '--' : '';
  const hint = near === undefined ? 'kora --help names them' : `did you mean ${dashes}${near}?`;
  return refused(entry, `unknown option; ${hint}`);
}

interface ReadFile {
  readonly path: string;
  readonly entries: readonly ConfigEntry[];
  readonly isRedisConf: boolean;
}

function readConfigFile(sources: ConfigSources): ReadFile | null {
  const shown = sources.configFile ?? DEFAULT_CONFIG_FILE;
  const path = resolve(sources.directory, shown);
  const text = readText(path, shown, sources.configFile !== undefined);
  if (text === null) return null;
  const isRedisConf = !isToml(path, text);
  return {
    path, isRedisConf, entries: isRedisConf ? readRedisConf(text, shown) : readToml(text, shown),
  };
}

function readText(path: string, shown: string, isNamed: boolean): string | null {
  const place = { where: '', shown };
  try {
    const { size } = statSync(path);
    if (size > CONFIG_FILE_BYTES_MAX) {
      throw refused(place, `${size} bytes are too much, ${CONFIG_FILE_BYTES_MAX} are allowed`);
    }
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (cause instanceof Fault || !(cause instanceof Error)) throw cause;
    const code = 'code' in cause ? String(cause.code) : cause.message;
    if (code === 'ENOENT' && !isNamed) return null;
    throw refused(place, code === 'ENOENT' ? 'there is no such file' : `cannot be read (${code})`);
  }
}

/** By its ending; a file with another is TOML when its first line with content looks like it. */
function isToml(path: string, text: string): boolean {
  if (path.endsWith('.toml')) return true;
  if (path.endsWith('.conf')) return false;
  const first = text.split('\n').find((line) => !/^\s*(?:#|$)/.test(line)) ?? '';
  return /^\s*(?:\[|["'\w-]+\s*=)/.test(first);
}
