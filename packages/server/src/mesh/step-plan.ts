/**
 * What is planned of one command of a transaction: who runs it, and in which way.
 */
import type { Command, CommandReach } from '@kora/core';
import type { KeyShards } from './merge-replies.ts';
import type { ProcessRule } from './process-commands.ts';

/** How the shards of a command run it. */
export const StepKind = Object.freeze({
  /** None does: it is the connection's own affair, or does not parse. */
  Here: 0,
  /** Each runs its part, whatever the others do. */
  Plain: 1,
  /** Each runs its part when all have said that they can: MSETNX in EXEC. */
  Asked: 2,
  /** One runs it with the values that the others lend: SUNIONSTORE. */
  Gathered: 3,
  /** One runs it with an element that another lends: LMOVE. */
  Moved: 4,
  /** As Gathered, and it says which keys it needs when it has some: SORT BY. */
  Staged: 5,
} as const);

/** A command about the process. */
export interface ProcessPlan {
  readonly rule: ProcessRule;
  readonly words: readonly string[];
  /** The only worker whose keys the reply tells of; -1 = all. */
  readonly only: number;
}

/** A command of a transaction. */
export interface StepPlan {
  readonly command: Command;
  /** One of StepKind. */
  readonly kind: number;
  /** Mask of the shards that run it, or have a part in that. */
  readonly shards: number;
  /** Shard of each key where it is split by keys. */
  readonly keys: KeyShards;
  /** Those keys, where events of the key space are heard; else none. Binary strings. */
  readonly eventKeys: readonly string[];
  /** Null when no shard runs it. */
  readonly reach: CommandReach | null;
  /** Of a command that one shard runs for all: that shard, whose answer is the reply; else -1. */
  readonly leader: number;
  /** Mask of the others that have keys of it. */
  readonly lenders: number;
  /** What is changed of the lenders' keys may need memory. */
  readonly mayGrow: boolean;
  /** Of a command about the process, which every worker carries out. */
  readonly process: ProcessPlan | null;
}

/** True for a command whose keys are not all known before it runs. */
export function isStaged({ kind }: StepPlan): boolean {
  return kind === StepKind.Staged;
}

/**
 * True for a command of several shards that may make events of the key space on more than one of
 * them.
 */
export function hasOrderedEvents({ kind, eventKeys, command }: StepPlan): boolean {
  return kind > StepKind.Plain || (eventKeys.length > 0 && command.name !== 'watch');
}

/** True when what follows is answered in another version of RESP. */
export function isVersionChange({ command }: StepPlan): boolean {
  return command.name === 'hello';
}

/**
 * True when the commands of an EXEC cannot run all at once on each shard: some wait for others, or
 * what the connection does between them shows in the replies behind it.
 * @param isMuted the connection wants no replies: what it does itself happens all the same
 */
export function needsScript(steps: readonly StepPlan[], isMuted: boolean): boolean {
  return steps.some((step) => step.kind > StepKind.Plain || isVersionChange(step) ||
    step.command.name === 'client|reply' || (isMuted && step.kind === StepKind.Here));
}
