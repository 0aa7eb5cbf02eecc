/**
 * COMMAND and COMMAND INFO: the facts of an entry as Redis replies them. Flags and categories are
 * status lines in sets, key specifications maps; RESP2 sees arrays. The old three numbers (first,
 * last, step) are derived from the key specifications by Redis's rule.
 */
import { categoriesOfCommand } from './acl-categories.ts';
import type { KeySpec } from './key-spec.ts';
import type { ReplySink } from './sink.ts';
import type { Command } from './spec.ts';
import { Flag } from './spec.ts';

/** Wire names of flags, in Redis's order. It does not tell which commands may replicate. */
const FLAG_NAMES: readonly (readonly [number, string])[] = [
  [Flag.Write, 'write'], [Flag.ReadOnly, 'readonly'], [Flag.DenyOom, 'denyoom'],
  [Flag.Admin, 'admin'], [Flag.PubSub, 'pubsub'], [Flag.NoScript, 'noscript'],
  [Flag.Blocking, 'blocking'], [Flag.Loading, 'loading'], [Flag.Stale, 'stale'],
  [Flag.SkipMonitor, 'skip_monitor'], [Flag.SkipSlowlog, 'skip_slowlog'],
  [Flag.Asking, 'asking'], [Flag.Fast, 'fast'], [Flag.NoAuth, 'no_auth'],
  [Flag.NoMandatoryKeys, 'no_mandatory_keys'],
  [Flag.NoAsyncLoading, 'no_async_loading'], [Flag.NoMulti, 'no_multi'],
  [Flag.MovableKeys, 'movablekeys'], [Flag.AllowBusy, 'allow_busy'],
];

/** Flag words of COMMAND INFO. */
export function flagNames(flags: number): readonly string[] {
  return FLAG_NAMES.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name);
}

/** The three numbers that describe fixed key places; zeros where there are none. */
export interface KeyRange {
  readonly first: number;
  readonly last: number;
  readonly step: number;
}

/**
 * First, last and step of the specifications with fixed places. One specification is taken as it
 * is; of several only those with step 1 that follow each other count, as in Redis.
 */
export function keyRangeOf(specs: readonly KeySpec[]): KeyRange {
  const none = { first: 0, last: 0, step: 0 };
  const ranges = specs.flatMap((spec) => {
    if (spec.begin.kind !== 'index' || spec.find.kind !== 'range') return [];
    const first = spec.begin.index;
    const { last, step } = spec.find;
    return [{ first, last: last >= 0 ? first + last : last, step }];
  });
  const [only] = ranges;
  if (only === undefined) return none;
  if (specs.length === 1) return only;
  let joined: KeyRange = none;
  for (const range of ranges) {
    if (range.step !== 1) continue;
    if (joined.step !== 0 && range.first !== joined.last + 1) continue;
    joined = joined.step === 0 ? range : { ...joined, last: range.last };
  }
  return joined;
}

/** Writes one command as COMMAND INFO shows it. */
export function writeCommandInfo(command: Command, out: ReplySink): void {
  const { definition } = command;
  const range = keyRangeOf(definition.keys);
  out.array(10);
  out.bulkText(command.name);
  out.integer(command.arity);
  writeWords(out, flagNames(command.flags));
  out.integer(range.first);
  out.integer(range.last);
  out.integer(range.step);
  writeWords(out, categoriesOfCommand(command).map((name) => `@${name}`));
  const tips = definition.tips ?? [];
  out.set(tips.length);
  for (const tip of tips) out.bulkText(tip);
  out.set(definition.keys.length);
  for (const spec of definition.keys) writeKeySpec(spec, out);
  // Redis writes a set where there are none and an array where there are some.
  if (command.subcommands.size === 0) out.set(0);
  else out.array(command.subcommands.size);
  for (const subcommand of command.subcommands.values()) writeCommandInfo(subcommand, out);
}

/** Words of a key specification: access, effects, extra flags; of what is no key, the last only. */
export function keySpecFlags(spec: KeySpec): readonly string[] {
  if (spec.extra?.includes('not_key') === true) return spec.extra;
  return [spec.access, ...spec.effects, ...(spec.extra ?? [])];
}

function writeWords(out: ReplySink, words: readonly string[]): void {
  out.set(words.length);
  for (const word of words) out.simple(word);
}

/** One half of a specification: its type and the numbers and words that belong to it. */
interface SpecPart {
  readonly type: string;
  readonly spec: readonly (readonly [string, string | number])[];
}

function writeKeySpec(spec: KeySpec, out: ReplySink): void {
  out.map(spec.notes === undefined ? 3 : 4);
  if (spec.notes !== undefined) {
    out.bulkText('notes');
    out.bulkText(spec.notes);
  }
  out.bulkText('flags');
  writeWords(out, keySpecFlags(spec));
  out.bulkText('begin_search');
  writePart(beginPart(spec), out);
  out.bulkText('find_keys');
  writePart(findPart(spec), out);
}

function beginPart({ begin }: KeySpec): SpecPart {
  if (begin.kind === 'index') return { type: 'index', spec: [['index', begin.index]] };
  if (begin.kind === 'unknown') return { type: 'unknown', spec: [] };
  return { type: 'keyword', spec: [['keyword', begin.keyword], ['startfrom', begin.startFrom]] };
}

function findPart({ find }: KeySpec): SpecPart {
  if (find.kind === 'unknown') return { type: 'unknown', spec: [] };
  if (find.kind === 'range') {
    return {
      type: 'range',
      spec: [['lastkey', find.last], ['keystep', find.step], ['limit', find.limit]],
    };
  }
  return {
    type: 'keynum',
    spec: [['keynumidx', find.keynumIndex], ['firstkey', find.firstKey], ['keystep', find.step]],
  };
}

function writePart(part: SpecPart, out: ReplySink): void {
  out.map(2);
  out.bulkText('type');
  out.bulkText(part.type);
  out.bulkText('spec');
  out.map(part.spec.length);
  for (const [name, value] of part.spec) {
    out.bulkText(name);
    if (typeof value === 'number') out.integer(value);
    else out.bulkText(value);
  }
}
