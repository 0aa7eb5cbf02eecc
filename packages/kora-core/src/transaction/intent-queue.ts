/**
 * The intents of multi-shard transactions at one shard: from their arrival to their release. A
 * transaction takes one ticket of every shard it touches, all at once (mesh sequencer), so all
 * shards see any two transactions in the same order. Here they may arrive in any order; they are
 * admitted strictly by ticket, and a gap is a message under way: later intents wait for it, single
 * commands go on. An admitted intent takes its place in the lock table and is granted when no
 * earlier one that is not released conflicts; intents on disjoint slots are granted at once.
 *   open ─▶ admit ─▶ (ticket reached) Waiting ─▶ Granted ─▶ release
 * Admission cannot fail: a coordinator has at most TRANSACTION_COUNT_MAX transactions, refuses
 * before it takes tickets, and has one intent of each here.
 * Cost: O(slots) an intent, whatever waits; nothing allocated once the pool is warm.
 */
import { assert } from '../assert.ts';
import { INTENT_LOCK_COUNT_MAX, TRANSACTION_COUNT_MAX } from '../limits.ts';
import type { LockListener, SlotLocks } from './slot-locks.ts';

/** What a shard does with an intent once it is granted. The numbers travel in messages. */
export const IntentForm = Object.freeze({
  /** Nothing: it fills its ticket, answers and is gone. The transaction ended before it. */
  Void: 0,
  /** Checks and reserves, answers with its vote, keeps its locks and waits to be told more. */
  Prepare: 1,
  /** A part that cannot fail: runs, answers, keeps its locks until the release. */
  RunAtGrant: 2,
  /** The last agent: checks, runs, answers and releases itself. All others are prepared. */
  RunAndRelease: 3,
} as const);

/** Where an intent stands. */
export const IntentStage = Object.freeze({
  Free: 0,
  /** Its ticket has not been reached. */
  Arrived: 1,
  /** It has its place among the others and waits for locks. */
  Waiting: 2,
  /** It has all its locks. */
  Granted: 3,
} as const);

/** One shard's part of a transaction. Pooled: good from `open` to `release`. */
export class Intent<Payload> {
  /** Worker that coordinates the transaction. */
  coordinator: number;
  /** The coordinator's name for it: below TRANSACTION_COUNT_MAX, its own while it is under way. */
  handle: number;
  /** Number of the transaction, for the journal; larger = later, on every shard. */
  transaction: number;
  /** Place in this shard's order, int32 that wraps. */
  ticket: number;
  /** One of IntentForm. */
  form: number;
  /** One of IntentStage. */
  stage: number;
  /** What the part is to do; the queue does not look at it. */
  payload: Payload | null;
  /** Its id in the lock table. */
  owner: number;
  /** Locks named so far. */
  lockCount: number;
  /** The next one with this handle, which came before the last word about this one. */
  nextOfHandle: Intent<Payload> | null;

  constructor() {
    this.coordinator = 0;
    this.handle = 0;
    this.transaction = 0;
    this.ticket = 0;
    this.form = IntentForm.Void;
    this.stage = IntentStage.Free;
    this.payload = null;
    this.owner = 0;
    this.lockCount = 0;
    this.nextOfHandle = null;
  }
}

/** Hears of grants. */
export interface IntentHost<Payload> {
  /**
   * The intent has all its locks. May release it, admit others and start transactions; grants that
   * follow from it are told after this call has returned, or inside `admit` and `release` when they
   * are called from elsewhere.
   */
  onGranted(intent: Intent<Payload>): void;
}

export interface IntentQueueOptions<Payload> {
  /** Workers that may coordinate transactions here. */
  readonly workerCount: number;
  readonly locks: SlotLocks;
  readonly host: IntentHost<Payload>;
  /** Ticket of the first intent, int32; 0 unless a test wants another. */
  readonly firstTicket?: number;
}

export class IntentQueue<Payload> implements LockListener {
  readonly locks: SlotLocks;
  /** Intents that are here, at any stage. */
  count: number;
  /** The ticket that is admitted next. */
  nextTicket: number;
  readonly #host: IntentHost<Payload>;
  readonly #listener: number;
  readonly #workerCount: number;
  /** By ticket modulo the size: intents that arrived and are not admitted. */
  readonly #arrived: (Intent<Payload> | null)[];
  /** By coordinator and handle: the oldest one. */
  readonly #byHandle: (Intent<Payload> | null)[];
  /** By owner id. */
  readonly #byOwner: (Intent<Payload> | null)[];
  readonly #pool: Intent<Payload>[];

  constructor(options: IntentQueueOptions<Payload>) {
    this.locks = options.locks;
    this.count = 0;
    this.nextTicket = (options.firstTicket ?? 0) | 0;
    this.#host = options.host;
    this.#listener = options.locks.listen(this);
    this.#workerCount = options.workerCount;
    const intentCountMax = options.workerCount * TRANSACTION_COUNT_MAX;
    this.#arrived = emptySlots(powerOfTwoFrom(intentCountMax));
    this.#byHandle = emptySlots(intentCountMax);
    this.#byOwner = [];
    this.#pool = [];
  }

  /** A new intent without locks; `lockSlots` or `lockWhole` and then `admit` follow at once. */
  open(
    coordinator: number, handle: number, transaction: number, ticket: number, form: number,
  ): Intent<Payload> {
    assert(coordinator < this.#workerCount, 'the coordinator is a worker of this mesh');
    assert(handle < TRANSACTION_COUNT_MAX, 'a handle is below the bound of its coordinator');
    const intent = this.#pool.pop() ?? new Intent<Payload>();
    intent.coordinator = coordinator;
    intent.handle = handle;
    intent.transaction = transaction;
    intent.ticket = ticket | 0;
    intent.form = form;
    intent.stage = IntentStage.Arrived;
    intent.payload = null;
    intent.owner = this.locks.open(this.#listener);
    intent.lockCount = 0;
    intent.nextOfHandle = null;
    this.#name(intent);
    while (this.#byOwner.length <= intent.owner) this.#byOwner.push(null);
    this.#byOwner[intent.owner] = intent;
    this.count++;
    return intent;
  }

  /**
   * Names slots the intent wants: `lockCount` words of `lockOf` from index `at` on, slots
   * ascending; they are copied. At most INTENT_LOCK_COUNT_MAX in all: more take the whole shard.
   */
  lockSlots(intent: Intent<Payload>, locks: Uint16Array, at: number, lockCount: number): void {
    intent.lockCount += lockCount;
    assert(intent.lockCount <= INTENT_LOCK_COUNT_MAX, 'many slots are locked as the whole shard');
    for (let i = at; i < at + lockCount; i++) this.locks.addSlot(intent.owner, locks[i] ?? 0);
  }

  /** The intent wants the whole shard; `whole` is one of WholeLock. */
  lockWhole(intent: Intent<Payload>, whole: number): void {
    this.locks.addWhole(intent.owner, whole);
  }

  /**
   * Puts an opened intent to its ticket, and admits all whose turn it now is. The host may be
   * called before this returns; then the intent may be released already.
   */
  admit(intent: Intent<Payload>): void {
    const arrived = this.#arrived;
    const mask = arrived.length - 1;
    const ahead = (intent.ticket - this.nextTicket) | 0;
    assert(ahead >= 0 && ahead < arrived.length, 'a ticket is new, and not farther than the bound');
    assert(arrived[intent.ticket & mask] === null, 'a ticket is given out once');
    arrived[intent.ticket & mask] = intent;
    for (;;) {
      const next = arrived[this.nextTicket & mask] ?? null;
      if (next === null) return;
      arrived[this.nextTicket & mask] = null;
      this.nextTicket = (this.nextTicket + 1) | 0;
      next.stage = IntentStage.Waiting;
      this.locks.enter(next.owner);
    }
  }

  /**
   * The intent of a coordinator's transaction, which is here and not forgotten; the oldest of this
   * handle. A coordinator uses a handle again once it has said all about the last transaction with
   * it; intents may come by another way than its words and overtake them, words stay in order.
   */
  find(coordinator: number, handle: number): Intent<Payload> {
    const intent = this.#byHandle[coordinator * TRANSACTION_COUNT_MAX + handle] ?? null;
    assert(intent !== null, 'a coordinator speaks of transactions that it sent');
    return intent;
  }

  /**
   * Gives the handle of a granted intent back to its coordinator: nothing more will be said of it.
   * Belongs before the last answer, upon which the coordinator may use the handle again.
   */
  forget(intent: Intent<Payload>): void {
    assert(this.#unname(intent), 'an intent is forgotten once');
  }

  /**
   * Ends a granted intent: its locks go to those who wait, its object to the pool. Its handle is
   * free too, unless it was forgotten before.
   */
  release(intent: Intent<Payload>): void {
    assert(intent.stage === IntentStage.Granted, 'what is released was granted');
    this.#unname(intent);
    const { owner } = intent;
    this.#byOwner[owner] = null;
    intent.stage = IntentStage.Free;
    intent.payload = null;
    this.#pool.push(intent);
    this.count--;
    this.locks.leave(owner);
  }

  #name(intent: Intent<Payload>): void {
    const at = intent.coordinator * TRANSACTION_COUNT_MAX + intent.handle;
    let last = this.#byHandle[at] ?? null;
    if (last === null) {
      this.#byHandle[at] = intent;
      return;
    }
    while (last.nextOfHandle !== null) last = last.nextOfHandle;
    last.nextOfHandle = intent;
  }

  /** Takes an intent off the list of its handle; false when it was not on it. */
  #unname(intent: Intent<Payload>): boolean {
    const at = intent.coordinator * TRANSACTION_COUNT_MAX + intent.handle;
    let before: Intent<Payload> | null = null;
    let found = this.#byHandle[at] ?? null;
    while (found !== null && found !== intent) {
      before = found;
      found = found.nextOfHandle;
    }
    if (found === null) return false;
    if (before === null) this.#byHandle[at] = intent.nextOfHandle;
    else before.nextOfHandle = intent.nextOfHandle;
    intent.nextOfHandle = null;
    return true;
  }

  /** @internal from the lock table */
  onLocked(owner: number): void {
    const intent = this.#byOwner[owner] ?? null;
    assert(intent !== null, 'an owner of this listener is an intent');
    intent.stage = IntentStage.Granted;
    this.#host.onGranted(intent);
  }
}

function emptySlots<Item>(count: number): (Item | null)[] {
  return new Array<Item | null>(count).fill(null);
}

function powerOfTwoFrom(least: number): number {
  let size = 1;
  while (size < least) size *= 2;
  return size;
}
