/**
 * Which calls are timed, and what their times are added to (docs/adr/0020). Reading the clock twice
 * costs more than a GET. So of brief commands one call in TIMED_CALL_SHARE is timed, and stands for
 * those up to the next one. Of the calls between
 *   None     those whose work is bounded by their few arguments are not looked at
 *   Watched  of all others the end is read: a call that ends long after the one before it is timed
 *            after all, from there. At most WATCH_GAP_MAX commands of the same turn lie between
 *   Exact    commands that were not brief when they were last timed, and calls with big arguments,
 *            are timed each time
 * so nothing that can be slow by its nature escapes.
 * Invariants: after `settle` the timed and the untimed calls together are all calls.
 * Cost: None a load and two comparisons; Watched one reading of the clock.
 */
import type { ArgFrame } from '../command/arg-frame.hot.ts';
import type { Command } from '../command/spec.ts';
import { Flag } from '../command/spec.ts';
import { Stat } from '../keyspace/statistics.ts';
import type { Shard } from './shard.ts';

/** Of brief commands one call in this many is timed. Power of two. */
const TIMED_CALL_SHARE = 64;
/** A command whose last timed call took less than this is brief. */
export const BRIEF_US_MAX = 25;
/** How a call is timed. */
export const Timing = Object.freeze({ None: 0, Watched: 1, Exact: 2 } as const);

/** A watched call that took so long is recorded. */
export const WATCHED_US_MIN = 100;
/** Commands between the one whose end was read and the one that is timed from there. */
const WATCH_GAP_MAX = 16;
/** With more arguments than this a call is never ignored. */
const BOUNDED_ARGUMENTS_MAX = 16;
/** Its work is bounded although it is not flagged `fast`. */
const ALSO_BOUNDED: ReadonlySet<string> = new Set(['set', 'setex', 'psetex', 'del']);
/**
 * Flagged `fast`, but an argument may ask for any amount of work: with this many arguments it does
 * not; 0 = it may always.
 */
const ASKS_FOR_MUCH: ReadonlyMap<string, number> = new Map([
  ['lpop', 2], ['rpop', 2], ['spop', 2], ['zpopmin', 2], ['zpopmax', 2],
  ['xadd', 6], ['xautoclaim', 0], ['discard', 0], ['unwatch', 0], ['swapdb', 0], ['move', 0],
  ['digest', 0], ['delex', 2], ['bitfield_ro', 0], ['lolwut', 0],
]);

/** They run other commands, whose ends are not theirs: always exact. */
function isNesting({ name, definition }: Command): boolean {
  return name === 'exec' || definition.group === 'scripting';
}

/** In place of a duration: no call was timed. */
const NEVER = -1;

/** Most arguments with which a call of the command need not be looked at; 0 = it always is. */
function boundedArguments(command: Command): number {
  const isBounded = (command.flags & Flag.Fast) !== 0 || ALSO_BOUNDED.has(command.name);
  return isBounded ? ASKS_FOR_MUCH.get(command.name) ?? BOUNDED_ARGUMENTS_MAX : 0;
}

export class CommandTimer {
  readonly #shard: Shard;
  /** By command index: with at most so many arguments a call may go untimed while it is brief. */
  #bounded = new Uint8Array(0);
  /** 1 for commands that have to be timed each time. */
  #isNesting = new Uint8Array(0);
  /** 1 for commands of which not every call is timed now. */
  #isSampled = new Uint8Array(0);
  /** As #bounded for commands that are sampled now, 0 for others: all that most calls look at. */
  #ignored = new Uint8Array(0);
  /** 1 for commands that were brief when they were last timed. */
  #isBrief = new Uint8Array(0);
  /** When a call of this turn has ended, us, 0 = not known; and the commands so far by then. */
  #endedUs = 0;
  #endedCommands = 0;
  /** Calls that have been accounted for; how long the last timed one took, NEVER before one. */
  #accounted = new Float64Array(0);
  #lastUs = new Float64Array(0);

  constructor(shard: Shard) {
    this.#shard = shard;
  }

  /** The commands that there are; once, by the executor. */
  attach(commands: readonly Command[]): void {
    this.#bounded = Uint8Array.from(commands, boundedArguments);
    this.#isNesting = Uint8Array.from(commands, (command) => (isNesting(command) ? 1 : 0));
    this.#isSampled = new Uint8Array(commands.length);
    this.#ignored = new Uint8Array(commands.length);
    this.#isBrief = new Uint8Array(commands.length);
    this.#accounted = new Float64Array(commands.length);
    this.#lastUs = new Float64Array(commands.length).fill(NEVER);
  }

  /** The observer wants other things than before. */
  follow(): void {
    this.#isSampled.fill(0);
    this.#ignored.fill(0);
  }

  /** True when the clock of the turn will do for the command. */
  isBrief(commandIndex: number): boolean {
    return this.#isBrief[commandIndex] === 1;
  }

  /** True when nobody looks how long this call takes: `timing` would say None. */
  ignores(commandIndex: number, calls: number, argumentCount: number): boolean {
    if (argumentCount > (this.#ignored[commandIndex] ?? 0)) return false;
    return (calls & (TIMED_CALL_SHARE - 1)) !== 1;
  }

  /**
   * How this call is to be timed: one of Timing.
   * @param calls calls of the command, this one included
   */
  timing(commandIndex: number, calls: number, argumentCount: number): number {
    const isDue = (calls & (TIMED_CALL_SHARE - 1)) === 1;
    if (isDue || this.#isSampled[commandIndex] !== 1) return Timing.Exact;
    return argumentCount <= (this.#bounded[commandIndex] ?? 0) ? Timing.None : Timing.Watched;
  }

  /** Where a watched call begins: where one shortly before it has ended, else now. */
  startUs(): number {
    const { stats, platform } = this.#shard;
    const gap = (stats.counts[Stat.Commands] ?? 0) - this.#endedCommands;
    return this.#endedUs !== 0 && gap <= WATCH_GAP_MAX && gap >= 0
      ? this.#endedUs
      : platform.clock.monotonicUs();
  }

  /** A call has ended. */
  noteEnd(us: number): void {
    this.#endedUs = us;
    this.#endedCommands = this.#shard.stats.counts[Stat.Commands] ?? 0;
  }

  /** Something other than commands begins: the next call is not timed from before it. */
  breakOff(): void {
    this.#endedUs = 0;
  }

  /** A call has run and took so long. As ShardObserver.onCall. */
  record(command: Command, frame: ArgFrame, us: number, isNoted: boolean): void {
    const { stats, observer } = this.#shard;
    const { index } = command;
    const calls = stats.calls[index] ?? 0;
    this.#settle(index, calls - 1);
    this.#accounted[index] = calls;
    this.#lastUs[index] = us;
    stats.microseconds[index] = (stats.microseconds[index] ?? 0) + us;
    const isBrief = us < BRIEF_US_MAX;
    this.#isBrief[index] = isBrief ? 1 : 0;
    const isSampled = isBrief && this.#isNesting[index] === 0 && observer?.wantsEveryCall !== true;
    this.#isSampled[index] = isSampled ? 1 : 0;
    this.#ignored[index] = isSampled ? this.#bounded[index] ?? 0 : 0;
    observer?.onCall(command, frame, us, isNoted);
  }

  /** Accounts for all calls that were not timed; before anybody looks at times. */
  settle(): void {
    const { calls } = this.#shard.stats;
    for (let i = 0; i < this.#accounted.length; i++) this.#settle(i, calls[i] ?? 0);
  }

  #settle(index: number, calls: number): void {
    const count = calls - (this.#accounted[index] ?? 0);
    if (count <= 0) return;
    this.#accounted[index] = calls;
    const us = this.#lastUs[index] ?? NEVER;
    if (us === NEVER) return;
    const { stats, observer } = this.#shard;
    stats.microseconds[index] = (stats.microseconds[index] ?? 0) + us * count;
    observer?.onUntimed(index, us, count);
  }

  /** CONFIG RESETSTAT. The call that asks for it counts. */
  reset(): void {
    this.#accounted.fill(0);
    this.#lastUs.fill(NEVER);
    this.follow();
    this.#shard.observer?.onReset();
  }
}
