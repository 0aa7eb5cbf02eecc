/**
 * A worker without sockets: bytes go in by a call and replies come out as bytes, in the same turn
 * and the same thread. For tests that need every byte and every turn in their hands, for allocation
 * tests and for benchmarks: with replies dropped, the rig itself allocates nothing per turn.
 * The clock stands still unless the caller moves it.
 */
import type { Command, ComposedShard, WorkerMemory } from '@kora/core';
import { composeShard, SeededChance, Settings, VirtualClock } from '@kora/core';
import type { StorePlan } from '@kora/storage/engine';
import { serverCommands } from '../commands/server-commands.ts';
import type { EngineHandler, FileOperations, IoEngine, Peer } from '../io/engine.ts';
import { RECEIVE_BYTES_MAX, TICK_MS } from '../io/engine.ts';
import { Limits } from '../limits.ts';
import type { MeshPlan } from '../mesh/mesh-plan.ts';
import { placeOf } from '../mesh/mesh-plan.ts';
import { addServerInfo } from '../server-info.ts';
import type { RoomDisk, RoomStore } from '../store/room-store.ts';
import { heldRepliesOf, openWorkerStore } from '../store/worker-store.ts';
import { Worker } from '../worker.ts';

const PEER: Peer = Object.freeze({
  address: '127.0.0.1:1', localAddress: '127.0.0.1:2', isLoopback: true, isUnixSocket: false,
  descriptor: -1,
});

/** Room for requests and replies; address space only. */
export const RIG_LOW_BYTES = 256 * 1024 * 1024;

/** An engine whose only peer is the program: every send is taken at once, or held. */
export class MemoryEngine implements IoEngine {
  /** `node` where files are written and synced in the background of Node. */
  readonly name: string;
  readonly files: FileOperations | undefined;
  /** Replies of each slot since it was opened, when `keepsReplies`. */
  readonly replies: Uint8Array[][] = [];
  /** False drops them. */
  keepsReplies = true;
  /** True: sends stay with the engine until `release`. */
  holdsSends = false;
  /** Sends of each slot that it still holds. */
  readonly heldCounts: number[] = [];
  /** Slots that the worker asked to close. */
  readonly closing = new Set<number>();
  /** Of those the ones that it did not want to close in order. */
  readonly cut = new Set<number>();
  /** Slots that are not to be read. */
  readonly paused = new Set<number>();
  isTurnRequested = false;
  /** How long after the last call of tickAfter, or the last tick, the next tick is to come. */
  tickDelayMs = TICK_MS;
  /** Where received bytes lie. */
  receiveAt = 0;
  #memory: WorkerMemory | null = null;

  /** @param files operations on files; none where they are done elsewhere */
  constructor(name = 'memory', files?: FileOperations) {
    this.name = name;
    this.files = files;
  }

  start(memory: WorkerMemory, _handler: EngineHandler): void {
    this.#memory = memory;
    this.receiveAt = memory.lowAllocator.alloc(RECEIVE_BYTES_MAX) * 8;
  }

  send(slot: number, at: number, bytes: number): boolean {
    if (this.keepsReplies) {
      // Replies lie in low memory, lent pieces of values in the arena.
      const { buffer } = this.#memory!.i32;
      this.replies[slot]?.push(new Uint8Array(buffer, at, bytes).slice());
    }
    if (!this.holdsSends) return true;
    this.heldCounts[slot] = (this.heldCounts[slot] ?? 0) + 1;
    return false;
  }

  close(slot: number, isGraceful = true): void {
    this.closing.add(slot);
    if (!isGraceful) this.cut.add(slot);
  }

  requestTurn(): void {
    this.isTurnRequested = true;
  }

  tickAfter(ms: number): void {
    this.tickDelayMs = ms;
  }

  pauseReceive(slot: number): void {
    this.paused.add(slot);
  }

  resumeReceive(slot: number): void {
    this.paused.delete(slot);
  }

  receiveInto(): boolean {
    return false;
  }

  listen(): number {
    return 0;
  }

  setKeepAlive(): void {}
  stopListening(): void {}
  stop(): void {}
}

/** Where a rig keeps its data. */
export interface RigStore {
  readonly plan: StorePlan;
  readonly disk: RoomDisk;
  /** As an engine of io_uring has them; absent: in the background, as on node:net. */
  readonly operations?: FileOperations;
}

/** What a rig is made of; by default Redis's settings, look-ahead as in production. */
export interface WorkerRigOptions {
  /** Settings by Redis's names. */
  readonly settings?: readonly (readonly [string, string])[];
  readonly extraCommands?: readonly Command[];
  /** Most requests found ahead; 1 = none. */
  readonly aheadCountMax?: number;
  readonly seed?: number;
  /** Shared with other rigs; default: a clock of its own. */
  readonly clock?: VirtualClock;
  /** The rig is one of several workers. */
  readonly mesh?: MeshPlan;
  /** Called when another worker has to be woken. */
  readonly wake?: (worker: number) => void;
  /** Keeps the data; default: nothing does. */
  readonly store?: RigStore;
  /** A zeroed memory for a rig that is alone; default: a new one. */
  readonly memory?: WebAssembly.Memory;
}

export class WorkerRig {
  readonly clock: VirtualClock;
  readonly engine: MemoryEngine;
  readonly composed: ComposedShard;
  readonly worker: Worker;
  /** Who hears of the engine's events: the worker, or what holds its replies back. */
  readonly handler: EngineHandler;
  readonly store: RoomStore | null;
  /** Lines of the log. */
  readonly log: string[] = [];
  #slots = 0;

  constructor(options: WorkerRigOptions = {}) {
    const settings = new Settings();
    const refusal = settings.load([...(options.settings ?? [])]);
    if (refusal !== null) throw new Error(refusal);
    this.clock = options.clock ?? new VirtualClock();
    const { mesh, store } = options;
    const memory = mesh?.memories[mesh.index] ?? options.memory;
    const isInBackground = store !== undefined && store.operations === undefined;
    this.engine = new MemoryEngine(isInBackground ? 'node' : 'memory', store?.operations);
    const held = store === undefined ? null : heldRepliesOf(store.plan, this.engine, mesh?.index);
    this.composed = composeShard({
      platform: {
        clock: this.clock, chance: new SeededChance(options.seed ?? 1), scheduler: this.engine,
      },
      memoryOptions: { lowBytes: RIG_LOW_BYTES, ...(memory === undefined ? {} : { memory }) },
      ...(mesh === undefined ? {} : placeOf(mesh)),
      settings,
      extraCommands: [...serverCommands, ...(options.extraCommands ?? [])],
    });
    const limits = new Limits(settings, this.composed.memory);
    this.worker = new Worker(this.composed, held ?? this.engine, limits, {
      log: (level, message) => {
        this.log.push(`${level} ${message}`);
      },
      onFailure: (error) => {
        throw error;
      },
      onShutdown: () => undefined,
      onTurnEnd: () => this.store?.endTurn(),
      mayRest: () => this.store?.isQuiet !== false,
    }, options.aheadCountMax, mesh, options.wake);
    this.handler = held ?? this.worker;
    this.store = held === null || store === undefined ? null
      : openWorkerStore(this.worker, this.composed, held, store.plan, {
        disk: store.disk,
        log: (level, message) => {
          this.log.push(`${level} ${message}`);
        },
        onFailure: (error) => {
          throw error;
        },
      });
    const facts = { ioReason: 'for a test', configFile: '', executable: '' };
    addServerInfo(this.composed.info, this.worker, facts);
    settings.bind('requirepass', ({ text }) => {
      this.worker.letStrangersIn(text === '');
    });
  }

  /** A new connection. @returns its slot */
  connect(): number {
    const slot = this.#slots++;
    this.engine.replies[slot] = [];
    this.handler.onTurnStart();
    this.handler.onAccept(slot, PEER);
    this.handler.onTurnEnd();
    return slot;
  }

  /** Puts bytes where the engine receives and delivers them, in as many turns as they need. */
  receive(slot: number, bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length; from += RECEIVE_BYTES_MAX) {
      const piece = bytes.subarray(from, from + RECEIVE_BYTES_MAX);
      this.composed.memory.low.set(piece, this.engine.receiveAt);
      this.deliver(slot, this.engine.receiveAt, piece.length);
    }
  }

  /** One turn with bytes that lie in low memory. */
  deliver(slot: number, at: number, bytes: number): void {
    this.handler.onTurnStart();
    this.handler.onReceive(slot, at, bytes);
    this.handler.onTurnEnd();
  }

  /** The turn that the worker asked for, if it did. */
  turn(): void {
    if (!this.engine.isTurnRequested) return;
    this.engine.isTurnRequested = false;
    this.handler.onTurnStart();
    this.handler.onTurn();
    this.handler.onTurnEnd();
  }

  /** A turn without events: what other workers sent is taken. */
  idle(): void {
    this.handler.onTurnStart();
    this.handler.onTurnEnd();
  }

  /** The peer sends nothing more. */
  halfClose(slot: number): void {
    this.handler.onTurnStart();
    this.handler.onEnd(slot);
    this.handler.onTurnEnd();
  }

  /** Lets time pass: ticks come when the worker wants them. @returns turns taken */
  pass(ms: number): number {
    let turns = 0;
    for (let leftMs = ms; ;) {
      const { tickDelayMs } = this.engine;
      if (tickDelayMs > leftMs) {
        this.clock.advance(leftMs);
        this.engine.tickDelayMs = tickDelayMs - leftMs;
        return turns;
      }
      leftMs -= tickDelayMs;
      this.tick(tickDelayMs);
      for (turns++; this.engine.isTurnRequested; turns++) this.turn();
    }
  }

  /** Moves the clock and ticks. */
  tick(ms: number): void {
    this.clock.advance(ms);
    this.engine.tickDelayMs = TICK_MS;
    this.handler.onTurnStart();
    this.handler.onTick();
    this.handler.onTurnEnd();
  }

  /** The oldest sends of this slot that the engine holds leave, at most so many. */
  release(slot: number, countMax = Infinity): void {
    for (let count = 0; count < countMax; count++) {
      const held = this.engine.heldCounts[slot] ?? 0;
      if (held === 0) return;
      this.engine.heldCounts[slot] = held - 1;
      this.handler.onTurnStart();
      this.handler.onSent(slot);
      this.handler.onTurnEnd();
    }
  }

  /** The peer is gone. */
  disconnect(slot: number): void {
    this.handler.onTurnStart();
    this.handler.onClosed(slot);
    this.handler.onTurnEnd();
  }

  /** All reply bytes of the slot so far, one byte a character. */
  repliesOf(slot: number): string {
    return Buffer.concat(this.engine.replies[slot] ?? []).toString('latin1');
  }
}
