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
import { ClientFlag, Stat } from '@kora/core';
import type { RequestParser } from '@kora/protocol';
import { ClusterMap } from './cluster/cluster-map.ts';
import { Input } from './input.ts';
import type { EngineHandler, IoEngine, Peer } from './io/engine.ts';
import type { Limits } from './limits.ts';
import { CLOSING_COUNT_MAX, isRead } from './limits.ts';
import { MeshNode } from './mesh/mesh-node.ts';
import type { MeshPlan } from './mesh/mesh-plan.ts';
import { KeyWaits } from './key-waits.ts';
import type { Log, LogLevel } from './log.ts';
import { AHEAD_COUNT_MAX } from './pipeline.hot.ts';
import { Monitors } from './observe/monitors.ts';
import { observeWorker } from './observe/slow-calls.ts';
import { PubSub } from './pubsub/pub-sub.ts';
import { Pushes } from './pushes.ts';
import { ReplyChunks } from './reply-chunks.ts';
import { Requests } from './requests.ts';
import { RespSink } from './resp-sink.ts';
import { Rest } from './rest.ts';
import { SearchWaits } from './search-waits.ts';
import type { RoomStore } from './store/room-store.ts';
import { Hold, Session } from './session.ts';
import { SessionTable } from './session-table.ts';
import { ClientTracking } from './tracking/client-tracking.ts';
import { Traffic } from './traffic.ts';
import { Waits } from './waits.ts';

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

export class Worker implements EngineHandler {
  readonly shard: Shard;
  readonly executor: Executor;
  readonly engine: IoEngine;
  readonly sessions = new SessionTable();
  readonly sink: RespSink;
  readonly chunks: ReplyChunks;
  readonly pushes: Pushes;
  readonly waits = new Waits(this);
  readonly monitors: Monitors;
  readonly keyWaits = new KeyWaits(this);
  readonly searchWaits = new SearchWaits(this);
  readonly traffic = new Traffic();
  readonly limits: Limits;
  readonly host: WorkerHost;
  readonly #input: Input;
  readonly #requests: Requests;
  readonly #rest = new Rest(this);
  #nextId = 1;
  /** Sessions whose gate said wait, in the order they stopped. */
  readonly #parked = new Set<Session>();
  #wantsRetry = false;
  /** Whose requests run; null when none do. */
  running: Session | null = null;
  /** True while a command of it runs and writes into the sink. */
  isRunning = false;
  /** Progress of the sink when that command began. */
  runningProgress = 0;
  /** What is to follow replies: sessions with late messages, changes told to who made them. */
  following = 0;

  /** The other workers of the process; null where this one is alone. */
  readonly mesh: MeshNode | null;
  readonly pubSub: PubSub;
  readonly tracking: ClientTracking;
  /** The workers as nodes; null where they are none. */
  readonly cluster: ClusterMap | null;
  /** Keeps the data, null where nothing does. Set once, before anything runs. */
  store: RoomStore | null = null;

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
    this.pushes = new Pushes(this);
    this.#input = new Input(memory, shard.ropes);
    this.mesh = plan === undefined ? null : new MeshNode(this, plan, wake);
    this.monitors = new Monitors(this);
    observeWorker(this, composed);
    this.pubSub = new PubSub(this);
    this.tracking = new ClientTracking(this);
    const { settings } = shard.engine;
    const nodePort = settings.number('cluster-ports');
    this.cluster = nodePort === 0 ? null : new ClusterMap(shard.count, shard.index, nodePort);
    if (this.cluster !== null) settings.showAs('cluster-enabled', 'yes');
    settings.bind('pipeline-order', ({ number }) => {
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

  /** True when nothing that the connection has asked for is under way. */
  isIdle(slot: number): boolean {
    const session = this.sessions.atSlot(slot);
    if (session === undefined) return true;
    const isOwed = session.window !== null || session.wait !== null;
    // What ends a wait leaves with the pushes of the turn.
    return !isOwed && !session.isPushListed && session.lateCount === 0;
  }

  /** True while events of the key space are published, and somebody may hear them. */
  get hearsEvents(): boolean {
    return this.shard.notifier.isOn && this.pubSub.hasListeners;
  }

  /** True while a part of a reply to the session is written. */
  isAnswering(session: Session): boolean {
    if (!this.isRunning || this.running !== session) return false;
    return this.sink.progress !== this.runningProgress;
  }

  // ------------------------------------------------------------------ engine events

  /** Deadlines, idle times and LRU of all events of the turn go by this one reading. */
  onTurnStart(): void {
    this.shard.refreshClock();
    this.waits.onTurnStart();
    if (this.mesh !== null) {
      this.shard.pause.look();
      this.monitors.look();
    }
    // What this turn brings did not happen during the rest before it.
    if (this.#rest.isResting) this.traffic.sample(this.shard.nowMs, this.shard.stats);
  }

  onTurnEnd(): void {
    if (this.#wantsRetry) {
      this.#wantsRetry = false;
      this.#retryParked();
    }
    this.#lookAtVectors();
    this.waits.resume(this.#goOnAnswered);
    if (this.mesh === null) this.tracking.tellAll();
    else this.mesh.poll();
    if (this.pushes.hasAny) this.pushes.flush();
    const { failure } = this.shard;
    if (failure !== null) this.host.onFailure(failure);
    this.host.onTurnEnd?.();
    this.#rest.onTurnEnd();
  }

  /** Takes what vector threads have found and linked, also for those who waited for room. */
  #lookAtVectors(): void {
    const { vectors } = this.shard;
    const wasCrowded = vectors.isCrowded;
    vectors.look();
    if (wasCrowded && !vectors.isCrowded) this.#retryParked();
  }

  /**
   * How long a tick has nothing to do unless something happens meanwhile; asked after a tick.
   * @param msMax the most that is of interest, ms
   * @returns ms, 0 = ticks are to come as ever
   */
  restMs(msMax: number): number {
    const { host, limits, shard, mesh } = this;
    if (mesh?.isQuiet === false) return 0;
    if (this.#parked.size > 0 || shard.waiting.hasReady || !limits.mayRest(this)) return 0;
    if (host.mayRest?.() === false || this.pubSub.across?.hasUnsent === true) return 0;
    return Math.min(shard.maintenance.restMs(msMax), this.waits.restMs(shard.nowMs));
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
    session.isOfNode = !peer.isUnixSocket && this.cluster?.isOwnAddress(peer.localAddress) === true;
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
    if (this.mesh !== null) {
      this.mesh.catchUp();
      if (this.tracking.clientCount > 0) this.mesh.hear();
    }
    const session = this.sessions.atSlot(slot);
    if (session === undefined || session.isClosing) return;
    this.countMany(Stat.InputBytes, bytes);
    session.lastActiveMs = this.shard.nowMs;
    this.#requests.receive(session, at, bytes);
  }

  onEnd(slot: number): void {
    const session = this.sessions.atSlot(slot);
    if (session === undefined) return;
    // It still reads: what it has asked for is answered as it does.
    if (session.hold === Hold.Unread) session.endsAfterReplies = true;
    else this.endInOrder(session);
  }

  /** Ends a session when all replies that other workers owe it have come. */
  endInOrder(session: Session): void {
    const { wait } = session;
    const isOwed = session.window !== null || session.hold === Hold.Foreign;
    const isSearching = wait?.waited.isOwed === true;
    if (!isSearching && (!isOwed || wait !== null)) this.end(session);
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
      this.#endWhenDone(session);
    }
  }

  onClosed(slot: number): void {
    const session = this.sessions.atSlot(slot);
    if (session === undefined) return;
    while (session.releaseOldest());
    this.beginClosing(session);
    session.dropPushed();
    this.#input.drop(session, session.parser);
    this.#input.closeLanding(session);
    this.#input.closeHead(session);
    this.sessions.remove(session);
    this.mesh?.words.addConnections(-1);
  }

  onTick(): void {
    this.#rest.onTick();
    this.#retryParked();
    this.waits.onTick(this.shard.nowMs);
    this.pubSub.across?.onTick();
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

  /** A session that waited has been answered. */
  readonly #goOnAnswered = (session: Session): void => {
    this.#resume(session);
    this.#endWhenDone(session);
  };

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
    this.#endWhenDone(session);
  }

  /** Ends a session whose peer has said its last word, when all of that is answered. */
  #endWhenDone(session: Session): void {
    if (session.isClosing || session.window !== null || !session.endsAfterReplies) return;
    if (session.wait?.waited.isOwed === true) return;
    if (session.hold !== Hold.Foreign && session.hold !== Hold.Unread) this.end(session);
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
    this.waits.drop(session);
    this.pubSub.drop(session);
    this.tracking.disable(session);
    this.monitors.leave(session);
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
