/**
 * Commands whose replies come later: WAIT, a blocking pop, a subscription that another worker has
 * to know of. The session is held (Hold.Waiting), what it has sent behind stays unread, and the
 * reply is written when there is one, at its deadline, or because of CLIENT UNBLOCK.
 *
 *   begin --answer--> over · begin --deadline, UNBLOCK: cancel() says yes--> over, its own reply
 *   begin --the session ends: cancel()--> over, no reply
 *
 * Invariants: a wait is over once; `cancel` saying no means that an answer is under way, which ends
 *   it; deadlines lie in a heap, so a tick looks at what is due and nothing else.
 * Cost: O(log n) of the waits with a deadline, to begin and to end; the others are O(1).
 */
import type { ReplySink } from '@kora/core';
import { ReplyError } from '@kora/core';
import { DeadlineHeap } from './deadline-heap.ts';
import type { Session } from './session.ts';
import { Hold } from './session.ts';
import type { Worker } from './worker.ts';

/** What a session waits for. */
export interface Waited {
  /** Memory that it takes beside the session's waiter, bytes; absent: none. */
  readonly bytes?: number;
  /** Its answer comes soon and by itself: a session whose peer has ended waits for it. */
  readonly isOwed?: boolean;
  /**
   * The wait is to end without its answer. False: an answer is under way and cannot be stopped.
   * Called at most once with the answer true.
   */
  cancel(): boolean;
  /** Writes the reply of a wait that ended at its deadline. */
  writeNothing(sink: ReplySink): void;
}

/** What nobody waits for. */
const nothing: Waited = { cancel: () => true, writeNothing: () => undefined };

/** One session's wait; the session keeps it for the next one. */
export class Wait {
  readonly session: Session;
  waited: Waited = nothing;
  /** When it ends by itself, ms; Infinity = never. */
  untilMs = 0;
  /** Its reply is dropped (CLIENT REPLY). */
  isMuted = false;
  /** Its place in the heap of deadlines, -1 = none. */
  heapAt = -1;

  constructor(session: Session) {
    this.session = session;
  }
}

/** A longer list of answered sessions is given back when they have gone on. */
const ANSWERED_KEPT = 1024;

const unblocked = new ReplyError('UNBLOCKED client unblocked via CLIENT UNBLOCK');

export class Waits {
  readonly #worker: Worker;
  readonly #heap = new DeadlineHeap();
  #count = 0;
  /** Sessions that have been answered and have not gone on, and how many; the two take turns. */
  #answered: (Session | null)[] = [];
  #answeredCount = 0;
  #resumed: (Session | null)[] = [];
  /** The turn under way will let them go on. */
  #isInTurn = false;

  constructor(worker: Worker) {
    this.#worker = worker;
  }

  /** Sessions that wait (INFO blocked_clients). */
  get count(): number {
    return this.#count;
  }

  /** Until the first of them ends by itself, ms; Infinity = none does. */
  restMs(nowMs: number): number {
    return Math.max(0, this.#heap.firstMs - nowMs);
  }

  /** The running command of the session answers later. The session waits for nothing else. */
  begin(session: Session, waited: Waited, untilMs: number): void {
    session.hold = Hold.Waiting;
    const wait = session.spareWait ?? new Wait(session);
    session.spareWait = wait;
    session.wait = wait;
    wait.waited = waited;
    wait.untilMs = untilMs;
    wait.isMuted = session.isMuted;
    this.#count++;
    if (untilMs !== Infinity) this.#heap.add(wait);
  }

  /** Ends the session's wait with a reply, which is encoded now. The session goes on soon. */
  answer(session: Session, write: (sink: ReplySink) => void): void {
    const isMuted = session.wait?.isMuted === true;
    if (!this.#forget(session)) return;
    if (!isMuted) this.#worker.pushes.push(session, write);
    if (session.isClosing) return;
    this.#answered[this.#answeredCount++] = session;
    if (!this.#isInTurn) this.#worker.engine.requestTurn();
  }

  /** CLIENT UNBLOCK; false when the session is in no wait, or is being answered. */
  unblock(session: Session, isError: boolean): boolean {
    const waited = session.wait?.waited;
    if (waited?.cancel() !== true) return false;
    this.answer(session, (sink) => {
      if (isError) sink.error(unblocked);
      else waited.writeNothing(sink);
    });
    return true;
  }

  /** Ends what is due. */
  onTick(nowMs: number): void {
    while (this.#heap.firstMs <= nowMs) {
      const wait = this.#heap.takeFirst();
      if (wait === undefined) return;
      const { session, waited } = wait;
      if (!waited.cancel()) continue;
      this.answer(session, (sink) => {
        waited.writeNothing(sink);
      });
    }
  }

  /** The session has ended. */
  drop(session: Session): void {
    const { wait } = session;
    if (wait === null) return;
    wait.waited.cancel();
    this.#forget(session);
  }

  /** A turn begins, at whose end `resume` is called. */
  onTurnStart(): void {
    this.#isInTurn = true;
  }

  /** Sessions that were answered go on. */
  resume(goOn: (session: Session) => void): void {
    this.#isInTurn = false;
    const count = this.#answeredCount;
    if (count === 0) return;
    const sessions = this.#answered;
    this.#answered = this.#resumed;
    this.#answeredCount = 0;
    for (let i = 0; i < count; i++) {
      const session = sessions[i] ?? null;
      sessions[i] = null;
      if (session !== null) goOn(session);
    }
    if (count > ANSWERED_KEPT) sessions.length = 0;
    this.#resumed = sessions;
  }

  #forget(session: Session): boolean {
    const { wait } = session;
    if (wait === null) return false;
    session.wait = null;
    wait.waited = nothing;
    this.#count--;
    if (wait.heapAt >= 0) this.#heap.remove(wait);
    return true;
  }
}
