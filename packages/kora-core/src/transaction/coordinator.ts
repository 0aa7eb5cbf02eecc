/**
 * Multi-shard transactions at their origin: one state machine each, driven by answers.
 *
 *   begin ─▶ Sequencing ─▶ Preparing ─▶ Running (one or more rounds) ─▶ decided: onFinished
 *                │ lock taken: next turn   │ a refusal: the others are aborted      │
 *                └──▶ Sequencing           └──────────────────▶ decided ◀───────────┘
 *   decided ─▶ free, or Ending while a void intent has not been answered
 *
 * Order is decided once, by the tickets of all its shards taken together (docs/adr/0015). Every
 * answer is waited for: a shard that does not answer stalls its own transactions and nobody else's.
 * A client that vanishes changes nothing: its transaction runs to the end, its replies are dropped.
 * Rounds saved: parts that cannot fail run when they are granted. With one shard beside the origin,
 * the origin's part is prepared first and the other runs at its grant (last agent): one round trip.
 * Locks go with the last step of a part where no later step needs them, else by a release.
 * Cost: O(shards) a transaction, no closure and no object once the pool is warm.
 * Source: two-phase locking; last agent from Gray's "Notes on data base operating systems", 1978.
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
  Free: 0, Sequencing: 1, Preparing: 2, Running: 3, Ending: 4,
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
  /** Its number, from the sequencer. */
  number: number;
  /** By shard: its ticket there, from the sequencer. */
  readonly tickets: Int32Array;
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
    this.tickets = new Int32Array(workerCount);
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

/** How a coordinator reaches the sequencer, the shards and its host. Sends never fail. */
export interface CoordinatorPort<Work, Reply> {
  /**
   * Takes the next ticket of every shard in `transaction.shards` into `transaction.tickets`, and
   * `transaction.number`, all in one. False: somebody else is doing that now; asked again later.
   */
  trySequence(transaction: Transaction<Work, Reply>): boolean;
  /** `form` is one of IntentForm; the ticket is `transaction.tickets[shard]`. */
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
  /** Begun and without tickets, in order; from `#unsequencedAt` on. */
  readonly #unsequenced: Transaction<Work, Reply>[];
  #unsequencedAt: number;
  #lockCount: number;

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
    this.#lockCount = 0;
  }

  /** True when a transaction with so many locks may begin now; else wait for one to finish. */
  hasRoom(lockCount: number): boolean {
    if (this.count === 0) return true;
    if (this.count >= TRANSACTION_COUNT_MAX) return false;
    return this.#lockCount + lockCount <= COORDINATED_LOCK_COUNT_MAX;
  }

  /**
   * Begins a transaction over two or more shards. It may be finished before this returns, when all
   * answers are calls.
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
    if (this.isSequencing() || !this.#port.trySequence(transaction)) {
      this.#unsequenced.push(transaction);
    } else {
      this.#start(transaction);
    }
    return true;
  }

  /** True while transactions wait for the sequencer: call `sequence` in the next turn. */
  isSequencing(): boolean {
    return this.#unsequencedAt < this.#unsequenced.length;
  }

  /** Tries once for each transaction that waits for the sequencer, in order, until one fails. */
  sequence(): void {
    while (this.isSequencing()) {
      const transaction = this.#unsequenced[this.#unsequencedAt];
      assert(transaction !== undefined, 'the list has no holes');
      if (!this.#port.trySequence(transaction)) return;
      this.#unsequencedAt++;
      if (!this.isSequencing()) {
        this.#unsequenced.length = 0;
        this.#unsequencedAt = 0;
      } else if (this.#unsequencedAt >= TRANSACTION_COUNT_MAX) {
        this.#unsequenced.splice(0, this.#unsequencedAt);
        this.#unsequencedAt = 0;
      }
      this.#start(transaction);
    }
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
    if (transaction.phase === Phase.Ending) this.#recycle(transaction);
    else this.#advance(transaction);
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
    transaction.holding = transaction.shards;
    const own = transaction.shards & (1 << this.#self);
    let others = transaction.shards & ~own;
    const isCertain = transaction.course === Course.Certain;
    const agent = own !== 0 && (others & (others - 1)) === 0 ? shardOf(others) : -1;
    const mayBeLast =
      agent >= 0 && transaction.course !== Course.Scripted &&
      (transaction.leader < 0 || transaction.leader === agent);
    if (mayBeLast) {
      this.#port.sendIntent(transaction, this.#self, IntentForm.Prepare);
      this.#sendLast(transaction, agent, isCertain);
      return;
    }
    if (isCertain) transaction.ran = transaction.shards;
    const form = isCertain ? IntentForm.RunAtGrant : IntentForm.Prepare;
    if (own !== 0) this.#port.sendIntent(transaction, this.#self, form);
    while (others !== 0) {
      const shard = shardOf(others);
      others &= others - 1;
      this.#port.sendIntent(transaction, shard, form);
    }
  }

  /** The other shard's intent, after the own part was asked; it depends on what that has said. */
  #sendLast(transaction: Transaction<Work, Reply>, agent: number, isCertain: boolean): void {
    const own = 1 << this.#self;
    const bit = 1 << agent;
    if ((transaction.pending & own) !== 0) {
      // The own part waits for locks. Both answer, then the own one runs.
      if (isCertain) transaction.ran = bit;
      this.#port.sendIntent(
        transaction, agent, isCertain ? IntentForm.RunAtGrant : IntentForm.Prepare,
      );
    } else if ((transaction.refused & own) !== 0) {
      transaction.holding &= ~bit;
      this.#decideAgainst(transaction, agent);
    } else {
      transaction.ran = bit;
      transaction.leaving = bit;
      this.#port.sendIntent(transaction, agent, IntentForm.RunAndRelease);
    }
  }

  /**
   * The own part refused before the other was asked. Its ticket has to be filled all the same, and
   * the handle stays in use until that is done.
   */
  #decideAgainst(transaction: Transaction<Work, Reply>, agent: number): void {
    transaction.pending = 0;
    this.#abortHolders(transaction);
    this.#port.onFinished(transaction);
    transaction.work = null;
    transaction.phase = Phase.Ending;
    transaction.pending = 1 << agent;
    this.#port.sendIntent(transaction, agent, IntentForm.Void);
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
