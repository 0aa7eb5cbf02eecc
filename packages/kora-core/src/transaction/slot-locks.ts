/**
 * The lock table of one shard: shared and exclusive locks on the 16,384 slots and on the whole
 * shard, granted strictly in the order in which their owners came. An owner is an intent or a
 * parked command: it names all its locks, enters once, and its listener is told when it has them
 * all. A lock is granted when no owner that came earlier holds or waits for one that conflicts.
 * Waits go from later to earlier owners only, so no deadlock can be made of them.
 *   lock   one word: slot * 2, plus 1 when exclusive; it is also the index of the counts below
 *   root   the whole shard: shared, exclusive, and a mark "reads slots" or "writes slots" which
 *          every owner of slots leaves there, so that both kinds of locks see each other
 *   node   six words: owner | lock | next of the owner | previous, next of the queue | state
 *   owner  eight words: missing | first node | next | listener | state | last slot | writes | -
 * Counts are kept of all that hold or wait (`present`) and of holders alone (`held`).
 * Cost: an owner O(its locks), a question O(1), nothing allocated but by doubling; 256 KiB a shard.
 * Source: hierarchical locks as in Gray, Lorie, Putzolu and Traiger 1976; granted first come.
 */
import { assert } from '../assert.ts';
import { SLOT_COUNT } from '../bytes/crc16.hot.ts';

/** What an owner wants of the whole shard. */
export const WholeLock = Object.freeze({
  /** Only slots, or nothing. */
  None: 0,
  /** Reads everything: conflicts with every writer. */
  Shared: 1,
  /** Changes everything: conflicts with everybody. */
  Exclusive: 2,
} as const);

/** The lock of a slot as one word, below 2^15. */
export function lockOf(slot: number, isWrite: boolean): number {
  return slot * 2 + (isWrite ? 1 : 0);
}

/** Hears of owners that have all their locks. Called inside `enter`, `leave` or `wake`. */
export interface LockListener {
  onLocked(owner: number): void;
}

// The four counts of the root stand behind those of the slots.
const ROOT_SHARED = SLOT_COUNT * 2;
const ROOT_EXCLUSIVE = ROOT_SHARED + 1;
const ROOT_READS_SLOTS = ROOT_SHARED + 2;
const ROOT_WRITES_SLOTS = ROOT_SHARED + 3;
const COUNT_WORDS = ROOT_SHARED + 4;
const QUEUE_COUNT = SLOT_COUNT + 1;

const NODE_WORDS = 6;
const NODE_OWNER = 0;
const NODE_LOCK = 1;
const NODE_NEXT_OF_OWNER = 2;
const NODE_PREVIOUS = 3;
const NODE_NEXT = 4;
const NODE_STATE = 5;
const NODE_NAMED = 0;
const NODE_WAITS = 1;
const NODE_HOLDS = 2;

const OWNER_WORDS = 8;
const OWNER_MISSING = 0;
const OWNER_FIRST_NODE = 1;
/** Next in the list of free owners, or of those to be told. */
const OWNER_NEXT = 2;
const OWNER_LISTENER = 3;
const OWNER_STATE = 4;
const OWNER_HIGHEST_SLOT = 5;
const OWNER_WRITES = 6;
const OWNER_OPEN = 1;
const OWNER_ENTERED = 2;
/** Has everything and stands in the list of those to be told. */
const OWNER_TO_TELL = 3;
/** Left while it stood in that list. */
const OWNER_LEFT = 4;

/** The counts of a lock are 16 bits wide; limits.ts shows that owners are fewer. */
const OWNER_COUNT_MAX = 65_535;
const FIRST_OWNERS = 64;
const FIRST_NODES = 256;

export class SlotLocks {
  /** Owners that hold or wait for something: 0 = nothing is locked, and no question is needed. */
  count: number;
  readonly #present: Uint16Array;
  readonly #held: Uint16Array;
  readonly #heads: Int32Array;
  readonly #tails: Int32Array;
  readonly #listeners: LockListener[];
  #owners: Int32Array;
  #nodes: Int32Array;
  #freeOwner: number;
  #freeNode: number;
  #ownersUsed: number;
  #nodesUsed: number;
  #firstToTell: number;
  #lastToTell: number;
  #isTelling: boolean;

  constructor() {
    this.count = 0;
    this.#present = new Uint16Array(COUNT_WORDS);
    this.#held = new Uint16Array(COUNT_WORDS);
    this.#heads = new Int32Array(QUEUE_COUNT);
    this.#tails = new Int32Array(QUEUE_COUNT);
    this.#listeners = [];
    this.#owners = new Int32Array((FIRST_OWNERS + 1) * OWNER_WORDS);
    this.#nodes = new Int32Array((FIRST_NODES + 1) * NODE_WORDS);
    this.#freeOwner = 0;
    this.#freeNode = 0;
    this.#ownersUsed = 0;
    this.#nodesUsed = 0;
    this.#firstToTell = 0;
    this.#lastToTell = 0;
    this.#isTelling = false;
  }

  /** Adds somebody who opens owners; the number goes to `open`. */
  listen(listener: LockListener): number {
    return this.#listeners.push(listener) - 1;
  }

  /**
   * True when a command on `slot` would meet an owner that holds or waits for a lock that
   * conflicts. Ask only while `count` is not 0.
   */
  conflictsWith(slot: number, isWrite: boolean): boolean {
    const present = this.#present;
    const at = slot * 2;
    if ((present[at + 1] ?? 0) !== 0 || (present[ROOT_EXCLUSIVE] ?? 0) !== 0) return true;
    if (!isWrite) return false;
    return (present[at] ?? 0) !== 0 || (present[ROOT_SHARED] ?? 0) !== 0;
  }

  /** As conflictsWith, for one of `lockCount` locks in `locks` from index `at` on. */
  conflictsWithAny(locks: Uint16Array, at: number, lockCount: number): boolean {
    for (let i = at; i < at + lockCount; i++) {
      const lock = locks[i] ?? 0;
      if (this.conflictsWith(lock >> 1, (lock & 1) === 1)) return true;
    }
    return false;
  }

  /** As conflictsWith, for a command that looks at (or changes) the whole shard. */
  conflictsWithWhole(isWrite: boolean): boolean {
    const present = this.#present;
    if ((present[ROOT_EXCLUSIVE] ?? 0) !== 0) return true;
    if ((present[ROOT_WRITES_SLOTS] ?? 0) !== 0) return true;
    if (!isWrite) return false;
    return (present[ROOT_SHARED] ?? 0) !== 0 || (present[ROOT_READS_SLOTS] ?? 0) !== 0;
  }

  /** A new owner without locks; its id is good until `leave`. */
  open(listener: number): number {
    let owner = this.#freeOwner;
    if (owner !== 0) {
      this.#freeOwner = this.#owners[owner * OWNER_WORDS + OWNER_NEXT] ?? 0;
    } else {
      owner = ++this.#ownersUsed;
      assert(owner <= OWNER_COUNT_MAX, 'those who open owners bound their number');
      this.#owners = withRoom(this.#owners, (owner + 1) * OWNER_WORDS);
    }
    const at = owner * OWNER_WORDS;
    this.#owners.fill(0, at, at + OWNER_WORDS);
    this.#owners[at + OWNER_LISTENER] = listener;
    this.#owners[at + OWNER_STATE] = OWNER_OPEN;
    this.#owners[at + OWNER_HIGHEST_SLOT] = -1;
    return owner;
  }

  /** Names one slot that the owner wants. Slots ascend: each at most once, in its stronger mode. */
  addSlot(owner: number, lock: number): void {
    const at = owner * OWNER_WORDS;
    const owners = this.#owners;
    assert(lock >> 1 > (owners[at + OWNER_HIGHEST_SLOT] ?? 0), 'the slots of an owner ascend');
    assert(lock < ROOT_SHARED, 'a lock names a slot');
    owners[at + OWNER_HIGHEST_SLOT] = lock >> 1;
    owners[at + OWNER_WRITES] = (owners[at + OWNER_WRITES] ?? 0) | (lock & 1);
    this.#addNode(owner, lock);
  }

  /** Names the whole shard; `whole` is one of WholeLock. Instead of slots, not beside them. */
  addWhole(owner: number, whole: number): void {
    const at = owner * OWNER_WORDS;
    assert(this.#owners[at + OWNER_FIRST_NODE] === 0, 'an owner wants slots or the whole shard');
    if (whole === WholeLock.None) return;
    this.#addNode(owner, whole === WholeLock.Exclusive ? ROOT_EXCLUSIVE : ROOT_SHARED);
  }

  /**
   * An owner that has named nothing conflicts with who changes the whole shard, and nobody else: it
   * is before or behind such a change. Last, before `enter`.
   */
  addPresence(owner: number): void {
    // The mark that readers of slots leave, and without a slot nothing else.
    const hasNone = this.#owners[owner * OWNER_WORDS + OWNER_FIRST_NODE] === 0;
    if (hasNone) this.#addNode(owner, ROOT_READS_SLOTS);
  }

  /**
   * The owner takes its place behind all who entered before. Without locks it has them all at once.
   * Its listener, and those of nobody else, may be called before this returns; inside a listener's
   * call it is told after that call has returned.
   */
  enter(owner: number): void {
    const at = owner * OWNER_WORDS;
    assert(this.#owners[at + OWNER_STATE] === OWNER_OPEN, 'an owner enters once');
    if ((this.#owners[at + OWNER_HIGHEST_SLOT] ?? 0) >= 0) {
      const isWriter = this.#owners[at + OWNER_WRITES] === 1;
      this.#addNode(owner, isWriter ? ROOT_WRITES_SLOTS : ROOT_READS_SLOTS);
    }
    this.count++;
    let missing = 0;
    const nodes = this.#nodes;
    let node = this.#owners[at + OWNER_FIRST_NODE] ?? 0;
    while (node !== 0) {
      const nodeAt = node * NODE_WORDS;
      if (!this.#request(node, nodes[nodeAt + NODE_LOCK] ?? 0)) missing++;
      node = nodes[nodeAt + NODE_NEXT_OF_OWNER] ?? 0;
    }
    this.#owners[at + OWNER_MISSING] = missing;
    this.#owners[at + OWNER_STATE] = OWNER_ENTERED;
    if (missing === 0) this.#queueToTell(owner);
    this.#tell();
  }

  /**
   * Gives back what the owner holds and stops waiting for the rest; its id may be used again. Those
   * who have all their locks now are told before this returns, or after the listener's call inside
   * which it happens.
   */
  leave(owner: number): void {
    const at = owner * OWNER_WORDS;
    const state = this.#owners[at + OWNER_STATE] ?? 0;
    assert(state !== 0 && state !== OWNER_LEFT, 'an owner leaves once');
    if (state !== OWNER_OPEN) this.count--;
    const nodes = this.#nodes;
    let node = this.#owners[at + OWNER_FIRST_NODE] ?? 0;
    this.#owners[at + OWNER_FIRST_NODE] = 0;
    while (node !== 0) {
      const nodeAt = node * NODE_WORDS;
      const next = nodes[nodeAt + NODE_NEXT_OF_OWNER] ?? 0;
      if (nodes[nodeAt + NODE_STATE] !== NODE_NAMED) this.#withdraw(node);
      nodes[nodeAt + NODE_NEXT_OF_OWNER] = this.#freeNode;
      this.#freeNode = node;
      node = next;
    }
    if (state === OWNER_TO_TELL) this.#owners[at + OWNER_STATE] = OWNER_LEFT;
    else this.#freeOwnerAt(owner);
    this.#tell();
  }

  /** Tells the listener of an owner that has all its locks once more, in its turn. */
  wake(owner: number): void {
    const at = owner * OWNER_WORDS;
    assert(this.#owners[at + OWNER_STATE] === OWNER_ENTERED, 'only who was told is woken');
    assert(this.#owners[at + OWNER_MISSING] === 0, 'only who has all its locks is woken');
    this.#queueToTell(owner);
    this.#tell();
  }

  /**
   * From now on until `resume` nobody is told, as inside a listener's call.
   * @returns false: that is so already, and ends with whoever has begun it
   */
  pause(): boolean {
    if (this.#isTelling) return false;
    this.#isTelling = true;
    return true;
  }

  /** Ends what `pause` has begun; those who have got all their locks meanwhile are told now. */
  resume(): void {
    this.#isTelling = false;
    this.#tell();
  }

  /** True when the owner entered and holds all it wants. */
  hasAll(owner: number): boolean {
    const at = owner * OWNER_WORDS;
    const state = this.#owners[at + OWNER_STATE] ?? 0;
    return state >= OWNER_ENTERED && this.#owners[at + OWNER_MISSING] === 0;
  }

  /** Bytes of the tables. */
  heldBytes(): number {
    return this.#present.byteLength + this.#held.byteLength + this.#heads.byteLength +
      this.#tails.byteLength + this.#owners.byteLength + this.#nodes.byteLength;
  }

  #addNode(owner: number, lock: number): void {
    let node = this.#freeNode;
    if (node !== 0) {
      this.#freeNode = this.#nodes[node * NODE_WORDS + NODE_NEXT_OF_OWNER] ?? 0;
    } else {
      node = ++this.#nodesUsed;
      this.#nodes = withRoom(this.#nodes, (node + 1) * NODE_WORDS);
    }
    const at = node * NODE_WORDS;
    const nodes = this.#nodes;
    const ownerAt = owner * OWNER_WORDS;
    nodes[at + NODE_OWNER] = owner;
    nodes[at + NODE_LOCK] = lock;
    nodes[at + NODE_NEXT_OF_OWNER] = this.#owners[ownerAt + OWNER_FIRST_NODE] ?? 0;
    nodes[at + NODE_PREVIOUS] = 0;
    nodes[at + NODE_NEXT] = 0;
    nodes[at + NODE_STATE] = NODE_NAMED;
    this.#owners[ownerAt + OWNER_FIRST_NODE] = node;
  }

  /** Takes a place in the queue of a lock; true when it is granted at once. */
  #request(node: number, lock: number): boolean {
    const isGranted = isCompatible(this.#present, lock);
    this.#present[lock] = (this.#present[lock] ?? 0) + 1;
    const at = node * NODE_WORDS;
    if (isGranted) {
      this.#held[lock] = (this.#held[lock] ?? 0) + 1;
      this.#nodes[at + NODE_STATE] = NODE_HOLDS;
      return true;
    }
    const queue = queueOf(lock);
    const tail = this.#tails[queue] ?? 0;
    this.#nodes[at + NODE_STATE] = NODE_WAITS;
    this.#nodes[at + NODE_PREVIOUS] = tail;
    if (tail === 0) this.#heads[queue] = node;
    else this.#nodes[tail * NODE_WORDS + NODE_NEXT] = node;
    this.#tails[queue] = node;
    return false;
  }

  /** Takes a node out of the counts and its queue, and grants what it stood in the way of. */
  #withdraw(node: number): void {
    const at = node * NODE_WORDS;
    const lock = this.#nodes[at + NODE_LOCK] ?? 0;
    const queue = queueOf(lock);
    this.#present[lock] = (this.#present[lock] ?? 0) - 1;
    if (this.#nodes[at + NODE_STATE] === NODE_HOLDS) {
      this.#held[lock] = (this.#held[lock] ?? 0) - 1;
    } else {
      this.#unlink(node, queue);
    }
    if (this.#heads[queue] === 0) return;
    if (queue === SLOT_COUNT) this.#advanceRoot(lock === ROOT_EXCLUSIVE);
    else this.#advanceSlot(queue);
  }

  #unlink(node: number, queue: number): void {
    const nodes = this.#nodes;
    const at = node * NODE_WORDS;
    const previous = nodes[at + NODE_PREVIOUS] ?? 0;
    const next = nodes[at + NODE_NEXT] ?? 0;
    if (previous === 0) this.#heads[queue] = next;
    else nodes[previous * NODE_WORDS + NODE_NEXT] = next;
    if (next === 0) this.#tails[queue] = previous;
    else nodes[next * NODE_WORDS + NODE_PREVIOUS] = previous;
  }

  /** Grants the waiters of a slot from the first on, as long as they agree with the holders. */
  #advanceSlot(queue: number): void {
    for (;;) {
      const node = this.#heads[queue] ?? 0;
      if (node === 0) return;
      if (!isCompatible(this.#held, this.#nodes[node * NODE_WORDS + NODE_LOCK] ?? 0)) return;
      this.#grant(node, queue);
    }
  }

  /**
   * As advanceSlot, for the whole shard. A reader of slots minds exclusive locks alone, so it never
   * waits where none is before it; once one has left, the readers up to the next are let through
   * past those who wait for other reasons. Each waiter is passed over that way once: O(1) a waiter.
   */
  #advanceRoot(hasExclusiveLeft: boolean): void {
    if ((this.#held[ROOT_EXCLUSIVE] ?? 0) !== 0) return;
    let isFirst = true;
    let node = this.#heads[SLOT_COUNT] ?? 0;
    while (node !== 0 && (isFirst || hasExclusiveLeft)) {
      const at = node * NODE_WORDS;
      const next = this.#nodes[at + NODE_NEXT] ?? 0;
      const lock = this.#nodes[at + NODE_LOCK] ?? 0;
      if (lock === ROOT_EXCLUSIVE) {
        if (isFirst && isCompatible(this.#held, lock)) this.#grant(node, SLOT_COUNT);
        return;
      }
      if (lock === ROOT_READS_SLOTS) this.#grant(node, SLOT_COUNT);
      else if (isFirst && isCompatible(this.#held, lock)) this.#grant(node, SLOT_COUNT);
      else isFirst = false;
      node = next;
    }
  }

  #grant(node: number, queue: number): void {
    this.#unlink(node, queue);
    const at = node * NODE_WORDS;
    const lock = this.#nodes[at + NODE_LOCK] ?? 0;
    this.#held[lock] = (this.#held[lock] ?? 0) + 1;
    this.#nodes[at + NODE_STATE] = NODE_HOLDS;
    const owner = this.#nodes[at + NODE_OWNER] ?? 0;
    const missingAt = owner * OWNER_WORDS + OWNER_MISSING;
    const missing = (this.#owners[missingAt] ?? 0) - 1;
    this.#owners[missingAt] = missing;
    assert(missing >= 0, 'no lock is granted twice');
    if (missing === 0) this.#queueToTell(owner);
  }

  #queueToTell(owner: number): void {
    const at = owner * OWNER_WORDS;
    this.#owners[at + OWNER_STATE] = OWNER_TO_TELL;
    this.#owners[at + OWNER_NEXT] = 0;
    if (this.#lastToTell === 0) this.#firstToTell = owner;
    else this.#owners[this.#lastToTell * OWNER_WORDS + OWNER_NEXT] = owner;
    this.#lastToTell = owner;
  }

  /** Calls the listeners of all who have their locks; a loop, so that long chains need no stack. */
  #tell(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    try {
      for (;;) {
        const owner = this.#firstToTell;
        if (owner === 0) return;
        const at = owner * OWNER_WORDS;
        this.#firstToTell = this.#owners[at + OWNER_NEXT] ?? 0;
        if (this.#firstToTell === 0) this.#lastToTell = 0;
        if (this.#owners[at + OWNER_STATE] === OWNER_LEFT) {
          this.#freeOwnerAt(owner);
          continue;
        }
        this.#owners[at + OWNER_STATE] = OWNER_ENTERED;
        this.#listeners[this.#owners[at + OWNER_LISTENER] ?? 0]?.onLocked(owner);
      }
    } finally {
      this.#isTelling = false;
    }
  }

  #freeOwnerAt(owner: number): void {
    const at = owner * OWNER_WORDS;
    this.#owners[at + OWNER_STATE] = 0;
    this.#owners[at + OWNER_NEXT] = this.#freeOwner;
    this.#freeOwner = owner;
  }
}

function queueOf(lock: number): number {
  return lock >= ROOT_SHARED ? SLOT_COUNT : lock >> 1;
}

/** True when a lock conflicts with none of those counted. */
function isCompatible(counts: Uint16Array, lock: number): boolean {
  if (lock < ROOT_SHARED) {
    if ((counts[lock | 1] ?? 0) !== 0) return false;
    return (lock & 1) === 0 || (counts[lock & ~1] ?? 0) === 0;
  }
  if ((counts[ROOT_EXCLUSIVE] ?? 0) !== 0) return false;
  if (lock === ROOT_READS_SLOTS) return true;
  if (lock === ROOT_WRITES_SLOTS) return (counts[ROOT_SHARED] ?? 0) === 0;
  if ((counts[ROOT_WRITES_SLOTS] ?? 0) !== 0) return false;
  if (lock === ROOT_SHARED) return true;
  return (counts[ROOT_SHARED] ?? 0) === 0 && (counts[ROOT_READS_SLOTS] ?? 0) === 0;
}

/** The table itself, or one of twice the size with its words. */
function withRoom(words: Int32Array, wordCount: number): Int32Array {
  if (wordCount <= words.length) return words;
  const wider = new Int32Array(Math.max(words.length * 2, wordCount));
  wider.set(words);
  return wider;
}
