/**
 * What a worker does for its own connections when their keys are elsewhere: it sends the command to
 * the owner, keeps a place for the reply, and lets replies leave in the order of the commands. The
 * order of effects within a pipeline is the rule of `pipeline-order` (docs/differences.md):
 *   writes    a write waits while this connection has anything under way on another shard, every
 *             command waits for its own writes there, reads overlap reads
 *   strict    a command waits for everything under way on another shard
 *   relaxed   nothing waits but for commands of several shards; those for one shard stay in order
 * A connection that has to wait is held (Hold.Foreign) with its request, and goes on when replies
 * have come. Replies that are ready before their turn are staged in chunks of their own sink.
 */
import type { ArgFrame, Command, Router, Shard } from '@kora/core';
import {
  assert, checkGate, ClientFlag, fitsArity, Flag, mustPause, ROUTE_HERE, ROUTE_SEVERAL,
} from '@kora/core';
import type { ReplyChunk, ReplyChunks } from '../reply-chunks.ts';
import type { ReplyTarget } from '../resp-sink.ts';
import { RespSink } from '../resp-sink.ts';
import type { Session } from '../session.ts';
import type { Worker } from '../worker.ts';
import { ForeignMemory } from './foreign-memory.ts';
import type { MeshPort, Peer } from './mesh-port.ts';
import {
  CALL_COMMAND_BITS, CALL_NO_TOUCH, CALL_RESP3, KIND_END, KIND_LENT, KIND_LOST,
  KIND_PARCEL, KIND_REPLY, KIND_REQUEST, KIND_RETURN,
} from './message-kinds.ts';
import type { Coordination } from './coordination.ts';
import type { LockGate, Verdict } from './lock-gate.ts';
import type { ParcelsOut } from './parcels.ts';
import { ReplyWindow } from './reply-window.hot.ts';
import { StagedRanges } from './staged-ranges.ts';

/** What is to be done with a request. */
export const Step = Object.freeze({
  /** Run it on this worker's shard. */
  Here: 0,
  /** It is on its way. */
  Sent: 1,
  /** It waits; offer it again when the session goes on. */
  Hold: 2,
} as const);

/** Rules of `pipeline-order`. */
export const PipelineOrder = Object.freeze({ Writes: 0, Strict: 1, Relaxed: 2 } as const);

/** Commands that end all watches of their client, beside those that end its MULTI. */
const UNWATCHING: ReadonlySet<string> = new Set(['unwatch', 'reset']);

/** A connection with more staged than this sends no further commands to others. */
const STAGED_BYTES_MAX = 1024 * 1024;

export class Origin {
  order: number = PipelineOrder.Writes;
  readonly #worker: Worker;
  readonly #shard: Shard;
  readonly #port: MeshPort;
  readonly #router: Router;
  readonly #foreign: ForeignMemory;
  readonly #parcels: ParcelsOut;
  readonly gate: LockGate;
  #coordination: Coordination | undefined;
  /** 1 for commands without keys that concern every shard, by index. */
  #isForAll = new Uint8Array(0);
  readonly #ranges = new StagedRanges();
  readonly #windows: ReplyWindow[] = [];
  readonly #free: ReplyWindow[] = [];
  readonly #stage: RespSink;
  readonly #stageTarget: StageTarget;
  /** Held sessions that have got replies, or whose owner had no room. */
  readonly #resumable = new Set<Session>();

  constructor(
    worker: Worker, chunks: ReplyChunks, port: MeshPort, router: Router, gate: LockGate,
    parcels: ParcelsOut,
  ) {
    this.gate = gate;
    this.#parcels = parcels;
    this.#worker = worker;
    this.#shard = worker.shard;
    this.#port = port;
    this.#router = router;
    this.#foreign = new ForeignMemory(port);
    this.#stageTarget = new StageTarget(worker);
    this.#stage = new RespSink(worker.shard.memory, chunks, this.#stageTarget, Infinity);
  }

  /** Who runs what concerns several shards; once. */
  attach(coordination: Coordination): void {
    this.#coordination = coordination;
    const { commands } = this.#worker.executor.registry;
    this.#isForAll = Uint8Array.from(commands, (one) => (coordination.concernsAll(one) ? 1 : 0));
  }

  /** Windows in use. */
  get windowCount(): number {
    return this.#windows.length - this.#free.length;
  }

  // ------------------------------------------------------------------ requests

  /**
   * Sends the request in the frame to where it belongs, or says that it belongs here.
   * @param known the owner of its key when that was asked before, else -1
   */
  dispatch(session: Session, command: Command, frame: ArgFrame, known: number): number {
    const { window } = session;
    if (!this.#isAdmitted(session, command, frame)) {
      const isExec = command.name === 'exec';
      if (session.turn !== null && !isExec) this.gate.finishTurn(session);
      if (window !== null) return Step.Hold;
      return isExec ? this.#dispatchExec(session, command, frame) : Step.Here;
    }
    const owner = known >= 0 ? known : this.#router.ownerOf(command, frame);
    const isHere = owner === this.#port.me || owner === ROUTE_HERE;
    if (command.name === 'watch' && !isHere) {
      return window === null ? this.#beginAcross(session, command, frame) : Step.Hold;
    }
    if (owner === ROUTE_SEVERAL || (owner === ROUTE_HERE && this.#isForAll[command.index] === 1)) {
      return window === null ? this.#beginAcross(session, command, frame) : Step.Hold;
    }
    if (window === null) {
      return isHere ? this.#here(session, command, frame, owner)
        : this.#send(session, command, frame, owner);
    }
    if (owner === ROUTE_HERE || session.isMuted) return Step.Hold;
    const isWrite = (command.flags & Flag.Write) !== 0;
    if (window.isFull() || window.stagedBytes > STAGED_BYTES_MAX) return Step.Hold;
    if (!this.#mayGo(window, owner, isWrite)) return Step.Hold;
    return isHere ? this.#here(session, command, frame, owner)
      : this.#send(session, command, frame, owner);
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
    return step;
  }

  /** The session is tried again at the end of this turn or the next. */
  goOnSoon(session: Session): void {
    this.#resumable.add(session);
    this.#worker.engine.requestTurn();
  }

  /** Refused, queued and paused commands are answered, or held, where they came in. */
  #isAdmitted(session: Session, command: Command, frame: ArgFrame): boolean {
    return session.isAuthenticated && (session.flags & ClientFlag.InMulti) === 0 &&
      fitsArity(command, frame.count) && !mustPause(this.#shard, command);
  }

  #mayGo(window: ReplyWindow, owner: number, isWrite: boolean): boolean {
    if (window.pending === 0 || window.owner === owner) return true;
    // What several workers run together has no place in the order of one.
    if (this.order === PipelineOrder.Relaxed) return window.across === 0;
    return this.order === PipelineOrder.Writes && !isWrite && window.writes === 0;
  }

  #send(session: Session, command: Command, frame: ArgFrame, owner: number): number {
    const peer = this.#port.peer(owner);
    const out = peer.requestsOut;
    const bytes = requestBytes(frame);
    const isParcel = bytes < 0 || bytes > out.bodyBytesMax;
    const word = out.begin(isParcel ? KIND_PARCEL : KIND_REQUEST, isParcel ? 12 : bytes);
    if (word < 0) {
      peer.wantsRoom = true;
      this.#resumable.add(session);
      return Step.Hold;
    }
    if (isParcel) {
      const parcel = this.#parcels.pack(frame);
      if (parcel === 0) return Step.Here; // No memory here: the executor says so.
      out.words[word] = this.#parcels.blockAt;
      out.words[word + 1] = parcel;
      out.words[word + 2] = frame.count;
    } else {
      this.#write(frame, out.words, word, peer);
    }
    const window = this.windowFor(session);
    const isWrite = (command.flags & Flag.Write) !== 0;
    const place = window.addPending(owner, isWrite, session.isMuted);
    out.header(window.index, place, callOf(session, command));
    out.end(isParcel ? 12 : bytes);
    return Step.Sent;
  }

  #write(frame: ArgFrame, words: Int32Array, word: number, peer: Peer): void {
    const { i32 } = this.#shard.memory;
    const { count } = frame;
    words[word] = count;
    let to = word + 1 + count;
    for (let i = 0; i < count; i++) {
      const bytes = frame.bytes[i] ?? 0;
      words[word + 1 + i] = bytes;
      peer.requestsOut.copyFrom(i32, frame.at[i] ?? 0, to, bytes);
      to += (bytes + 3) >>> 2;
    }
  }

  /** The session's window, or a new one. */
  windowFor(session: Session): ReplyWindow {
    return session.window ?? this.#open(session);
  }

  /** Writes the whole reply of a pending place; a reply nobody waits for is not written. */
  reply(
    window: ReplyWindow, place: number, write: (sink: RespSink, session: Session) => void,
  ): void {
    const { session } = window;
    if (session !== null && !window.isMuted(place)) {
      const sink = this.#sinkFor(window, session, place);
      write(sink, session);
      if (sink === this.#stage) sink.flush();
    }
    this.#complete(window, place);
  }

  /** A window for the session; what it has written and not sent yet becomes its first place. */
  #open(session: Session): ReplyWindow {
    let window = this.#free.pop();
    if (window === undefined) {
      window = new ReplyWindow(this.#windows.length, this.#ranges);
      this.#windows.push(window);
    }
    window.session = session;
    session.window = window;
    const { sink } = this.#worker;
    if (sink.pending > 0) {
      this.#stageTarget.begin(window, window.addReady(), sink);
      sink.begin(this.#stageTarget);
      sink.flush();
      sink.begin(session);
    }
    return window;
  }

  /** The sink for a command that runs here while replies before it are under way. */
  stageFor(window: ReplyWindow): RespSink {
    this.#stageTarget.begin(window, window.tail, this.#stage);
    this.#stage.begin(this.#stageTarget);
    return this.#stage;
  }

  /** The command has run and its reply is whole. */
  staged(session: Session): void {
    this.#stage.flush();
    session.window?.addReady();
  }

  /** The connection is gone or will be cut: replies to it are dropped from now on. */
  abandon(session: Session): void {
    this.#resumable.delete(session);
    this.gate.drop(session);
    if (session.watchShards !== 0) this.#coordination?.unwatch(session.id, session.watchShards);
    session.watchShards = 0;
    const { window } = session;
    if (window === null) return;
    session.window = null;
    window.session = null;
    while (window.isHeadReady()) {
      this.#leave(window);
      window.advance();
    }
    if (window.isEmpty()) this.#close(window);
  }

  // ------------------------------------------------------------------ replies

  /** Takes the current message of the lane of replies: a reply or a part of one. */
  takeReply(peer: Peer): void {
    const { kind, a, b, c, bodyAt, bodyBytes, words } = peer.repliesIn;
    const window = this.#windows[a];
    assert(window !== undefined, 'a reply names a window');
    const { session } = window;
    if (kind === KIND_LOST) {
      if (session !== null) session.loseOutput('a command failed in the middle of its reply');
      this.#complete(window, b);
      return;
    }
    if (session !== null && !window.isMuted(b)) {
      const sink = this.#sinkFor(window, session, b);
      if (kind === KIND_LENT) {
        const at = (words[bodyAt >>> 2] ?? 0) >>> 0;
        sink.raw(this.#foreign.bytes(peer.index, at, words[(bodyAt >>> 2) + 1] ?? 0));
      } else if (kind === KIND_REPLY) {
        sink.bulkPiece(bodyAt, bodyBytes);
      }
      if (sink === this.#stage) sink.flush();
    }
    if (kind === KIND_LENT) this.#port.sendWords(peer, KIND_RETURN, c, 0, 0, 0, 0);
    if (kind === KIND_END || (kind === KIND_REPLY && c === 1)) this.#complete(window, b);
  }

  /** Where bytes of a reply go: out when all before them have left, else to the stage. */
  #sinkFor(window: ReplyWindow, session: Session, place: number): RespSink {
    if (place === window.head) {
      this.select(session);
      return this.#worker.sink;
    }
    this.#stageTarget.begin(window, place, this.#stage);
    this.#stage.begin(this.#stageTarget);
    return this.#stage;
  }

  /**
   * Replies that are written next are the session's. What a session begins or ends may let
   * transactions of others come to their end, and their replies be written, before it goes on.
   */
  select(session: Session): void {
    const { sink } = this.#worker;
    if (sink.target === session) return;
    sink.flush();
    sink.begin(session);
    if (session.isMuted) sink.mute();
  }

  /** The reply of a place is whole: it leaves, and what was ready behind it. */
  #complete(window: ReplyWindow, place: number): void {
    window.complete(place);
    while (window.isHeadReady()) {
      this.#leave(window);
      window.advance();
    }
    const { session } = window;
    if (session !== null) this.#resumable.add(session);
    if (!window.isEmpty()) {
      // What has come of the next reply leaves too: the rest of it will follow directly.
      this.#leave(window);
      return;
    }
    if (session !== null) session.window = null;
    this.#close(window);
  }

  /** What is staged of the oldest place is copied behind what was written, or dropped. */
  #leave(window: ReplyWindow): void {
    const ranges = this.#ranges;
    for (let range = window.takeHeadRanges(); range !== 0; ) {
      const bytes = ranges.bytes[range] ?? 0;
      window.stagedBytes -= bytes;
      if (window.session !== null) {
        this.select(window.session);
        this.#worker.sink.bulkPiece(ranges.at[range] ?? 0, bytes);
      }
      range = this.#release(range);
    }
  }

  /** Frees a staged range. @returns the next of its list */
  #release(range: number): number {
    const chunk = this.#ranges.chunks[range];
    const isOfSink = this.#ranges.isOfSink(range);
    const next = this.#ranges.give(range);
    assert(chunk !== null && chunk !== undefined, 'a staged range has a chunk');
    if (isOfSink) this.#worker.sink.unpin(chunk);
    else this.#stage.unpin(chunk);
    return next;
  }

  #close(window: ReplyWindow): void {
    assert(window.pending === 0, 'a window is closed when nothing is under way');
    window.session = null;
    window.stagedBytes = 0;
    this.#free.push(window);
  }

  /** All news of the turn were taken: replies leave, and held sessions go on. */
  finish(): void {
    this.#worker.sink.flush();
    if (this.#resumable.size === 0) return;
    const sessions = [...this.#resumable];
    this.#resumable.clear();
    for (const session of sessions) this.#worker.goOn(session);
  }
}

/** Takes what is staged: each range is pinned and noted in its window. */
class StageTarget implements ReplyTarget {
  readonly #worker: Worker;
  #window: ReplyWindow | undefined;
  #place = 0;
  #sink: RespSink | undefined;

  constructor(worker: Worker) {
    this.#worker = worker;
  }

  begin(window: ReplyWindow, place: number, sink: RespSink): void {
    this.#window = window;
    this.#place = place;
    this.#sink = sink;
  }

  /** HELLO may change it in the middle of what is written. */
  get resp(): number {
    return this.#window?.session?.resp ?? 2;
  }

  sendRange(chunk: ReplyChunk, at: number, bytes: number): boolean {
    const window = this.#window;
    if (window === undefined || window.session === null) return true;
    chunk.pins++;
    window.stage(this.#place, chunk, at, bytes, this.#sink === this.#worker.sink);
    return false;
  }

  lendRange(): void {
    assert(false, 'the stage copies long values');
  }

  loseOutput(reason: string): void {
    this.#window?.session?.loseOutput(reason);
  }
}

/** Bytes of a request's body, -1 when one of its arguments is a rope. */
function requestBytes(frame: ArgFrame): number {
  let bytes = 4 + frame.count * 4;
  for (let i = 0; i < frame.count; i++) {
    if (frame.isBig(i)) return -1;
    bytes += ((frame.bytes[i] ?? 0) + 3) & ~3;
  }
  return bytes;
}

/** The words of a request that say which command it is, and for whom. */
export function callOf(session: Session, command: Command): number {
  return callFor(session, command, session.db);
}

/** As callOf, in another database. */
export function callFor(session: Session, command: Command, db: number): number {
  const noTouch = (session.flags & ClientFlag.NoTouch) === 0 ? 0 : CALL_NO_TOUCH;
  const resp3 = session.resp === 3 ? CALL_RESP3 : 0;
  return command.index | (db << CALL_COMMAND_BITS) | resp3 | noTouch;
}
