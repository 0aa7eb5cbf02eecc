/**
 * The I/O engine on io_uring: what is rare stands here (opening, listening, accepting, ending),
 * what happens per event in uring-loop.hot.ts. When descriptors run out newcomers are turned
 * away; where even that cannot be done the listener rests until the next tick.
 * The kernel reads and writes the worker memory by address: every range it has is owned by a slot,
 * a receive buffer or a record that lives until the completion (docs/internals/native-io.md).
 */
import type { WorkerMemory } from '@kora/core';
import { assert, Fault } from '@kora/core';
import type { EngineHandler, ListenAddress, LoopEngine } from '../engine.ts';
import { TICK_MS } from '../engine.ts';
import { isOutOfDescriptors, isPassingAcceptError } from '../native/accept-errors.ts';
import { CLOEXEC, duplicate } from '../native/descriptor-flags.ts';
import type { Libc } from '../native/libc.ts';
import { loadLibc, nativeMemory } from '../native/libc.ts';
import type { ListeningSocket } from '../native/listening.ts';
import { closeListening, openListening } from '../native/listening.ts';
import { peerOfDescriptor } from '../native/peer.ts';
import { RefusedConnections } from '../native/refused-connections.ts';
import { Scratch } from '../native/scratch.ts';
import { SendQueue } from '../native/send-queue.hot.ts';
import { setKeepAlive } from '../native/socket-options.ts';
import { SpareDescriptor } from '../native/spare-descriptor.ts';
import type { OpenedRing } from './open-ring.ts';
import { openRing } from './open-ring.ts';
import { ReceiveBuffers } from './receive-buffers.ts';
import { ResetSweep } from './reset-sweep.ts';
import { SendVectors } from './send-vectors.ts';
import { TickTimer, TIMESPEC_BYTES } from './tick-timer.hot.ts';
import { ConnectionTable, FLOW_REFUSED } from './uring-connections.hot.ts';
import { UringFiles } from './uring-files.ts';
import { UringLoop } from './uring-loop.hot.ts';
import { OP_MSG_RING, SQE_CQE_SKIP } from './uring-constants.ts';
import type { LoopOwner } from './uring-loop-parts.ts';
import { KIND_CANCEL, KIND_TICK, WAKE_BYTES } from './uring-loop-parts.ts';

/** The time of the tick, the count of a wake-up, and the one that is written to others. */
const WAKE_OFFSET = TIMESPEC_BYTES;
const ONE_OFFSET = WAKE_OFFSET + WAKE_BYTES;
const CONTROL_BYTES = ONE_OFFSET + WAKE_BYTES;

/** What a test may ask for. */
export interface UringOptions {
  /**
   * What to do without, as if the kernel refused it: set-ups (`defer-taskrun`, `coop-taskrun`,
   * `plain`), `BUFFER_RING`, flags (`ACCEPT_MULTISHOT`, `RECV_MULTISHOT`), `QUIET_SENDS`, and
   * operations by name.
   */
  readonly refused?: readonly string[];
}

/** An engine on io_uring for the calling thread, or on one line why there is none here. */
export function openUring(options: UringOptions = {}): LoopEngine | string {
  const libc = loadLibc();
  if (typeof libc === 'string') return libc;
  const refused = new Set(options.refused);
  const opened = openRing(libc, refused);
  if (typeof opened === 'string') return opened;
  return new UringEngine(libc, opened, refused);
}

interface Listener {
  readonly socket: ListeningSocket;
  /** Descriptors ran out: accepting goes on at the next tick. */
  isWaiting: boolean;
}

/** Everything that exists between start and stop. */
interface Running {
  readonly handler: EngineHandler;
  readonly scratch: Scratch;
  readonly spare: SpareDescriptor;
  readonly buffers: ReceiveBuffers;
  readonly vectors: SendVectors;
  readonly loop: UringLoop;
  readonly sweep: ResetSweep;
}

/** Memories of engines whose kernel side did not end: kept for ever, so never reused. */
const abandoned: WorkerMemory[] = [];

class UringEngine implements LoopEngine, LoopOwner {
  readonly name = 'uring';
  wakeDescriptor = -1;
  readonly ringDescriptor: number;
  files: UringFiles | undefined;
  readonly #libc: Libc;
  readonly #opened: OpenedRing;
  readonly #missing: ReadonlySet<string>;
  readonly #connections = new ConnectionTable();
  /** Those that were not stopped, by number. */
  readonly #listeners = new Map<number, Listener>();
  #nextListener = 0;
  readonly #refused = new RefusedConnections();
  #isRingClosed = false;
  /** Address of a 1 of eight bytes. */
  #oneAt = 0;
  /** When the last tick was, by the monotonic clock. */
  #tickedMs = performance.now();
  #running: Running | undefined;

  constructor(libc: Libc, opened: OpenedRing, refused: ReadonlySet<string>) {
    this.#libc = libc;
    this.#opened = opened;
    this.#missing = new Set([...opened.missing, ...refused]);
    this.ringDescriptor = this.#missing.has('MSG_RING') ? -1 : opened.ring.descriptor;
  }

  start(memory: WorkerMemory, handler: EngineHandler): void {
    const native = nativeMemory(memory);
    assert(typeof native !== 'string', 'the C library was loaded when the engine was opened');
    const scratch = new Scratch(this.#libc, native);
    const { ring } = this.#opened;
    const buffers = ReceiveBuffers.open(scratch, ring.descriptor);
    if (typeof buffers === 'string') throw new Error(buffers);
    const controlAt = memory.lowAllocator.alloc(CONTROL_BYTES) * 8;
    assert(controlAt !== 0, 'low memory holds the words of an engine');
    memory.low.fill(0, controlAt, controlAt + CONTROL_BYTES);
    memory.lowView.setUint32(controlAt + ONE_OFFSET, 1, true);
    this.#oneAt = native.addressOf(controlAt + ONE_OFFSET);
    this.wakeDescriptor = this.#libc.eventfd(0, CLOEXEC);
    if (this.wakeDescriptor < 0) throw new Error(`eventfd failed (error ${this.#libc.errno()})`);
    const vectors = new SendVectors(native);
    const loop = new UringLoop({
      libc: this.#libc, native, ring, buffers, vectors, handler,
      queue: new SendQueue(), connections: this.#connections, owner: this,
      tick: new TickTimer(ring, native, controlAt, KIND_TICK, KIND_CANCEL),
      wakeAt: controlAt + WAKE_OFFSET,
      wakeDescriptor: this.wakeDescriptor, missing: this.#missing,
    });
    const spare = new SpareDescriptor(this.#libc);
    const hasFiles = !this.#missing.has('WRITE') && !this.#missing.has('FSYNC');
    if (hasFiles) this.files = new UringFiles(ring, loop, native);
    const peekedAt = scratch.pointer(scratch.resultAt);
    const sweep = new ResetSweep(this.#libc, this.#connections, peekedAt);
    this.#running = { handler, scratch, spare, buffers, vectors, loop, sweep };
  }

  get #parts(): Running {
    assert(this.#running !== undefined, 'an engine is used between start and stop');
    return this.#running;
  }

  turn(mayWait: boolean): boolean {
    const loop = this.#running?.loop;
    if (loop === undefined) return false;
    try {
      return loop.turn(mayWait);
    } catch (cause) {
      // The turn is over all the same: what comes next is `stop`, which takes all back.
      loop.isTurning = false;
      throw cause;
    }
  }

  // ------------------------------------------------------------------ listening

  listen(address: ListenAddress, done: (error: Error | null, port: number) => void): number {
    const listener = this.#nextListener++;
    if (this.#isRingClosed) {
      done(new Fault('ENGINE_CLOSED', 'the engine was stopped'), 0);
      return listener;
    }
    const { scratch, loop } = this.#parts;
    const socket = openListening(scratch, address);
    if (!('descriptor' in socket)) {
      done(socket, 0);
      return listener;
    }
    this.#listeners.set(listener, { socket, isWaiting: false });
    loop.armAccept(listener, socket.descriptor);
    done(null, socket.port);
    return listener;
  }

  stopListening(listener: number): void {
    const entry = this.#listeners.get(listener);
    if (entry === undefined || this.#running === undefined) return;
    this.#listeners.delete(listener);
    const { loop, scratch } = this.#running;
    if (!entry.isWaiting) loop.cancelAccept(listener);
    closeListening(scratch, entry.socket);
  }

  onAccepted(listener: number, descriptor: number): void {
    const entry = this.#listeners.get(listener);
    if (entry === undefined) {
      this.#libc.close(descriptor);
      return;
    }
    const { handler, loop, scratch } = this.#parts;
    const slot = this.#connections.open(descriptor);
    const peer = peerOfDescriptor(scratch, descriptor, entry.socket.address);
    if (handler.onAccept(slot, peer)) {
      loop.arm(slot);
      return;
    }
    this.#connections.flow[slot] = (this.#connections.flow[slot] ?? 0) | FLOW_REFUSED;
    loop.close(slot, true);
    this.#dropRefused(this.#refused.note(slot));
  }

  onAcceptEnded(listener: number, error: number): void {
    const entry = this.#listeners.get(listener);
    if (entry === undefined) return;
    const { loop, spare } = this.#parts;
    const { descriptor } = entry.socket;
    const mayGoOn = error === 0 || isPassingAcceptError(error) ||
      (isOutOfDescriptors(error) && spare.turnAway(descriptor));
    if (mayGoOn) loop.armAccept(listener, descriptor);
    else entry.isWaiting = true;
  }

  onTick(): void {
    const { handler, loop, sweep } = this.#parts;
    const nowMs = performance.now();
    const ticks = Math.max(1, Math.round((nowMs - this.#tickedMs) / TICK_MS));
    this.#tickedMs = nowMs;
    this.#listeners.forEach((entry, listener) => {
      if (!entry.isWaiting) return;
      entry.isWaiting = false;
      loop.armAccept(listener, entry.socket.descriptor);
    });
    this.#dropRefused(this.#refused.onTick());
    for (const slot of sweep.look(ticks)) loop.kill(slot);
    handler.onTick();
  }

  tickAfter(ms: number): void {
    const isWaiting = [...this.#listeners.values()].some((entry) => entry.isWaiting);
    const needsTicks = isWaiting || this.#refused.hasAny;
    this.#running?.loop.tickAfter(needsTicks ? TICK_MS : ms);
  }

  /** Refused peers that have had time to read why. */
  #dropRefused(slots: Iterable<number>): void {
    const { flow } = this.#connections;
    for (const slot of slots) {
      // The slot may be another connection's by now.
      if (((flow[slot] ?? 0) & FLOW_REFUSED) !== 0) this.#parts.loop.kill(slot);
    }
  }

  // ------------------------------------------------------------------ connections

  send(slot: number, at: number, bytes: number): boolean {
    return this.#running === undefined || this.#running.loop.sends.send(slot, at, bytes);
  }

  receiveInto(slot: number, at: number, bytes: number): boolean {
    return this.#running?.loop.receiveInto(slot, at, bytes) ?? false;
  }

  pauseReceive(slot: number): void {
    this.#running?.loop.pause(slot);
  }

  resumeReceive(slot: number): void {
    this.#running?.loop.resume(slot);
  }

  close(slot: number, isGraceful: boolean): void {
    this.#running?.loop.close(slot, isGraceful);
  }

  setKeepAlive(slot: number, seconds: number): void {
    const descriptor = this.#connections.descriptor[slot] ?? -1;
    if (this.#running === undefined || descriptor < 0) return;
    setKeepAlive(this.#running.scratch, descriptor, seconds);
  }

  requestTurn(): void {
    if (this.#running !== undefined) this.#running.loop.isTurnRequested = true;
  }

  shareWake(): number {
    return duplicate(this.#libc, this.wakeDescriptor);
  }

  /** A message leaves with the system call of the turn, and nobody hears of its completion. */
  signal(eventfd: number, ring: number): void {
    if (this.#isRingClosed) return;
    if (ring < 0 || this.#missing.has('MSG_RING')) {
      this.#libc.write(eventfd, this.#oneAt, WAKE_BYTES);
      return;
    }
    this.#opened.ring.submit(OP_MSG_RING, SQE_CQE_SKIP, 0, ring, 0, 0, 0, KIND_CANCEL, 0);
    // The completion that the other gets: one that says nothing, but ends its wait.
    this.#opened.ring.setOffset(KIND_CANCEL);
  }

  // ------------------------------------------------------------------ the end

  stop(): void {
    if (this.#running === undefined) {
      if (!this.#isRingClosed) this.#closeRing();
      return;
    }
    for (const listener of this.#listeners.keys()) this.stopListening(listener);
    this.#running.loop.stop();
  }

  onDrained(isComplete: boolean): void {
    const { buffers, scratch, spare, vectors } = this.#parts;
    this.#running = undefined;
    this.files?.close();
    spare.close();
    this.#closeRing();
    if (!isComplete) {
      abandoned.push(scratch.native.memory);
      return;
    }
    buffers.release();
    vectors.release();
  }

  #closeRing(): void {
    this.#isRingClosed = true;
    this.#opened.ring.close();
    if (this.wakeDescriptor >= 0) this.#libc.close(this.wakeDescriptor);
    this.wakeDescriptor = -1;
  }
}
