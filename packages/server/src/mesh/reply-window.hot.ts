/**
 * The replies that one connection still waits for, in the order of its commands: foreign commands
 * are pending until their reply came, local ones that ran behind them are ready at once, and
 * whatever is ready leaves when all before it has left. What is ready is staged (StagedRanges).
 *
 *   place      head ............. tail - 1       numbers run on; the cell is place % WINDOW_PLACES
 *   state      PENDING READY PENDING READY
 *   first, last   list of staged ranges, 0 = none; or
 *   at, bytes     a whole reply that lies in one piece, bytes 0 = none, and
 *   chunk         what is unpinned when it has left: the last of several in a chunk has it
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
const PINNED = 32;

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
  /** Bytes of what `passKept` has passed. */
  passedBytes: number;
  private readonly first: Int32Array;
  private readonly last: Int32Array;
  private readonly at: Int32Array;
  private readonly bytes: Int32Array;
  private readonly chunks: (ReplyChunk | null)[];
  /** Bytes that leave the stage with the pin of this place. */
  private readonly pinnedBytes: Int32Array;
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
    this.passedBytes = 0;
    this.first = new Int32Array(WINDOW_PLACES);
    this.last = new Int32Array(WINDOW_PLACES);
    this.at = new Int32Array(WINDOW_PLACES);
    this.bytes = new Int32Array(WINDOW_PLACES);
    this.chunks = new Array<ReplyChunk | null>(WINDOW_PLACES).fill(null);
    this.pinnedBytes = new Int32Array(WINDOW_PLACES);
    this.state = new Uint8Array(WINDOW_PLACES);
    this.ranges = ranges;
  }

  isEmpty(): boolean {
    return this.head === this.tail;
  }

  /** True when it has not so many places left. */
  isFull(count: number): boolean {
    return this.tail - this.head + count > WINDOW_PLACES;
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

  /**
   * Places for a burst, one behind the other.
   * @param owners who runs each: another worker, or this one
   * @param writes those that write, a bit each
   * @returns the first
   */
  addBurst(owners: Int32Array, count: number, writes: number, isOrdered: boolean): number {
    const place = this.tail;
    let owner = this.pending === 0 ? owners[0]! : this.owner;
    for (let i = 0; i < count; i++) {
      const isWrite = (writes >>> i) & 1;
      this.state[(place + i) & MASK] = isWrite === 0 ? PENDING : PENDING | WRITE;
      this.writes += isWrite;
      if (owners[i] !== owner) owner = -1;
    }
    this.isOrdered = isOrdered;
    this.owner = owner;
    this.pending += count;
    this.tail = place + count;
    return place;
  }

  /**
   * Takes whole replies that lie one behind the other from `at` on.
   * @param words from `word` on for each: place from `first` on:16 | bytes:16
   */
  takeBurst(words: Int32Array, word: number, count: number, first: number, at: number): void {
    let from = at;
    for (let i = 0; i < count; i++) {
      const entry = words[word + i]!;
      const cell = (first + (entry >>> 16)) & MASK;
      const bytes = entry & 0xffff;
      if ((this.state[cell]! & WRITE) !== 0) this.writes--;
      this.at[cell] = from;
      this.bytes[cell] = bytes;
      this.state[cell] = READY;
      from += bytes;
    }
    this.pending -= count;
  }

  /** Where a whole reply is staged next: with the one before it when that is staged too. */
  readyPlace(): number {
    const last = this.tail - 1;
    const cell = last & MASK;
    const isStaged = this.state[cell] === READY && this.bytes[cell] === 0;
    return last >= this.head && isStaged ? last : this.tail;
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
    return this.head !== this.tail && (this.state[this.head & MASK]! & READY) !== 0;
  }

  /** The reply of a place is whole, and lies in one piece. */
  keep(place: number, at: number, bytes: number): void {
    const cell = place & MASK;
    this.at[cell] = at;
    this.bytes[cell] = bytes;
  }

  /**
   * Kept replies of so many bytes up to this place, which is ready, lie in the chunk, with one pin
   * of it that the caller sets.
   */
  pin(place: number, chunk: ReplyChunk, bytes: number): void {
    const cell = place & MASK;
    this.state[cell] = READY | PINNED;
    this.chunks[cell] = chunk;
    this.pinnedBytes[cell] = bytes;
    this.stagedBytes += bytes;
  }

  /** Bytes of the reply of the oldest place, 0: it lies in ranges, or there is none. */
  headBytes(): number {
    return this.bytes[this.head & MASK]!;
  }

  /** Where they lie. */
  headAt(): number {
    return this.at[this.head & MASK]!;
  }

  /** What is unpinned when the oldest place has left, null = nothing; it is the caller's then. */
  takeHeadChunk(): ReplyChunk | null {
    const cell = this.head & MASK;
    if ((this.state[cell]! & PINNED) === 0) return null;
    const chunk = this.chunks[cell]!;
    this.state[cell] = READY;
    this.chunks[cell] = null;
    this.stagedBytes -= this.pinnedBytes[cell]!;
    return chunk;
  }

  /**
   * Passes the kept replies at the head, up to one that is not ready, lies in ranges or has a pin.
   * @param i32 pairs of words are written from `word` on: byte offset, bytes; what follows directly
   *   is one of them
   * @returns the word behind them; `passedBytes` are their bytes
   */
  passKept(i32: Int32Array, word: number): number {
    let to = word - 2;
    let startAt = 0;
    let endAt = -1;
    let total = 0;
    let head = this.head;
    const tail = this.tail;
    while (head !== tail) {
      const cell = head & MASK;
      const bytes = this.bytes[cell]!;
      if (this.state[cell] !== READY || bytes === 0) break;
      const at = this.at[cell]!;
      // Whether it follows the one before it nobody foretells: computed, not branched on.
      const apart = at ^ endAt;
      const isApart = (apart | -apart) >> 31;
      to += isApart & 2;
      startAt += (at - startAt) & isApart;
      endAt = at + bytes;
      i32[to] = startAt;
      i32[to + 1] = endAt - startAt;
      total += bytes;
      this.state[cell] = 0;
      this.bytes[cell] = 0;
      head++;
    }
    this.head = head;
    this.passedBytes = total;
    return to + 2;
  }

  /** True when something is staged of the oldest place in ranges. */
  hasHeadRanges(): boolean {
    return this.first[this.head & MASK] !== 0;
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
    this.bytes[this.head & MASK] = 0;
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
