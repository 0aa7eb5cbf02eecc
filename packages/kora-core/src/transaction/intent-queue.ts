/**
 * The intents of multi-shard transactions at one shard: from their arrival to their release. They
 * arrive in the one order of the mesh (MeshOrder), so all shards see any two transactions in the
 * same order. An admitted intent takes its place in the lock table and is granted when no earlier
 * one that is not released conflicts; intents on disjoint slots are granted at once.
 *   open ─▶ admit ─▶ Waiting ─▶ Granted ─▶ release
 * Admission cannot fail: a coordinator has at most TRANSACTION_COUNT_MAX transactions and one
 * intent of each here.
 * Cost: O(slots) an intent, whatever waits; nothing allocated once the pool is warm.
 */
import { assert } from '../assert.ts';
import { INTENT_LOCK_COUNT_MAX, TRANSACTION_COUNT_MAX } from '../limits.ts';
import type { LockListener, SlotLocks } from './slot-locks.ts';

/** What a shard does with an intent once it is granted. The numbers travel in messages. */
export const IntentForm = Object.freeze({
  /** Checks and reserves, answers with its vote, keeps its locks and waits to be told more. */
  Prepare: 1,
  /** A part that cannot fail: runs, answers and is gone. */
  RunAtGrant: 2,
  /** The last agent: checks, runs, answers and releases itself. All others are prepared. */
  RunAndRelease: 3,
} as const);

/** Where an intent stands. */
export const IntentStage = Object.freeze({
  Free: 0,
  /** It is here and not admitted yet. */
  Open: 1,
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
    this.form = 0;
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
}

export class IntentQueue<Payload> implements LockListener {
  readonly locks: SlotLocks;
  /** Intents that are here, at any stage. */
  count: number;
  readonly #host: IntentHost<Payload>;
  readonly #listener: number;
  readonly #workerCount: number;
  /** By coordinator and handle: the oldest one. */
  readonly #byHandle: (Intent<Payload> | null)[];
  /** By owner id. */
  readonly #byOwner: (Intent<Payload> | null)[];
  readonly #pool: Intent<Payload>[];

  constructor(options: IntentQueueOptions<Payload>) {
    this.locks = options.locks;
    this.count = 0;
    this.#host = options.host;
    this.#listener = options.locks.listen(this);
    this.#workerCount = options.workerCount;
    const intentCountMax = options.workerCount * TRANSACTION_COUNT_MAX;
    this.#byHandle = new Array<Intent<Payload> | null>(intentCountMax).fill(null);
    this.#byOwner = [];
    this.#pool = [];
  }

  /** A new intent without locks; `lockSlots` or `lockWhole` and then `admit` follow at once. */
  open(
    coordinator: number, handle: number, transaction: number, form: number,
  ): Intent<Payload> {
    assert(coordinator < this.#workerCount, 'the coordinator is a worker of this mesh');
    assert(handle < TRANSACTION_COUNT_MAX, 'a handle is below the bound of its coordinator');
    const intent = this.#pool.pop() ?? new Intent<Payload>();
    intent.coordinator = coordinator;
    intent.handle = handle;
    intent.transaction = transaction;
    intent.form = form;
    intent.stage = IntentStage.Open;
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
   * An intent that has named no lock conflicts with those who change the whole shard then, as one
   * does that has: it is before them on all shards, or behind them on all.
   */
  lockPresence(intent: Intent<Payload>): void {
    this.locks.addPresence(intent.owner);
  }

  /**
   * Puts an opened intent behind all that were admitted before. The host may be called before this
   * returns; then the intent may be released already.
   */
  admit(intent: Intent<Payload>): void {
    assert(intent.stage === IntentStage.Open, 'an intent is admitted once');
    intent.stage = IntentStage.Waiting;
    this.locks.enter(intent.owner);
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
