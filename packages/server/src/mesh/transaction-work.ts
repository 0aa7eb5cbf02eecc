/**
 * What a worker keeps of a transaction that it coordinates until all its shards have answered:
 * where the reply goes, what was planned, and the parts that were not sent yet.
 */
import type { Command, CommandQueue, Transaction } from '@kora/core';
import type { PartBlock } from './part-block.ts';
import type { ReplyBytes } from './reply-bytes.ts';
import type { ReplyWindow } from './reply-window.hot.ts';
import type { ScriptRun } from './script-rounds.ts';
import type { StepPlan } from './step-plan.ts';
import type { WaitOutcome } from './waits-across.ts';

/** A place among the replies of a connection. */
export interface ReplyPlace {
  readonly window: ReplyWindow;
  readonly place: number;
}

/** What a transaction is about. */
export interface Work extends ReplyPlace {
  readonly command: Command;
  readonly steps: readonly StepPlan[];
  /** Commands of an EXEC. */
  readonly queue: CommandQueue | null;
  readonly clientId: number;
  /** Mask of the shards where its client watches keys. */
  readonly watched: number;
  /** Parts that were not sent yet, by shard. */
  readonly parts: (PartBlock | null)[];
  /** Of a transaction that runs in steps, else null. */
  readonly run: ScriptRun | null;
  /** Hears what it has come to, who answers then; null: the answer is the connection's reply. */
  readonly done: ((outcome: WaitOutcome) => void) | null;
  /** Whoever hears it answers in its place later. */
  readonly keepsPlace: boolean;
}

/** A transaction that a worker coordinates. */
export type MeshTransaction = Transaction<Work, ReplyBytes>;

/** True where what answers tell of may have been taken out of keys: of commands that wait. */
export function hasTaken({ work }: MeshTransaction): boolean {
  return work !== null && work.done !== null && work.command.waiting !== null;
}

/** What was planned of a transaction. */
export interface WorkPlan {
  readonly steps: readonly StepPlan[];
  readonly queue: CommandQueue | null;
  readonly course: number;
  readonly leader: number;
  readonly done: ((outcome: WaitOutcome) => void) | null;
  /** Its place, where it has one already: whoever hears `done` answers in it. */
  readonly at?: ReplyPlace;
}
