/**
 * The embedded database with promises: the same commands, values and errors whether the data lives
 * in this thread or on workers, so a program can go from one to the other by an option. Everything
 * that goes wrong is a rejection. Calls need not be awaited one by one: those that are made in one
 * run of the program travel together.
 * What only one thread can give (lending bytes, no promise at all) is `openSync`'s.
 */
import { Fault } from '@kora/core';
import type { Name, Payload, SubscribeOptions, Subscription } from '@kora/pubsub';
import type { CallArgument } from './arguments.ts';
import type { CallPort, EnginePort } from './call-port.ts';
import type { Key } from './direct-strings.ts';
import { Engine } from './engine.ts';
import type { KoraStats, SetOptions } from './kora.ts';
import { figuresOfInfo } from './info-figures.ts';
import { LocalPort } from './local-port.ts';
import type { OpenAsyncOptions } from './open-options.ts';
import { readWorkers } from './open-options.ts';
import { BulkForm } from './open-values.ts';
import type { ReplyValue } from './open-values.ts';
import { setWords } from './set-words.ts';
import { AsyncVectors } from './vectors/async-vectors.ts';
import { openWorkers } from './workers/open-workers.ts';

/**
 * Opens a database: in this thread, or with `workers` on threads of its own that share the keys.
 * @throws {Fault} rejects with INVALID_OPTION, OUT_OF_MEMORY, ENGINE_FAILED; with `dir` also
 *   DIRECTORY_IN_USE, CORRUPT_FILE, CORRUPT_JOURNAL, DISK_FAILED
 */
export async function open(options: OpenAsyncOptions = {}): Promise<AsyncKora> {
  const workerCount = readWorkers(options);
  if (workerCount > 0) return new AsyncKora(await openWorkers(workerCount, options));
  return new AsyncKora(new LocalPort(new Engine(options)));
}

/**
 * One source of commands with its own selected database and transaction: the counterpart of a
 * client's connection.
 */
export class AsyncConnection {
  readonly #port: CallPort;

  /** @internal */
  constructor(port: CallPort) {
    this.#port = port;
  }

  /** Number of the selected database, as of the calls made so far. */
  get db(): number {
    return this.#port.db;
  }

  /**
   * Runs a command: `await call('SET', 'k', 'v')`.
   * @param given the command's name and its arguments; numbers are written in decimal, text as
   *   UTF-8; bytes are copied before it returns
   * @returns simple and bulk strings as text, integers as number (bigint beyond 2^53), null,
   *   boolean, lists, Map, Set; an error inside a list is a KoraReplyError
   * @throws {KoraReplyError} rejects so when the command refuses
   * @throws {Fault} rejects with ENGINE_CLOSED, ENGINE_FAILED, ENGINE_BUSY, INVALID_ARGUMENT,
   *   OUT_OF_MEMORY; DISK_FAILED when it has run, but is not durable (`fsync: 'always'`)
   */
  call(...given: readonly CallArgument[]): Promise<ReplyValue> {
    return this.#port.call(BulkForm.Text, given, asIs);
  }

  /** As `call`, with bulk strings as Uint8Array: nothing is lost of values that are no UTF-8. */
  callBytes(...given: readonly CallArgument[]): Promise<ReplyValue> {
    return this.#port.call(BulkForm.Bytes, given, asIs);
  }

  /** Ends it after the calls it has made, with what it has queued and watches. */
  close(): void {
    this.#port.close();
  }

  /** `using connection = db.connection()` closes at the end of the block. */
  [Symbol.dispose](): void {
    this.close();
  }
}

export class AsyncKora implements AsyncDisposable {
  readonly #engine: EnginePort;
  readonly #port: CallPort;
  readonly #vectors: AsyncVectors;

  /** @internal Use `open`. */
  constructor(engine: EnginePort) {
    this.#engine = engine;
    this.#port = engine.newClient();
    this.#vectors = new AsyncVectors(({ given, make }) =>
      this.#typed(BulkForm.Text, given, make));
  }

  // ---------------------------------------------------------------- any command

  /**
   * Runs any command in the database that this object has selected; see
   * {@link AsyncConnection.call}. Between `call('MULTI')` and `call('EXEC')` the typed methods
   * reject with ENGINE_BUSY. */
  call(...given: readonly CallArgument[]): Promise<ReplyValue> {
    return this.#port.call(BulkForm.Text, given, asIs);
  }

  /** As `call`, with bulk strings as Uint8Array. */
  callBytes(...given: readonly CallArgument[]): Promise<ReplyValue> {
    return this.#port.call(BulkForm.Bytes, given, asIs);
  }

  /** One more source of commands, with its own selected database, on the same data.
   * @throws {Fault} ENGINE_CLOSED, ENGINE_FAILED */
  connection(): AsyncConnection {
    return new AsyncConnection(this.#engine.newClient());
  }

  // ---------------------------------------------------------------- strings

  /** The string at `key` as text, null when there is none.
   * @throws {KoraReplyError} rejects with WRONGTYPE */
  get(key: Key): Promise<string | null> {
    return this.#typed(BulkForm.Text, ['GET', key], textOrNull);
  }

  /** The string at `key` as bytes of the caller's own, null when there is none.
   * @throws {KoraReplyError} rejects with WRONGTYPE */
  getBytes(key: Key): Promise<Uint8Array | null> {
    return this.#typed(BulkForm.Bytes, ['GET', key], bytesOrNull);
  }

  /**
   * Stores a string.
   * @returns true when it was stored, false when a condition refused
   * @throws {KoraReplyError} rejects with OOM; `ERR` for impossible times and combinations
   * @throws {Fault} rejects with INVALID_ARGUMENT for an option nobody knows
   */
  set(key: Key, value: CallArgument, options?: SetOptions): Promise<boolean> {
    if (options !== undefined) return this.#setWith(key, value, options);
    return this.#typed(BulkForm.Text, ['SET', key, value], isThere);
  }

  async #setWith(key: Key, value: CallArgument, options: SetOptions): Promise<boolean> {
    return this.#typed(BulkForm.Text, ['SET', key, value, ...setWords(options)], isThere);
  }

  /** Removes keys; how many there were. */
  del(...keys: readonly Key[]): Promise<number> {
    return this.#count('DEL', keys);
  }

  /** How many of the keys exist; a key named twice counts twice. */
  exists(...keys: readonly Key[]): Promise<number> {
    return this.#count('EXISTS', keys);
  }

  /**
   * Adds to the integer at `key`, which is 0 when there is none.
   * @param by integer, may be negative
   * @returns the new value; a bigint where a number is not exact
   * @throws {KoraReplyError} rejects with WRONGTYPE, or `ERR` when it is no integer or overflows
   */
  incr(key: Key, by: number | bigint = 1): Promise<number | bigint> {
    const given = by === 1 ? ['INCR', key] : ['INCRBY', key, by];
    return this.#typed(BulkForm.Text, given, integer);
  }

  // ---------------------------------------------------------------- vectors

  /** Collections of vectors: `await db.vectors.create('texts', { dimension: 384 })`. */
  get vectors(): AsyncVectors {
    return this.#vectors;
  }

  // ---------------------------------------------------------------- channels

  /**
   * Sends a message to all who have subscribed to the channel, or to a pattern that matches it.
   * @param channel text means its UTF-8 bytes
   * @param payload text is sent as UTF-8
   * @returns how many receive it
   */
  publish(channel: Name, payload: Payload): Promise<number> {
    return this.#typed(BulkForm.Text, ['PUBLISH', channel, payload], Number);
  }

  /**
   * Messages of channels: `for await (const message of db.subscribe('news'))`. What is published
   * after its `ready` has resolved comes for certain. `break`, `return`, `close()` of the
   * subscription and the signal of the options unsubscribe; the loop also ends when the database is
   * closed. A reader that leaves too much unread gets SUBSCRIBER_SLOW after all it has not read.
   * @throws {Fault} INVALID_OPTION, ENGINE_CLOSED, ENGINE_FAILED
   */
  subscribe(names: Name | readonly Name[], options: SubscribeOptions = {}): Subscription {
    return this.#engine.subscribe(names, options);
  }

  // ---------------------------------------------------------------- the engine

  /** Keys in the selected database, those due but not yet freed included, as DBSIZE counts. */
  size(): Promise<number> {
    return this.#typed(BulkForm.Text, ['DBSIZE'], Number);
  }

  /** Figures of the engine, of all its workers. */
  stats(): Promise<KoraStats> {
    return this.#typed(BulkForm.Text, ['INFO', 'everything'], (info) => {
      const text = typeof info === 'string' ? info : '';
      return { ...figuresOfInfo(text), memoryBytes: this.#engine.memoryBytes() };
    });
  }

  /**
   * Makes a snapshot of the data, after which the log before it is removed. Calls go on meanwhile;
   * it counts when the promise is resolved, with all that had changed when it was made.
   * @throws {Fault} rejects with DISK_FAILED: the snapshot before it counts, and the log;
   *   INVALID_OPTION without `dir`; ENGINE_CLOSED ...
   */
  snapshot(): Promise<void> {
    return this.#engine.snapshot();
  }

  get isClosed(): boolean {
    return this.#engine.isClosed;
  }

  /**
   * Ends the engine after the calls that were made, 5 s at most, and forgets its data, unless it
   * has a directory, where everything is durable then; later calls reject with ENGINE_CLOSED.
   * Resolves when its threads are gone.
   * @throws {Fault} rejects with DISK_FAILED when the last changes are not durable
   */
  close(): Promise<void> {
    return this.#engine.close();
  }

  /** `await using db = await open()` closes at the end of the block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #count(command: string, keys: readonly Key[]): Promise<number> {
    // Without keys there is nothing to ask.
    if (keys.length === 0 && !this.#engine.isClosed) return Promise.resolve(0);
    return this.#typed(BulkForm.Text, [command, ...keys], Number);
  }

  #typed<Result>(
    form: number, given: readonly CallArgument[], make: (value: ReplyValue) => Result,
  ): Promise<Result> {
    if (!this.#port.isInMulti || this.#engine.isClosed) return this.#port.call(form, given, make);
    return Promise.reject(new Fault(
      'ENGINE_BUSY',
      'between MULTI and EXEC commands are queued: use call(), or another connection',
    ));
  }
}

function asIs(value: ReplyValue): ReplyValue {
  return value;
}

function textOrNull(value: ReplyValue): string | null {
  return typeof value === 'string' ? value : null;
}

function bytesOrNull(value: ReplyValue): Uint8Array | null {
  return value instanceof Uint8Array ? value : null;
}

function isThere(value: ReplyValue): boolean {
  return value !== null;
}

function integer(value: ReplyValue): number | bigint {
  return typeof value === 'bigint' ? value : Number(value);
}
