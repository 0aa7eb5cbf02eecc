/**
 * The embedded database as a program sees it: methods that are calls into the engine of this
 * thread, with no bytes of a protocol and no promises. The typed methods are commands without the
 * search for a name: the same gate, journal, counters, eviction and expiry; a model test holds them
 * against `call`.
 * Text is UTF-8 inside; bytes that are none come back as U+FFFD in text, whole as bytes.
 */
import { directValueAt, directValueBytes, Fault, NOT_DIRECT, Stat } from '@kora/core';
import type { ClientState, Command } from '@kora/core';
import type { Name, Payload, SubscribeOptions, Subscription } from '@kora/pubsub';
import type { CallArgument } from './arguments.ts';
import { Connection } from './connection.ts';
import { DirectStrings } from './direct-strings.ts';
import type { Key } from './direct-strings.ts';
import { Engine } from './engine.ts';
import { LendSink } from './lend-sink.ts';
import { refuseWorkers } from './open-options.ts';
import type { OpenOptions } from './open-options.ts';
import { BulkForm } from './open-values.ts';
import type { ReplyValue } from './open-values.ts';
import { setWords } from './set-words.ts';
import { Vectors } from './vectors/vectors.ts';

/**
 * Options of `set`. At most one of ttlMs, expireAtMs and keepTtl, and of ifAbsent and ifPresent.
 */
export interface SetOptions {
  /** Milliseconds from now until the key is gone: an integer above 0. */
  readonly ttlMs?: number;
  /** Instant at which the key is gone, milliseconds since 1970. */
  readonly expireAtMs?: number;
  /** Keeps the deadline that the key has; without it `set` takes the deadline away. */
  readonly keepTtl?: boolean;
  /** Stores only when the key does not exist. */
  readonly ifAbsent?: boolean;
  /** Stores only when the key exists. */
  readonly ifPresent?: boolean;
}

/** Figures of an engine, counted since it was opened. */
export interface KoraStats {
  /** Keys in all databases, those due but not yet freed included. */
  readonly keyCount: number;
  /** Bytes that count towards maxmemory. */
  readonly usedBytes: number;
  /** Bytes of memory the engine has taken from the system. */
  readonly memoryBytes: number;
  readonly commandCount: number;
  readonly hitCount: number;
  readonly missCount: number;
  readonly expiredKeyCount: number;
  readonly evictedKeyCount: number;
}

/** Makes an engine in this thread: synchronous, in memory, with nothing to wait for.
 * @throws {Fault} INVALID_OPTION, or OUT_OF_MEMORY when the system has no room */
export function openSync(options: OpenOptions = {}): Kora {
  refuseWorkers(options);
  return new Kora(new Engine(options));
}

export class Kora implements Disposable {
  readonly #engine: Engine;
  readonly #client: ClientState;
  readonly #direct: DirectStrings;
  readonly #lending: LendSink;
  readonly #get: Command;
  readonly #set: Command;
  readonly #del: Command;
  readonly #exists: Command;
  readonly #incr: Command;
  readonly #incrBy: Command;
  readonly #publish: Command;
  readonly #vectors: Vectors;

  /** @internal Use `openSync`. */
  constructor(engine: Engine) {
    this.#engine = engine;
    this.#client = engine.newClient();
    this.#direct = new DirectStrings(engine, this.#client);
    this.#lending = new LendSink(engine.memory, engine.window);
    this.#get = engine.command('get');
    this.#set = engine.command('set');
    this.#del = engine.command('del');
    this.#exists = engine.command('exists');
    this.#incr = engine.command('incr');
    this.#incrBy = engine.command('incrby');
    this.#publish = engine.command('publish');
    this.#vectors = new Vectors(({ given, make }) => {
      engine.refuseInMulti(this.#client);
      return make(engine.call(this.#client, BulkForm.Text, given));
    });
  }

  // ---------------------------------------------------------------- any command

  /**
   * Runs any command in the database that this object has selected; see {@link Connection.call}.
   * Between `call('MULTI')` and `call('EXEC')` the typed methods throw ENGINE_BUSY.
   * @throws {KoraReplyError | Fault} */
  call(...given: readonly CallArgument[]): ReplyValue {
    return this.#engine.call(this.#client, BulkForm.Text, given);
  }

  /** As `call`, with bulk strings as Uint8Array.
   * @throws {KoraReplyError | Fault} */
  callBytes(...given: readonly CallArgument[]): ReplyValue {
    return this.#engine.call(this.#client, BulkForm.Bytes, given);
  }

  /** One more source of commands, with its own selected database, on the same data. */
  connection(): Connection {
    this.#engine.check();
    return new Connection(this.#engine);
  }

  // ---------------------------------------------------------------- strings

  /** The string at `key` as text, null when there is none.
   * @throws {KoraReplyError} WRONGTYPE
   * @throws {Fault} ENGINE_CLOSED ...; INVALID_ARGUMENT for a value longer than a string may be */
  get(key: Key): string | null {
    const ref = this.#direct.findKey(key);
    if (ref === 0) return null;
    if (ref !== NOT_DIRECT) {
      const { shard, window } = this.#engine;
      return window.text(directValueAt(shard, ref), directValueBytes(shard, ref));
    }
    const value = this.#runGet(BulkForm.Text);
    return typeof value === 'string' ? value : null;
  }

  /** The string at `key` as bytes, a copy of the caller's own; null when there is none.
   * @throws {KoraReplyError} WRONGTYPE
   * @throws {Fault} ENGINE_CLOSED ... */
  getBytes(key: Key): Uint8Array | null {
    const ref = this.#direct.findKey(key);
    if (ref === 0) return null;
    if (ref !== NOT_DIRECT) {
      const { shard, window } = this.#engine;
      return window.bytes(directValueAt(shard, ref), directValueBytes(shard, ref));
    }
    const value = this.#runGet(BulkForm.Bytes);
    return value instanceof Uint8Array ? value : null;
  }

  /**
   * Copies the string at `key` into `target`. Allocates nothing up to 96 bytes, above that one
   * view.
   * @param offset index in `target` of the first byte
   * @returns bytes copied, -1 when there is no such key
   * @throws {KoraReplyError} WRONGTYPE
   * @throws {Fault} INVALID_ARGUMENT when the value does not fit: nothing was copied; ENGINE_CLOSED
   * ...
   */
  getInto(key: Key, target: Uint8Array, offset = 0): number {
    const engine = this.#engine;
    if (!(target instanceof Uint8Array) || !Number.isSafeInteger(offset) || offset < 0) {
      throw new Fault('INVALID_ARGUMENT', 'getInto takes a Uint8Array, and an offset from 0 on');
    }
    const ref = this.#direct.findKey(key);
    if (ref === 0) return -1;
    if (ref !== NOT_DIRECT) {
      const bytes = directValueBytes(engine.shard, ref);
      if (offset + bytes > target.length) throw tooSmall(bytes, target.length - offset);
      engine.window.copyInto(directValueAt(engine.shard, ref), bytes, target, offset);
      return bytes;
    }
    const { into } = engine;
    into.begin(BulkForm.Bytes);
    into.aim(target, offset);
    engine.run(this.#client, this.#get, into);
    into.lower();
    if (!into.isFitting) throw tooSmall(into.bytes, target.length - offset);
    return into.bytes;
  }

  /**
   * Lends the bytes at `key` to `use` while it runs, without a copy (values of 64 KiB and more are
   * lent as a copy). The view is for reading and must not be kept: the memory serves other keys
   * afterwards.
   * @param use gets null when there is no such key; calls on this database within it are refused
   * @returns what `use` returns
   * @throws {KoraReplyError} WRONGTYPE
   * @throws {Fault} ENGINE_BUSY from calls within `use`; ENGINE_CLOSED ...
   */
  with<Result>(key: Key, use: (view: Uint8Array | null) => Result): Result {
    const engine = this.#engine;
    engine.begin(key);
    this.#lending.aim();
    engine.run(this.#client, this.#get, this.#lending);
    const view = this.#lending.view();
    return engine.lend(() => use(view));
  }

  /**
   * Stores a string.
   * @param value text is stored as UTF-8, a number in decimal, bytes as they are
   * @returns true when it was stored, false when a condition refused
   * @throws {KoraReplyError} OOM; `ERR` for impossible times and combinations
   * @throws {Fault} INVALID_ARGUMENT, OUT_OF_MEMORY, ENGINE_CLOSED ...
   */
  set(key: Key, value: CallArgument, options?: SetOptions): boolean {
    const engine = this.#engine;
    const { values } = engine;
    values.begin(BulkForm.Text);
    if (options === undefined) {
      if (this.#direct.storeKey(key, value) === NOT_DIRECT) this.#direct.runSet();
      return true;
    }
    engine.begin(key);
    engine.arguments.add(value);
    this.#addSetOptions(options);
    engine.run(this.#client, this.#set, values);
    return values.take() !== null;
  }

  /** Removes keys; how many there were.
   * @throws {Fault} ENGINE_CLOSED ... */
  del(...keys: readonly Key[]): number {
    return this.#count(this.#del, keys);
  }

  /** How many of the keys exist; a key named twice counts twice.
   * @throws {Fault} ENGINE_CLOSED ... */
  exists(...keys: readonly Key[]): number {
    return this.#count(this.#exists, keys);
  }

  /**
   * Adds to the integer at `key`, which is 0 when there is none.
   * @param by integer, may be negative
   * @returns the new value; a bigint where a number is not exact
   * @throws {KoraReplyError} WRONGTYPE, or `ERR` when it is no integer or would overflow 64 bits
   * @throws {Fault} ENGINE_CLOSED ...
   */
  incr(key: Key, by: number | bigint = 1): number | bigint {
    const engine = this.#engine;
    const { values } = engine;
    engine.begin(key);
    if (by !== 1) engine.arguments.add(by);
    values.begin(BulkForm.Text);
    engine.run(this.#client, by === 1 ? this.#incr : this.#incrBy, values);
    const value = values.take();
    return typeof value === 'bigint' ? value : Number(value);
  }

  // ---------------------------------------------------------------- vectors

  /** Collections of vectors: `db.vectors.create('texts', { dimension: 384 })`. */
  get vectors(): Vectors {
    return this.#vectors;
  }

  // ---------------------------------------------------------------- channels

  /**
   * Sends a message to all who have subscribed to the channel, or to a pattern that matches it.
   * @param channel text means its UTF-8 bytes
   * @param payload text is sent as UTF-8
   * @returns how many receive it
   * @throws {Fault} ENGINE_CLOSED ...
   */
  publish(channel: Name, payload: Payload): number {
    const engine = this.#engine;
    engine.begin(channel);
    engine.arguments.add(payload);
    engine.values.begin(BulkForm.Text);
    engine.run(this.#client, this.#publish, engine.values);
    return Number(engine.values.take());
  }

  /**
   * Messages of channels from now on, also those of key space events:
   * `for await (const message of db.subscribe('news'))`. `break`, `return`, `close()` of the
   * subscription and the signal of the options unsubscribe; the loop also ends when the database is
   * closed. A reader that leaves too much unread gets SUBSCRIBER_SLOW after all it has not read.
   * @throws {Fault} INVALID_OPTION, ENGINE_CLOSED ...
   */
  subscribe(names: Name | readonly Name[], options?: SubscribeOptions): Subscription {
    this.#engine.check();
    return this.#engine.pubSub.broker.subscribe(names, options);
  }

  // ---------------------------------------------------------------- the engine

  /** Keys in the selected database, those due but not yet freed included, as DBSIZE counts. */
  get size(): number {
    this.#engine.check();
    return this.#engine.shard.keyspace.databases[this.#client.db]?.count ?? 0;
  }

  /** Figures of the engine.
   * @throws {Fault} ENGINE_CLOSED ... */
  get stats(): KoraStats {
    this.#engine.check();
    const { shard, memory } = this.#engine;
    const { counts } = shard.stats;
    const at = (stat: number): number => counts[stat] ?? 0;
    return {
      keyCount: shard.keyspace.databases.reduce((sum, db) => sum + db.count, 0),
      usedBytes: shard.usedBytes(),
      memoryBytes: memory.memory.buffer.byteLength,
      commandCount: at(Stat.Commands),
      hitCount: at(Stat.KeyspaceHits),
      missCount: at(Stat.KeyspaceMisses),
      expiredKeyCount: at(Stat.ExpiredKeys),
      evictedKeyCount: at(Stat.EvictedKeys),
    };
  }

  get isClosed(): boolean {
    return this.#engine.isClosed;
  }

  /**
   * Makes a snapshot of the data, after which the log before it is removed: a start is faster, and
   * the directory smaller. Whole within the call; it counts when this returns. Without it one is
   * made when the log has grown (`auto-aof-rewrite-percentage`).
   * @throws {Fault} DISK_FAILED: the snapshot before it counts, and the log; INVALID_OPTION without
   *   `dir`; ENGINE_CLOSED ...
   */
  snapshot(): void {
    this.#engine.snapshots().now();
  }

  /** Ends the engine and forgets its data. Every later call throws ENGINE_CLOSED; closing again is
   * allowed.
   * @throws {Fault} ENGINE_BUSY within `with` */
  close(): void {
    this.#engine.close();
  }

  /** `using db = openSync()` closes at the end of the block. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** GET through the executor; its arguments are placed. */
  #runGet(form: number): ReplyValue {
    const { values } = this.#engine;
    values.begin(form);
    this.#engine.run(this.#client, this.#get, values);
    return values.take();
  }

  #count(command: Command, keys: readonly Key[]): number {
    const engine = this.#engine;
    engine.check();
    if (keys.length === 0) return 0;
    engine.arguments.beginKnown();
    for (const key of keys) engine.arguments.add(key);
    engine.values.begin(BulkForm.Text);
    engine.run(this.#client, command, engine.values);
    return Number(engine.values.take());
  }

  #addSetOptions(options: SetOptions): void {
    for (const word of setWords(options)) this.#engine.arguments.add(word);
  }
}

function tooSmall(bytes: number, room: number): Fault {
  return new Fault(
    'INVALID_ARGUMENT', `the value has ${bytes} bytes, the target room for ${Math.max(0, room)}`,
  );
}
