/**
 * Drives a composed shard in tests: commands in, replies out in the notation of the conformance
 * corpus, under a virtual clock and seeded chance. The path is the real one: arguments lie in low
 * memory (64 KiB and more in ropes, as they arrive from a socket), the executor runs them, a sink
 * records.
 *   const driver = new CommandDriver();
 *   driver.run('SET', 'k', 'v')      // '+"OK"'
 *   driver.clock.advance(1000);      // and the next command sees it
 * A text argument is one byte per character (Latin-1); give a Uint8Array for anything else.
 */
import { assert } from '../assert.ts';
import { ArgFrame } from '../command/arg-frame.hot.ts';
import { ClientState } from '../command/client-state.ts';
import type { EngineContext } from '../command/engine-context.ts';
import type { CommandRegistry } from '../command/registry.ts';
import type { Command } from '../command/spec.ts';
import { BIG_ARGUMENT_BYTES_MIN } from '../limits.ts';
import type { Platform } from '../platform/platform.ts';
import { SeededChance, VirtualClock } from '../platform/platform.ts';
import type { Settings } from '../settings/settings.ts';
import { composeShard } from '../shard/compose.ts';
import type { Executor } from '../shard/executor.ts';
import { Outcome } from '../shard/executor.ts';
import type { Shard } from '../shard/shard.ts';
import type { WorkerMemory, WorkerMemoryOptions } from '../structs/worker-memory.ts';
import type { VectorEngine } from '../types/vector-set/vector-engine.ts';
import { splitCommandLine } from './command-line.ts';
import { latin1Bytes } from './latin1-text.ts';
import type { RecordedReply } from './recorded-reply.ts';
import { notationOf } from './recorded-reply.ts';
import { RecordingSink } from './recording-sink.ts';

/** One argument of a command. */
export type DriverArgument = string | number | bigint | Uint8Array;

export interface CommandDriverOptions {
  readonly seed?: number;
  /** RESP version of the first client. */
  readonly resp?: 2 | 3;
  readonly startMs?: number;
  readonly memoryOptions?: WorkerMemoryOptions;
  readonly extraCommands?: readonly Command[];
  /** Which of how many shards it is; default: the only one. */
  readonly place?: { readonly index: number; readonly count: number };
  readonly vectorEngine?: VectorEngine;
  /** CONFIG values at start. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** Memory of a test engine unless it asks for more: small address space, many engines. */
const TEST_MEMORY_BYTES_MAX = 256 * 1024 * 1024;
const TEST_LOW_BYTES = 32 * 1024 * 1024;
/** Slices `settle` runs before it gives up. */
const SETTLE_SLICES_MAX = 1_000_000;

export class CommandDriver {
  readonly clock: VirtualClock;
  readonly memory: WorkerMemory;
  readonly shard: Shard;
  readonly executor: Executor;
  readonly registry: CommandRegistry;
  readonly settings: Settings;
  readonly engine: EngineContext;
  readonly frame: ArgFrame;
  readonly sink: RecordingSink;
  /** The client that `run` speaks for. */
  readonly client: ClientState;
  /** Messages of commands that threw. */
  readonly errors: string[] = [];
  /** Times the shard asked for a turn. */
  turnsRequested = 0;
  #clientCount = 1;

  constructor(options: CommandDriverOptions = {}) {
    this.clock = new VirtualClock(options.startMs);
    const platform: Platform = {
      clock: this.clock,
      chance: new SeededChance(options.seed ?? 1),
      scheduler: { requestTurn: () => void this.turnsRequested++ },
    };
    const composed = composeShard({
      platform,
      memoryOptions: {
        lowBytes: TEST_LOW_BYTES, bytesMax: TEST_MEMORY_BYTES_MAX, ...options.memoryOptions,
      },
      ...(options.place === undefined ? {} : { place: options.place }),
      ...(options.extraCommands === undefined ? {} : { extraCommands: options.extraCommands }),
      ...(options.vectorEngine === undefined ? {} : { vectorEngine: options.vectorEngine }),
      onError: (message) => void this.errors.push(message),
    });
    this.memory = composed.memory;
    this.shard = composed.shard;
    this.executor = composed.executor;
    this.registry = composed.registry;
    this.settings = composed.settings;
    this.engine = composed.engine;
    const refusal = this.settings.load(Object.entries(options.settings ?? {}));
    assert(refusal === null, `settings of the test: ${refusal ?? ''}`);
    this.client = new ClientState(1);
    this.client.resp = options.resp ?? 2;
    this.frame = new ArgFrame(this.memory, this.client);
    this.sink = new RecordingSink(this.memory);
  }

  /** One more client, with its own database and RESP version. */
  newClient(resp: 2 | 3 = 2): ClientState {
    const client = new ClientState(++this.#clientCount);
    client.resp = resp;
    return client;
  }

  /**
   * Runs a command for the first client; its reply in notation. Fails when the command is parked.
   */
  run(...args: readonly DriverArgument[]): string {
    return this.runAs(this.client, ...args);
  }

  /** Runs a command line in the corpus's syntax, for the first client. */
  runLine(line: string): string {
    return this.runAs(this.client, ...splitCommandLine(line));
  }

  /** As run, for a client of `newClient`. */
  runAs(client: ClientState, ...args: readonly DriverArgument[]): string {
    return notationOf(this.replyAs(client, args));
  }

  /** Runs a command and gives the reply as a tree. */
  reply(...args: readonly DriverArgument[]): RecordedReply {
    return this.replyAs(this.client, args);
  }

  replyAs(client: ClientState, args: readonly DriverArgument[]): RecordedReply {
    const reply = this.offer(client, args);
    assert(reply !== null, 'the command was not parked');
    return reply;
  }

  /**
   * Runs a command; null when it was parked, or waits for keys. The clock is read first, as at the
   * start of a turn.
   */
  offer(client: ClientState, args: readonly DriverArgument[]): RecordedReply | null {
    this.shard.refreshClock();
    const blocks = this.#bindArguments(args.map(bytesOfArgument));
    this.frame.client = client;
    this.sink.resp = client.resp;
    const outcome = this.executor.execute(this.frame, this.sink);
    if (outcome === Outcome.Parked) this.#freeRopes();
    for (const ref of blocks) this.memory.lowAllocator.free(ref);
    const hasNoReply = outcome === Outcome.Parked || client.waiter !== null;
    return hasNoReply ? null : this.sink.take();
  }

  /** Runs background work until none is left. */
  settle(): void {
    for (let i = 0; i < SETTLE_SLICES_MAX; i++) if (!this.shard.maintain()) return;
    assert(false, 'background work comes to an end');
  }

  /** Flushes all databases and frees what an empty one keeps: then nothing is left in the arena. */
  emptyCompletely(): void {
    this.run('FLUSHALL');
    this.settle();
    for (const { dict, wheel } of this.shard.keyspace.databases) {
      wheel.destroy();
      if (dict.header !== 0) dict.destroy();
    }
  }

  /** Moves the clock and does one round of background work, as a tick would. */
  advance(ms: number): void {
    this.clock.advance(ms);
    this.settle();
  }

  /** Places the arguments as the parser would; returns the low blocks to free afterwards. */
  #bindArguments(args: readonly Uint8Array[]): number[] {
    const { frame, memory, shard } = this;
    const at = new Int32Array(args.length);
    const lengths = new Int32Array(args.length);
    const blocks: number[] = [];
    args.forEach((bytes, i) => {
      lengths[i] = bytes.length;
      if (bytes.length >= BIG_ARGUMENT_BYTES_MIN) {
        at[i] = -this.#ropeOf(bytes) - 1;
        return;
      }
      const ref = memory.lowAllocator.alloc(Math.max(1, bytes.length));
      assert(ref !== 0, 'low memory holds the arguments of a test');
      blocks.push(ref);
      memory.low.set(bytes, ref * 8);
      at[i] = ref * 8;
    });
    frame.bind(at, lengths, args.length);
    assert(shard.failure === null, 'the shard works');
    return blocks;
  }

  #ropeOf(bytes: Uint8Array): number {
    const { memory, shard } = this;
    const root = shard.ropes.create(bytes.length);
    assert(root !== 0, 'memory holds the big argument of a test');
    const { scratchAt } = shard;
    for (let done = 0; done < bytes.length; done += 32_768) {
      const part = bytes.subarray(done, done + 32_768);
      memory.low.set(part, scratchAt);
      shard.ropes.write(root, done, scratchAt, part.length);
    }
    return root;
  }

  #freeRopes(): void {
    for (let i = 0; i < this.frame.count; i++) {
      if (this.frame.isBig(i)) this.shard.ropes.free(this.frame.takeRope(i));
    }
  }
}

function bytesOfArgument(argument: DriverArgument): Uint8Array {
  if (argument instanceof Uint8Array) return argument;
  return latin1Bytes(String(argument));
}
