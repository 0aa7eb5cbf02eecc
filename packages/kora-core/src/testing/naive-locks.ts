/**
 * The lock table as its rule says it: a list of owners in the order in which they came; one is
 * granted when no earlier one that is still there wants something that conflicts. The oracle of the
 * model tests, and, with `barges`, a broken table for the simulation: there a lock is granted when
 * no holder conflicts, whoever waits.
 * Cost: O(owners * locks) a question.
 */
import { assert } from '../assert.ts';
import type { LockListener } from '../transaction/slot-locks.ts';
import { SlotLocks, WholeLock } from '../transaction/slot-locks.ts';

/** Read by those who are only present. */
const NOBODYS_SLOT = -1;

interface NaiveOwner {
  readonly id: number;
  readonly listener: number;
  readonly locks: Map<number, boolean>;
  whole: number;
  hasEntered: boolean;
  isGranted: boolean;
}

export class NaiveLocks extends SlotLocks {
  /** True: whoever waits is overtaken by those who agree with the holders. */
  barges = false;
  readonly #owners = new Map<number, NaiveOwner>();
  /** Entered owners in their order. */
  #order: NaiveOwner[] = [];
  readonly #listening: LockListener[] = [];
  readonly #toTell: NaiveOwner[] = [];
  #isTelling = false;
  #lastId = 0;

  override listen(listener: LockListener): number {
    return this.#listening.push(listener) - 1;
  }

  override open(listener: number): number {
    const id = ++this.#lastId;
    const locks = new Map<number, boolean>();
    this.#owners.set(id, {
      id, listener, locks, whole: WholeLock.None, hasEntered: false, isGranted: false,
    });
    return id;
  }

  override addSlot(owner: number, lock: number): void {
    this.#ownerOf(owner).locks.set(lock >> 1, (lock & 1) === 1);
  }

  override addWhole(owner: number, whole: number): void {
    this.#ownerOf(owner).whole = whole;
  }

  override addPresence(owner: number): void {
    const { locks, whole } = this.#ownerOf(owner);
    if (locks.size === 0 && whole === WholeLock.None) locks.set(NOBODYS_SLOT, false);
  }

  override enter(owner: number): void {
    const entered = this.#ownerOf(owner);
    entered.hasEntered = true;
    this.#order.push(entered);
    this.count++;
    this.#grantAll();
  }

  override leave(owner: number): void {
    const left = this.#ownerOf(owner);
    this.#owners.delete(owner);
    if (left.hasEntered) this.count--;
    this.#order = this.#order.filter((other) => other !== left);
    this.#grantAll();
  }

  override wake(owner: number): void {
    this.#toTell.push(this.#ownerOf(owner));
    this.#tell();
  }

  override hasAll(owner: number): boolean {
    return this.#ownerOf(owner).isGranted;
  }

  override conflictsWith(slot: number, isWrite: boolean): boolean {
    const wanted = { whole: WholeLock.None, locks: new Map([[slot, isWrite]]) };
    return this.#order.some((owner) => conflict(owner, wanted));
  }

  override conflictsWithAny(locks: Uint16Array, at: number, lockCount: number): boolean {
    return locks.subarray(at, at + lockCount)
      .some((lock) => this.conflictsWith(lock >> 1, (lock & 1) === 1));
  }

  override conflictsWithWhole(isWrite: boolean): boolean {
    const whole = isWrite ? WholeLock.Exclusive : WholeLock.Shared;
    return this.#order.some((owner) => conflict(owner, { whole, locks: new Map() }));
  }

  #ownerOf(owner: number): NaiveOwner {
    const found = this.#owners.get(owner);
    assert(found !== undefined, 'the owner is open');
    return found;
  }

  #grantAll(): void {
    for (const [at, owner] of this.#order.entries()) {
      if (owner.isGranted) continue;
      const before = this.barges
        ? this.#order.filter((other) => other.isGranted)
        : this.#order.slice(0, at);
      if (before.some((other) => conflict(other, owner))) continue;
      owner.isGranted = true;
      this.#toTell.push(owner);
    }
    this.#tell();
  }

  #tell(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    for (let owner = this.#toTell.shift(); owner !== undefined; owner = this.#toTell.shift()) {
      if (!this.#owners.has(owner.id)) continue;
      this.#listening[owner.listener]?.onLocked(owner.id);
    }
    this.#isTelling = false;
  }
}

type Wants = Pick<NaiveOwner, 'locks' | 'whole'>;

/** True when two owners may not hold what they want at the same time. */
function conflict(one: Wants, other: Wants): boolean {
  if (one.whole !== WholeLock.None) return conflictsWithWhole(one.whole, other);
  if (other.whole !== WholeLock.None) return conflictsWithWhole(other.whole, one);
  for (const [slot, isWrite] of one.locks) {
    const theirs = other.locks.get(slot);
    if (theirs !== undefined && (isWrite || theirs)) return true;
  }
  return false;
}

function conflictsWithWhole(whole: number, other: Wants): boolean {
  if (other.whole !== WholeLock.None) {
    return whole === WholeLock.Exclusive || other.whole === WholeLock.Exclusive;
  }
  if (whole === WholeLock.Exclusive) return other.locks.size > 0;
  return [...other.locks.values()].includes(true);
}
