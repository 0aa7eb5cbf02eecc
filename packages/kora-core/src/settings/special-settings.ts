/**
 * Settings whose value has a grammar of its own: save points, output buffer limits, event classes,
 * percentiles, shutdown words. Each is given and shown as redis-server 7.0 does, its corners
 * included (empty words between two blanks are refused, a class of limits may be given alone).
 */
import { EventClass } from '../keyspace/events.ts';
import type { Setting, SettingOptions, SettingRefusal, SettingValue } from './setting.ts';
import { defineSetting, parseInteger64, parseMemory } from './setting.ts';

type Parsed = SettingValue | SettingRefusal;

const accepted = (text: string): SettingValue => ({ text, number: 0 });

/** Points of `save`: seconds and changes in turn; empty = none. */
export function saveSetting(initial: string, options: SettingOptions = {}): Setting {
  const parse = (text: string): Parsed => {
    if (text === '') return accepted('');
    const words = text.split(' ');
    const isLegal = words.every((word, i) => {
      const least = i % 2 === 0 ? 1n : 0n;
      return (parseInteger64(word) ?? -1n) >= least;
    });
    if (words.length % 2 !== 0 || !isLegal) return { refusal: 'Invalid save parameters' };
    return accepted(words.join(' '));
  };
  return defineSetting('save', initial, parse, { ...options, rewriteAs: 'save' });
}

/** Limits of one class of clients. */
export interface OutputLimit {
  readonly hardBytes: number;
  readonly softBytes: number;
  readonly softSeconds: number;
}

/** Classes of client-output-buffer-limit in the order they are shown. */
export const OUTPUT_CLASSES = Object.freeze(['normal', 'slave', 'pubsub'] as const);
export type OutputClass = (typeof OUTPUT_CLASSES)[number];

/** `class hard soft seconds`, one or several; classes that are not named keep their limits. */
export function outputLimitSetting(initial: string): Setting {
  const parse = (text: string, current: string): Parsed => {
    const limits = outputLimitTable(current);
    const words = text === '' ? [] : text.split(' ');
    if (words.length % 4 !== 0) {
      return { refusal: 'Wrong number of arguments in buffer limit configuration.' };
    }
    for (let i = 0; i < words.length; i += 4) {
      const word = (words[i] ?? '').toLowerCase();
      const name = OUTPUT_CLASSES.find((known) => known === (word === 'replica' ? 'slave' : word));
      if (name === undefined) {
        return { refusal: 'Invalid client class specified in buffer limit configuration.' };
      }
      const limit = limitOf(words.slice(i + 1, i + 4));
      if (limit === undefined) {
        return {
          refusal: 'Error in hard, soft or soft_seconds setting in buffer limit configuration.',
        };
      }
      limits.set(name, limit);
    }
    const parts = OUTPUT_CLASSES.map((name) => {
      const limit = limits.get(name);
      return `${name} ${limit?.hardBytes ?? 0} ${limit?.softBytes ?? 0} ${limit?.softSeconds ?? 0}`;
    });
    return accepted(parts.join(' '));
  };
  return defineSetting('client-output-buffer-limit', initial, parse, { rewriteAs: 'outputLimits' });
}

/** The value of client-output-buffer-limit as a table. */
export function outputLimitTable(text: string): Map<OutputClass, OutputLimit> {
  const words = text.split(' ');
  const limits = new Map<OutputClass, OutputLimit>();
  OUTPUT_CLASSES.forEach((name) => {
    const at = words.indexOf(name);
    const limit = at < 0 ? undefined : limitOf(words.slice(at + 1, at + 4));
    limits.set(name, limit ?? { hardBytes: 0, softBytes: 0, softSeconds: 0 });
  });
  return limits;
}

const SOFT_SECONDS_MAX = 2_147_483_647n;

function limitOf(words: readonly string[]): OutputLimit | undefined {
  const [hard = '', soft = '', seconds = ''] = words;
  const hardBytes = parseMemory(hard);
  const softBytes = parseMemory(soft);
  const softSeconds = parseInteger64(seconds);
  if (hardBytes === undefined || softBytes === undefined) return undefined;
  if (softSeconds === undefined) return undefined;
  if (softSeconds < 0n || softSeconds > SOFT_SECONDS_MAX) return undefined;
  return {
    hardBytes: Number(hardBytes), softBytes: Number(softBytes), softSeconds: Number(softSeconds),
  };
}

/** Classes that `A` stands for, in the order in which they are shown. */
const EVENT_CLASSES_OF_ALL = [
  EventClass.Generic, EventClass.String, EventClass.List, EventClass.Set, EventClass.Hash,
  EventClass.SortedSet, EventClass.Expired, EventClass.Evicted, EventClass.Stream,
  EventClass.Module,
];
const EVENT_LETTERS_LEGAL = `A${EVENT_CLASSES_OF_ALL.join('')}KEmn`;

/**
 * Letters of the classes of events to publish; empty = none. The number is 1 when new keys are
 * asked for: beside `A` their letter is not shown, as in Redis.
 */
export function keyspaceEventsSetting(options: SettingOptions = {}): Setting {
  const parse = (text: string): Parsed => {
    const letters = new Set(text);
    for (const letter of letters) {
      if (EVENT_LETTERS_LEGAL.includes(letter)) continue;
      return { refusal: "Invalid event class character. Use 'Ag$lshzxeKEtmdn'." };
    }
    if (letters.has('A')) for (const letter of EVENT_CLASSES_OF_ALL) letters.add(letter);
    const isAll = EVENT_CLASSES_OF_ALL.every((letter) => letters.has(letter));
    const classes = isAll ? ['A'] : [...EVENT_CLASSES_OF_ALL, EventClass.New];
    const order = [...classes, 'K', 'E', 'm'];
    if (isAll) letters.add('A');
    const shown = order.filter((letter) => letters.has(letter)).join('');
    return { text: shown, number: letters.has(EventClass.New) ? 1 : 0 };
  };
  return defineSetting('notify-keyspace-events', '', parse, { ...options, rewriteAs: 'quoted' });
}

/** Percentiles of INFO latencystats, 0 to 100. */
export function percentilesSetting(): Setting {
  const name = 'latency-tracking-info-percentiles';
  const parse = (text: string): Parsed => {
    const words = text === '' ? [] : text.split(' ');
    for (const word of words) {
      if (!/^-?\d+(\.\d+)?$/.test(word)) return { refusal: `Invalid ${name} parameters` };
      const value = Number(word);
      if (value < 0 || value > 100) {
        return { refusal: `${name} parameters should sit between [0.0,100.0]` };
      }
    }
    return accepted(words.map((word) => String(Number(word))).join(' '));
  };
  return defineSetting(name, '50 99 99.9', parse);
}

const SHUTDOWN_WORDS = ['default', 'save', 'nosave', 'now', 'force'];

/** Words that say how a signal ends the server. */
export function shutdownSetting(name: string, options: SettingOptions): Setting {
  const parse = (text: string): Parsed => {
    const words = new Set(text.toLowerCase().split(' '));
    for (const word of words) {
      if (SHUTDOWN_WORDS.includes(word)) continue;
      return { refusal: `argument(s) must be one of the following: ${SHUTDOWN_WORDS.join(', ')}` };
    }
    if (words.has('save') && words.has('nosave')) {
      return { refusal: "shutdown options SAVE and NOSAVE can't be used simultaneously" };
    }
    if (words.size > 1) words.delete('default');
    return accepted(SHUTDOWN_WORDS.filter((word) => words.has(word)).join(' '));
  };
  return defineSetting(name, 'default', parse, options);
}

/** Largest score, either sign, as Redis bounds it. */
const OOM_SCORE_MAX = 2000;

/** Three scores for the kernel's out-of-memory killer. */
export function oomScoreSetting(options: SettingOptions): Setting {
  const parse = (text: string): Parsed => {
    const words = text.split(' ');
    if (words.length !== 3) return { refusal: 'wrong number of arguments' };
    const isLegal = words.every(
      (word) => /^-?\d{1,9}$/.test(word) && Math.abs(Number(word)) <= OOM_SCORE_MAX,
    );
    if (isLegal) return accepted(words.map(Number).join(' '));
    return { refusal: 'Invalid oom-score-adj-values, elements must be between -2000 and 2000.' };
  };
  return defineSetting('oom-score-adj-values', '0 200 800', parse, options);
}
