/**
 * How one connection tracks what it reads (CLIENT TRACKING): its modes, where its invalidations go,
 * and what of them waits until replies before them have left.
 *
 *   null --CLIENT TRACKING ON--> SessionTracking --OFF, RESET, its end--> null
 */
import type { PushMessage } from '../pushes.ts';

/** Bits of SessionTracking.modes. */
export const TrackingMode = Object.freeze({
  /** It hears of all keys with its prefixes, whatever it reads. */
  Broadcast: 1 << 0,
  /** Only what is read after CLIENT CACHING YES is tracked. */
  OptIn: 1 << 1,
  /** What is read after CLIENT CACHING NO is not tracked. */
  OptOut: 1 << 2,
  /** It does not hear of its own changes. */
  NoLoop: 1 << 3,
} as const);

export class SessionTracking {
  /** Its number among all who track (kora-core/src/tracking/tracking-layout.ts). */
  readonly reader: number;
  modes = 0;
  /** Client that gets the invalidations, 0 = itself. */
  redirect = 0;
  /** The worker of that client; -1 = it is not known, so all are asked. */
  redirectWorker = -1;
  /** The client of `redirect` was gone when there was something for it. */
  isBroken = false;
  /** Prefixes of Broadcast, ascending by their bytes; binary strings. */
  prefixes: readonly string[] = [];
  /** Messages that found no place behind replies under way, in order; empty most of the time. */
  readonly held: PushMessage[] = [];

  constructor(reader: number) {
    this.reader = reader;
  }

  has(mode: number): boolean {
    return (this.modes & mode) !== 0;
  }
}
