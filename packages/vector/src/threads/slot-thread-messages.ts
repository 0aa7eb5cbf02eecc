/**
 * What a thread of several indexes begins with, and what it is told of them. Searches and answers
 * go another way (search-board.ts).
 */
import type { CheckedOptions } from '../options.ts';
import type { FilterStrategy } from '../vector-types.ts';

/** Strategies by the number that a ticket has for them. */
export const STRATEGIES: readonly FilterStrategy[] = ['auto', 'pre', 'post'];

/** The thread's `workerData`. */
export interface SlotThreadPlan {
  readonly thread: number;
  /** Of the ThreadBoard and the SearchBoard. */
  readonly board: SharedArrayBuffer;
  readonly searches: SharedArrayBuffer;
  /** An eventfd that ends the owner's wait, the thread's own; -1: it is told by a message. */
  readonly wakeDescriptor: number;
}

/** To a thread: an index is there, or is gone. */
export type SlotThreadOrder =
  | {
    readonly kind: 'open'; readonly index: number; readonly options: CheckedOptions;
    readonly memory: WebAssembly.Memory;
  }
  | { readonly kind: 'close'; readonly index: number };
