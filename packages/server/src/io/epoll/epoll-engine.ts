/**
 * The I/O engine on epoll: what containers get, whose default seccomp profile refuses io_uring.
 * One epoll set holds the listening sockets, the connections, a timer for the tick
 * and an eventfd that other threads write to; a turn is one wait and what comes of it.
 *
 *   turn   onTurnStart · receives, accepts, queued sends · onTick · onTurn · onWake · onClosed ·
 *          onTurnEnd
 *
 * The timer is a descriptor, so that no turn reads a clock; when it is late, ticks are dropped.
 * The handler may call every method from within its events, stop included. What it closes in
 * onTurnEnd is reported by the next turn, which then does not wait.
 * Cost: 1 system call a turn, 2 a request; 0.12 us more for each through koffi. Owner: one thread.
 */
import type { WorkerMemory } from '@kora/core';
import { assert, Fault } from '@kora/core';
import type { EngineHandler, ListenAddress, LoopEngine } from '../engine.ts';
import { TICK_MS } from '../engine.ts';
import { CLOEXEC, duplicate, NONBLOCK } from '../native/descriptor-flags.ts';
import type { Libc } from '../native/libc.ts';
import { Errno, loadLibc, nativeMemory } from '../native/libc.ts';
import { Scratch } from '../native/scratch.ts';
import { setKeepAlive } from '../native/socket-options.ts';
import { Acceptors } from './acceptors.ts';
import { EPOLLIN, POLLER_BYTES, Poller } from './poller.hot.ts';
import { STREAMS_BYTES, Streams } from './streams.hot.ts';

const NANOSECONDS_PER_MS = 1_000_000;
const CLOCK_MONOTONIC = 1;

/** What epoll says for descriptors that are not connections: negative, slots are not. */
const WAKE_TOKEN = -1;
const TIMER_TOKEN = -2;
const FIRST_LISTENER_TOKEN = -3;

/** The three descriptors an engine begins with. */
interface Descriptors {
  readonly epoll: number;
  readonly wake: number;
  readonly timer: number;
}

/** What exists between start and stop. */
interface Parts {
  readonly handler: EngineHandler;
  readonly scratch: Scratch;
  readonly poller: Poller;
  readonly streams: Streams;
  readonly acceptors: Acceptors;
}

/**
 * The engine, or why the system refuses it, on one line.
 * @param libc the system calls; others than the real ones are for tests
 */
export function openEpoll(libc: Libc | string = loadLibc()): LoopEngine | string {
  if (typeof libc === 'string') return libc;
  const epoll = libc.epoll_create1(CLOEXEC);
  if (epoll < 0) return `epoll_create1 is refused (errno ${libc.errno()})`;
  const wake = libc.eventfd(0, CLOEXEC | NONBLOCK);
  if (wake < 0) return refusal(libc, 'eventfd', [epoll]);
  const timer = libc.timerfd_create(CLOCK_MONOTONIC, CLOEXEC | NONBLOCK);
  if (timer < 0) return refusal(libc, 'timerfd_create', [epoll, wake]);
  return new EpollEngine(libc, { epoll, wake, timer });
}

function refusal(libc: Libc, call: string, opened: readonly number[]): string {
  const text = `${call} is refused (errno ${libc.errno()})`;
  for (const descriptor of opened) libc.close(descriptor);
  return text;
}

class EpollEngine implements LoopEngine {
  readonly name = 'epoll';
  readonly wakeDescriptor: number;
  readonly ringDescriptor = -1;
  readonly #libc: Libc;
  readonly #descriptors: Descriptors;
  #parts: Parts | undefined;
  #isTurnRequested = false;
  #isTickDue = false;
  #isWoken = false;
  #isStopped = false;

  constructor(libc: Libc, descriptors: Descriptors) {
    this.#libc = libc;
    this.#descriptors = descriptors;
    this.wakeDescriptor = descriptors.wake;
  }

  start(memory: WorkerMemory, handler: EngineHandler): void {
    assert(this.#parts === undefined, 'an engine starts once');
    const libc = this.#libc;
    const native = nativeMemory(memory);
    assert(typeof native !== 'string', 'memory has an address where libc has functions');
    const { epoll, wake, timer } = this.#descriptors;
    const at = memory.lowAllocator.alloc(POLLER_BYTES + STREAMS_BYTES) * 8;
    assert(at !== 0, 'low memory holds what an engine needs');
    const scratch = new Scratch(libc, native);
    const poller = new Poller(libc, native, at, epoll, process.arch === 'x64');
    const streams = new Streams(libc, native, at + POLLER_BYTES, poller, handler);
    const acceptors = new Acceptors(scratch, poller, streams, handler);
    this.#parts = { handler, scratch, poller, streams, acceptors };
    this.#setTimer(scratch, TICK_MS);
    const isWatched =
      poller.add(wake, EPOLLIN, WAKE_TOKEN, 0) && poller.add(timer, EPOLLIN, TIMER_TOKEN, 0);
    assert(isWatched, 'an epoll set takes an eventfd and a timer');
  }

  listen(address: ListenAddress, done: (error: Error | null, port: number) => void): number {
    const { acceptors } = this.#running();
    const listener = acceptors.nextNumber;
    if (this.#isStopped) {
      done(new Fault('ENGINE_CLOSED', 'the engine was stopped'), 0);
      return listener;
    }
    const opened = acceptors.open(address, tokenOf(listener));
    if (typeof opened === 'number') done(null, opened);
    else done(opened, 0);
    return listener;
  }

  send(slot: number, at: number, bytes: number): boolean {
    return this.#running().streams.send(slot, at, bytes);
  }

  receiveInto(slot: number, at: number, bytes: number): boolean {
    return this.#running().streams.receiveInto(slot, at, bytes);
  }

  pauseReceive(slot: number): void {
    this.#running().streams.pause(slot);
  }

  resumeReceive(slot: number): void {
    this.#running().streams.resume(slot);
  }

  close(slot: number, isGraceful: boolean): void {
    this.#running().streams.close(slot, isGraceful);
  }

  setKeepAlive(slot: number, seconds: number): void {
    const { scratch, streams } = this.#running();
    const descriptor = streams.connections.descriptor[slot] ?? -1;
    if (descriptor >= 0) setKeepAlive(scratch, descriptor, seconds);
  }

  requestTurn(): void {
    this.#isTurnRequested = true;
  }

  shareWake(): number {
    return duplicate(this.#libc, this.wakeDescriptor);
  }

  signal(eventfd: number): void {
    if (this.#isStopped) return;
    const { scratch } = this.#running();
    scratch.view.setBigUint64(scratch.resultAt, 1n, true);
    this.#libc.write(eventfd, scratch.pointer(scratch.resultAt), 8);
  }

  stopListening(listener: number): void {
    this.#running().acceptors.close(listener);
  }

  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#parts?.acceptors.stop();
    this.#parts?.streams.stop();
    const { epoll, wake, timer } = this.#descriptors;
    for (const descriptor of [timer, wake, epoll]) this.#libc.close(descriptor);
  }

  turn(mayWait: boolean): boolean {
    if (this.#isStopped) return false;
    const { handler, poller, streams } = this.#running();
    const isBusy = this.#isTurnRequested || streams.hasGone;
    const count = poller.wait(mayWait && !isBusy ? -1 : 0);
    assert(count >= 0 || this.#libc.errno() === Errno.EINTR, 'an epoll set can be waited for');
    handler.onTurnStart();
    for (let i = 0; i < count && !this.#isStopped; i++) {
      const token = poller.lowOf(i);
      if (token >= 0) streams.onEvent(token, poller.highOf(i), poller.eventsOf(i));
      else this.#onOwnEvent(token);
    }
    if (this.#isTickDue && !this.#isStopped) this.#tick();
    if (this.#isTurnRequested && !this.#isStopped) {
      this.#isTurnRequested = false;
      handler.onTurn();
    }
    if (this.#isWoken && !this.#isStopped) {
      this.#isWoken = false;
      handler.onWake();
    }
    if (streams.hasGone && !this.#isStopped) streams.reap();
    if (!this.#isStopped) handler.onTurnEnd();
    return !this.#isStopped;
  }

  #running(): Parts {
    const parts = this.#parts;
    assert(parts !== undefined, 'an engine is used after it was started');
    return parts;
  }

  #onOwnEvent(token: number): void {
    const { scratch, acceptors } = this.#running();
    if (token <= FIRST_LISTENER_TOKEN) {
      acceptors.accept(FIRST_LISTENER_TOKEN - token);
      return;
    }
    const isWake = token === WAKE_TOKEN;
    const descriptor = isWake ? this.#descriptors.wake : this.#descriptors.timer;
    // The count is not needed, and when somebody else was faster the event was for nothing.
    if (this.#libc.read(descriptor, scratch.pointer(scratch.resultAt), 8) !== 8) return;
    if (isWake) this.#isWoken = true;
    else this.#isTickDue = true;
  }

  #tick(): void {
    this.#isTickDue = false;
    const { handler, acceptors } = this.#running();
    acceptors.onTick();
    handler.onTick();
  }

  tickAfter(ms: number): void {
    if (this.#isStopped) return;
    const { acceptors, scratch } = this.#running();
    this.#setTimer(scratch, acceptors.needsTicks ? TICK_MS : ms);
  }

  /** The first tick from now on in so many ms, then one every TICK_MS. */
  #setTimer(scratch: Scratch, firstMs: number): void {
    const { view, addressAt } = scratch;
    // struct itimerspec: interval and first time, seconds and nanoseconds each, 64 bits.
    for (let i = 0; i < 4; i++) view.setBigUint64(addressAt + i * 8, 0n, true);
    view.setUint32(addressAt + 8, TICK_MS * NANOSECONDS_PER_MS, true);
    view.setUint32(addressAt + 16, Math.floor(firstMs / 1000), true);
    view.setUint32(addressAt + 24, Math.floor(firstMs % 1000) * NANOSECONDS_PER_MS, true);
    const address = scratch.pointer(addressAt);
    const result = this.#libc.timerfd_settime(this.#descriptors.timer, 0, address, 0);
    assert(result === 0, 'a timer takes an interval');
  }
}

/** What epoll says for a listener. */
function tokenOf(listener: number): number {
  return FIRST_LISTENER_TOKEN - listener;
}
