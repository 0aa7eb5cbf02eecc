/**
 * One engine in this thread: a composed shard, its platform, and the way of a call into it and out.
 * Kora and its connections are faces of this object; it alone knows whether calls are allowed.
 *
 *   open --close()--> closed             every later call: Fault ENGINE_CLOSED
 *   open --a command broke off after a change--> failed      every later call: Fault ENGINE_FAILED
 *   open --lend()--> lent --callback returns--> open         every call within: Fault ENGINE_BUSY
 *
 * The clock is read at every call, so a key is never readable after its time even when the event
 * loop does not run; maintenance only frees what nobody asks for.
 */
import {
  ArgFrame, assert, ClientFlag, ClientState, composeShard, Fault, Outcome, replyErrors,
} from '@kora/core';
import type { Command, ComposedShard, Executor, Platform, Shard, WorkerMemory } from '@kora/core';
import { observabilityCommands, observe } from '@kora/observability';
import { pubSubCommands } from '@kora/pubsub';
import { addStoreInfo, syncPolicyOf } from '@kora/storage/engine';
import { Arguments } from './arguments.ts';
import type { CallArgument } from './arguments.ts';
import { IntoSink } from './into-sink.ts';
import { KoraReplyError } from './kora-reply-error.ts';
import { LocalPubSub } from './local-pub-sub.ts';
import type { LocalSnapshots } from './local-snapshots.ts';
import { LocalStore, openLocalStore, realStoreHost } from './local-store.ts';
import type { StoreHost } from './local-store.ts';
import { MemoryWindow } from './memory-window.ts';
import { nodePlatform } from './node-platform.ts';
import type { TurnScheduler } from './node-platform.ts';
import { readOptions } from './open-options.ts';
import type { OpenOptions } from './open-options.ts';
import { pooledMemories } from './pooled-memories.ts';
import { ValueSink } from './value-sink.ts';
import { vectorEngine } from './vector-engine.ts';
import type { ReplyValue } from './open-values.ts';

/** RESP version whose reply shapes the values have. */
const RESP_VERSION = 3;

export class Engine {
  readonly composed: ComposedShard;
  readonly shard: Shard;
  readonly pubSub: LocalPubSub;
  readonly memory: WorkerMemory;
  readonly frame: ArgFrame;
  readonly arguments: Arguments;
  readonly window: MemoryWindow;
  readonly values: ValueSink;
  readonly into: IntoSink;
  /** Keeps the data, null where nothing does. */
  readonly store: LocalStore | null;
  readonly #executor: Executor;
  readonly #scheduler: TurnScheduler | null;
  #isClosed = false;
  #isLent = false;
  /** What a command threw, until it is reported: the host's code must not run inside a command. */
  #defect: { readonly message: string; readonly cause: unknown } | null = null;
  readonly #onError: NonNullable<OpenOptions['onError']>;
  #clientCount = 0;

  /**
   * @param host the disk of `dir`; another one for tests
   * @throws {Fault} INVALID_OPTION, OUT_OF_MEMORY when the system has no room; with `dir` also
   *   DIRECTORY_IN_USE, CORRUPT_FILE, CORRUPT_JOURNAL, DISK_FAILED
   */
  constructor(options: OpenOptions, host: StoreHost = realStoreHost()) {
    const { settings, memoryBytesMax } = readOptions(options);
    this.#onError = options.onError ?? ((): void => undefined);
    const real = options.platform === undefined ? nodePlatform() : null;
    const platform: Platform | null = real ?? options.platform ?? null;
    assert(platform !== null, 'an engine has a platform');
    const pooled = pooledMemories.take(memoryBytesMax);
    this.composed = compose({
      platform,
      settings,
      extraCommands: [...observabilityCommands, ...pubSubCommands],
      memoryOptions: {
        bytesMax: memoryBytesMax, ...(pooled === undefined ? {} : { memory: pooled }),
      },
      vectorEngine,
      onError: (message, cause) => {
        this.#defect = { message, cause };
      },
    });
    observe(this.composed);
    this.shard = this.composed.shard;
    this.pubSub = new LocalPubSub(this.shard);
    this.memory = this.composed.memory;
    this.#executor = this.composed.executor;
    this.frame = new ArgFrame(this.memory, this.newClient());
    this.arguments = new Arguments(this.shard);
    this.window = new MemoryWindow(this.memory);
    this.values = new ValueSink(this.memory, this.window);
    this.into = new IntoSink(this.memory, this.window);
    this.#scheduler = real?.scheduler ?? null;
    this.store = this.#openStore(options, host);
    this.#scheduler?.start(() => this.#maintain());
  }

  /** Loads the directory of the options. @throws as the constructor; nothing is left behind then */
  #openStore({ dir, onNotice }: OpenOptions, host: StoreHost): LocalStore | null {
    const { settings } = this.composed.engine;
    const isFixed = (name: string): void => {
      const given = settings.text(name);
      settings.onChange(name, ({ text }) => (
        text === given ? null : 'the directory of an engine is chosen when it is opened'
      ));
    };
    isFixed('dir');
    isFixed('appendonly');
    if (dir === undefined) return null;
    try {
      const { nowMs } = this.shard;
      const opened = openLocalStore(dir, host, nowMs, onNotice ?? ((): void => undefined));
      try {
        const policy = syncPolicyOf(settings.text('appendfsync'));
        const store = new LocalStore(this.shard, opened, host, policy, () => {
          this.#scheduler?.requestTurn();
        }, onNotice ?? ((): void => undefined));
        settings.onChange('appendfsync', ({ text }) => {
          store.persistence.log.setPolicy(syncPolicyOf(text));
          return null;
        });
        settings.bind('wal-max-bytes', ({ number }) => {
          store.persistence.log.setSegmentBytes(number);
        });
        addStoreInfo(this.composed.info, store);
        return store;
      } catch (error) {
        opened.close();
        throw error;
      }
    } catch (error) {
      this.#isClosed = true;
      this.pubSub.broker.close();
      pooledMemories.give(this.memory);
      throw error;
    }
  }

  /** A source of commands with a database of its own. */
  newClient(): ClientState {
    const client = new ClientState(++this.#clientCount);
    client.resp = RESP_VERSION;
    return client;
  }

  /** Forgets what a client has queued and watches.
   * @throws {Fault} ENGINE_BUSY while memory is lent */
  endClient(client: ClientState): void {
    if (this.#isClosed) return;
    if (this.#isLent) this.#refuse();
    this.shard.transactions.reset(client);
  }

  /** The entry of a command that every engine has. */
  command(name: string): Command {
    const command = this.composed.registry.byName(name);
    assert(command !== undefined, `the command table has ${name}`);
    return command;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Refuses when no call may run now.
   * @throws {Fault} ENGINE_CLOSED, ENGINE_FAILED, ENGINE_BUSY */
  check(): void {
    if (this.#isClosed || this.#isLent || this.shard.failure !== null) this.#refuse();
    if (this.shard.barrier !== null) this.store?.retry();
  }

  /** Runs any command from its arguments; the value or a thrown refusal.
   * @param form of BulkForm
   * @throws {Fault | KoraReplyError} */
  call(client: ClientState, form: number, given: readonly CallArgument[]): ReplyValue {
    this.check();
    if (given.length === 0) {
      throw new Fault('INVALID_ARGUMENT', 'a call needs the name of a command');
    }
    this.#place(given);
    const { frame, values } = this;
    this.arguments.bind(frame);
    frame.client = client;
    values.begin(form);
    this.shard.refreshClock();
    const outcome = this.#executor.execute(frame, values);
    this.#finish(outcome, values);
    return values.take();
  }

  /** Starts the call of a known command with its key.
   * @throws {Fault} ENGINE_CLOSED ..., INVALID_ARGUMENT, OUT_OF_MEMORY */
  begin(key: string | Uint8Array): void {
    this.check();
    this.arguments.beginKnown();
    if (typeof key === 'string') this.arguments.addText(key);
    else this.arguments.add(key);
  }

  /** Something threw outside the executor; `mutations` tells whether it had changed anything.
   * @throws {KoraReplyError} `ERR internal error` */
  broke(cause: unknown, command: string, mutationsBefore: number): never {
    this.arguments.release();
    this.shard.onUnexpectedError(cause, command, this.shard.mutations !== mutationsBefore);
    this.#report();
    throw new KoraReplyError(replyErrors.internal, cause);
  }

  /** Runs a known command whose arguments were added already.
   * @throws {Fault | KoraReplyError} ENGINE_BUSY when it would be queued, for want of a value then
   */
  run(client: ClientState, command: Command, out: ValueSink): void {
    this.refuseInMulti(client);
    const { frame } = this;
    this.arguments.bind(frame);
    frame.client = client;
    this.shard.refreshClock();
    const outcome = this.#executor.run(command, frame, out);
    this.#finish(outcome, out);
  }

  /** @throws {Fault} ENGINE_BUSY when the command of a typed method would be queued */
  refuseInMulti(client: ClientState): void {
    if ((client.flags & ClientFlag.InMulti) === 0) return;
    this.arguments.discard();
    throw new Fault(
      'ENGINE_BUSY',
      'between MULTI and EXEC commands are queued: use call(), or another connection',
    );
  }

  /** Where the directory's snapshots are made.
   * @throws {Fault} ENGINE_CLOSED ..., INVALID_OPTION without a directory */
  snapshots(): LocalSnapshots {
    this.check();
    const snapshots = this.store?.snapshots;
    if (snapshots !== undefined) return snapshots;
    throw new Fault('INVALID_OPTION', 'a snapshot goes to a directory: open the database with dir');
  }

  /** Keeps every call out while `use` looks at the memory. */
  lend<Result>(use: () => Result): Result {
    this.#isLent = true;
    try {
      return use();
    } finally {
      this.#isLent = false;
    }
  }

  /** Ends the engine; its memory goes to the next one. Closing twice is allowed.
   * @throws {Fault} ENGINE_BUSY while memory is lent */
  close(): void {
    if (this.#isClosed) return;
    if (this.#isLent) this.#refuse();
    this.#isClosed = true;
    this.pubSub.broker.close();
    this.#scheduler?.stop();
    assert(this.shard.ropes.pinCount === 0, 'nobody reads a value of an engine that closes');
    try {
      this.store?.close(this.shard.failure === null);
    } finally {
      this.shard.vectors.close();
      pooledMemories.give(this.memory);
    }
  }

  #place(given: readonly CallArgument[]): void {
    const { arguments: taken } = this;
    taken.begin();
    for (const value of given) taken.add(value);
  }

  /**
   * One slice of background work; true when more waits. A defect stops the engine, not the process.
   */
  #maintain(): boolean {
    if (this.#isLent || this.shard.failure !== null) return false;
    try {
      const hasMore = this.shard.maintain();
      const goesOn = this.store?.turn() === true;
      return hasMore || goesOn;
    } catch (cause) {
      this.shard.onUnexpectedError(cause, 'maintenance', true);
      this.#report();
      return false;
    }
  }

  #finish(outcome: number, out: ValueSink): void {
    if (outcome === Outcome.Parked) {
      this.arguments.discard();
      throw new Fault('ENGINE_BUSY', 'commands are paused (CLIENT PAUSE); try again later', {
        isRetryable: true,
      });
    }
    this.arguments.release();
    this.store?.afterCall();
    if (out.refusal !== null || out.fault !== null || out.isUnfinished) this.#throwRefusal(out);
  }

  #throwRefusal(out: ValueSink): never {
    if (out.fault !== null) throw out.fault;
    throw new KoraReplyError(out.refusal ?? replyErrors.internal, this.#report());
  }

  /** Tells the host of a defect, if there is one; what was thrown. */
  #report(): unknown {
    const defect = this.#defect;
    this.#defect = null;
    if (defect !== null) this.#onError(defect.message, defect.cause);
    return defect?.cause;
  }

  #refuse(): never {
    if (this.#isClosed) throw new Fault('ENGINE_CLOSED', 'this database was closed');
    const { failure } = this.shard;
    if (failure !== null) {
      throw new Fault(
        'ENGINE_FAILED',
        'this database stopped after a defect in the middle of a change; open a new one',
        { cause: failure },
      );
    }
    throw new Fault('ENGINE_BUSY', 'no call on a database within its own with()');
  }
}

function compose(options: Parameters<typeof composeShard>[0]): ComposedShard {
  try {
    return composeShard(options);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new Fault('OUT_OF_MEMORY', 'the system has no room for one more engine', { cause });
  }
}
