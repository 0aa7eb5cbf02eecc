/**
 * Requests of peers that CLIENT PAUSE holds. Their worker sent them before it knew of the pause;
 * they leave its ring, in order, because what must not wait (CLIENT LIST, reads under PAUSE WRITE,
 * transactions) lies behind them there. What a connection sends behind a held request is held too.
 * Bounded by what the rings hold when the pause begins: nobody sends more.
 */
import type { ArgFrame } from '@kora/core';
import type { ParkedRequest } from './lock-gate.ts';

/** A held request with its arguments as a frame wants them. */
export interface PausedRequest {
  readonly request: ParkedRequest;
  readonly at: Int32Array;
  readonly bytes: Int32Array;
  /** Its block holds flat arguments alone, others are ropes. */
  readonly isParcel: boolean;
}

export class PausedRequests {
  readonly #held: PausedRequest[] = [];

  get count(): number {
    return this.#held.length;
  }

  /** The oldest. */
  get first(): PausedRequest | undefined {
    return this.#held[0];
  }

  /** Keeps a request whose arguments, in memory of this worker, are in the frame. */
  add(request: ParkedRequest, frame: ArgFrame, isParcel: boolean): void {
    const { count } = frame;
    const at = Int32Array.from(frame.at.subarray(0, count));
    const bytes = Int32Array.from(frame.bytes.subarray(0, count));
    this.#held.push({ request, at, bytes, isParcel });
  }

  /** The oldest is held no longer. */
  shift(): void {
    this.#held.shift();
  }

  /** True when a request of this connection is held. */
  holds(peerIndex: number, window: number): boolean {
    if (this.#held.length === 0) return false;
    return this.#held.some(({ request }) =>
      request.peerIndex === peerIndex && request.window === window);
  }
}
