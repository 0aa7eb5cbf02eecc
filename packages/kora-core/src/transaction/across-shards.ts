/**
 * What a command does when its keys live on several shards, derived from its entry: the key
 * specifications, the flags, and the tips by which Redis tells its own cluster clients how to split
 * a command and merge the replies. A new command gets its kind by being described; a test lists the
 * kinds of all commands, so that none gets one by accident.
 *   single       one key, or none: one shard runs it
 *   independent  each part is the same command with some of the keys; the replies merge
 *   conditional  as independent, and the parts first agree that all may run
 *   gather       one shard runs the unmodified command on copies of the foreign keys' values; what
 *                it changed of foreign keys goes back to their owners
 *   move         checked at the source, added at the destination, then removed at the source
 *   everywhere   every shard does it, at one moment
 *   scatter      reads whole databases: every shard is asked, the replies merge
 * Cost: once a command and engine; the planner keeps the result.
 */
import type { KeySpec } from '../command/key-spec.ts';
import type { Command } from '../command/spec.ts';
import { Flag } from '../command/spec.ts';
import { Course } from './coordinator.ts';

/** Kinds, as the header says. */
export const AcrossShards = Object.freeze({
  Single: 0, Independent: 1, Conditional: 2, Gather: 3, Move: 4, Everywhere: 5, Scatter: 6,
} as const);

/** How the replies of parts become one. */
export const Merge = Object.freeze({
  /** There is one reply, or the command knows best (SCAN, RANDOMKEY). */
  Special: 0,
  /** Element i is the reply for key i. */
  Array: 1,
  /** The sum of integers. */
  Sum: 2,
  /** All say OK. */
  Ok: 3,
  /** The least of integers: 0 as soon as one part refuses. */
  Least: 4,
} as const);

/** What is known of a command before its arguments are. */
export interface CommandReach {
  /** One of AcrossShards. */
  readonly kind: number;
  /** One of Merge. */
  readonly merge: number;
  /** One of Course: how a coordinator runs it over several shards. */
  readonly course: number;
  /** Argument index of the only key; 0 for commands without, or whose keys have to be searched. */
  readonly keyAt: number;
  /** The specifications that name keys. */
  readonly specs: readonly ReachSpec[];
  /** True when arguments can make it read keys that nobody can name before it runs (SORT BY). */
  readonly mayReadUnknownKeys: boolean;
}

/** One key specification and what the planner asks of it. */
export interface ReachSpec {
  readonly spec: KeySpec;
  /** It alone, as `findKeys` takes specifications. */
  readonly list: readonly KeySpec[];
  /** Changes its keys, unless `spec.usage` says otherwise of a call. */
  readonly isWrite: boolean;
  /** Its first key's shard runs a gathered command: 2 = overwritten, 1 = changed, 0 = neither. */
  readonly leads: number;
}

/** WATCH reads nothing at one moment: each owner begins to watch, and may be full. */
const WATCH = 'watch';

/** Derives the reach of a command. */
export function reachOf(command: Command): CommandReach {
  const { keys, route } = command.definition;
  const specs = (route ?? keys).filter((spec) => !isNoKey(spec));
  const isWriter = (command.flags & Flag.Write) !== 0;
  // XREADGROUP's keys are marked as read, yet groups of them change.
  const namesWrites = specs.some((spec) => spec.access !== 'RO');
  const kind = kindOf(command, specs);
  return {
    kind,
    merge: mergeOf(command, kind),
    course: courseOf(command, kind),
    keyAt: kind === AcrossShards.Single ? onlyKeyAt(specs) : 0,
    specs: specs.filter(namesKeys).map((spec) => ({
      spec,
      list: [spec],
      isWrite: isWriter && (spec.access !== 'RO' || !namesWrites),
      leads: isWriter ? leadOf(spec) : 0,
    })),
    mayReadUnknownKeys: specs.some((spec) => !namesKeys(spec)),
  };
}

/** True when some call of the command has more than one key. */
export function canHaveSeveralKeys(specs: readonly KeySpec[]): boolean {
  const [first, ...others] = specs;
  if (first === undefined) return false;
  if (others.length > 0 || first.locate !== undefined) return true;
  return first.find.kind !== 'range' || first.find.last !== 0;
}

function kindOf(command: Command, specs: readonly KeySpec[]): number {
  const { acl, tips = [] } = command.definition;
  if (specs.length === 0) {
    if (!acl.includes('keyspace')) return AcrossShards.Single;
    if ((command.flags & Flag.Write) !== 0) return AcrossShards.Everywhere;
    return (command.flags & Flag.ReadOnly) !== 0 ? AcrossShards.Scatter : AcrossShards.Single;
  }
  if (!canHaveSeveralKeys(specs)) return AcrossShards.Single;
  if (command.name === WATCH) return AcrossShards.Independent;
  if (tips.includes('request_policy:multi_shard')) {
    const isConditional = tips.includes('response_policy:agg_min');
    return isConditional ? AcrossShards.Conditional : AcrossShards.Independent;
  }
  return isMove(specs) ? AcrossShards.Move : AcrossShards.Gather;
}

/** A key that loses an element and a key that gains it. */
function isMove(specs: readonly KeySpec[]): boolean {
  const [source, destination, ...others] = specs;
  if (source === undefined || destination === undefined || others.length > 0) return false;
  return (
    source.access === 'RW' && source.effects.includes('delete') &&
    destination.access === 'RW' && destination.effects.includes('insert')
  );
}

function mergeOf(command: Command, kind: number): number {
  const { tips = [] } = command.definition;
  if (kind === AcrossShards.Everywhere || command.name === WATCH) return Merge.Ok;
  if (tips.includes('response_policy:agg_sum')) return Merge.Sum;
  if (kind === AcrossShards.Conditional) return Merge.Least;
  if (kind !== AcrossShards.Independent) return Merge.Special;
  return tips.includes('response_policy:all_succeeded') ? Merge.Ok : Merge.Array;
}

function courseOf(command: Command, kind: number): number {
  if (kind === AcrossShards.Gather || kind === AcrossShards.Move) return Course.Led;
  if (kind === AcrossShards.Conditional || command.name === WATCH) return Course.Voted;
  // What needs memory can find none; what only reads or removes cannot fail.
  return (command.flags & Flag.DenyOom) !== 0 ? Course.Voted : Course.Certain;
}

function isNoKey(spec: KeySpec): boolean {
  return spec.extra?.includes('not_key') === true;
}

/** False for what is only said to exist: the keys that SORT makes from elements. */
function namesKeys(spec: KeySpec): boolean {
  return spec.begin.kind !== 'unknown' || spec.locate !== undefined;
}

function leadOf(spec: KeySpec): number {
  if (spec.access === 'OW') return 2;
  if (spec.access !== 'RW') return 0;
  return spec.effects.includes('insert') || spec.effects.includes('update') ? 1 : 0;
}

function onlyKeyAt(specs: readonly KeySpec[]): number {
  const [spec] = specs;
  return spec !== undefined && spec.begin.kind === 'index' ? spec.begin.index : 0;
}
