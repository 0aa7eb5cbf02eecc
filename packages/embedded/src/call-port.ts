/**
 * How the asynchronous database reaches its engine: one interface for the engine in this thread and
 * for workers, so that what is built on it is the same with both.
 */
import type { Name, SubscribeOptions, Subscription } from '@kora/pubsub';
import type { CallArgument } from './arguments.ts';
import type { ReplyValue } from './open-values.ts';

/** One source of commands, with a selected database and a transaction of its own. */
export interface CallPort {
  /** Number of the selected database, as of the calls made so far. */
  readonly db: number;
  /** Between MULTI and EXEC, as of the calls made so far. */
  readonly isInMulti: boolean;
  /**
   * Runs a command; everything that goes wrong is a rejection.
   * @param form of BulkForm
   * @param make what the caller is given of the reply; does not throw
   */
  call<Result>(
    form: number, given: readonly CallArgument[], make: (value: ReplyValue) => Result,
  ): Promise<Result>;
  /** Ends it after the calls it has made, with what it has queued and watches. */
  close(): void;
}

/** An engine, wherever its data is. */
export interface EnginePort {
  readonly isClosed: boolean;
  /** @throws {Fault} ENGINE_CLOSED, ENGINE_FAILED */
  newClient(): CallPort;
  /**
   * Messages of channels, of patterns or of sharded channels.
   * @throws {Fault} INVALID_OPTION, ENGINE_CLOSED, ENGINE_FAILED
   */
  subscribe(names: Name | readonly Name[], options: SubscribeOptions): Subscription;
  /**
   * Makes a snapshot of the data.
   * @throws {Fault} rejects with DISK_FAILED, INVALID_OPTION, ENGINE_CLOSED, ENGINE_FAILED
   */
  snapshot(): Promise<void>;
  /** Bytes of memory that it has taken from the system. */
  memoryBytes(): number;
  /** Ends it after the calls that were made. Closing again gives the same promise. */
  close(): Promise<void>;
}
