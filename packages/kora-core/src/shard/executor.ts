/**
 * Runs one command on the shard that owns its keys: find, gate, parse, apply, count. The same path
 * for a socket's request, an embedded call and a test. A command that throws before its first
 * change answers `-ERR internal error` and the shard goes on; after a change the shard is failed
 * for good, because what it holds may be half of something: every later command is refused, also
 * those that only read. Big arguments are made contiguous for commands that cannot take ropes;
 * ropes nobody adopted are freed.
 */
import { assert } from '../assert.ts';
import type { ArgFrame } from '../command/arg-frame.hot.ts';
import { ClientFlag } from '../command/client-state.ts';
import type { Deferral } from '../command/gate.ts';
import { checkGate, findCommand } from '../command/gate.ts';
import { findKeys } from '../command/key-spec.ts';
import type { CommandRegistry } from '../command/registry.ts';
import type { ReplySink } from '../command/sink.ts';
import type { Command } from '../command/spec.ts';
import { Flag } from '../command/spec.ts';
import { echoText, ReplyError, replyErrors } from '../errors/reply-error.ts';
import { Stat } from '../keyspace/statistics.ts';
import { FLAT_ARGUMENT_BYTES_MAX, KEY_BYTES_MAX } from '../limits.ts';
import type { CommandTap } from './command-tap.ts';
import type { CommandTimer } from './command-timer.ts';
import { BRIEF_US_MAX, Timing, WATCHED_US_MIN } from './command-timer.ts';
import type { Shard } from './shard.ts';

/** What became of an offered command. */
export const Outcome = Object.freeze({
  /** One reply was written. */
  Done: 0,
  /** Nothing happened and nothing was written; offer it again later. */
  Parked: 1,
} as const);

export class Executor {
  readonly shard: Shard;
  readonly registry: CommandRegistry;
  /** The command executed last, also while it runs; null when its name was unknown. */
  current: Command | null = null;
  /** Is shown what runs; null: nobody is. */
  tap: CommandTap | null = null;
  readonly #timer: CommandTimer;
  /** Errors of the sink that INFO knows of: those within EXEC are not counted for EXEC again. */
  #errorsCounted = 0;
  /** Blocks in low memory that hold flattened arguments of the running command. */
  readonly #flatRefs: number[] = [];

  constructor(shard: Shard, registry: CommandRegistry) {
    this.shard = shard;
    this.registry = registry;
    this.#timer = shard.timer;
    this.#timer.attach(registry.commands);
    shard.transactions.attachRunner(this);
  }

  /** Runs the command in `frame`; writes exactly one reply unless it is parked. */
  execute(frame: ArgFrame, out: ReplySink): number {
    const command = findCommand(this.shard, this.registry, frame);
    if (command instanceof ReplyError) {
      this.current = null;
      this.#refuse(undefined, command, frame, out);
      return Outcome.Done;
    }
    return this.run(command, frame, out);
  }

  /** As execute, for a command that is already known. */
  run(command: Command, frame: ArgFrame, out: ReplySink): number {
    const { shard } = this;
    shard.unit = (shard.unit + 1) | 0;
    this.current = command;
    if (shard.attention === 0 && frame.client.tracker === 0) {
      return this.#runGuarded(command, frame, out);
    }
    return this.#runAttended(command, frame, out);
  }

  /** Runs the command while somebody may ask what it does beside its reply (attention.ts). */
  #runAttended(command: Command, frame: ArgFrame, out: ReplySink): number {
    const { tracking, waiting } = this.shard;
    tracking.writer = frame.client.tracker;
    const outcome = this.#runGuarded(command, frame, out);
    if (waiting.hasReady) waiting.serve();
    tracking.writer = 0;
    return outcome;
  }

  /** A command within EXEC, which the gate has let in; `current` stays EXEC. */
  runAdmitted(command: Command, frame: ArgFrame, out: ReplySink): void {
    const outcome = this.#runGuarded(command, frame, out);
    assert(outcome === Outcome.Done, 'within EXEC nothing waits');
  }

  /** Answers also when the command throws. */
  #runGuarded(command: Command, frame: ArgFrame, out: ReplySink): number {
    const shard = this.shard;
    if (shard.failure !== null) {
      this.#refuse(command, replyErrors.stopped, frame, out);
      return Outcome.Done;
    }
    const progressBefore = out.progress;
    const mutationsBefore = shard.mutations;
    try {
      return this.#runChecked(command, frame, out);
    } catch (cause) {
      const hasChanged = shard.mutations !== mutationsBefore;
      shard.onUnexpectedError(cause, command.name, hasChanged);
      if (out.progress === progressBefore) out.error(replyErrors.internal);
      else out.breakOff(replyErrors.internal);
      this.#countFailure(command, replyErrors.internal);
      this.#errorsCounted = out.errorCount;
      this.#release(frame);
      return Outcome.Done;
    }
  }

  /** Everything that may throw: gate (it evicts), arguments, the command itself. */
  #runChecked(command: Command, frame: ArgFrame, out: ReplySink): number {
    const shard = this.shard;
    if ((command.flags & Flag.Fast) === 0 && !this.#timer.isBrief(command.index)) {
      shard.refreshClock();
    }
    const refusal = checkGate(shard, command, frame);
    if (refusal !== null) return this.#turnAway(refusal, command, frame, out);
    const hasBig = hasBigArgument(frame);
    if (hasBig) {
      const tooLarge = this.#prepareBig(command, frame);
      if (tooLarge !== null) {
        this.#refuse(command, tooLarge, frame, out);
        return Outcome.Done;
      }
    }
    const { stats } = shard;
    const calls = (stats.calls[command.index] ?? 0) + 1;
    stats.calls[command.index] = calls;
    stats.counts[Stat.Commands] = (stats.counts[Stat.Commands] ?? 0) + 1;
    this.#errorsCounted = out.errorCount;
    const words = this.tap === null ? null : this.tap.wordsOf(command, frame);
    if (!hasBig && this.#timer.ignores(command.index, calls, frame.count)) {
      this.#apply(command, frame, out);
    } else {
      this.#applyLooked(command, calls, frame, out, hasBig);
    }
    if (out.errorCount !== this.#errorsCounted) {
      this.#countFailure(command, out.lastError);
      this.#errorsCounted = out.errorCount;
    }
    const isTracked = (frame.client.flags & ClientFlag.Tracks) !== 0;
    if (isTracked && (command.flags & Flag.ReadOnly) !== 0) shard.tracking.remember(command, frame);
    if (words !== null) this.tap?.show(words, frame.client);
    // A command may have made ropes of its own (RESTORE), and not stored them.
    if (hasBig || frame.madeRopes !== 0) this.#release(frame);
    return Outcome.Done;
  }

  /** What the gate said when it did not let the command in. */
  #turnAway(
    refusal: ReplyError | Deferral, command: Command, frame: ArgFrame, out: ReplySink,
  ): number {
    if (refusal === 'park') return Outcome.Parked;
    const error = refusal === 'queue' ? this.shard.transactions.queue(command, frame) : refusal;
    if (error === null) out.simple('QUEUED');
    else this.#refuse(command, error, frame, out);
    return Outcome.Done;
  }

  #apply(command: Command, frame: ArgFrame, out: ReplySink): void {
    const error = command.parse(frame);
    if (error === null) command.apply(this.shard, frame, out);
    else out.error(error);
  }

  /** Runs a command whose time is looked at, one way or the other. */
  #applyLooked(
    command: Command, calls: number, frame: ArgFrame, out: ReplySink, hasBig: boolean,
  ): void {
    const timing = hasBig ? Timing.Exact
      : this.#timer.timing(command.index, calls, frame.count);
    if (timing === Timing.Watched) this.#applyWatched(command, frame, out);
    else this.#applyTimed(command, frame, out, hasBig);
  }

  /** Runs the command and looks whether it took long (docs/adr/0020). */
  #applyWatched(command: Command, frame: ArgFrame, out: ReplySink): void {
    const timer = this.#timer;
    const startUs = timer.startUs();
    this.#apply(command, frame, out);
    const endUs = this.shard.platform.clock.monotonicUs();
    timer.noteEnd(endUs);
    if (endUs - startUs < WATCHED_US_MIN) return;
    timer.record(command, frame, endUs - startUs, false);
    this.shard.refreshClock();
  }

  /** Runs the command and says how long it took (docs/adr/0020). */
  #applyTimed(command: Command, frame: ArgFrame, out: ReplySink, hasBig: boolean): void {
    const { shard } = this;
    const { clock } = shard.platform;
    if (hasBig) shard.observer?.noteArguments(command, frame);
    const startUs = clock.monotonicUs();
    this.#apply(command, frame, out);
    const endUs = clock.monotonicUs();
    const us = endUs - startUs;
    this.#timer.noteEnd(endUs);
    this.#timer.record(command, frame, us, hasBig);
    // What follows in this turn must not live in the past of a long command.
    if (us >= BRIEF_US_MAX) shard.refreshClock();
  }

  /** A command that ran and answered an error. */
  #countFailure(command: Command, error: ReplyError | null): void {
    const { stats } = this.shard;
    stats.failed[command.index] = (stats.failed[command.index] ?? 0) + 1;
    stats.countError(error?.prefix ?? 'ERR');
  }

  /** An error of the gate: the command did not run. */
  #refuse(
    command: Command | undefined,
    error: ReplyError,
    frame: ArgFrame,
    out: ReplySink,
  ): void {
    const { stats } = this.shard;
    if (command !== undefined) {
      stats.rejected[command.index] = (stats.rejected[command.index] ?? 0) + 1;
    }
    const answer = this.shard.transactions.onRefusal(frame.client, command, error);
    stats.countError(answer.prefix);
    out.error(answer);
    this.#errorsCounted = out.errorCount;
    this.#release(frame);
  }

  /** Makes big keys, and for most commands all big arguments, contiguous in low memory. */
  #prepareBig(command: Command, frame: ArgFrame): ReplyError | null {
    const found: number[] = [];
    findKeys(command.definition.keys, frame.count, (i) => argumentText(frame, i), found);
    const keys = new Set(found);
    const takesRopes = (command.flags & Flag.TakesRopes) !== 0;
    for (let i = 0; i < frame.count; i++) {
      if (!frame.isBig(i)) continue;
      const isKey = keys.has(i);
      if (isKey && (frame.bytes[i] ?? 0) > KEY_BYTES_MAX) return replyErrors.keyTooLarge;
      if (takesRopes && !isKey) continue;
      if (!this.#flatten(frame, i)) return replyErrors.argumentTooLarge;
    }
    return null;
  }

  /**
   * Copies big argument i into a block of low memory; false when it is too large or memory is
   * short.
   */
  #flatten(frame: ArgFrame, i: number): boolean {
    const { memory, ropes } = this.shard;
    const bytes = frame.bytes[i] ?? 0;
    if (bytes > FLAT_ARGUMENT_BYTES_MAX) return false;
    const ref = memory.lowAllocator.alloc(bytes);
    if (ref === 0) return false;
    this.#flatRefs.push(ref);
    const root = frame.takeRope(i);
    ropes.read(root, 0, ref * 8, bytes);
    ropes.free(root);
    frame.at[i] = ref * 8;
    frame.bytes[i] = bytes;
    return true;
  }

  /** Frees ropes that no command adopted, and the flat copies. */
  #release(frame: ArgFrame): void {
    if (hasBigArgument(frame)) {
      for (let i = 0; i < frame.count; i++) {
        if (frame.isBig(i)) this.shard.ropes.free(frame.takeRope(i));
      }
    }
    while (this.#flatRefs.length > 0) {
      const ref = this.#flatRefs.pop();
      if (ref !== undefined) this.shard.memory.lowAllocator.free(ref);
    }
  }
}

function hasBigArgument(frame: ArgFrame): boolean {
  const { at, count } = frame;
  for (let i = 0; i < count; i++) if ((at[i] ?? 0) < 0) return true;
  return false;
}

/** A short argument as text, for counts and keywords among key specifications. */
function argumentText(frame: ArgFrame, i: number): string {
  const at = frame.at[i] ?? -1;
  return at < 0 ? '' : echoText(frame.memory.low, at, frame.bytes[i] ?? 0);
}
