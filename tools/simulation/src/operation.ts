/**
 * One thing that happened at one moment, as the history keeps it and the search for an order sees
 * it: what was asked, between which moments it happened, and what was answered.
 */
import type { Reply } from './reply.ts';

/** Where something seems to have run. */
export interface Hint {
  readonly key: string;
  readonly time: number;
}

/** One thing that happened at one moment: a command, an EXEC, a WATCH, or a move of the clock. */
export interface Operation {
  readonly index: number;
  readonly client: string;
  readonly kind: 'command' | 'exec' | 'watch' | 'clock';
  /** One command; of an EXEC those that were queued. Of a clock the keys for which it moves. */
  readonly commands: readonly (readonly string[])[];
  readonly invokedAt: number;
  /** Infinity: never answered; then it happened at any time later, or not at all. */
  completedAt: number;
  reply: Reply | undefined;
  /** Operations of the same connection that come before it, by index. */
  readonly after: readonly number[];
  /** Of an EXEC: the WATCHes that it is under. */
  readonly watches: readonly number[];
  /** Of a WATCH: true when its EXEC found nothing changed, or was never answered. */
  isWatchHeld: boolean;
  /** Of a clock: what it says from now on, ms. */
  readonly nowMs: number;
  /** Moves of the clock that come before it, by index. */
  readonly clocks: number[];
  readonly hints: Hint[];
  /** It was seen to run, so it has run on all its keys when everything is at rest. */
  hasRun: boolean;
  /** Of a WATCH: its EXEC. */
  exec: Operation | undefined;
}

/** What `add` has to be told. */
export interface NewOperation {
  readonly client: string;
  readonly kind: Operation['kind'];
  readonly commands: readonly (readonly string[])[];
  readonly after?: readonly number[];
  readonly watches?: readonly number[];
  readonly nowMs?: number;
  /** Default: now. */
  readonly invokedAt?: number;
}

/**
 * Never answered, and nothing of it was seen to run: it is left out.
 */
export function isAbsent(operation: Operation): boolean {
  if (isAnswered(operation)) return false;
  if (operation.kind !== 'watch') return !operation.hasRun;
  return operation.exec === undefined || isAbsent(operation.exec);
}

/** A client was told how it ended. */
export function isAnswered({ completedAt }: Operation): boolean {
  return completedAt !== Infinity;
}
