/**
 * What the thread of a shard is started with and what it says: plain data, copied between threads,
 * and ports, which move.
 * In this direction messages work although the thread never returns to Node's loop. The order of
 * messages is the order of events; `ended` or `failed` is the last.
 */
import type { MessagePort } from 'node:worker_threads';
import type { FaultCode } from '@kora/core/control';
import { Fault } from '@kora/core/control';
import type { LoopChoice } from './io/choose-engine.ts';
import type { ListeningAt } from './listeners.ts';
import type { LogLevel } from './log.ts';
import type { RoomPlan } from './shard-room.ts';

/** What a thread on node:net is started with: it returns to Node's loop, so messages reach it. */
export interface NodeIo {
  /** Why this engine, for INFO and the log. */
  readonly reason: string;
  /** To each other worker, by its number; any message rings there. None at its own number. */
  readonly bells: readonly (MessagePort | null)[];
}

/** The engine of a thread: one with a loop of its own, or the one on node:net. */
export type ThreadIo = LoopChoice | NodeIo;

/** The thread's `workerData`. */
export interface ThreadPlan {
  readonly room: RoomPlan;
  readonly io: ThreadIo;
  /** Of a ThreadControl. */
  readonly control: SharedArrayBuffer;
}

/** An error on its way to another thread; `code` is that of a Fault, empty for other errors. */
export interface ErrorText {
  readonly code: FaultCode | '';
  readonly message: string;
  readonly stack: string;
}

/** What the thread says. */
export type ThreadMessage =
  /** No loop engine can be had; the thread ends. */
  | { readonly kind: 'unavailable'; readonly reasons: string }
  /** It serves. `moved` came before and said where. */
  | { readonly kind: 'listening'; readonly io: string }
  /** It cannot start; it ends by itself. */
  | { readonly kind: 'refused'; readonly error: ErrorText }
  | { readonly kind: 'moved'; readonly at: ListeningAt }
  | { readonly kind: 'log'; readonly level: LogLevel; readonly message: string }
  /** An invariant broke; everything was stopped. */
  | { readonly kind: 'failed'; readonly error: ErrorText }
  | { readonly kind: 'ended' };

/** The error as text. */
export function errorText(error: Error): ErrorText {
  const code = error instanceof Fault ? error.code : '';
  return { code, message: error.message, stack: error.stack ?? error.message };
}

/** The error that the text was made from; a Fault keeps its code. */
export function errorOf(text: ErrorText): Error {
  const error = text.code === '' ? new Error(text.message) : new Fault(text.code, text.message);
  error.stack = text.stack;
  return error;
}
