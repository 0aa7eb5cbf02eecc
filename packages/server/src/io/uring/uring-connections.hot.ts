/**
 * The connections of an io_uring engine as columns by slot: plain numbers in tables that grow by
 * doubling, so that ten thousand connections are no objects for the collector to visit.
 */
import { grownFloat64, grownInt32 } from '../native/tables.ts';

// Bits of a connection's state.
/** The slot is in use. */
export const FLOW_OPEN = 1;
/** A receive is in the kernel. */
export const FLOW_RECEIVING = 2;
/** That receive was asked to end. */
export const FLOW_CANCELLING = 4;
/** The worker does not want bytes at the moment. */
export const FLOW_PAUSED = 8;
/** Ends gracefully: what arrives is dropped. */
export const FLOW_CLOSING = 16;
/** Our half is shut. */
export const FLOW_SHUT = 32;
/** The peer sends nothing more. */
export const FLOW_ENDED = 64;
/** A send is in the kernel. */
export const FLOW_SENDING = 128;
/** Ends at once: waits for its operations only. */
export const FLOW_DEAD = 256;
/** It is in the list of those that have no operation left. */
export const FLOW_LISTED = 512;
/** The worker did not want it: it may read why, for a while. */
export const FLOW_REFUSED = 1024;
/** The worker was told that the peer has ended. */
export const FLOW_TOLD = 2048;
/** The receive in the kernel has the multishot flag, which may be refused. */
export const FLOW_MULTISHOT = 4096;
/** Its send is one of which the kernel tells only when it fails. */
export const FLOW_QUIET = 8192;

const SLOTS_FIRST = 64;

export class ConnectionTable {
  descriptor: Int32Array;
  /** Bits of FLOW_. */
  flow: Int32Array;
  /** Operations in the kernel. */
  inFlight: Int32Array;
  /** Number of the send vector in use plus 1, 0 = none. */
  vector: Int32Array;
  /** Place that receiveInto asked for, and its length; 0 = none. */
  directAt: Float64Array;
  directBytes: Int32Array;
  /** One past the highest slot ever used. */
  slotsUsed: number;
  private readonly free: number[];

  constructor() {
    this.descriptor = new Int32Array(SLOTS_FIRST);
    this.flow = new Int32Array(SLOTS_FIRST);
    this.inFlight = new Int32Array(SLOTS_FIRST);
    this.vector = new Int32Array(SLOTS_FIRST);
    this.directAt = new Float64Array(SLOTS_FIRST);
    this.directBytes = new Int32Array(SLOTS_FIRST);
    this.slotsUsed = 0;
    this.free = new Array<number>();
    // Growth runs once before traffic, so that no later assignment changes a field's kind.
    this.grow(SLOTS_FIRST + 1);
  }

  /** A slot for an accepted descriptor. */
  open(descriptor: number): number {
    const slot = this.free.length > 0 ? this.free.pop()! : this.slotsUsed++;
    if (slot >= this.flow.length) this.grow(slot + 1);
    this.descriptor[slot] = descriptor;
    this.flow[slot] = FLOW_OPEN;
    this.inFlight[slot] = 0;
    this.vector[slot] = 0;
    this.directBytes[slot] = 0;
    return slot;
  }

  /** The slot may be given to the next connection. */
  release(slot: number): void {
    this.flow[slot] = 0;
    this.descriptor[slot] = -1;
    this.free.push(slot);
  }

  private grow(length: number): void {
    this.descriptor = grownInt32(this.descriptor, length);
    this.flow = grownInt32(this.flow, length);
    this.inFlight = grownInt32(this.inFlight, length);
    this.vector = grownInt32(this.vector, length);
    this.directAt = grownFloat64(this.directAt, length);
    this.directBytes = grownInt32(this.directBytes, length);
  }
}
