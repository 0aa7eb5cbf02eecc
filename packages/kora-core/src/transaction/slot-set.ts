/**
 * Slots that somebody wants to lock, taken in any order and any number of times: each is kept once,
 * in its stronger mode, and they are given out ascending, as the lock table wants them. Used again
 * and again: 48 KiB, and nothing is allocated but a view while they are sorted.
 * Cost: O(1) a slot, O(n log n) `sort`, O(n) `clear`, n being the distinct slots.
 */
import { SLOT_COUNT } from '../bytes/crc16.hot.ts';
import { lockOf, WholeLock } from './slot-locks.ts';

/** Is told of slots, one by one, each as often as it comes. */
export interface SlotTaker {
  /** @returns false when it need not be told of more, if nothing of it is written */
  addSlot(slot: number, isWrite: boolean): boolean;
}

const SHARED = 1;
const EXCLUSIVE = 2;

export class SlotSet implements SlotTaker {
  /** Distinct slots. */
  count: number;
  /** SHARED or EXCLUSIVE of those in the set, 0 of others. */
  readonly #modes: Uint8Array;
  readonly #slots: Uint16Array;
  readonly #countMax: number;

  /** @param countMax where it has more, the whole shard is locked in their place */
  constructor(countMax: number) {
    this.count = 0;
    this.#countMax = countMax;
    this.#modes = new Uint8Array(SLOT_COUNT);
    this.#slots = new Uint16Array(SLOT_COUNT);
  }

  clear(): void {
    for (let i = 0; i < this.count; i++) this.#modes[this.#slots[i] ?? 0] = 0;
    this.count = 0;
  }

  addSlot(slot: number, isWrite: boolean): boolean {
    const before = this.#modes[slot] ?? 0;
    if (before === 0) this.#slots[this.count++] = slot;
    this.#modes[slot] = Math.max(before, isWrite ? EXCLUSIVE : SHARED);
    return this.count <= this.#countMax;
  }

  /** Puts them in ascending order; before `slotAt` and `copyLocks`, after the last `addSlot`. */
  sort(): void {
    this.#slots.subarray(0, this.count).sort();
  }

  /** The slot with index i, below `count`. */
  slotAt(i: number): number {
    return this.#slots[i] ?? 0;
  }

  /** Its lock, a word of `lockOf`. */
  lockAt(i: number): number {
    const slot = this.slotAt(i);
    return lockOf(slot, this.#modes[slot] === EXCLUSIVE);
  }

  /** One of WholeLock: the lock that stands in the place of so many, None when they are few. */
  whole(): number {
    if (this.count <= this.#countMax) return WholeLock.None;
    for (let i = 0; i < this.count; i++) if ((this.lockAt(i) & 1) === 1) return WholeLock.Exclusive;
    return WholeLock.Shared;
  }

  /** Copies the locks to `into`, from its start; it has room for `count`. */
  copyLocks(into: Uint16Array): void {
    for (let i = 0; i < this.count; i++) into[i] = this.lockAt(i);
  }
}
