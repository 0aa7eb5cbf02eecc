/**
 * Commands of this worker's connections that wait for keys of other workers, or of several. All
 * shards with keys of the command are asked in one transaction (wait-parts.ts):
 *
 *   Joining --nobody has anything: all note it--> Waiting --a shard claims it: its reply--> over
 *           --a shard has all keys, and something: its reply--> over
 *           --a shard has something: nobody notes it--> Trying
 *   Trying  the command runs as one that does not wait: its reply --> over; nothing --> Joining
 *   Waiting --time, CLIENT UNBLOCK, the connection's end: cancel takes the claim--> over
 *           --something to move elsewhere, claim taken--> Moving
 *   Moving  as Trying; nothing: the claim is given back --> Waiting, in its place
 *   Served  its reply is here, and no memory to send it from: as soon as there is --> over
 * The connection waits from the beginning (waits.ts). Its end takes the claim at once; what else
 *   would end the wait while shards are asked is done afterwards.
 * Invariant: a command that is over has told all shards that may have noted it, after they have.
 * Cost: a transaction to begin. Bound: CLAIM_COUNT_MAX; arguments as those of MULTI.
 */
import type { Command, Router, Shard } from '@kora/core';
import {
  ArgFrame, assert, ClientState, CommandQueue, ReplyError, ROUTE_SEVERAL,
} from '@kora/core';
import { RespSink } from '../resp-sink.ts';
import type { Session } from '../session.ts';
import type { Worker } from '../worker.ts';
import { Claims } from './claims.ts';
import type { Coordination } from './coordination.ts';
import type { Origin } from './origin.ts';
import { Step } from './origin.ts';
import { QueuedFrame } from './queued-frame.ts';
import type { ReplyBytes } from './reply-bytes.ts';
import type { WaitNotes } from './wait-notes.ts';
import { WAIT_BYTES, WAIT_CLAIM, WAIT_CLAIM_AT, WAIT_HANDLE, WAIT_WHOLE } from './wait-parts.ts';

/** Where a command stands. */
const Phase = Object.freeze({ Joining: 0, Trying: 1, Waiting: 2, Moving: 3, Served: 4 } as const);

const tooMany = new ReplyError('OOM too many commands wait for keys');
const tooLong = new ReplyError('ERR argument too large for a command over several workers');
/** Nothing, as commands that do not wait say it: null in RESP2, null array, null in RESP3. */
const NOTHING: ReadonlySet<string> = new Set(['$-1\r\n', '*-1\r\n', '_\r\n']);
const NOTHING_BYTES_MAX = 5;

/** A command that waits. */
class Across {
  readonly handle: number;
  readonly command: Command;
  /** It alone, with its arguments. */
  readonly queue: CommandQueue;
  readonly untilMs: number;
  /** Null when its connection is gone. */
  session: Session | null;
  phase: number = Phase.Joining;
  /** Mask of the shards that have keys of it. */
  shards = 0;
  /** A reply that came before all shards had answered, or before memory; undefined: none. */
  early: Uint8Array | null | undefined = undefined;
  /** The shard that has something to move, -1 = none. */
  movableAt = -1;
  /** Its time is over. */
  isDue = false;
  /** Its claim word says that it is over, while shards are still asked. */
  isCancelled = false;

  constructor(
    handle: number, session: Session, command: Command, queue: CommandQueue, untilMs: number,
  ) {
    this.handle = handle;
    this.session = session;
    this.command = command;
    this.queue = queue;
    this.untilMs = untilMs;
  }
}

/** What a transaction of such a command has come to. */
export interface WaitOutcome {
  /** Mask of the shards that said no. */
  readonly refused: number;
  /** By shard. */
  readonly replies: readonly (ReplyBytes | null)[];
  /** The shard whose answer is the reply; -1 = there is one answer alone. */
  readonly leader: number;
}

export class WaitsAcross {
  readonly #worker: Worker;
  readonly #shard: Shard;
  readonly #router: Router;
  readonly #origin: Origin;
  readonly #coordination: Coordination;
  readonly #notes: WaitNotes;
  readonly #claims: Claims;
  readonly #queued: QueuedFrame;
  readonly #byHandle = new Map<number, Across>();
  /** The command with the argument that says who waits. */
  readonly #asking: ArgFrame;
  readonly #askingAt: number;
  /** Those that found no room to be asked. */
  #held: Across[] = [];
  /** Those whose replies found no memory. */
  #unsaid: Across[] = [];

  constructor(
    worker: Worker, router: Router, origin: Origin, coordination: Coordination, notes: WaitNotes,
  ) {
    const { shard, executor } = worker;
    this.#worker = worker;
    this.#shard = shard;
    this.#router = router;
    this.#origin = origin;
    this.#coordination = coordination;
    this.#notes = notes;
    this.#claims = new Claims(shard.memory);
    this.#queued = new QueuedFrame(shard, executor.registry);
    this.#asking = new ArgFrame(shard.memory, new ClientState(0));
    this.#askingAt = shard.memory.lowAllocator.alloc(WAIT_BYTES) * 8;
  }

  /** Commands that wait, or are asked about. */
  get count(): number {
    return this.#byHandle.size;
  }

  /** Replies wait for memory: there have to be turns. */
  get hasUnsaid(): boolean {
    return this.#unsaid.length > 0;
  }

  /** True for a command that waits when it finds nothing. */
  concerns(session: Session, command: Command, frame: ArgFrame): boolean {
    const { waiting } = command;
    if (waiting === null || session.waitHost === null) return false;
    if (command.parse(frame) !== null) return false;
    const timeoutMs = waiting.timeoutMs(frame);
    return typeof timeoutMs === 'number' && timeoutMs >= 0;
  }

  /**
   * Begins a command that concerns it, whose keys are elsewhere; its session owes nothing and is
   * owed nothing. @returns Step.Sent
   */
  begin(session: Session, command: Command, frame: ArgFrame): number {
    const timeoutMs = command.waiting?.timeoutMs(frame);
    assert(typeof timeoutMs === 'number', 'the time-out was looked at');
    const untilMs = timeoutMs === 0 ? Infinity : this.#shard.nowMs + timeoutMs;
    const queue = new CommandQueue(this.#shard.transactions.queues);
    const handle = this.#claims.open();
    const error = handle < 0 ? tooMany : queue.add(command, frame);
    if (error !== null) {
      if (handle >= 0) this.#claims.close(handle);
      queue.free();
      this.#refuse(session, error);
      return Step.Sent;
    }
    const one = new Across(handle, session, command, queue, untilMs);
    this.#byHandle.set(handle, one);
    this.#worker.waits.begin(session, {
      bytes: queue.bytes,
      cancel: () => this.#cancel(one),
      writeNothing: (sink) => {
        sink.nullArray();
      },
    }, untilMs);
    this.#join(one);
    return Step.Sent;
  }

  /** Once a turn, before transactions get their places: who found no room is asked again. */
  retry(): void {
    if (this.#unsaid.length > 0) this.#sayUnsaid();
    if (this.#held.length === 0) return;
    const held = this.#held;
    this.#held = [];
    for (const one of held) {
      if (one.session === null) this.#close(one);
      else if (one.phase === Phase.Joining) this.#join(one);
      else this.#try(one);
    }
  }

  #refuse(session: Session, error: ReplyError): void {
    const window = this.#origin.replies.windowFor(session);
    const place = window.addPending(-1, true, session.isMuted, false);
    this.#origin.replies.reply(window, place, (sink) => {
      sink.error(error);
    });
  }

  // ------------------------------------------------------------------ asking

  #join(one: Across): void {
    const { session, command } = one;
    assert(session !== null, 'who is asked about is connected');
    one.phase = Phase.Joining;
    this.#origin.replies.select(session);
    const frame = this.#look(one);
    this.#fillAsking(one, frame);
    const step = this.#coordination.beginWaiting(
      session, command, frame, this.#asking, (outcome) => {
        this.#onJoined(one, outcome);
      },
    );
    this.#afterBegin(one, step);
    if (step === Step.Sent) one.shards = this.#coordination.plannedShards;
  }

  #try(one: Across): void {
    const { session, command } = one;
    assert(session !== null, 'who is asked about is connected');
    this.#origin.replies.select(session);
    const step = this.#coordination.beginTrying(session, command, this.#look(one), (outcome) => {
      this.#onTried(one, outcome);
    });
    this.#afterBegin(one, step);
  }

  #afterBegin(one: Across, step: number): void {
    if (step === Step.Hold) {
      this.#hold(one);
    } else if (step === Step.Here) {
      this.#end(one, (sink) => {
        sink.error(tooLong);
      });
    }
  }

  /** It is asked about at the end of this turn, or in the next. */
  #hold(one: Across): void {
    this.#held.push(one);
    this.#worker.engine.requestTurn();
  }

  #look({ queue }: Across): ArgFrame {
    queue.rewind();
    const isThere = queue.next();
    assert(isThere, 'a command that waits has its arguments');
    this.#queued.look(queue);
    return this.#queued.frame;
  }

  /** The arguments, and behind them who waits. */
  #fillAsking({ handle, command }: Across, frame: ArgFrame): void {
    const { count } = frame;
    const at = new Int32Array(count + 1);
    const bytes = new Int32Array(count + 1);
    at.set(frame.at.subarray(0, count));
    bytes.set(frame.bytes.subarray(0, count));
    at[count] = this.#askingAt;
    bytes[count] = WAIT_BYTES;
    const isWhole = this.#router.ownerOf(command, frame) !== ROUTE_SEVERAL;
    const word = this.#askingAt >>> 2;
    const { i32 } = this.#shard.memory;
    i32[word + WAIT_HANDLE] = handle;
    i32[word + WAIT_CLAIM_AT] = this.#claims.atOf(handle);
    i32[word + WAIT_CLAIM] = this.#claims.waitingOf(handle);
    i32[word + WAIT_WHOLE] = isWhole ? 1 : 0;
    this.#asking.bind(at, bytes, count + 1);
  }

  #onJoined(one: Across, { refused, replies }: WaitOutcome): void {
    if (refused !== 0) {
      // Nobody has noted it.
      one.phase = Phase.Trying;
      if (one.session === null) this.#close(one);
      else if (one.isDue) this.#endWithNothing(one);
      else this.#try(one);
      return;
    }
    one.phase = Phase.Waiting;
    if (one.early !== undefined) {
      this.onReply(one.handle, one.early);
      return;
    }
    if (one.movableAt >= 0) {
      this.onMovable(one.handle, one.movableAt);
      return;
    }
    const answered = replies.find((reply) => reply !== null && (reply.isLost || reply.bytes > 0));
    const isOver = one.session === null || one.isDue || answered !== undefined;
    // Where a shard has taken the claim its word is on the way.
    if (!isOver || !(one.isCancelled || this.#claims.cancel(one.handle))) return;
    if (one.session === null) this.#close(one);
    else if (answered !== undefined && answered !== null) this.#endWith(one, answered);
    else this.#endWithNothing(one);
  }

  #onTried(one: Across, { refused, replies, leader }: WaitOutcome): void {
    const answering = refused !== 0 ? 31 - Math.clz32(refused & -refused) : leader;
    const reply = answering >= 0 ? replies[answering] : replies.find((one) => one !== null);
    assert(reply !== null && reply !== undefined, 'a command is answered');
    if (one.session === null) {
      this.#close(one);
    } else if (refused !== 0 || !this.#isNothing(reply)) {
      this.#endWith(one, reply);
    } else if (one.isDue) {
      this.#endWithNothing(one);
    } else if (one.phase === Phase.Moving) {
      one.phase = Phase.Waiting;
      this.#claims.reopen(one.handle);
      this.#notes.sayOn(one.movableAt, one.handle);
      one.movableAt = -1;
    } else {
      this.#join(one);
    }
  }

  #isNothing({ at, bytes, aside }: ReplyBytes): boolean {
    const reply = aside ?? this.#shard.memory.low.subarray(at, at + bytes);
    return reply.length <= NOTHING_BYTES_MAX && NOTHING.has(String.fromCharCode(...reply));
  }

  // ------------------------------------------------------------------ words of owners

  /** A shard has served the command; null: its reply was lost. */
  onReply(handle: number, reply: Uint8Array | null): void {
    const one = this.#find(handle);
    if (one.phase === Phase.Joining) {
      one.early = reply;
    } else if (one.session === null) {
      this.#close(one);
    } else if (reply === null) {
      this.#endLost(one);
    } else if (this.#worker.pushes.reserve(reply.length)) {
      this.#end(one, (sink) => {
        sink.raw(reply);
      });
      this.#worker.pushes.letGo();
    } else {
      this.#keepUnsaid(one, reply);
    }
  }

  /** What the reply tells of is taken from its key: it must not be lost. */
  #keepUnsaid(one: Across, reply: Uint8Array): void {
    one.phase = Phase.Served;
    one.early = reply;
    this.#unsaid.push(one);
  }

  #sayUnsaid(): void {
    const unsaid = this.#unsaid;
    this.#unsaid = [];
    for (const one of unsaid) this.onReply(one.handle, one.early ?? null);
  }

  /** A shard has something to move for the command, and has taken its claim. */
  onMovable(handle: number, shard: number): void {
    const one = this.#find(handle);
    one.movableAt = shard;
    if (one.phase === Phase.Joining) return;
    if (one.session === null) {
      this.#close(one);
      return;
    }
    // Not now: the command of another connection may be running.
    one.phase = Phase.Moving;
    this.#hold(one);
  }

  #find(handle: number): Across {
    const one = this.#byHandle.get(handle);
    assert(one !== undefined, 'who takes a claim speaks of a command that waits');
    return one;
  }

  // ------------------------------------------------------------------ endings

  /** Its time is over, CLIENT UNBLOCK, or the end of its connection. */
  #cancel(one: Across): boolean {
    const { session } = one;
    const isGone = session?.isClosing !== false;
    if (isGone) one.session = null;
    if (one.phase === Phase.Waiting && this.#claims.cancel(one.handle)) {
      this.#close(one);
      return true;
    }
    // Shards that have noted it already, or will, take nothing for it.
    if (one.phase === Phase.Joining && isGone) one.isCancelled = this.#claims.cancel(one.handle);
    if (this.#shard.nowMs >= one.untilMs) one.isDue = true;
    return isGone;
  }

  #endWith(one: Across, reply: ReplyBytes): void {
    const { at, bytes, isLost, aside } = reply;
    const { pushes } = this.#worker;
    if (isLost && aside === null) {
      this.#endLost(one);
    } else if (aside === null && pushes.reserve(bytes)) {
      this.#end(one, (sink) => {
        sink.bulkPiece(at, bytes);
      });
      pushes.letGo();
    } else {
      this.#keepUnsaid(one, aside ?? this.#shard.memory.low.slice(at, at + bytes));
    }
  }

  #endWithNothing(one: Across): void {
    this.#end(one, (sink) => {
      sink.nullArray();
    });
  }

  #end(one: Across, write: (sink: RespSink) => void): void {
    const { session } = one;
    this.#close(one);
    if (session === null) return;
    this.#worker.waits.answer(session, (sink) => {
      assert(sink instanceof RespSink, 'replies to sessions are bytes');
      write(sink);
    });
  }

  #endLost(one: Across): void {
    const { session } = one;
    one.session = null;
    this.#close(one);
    session?.loseOutput('no memory is left for its reply');
  }

  /** It is over everywhere. */
  #close(one: Across): void {
    this.#notes.sayOver(one.shards, one.handle);
    this.#byHandle.delete(one.handle);
    this.#claims.close(one.handle);
    one.queue.free();
  }
}
