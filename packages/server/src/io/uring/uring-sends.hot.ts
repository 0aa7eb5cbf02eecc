/**
 * What the io_uring engine sends: large replies at once (send-now.hot.ts), all others with the
 * system call that ends the turn, one send of a connection at a time, for the kernel may reorder
 * two. Most are *quiet*: the kernel tells of them only when they fail.
 *
 *   send --all that the connection has, small, nobody waits for its end--> quiet
 *        --else--> loud: its completion says what has left
 *   quiet --no completion, and the kernel has taken it--> all of it has left (`settle`)
 *         --completion: the socket had no room for all of it--> the rest is sent loudly
 *
 * A completion would end the wait that the send was submitted with: one more system call for every
 * reply of a server that is not busy. A quiet send cannot wait (MSG_DONTWAIT), so when the call
 * returns it is done or has failed. Its range is named back by the next turn, whatever ends that
 * one's wait; where somebody waits for it (`isDue`) the turn comes at once.
 * Invariant: settled is only what the kernel took, after all failures that it told were looked at.
 * Cost: the wake-up of a client that waits takes 2.0 system calls instead of 3.0 (2026-11-21).
 */
import type { EngineHandler } from '../engine.ts';
import type { SendQueue } from '../native/send-queue.hot.ts';
import { grownInt32 } from '../native/tables.ts';
import type { Ring } from './ring.hot.ts';
import { SEND_NOW_BYTES_MIN, SendNow } from './send-now.hot.ts';
import type { SendVectors } from './send-vectors.ts';
import type { ConnectionTable } from './uring-connections.hot.ts';
import {
  FLOW_CLOSING, FLOW_DEAD, FLOW_OPEN, FLOW_PAUSED, FLOW_QUIET, FLOW_SENDING,
} from './uring-connections.hot.ts';
import {
  MSG_DONTWAIT, MSG_NOSIGNAL, MSG_WAITALL, OP_SEND, OP_SENDMSG, SQE_CQE_SKIP,
} from './uring-constants.ts';
import type { LoopParts, SendsOwner } from './uring-loop-parts.ts';
import { KIND_BITS, KIND_SEND, USER_HIGH_QUIET, isRetried } from './uring-loop-parts.ts';

const QUIET_FIRST = 64;
/** The set-up that only kernels have which tell of a send that was cut short (6.1). */
const QUIET_MODE = 'defer-taskrun';

export class UringSends {
  private readonly ring: Ring;
  private readonly vectors: SendVectors;
  private readonly queue: SendQueue;
  private readonly table: ConnectionTable;
  private readonly handler: EngineHandler;
  private readonly owner: SendsOwner;
  private readonly now: SendNow;
  private readonly hasVectors: boolean;
  private readonly mayBeQuiet: boolean;
  /** Slots whose quiet send is not settled. */
  private quiet: Int32Array;
  private quietCount: number;
  /** Some could not be settled: until they are no more begin, so that each slot is there once. */
  private isBehind: boolean;
  /** Somebody waits for the end of a quiet send: the next turn does not wait. */
  isDue: boolean;

  constructor(parts: LoopParts, owner: SendsOwner) {
    this.ring = parts.ring;
    this.vectors = parts.vectors;
    this.queue = parts.queue;
    this.table = parts.connections;
    this.handler = parts.handler;
    this.owner = owner;
    this.now = new SendNow(parts.libc, parts.native);
    this.hasVectors = !parts.missing.has('SENDMSG');
    this.mayBeQuiet = parts.ring.mode === QUIET_MODE && !parts.missing.has('QUIET_SENDS');
    this.quiet = new Int32Array(QUIET_FIRST);
    this.quietCount = 0;
    this.isBehind = false;
    this.isDue = false;
    // Growth runs once before traffic, so that no later assignment changes a field's kind.
    this.quiet = grownInt32(this.quiet, QUIET_FIRST + 1);
  }

  /** See IoEngine.send. */
  send(slot: number, at: number, bytes: number): boolean {
    const flow = this.table.flow[slot]!;
    if ((flow & (FLOW_OPEN | FLOW_CLOSING | FLOW_DEAD)) !== FLOW_OPEN) return true;
    const isFirst = (flow & FLOW_SENDING) === 0 && this.queue.countOf(slot) === 0;
    let left = 0;
    if (isFirst && bytes >= SEND_NOW_BYTES_MIN) {
      left = this.now.send(this.table.descriptor[slot]!, at, bytes);
      if (left === bytes) return true;
    }
    this.queue.push(slot, at + left, bytes - left);
    if ((flow & FLOW_SENDING) !== 0) this.hasten(slot);
    else if (isFirst && bytes < SEND_NOW_BYTES_MIN && (flow & FLOW_PAUSED) === 0) this.begin(slot);
    else this.sendNext(slot);
    return false;
  }

  /** Something waits for the slot's send to end. */
  hasten(slot: number): void {
    if ((this.table.flow[slot]! & FLOW_QUIET) !== 0) this.isDue = true;
  }

  /** Sends the one range that the slot has, quietly where the kernel can. */
  private begin(slot: number): void {
    if (!this.mayBeQuiet || this.isBehind) {
      this.sendNext(slot);
      return;
    }
    const table = this.table;
    table.flow[slot] = table.flow[slot]! | FLOW_SENDING | FLOW_QUIET;
    table.inFlight[slot] = table.inFlight[slot]! + 1;
    if (this.quietCount === this.quiet.length) {
      this.quiet = grownInt32(this.quiet, this.quietCount + 1);
    }
    this.quiet[this.quietCount++] = slot;
    this.ring.submit(
      OP_SEND, SQE_CQE_SKIP, 0, table.descriptor[slot]!, 0, this.queue.firstBytes(slot),
      MSG_NOSIGNAL | MSG_DONTWAIT | MSG_WAITALL, (slot << KIND_BITS) | KIND_SEND, USER_HIGH_QUIET,
    );
    this.ring.setPlace(this.queue.firstAt(slot));
  }

  private sendNext(slot: number): void {
    const table = this.table;
    table.flow[slot] = table.flow[slot]! | FLOW_SENDING;
    this.owner.begin(slot);
    const descriptor = table.descriptor[slot]!;
    const user = (slot << KIND_BITS) | KIND_SEND;
    if (this.hasVectors && this.queue.countOf(slot) > 1) {
      const record = this.vectors.take(this.queue, slot);
      if (record >= 0) {
        table.vector[slot] = record + 1;
        const at = this.vectors.addressOf(record);
        this.ring.submit(OP_SENDMSG, 0, 0, descriptor, at, 1, MSG_NOSIGNAL, user, 0);
        return;
      }
    }
    const bytes = this.queue.firstBytes(slot);
    this.ring.submit(OP_SEND, 0, 0, descriptor, 0, bytes, MSG_NOSIGNAL, user, 0);
    this.ring.setPlace(this.queue.firstAt(slot));
  }

  /**
   * Ends the quiet sends that the kernel has done. Of the completions that `begin` of the ring saw
   * it takes the failures of such sends, and leaves the others to be walked.
   */
  settle(): void {
    const count = this.quietCount;
    if (count === 0) return;
    const ring = this.ring;
    // What the kernel did not take, or could not tell of: the next turn knows more.
    this.isBehind = ring.pending > 0 || ring.hasOverflow;
    this.isDue = this.isBehind;
    while (!this.owner.isStopped && ring.next()) {
      if (ring.userHigh !== USER_HIGH_QUIET) continue;
      const slot = ring.userLow >>> KIND_BITS;
      this.table.flow[slot] = this.table.flow[slot]! & ~FLOW_QUIET;
      this.sent(slot, ring.result);
    }
    ring.rewind();
    if (this.isBehind) return;
    for (let i = 0; i < count && !this.owner.isStopped; i++) {
      const slot = this.quiet[i]!;
      const flow = this.table.flow[slot]!;
      if ((flow & FLOW_QUIET) === 0) continue;
      this.table.flow[slot] = flow & ~FLOW_QUIET;
      this.sent(slot, this.queue.firstBytes(slot));
    }
    // Behind them are those that were begun meanwhile.
    this.quiet.copyWithin(0, count, this.quietCount);
    this.quietCount -= count;
  }

  /** The send of the slot has ended. @param result bytes, or a negative error number */
  sent(slot: number, result: number): void {
    const table = this.table;
    table.flow[slot] = table.flow[slot]! & ~FLOW_SENDING;
    table.inFlight[slot] = table.inFlight[slot]! - 1;
    if (table.vector[slot]! !== 0) {
      this.vectors.give(table.vector[slot]! - 1);
      table.vector[slot] = 0;
    }
    if ((table.flow[slot] & FLOW_DEAD) !== 0) {
      this.owner.finishIfIdle(slot);
      return;
    }
    if (result < 0 && !isRetried(result)) {
      this.owner.kill(slot);
      return;
    }
    if (result >= 0) this.release(slot, this.queue.consume(slot, result));
    if ((table.flow[slot] & (FLOW_DEAD | FLOW_SENDING)) !== 0) return;
    if (this.queue.countOf(slot) > 0) this.sendNext(slot);
    else if ((table.flow[slot] & FLOW_CLOSING) !== 0) this.owner.proceedClosing(slot);
  }

  /** Names ranges back; the worker may send or close meanwhile. */
  private release(slot: number, count: number): void {
    const handler = this.handler;
    for (let i = 0; i < count; i++) {
      handler.onSent(slot);
      // onClosed frees the others.
      if (this.owner.isStopped || (this.table.flow[slot]! & FLOW_DEAD) !== 0) return;
    }
  }
}
