/**
 * The listening sockets of an epoll engine. Connections are accepted in bulk when the socket is
 * readable. When descriptors run out newcomers are turned away; where even that cannot be
 * done, and when memory runs out, the socket leaves the epoll set until the next tick, for it would
 * be reported as readable all the time. A refused connection is closed gracefully, so that its peer
 * can read why (RefusedConnections).
 */
import { assert } from '@kora/core';
import type { Fault } from '@kora/core';
import type { EngineHandler, ListenAddress } from '../engine.ts';
import { isOutOfDescriptors, isPassingAcceptError } from '../native/accept-errors.ts';
import { CLOEXEC, NONBLOCK } from '../native/descriptor-flags.ts';
import { Errno } from '../native/libc.ts';
import { closeListening, openListening } from '../native/listening.ts';
import type { ListeningSocket } from '../native/listening.ts';
import { peerOfDescriptor } from '../native/peer.ts';
import { RefusedConnections } from '../native/refused-connections.ts';
import type { Scratch } from '../native/scratch.ts';
import { SpareDescriptor } from '../native/spare-descriptor.ts';
import { STATE_OPEN, STATE_REFUSED } from './connections.hot.ts';
import type { Poller } from './poller.hot.ts';
import { EPOLLIN } from './poller.hot.ts';
import type { Streams } from './streams.hot.ts';

/** Connections that one listening socket accepts in a turn, as in Redis. */
const ACCEPTS_PER_EVENT_MAX = 1000;

interface Listener {
  readonly socket: ListeningSocket;
  /** What epoll says for it. */
  readonly token: number;
  /** Out of the epoll set until the next tick. */
  isSuspended: boolean;
}

export class Acceptors {
  readonly #scratch: Scratch;
  readonly #poller: Poller;
  readonly #streams: Streams;
  readonly #handler: EngineHandler;
  readonly #spare: SpareDescriptor;
  readonly #listeners = new Map<number, Listener>();
  #nextNumber = 0;
  readonly #refused = new RefusedConnections();
  #isStopped = false;

  constructor(scratch: Scratch, poller: Poller, streams: Streams, handler: EngineHandler) {
    this.#scratch = scratch;
    this.#poller = poller;
    this.#streams = streams;
    this.#handler = handler;
    this.#spare = new SpareDescriptor(scratch.libc);
  }

  /** The number of the next listener, also of one that cannot be opened. */
  get nextNumber(): number {
    return this.#nextNumber;
  }

  /**
   * Listens; the listener's number is `nextNumber` of before.
   * @param token what epoll says for it
   * @returns the bound port
   */
  open(address: ListenAddress, token: number): number | Fault {
    const listener = this.#nextNumber++;
    const socket = openListening(this.#scratch, address);
    if (!('descriptor' in socket)) return socket;
    const isSuspended = !this.#watch(socket, token);
    this.#listeners.set(listener, { socket, token, isSuspended });
    return socket.port;
  }

  close(number: number): void {
    const listener = this.#listeners.get(number);
    if (listener === undefined) return;
    this.#listeners.delete(number);
    closeListening(this.#scratch, listener.socket);
  }

  /** The listener's socket is readable. */
  accept(number: number): void {
    const { libc } = this.#scratch;
    for (let count = 0; count < ACCEPTS_PER_EVENT_MAX; count++) {
      // The handler may have closed it.
      const listener = this.#listeners.get(number);
      if (listener === undefined) return;
      const { descriptor, address } = listener.socket;
      const accepted = libc.accept4(descriptor, 0, 0, NONBLOCK | CLOEXEC);
      if (accepted < 0) {
        const errno = libc.errno();
        if (errno === Errno.EAGAIN) return;
        if (isPassingAcceptError(errno)) continue;
        const isFull = isOutOfDescriptors(errno);
        if (!isFull || !this.#spare.turnAway(descriptor)) this.#suspend(listener);
        return;
      }
      this.#welcome(accepted, address);
      if (this.#isStopped) return;
    }
  }

  /** Every tick: suspended listeners try again, refused connections end some time. */
  onTick(): void {
    for (const listener of this.#listeners.values()) {
      if (!listener.isSuspended) continue;
      listener.isSuspended = !this.#watch(listener.socket, listener.token);
    }
    this.#dropRefused(this.#refused.onTick());
  }

  /** True while ticks have something to do here. */
  get needsTicks(): boolean {
    if (this.#refused.hasAny) return true;
    return [...this.#listeners.values()].some(({ isSuspended }) => isSuspended);
  }

  /** Closes all listening sockets. */
  stop(): void {
    this.#isStopped = true;
    for (const number of this.#listeners.keys()) this.close(number);
    this.#spare.close();
  }

  #watch(socket: ListeningSocket, token: number): boolean {
    return this.#poller.add(socket.descriptor, EPOLLIN, token, 0);
  }

  #suspend(listener: Listener): void {
    const isOut = this.#poller.remove(listener.socket.descriptor);
    assert(isOut, 'a listener that had an event is in the epoll set');
    listener.isSuspended = true;
  }

  #welcome(descriptor: number, address: ListenAddress): void {
    const { connections } = this.#streams;
    const slot = connections.open(descriptor, address.path === undefined);
    const peer = peerOfDescriptor(this.#scratch, descriptor, address);
    const isWelcome = this.#handler.onAccept(slot, peer);
    if (this.#isStopped) return;
    const isRefused = !isWelcome && (connections.stateOf(slot) & STATE_OPEN) !== 0;
    if (isRefused) {
      connections.state[slot] = connections.stateOf(slot) | STATE_REFUSED;
      this.#streams.close(slot, true);
    }
    this.#streams.begin(slot);
    if (isRefused) this.#dropRefused(this.#refused.note(slot));
  }

  /** Refused peers that have had time to read why. */
  #dropRefused(slots: Iterable<number>): void {
    const { connections } = this.#streams;
    for (const slot of slots) {
      // The slot may be another connection's by now.
      if ((connections.stateOf(slot) & STATE_REFUSED) !== 0) this.#streams.drop(slot);
    }
  }
}
