/**
 * Multi-shard transactions at their origin: one state machine each, driven by answers.
 *
 *   begin ─▶ Sequencing ─▶ Preparing ─▶ Running (one or more rounds) ─▶ decided: onFinished
 *                │ not now: next turn      │ a refusal: the others are aborted      │
 *                └──▶ Sequencing           └──────────────────▶ decided ◀───────────┘
 * Order is decided once: `sequence` gives all that have begun their place on all their shards in
 * one moment (MeshOrder, docs/adr/0016), so intents come to every shard in the same order. Every
 * answer is waited for: a shard that does not answer stalls its own transactions and nobody else's.
 * A client that vanishes changes nothing: its transaction runs to the end, its replies are dropped.
 * Parts that cannot fail run where they are granted and keep nothing: their place is enough. With
 * one shard beside the origin, its part is prepared first and the other runs at its grant (last
 * agent): one round trip.
 * Locks go with the last step of a part where no later step needs them, else by a release.
 * Cost: O(shards) a transaction, nothing is allocated once the pool is warm. Source: two-phase
 * locking; last agent from Gray's "Notes on data base operating systems", 1978.
 */
import { assert } from '../assert.ts';
import {
  COORDINATED_LOCK_COUNT_MAX, MESH_WORKER_COUNT_MAX, TRANSACTION_COUNT_MAX,
} from '../limits.ts';
import { IntentForm } from './intent-queue.ts';

/** How the parts of a transaction run. */
export const Course = Object.freeze({
  /** All parts at once, none can fail: MGET, DEL, FLUSHALL. */
  Certain: 0,
  /** All parts at once, after all have agreed: MSET, MSETNX, EXEC of single-shard commands. */
  Voted: 1,
  /** The leader runs with what the others answered, then others take what it says: RENAME. */
  Led: 2,
  /** The host names the shards of every round (`nextRound`): EXEC with multi-shard commands. */
  Scripted: 3,
} as const);

/** Where a transaction stands. */
export const Phase = Object.freeze({
  Free: 0, Sequencing: 1, Preparing: 2, Running: 3,
} as const);

/** One transaction. Pooled: good from `begin` until `onFinished` has returned. */
export class Transaction<Work, Reply> {
  /** Below TRANSACTION_COUNT_MAX; with the coordinator's number it names the transaction. */
  readonly handle: number;
  /** One of Phase. */
  phase: number;
  /** One of Course. */
  course: number;
  /** Bit mask of the shards it touches. */
  shards: number;
  /** With Course.Led: the shard that runs first. */
  leader: number;
  /** Locks it asks for, over all shards. */
  lockCount: number;
  /** Its number, from the order of the mesh. */
  number: number;
  /** By shard: what the shard answered last. */
  readonly replies: (Reply | null)[];
  /** What it is about, for the host: client, commands, plan. */
  work: Work | null;
  /** The client is gone: the replies are for nobody. */
  isAbandoned: boolean;
  /** Masks: answers that are due; parts that refused, that have run, that hold locks. */
  pending: number;
  refused: number;
  ran: number;
  holding: number;
  /** Runs started so far; also the number of the next. */
  round: number;
  /** Shards whose locks go with the answer that is due. */
  leaving: number;

  constructor(handle: number, workerCount: number) {
    this.handle = handle;
    this.phase = Phase.Free;
    this.course = Course.Certain;
    this.shards = 0;
    this.leader = -1;
    this.lockCount = 0;
    this.number = 0;
    this.replies = new Array<Reply | null>(workerCount).fill(null);
    this.work = null;
    this.isAbandoned = false;
    this.pending = 0;
    this.refused = 0;
    this.ran = 0;
    this.holding = 0;
    this.round = 0;
    this.leaving = 0;
  }
}

/** How a coordinator reaches the order, the shards and its host. Sends never fail. */
export interface CoordinatorPort<Work, Reply> {
  /**
   * Begins to give places: from now until `publish` nobody else does, and all that has a place
   * before has run, or waits in the lock table, on the own shard. `transaction.number` is set, and
   * there is room for its intents. Asked for each transaction; false: not now, asked again later.
   */
  trySequence(transaction: Transaction<Work, Reply>): boolean;
  /**
   * With one shard beside the own one, whose part has agreed: true when that shard may run upon its
   * intent. False: what it needs to run could come after the intent.
   */
  mayRunAtOnce(transaction: Transaction<Work, Reply>, shard: number): boolean;
  /** All intents that were sent have their place; others may have theirs. */
  publish(): void;
  /** `form` is one of IntentForm. */
  sendIntent(transaction: Transaction<Work, Reply>, shard: number, form: number): void;
  /** `thenRelease`: this is the shard's last step; its locks go with it, no release follows. */
  sendRun(transaction: Transaction<Work, Reply>, shard: number, thenRelease: boolean): void;
  sendRelease(transaction: Transaction<Work, Reply>, shard: number): void;
  sendAbort(transaction: Transaction<Work, Reply>, shard: number): void;
  /**
   * Mask of the shards that run now; 0 = nobody, the rest is released. With Course.Scripted it is
   * asked after the votes and after every round, with Course.Led once, after the leader has run.
   */
  nextRound(transaction: Transaction<Work, Reply>): number;
  /**
   * It is decided and every reply is here: `refused` is 0 when it happened. The transaction is the
   * coordinator's again when this returns; new ones may be begun inside.
   */
  onFinished(transaction: Transaction<Work, Reply>): void;
}

export interface CoordinatorOptions<Work, Reply> {
  readonly workerCount: number;
  /** This worker's number; its own shard has the same. */
  readonly self: number;
  readonly port: CoordinatorPort<Work, Reply>;
}

export class Coordinator<Work, Reply> {
  /** Transactions under way. */
  count: number;
  readonly #port: CoordinatorPort<Work, Reply>;
  readonly #workerCount: number;
  readonly #self: number;
  readonly #all: Transaction<Work, Reply>[];
  readonly #free: Transaction<Work, Reply>[];
  /** Begun and without a place, in order: those from `#unsequencedAt` to `#unsequencedEnd`. */
  readonly #unsequenced: Transaction<Work, Reply>[];
  #unsequencedAt: number;
  #unsequencedEnd: number;
  #lockCount: number;
  /** Those that have their place and whose own part, which cannot fail, has not run. */
  readonly #certain: Transaction<Work, Reply>[];
  #certainCount: number;

  constructor(options: CoordinatorOptions<Work, Reply>) {
    assert(options.workerCount <= MESH_WORKER_COUNT_MAX, 'a shard mask has a bit for every worker');
    this.count = 0;
    this.#port = options.port;
    this.#workerCount = options.workerCount;
    this.#self = options.self;
    this.#all = [];
    this.#free = [];
    this.#unsequenced = [];
    this.#unsequencedAt = 0;
    this.#unsequencedEnd = 0;
    this.#lockCount = 0;
    this.#certain = [];
    this.#certainCount = 0;
  }

  /** True when a transaction with so many locks may begin now; else wait for one to finish. */
  hasRoom(lockCount: number): boolean {
    if (this.count === 0) return true;
    if (this.count >= TRANSACTION_COUNT_MAX) return false;
    return this.#lockCount + lockCount <= COORDINATED_LOCK_COUNT_MAX;
  }

  /**
   * Begins a transaction over two or more shards; `sequence` has to be called in this turn.
   * @param course one of Course
   * @param leader with Course.Led the shard that runs first, else -1
   * @param lockCount locks it asks for over all shards; the whole of a shard counts as one
   * @returns false when there is no room (see hasRoom); nothing has happened then
   */
  begin(shards: number, course: number, leader: number, lockCount: number, work: Work): boolean {
    if (!this.hasRoom(lockCount)) return false;
    assert((shards & (shards - 1)) !== 0, 'one shard needs no coordinator');
    assert(shards >>> this.#workerCount === 0, 'the shards are those of this mesh');
    assert((course === Course.Led) === (leader >= 0), 'a led transaction names its leader');
    assert(leader < 0 || (shards & (1 << leader)) !== 0, 'the leader is one of the shards');
    const transaction = this.#take();
    transaction.phase = Phase.Sequencing;
    transaction.course = course;
    transaction.shards = shards;
    transaction.leader = leader;
    transaction.lockCount = lockCount;
    transaction.work = work;
    transaction.isAbandoned = false;
    transaction.pending = shards;
    transaction.refused = 0;
    transaction.ran = 0;
    transaction.holding = 0;
    transaction.round = 0;
    transaction.leaving = 0;
    this.#lockCount += lockCount;
    this.count++;
    this.#unsequenced[this.#unsequencedEnd] = transaction;
    this.#unsequencedEnd++;
    return true;
  }

  /** True while transactions wait for their place: call `sequence` in the next turn. */
  isSequencing(): boolean {
    return this.#unsequencedAt < this.#unsequencedEnd;
  }

  /**
   * Gives all that have begun their place, in order, until one has to wait. At the end of a turn,
   * not from inside a call of the port. Transactions may be finished before this returns.
   */
  sequence(): void {
    while (this.isSequencing() && this.#sequenceSome());
  }

  /**
   * One publication. Votes of the own shard come first or in a publication of their own: they, and
   * replies that say no, may tell what a part that cannot fail has done.
   * @returns false when the next one has to wait
   */
  #sequenceSome(): boolean {
    let isStopped = false;
    let count = 0;
    for (; this.isSequencing(); count++) {
      const transaction = this.#unsequenced[this.#unsequencedAt];
      assert(transaction !== undefined, 'the list has no holes');
      if (transaction.course !== Course.Certain && this.#certainCount > 0) break;
      if (!this.#port.trySequence(transaction)) {
        isStopped = true;
        break;
      }
      this.#unsequencedAt++;
      this.#start(transaction);
    }
    if (count === 0) return false;
    // An array that is emptied gives its memory away, and the next turn would allocate it again.
    this.#unsequenced.copyWithin(0, this.#unsequencedAt, this.#unsequencedEnd);
    this.#unsequencedEnd -= this.#unsequencedAt;
    this.#unsequencedAt = 0;
    this.#port.publish();
    for (let i = 0; i < this.#certainCount; i++) {
      const transaction = this.#certain[i];
      assert(transaction !== undefined, 'the list has no holes');
      this.#port.sendIntent(transaction, this.#self, IntentForm.RunAtGrant);
    }
    this.#certainCount = 0;
    return !isStopped;
  }

  /**
   * A shard's answer: its vote, what its run gave, or that a void intent is gone.
   * @param reply kept in `replies` until the host has it
   */
  onAnswer(handle: number, shard: number, isAccepted: boolean, reply: Reply | null): void {
    const transaction = this.find(handle);
    const bit = 1 << shard;
    assert((transaction.pending & bit) !== 0, 'a shard answers what it was asked, once');
    transaction.pending &= ~bit;
    transaction.replies[shard] = reply;
    if (!isAccepted) {
      transaction.refused |= bit;
      transaction.ran &= ~bit;
    }
    if ((transaction.leaving & bit) !== 0) {
      transaction.leaving &= ~bit;
      transaction.holding &= ~bit;
    }
    if (transaction.pending !== 0) return;
    this.#advance(transaction);
  }

  /** The transaction under way with this handle. */
  find(handle: number): Transaction<Work, Reply> {
    const transaction = this.#all[handle];
    assert(transaction !== undefined, 'a handle is of a transaction');
    assert(transaction.phase >= Phase.Preparing, 'answers come to what was sent');
    return transaction;
  }

  /**
   * The client of every transaction for which `isOf` says so is gone: their replies are for nobody.
   */
  abandon(isOf: (work: Work) => boolean): void {
    if (this.count === 0) return;
    for (const transaction of this.#all) {
      const { phase, work } = transaction;
      if (phase !== Phase.Free && work !== null && isOf(work)) transaction.isAbandoned = true;
    }
  }

  /** Sends the intents. The transaction may be finished and gone when this returns. */
  #start(transaction: Transaction<Work, Reply>): void {
    transaction.phase = Phase.Preparing;
    const own = transaction.shards & (1 << this.#self);
    const others = transaction.shards & ~own;
    if (transaction.course === Course.Certain) {
      transaction.ran = transaction.shards;
      if (own !== 0) {
        this.#certain[this.#certainCount] = transaction;
        this.#certainCount++;
      }
      this.#sendIntents(transaction, others, IntentForm.RunAtGrant);
      return;
    }
    transaction.holding = transaction.shards;
    const agent = own !== 0 && (others & (others - 1)) === 0 ? shardOf(others) : -1;
    const mayBeLast =
      agent >= 0 && transaction.course !== Course.Scripted &&
      (transaction.leader < 0 || transaction.leader === agent);
    if (own !== 0) this.#port.sendIntent(transaction, this.#self, IntentForm.Prepare);
    if (mayBeLast) this.#sendLast(transaction, agent);
    else this.#sendIntents(transaction, others, IntentForm.Prepare);
  }

  #sendIntents(transaction: Transaction<Work, Reply>, shards: number, form: number): void {
    for (let left = shards; left !== 0; left &= left - 1) {
      this.#port.sendIntent(transaction, shardOf(left), form);
    }
  }

  /** The other shard's intent, after the own part was asked; it depends on what that has said. */
  #sendLast(transaction: Transaction<Work, Reply>, agent: number): void {
    const own = 1 << this.#self;
    const bit = 1 << agent;
    if ((transaction.pending & own) !== 0) {
      // The own part waits for locks. Both answer, then the own one runs.
      this.#port.sendIntent(transaction, agent, IntentForm.Prepare);
    } else if ((transaction.refused & own) !== 0) {
      // It is decided, and the other shard need not hear of it.
      transaction.holding = own;
      transaction.pending = 0;
      this.#advance(transaction);
    } else if (this.#port.mayRunAtOnce(transaction, agent)) {
      transaction.ran = bit;
      transaction.leaving = bit;
      this.#port.sendIntent(transaction, agent, IntentForm.RunAndRelease);
    } else {
      this.#port.sendIntent(transaction, agent, IntentForm.Prepare);
    }
  }

  /** All answers of a round are here. */
  #advance(transaction: Transaction<Work, Reply>): void {
    const isScripted = transaction.course === Course.Scripted;
    const hasVoted = transaction.phase === Phase.Running;
    if (transaction.refused !== 0 && !(isScripted && hasVoted)) {
      assert(this.#mayRefuse(transaction), 'what was prepared or cannot fail does not refuse');
      this.#abortHolders(transaction);
      this.#finish(transaction);
      return;
    }
    const next = this.#nextRound(transaction);
    // What a step of a script answers is the script's own affair.
    transaction.refused = 0;
    if (next === 0) {
      this.#releaseHolders(transaction);
      this.#finish(transaction);
      return;
    }
    transaction.phase = Phase.Running;
    transaction.round++;
    transaction.pending = next;
    transaction.ran |= next;
    if (!isScripted) transaction.leaving = next;
    let left = next;
    while (left !== 0) {
      const shard = shardOf(left);
      left &= left - 1;
      this.#port.sendRun(transaction, shard, !isScripted);
    }
  }

  /** Nobody may refuse once another part has run. */
  #mayRefuse(transaction: Transaction<Work, Reply>): boolean {
    return transaction.ran === 0;
  }

  /** The shards of the next round; 0 = all has been done. */
  #nextRound(transaction: Transaction<Work, Reply>): number {
    const { course, shards, ran, leader } = transaction;
    if (course === Course.Scripted) return this.#port.nextRound(transaction);
    if (course !== Course.Led) return shards & ~ran;
    if (ran === 0) return 1 << leader;
    return ran === 1 << leader ? this.#port.nextRound(transaction) : 0;
  }

  #abortHolders(transaction: Transaction<Work, Reply>): void {
    let left = transaction.holding;
    transaction.holding = 0;
    while (left !== 0) {
      const shard = shardOf(left);
      left &= left - 1;
      this.#port.sendAbort(transaction, shard);
    }
  }

  #releaseHolders(transaction: Transaction<Work, Reply>): void {
    let left = transaction.holding;
    transaction.holding = 0;
    while (left !== 0) {
      const shard = shardOf(left);
      left &= left - 1;
      this.#port.sendRelease(transaction, shard);
    }
  }

  #finish(transaction: Transaction<Work, Reply>): void {
    this.#port.onFinished(transaction);
    this.#recycle(transaction);
  }

  #take(): Transaction<Work, Reply> {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    const made = new Transaction<Work, Reply>(this.#all.length, this.#workerCount);
    this.#all.push(made);
    return made;
  }

  #recycle(transaction: Transaction<Work, Reply>): void {
    transaction.phase = Phase.Free;
    transaction.work = null;
    transaction.replies.fill(null);
    this.#lockCount -= transaction.lockCount;
    this.count--;
    this.#free.push(transaction);
  }
}

/** The lowest shard of a mask. */
function shardOf(mask: number): number {
  return 31 - Math.clz32(mask & -mask);
}
