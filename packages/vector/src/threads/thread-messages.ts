/**
 * What the owner of a shared index and its threads send each other, besides what lies in shared
 * memory. Plain objects, copied by the message ports.
 */
import type { CheckedOptions } from '../options.ts';
import type { SlotHit } from '../segment-search.ts';
import type { VectorErrorCode } from '../vector-error.ts';
import type { FilterStrategy } from '../vector-types.ts';

/** What a thread begins with. */
export interface ThreadPlan {
  readonly thread: number;
  readonly options: CheckedOptions;
  readonly memory: WebAssembly.Memory;
  readonly board: SharedArrayBuffer;
  /** For the litmus: searches look at the tail after their walk, which is wrong. */
  readonly isTailLate: boolean;
}

/** Searches for a thread: all queries behind each other. */
export interface SearchRequest {
  readonly number: number;
  readonly queries: Float32Array;
  readonly k: number;
  readonly ef: number;
  readonly isExact: boolean;
  readonly strategy: FilterStrategy;
  /** Words of the bitmap of what may be found. */
  readonly filter: Uint32Array | undefined;
}

/** What a thread says. `unready`: no memory for it. `news`: look whether what you wait for came. */
export type ThreadMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'unready'; readonly message: string }
  | { readonly kind: 'news' }
  | { readonly kind: 'answer'; readonly number: number; readonly hits: readonly SlotHit[][] }
  | {
    readonly kind: 'refusal'; readonly number: number; readonly code: VectorErrorCode;
    readonly message: string;
  };
