/**
 * The turning part of the io_uring engine: what happens to a connection between accept and the end
 * of its descriptor. One system call a turn hands over all there is to do and collects all that
 * happened; receives are armed once (multishot) and go on by themselves; replies are submissions
 * of the same call (uring-sends.hot.ts).
 *
 *   user data   low word: slot or listener << KIND_BITS | kind; high word 0, 1 for quiet sends
 *   connection  open --close, graceful--> closing (queue leaves, our half is shut, input is dropped
 *               until the peer ends) --> dead --> last completion --> descriptor closed, onClosed
 *
 * Invariants: inFlight of a slot counts its operations in the kernel; its descriptor is closed, its
 *   ranges are free and the slot is reused only when that is 0. A flag that the kernel refuses
 *   (EINVAL) is done without from then on.
 * Cost: nothing is allocated per event.
 */
import type { EngineHandler } from '../engine.ts';
import { CLOEXEC } from '../native/descriptor-flags.ts';
import type { Libc, NativeMemory } from '../native/libc.ts';
import { Errno } from '../native/libc.ts';
import type { SendQueue } from '../native/send-queue.hot.ts';
import { drainRing } from './drain-ring.ts';
import { ringFailed } from './open-ring.ts';
import type { ReceiveBuffers } from './receive-buffers.ts';
import type { Ring } from './ring.hot.ts';
import type { TickTimer } from './tick-timer.hot.ts';
import type { ConnectionTable } from './uring-connections.hot.ts';
import {
  FLOW_CANCELLING, FLOW_CLOSING, FLOW_DEAD, FLOW_ENDED, FLOW_LISTED, FLOW_MULTISHOT, FLOW_OPEN,
  FLOW_PAUSED, FLOW_RECEIVING, FLOW_SHUT, FLOW_TOLD,
} from './uring-connections.hot.ts';
import {
  ACCEPT_MULTISHOT, CQE_BUFFER, CQE_BUFFER_SHIFT, CQE_MORE, OP_ACCEPT, OP_ASYNC_CANCEL, OP_READ,
  OP_RECV, PRIORITY_UNKNOWN, RECV_MULTISHOT, SHUT_RDWR, SHUT_WR, SQE_BUFFER_SELECT,
} from './uring-constants.ts';
import type { LoopOwner, LoopParts, SendsOwner } from './uring-loop-parts.ts';
import {
  KIND_ACCEPT, KIND_BITS, KIND_CANCEL, KIND_DIRECT, KIND_FILE, KIND_MASK, KIND_RECEIVE, KIND_SEND,
  KIND_TICK, KIND_WAKE, USER_HIGH_QUIET, WAKE_BYTES, isRetried,
} from './uring-loop-parts.ts';
import { UringSends } from './uring-sends.hot.ts';

/** Of these an end that is still to be told has only the first. */
const END_STATES = FLOW_ENDED | FLOW_TOLD | FLOW_PAUSED | FLOW_CLOSING | FLOW_DEAD;

export class UringLoop implements SendsOwner {
  readonly sends: UringSends;
  private readonly libc: Libc;
  private readonly native: NativeMemory;
  private readonly ring: Ring;
  private readonly buffers: ReceiveBuffers;
  private readonly queue: SendQueue;
  private readonly table: ConnectionTable;
  private readonly handler: EngineHandler;
  private readonly owner: LoopOwner;
  private readonly tick: TickTimer;
  private readonly wakeAt: number;
  private readonly wakeDescriptor: number;
  private acceptPriority: number;
  private receivePriority: number;
  /** Slots without an operation left, closed at the end of the turn. */
  private readonly ending: number[];
  /** Slots whose peer ended while they were paused, and that read again. */
  private readonly endsDue: number[];
  /** Receives of this turn that found no buffer. */
  private starvedCount: number;
  /** Operations in the kernel, those of listeners, tick and wake-up included. */
  private inFlightAll: number;
  private isWoken: boolean;
  /** Cleared by the owner when a turn was left by an exception. */
  isTurning: boolean;
  isTurnRequested: boolean;
  isStopped: boolean;

  constructor(parts: LoopParts) {
    this.libc = parts.libc;
    this.native = parts.native;
    this.ring = parts.ring;
    this.ring.setBase(parts.native.base);
    this.buffers = parts.buffers;
    this.queue = parts.queue;
    this.table = parts.connections;
    this.handler = parts.handler;
    this.owner = parts.owner;
    this.tick = parts.tick;
    this.wakeAt = parts.wakeAt;
    this.wakeDescriptor = parts.wakeDescriptor;
    const missing = parts.missing;
    this.acceptPriority = missing.has('ACCEPT_MULTISHOT') ? PRIORITY_UNKNOWN : ACCEPT_MULTISHOT;
    this.receivePriority = missing.has('RECV_MULTISHOT') ? PRIORITY_UNKNOWN : RECV_MULTISHOT;
    this.ending = new Array<number>();
    this.endsDue = new Array<number>();
    this.starvedCount = 0;
    this.inFlightAll = 0;
    this.isWoken = false;
    this.isTurning = false;
    this.isTurnRequested = false;
    this.isStopped = false;
    this.sends = new UringSends(parts, this);
    this.armTick();
    this.armWake();
  }

  /** One turn; false once stopped. @throws Error when the ring itself fails */
  turn(mayWait: boolean): boolean {
    if (this.isStopped) return false;
    const ring = this.ring;
    const isDue = this.isTurnRequested || this.sends.isDue ||
      this.ending.length + this.endsDue.length > 0;
    const error = ring.enter(mayWait && !isDue ? 1 : 0);
    if (error !== 0) ringFailed(error);
    this.isTurning = true;
    this.handler.onTurnStart();
    ring.begin();
    this.sends.settle();
    while (!this.isStopped && ring.next()) {
      if (ring.userHigh !== USER_HIGH_QUIET) this.complete(ring.userLow, ring.result, ring.flags);
    }
    ring.end();
    this.buffers.publish();
    if (!this.isStopped) this.afterEvents();
    if (!this.isStopped) this.handler.onTurnEnd();
    this.isTurning = false;
    if (this.isStopped) {
      this.drain();
      return false;
    }
    if (!this.tick.isArmed) this.armTick();
    return true;
  }

  private afterEvents(): void {
    if (this.endsDue.length > 0) this.tellEnds();
    this.finishEnding();
    if (this.starvedCount * 2 >= this.buffers.count) this.buffers.grow();
    this.starvedCount = 0;
    if (this.tick.take()) this.owner.onTick();
    if (this.isTurnRequested && !this.isStopped) {
      this.isTurnRequested = false;
      this.handler.onTurn();
    }
    if (this.isWoken && !this.isStopped) {
      this.isWoken = false;
      this.handler.onWake();
    }
  }

  private complete(user: number, result: number, flags: number): void {
    const kind = user & KIND_MASK;
    const slot = user >>> KIND_BITS;
    if (kind === KIND_CANCEL) return;
    const isLast = (flags & CQE_MORE) === 0;
    if (isLast) this.inFlightAll--;
    if (kind === KIND_RECEIVE) this.received(slot, result, flags, isLast);
    else if (kind === KIND_SEND) this.sends.sent(slot, result);
    else if (kind === KIND_DIRECT) this.receivedDirect(slot, result);
    else if (kind === KIND_ACCEPT) this.accepted(slot, result, isLast);
    else if (kind === KIND_TICK) this.tick.fired();
    else if (kind === KIND_FILE) this.handler.onFile?.(slot, result);
    else this.woken(result);
  }

  private woken(result: number): void {
    if (result > 0) this.isWoken = true;
    this.armWake();
  }

  /** Somebody else queued an operation whose last completion comes here. */
  noteOperation(): void {
    this.inFlightAll++;
  }

  private armTick(): void {
    this.inFlightAll++;
    this.tick.arm();
  }

  /** See IoEngine.tickAfter. */
  tickAfter(ms: number): void {
    if (!this.isStopped) this.tick.after(ms);
  }

  private armWake(): void {
    this.inFlightAll++;
    const at = this.native.addressOf(this.wakeAt);
    this.ring.submit(OP_READ, 0, 0, this.wakeDescriptor, at, WAKE_BYTES, 0, KIND_WAKE, 0);
  }

  /** Puts an accept of a listening descriptor into the kernel; it ends with onAcceptEnded. */
  armAccept(listener: number, descriptor: number): void {
    this.inFlightAll++;
    this.ring.submit(
      OP_ACCEPT, 0, this.acceptPriority, descriptor, 0, 0, CLOEXEC,
      (listener << KIND_BITS) | KIND_ACCEPT, 0,
    );
  }

  /** Takes an accept out of the kernel before this returns, so that the address is free. */
  cancelAccept(listener: number): void {
    this.cancel((listener << KIND_BITS) | KIND_ACCEPT);
    this.ring.enter(0);
  }

  private accepted(listener: number, result: number, isLast: boolean): void {
    if (result >= 0) this.owner.onAccepted(listener, result);
    if (!isLast) return;
    const isFlagRefused = result === -Errno.EINVAL && this.acceptPriority !== 0;
    if (isFlagRefused) this.acceptPriority = 0;
    this.owner.onAcceptEnded(listener, result < 0 && !isFlagRefused ? -result : 0);
  }

  /** Puts a receive into the kernel when the connection should have one and has none. */
  arm(slot: number): void {
    const table = this.table;
    const flow = table.flow[slot]!;
    if ((flow & (FLOW_RECEIVING | FLOW_ENDED | FLOW_DEAD)) !== 0) return;
    if ((flow & (FLOW_PAUSED | FLOW_CLOSING)) === FLOW_PAUSED) return;
    table.flow[slot] = (flow & ~FLOW_MULTISHOT) | FLOW_RECEIVING;
    this.begin(slot);
    const descriptor = table.descriptor[slot]!;
    if (table.directBytes[slot]! !== 0 && (flow & FLOW_CLOSING) === 0) {
      const direct = (slot << KIND_BITS) | KIND_DIRECT;
      this.ring.submit(OP_RECV, 0, 0, descriptor, 0, table.directBytes[slot]!, 0, direct, 0);
      this.ring.setPlace(table.directAt[slot]!);
      return;
    }
    const user = (slot << KIND_BITS) | KIND_RECEIVE;
    const priority = this.receivePriority;
    if (priority !== 0) table.flow[slot] = table.flow[slot] | FLOW_MULTISHOT;
    // Multishot wants no length; without it Linux 5.19 receives nothing into a length of 0.
    const bytes = priority === 0 ? this.buffers.bytes : 0;
    this.ring.submit(OP_RECV, SQE_BUFFER_SELECT, priority, descriptor, 0, bytes, 0, user, 0);
  }

  private received(slot: number, result: number, flags: number, isLast: boolean): void {
    const table = this.table;
    if (isLast) this.receiveEnded(slot);
    if ((flags & CQE_BUFFER) !== 0) {
      const buffer = flags >>> CQE_BUFFER_SHIFT;
      if (result > 0 && (table.flow[slot]! & (FLOW_CLOSING | FLOW_DEAD)) === 0) {
        table.directBytes[slot] = 0;
        this.handler.onReceive(slot, this.buffers.atOf(buffer), result);
      }
      this.buffers.give(buffer);
    }
    this.afterReceive(slot, result, isLast);
  }

  private receivedDirect(slot: number, result: number): void {
    const table = this.table;
    this.receiveEnded(slot);
    table.directBytes[slot] = 0;
    if (result > 0 && (table.flow[slot]! & (FLOW_CLOSING | FLOW_DEAD)) === 0) {
      this.handler.onReceive(slot, table.directAt[slot]!, result);
    }
    this.afterReceive(slot, result, true);
  }

  private receiveEnded(slot: number): void {
    const table = this.table;
    table.flow[slot] = table.flow[slot]! & ~(FLOW_RECEIVING | FLOW_CANCELLING);
    table.inFlight[slot] = table.inFlight[slot]! - 1;
  }

  private afterReceive(slot: number, result: number, isLast: boolean): void {
    const flow = this.table.flow[slot]!;
    if ((flow & FLOW_DEAD) !== 0) {
      this.finishIfIdle(slot);
      return;
    }
    if (result === 0) {
      this.peerEnded(slot);
      return;
    }
    if (result < 0 && !this.isPassing(flow, result)) {
      this.kill(slot);
      return;
    }
    if (isLast) this.arm(slot);
  }

  /** True for results after which a receive is simply armed again; notes what they say. */
  private isPassing(flow: number, result: number): boolean {
    if (result === -Errno.ENOBUFS) this.starvedCount++;
    else if (result !== -Errno.EINVAL || (flow & FLOW_MULTISHOT) === 0) return isRetried(result);
    else this.receivePriority = 0;
    return true;
  }

  private peerEnded(slot: number): void {
    const table = this.table;
    const flow = table.flow[slot]! | FLOW_ENDED;
    table.flow[slot] = flow;
    if ((flow & FLOW_CLOSING) !== 0) this.proceedClosing(slot);
    else if ((flow & FLOW_PAUSED) === 0) this.tellEnd(slot);
    // Else the worker has bytes of before to work on: it hears of the end when it reads again.
  }

  private tellEnd(slot: number): void {
    this.table.flow[slot] = this.table.flow[slot]! | FLOW_TOLD;
    this.handler.onEnd(slot);
  }

  private tellEnds(): void {
    while (this.endsDue.length > 0 && !this.isStopped) {
      const slot = this.endsDue.pop()!;
      if ((this.table.flow[slot]! & END_STATES) === FLOW_ENDED) this.tellEnd(slot);
    }
  }

  pause(slot: number): void {
    const table = this.table;
    const flow = table.flow[slot]!;
    if ((flow & FLOW_OPEN) === 0 || (flow & (FLOW_PAUSED | FLOW_CLOSING | FLOW_DEAD)) !== 0) return;
    table.flow[slot] = flow | FLOW_PAUSED;
    this.sends.hasten(slot);
    this.cancelReceive(slot);
  }

  resume(slot: number): void {
    const table = this.table;
    if ((table.flow[slot]! & FLOW_PAUSED) === 0) return;
    table.flow[slot] = table.flow[slot]! & ~FLOW_PAUSED;
    if ((table.flow[slot] & FLOW_ENDED) !== 0) this.endsDue.push(slot);
    this.arm(slot);
  }

  /** See IoEngine.receiveInto: the armed receive ends first, then one into the range begins. */
  receiveInto(slot: number, at: number, bytes: number): boolean {
    const table = this.table;
    if ((table.flow[slot]! & (FLOW_OPEN | FLOW_CLOSING | FLOW_DEAD)) !== FLOW_OPEN) return false;
    table.directAt[slot] = at;
    table.directBytes[slot] = bytes;
    this.cancelReceive(slot);
    return true;
  }

  private cancelReceive(slot: number): void {
    const flow = this.table.flow[slot]!;
    if ((flow & (FLOW_RECEIVING | FLOW_CANCELLING)) !== FLOW_RECEIVING) return;
    this.table.flow[slot] = flow | FLOW_CANCELLING;
    this.cancel((slot << KIND_BITS) | KIND_RECEIVE);
  }

  private cancel(user: number): void {
    this.ring.submit(OP_ASYNC_CANCEL, 0, 0, -1, user, 0, 0, KIND_CANCEL, 0);
  }

  close(slot: number, isGraceful: boolean): void {
    const table = this.table;
    const flow = table.flow[slot]!;
    if ((flow & FLOW_OPEN) === 0 || (flow & FLOW_DEAD) !== 0) return;
    if (!isGraceful) this.kill(slot);
    if (!isGraceful || (flow & FLOW_CLOSING) !== 0) return;
    table.flow[slot] = (flow | FLOW_CLOSING) & ~FLOW_PAUSED;
    this.arm(slot);
    this.sends.hasten(slot);
    this.proceedClosing(slot);
  }

  /** When everything has left our half is shut; when the peer has ended too, that is the end. */
  proceedClosing(slot: number): void {
    const table = this.table;
    if (this.queue.countOf(slot) > 0) return;
    if ((table.flow[slot]! & FLOW_SHUT) === 0) {
      table.flow[slot] = table.flow[slot]! | FLOW_SHUT;
      this.libc.shutdown(table.descriptor[slot]!, SHUT_WR);
    }
    if ((table.flow[slot]! & FLOW_ENDED) !== 0) this.kill(slot);
  }

  /** Ends a connection now: its operations are made to end, the last one lets go of it. */
  kill(slot: number): void {
    const table = this.table;
    if ((table.flow[slot]! & FLOW_DEAD) !== 0) return;
    table.flow[slot] = table.flow[slot]! | FLOW_DEAD;
    this.sends.hasten(slot);
    if (table.inFlight[slot]! > 0) {
      this.libc.shutdown(table.descriptor[slot]!, SHUT_RDWR);
      this.cancel((slot << KIND_BITS) | KIND_RECEIVE);
      this.cancel((slot << KIND_BITS) | KIND_DIRECT);
      this.cancel((slot << KIND_BITS) | KIND_SEND);
    }
    this.finishIfIdle(slot);
  }

  /** See SendsOwner. */
  begin(slot: number): void {
    this.inFlightAll++;
    this.table.inFlight[slot] = this.table.inFlight[slot]! + 1;
  }

  /** See SendsOwner. */
  finishIfIdle(slot: number): void {
    const table = this.table;
    if (table.inFlight[slot]! > 0 || (table.flow[slot]! & FLOW_LISTED) !== 0) return;
    table.flow[slot] = table.flow[slot]! | FLOW_LISTED;
    this.ending.push(slot);
  }

  /** Lets go of the connections that have no operation left. */
  private finishEnding(): void {
    const table = this.table;
    while (this.ending.length > 0 && !this.isStopped) {
      const slot = this.ending.pop()!;
      this.libc.close(table.descriptor[slot]!);
      this.queue.clear(slot);
      table.release(slot);
      this.handler.onClosed(slot);
    }
  }

  /** Ends all; at the end of the turn when one is running. */
  stop(): void {
    if (this.isStopped) return;
    this.isStopped = true;
    if (!this.isTurning) this.drain();
  }

  private drain(): void {
    const tickAt = this.tick.usualTime();
    const left = drainRing(this.libc, this.ring, this.table, this.inFlightAll, tickAt);
    this.owner.onDrained(left === 0);
  }
}
