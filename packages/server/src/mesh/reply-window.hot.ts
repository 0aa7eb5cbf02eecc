/**
 * The replies that one connection still waits for, in the order of its commands: foreign commands
 * are pending until their reply came, local ones that ran behind them are ready at once, and
 * whatever is ready leaves when all before it has left. What is ready is staged (StagedRanges).
 *
 *   place      head ............. tail - 1       numbers run on; the cell is place % WINDOW_PLACES
 *   state      PENDING READY PENDING READY
 *   first, last   list of staged ranges, 0 = none
 *
 * Invariants: at most WINDOW_PLACES places are open; `pending` of them have no whole reply yet, of
 *   which `writes` are writes; `owner` is the one worker all pending ones are at, -1 when there are
 *   several. A window without a session is an orphan: its connection is gone, replies are dropped.
 * Owner: the origin's thread. Nothing is allocated per place.
 */
import type { ReplyChunk } from '../reply-chunks.ts';
import type { Session } from '../session.ts';
import type { StagedRanges } from './staged-ranges.ts';

/** Commands of one connection under way at once, those ready behind them included. */
export const WINDOW_PLACES = 64;
const MASK = WINDOW_PLACES - 1;

const PENDING = 1;
const READY = 2;
const WRITE = 4;
const MUTED = 8;
const ACROSS = 16;

export class ReplyWindow {
  readonly index: number;
  session: Session | null;
  head: number;
  tail: number;
  pending: number;
  writes: number;
  owner: number;
  /** Pending places of commands that several workers run. */
  across: number;
  /** The pending ones have places in the order of the mesh, and so has what comes behind them. */
  isOrdered: boolean;
  /** Bytes staged in it. */
  stagedBytes: number;
  private readonly first: Int32Array;
  private readonly last: Int32Array;
  private readonly state: Uint8Array;
  private readonly ranges: StagedRanges;

  constructor(index: number, ranges: StagedRanges) {
    this.index = index;
    this.session = null;
    this.head = 0;
    this.tail = 0;
    this.pending = 0;
    this.writes = 0;
    this.owner = -1;
    this.across = 0;
    this.isOrdered = false;
    this.stagedBytes = 0;
    this.first = new Int32Array(WINDOW_PLACES);
    this.last = new Int32Array(WINDOW_PLACES);
    this.state = new Uint8Array(WINDOW_PLACES);
    this.ranges = ranges;
  }

  isEmpty(): boolean {
    return this.head === this.tail;
  }

  isFull(): boolean {
    return this.tail - this.head >= WINDOW_PLACES;
  }

  /**
   * A place for a command that goes to another worker.
   * @param owner which one; -1 = several
   * @param isMuted its reply is dropped (CLIENT REPLY)
   * @param isOrdered it has its place in the order of the mesh
   */
  addPending(owner: number, isWrite: boolean, isMuted: boolean, isOrdered: boolean): number {
    this.isOrdered = isOrdered;
    const place = this.tail++;
    const kind = owner < 0 ? PENDING | ACROSS : PENDING;
    this.state[place & MASK] = kind | (isWrite ? WRITE : 0) | (isMuted ? MUTED : 0);
    if (owner < 0) this.across++;
    this.owner = this.pending === 0 || this.owner === owner ? owner : -1;
    this.pending++;
    if (isWrite) this.writes++;
    return place;
  }

  /** Where a whole reply is staged next: with the one before it when that is ready too. */
  readyPlace(): number {
    const last = this.tail - 1;
    return last >= this.head && this.state[last & MASK] === READY ? last : this.tail;
  }

  /** The reply staged at `readyPlace` is whole. */
  addReady(): number {
    const place = this.readyPlace();
    this.state[place & MASK] = READY;
    this.tail = place + 1;
    return place;
  }

  /** The reply of a pending place is whole. */
  complete(place: number): void {
    const cell = place & MASK;
    if ((this.state[cell]! & WRITE) !== 0) this.writes--;
    if ((this.state[cell]! & ACROSS) !== 0) this.across--;
    this.state[cell] = READY;
    this.pending--;
  }

  /** True when the reply of a pending place is dropped. */
  isMuted(place: number): boolean {
    return (this.state[place & MASK]! & MUTED) !== 0;
  }

  /** True when the oldest place may leave. */
  isHeadReady(): boolean {
    return this.head !== this.tail && this.state[this.head & MASK] === READY;
  }

  /** First staged range of the oldest place, 0 = none; the list is the caller's then. */
  takeHeadRanges(): number {
    const cell = this.head & MASK;
    const range = this.first[cell]!;
    this.first[cell] = 0;
    this.last[cell] = 0;
    return range;
  }

  /** The oldest place has left. */
  advance(): void {
    this.state[this.head & MASK] = 0;
    this.head++;
  }

  /**
   * Adds bytes to the reply of a place.
   * @returns true when they are noted by themselves, with a pin of the chunk that the caller sets;
   *   false when they follow what the place has of the chunk already
   */
  stage(place: number, chunk: ReplyChunk, at: number, bytes: number): boolean {
    const cell = place & MASK;
    const ranges = this.ranges;
    const before = this.last[cell]!;
    this.stagedBytes += bytes;
    if (before !== 0 && ranges.isEnd(before, chunk, at)) {
      ranges.bytes[before] = ranges.bytes[before]! + bytes;
      return false;
    }
    const range = ranges.take(chunk, at, bytes);
    if (this.first[cell] === 0) this.first[cell] = range;
    else ranges.next[before] = range;
    this.last[cell] = range;
    return true;
  }
}
