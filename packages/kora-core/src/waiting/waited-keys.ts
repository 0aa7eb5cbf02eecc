/**
 * The keys that somebody waits for, each with its waiters in the order in which they came. A key is
 * found by a hash of its bytes, so that a change of a key for which nobody waits costs that hash
 * and one look into a map; its bytes are those of the first waiter's argument, so nothing is kept
 * for the key itself.
 *
 *   map: hash --> key --next of the same hash--> key        key: first <--> link <--> last
 *
 * Invariants: a key in the map has a link at least; a waiter has one link with a key at most.
 * Cost: O(1) to add, find and remove. Owner: one shard.
 */
import { assert } from '../assert.ts';
import type { WorkerMemory } from '../structs/worker-memory.ts';
import type { Waiter } from './waiter.ts';

/** Spreads the number of a database over a hash. */
const DB_FACTOR = 0x9e3779b1;

/** A waiter's place in the queue of a key. */
export class WaitLink {
  readonly waiter: Waiter;
  readonly key: WaitedKey;
  /** Argument of the waiter's command that names the key. */
  readonly argument: number;
  previous: WaitLink | null = null;
  next: WaitLink | null = null;
  /** The waiter's place with its next key. */
  nextOfWaiter: WaitLink | null = null;

  constructor(waiter: Waiter, key: WaitedKey, argument: number) {
    this.waiter = waiter;
    this.key = key;
    this.argument = argument;
  }
}

/** A key, and who waits for it. */
export class WaitedKey {
  readonly db: number;
  readonly hash: number;
  first: WaitLink | null = null;
  last: WaitLink | null = null;
  /** Another key with this hash. */
  nextSame: WaitedKey | null = null;
  /** It is among those that are ready. */
  isReady = false;
  /** Waiters that end when the key is gone. */
  endingCount = 0;

  constructor(db: number, hash: number) {
    this.db = db;
    this.hash = hash;
  }
}

export class WaitedKeys {
  readonly #memory: WorkerMemory;
  readonly #byHash = new Map<number, WaitedKey>();
  readonly #seed0: number;
  readonly #seed1: number;

  constructor(memory: WorkerMemory, seed0: number, seed1: number) {
    this.#memory = memory;
    this.#seed0 = seed0;
    this.#seed1 = seed1;
  }

  /** The key, null when nobody waits for it. */
  find(db: number, at: number, bytes: number): WaitedKey | null {
    return this.#findHashed(this.#hashOf(db, at, bytes), db, at, bytes);
  }

  /** Every key. */
  *all(): IterableIterator<WaitedKey> {
    for (const first of this.#byHash.values()) {
      for (let key: WaitedKey | null = first; key !== null; key = key.nextSame) yield key;
    }
  }

  /** Puts the waiter behind all others of the key that its argument names; once, however often. */
  add(waiter: Waiter, argument: number, endsWithKey: boolean): void {
    const at = waiter.argumentAt(argument);
    const bytes = waiter.argumentBytes(argument);
    const hash = this.#hashOf(waiter.db, at, bytes);
    const key = this.#findHashed(hash, waiter.db, at, bytes) ?? this.#addKey(waiter.db, hash);
    if (key.last?.waiter === waiter) return;
    const link = new WaitLink(waiter, key, argument);
    link.previous = key.last;
    if (key.last === null) key.first = link;
    else key.last.next = link;
    key.last = link;
    if (endsWithKey) key.endingCount++;
    waiter.addLink(link);
  }

  /** Takes a link out of the queue of its key; its arguments are still there. */
  remove(link: WaitLink, endsWithKey: boolean): void {
    const { key, previous, next } = link;
    if (previous === null) key.first = next;
    else previous.next = next;
    if (next === null) key.last = previous;
    else next.previous = previous;
    if (endsWithKey) key.endingCount--;
    if (key.first === null) this.#removeKey(key);
  }

  #addKey(db: number, hash: number): WaitedKey {
    const key = new WaitedKey(db, hash);
    key.nextSame = this.#byHash.get(hash) ?? null;
    this.#byHash.set(hash, key);
    return key;
  }

  #removeKey(key: WaitedKey): void {
    const first = this.#byHash.get(key.hash);
    assert(first !== undefined, 'a key is in the map while somebody waits for it');
    if (first !== key) {
      let before = first;
      while (before.nextSame !== null && before.nextSame !== key) before = before.nextSame;
      before.nextSame = key.nextSame;
    } else if (key.nextSame === null) {
      this.#byHash.delete(key.hash);
    } else {
      this.#byHash.set(key.hash, key.nextSame);
    }
  }

  #hashOf(db: number, at: number, bytes: number): number {
    const hash = this.#memory.kernel.hash(at, bytes, this.#seed0, this.#seed1);
    return (hash ^ Math.imul(db, DB_FACTOR)) | 0;
  }

  #findHashed(hash: number, db: number, at: number, bytes: number): WaitedKey | null {
    let key = this.#byHash.get(hash) ?? null;
    while (key !== null && !this.#isKey(key, db, at, bytes)) key = key.nextSame;
    return key;
  }

  #isKey(key: WaitedKey, db: number, at: number, bytes: number): boolean {
    const { first } = key;
    if (key.db !== db || first === null) return false;
    const { waiter, argument } = first;
    if (waiter.argumentBytes(argument) !== bytes) return false;
    return this.#memory.kernel.equal(waiter.argumentAt(argument), at, bytes) === 1;
  }
}
