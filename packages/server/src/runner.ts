/**
 * Whoever runs a room for a server: in the server's own thread, or on a thread of the room's. Calls
 * back, always on the server's thread. After `start` it says exactly one Started; after that, at
 * the end, exactly one of onEnded and onFailure, and nothing more. Where no room could be made
 * (`unavailable`) there is no end to tell.
 */
import type { ListeningAt } from './listeners.ts';
import type { Log } from './log.ts';
import type { ShardRoom } from './shard-room.ts';

/** How long the orderly end of a room waits for clients to read their last replies. */
export const END_MS_MAX = 400;

/** How a start went. */
export type Started =
  | { readonly kind: 'listening'; readonly io: string }
  /** It could not start and is ending. */
  | { readonly kind: 'refused'; readonly error: Error }
  /** No engine of the wanted kind can be had here, and why. */
  | { readonly kind: 'unavailable'; readonly reasons: string };

/** What a runner tells its server. */
export interface RunnerHost {
  readonly log: Log;
  onMoved(at: ListeningAt): void;
  /** An invariant broke, or the thread did: nothing runs any more. */
  onFailure(cause: Error): void;
  onEnded(): void;
}

export interface Runner {
  /** The room, where it lives in this thread. */
  readonly room: ShardRoom | undefined;
  /** Makes the room and listens. Once. */
  start(done: (started: Started) => void): void;
  /** Asks for an orderly end; any number of times, at any time after `start`. */
  end(): void;
}
