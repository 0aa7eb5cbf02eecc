/**
 * What is still to be sent, per connection: ranges of the worker memory in the order they were
 * given. Nodes lie in flat tables that grow by doubling and are reused, so that a send in the
 * steady state allocates nothing.
 *
 *   slot   | first node | last node | count        (0 = none)
 *   node   | at f64 | bytes i32 | next i32         free nodes are chained through next
 *
 * Ranges lie anywhere in the worker memory, hence doubles. Bound: the worker stops a peer that does
 * not read long before (limits.ts); a node is 16 bytes.
 */
import { grownFloat64, grownInt32 } from './tables.ts';

const NODES_FIRST = 256;
const SLOTS_FIRST = 64;
const IOVEC_BYTES = 16;
const TWO_32 = 4294967296;

export class SendQueue {
  private at: Float64Array;
  private bytes: Int32Array;
  private next: Int32Array;
  private first: Int32Array;
  private last: Int32Array;
  private count: Int32Array;
  private free: number;

  constructor() {
    this.at = new Float64Array(NODES_FIRST);
    this.bytes = new Int32Array(NODES_FIRST);
    this.next = new Int32Array(NODES_FIRST);
    this.first = new Int32Array(SLOTS_FIRST);
    this.last = new Int32Array(SLOTS_FIRST);
    this.count = new Int32Array(SLOTS_FIRST);
    this.free = 0;
    this.chain(1, NODES_FIRST);
    // Growth runs once before traffic, so that no later assignment changes a field's kind.
    this.growNodes();
    this.growSlots(SLOTS_FIRST);
  }

  /** Ranges of the slot that have not left. */
  countOf(slot: number): number {
    return slot < this.count.length ? this.count[slot]! : 0;
  }

  /** Byte offset of what is next; only when there is something. */
  firstAt(slot: number): number {
    return this.at[this.first[slot]!]!;
  }

  /** Bytes that are left of the first range. */
  firstBytes(slot: number): number {
    return this.bytes[this.first[slot]!]!;
  }

  push(slot: number, at: number, bytes: number): void {
    if (slot >= this.first.length) this.growSlots(slot);
    if (this.free === 0) this.growNodes();
    const node = this.free;
    this.free = this.next[node]!;
    this.at[node] = at;
    this.bytes[node] = bytes;
    this.next[node] = 0;
    if (this.count[slot]! === 0) this.first[slot] = node;
    else this.next[this.last[slot]!] = node;
    this.last[slot] = node;
    this.count[slot] = this.count[slot]! + 1;
  }

  /** Notes that so many bytes have left; returns how many ranges have left whole by that. */
  consume(slot: number, bytes: number): number {
    let left = bytes;
    let whole = 0;
    while (this.count[slot]! > 0) {
      const node = this.first[slot]!;
      const inRange = this.bytes[node]!;
      if (left < inRange) {
        this.at[node] = this.at[node]! + left;
        this.bytes[node] = inRange - left;
        return whole;
      }
      left -= inRange;
      whole++;
      this.drop(slot, node);
    }
    return whole;
  }

  /** Forgets what the slot has not sent. */
  clear(slot: number): void {
    while (this.countOf(slot) > 0) this.drop(slot, this.first[slot]!);
  }

  /**
   * Writes the slot's first ranges as an array of struct iovec.
   * @param base address of the worker memory's byte 0
   * @returns how many entries were written, at most `max`
   */
  fillVector(slot: number, view: DataView, vectorAt: number, base: number, max: number): number {
    let node = this.first[slot]!;
    const count = Math.min(this.count[slot]!, max);
    for (let i = 0; i < count; i++) {
      const entry = vectorAt + i * IOVEC_BYTES;
      const address = base + this.at[node]!;
      view.setUint32(entry, address % TWO_32, true);
      view.setUint32(entry + 4, address / TWO_32, true);
      view.setUint32(entry + 8, this.bytes[node]!, true);
      view.setUint32(entry + 12, 0, true);
      node = this.next[node]!;
    }
    return count;
  }

  private drop(slot: number, node: number): void {
    this.first[slot] = this.next[node]!;
    this.count[slot] = this.count[slot]! - 1;
    this.next[node] = this.free;
    this.free = node;
  }

  private growNodes(): void {
    const before = this.next.length;
    this.at = grownFloat64(this.at, before * 2);
    this.bytes = grownInt32(this.bytes, before * 2);
    this.next = grownInt32(this.next, before * 2);
    this.chain(before, before * 2);
  }

  /** Puts nodes [from, end) before the free ones. */
  private chain(from: number, end: number): void {
    for (let node = end - 1; node >= from; node--) {
      this.next[node] = this.free;
      this.free = node;
    }
  }

  private growSlots(slot: number): void {
    this.first = grownInt32(this.first, slot + 1);
    this.last = grownInt32(this.last, slot + 1);
    this.count = grownInt32(this.count, slot + 1);
  }
}
