/**
 * The connections of an epoll engine, in flat tables by slot. Free slots are chained; the one
 * that was freed last is used first, so the tables are as long as the most connections ever were.
 *
 *   slot | descriptor | state bits | generation | epoll interest | asked range: at f64, bytes
 *
 *   free --open--> Open --close(graceful)--> Open|Closing --drop--> Gone --release--> free
 *                    \------------------drop--------------------/
 *
 * The generation counts openings: an event of the kernel carries it, so that one that was fetched
 * before the slot changed hands is recognized. Gone slots wait for their onClosed.
 */
import { grownFloat64, grownInt32 } from '../native/tables.ts';

export const STATE_FREE = 0;
/** The descriptor is there. */
export const STATE_OPEN = 1;
/** The worker does not want bytes at the moment. */
export const STATE_PAUSED = 2;
/** The peer has sent all it will send. */
export const STATE_ENDED = 4;
/** The worker has closed it: nothing is delivered any more, what is queued leaves. */
export const STATE_CLOSING = 8;
/** Refused at the door; ended for good after a while. */
export const STATE_REFUSED = 16;
/** The descriptor is closed, onClosed is to come. */
export const STATE_GONE = 32;
/** Its events are edges. */
export const STATE_EDGE = 64;

/** Not in the epoll set. */
export const INTEREST_NONE = -1;

const SLOTS_FIRST = 64;
const NO_SLOT = -1;

export class Connections {
  descriptor: Int32Array;
  state: Int32Array;
  generation: Int32Array;
  /** What epoll was told to watch, or INTEREST_NONE. */
  interest: Int32Array;
  /** Where the next bytes are to go; 0 bytes = into the receive region. */
  askedAt: Float64Array;
  askedBytes: Int32Array;
  /** Slots that may be in use: [0, length). */
  length: number;
  private next: Int32Array;
  private firstFree: number;

  constructor() {
    this.descriptor = new Int32Array(SLOTS_FIRST);
    this.state = new Int32Array(SLOTS_FIRST);
    this.generation = new Int32Array(SLOTS_FIRST);
    this.interest = new Int32Array(SLOTS_FIRST);
    this.askedAt = new Float64Array(SLOTS_FIRST);
    this.askedBytes = new Int32Array(SLOTS_FIRST);
    this.next = new Int32Array(SLOTS_FIRST);
    this.length = 0;
    this.firstFree = NO_SLOT;
  }

  /** A slot for the descriptor. @param isEdge its events are edges */
  open(descriptor: number, isEdge: boolean): number {
    let slot = this.firstFree;
    if (slot === NO_SLOT) {
      slot = this.length;
      if (slot === this.state.length) this.grow(slot + 1);
      this.length = slot + 1;
    } else {
      this.firstFree = this.next[slot]!;
    }
    this.descriptor[slot] = descriptor;
    this.state[slot] = isEdge ? STATE_OPEN | STATE_EDGE : STATE_OPEN;
    this.generation[slot] = (this.generation[slot]! + 1) | 0;
    this.interest[slot] = INTEREST_NONE;
    this.askedBytes[slot] = 0;
    return slot;
  }

  /** Gives the slot to whoever comes next. */
  release(slot: number): void {
    this.state[slot] = STATE_FREE;
    this.next[slot] = this.firstFree;
    this.firstFree = slot;
  }

  /** State bits; those of a free slot where there was never a connection. */
  stateOf(slot: number): number {
    return slot < this.length ? this.state[slot]! : STATE_FREE;
  }

  /** True while this very connection has its descriptor. */
  isOpen(slot: number, generation: number): boolean {
    return (this.state[slot]! & STATE_OPEN) !== 0 && this.generation[slot] === generation;
  }

  private grow(length: number): void {
    this.descriptor = grownInt32(this.descriptor, length);
    this.state = grownInt32(this.state, length);
    this.generation = grownInt32(this.generation, length);
    this.interest = grownInt32(this.interest, length);
    this.askedAt = grownFloat64(this.askedAt, length);
    this.askedBytes = grownInt32(this.askedBytes, length);
    this.next = grownInt32(this.next, length);
  }
}
