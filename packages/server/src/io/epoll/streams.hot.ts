/**
 * The bytes of an epoll engine's connections: receiving, sending, and the ways to an end. Receives
 * go into one region of low memory or where the worker asked for them; sends go out at once, and
 * what the kernel does not take is queued and leaves when epoll says so. In the steady state a
 * request costs a recv and a send beside its share of the wait; the epoll set changes only when a
 * connection begins, is paused, has a queue or ends.
 *   interest   IN while bytes are wanted and the peer has not ended; OUT while there is a queue.
 *              With neither, ERR and HUP still come: an error ends the connection, a hang-up alone,
 *              which would be reported for ever, takes it out of the set
 * Invariants: the handler is called from onEvent and reap only; after each call the connection may
 *   be another one, so its generation is looked at again. A failed call ends that one connection.
 * Bounds: RECEIVES_PER_EVENT_MAX and SENDS_PER_EVENT_MAX, so that no connection starves others.
 */
import { assert } from '@kora/core';
import type { EngineHandler } from '../engine.ts';
import { RECEIVE_BYTES_MAX } from '../engine.ts';
import { boxedAddresses } from '../native/boxed-addresses.ts';
import type { Libc, NativeMemory } from '../native/libc.ts';
import { Errno } from '../native/libc.ts';
import { SendQueue } from '../native/send-queue.hot.ts';
import { grownInt32 } from '../native/tables.ts';
import {
  Connections, INTEREST_NONE, STATE_CLOSING, STATE_EDGE, STATE_ENDED, STATE_GONE, STATE_OPEN,
  STATE_PAUSED,
} from './connections.hot.ts';
import type { Poller } from './poller.hot.ts';
import {
  EPOLLERR, EPOLLET, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLPRI, EPOLLRDHUP,
} from './poller.hot.ts';

/**
 * TCP is edge-triggered, so that the kernel does not look again at a socket that was emptied: 2.9 %
 * less CPU per GET (P=1, 50 clients, 2026-11-20). A receive that is short has emptied it, unless
 * the event tells of an end or of urgent data; whoever stops for another reason asks again (rearm).
 * Unix sockets, where a receive may be short for other reasons, stay level-triggered.
 */
const EDGE_EVENTS = EPOLLET | EPOLLRDHUP | EPOLLPRI;
/** After these a short receive does not mean that the socket is empty. */
const MORE_EVENTS = EPOLLERR | EPOLLHUP | EPOLLRDHUP | EPOLLPRI;
/** Events that a receive finds the reason of. */
const RECEIVE_EVENTS = EPOLLIN | MORE_EVENTS;

/** Full receives of one connection in a turn: 1 MiB. */
const RECEIVES_PER_EVENT_MAX = 16;
/** System calls that empty one connection's queue in a turn. */
const SENDS_PER_EVENT_MAX = 16;
/** Ranges that one system call sends. */
const VECTOR_ENTRIES_MAX = 64;
const IOVEC_BYTES = 16;
const MESSAGE_BYTES = 56;
/** Offsets in struct msghdr. */
const MESSAGE_VECTOR = 16;
const MESSAGE_VECTOR_COUNT = 24;
/** Bytes of memory that streams need: the receive region, a msghdr, its vector. */
export const STREAMS_BYTES = RECEIVE_BYTES_MAX + 64 + VECTOR_ENTRIES_MAX * IOVEC_BYTES;

const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const SEND_FLAGS = MSG_DONTWAIT | MSG_NOSIGNAL;
const SHUT_WR = 1;
const TWO_32 = 4294967296;

/** Places of `addresses`. */
const RECEIVE_REGION = 1;
const MESSAGE = 2;
const LAST_SENT = 3;
const LAST_ASKED = 4;

const GONE_FIRST = 64;

export class Streams {
  readonly connections: Connections;
  private readonly libc: Libc;
  private readonly poller: Poller;
  private readonly handler: EngineHandler;
  private readonly queue: SendQueue;
  private readonly view: DataView;
  private readonly base: number;
  private readonly receiveAt: number;
  private readonly messageAt: number;
  private readonly vectorAt: number;
  private readonly addresses: (number | null)[];
  /** The offset whose address LAST_SENT is: replies usually leave from one place. */
  private lastSentAt: number;
  private lastAskedAt: number;
  /** Connections whose onClosed is to come, in the order they ended. */
  private gone: Int32Array;
  private goneCount: number;
  private isStopped: boolean;

  /** @param at STREAMS_BYTES of low memory that live as long as the streams */
  constructor(
    libc: Libc, native: NativeMemory, at: number, poller: Poller, handler: EngineHandler,
  ) {
    this.connections = new Connections();
    this.libc = libc;
    this.poller = poller;
    this.handler = handler;
    this.queue = new SendQueue();
    this.view = native.memory.lowView;
    this.base = native.base;
    this.receiveAt = at;
    this.messageAt = at + RECEIVE_BYTES_MAX;
    this.vectorAt = this.messageAt + 64;
    const regionAddress = native.addressOf(at);
    this.addresses = boxedAddresses(
      regionAddress, native.addressOf(this.messageAt), regionAddress, regionAddress,
    );
    this.lastSentAt = at;
    this.lastAskedAt = at;
    this.gone = new Int32Array(GONE_FIRST);
    this.goneCount = 0;
    this.isStopped = false;
    native.memory.low.fill(0, this.messageAt, this.messageAt + MESSAGE_BYTES);
    const vector = native.addressOf(this.vectorAt);
    this.view.setUint32(this.messageAt + MESSAGE_VECTOR, vector % TWO_32, true);
    this.view.setUint32(this.messageAt + MESSAGE_VECTOR + 4, vector / TWO_32, true);
  }

  /** True when an onClosed is to come: the next turn must not wait. */
  get hasGone(): boolean {
    return this.goneCount > 0;
  }

  /** IoEngine.send. */
  send(slot: number, at: number, bytes: number): boolean {
    const table = this.connections;
    if ((table.stateOf(slot) & (STATE_OPEN | STATE_CLOSING)) !== STATE_OPEN) return true;
    assert(bytes <= 0x7fffffff, 'a range is shorter than 2 GiB');
    let sent = 0;
    const isFirst = this.queue.countOf(slot) === 0;
    if (isFirst) {
      if (at !== this.lastSentAt) {
        this.lastSentAt = at;
        this.addresses[LAST_SENT] = this.base + at;
      }
      const address = this.addresses[LAST_SENT]!;
      sent = this.libc.send(table.descriptor[slot]!, address, bytes, SEND_FLAGS);
      if (sent === bytes) return true;
      if (sent < 0) {
        if (!this.isSendBlocked()) {
          this.drop(slot);
          return true;
        }
        sent = 0;
      }
    }
    this.queue.push(slot, at + sent, bytes - sent);
    if (isFirst) this.watch(slot);
    return false;
  }

  /** IoEngine.receiveInto. */
  receiveInto(slot: number, at: number, bytes: number): boolean {
    const table = this.connections;
    if ((table.stateOf(slot) & (STATE_OPEN | STATE_CLOSING)) !== STATE_OPEN) return false;
    assert(bytes > 0, 'a range that is asked for has bytes');
    assert(table.askedBytes[slot] === 0, 'one range is asked for at a time');
    table.askedAt[slot] = at;
    table.askedBytes[slot] = bytes;
    return true;
  }

  /** IoEngine.pauseReceive. */
  pause(slot: number): void {
    const table = this.connections;
    if ((table.stateOf(slot) & STATE_OPEN) === 0) return;
    table.state[slot] = table.state[slot]! | STATE_PAUSED;
    this.watch(slot);
  }

  /** IoEngine.resumeReceive. */
  resume(slot: number): void {
    const table = this.connections;
    if ((table.stateOf(slot) & STATE_OPEN) === 0) return;
    table.state[slot] = table.state[slot]! & ~STATE_PAUSED;
    this.watch(slot);
  }

  /** IoEngine.close. */
  close(slot: number, isGraceful: boolean): void {
    const table = this.connections;
    const state = table.stateOf(slot);
    if ((state & STATE_OPEN) === 0) return;
    if (!isGraceful) {
      this.drop(slot);
      return;
    }
    if ((state & STATE_CLOSING) !== 0) return;
    table.state[slot] = state | STATE_CLOSING;
    table.askedBytes[slot] = 0;
    if (this.queue.countOf(slot) === 0) this.endSending(slot);
    else this.watch(slot);
  }

  /** Closes the descriptor; onClosed comes with the next reap. */
  drop(slot: number): void {
    const table = this.connections;
    this.libc.close(table.descriptor[slot]!);
    table.descriptor[slot] = -1;
    table.state[slot] = STATE_GONE;
    this.queue.clear(slot);
    if (this.goneCount === this.gone.length) {
      this.gone = grownInt32(this.gone, this.goneCount + 1);
    }
    this.gone[this.goneCount] = slot;
    this.goneCount++;
  }

  /** Tells epoll what is wanted of the connection, when that has changed. */
  watch(slot: number): void {
    const table = this.connections;
    const wanted = this.interestOf(slot);
    const told = table.interest[slot]!;
    if (wanted === told) return;
    if (told === INTEREST_NONE && wanted === 0) return;
    this.tell(slot, told, wanted);
  }

  /** Takes a new connection into the epoll set, unless that has happened. */
  begin(slot: number): void {
    const table = this.connections;
    if ((table.stateOf(slot) & STATE_OPEN) === 0) return;
    if (table.interest[slot] === INTEREST_NONE) {
      this.tell(slot, INTEREST_NONE, this.interestOf(slot));
    }
  }

  /** An event of the kernel. */
  onEvent(slot: number, generation: number, events: number): void {
    const table = this.connections;
    if (!table.isOpen(slot, generation)) return;
    if ((events & EPOLLOUT) !== 0) {
      this.sendQueued(slot, generation);
      if (!table.isOpen(slot, generation)) return;
    }
    if ((events & RECEIVE_EVENTS) === 0) return;
    if ((this.interestOf(slot) & EPOLLIN) !== 0) {
      this.receive(slot, generation, (events & MORE_EVENTS) !== 0);
    } else if ((events & EPOLLERR) !== 0) {
      this.drop(slot);
    } else if ((events & EPOLLHUP) !== 0 && table.interest[slot] === 0) {
      this.poller.remove(table.descriptor[slot]!);
      table.interest[slot] = INTEREST_NONE;
    }
  }

  /** Calls onClosed for all connections that have ended, also for those that end by that. */
  reap(): void {
    for (let i = 0; i < this.goneCount; i++) {
      const slot = this.gone[i]!;
      this.connections.release(slot);
      this.handler.onClosed(slot);
      if (this.isStopped) return;
    }
    this.goneCount = 0;
  }

  /** Closes all descriptors; nothing is called afterwards. */
  stop(): void {
    this.isStopped = true;
    const table = this.connections;
    for (let slot = 0; slot < table.length; slot++) {
      if ((table.state[slot]! & STATE_OPEN) !== 0) this.drop(slot);
    }
    this.goneCount = 0;
  }

  private interestOf(slot: number): number {
    const state = this.connections.state[slot]!;
    // Once it is closing, what the peer sends is read and dropped, paused or not.
    const isRead = (state & STATE_ENDED) === 0 && (state & (STATE_PAUSED | STATE_CLOSING)) !==
      STATE_PAUSED;
    const wanted = (isRead ? EPOLLIN : 0) | (this.queue.countOf(slot) > 0 ? EPOLLOUT : 0);
    return wanted === 0 ? 0 : wanted | ((state & STATE_EDGE) === 0 ? 0 : EDGE_EVENTS);
  }

  /** Asks for another event, in case there is something to do already. */
  private rearm(slot: number): void {
    const table = this.connections;
    if ((table.state[slot]! & STATE_EDGE) === 0) return;
    const told = table.interest[slot]!;
    if (told !== INTEREST_NONE) this.tell(slot, told, told);
  }

  private tell(slot: number, told: number, wanted: number): void {
    const table = this.connections;
    const descriptor = table.descriptor[slot]!;
    const generation = table.generation[slot]!;
    const isTaken = told === INTEREST_NONE
      ? this.poller.add(descriptor, wanted, slot, generation)
      : this.poller.change(descriptor, wanted, slot, generation);
    // No memory for it, or too many descriptors are watched: it could never be served.
    if (isTaken) table.interest[slot] = wanted;
    else this.drop(slot);
  }

  /** Why the last send took nothing: true when it may take something later. */
  private isSendBlocked(): boolean {
    const errno = this.libc.errno();
    return errno === Errno.EAGAIN || errno === Errno.EINTR || errno === Errno.ENOBUFS;
  }

  private receive(slot: number, generation: number, isMore: boolean): void {
    const table = this.connections;
    const descriptor = table.descriptor[slot]!;
    for (let round = 0; round < RECEIVES_PER_EVENT_MAX; round++) {
      const asked = table.askedBytes[slot]!;
      const wanted = asked === 0 ? RECEIVE_BYTES_MAX : asked;
      const at = asked === 0 ? this.receiveAt : table.askedAt[slot]!;
      const address = asked === 0 ? this.addresses[RECEIVE_REGION]! : this.askedAddress(at);
      const bytes = this.libc.recv(descriptor, address, wanted, MSG_DONTWAIT);
      if (bytes <= 0) {
        this.receivedNothing(slot, generation, bytes);
        return;
      }
      if ((table.state[slot]! & STATE_CLOSING) === 0) {
        table.askedBytes[slot] = 0;
        this.handler.onReceive(slot, at, bytes);
        if (!table.isOpen(slot, generation)) return;
        // Once it is closing, what comes is dropped, paused or not.
        if ((table.state[slot]! & (STATE_PAUSED | STATE_CLOSING)) === STATE_PAUSED) return;
      }
      // Less than there was room for: the kernel has no more at the moment.
      if (bytes < wanted && !isMore) return;
    }
    this.rearm(slot);
  }

  /** The kernel's form of where the worker asked for bytes. */
  private askedAddress(at: number): number {
    const addresses = this.addresses;
    if (at !== this.lastAskedAt) {
      this.lastAskedAt = at;
      addresses[LAST_ASKED] = this.base + at;
    }
    return addresses[LAST_ASKED]!;
  }

  private receivedNothing(slot: number, generation: number, bytes: number): void {
    const table = this.connections;
    if (bytes < 0) {
      const errno = this.libc.errno();
      if (errno === Errno.EAGAIN || errno === Errno.EINTR) this.rearm(slot);
      else this.drop(slot);
      return;
    }
    const state = table.state[slot]!;
    table.state[slot] = state | STATE_ENDED;
    if ((state & STATE_CLOSING) === 0) {
      this.handler.onEnd(slot);
      if (!table.isOpen(slot, generation)) return;
    } else if (this.queue.countOf(slot) === 0) {
      this.drop(slot);
      return;
    }
    this.watch(slot);
  }

  private sendQueued(slot: number, generation: number): void {
    const table = this.connections;
    for (let round = 0; round < SENDS_PER_EVENT_MAX; round++) {
      if (this.queue.countOf(slot) === 0) break;
      const count = this.queue.fillVector(
        slot, this.view, this.vectorAt, this.base, VECTOR_ENTRIES_MAX,
      );
      this.view.setUint32(this.messageAt + MESSAGE_VECTOR_COUNT, count, true);
      const sent = this.libc.sendmsg(
        table.descriptor[slot]!, this.addresses[MESSAGE]!, SEND_FLAGS,
      );
      if (sent < 0) {
        if (this.isSendBlocked()) this.rearm(slot);
        else this.drop(slot);
        return;
      }
      const whole = this.queue.consume(slot, sent);
      for (let i = 0; i < whole; i++) {
        this.handler.onSent(slot);
        if (!table.isOpen(slot, generation)) return;
      }
      if (whole < count) {
        // As good as sure to find no room; without memory for more there is none to be told of.
        this.rearm(slot);
        return;
      }
    }
    if (this.queue.countOf(slot) > 0) {
      this.rearm(slot);
      return;
    }
    if ((table.state[slot]! & STATE_CLOSING) !== 0) this.endSending(slot);
    else this.watch(slot);
  }

  /** All has left: our half ends; the connection, when the peer's has. */
  private endSending(slot: number): void {
    const table = this.connections;
    const hasEnded = (table.state[slot]! & STATE_ENDED) !== 0;
    if (hasEnded || this.libc.shutdown(table.descriptor[slot]!, SHUT_WR) !== 0) this.drop(slot);
    else this.watch(slot);
  }
}
