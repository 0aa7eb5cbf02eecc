/**
 * What the loop of an io_uring engine is made of, and what it tells the engine around it.
 */
import type { EngineHandler } from '../engine.ts';
import type { Libc, NativeMemory } from '../native/libc.ts';
import { Errno } from '../native/libc.ts';
import type { SendQueue } from '../native/send-queue.hot.ts';
import type { ReceiveBuffers } from './receive-buffers.ts';
import type { Ring } from './ring.hot.ts';
import type { SendVectors } from './send-vectors.ts';
import type { TickTimer } from './tick-timer.hot.ts';
import type { ConnectionTable } from './uring-connections.hot.ts';

// Kinds of operation, in the low bits of the user data.
export const KIND_BITS = 3;
export const KIND_MASK = 7;
export const KIND_ACCEPT = 0;
export const KIND_RECEIVE = 1;
/** A receive into the range that receiveInto gave. */
export const KIND_DIRECT = 2;
export const KIND_SEND = 3;
export const KIND_TICK = 4;
export const KIND_WAKE = 5;
export const KIND_CANCEL = 6;
/** The number is a token of whoever asked. */
export const KIND_FILE = 7;

/** The high word of user data: 0, or this for a send that says only that it failed. */
export const USER_HIGH_QUIET = 1;

/** Bytes of an eventfd's count. */
export const WAKE_BYTES = 8;

/** What the loop tells the engine around it; rare. */
export interface LoopOwner {
  /** A descriptor was accepted; the owner takes it. */
  onAccepted(listener: number, descriptor: number): void;
  /** An accept ended with this error number (0 = it only has to be armed again). */
  onAcceptEnded(listener: number, error: number): void;
  onTick(): void;
  /**
   * The loop has stopped. False: the kernel did not give everything back, so the memory it has must
   * never be reused.
   */
  onDrained(isComplete: boolean): void;
}

/** What sends ask of the loop that they are a part of. */
export interface SendsOwner {
  readonly isStopped: boolean;
  /** Counts an operation of the slot. */
  begin(slot: number): void;
  /** An operation of a dead slot has ended. */
  finishIfIdle(slot: number): void;
  /** All that a closing slot had to send has left. */
  proceedClosing(slot: number): void;
  kill(slot: number): void;
}

/** What a loop is made of. */
export interface LoopParts {
  readonly libc: Libc;
  readonly native: NativeMemory;
  readonly ring: Ring;
  readonly buffers: ReceiveBuffers;
  readonly vectors: SendVectors;
  readonly queue: SendQueue;
  readonly connections: ConnectionTable;
  readonly handler: EngineHandler;
  readonly owner: LoopOwner;
  readonly tick: TickTimer;
  /** Where a wake-up's count is read to. */
  readonly wakeAt: number;
  readonly wakeDescriptor: number;
  /** Names of flags and operations to do without. */
  readonly missing: ReadonlySet<string>;
}

/** True for results after which the same is simply asked for again. */
export function isRetried(result: number): boolean {
  return result === -Errno.ECANCELED || result === -Errno.EINTR || result === -Errno.EAGAIN;
}
