/**
 * What a worker does for its own connections when their keys are elsewhere: it sends the command to
 * the owner, keeps a place for the reply, and lets replies leave in the order of the commands. The
 * order of effects within a pipeline is the rule of `pipeline-order` (docs/differences.md):
 *   writes    all in their order, but reads overlap reads
 *   strict    all in their order
 *   relaxed   only what goes to one shard
 * Commands that are followed by others of their connection and may not be overtaken go along the
 * ordered lanes (ordered-lanes.ts) and wait for nothing. A single one, and a pipeline of reads,
 * need no place in the order: what then comes behind them has to wait for their replies.
 * While events of the key space are heard nothing overlaps: those of a connection come in the order
 * of its commands.
 * A connection that has to wait is held (Hold.Foreign) with its request, and goes on when replies
 * have come (reply-windows.ts).
 */
import type { ArgFrame, Command, Router, Shard } from '@kora/core';
import {
  assert, checkGate, ClientFlag, fitsArity, isBarred, isRefusedByBarrier, mustPause, ROUTE_HERE,
  ROUTE_SEVERAL,
} from '@kora/core';
import type { ReplyChunks } from '../reply-chunks.ts';
import type { Session } from '../session.ts';
import type { Worker } from '../worker.ts';
import { ForeignMemory } from './foreign-memory.ts';
import type { MeshPort } from './mesh-port.ts';
import type { OrderedLanes } from './ordered-lanes.ts';
import { KIND_PARCEL, KIND_REQUEST } from './message-kinds.ts';
import type { Coordination } from './coordination.ts';
import type { LockGate, Verdict } from './lock-gate.ts';
import type { ParcelsOut } from './parcels.ts';
import type { ReplyWindow } from './reply-window.hot.ts';
import { ReplyWindows } from './reply-windows.ts';
import {
  callOf, freeRopes, isInOrder, PARCEL_BODY_BYTES, requestBytes, writeRequest,
} from './request-message.ts';

/**
 * What is to be done with a request: run it on this worker's shard; nothing, it is on its way; it
 * waits, offer it again when the session goes on.
 */
export const Step = Object.freeze({ Here: 0, Sent: 1, Hold: 2 } as const);

/** Rules of `pipeline-order`. */
export const PipelineOrder = Object.freeze({ Writes: 0, Strict: 1, Relaxed: 2 } as const);

/** Commands that end all watches of their client, beside those that end its MULTI. */
const UNWATCHING: ReadonlySet<string> = new Set(['unwatch', 'reset']);

export class Origin {
  order: number = PipelineOrder.Writes;
  readonly #worker: Worker;
  readonly #shard: Shard;
  readonly #port: MeshPort;
  readonly #lanes: OrderedLanes;
  readonly #router: Router;
  readonly replies: ReplyWindows;
  readonly #parcels: ParcelsOut;
  readonly gate: LockGate;
  #coordination: Coordination | undefined;
  /** 1 for commands without keys that concern every shard, by index. */
  #isForAll = new Uint8Array(0);
  /** Held sessions that have got replies, or whose owner had no room. */
  #resumable: Session[] = [];
  /** The list before this one, empty: the two take turns. */
  #resumed: Session[] = [];
  /** Some of them have got replies since `finish`. */
  hasReady = false;

  constructor(
    worker: Worker, chunks: ReplyChunks, port: MeshPort, lanes: OrderedLanes, router: Router,
    gate: LockGate, parcels: ParcelsOut,
  ) {
    this.#lanes = lanes;
    this.gate = gate;
    this.#parcels = parcels;
    this.#worker = worker;
    this.#shard = worker.shard;
    this.#port = port;
    this.#router = router;
    this.replies = new ReplyWindows(worker, chunks, port, new ForeignMemory(port), (session) => {
      this.#resumeLater(session);
      this.hasReady = true;
    });
  }

  /** Who runs what concerns several shards; once. */
  attach(coordination: Coordination): void {
    this.#coordination = coordination;
    const { commands } = this.#worker.executor.registry;
    this.#isForAll = Uint8Array.from(commands, (one) => (coordination.concernsAll(one) ? 1 : 0));
  }

  /** Windows in use. */
  get windowCount(): number {
    return this.replies.count;
  }

  // ------------------------------------------------------------------ requests

  /**
   * Sends the request in the frame to where it belongs, or says that it belongs here.
   * @param known the owner of its key when that was asked before, else -1
   * @param isFollowed more of the connection has come behind it
   */
  dispatch(
    session: Session, command: Command, frame: ArgFrame, known: number, isFollowed: boolean,
  ): number {
    const { window } = session;
    // Who has its turn holds locks, for which what the worker is behind with may wait.
    const { pubSub } = this.#worker;
    if (session.turn === null && (this.#lanes.isBehind || pubSub.mustWait(session, command))) {
      this.#resumeLater(session);
      return Step.Hold;
    }
    if (!this.#isAdmitted(session, command, frame)) {
      const isExec = command.name === 'exec';
      if (session.turn !== null && !isExec) this.gate.finishTurn(session);
      if (window !== null) return Step.Hold;
      return isExec ? this.#dispatchExec(session, command, frame) : Step.Here;
    }
    const owner = known >= 0 ? known : this.#router.ownerOf(command, frame);
    const isHere = owner === this.#port.me || owner === ROUTE_HERE;
    if (command.waiting !== null && this.#coordination?.waits?.concerns(session, command, frame)) {
      if (window !== null) return Step.Hold;
      if (!isHere) return this.#coordination.waits.begin(session, command, frame);
    }
    if (command.name === 'watch' && !isHere) {
      return window === null ? this.#beginAcross(session, command, frame) : Step.Hold;
    }
    if (owner === ROUTE_SEVERAL || (owner === ROUTE_HERE && this.#isForAll[command.index] === 1)) {
      return window === null ? this.#beginAcross(session, command, frame) : Step.Hold;
    }
    const isWrite = isInOrder(command);
    if (window === null) {
      if (isHere) return this.#here(session, command, frame, owner);
      const isOrdered = isFollowed && this.#needsPlace(session, isWrite);
      return this.#send(session, command, frame, owner, isOrdered);
    }
    // It waited in its place; whatever else it would wait for may wait for its locks.
    if (isHere && session.turn !== null) return Step.Here;
    if (owner === ROUTE_HERE || session.isMuted) return Step.Hold;
    if (window.isFull(1) || !this.replies.mayStage(window)) return Step.Hold;
    if (window.pending > 0 && window.isOrdered) {
      // Each shard comes to its places at a moment of its own, and events are told in these.
      if (this.#worker.hearsEvents && window.owner !== owner) return Step.Hold;
      if (!isHere) return this.#send(session, command, frame, owner, true);
      if (this.#lanes.settle()) return this.#here(session, command, frame, owner);
      this.goOnSoon(session);
      return Step.Hold;
    }
    if (!this.#mayGo(window, owner, isWrite)) {
      if (window.across === 0) session.mixesPipelines = true;
      return Step.Hold;
    }
    return isHere ? this.#here(session, command, frame, owner)
      : this.#send(session, command, frame, owner, false);
  }

  /** True when what comes behind the command must not overtake it. */
  #needsPlace(session: Session, isWrite: boolean): boolean {
    if (this.#worker.hearsEvents) return false;
    if (this.order === PipelineOrder.Relaxed) return false;
    return this.order === PipelineOrder.Strict || isWrite || session.mixesPipelines;
  }

  /** A command of this shard: it waits while a transaction has locked what it touches. */
  #here(session: Session, command: Command, frame: ArgFrame, owner: number): number {
    const { gate } = this;
    if (gate.isOpen || owner === ROUTE_HERE || session.turn !== null) return Step.Here;
    return this.#after(session, gate.parkOwn(session, command, frame));
  }

  #after(session: Session, verdict: Verdict): number {
    if (verdict === 'run') return Step.Here;
    if (verdict === 'full') this.goOnSoon(session);
    return Step.Hold;
  }

  /** EXEC: here when all its keys are, else over the shards that have them. */
  #dispatchExec(session: Session, command: Command, frame: ArgFrame): number {
    const coordination = this.#coordination;
    const isRefused = checkGate(this.#shard, command, frame) !== null;
    const aborts = (session.flags & ClientFlag.AbortsExec) !== 0;
    if (isRefused || aborts || coordination === undefined) return Step.Here;
    if (coordination.isHere(session)) {
      const { gate } = this;
      if (gate.isOpen || session.turn !== null) return Step.Here;
      coordination.planHere(session);
      return this.#after(session, gate.parkPlanned(session));
    }
    if (session.turn !== null) this.gate.finishTurn(session);
    const step = coordination.beginExec(session, command);
    if (step === Step.Hold) this.goOnSoon(session);
    return step;
  }

  /** A command has run here that may have ended the session's watches. */
  afterLocal(session: Session, wasInMulti: boolean): void {
    const { watchShards } = session;
    const name = session.lastCommand?.name ?? '';
    const hasEnded = wasInMulti ? (session.flags & ClientFlag.InMulti) === 0 : UNWATCHING.has(name);
    if (!hasEnded) return;
    this.#coordination?.unwatch(session.id, watchShards);
    session.watchShards = 0;
  }

  #beginAcross(session: Session, command: Command, frame: ArgFrame): number {
    const coordination = this.#coordination;
    assert(coordination !== undefined, 'a worker among others coordinates');
    const step = coordination.begin(session, command, frame);
    if (step === Step.Hold) this.goOnSoon(session);
    // Its arguments were copied; no executor gets to see them, which would give ropes back.
    if (step === Step.Sent) freeRopes(this.#shard, frame);
    return step;
  }

  /** The session is tried again at the end of this turn or the next. */
  goOnSoon(session: Session): void {
    this.#resumeLater(session);
    this.#worker.engine.requestTurn();
  }

  /** Refused, queued and paused commands are answered, or held, where they came in. */
  #isAdmitted(session: Session, command: Command, frame: ArgFrame): boolean {
    return session.isAuthenticated && (session.flags & ClientFlag.InMulti) === 0 &&
      !isBarred(session, command) && fitsArity(command, frame.count) &&
      !mustPause(this.#shard, command) && !isRefusedByBarrier(this.#shard, command);
  }

  #mayGo(window: ReplyWindow, owner: number, isWrite: boolean): boolean {
    if (window.pending === 0 || window.owner === owner) return true;
    if (this.#worker.hearsEvents) return false;
    // What several workers run together has no place in the order of one.
    if (this.order === PipelineOrder.Relaxed) return window.across === 0;
    return this.order === PipelineOrder.Writes && !isWrite && window.writes === 0;
  }

  #send(
    session: Session, command: Command, frame: ArgFrame, owner: number, isOrdered: boolean,
  ): number {
    const peer = this.#port.peer(owner);
    const out = isOrdered ? peer.orderedOut : peer.requestsOut;
    const bytes = requestBytes(frame, session.tracker);
    const isParcel = bytes < 0 || bytes > out.bodyBytesMax;
    const bodyBytes = isParcel ? PARCEL_BODY_BYTES : bytes;
    const word = out.begin(isParcel ? KIND_PARCEL : KIND_REQUEST, bodyBytes);
    if (word < 0) {
      if (isOrdered) peer.wantsOrderedRoom = true;
      else peer.wantsRoom = true;
      this.#resumeLater(session);
      return Step.Hold;
    }
    if (isParcel) {
      // Without memory here the executor says so.
      if (!this.#parcels.write(frame, out, word, session.tracker)) return Step.Here;
    } else {
      writeRequest(this.#shard.memory.i32, frame, out, word, session.tracker);
    }
    const window = this.replies.windowFor(session);
    const place = window.addPending(owner, isInOrder(command), session.isMuted, isOrdered);
    out.header(window.index, place, callOf(session, command));
    out.end(bodyBytes);
    if (isOrdered) this.#lanes.note(peer);
    return Step.Sent;
  }

  /** The connection is gone or will be cut: replies to it are dropped from now on. */
  abandon(session: Session): void {
    session.isResumable = false;
    this.gate.drop(session);
    if (session.watchShards !== 0) this.#coordination?.unwatch(session.id, session.watchShards);
    session.watchShards = 0;
    this.replies.abandon(session);
  }

  /** All news of the turn were taken: replies leave, and held sessions go on. */
  finish(): void {
    this.#worker.sink.flush();
    this.hasReady = false;
    if (this.#resumable.length === 0) return;
    // They are behind all that has a place by now: the replies they got may have told of it.
    if (!this.#lanes.isCaughtUp()) this.#lanes.catchUp();
    this.#worker.sink.flush();
    this.hasReady = false;
    const sessions = this.#resumable;
    this.#resumable = this.#resumed;
    for (const session of sessions) {
      if (!session.isResumable) continue;
      session.isResumable = false;
      // What the worker is behind with may wait for the locks of who has its turn, so that goes on.
      if (this.#lanes.isBehind && session.turn === null) this.#resumeLater(session);
      else this.#worker.goOn(session);
    }
    sessions.length = 0;
    this.#resumed = sessions;
  }

  #resumeLater(session: Session): void {
    if (!session.isResumable) this.#resumable.push(session);
    session.isResumable = true;
  }
}
