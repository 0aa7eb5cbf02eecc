/**
 * What a program and the worker threads of its engine agree on: the plan a thread is started with,
 * the messages in the two rings between them, and what a thread says about itself. This package
 * starts threads and speaks to them; the program that they run is that of @kora/server, which reads
 * this contract (docs/adr/0017). Plain data, so that it can go to another thread.
 *   to a worker    Open slot | Bytes slot, RESP requests | End slot       ring in its low memory
 *   from a worker  Bytes slot, RESP3 replies | Gone slot                  ring in `replies`
 *                  Doubt slot, errno                                      0 = no longer
 * A slot is one source of commands on that worker. Requests and replies of a slot are streams:
 * message bounds mean nothing. A slot is used again only after it is gone. Replies that end between
 * a Doubt and its end tell of changes that are not durable, for the log cannot be written.
 */
import { MESSAGE_HEADER_BYTES, ringBytes } from '@kora/core';
import type { FaultCode } from '@kora/core';
import type { StorePlan } from '@kora/storage/directory';

/** Both sides have this version of the contract, or the thread refuses to start. */
export const PIPE_VERSION = 2;

/** Kinds of messages, in both directions. */
export const PipeKind = Object.freeze({ Open: 1, Bytes: 2, End: 3, Gone: 4, Doubt: 5 } as const);

/** Bytes of data of each ring: several messages of the longest kind. */
export const PIPE_RING_BYTES = 256 * 1024;
/** Bytes that the threads of a plan share for their own purposes. */
export const SHARED_BYTES = 8192;
/** A ring starts on a line of its own. */
const LINE_BYTES = 64;

/** What the thread of a worker is started with. */
export interface PipePlan {
  readonly version: number;
  /** This worker, 0 … workerCount - 1. */
  readonly index: number;
  readonly workerCount: number;
  /** Names and texts, checked before. */
  readonly settings: readonly (readonly [string, string])[];
  /** Address space of each worker. */
  readonly memoryBytesMax: number;
  /** Bytes of the low region of each. */
  readonly lowBytes: number;
  /** The memory of each worker, made before any of them starts. */
  readonly memories: readonly WebAssembly.Memory[];
  /** Of the MeshControl. */
  readonly control: SharedArrayBuffer;
  /** Of the MemoryBudget. */
  readonly budget: SharedArrayBuffer;
  /** Zeroes for what else the threads share; SHARED_BYTES long. */
  readonly shared: SharedArrayBuffer;
  /** Of the PipeWords. */
  readonly words: SharedArrayBuffer;
  /** The rings of replies, one a worker, at `replyRingAt`. */
  readonly replies: SharedArrayBuffer;
  /** Where the workers keep their data; absent: it ends with the engine. */
  readonly store?: StorePlan;
}

/** What a thread says, in order. */
export type PipeMessage =
  /** There is something in its ring of replies, and the program sleeps. */
  | { readonly kind: 'news' }
  /** Calls may come. */
  | { readonly kind: 'ready' }
  /** It cannot start, or its data cannot be had; `code` is empty for what is no Fault. */
  | { readonly kind: 'refused'; readonly message: string; readonly code: FaultCode | '' }
  /** Something about the log that an operator should know. */
  | { readonly kind: 'notice'; readonly message: string }
  /** It has ended, and its last changes are not durable. */
  | { readonly kind: 'unsaved'; readonly errno: number }
  /** It has ended in order, and its memory is all zeroes: nobody touches it any more. */
  | { readonly kind: 'emptied' }
  /** A command threw: a defect, for `onError`. */
  | { readonly kind: 'defect'; readonly message: string; readonly stack: string }
  /** An invariant broke; it runs nothing any more. */
  | { readonly kind: 'failed'; readonly message: string; readonly stack: string };

/** Bytes of all rings of replies. */
export function replyBytes(workerCount: number): number {
  return workerCount * ringStep();
}

/** Byte offset of a worker's ring of replies. */
export function replyRingAt(worker: number): number {
  return worker * ringStep();
}

function ringStep(): number {
  return Math.ceil((ringBytes(PIPE_RING_BYTES) + MESSAGE_HEADER_BYTES) / LINE_BYTES) * LINE_BYTES;
}
