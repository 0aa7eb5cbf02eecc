/**
 * What a setting is: one entry of the settings table, from which CONFIG GET, SET, REWRITE and their
 * error texts follow. A value is kept as the text CONFIG GET shows (one character per byte) and,
 * where it is a number, as a number. The texts of refusals are byte-equal to redis-server 7.0's.
 * Bounds beyond 2^53 are checked as bigint; the number of such a value is the nearest double.
 */
import { assert } from '../assert.ts';

/** A value that was accepted. */
export interface SettingValue {
  /** As CONFIG GET answers it. */
  readonly text: string;
  /** Booleans are 0 and 1, enums their place in the list, texts 0. */
  readonly number: number;
}

/** Why a value was refused: what follows `... - ` in the error reply. */
export interface SettingRefusal {
  readonly refusal: string;
}

/** One setting. */
export interface Setting {
  readonly name: string;
  /** Other names under which Redis knows the same setting (`slave-...`, `...-ziplist-...`). */
  readonly aliases: readonly string[];
  readonly initial: SettingValue;
  /** False: only at start. */
  readonly isMutable: boolean;
  /** True for settings that CONFIG SET refuses unless `enable-protected-configs` allows it. */
  readonly isProtected: boolean;
  /** Why it does nothing in Kora; undefined when it acts. docs/differences.md has the same list. */
  readonly inert: string | undefined;
  /** Never shown in logs. */
  readonly isSecret: boolean;
  /** CONFIG REWRITE writes it in quotes, or as several lines. */
  readonly rewriteAs: 'word' | 'quoted' | 'save' | 'outputLimits';
  /** @param current the text in force, for values that are given in parts */
  parse(text: string, current: string): SettingValue | SettingRefusal;
}

/** What every maker takes beside its own. */
export interface SettingOptions {
  readonly aliases?: readonly string[];
  /** Can only be given at start. */
  readonly isFixed?: boolean;
  readonly isProtected?: boolean;
  readonly inert?: string;
  readonly isSecret?: boolean;
}

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

/** Makes a setting from its parser; the default goes through the parser too. */
export function defineSetting(
  name: string,
  initialText: string,
  parse: Setting['parse'],
  options: SettingOptions & { readonly rewriteAs?: Setting['rewriteAs'] } = {},
): Setting {
  const initial = parse(initialText, initialText);
  assert(!('refusal' in initial), `the default of ${name} is a legal value`);
  return {
    name,
    aliases: options.aliases ?? [],
    initial,
    isMutable: options.isFixed !== true,
    isProtected: options.isProtected ?? false,
    inert: options.inert,
    isSecret: options.isSecret ?? false,
    rewriteAs: options.rewriteAs ?? 'word',
    parse,
  };
}

/**
 * `yes` or `no`, in any case.
 * @param options.refuseYes why only `no` can be had, where a feature is missing
 */
export function booleanSetting(
  name: string,
  initial: 'yes' | 'no',
  options: SettingOptions & { readonly refuseYes?: string } = {},
): Setting {
  const { refuseYes } = options;
  const parse = (text: string): SettingValue | SettingRefusal => {
    const word = text.toLowerCase();
    if (word !== 'yes' && word !== 'no') return { refusal: "argument must be 'yes' or 'no'" };
    if (word === 'yes' && refuseYes !== undefined) return { refusal: refuseYes };
    return { text: word, number: word === 'yes' ? 1 : 0 };
  };
  return defineSetting(name, initial, parse, options);
}

/** Bounds of a number, both allowed; without them the whole of int64. */
export interface NumberBounds {
  readonly min?: number | bigint;
  readonly max?: number | bigint;
}

/** A decimal integer between two bounds. */
export function integerSetting(
  name: string, initial: number, bounds: NumberBounds, options: SettingOptions = {},
): Setting {
  const min = BigInt(bounds.min ?? INT64_MIN);
  const max = BigInt(bounds.max ?? INT64_MAX);
  const parse = (text: string): SettingValue | SettingRefusal => {
    const value = parseInteger64(text);
    if (value === undefined) return { refusal: "argument couldn't be parsed into an integer" };
    return boundedValue(value, min, max);
  };
  return defineSetting(name, String(initial), parse, options);
}

/** A file mode in octal, shown in octal. */
export function octalSetting(
  name: string, initial: string, max: number, options: SettingOptions = {},
): Setting {
  const parse = (text: string): SettingValue | SettingRefusal => {
    if (!/^[0-7]{1,20}$/.test(text)) {
      return { refusal: "argument couldn't be parsed as an octal number" };
    }
    const value = Number.parseInt(text, 8);
    if (value > max) {
      return { refusal: `argument must be between 0 and ${max.toString(8)} inclusive` };
    }
    return { text: value.toString(8), number: value };
  };
  return defineSetting(name, initial, parse, options);
}

/** Bytes, with or without a unit (`100mb`); shown in bytes. */
export function memorySetting(
  name: string, initial: number, bounds: NumberBounds, options: SettingOptions = {},
): Setting {
  const min = BigInt(bounds.min ?? 0);
  const max = BigInt(bounds.max ?? INT64_MAX);
  const parse = (text: string): SettingValue | SettingRefusal => {
    // Redis reads it as a C string: up to the first zero byte.
    const value = parseMemory(text.split('\0', 1)[0] ?? '');
    if (value === undefined) return { refusal: 'argument must be a memory value' };
    return boundedValue(value, min, max);
  };
  return defineSetting(name, String(initial), parse, options);
}

/** Bytes, or a share of maxmemory as `10%` (its number is then negative). */
export function memoryOrPercentSetting(
  name: string, initial: number, bounds: NumberBounds, options: SettingOptions = {},
): Setting {
  const min = BigInt(bounds.min ?? 0);
  const max = BigInt(bounds.max ?? INT64_MAX);
  const parse = (text: string): SettingValue | SettingRefusal => {
    const percent = /^(0|[1-9]\d{0,17})%$/.exec(text);
    if (percent !== null) return percentValue(BigInt(percent[1] ?? '0'), min);
    const value = parseMemory(text);
    if (value === undefined) return { refusal: 'argument must be a memory or percent value' };
    return boundedValue(value, 0n, max);
  };
  return defineSetting(name, String(initial), parse, options);
}

/** One word of a list, in any case. */
export function enumSetting(
  name: string, initial: string, words: readonly string[], options: SettingOptions = {},
): Setting {
  const parse = (text: string): SettingValue | SettingRefusal => {
    const place = words.indexOf(text.toLowerCase());
    const word = words[place];
    if (word !== undefined) return { text: word, number: place };
    return { refusal: `argument(s) must be one of the following: ${words.join(', ')}` };
  };
  return defineSetting(name, initial, parse, options);
}

/** Any text; `check` returns a refusal's text or null. */
export function textSetting(
  name: string,
  initial: string,
  options: SettingOptions = {},
  check: (text: string) => string | null = () => null,
): Setting {
  const parse = (text: string): SettingValue | SettingRefusal => {
    const refusal = check(text);
    return refusal === null ? { text, number: 0 } : { refusal };
  };
  return defineSetting(name, initial, parse, { ...options, rewriteAs: 'quoted' });
}

/** A decimal int64 as Redis reads it: no sign but `-`, no leading zeros, no spaces. */
export function parseInteger64(text: string): bigint | undefined {
  if (!/^(?:0|-?[1-9]\d{0,18})$/.test(text)) return undefined;
  const value = BigInt(text);
  return value < INT64_MIN || value > INT64_MAX ? undefined : value;
}

const MEMORY_UNITS: ReadonlyMap<string, bigint> = new Map([
  ['', 1n], ['b', 1n],
  ['k', 1000n], ['kb', 1024n],
  ['m', 1000n ** 2n], ['mb', 1024n ** 2n],
  ['g', 1000n ** 3n], ['gb', 1024n ** 3n],
]);

const UINT64_MAX = 2n ** 64n - 1n;
/** Longest text of a memory value that is read. */
const MEMORY_TEXT_BYTES_MAX = 128;

/**
 * Digits and a unit as Redis writes them: `k` is 1000, `kb` is 1024; no digits are 0; what does not
 * fit 64 bits is the largest value. Undefined when it is none.
 */
export function parseMemory(text: string): bigint | undefined {
  const parts = text.length > MEMORY_TEXT_BYTES_MAX ? null : /^(\d*)([a-zA-Z]{0,2})$/.exec(text);
  const unit = MEMORY_UNITS.get((parts?.[2] ?? '').toLowerCase());
  if (parts === null || unit === undefined) return undefined;
  const value = BigInt(parts[1] ?? '') * unit;
  return value > UINT64_MAX ? UINT64_MAX : value;
}

function boundedValue(value: bigint, min: bigint, max: bigint): SettingValue | SettingRefusal {
  if (value < min || value > max) {
    return { refusal: `argument must be between ${String(min)} and ${String(max)} inclusive` };
  }
  return { text: String(value), number: Number(value) };
}

function percentValue(percent: bigint, min: bigint): SettingValue | SettingRefusal {
  if (-percent < min) {
    return { refusal: `percentage argument must be less or equal to ${String(-min)}` };
  }
  return { text: percent === 0n ? '0' : `${String(percent)}%`, number: -Number(percent) };
}
