/**
 * One worker: a shard, an I/O engine and the sessions of the sockets it accepted. All of it runs in
 * one thread, in turns: the clock is read once, bytes arrive, every complete request in them runs
 * at once and in order (requests.ts), the replies leave in one send, and the turn ends with what
 * its commands let go. Nothing here waits; what has to wait is held (Session.hold) and taken up
 * again by a later turn or tick.
 * Bounds: maxclients, client-query-buffer-limit, client-output-buffer-limit, UNREAD_BYTES_MAX
 * before a slow reader is held, CLOSING_MS_MAX for the last replies of a closed session.
 */
import type { ComposedShard, Executor, Shard } from '@kora/core';
import { ClientFlag, ReplyError, Stat } from '@kora/core';
import type { RequestParser } from '@kora/protocol';
import { Input } from './input.ts';
import type { EngineHandler, IoEngine, Peer } from './io/engine.ts';
import type { Limits } from './limits.ts';
import { CLOSING_COUNT_MAX, isRead } from './limits.ts';
import { MeshNode } from './mesh/mesh-node.ts';
import type { MeshPlan } from './mesh/mesh-plan.ts';
import type { Log, LogLevel } from './log.ts';
import { AHEAD_COUNT_MAX } from './pipeline.hot.ts';
import { ReplyChunks } from './reply-chunks.ts';
import { Requests } from './requests.ts';
import { RespSink } from './resp-sink.ts';
import { Rest } from './rest.ts';
import { Hold, Session } from './session.ts';
import { SessionTable } from './session-table.ts';
import { Traffic } from './traffic.ts';

/** A place in the shard's statistics. */
export type StatPlace = (typeof Stat)[keyof typeof Stat];

/** What a worker tells whoever runs it. */
export interface WorkerHost {
  readonly log: Log;
  /** An invariant broke after a change: nothing may run any more. */
  onFailure(error: Error): void;
  /** SHUTDOWN was asked for. */
  onShutdown(): void;
  /** All of a turn was done. */
  onTurnEnd?(): void;
  /** False: it looks at something in onTurnEnd that needs a tick every TICK_MS. */
  mayRest?(): boolean;
}

const nobodyWakes = (): void => undefined;

const clientUnblocked = new ReplyError('UNBLOCKED client unblocked via CLIENT UNBLOCK');

export class Worker implements EngineHandler {
  readonly shard: Shard;
  readonly executor: Executor;
  readonly engine: IoEngine;
  readonly sessions = new SessionTable();
  readonly sink: RespSink;
  readonly chunks: ReplyChunks;
  readonly traffic = new Traffic();
  readonly limits: Limits;
  readonly host: WorkerHost;
  readonly #input: Input;
  readonly #requests: Requests;
  readonly #rest = new Rest(this);
  #nextId = 1;
  /** Sessions whose gate said wait, in the order they stopped. */
  readonly #parked = new Set<Session>();
  /** Sessions in WAIT. */
  readonly #waiting = new Set<Session>();
  #wantsRetry = false;
  /** Sessions whose WAIT has ended and who have not been answered. */
  readonly #released: { readonly session: Session; readonly isError: boolean }[] = [];

  /** The other workers of the process; null where this one is alone. */
  readonly mesh: MeshNode | null;

  /**
   * @param aheadCountMax most requests found ahead of the running one; 1 = none
   * @param plan where the other workers are; absent: it is alone
   * @param wake ends the wait of another worker
   */
  constructor(
    composed: ComposedShard, engine: IoEngine, limits: Limits, host: WorkerHost,
    aheadCountMax = AHEAD_COUNT_MAX, plan?: MeshPlan, wake: (worker: number) => void = nobodyWakes,
  ) {
    const { memory, shard } = composed;
    this.shard = shard;
    this.executor = composed.executor;
    this.engine = engine;
    this.limits = limits;
    this.host = host;
    this.chunks = new ReplyChunks(memory.lowAllocator);
    const nobody = {
      resp: 2, sendRange: () => true, lendRange: () => undefined, loseOutput: () => undefined,
    };
    this.sink = new RespSink(memory, this.chunks, nobody);
    this.#input = new Input(memory, shard.ropes);
    this.mesh = plan === undefined ? null : new MeshNode(this, plan, wake);
    shard.engine.settings.bind('pipeline-order', ({ number }) => {
      if (this.mesh !== null) this.mesh.origin.order = number;
    });
    this.#requests = new Requests(this, this.#input, aheadCountMax);
    engine.start(memory, this);
  }

  log(level: LogLevel, message: string): void {
    this.host.log(level, message);
  }

  count(place: StatPlace): void {
    this.countMany(place, 1);
  }

  countMany(place: StatPlace, by: number): void {
    const { counts } = this.shard.stats;
    counts[place] = (counts[place] ?? 0) + by;
  }

  /** Sessions that wait for a reply (INFO blocked_clients). */
  get waitingCount(): number {
    return this.#waiting.size;
  }

  // ------------------------------------------------------------------ engine events

  /** Deadlines, idle times and LRU of all events of the turn go by this one reading. */
  onTurnStart(): void {
    this.shard.refreshClock();
    if (this.mesh !== null) this.shard.pause.look();
    // What this turn brings did not happen during the rest before it.
    if (this.#rest.isResting) this.traffic.sample(this.shard.nowMs, this.shard.stats);
  }

  onTurnEnd(): void {
    if (this.#wantsRetry) {
      this.#wantsRetry = false;
      this.#retryParked();
    }
    if (this.#released.length > 0) this.#answerReleased();
    this.mesh?.poll();
    const { failure } = this.shard;
    if (failure !== null) this.host.onFailure(failure);
    this.host.onTurnEnd?.();
    this.#rest.onTurnEnd();
  }

  /**
   * How long a tick has nothing to do unless something happens meanwhile; asked after a tick.
   * @param msMax the most that is of interest, ms
   * @returns ms, 0 = ticks are to come as ever
   */
  restMs(msMax: number): number {
    const { host, limits, shard, mesh } = this;
    if (mesh?.isQuiet === false) return 0;
    if (this.#parked.size > 0 || this.#waiting.size > 0 || !limits.mayRest(this)) return 0;
    return host.mayRest?.() === false ? 0 : shard.maintenance.restMs(msMax);
  }

  onAccept(slot: number, peer: Peer): boolean {
    const { mesh } = this;
    const connectionCount = mesh === null ? this.sessions.count : mesh.words.connectionCount;
    const refusal = this.limits.refusalOf(peer, connectionCount);
    if (refusal !== null) {
      this.count(Stat.RejectedConnections);
      // The text lies in low memory for good, so it does not matter how long the engine holds it.
      this.engine.send(slot, refusal.at, refusal.bytes);
      return false;
    }
    const id = mesh === null ? this.#nextId++ : mesh.words.nextClientId();
    const session = new Session(this, id, slot, peer, this.shard.nowMs);
    mesh?.words.addConnections(1);
    session.isAuthenticated = this.shard.settings.password === '';
    this.sessions.add(session);
    this.count(Stat.Connections);
    const { keepAliveSeconds } = this.limits;
    if (keepAliveSeconds > 0 && !peer.isUnixSocket) {
      this.engine.setKeepAlive(slot, keepAliveSeconds);
    }
    return true;
  }

  /**
   * Without a password those who never logged in may do everything, and no longer when there is
   * one again, as in Redis; who connected without a password stays.
   */
  letStrangersIn(mayEnter: boolean): void {
    for (const session of this.sessions.all()) {
      const isStranger = session.isLetIn || !session.isAuthenticated;
      if (!isStranger) continue;
      session.isAuthenticated = mayEnter;
      session.isLetIn = mayEnter;
    }
  }

  onReceive(slot: number, at: number, bytes: number): void {
    this.mesh?.catchUp();
    const session = this.sessions.atSlot(slot);
    if (session === undefined || session.isClosing) return;
    this.countMany(Stat.InputBytes, bytes);
    session.lastActiveMs = this.shard.nowMs;
    this.#requests.receive(session, at, bytes);
  }

  onEnd(slot: number): void {
    const session = this.sessions.atSlot(slot);
    if (session !== undefined) this.endInOrder(session);
  }

  /** Ends a session when all replies that other workers owe it have come. */
  endInOrder(session: Session): void {
    if (session.window === null && session.hold !== Hold.Foreign) this.end(session);
    else session.endsAfterReplies = true;
  }

  onSent(slot: number): void {
    const session = this.sessions.atSlot(slot);
    if (session === undefined) return;
    session.releaseOldest();
    session.lastActiveMs = this.shard.nowMs;
    if (session.isClosing) {
      session.closingSinceMs = this.shard.nowMs;
    } else if (session.hold === Hold.Unread && isRead(session)) {
      this.#resume(session);
    }
  }

  onClosed(slot: number): void {
    const session = this.sessions.atSlot(slot);
    if (session === undefined) return;
    while (session.releaseOldest());
    this.beginClosing(session);
    this.#input.drop(session, session.parser);
    this.#input.closeLanding(session);
    this.#input.closeHead(session);
    this.sessions.remove(session);
    this.mesh?.words.addConnections(-1);
  }

  onTick(): void {
    this.#rest.onTick();
    this.#retryParked();
    this.#endWaits();
    this.limits.onTick(this);
    this.traffic.sample(this.shard.nowMs, this.shard.stats);
    this.onTurn();
  }

  onTurn(): void {
    if (this.shard.maintain()) this.engine.requestTurn();
  }

  /** The wait is over, which is all: what is asked of a thread is looked at after every turn. */
  onWake(): void {
    return;
  }

  // ------------------------------------------------------------------ holds

  /** The gate said wait: the request the session's parser holds is offered again later. */
  park(session: Session): void {
    session.hold = Hold.Parked;
    this.#parked.add(session);
  }

  /** Tries parked commands again in the next turn (CLIENT UNPAUSE). */
  releaseParked(): void {
    this.#wantsRetry = true;
    this.engine.requestTurn();
  }

  /**
   * The running command of the session answers later: `:0` at that time. Infinity = never by
   * itself.
   */
  waitUntil(session: Session, untilMs: number): void {
    session.hold = Hold.Waiting;
    session.waitUntilMs = untilMs;
    this.#waiting.add(session);
  }

  /** Ends a wait in the next turn; false when the session is in none. */
  unblock(session: Session, isError: boolean): boolean {
    if (!this.#waiting.delete(session)) return false;
    this.#released.push({ session, isError });
    this.engine.requestTurn();
    return true;
  }

  #endWaits(): void {
    for (const session of [...this.#waiting]) {
      if (session.waitUntilMs <= this.shard.nowMs) this.unblock(session, false);
    }
  }

  /** Answers the waits that have ended and lets their sessions go on. */
  #answerReleased(): void {
    for (const { session, isError } of this.#released.splice(0)) {
      if (session.isClosing) continue;
      this.sink.begin(session);
      if (session.isMuted) this.sink.mute();
      if (isError) this.sink.error(clientUnblocked);
      else this.sink.integer(0);
      this.sink.flush();
      this.#resume(session);
    }
  }

  #retryParked(): void {
    if (this.#parked.size === 0 || this.shard.pause.isActive(this.shard.nowMs)) return;
    for (const session of [...this.#parked]) this.#resume(session);
  }

  #resume(session: Session): void {
    if (session.isClosing) return;
    session.hold = Hold.None;
    this.#parked.delete(session);
    this.#requests.resume(session);
    if (!session.isClosing && session.hold === Hold.None) this.engine.resumeReceive(session.slot);
  }

  /** Replies of other workers have come: a session that was held for them goes on. */
  goOn(session: Session): void {
    if (session.isClosing) return;
    const isLast = (session.flags & ClientFlag.CloseAfterReply) !== 0;
    if (isLast && session.window === null) {
      this.end(session);
      return;
    }
    if (session.protocolError !== '') {
      if (session.window === null) this.#requests.failHeld(session);
      return;
    }
    if (session.hold === Hold.Foreign) {
      session.isLate = true;
      this.#resume(session);
      session.isLate = false;
    }
    if (session.isClosing || session.window !== null || session.hold === Hold.Foreign) return;
    if (session.endsAfterReplies) this.end(session);
  }

  // ------------------------------------------------------------------ endings

  /** From here on no request of the session runs. */
  beginClosing(session: Session): void {
    if (session.isClosing) return;
    session.isClosing = true;
    session.closingSinceMs = this.shard.nowMs;
    this.mesh?.origin.abandon(session);
    this.sessions.noteClosing();
    this.#parked.delete(session);
    this.#waiting.delete(session);
    this.shard.transactions.reset(session);
  }

  /** Lets the replies of a closing session leave, then closes. `parser` may hold a frame of it. */
  finish(session: Session, parser: RequestParser | null): void {
    this.sink.flush();
    this.#input.drop(session, parser);
    const isCrowded = this.sessions.closingCount > CLOSING_COUNT_MAX && session.pinnedCount === 0;
    this.engine.close(session.slot, !isCrowded);
  }

  /** Ends a session after the replies it has (CLIENT KILL of another, idle, the peer's end). */
  end(session: Session): void {
    if (session.isClosing) return;
    this.beginClosing(session);
    this.finish(session, session.parser);
  }

  /** Ends a session at once: what it has not read is lost. */
  cut(session: Session): void {
    this.beginClosing(session);
    this.engine.close(session.slot, false);
  }
}
