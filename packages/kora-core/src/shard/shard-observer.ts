/**
 * Who hears how long things take in a shard: the package of observability, or nobody. All of it is
 * called between commands or right after one, on the shard's thread; an observer changes no data.
 */
import type { ArgFrame } from '../command/arg-frame.hot.ts';
import type { Command } from '../command/spec.ts';

/** Kinds of work that is not a command; serving one that has waited is one. */
export type Cycle =
  'expire-cycle' | 'eviction-cycle' | 'active-defrag-cycle' | 'command-unblocking';

export interface ShardObserver {
  /** True: how long work that is not a command takes is of interest. */
  readonly watchesCycles: boolean;
  /** True: calls are of interest that take less than a millisecond, so each one is timed. */
  readonly wantsEveryCall: boolean;
  /** Big arguments of the next call, which it may take: its excerpt has to be made now. */
  noteArguments(command: Command, frame: ArgFrame): void;
  /**
   * A call took `us`.
   * @param isNoted noteArguments told of its arguments; else the frame still has them
   */
  onCall(command: Command, frame: ArgFrame, us: number, isNoted: boolean): void;
  /** So many calls were not timed; they are taken to have been as long as the last timed one. */
  onUntimed(commandIndex: number, us: number, count: number): void;
  /** Work that is not a command took `us`. */
  onCycle(cycle: Cycle, us: number): void;
  /** CONFIG RESETSTAT. */
  onReset(): void;
}
