/**
 * Commands of this worker's connections whose keys lie on several shards: planned, cut into parts,
 * put in order with all other transactions of the process, and answered when every part has
 * answered. The coordinator of the core decides; here its words become messages.
 * A connection waits for such a command like for any foreign one, by a place in its window.
 */
import type {
  ArgFrame, Command, CommandQueue, CoordinatorPort, Planner, Router, Shard, Transaction,
} from '@kora/core';
import {
  AcrossShards, argumentText, assert, ClientFlag, Coordinator, Course, DATABASE_COUNT, Flag,
  IntentForm, ReplyError, ROUTE_HERE,
} from '@kora/core';
import type { Session } from '../session.ts';
import type { SessionTable } from '../session-table.ts';
import type { Worker } from '../worker.ts';
import { LedRounds } from './led-rounds.ts';
import type { MeshPort, Peer } from './mesh-port.ts';
import type { OrderedLanes } from './ordered-lanes.ts';
import {
  KIND_ABORT, KIND_INTENT, KIND_INTENT_AT, KIND_RELEASE, KIND_RUN, KIND_UNWATCH,
} from './message-kinds.ts';
import type { Origin } from './origin.ts';
import { Step } from './origin.ts';
import { callFor, callOf } from './request-message.ts';
import type { ParcelsOut } from './parcels.ts';
import type { PartBlock } from './part-block.ts';
import { PART_EXEC, PART_WATCHES, PartBlocks } from './part-block.ts';
import type { StepPlan } from './part-planner.ts';
import { PartPlanner } from './part-planner.ts';
import type { OwnAnswers, Participation } from './participation.ts';
import { processRuleOf } from './process-commands.ts';
import { QueuedFrame } from './queued-frame.ts';
import { ReplyBytes } from './reply-bytes.ts';
import type { ReplyWindow } from './reply-window.hot.ts';
import { TransactionReplies } from './transaction-replies.ts';

/** What a transaction is about. */
interface Work {
  readonly window: ReplyWindow;
  readonly place: number;
  readonly command: Command;
  readonly steps: readonly StepPlan[];
  /** Commands of an EXEC. */
  readonly queue: CommandQueue | null;
  readonly clientId: number;
  /** Mask of the shards where its client watches keys. */
  readonly watched: number;
  /** Parts that were not sent yet, by shard. */
  readonly parts: (PartBlock | null)[];
}

type MeshTransaction = Transaction<Work, ReplyBytes>;

const INTENT_AT_BYTES = 12;
const tooLong = new ReplyError('ERR argument too large for a command over several workers');
const execNotBuilt = new ReplyError(
  'EXECABORT Transaction discarded because of: its keys lie on several workers, which is not ' +
  'built yet; a hashtag puts them together',
);
const notBuilt = new ReplyError(
  'CROSSSLOT the keys of this command lie on several workers, which is not built yet; ' +
  'a hashtag puts them together',
);

export class Coordination implements CoordinatorPort<Work, ReplyBytes>, OwnAnswers {
  readonly #shard: Shard;
  readonly #port: MeshPort;
  readonly #lanes: OrderedLanes;
  readonly #router: Router;
  readonly #origin: Origin;
  readonly #parcels: ParcelsOut;
  readonly #participation: Participation;
  readonly #coordinator: Coordinator<Work, ReplyBytes>;
  readonly #planner: Planner;
  readonly #parts: PartPlanner;
  readonly #queued: QueuedFrame;
  readonly #replies: TransactionReplies;
  readonly #blocks: PartBlocks;
  readonly #workerCount: number;
  readonly #sessions: SessionTable;
  readonly #led: LedRounds;
  /** By handle and shard: what has come of an answer. */
  readonly #pieces: (ReplyBytes | null)[][] = [];

  constructor(
    worker: Worker, port: MeshPort, lanes: OrderedLanes, origin: Origin,
    participation: Participation, parcels: ParcelsOut, planner: Planner, router: Router,
  ) {
    this.#router = router;
    this.#lanes = lanes;
    const { workerCount } = port.control;
    const { shard, executor } = worker;
    this.#sessions = worker.sessions;
    this.#queued = new QueuedFrame(shard, executor.registry);
    this.#parts = new PartPlanner(shard, planner, workerCount);
    this.#replies = new TransactionReplies(shard, executor, this.#queued);
    this.#shard = shard;
    this.#port = port;
    this.#origin = origin;
    this.#parcels = parcels;
    this.#participation = participation;
    this.#led = new LedRounds(shard.memory, port, participation.cargo);
    this.#workerCount = workerCount;
    this.#coordinator = new Coordinator({ workerCount, self: port.me, port: this });
    this.#planner = planner;
    this.#blocks = new PartBlocks(shard);
    participation.attach(this);
  }

  /** Transactions under way. */
  get count(): number {
    return this.#coordinator.count;
  }

  /** True when a command without keys concerns all shards. */
  concernsAll(command: Command): boolean {
    const { kind } = this.#planner.reachOf(command);
    return kind === AcrossShards.Everywhere || kind === AcrossShards.Scatter ||
      processRuleOf(command.name) !== undefined;
  }

  /**
   * Begins a command that one shard alone cannot run; its session owes nothing and is owed nothing.
   * @returns Step.Here when it has to be answered here (it does not parse); Step.Sent; Step.Hold
   *   when too many are under way
   */
  begin(session: Session, command: Command, frame: ArgFrame): number {
    this.#parts.start(session, 0);
    const step = this.#parts.add(command, frame, callOf(session, command), true);
    if (step === 'not built') {
      this.#parts.drop();
      return this.#refuse(session, command, notBuilt);
    }
    const { reach, shards } = step;
    if (reach === null) {
      this.#parts.drop();
      return Step.Here;
    }
    const isWatch = command.name === 'watch';
    if (isWatch) session.watchShards |= shards;
    const sent = this.#beginWith(session, command, isWatch ? shards : 0, {
      steps: [step], queue: null, course: step.course ?? step.process?.rule.course ?? reach.course,
      leader: step.course === Course.Led ? step.leader ?? -1 : -1,
    });
    return sent === Step.Here ? this.#refuse(session, command, tooLong) : sent;
  }

  /**
   * Begins the EXEC of a session whose commands or watches are not all of this shard. As `begin`.
   */
  beginExec(session: Session, exec: Command): number {
    const { queue } = session;
    const watches = session.watchShards !== 0 || session.watcher !== 0;
    this.#parts.start(session, PART_EXEC | (watches ? PART_WATCHES : 0));
    const steps: StepPlan[] = [];
    let { db } = session;
    for (queue?.rewind(); queue?.next() === true;) {
      const command = this.#queued.look(queue);
      const { frame } = this.#queued;
      // What stands behind these would have to be answered in another way.
      const isOfSession = command.name === 'hello' || command.name === 'client|reply';
      const step = isOfSession ? 'not built'
        : this.#parts.add(command, frame, callFor(session, command, db), false);
      if (step === 'not built') {
        this.#parts.drop();
        return this.refuseExec(session, exec);
      }
      steps.push(step);
      if (command.name === 'select') db = selected(frame, db);
    }
    const { watchShards } = session;
    const result = this.#beginWith(session, exec, watchShards | (1 << this.#port.me), {
      // Commands of an EXEC fail one by one: only a watch can stop all of them.
      steps, queue, course: watches ? Course.Voted : Course.Certain,
    });
    if (result === Step.Here) return this.refuseExec(session, exec, tooLong);
    if (result !== Step.Sent) return result;
    this.#shard.stats.countCall(exec.index);
    // Queue and watches are the transaction's now: it does not matter whether the session goes on.
    const { me } = this.#port;
    const watcher = this.#shard.transactions.takeWatcher(session);
    if (watcher !== 0) this.#participation.watches.adopt(me, session.id, watcher);
    session.queue = null;
    session.watchShards = 0;
    session.flags &= ~(ClientFlag.InMulti | ClientFlag.AbortsExec);
    return result;
  }

  /**
   * Sends what was planned; `extra` are shards that take part without a command.
   * @returns Step.Here when its parts cannot be had
   */
  #beginWith(session: Session, command: Command, extra: number, plan: {
    readonly steps: readonly StepPlan[]; readonly queue: CommandQueue | null;
    readonly course: number; readonly leader?: number;
  }): number {
    this.#parts.plan();
    const { shards: planned, lockCount } = this.#planner;
    const me = 1 << this.#port.me;
    let shards = planned | extra;
    // A transaction has two shards at least; the own one is at hand.
    if ((shards & (shards - 1)) === 0) shards |= shards === me ? this.#other() : me;
    if (!this.#coordinator.hasRoom(lockCount)) {
      this.#parts.drop();
      return Step.Hold;
    }
    const parts = this.#parts.build(shards);
    if (parts.some((part, shard) => part === null && (shards & (1 << shard)) !== 0)) {
      for (const part of parts) if (part !== null) this.#parts.free(part);
      return Step.Here;
    }
    const window = this.#origin.windowFor(session);
    // Nothing of the connection overlaps its EXEC.
    const isProcess = plan.steps[0]?.process !== undefined;
    // What is watched has to be watched before anything behind it is read.
    const isWatch = command.name === 'watch';
    const isWrite = (command.flags & Flag.Write) !== 0 || plan.queue !== null || isProcess ||
      isWatch;
    const place = window.addPending(-1, isWrite, session.isMuted, false);
    const work: Work = {
      window, place, command, parts, steps: plan.steps, queue: plan.queue, clientId: session.id,
      watched: extra,
    };
    const hasBegun = this.#coordinator.begin(
      shards, plan.course, plan.leader ?? -1, lockCount, work,
    );
    assert(hasBegun, 'there was room for it');
    return Step.Sent;
  }

  /** A shard that is not the own one, for transactions of the own shard alone. */
  #other(): number {
    return this.#port.me === 0 ? 2 : 1;
  }

  /** True when the session's EXEC needs this shard alone. */
  isHere(session: Session): boolean {
    if (session.watchShards !== 0) return false;
    const { queue } = session;
    for (queue?.rewind(); queue?.next() === true;) {
      const command = this.#queued.look(queue);
      const { frame } = this.#queued;
      if (this.#parts.isOfProcess(command, session, frame)) return false;
      const owner = this.#router.ownerOf(command, frame);
      const isKeyless = owner === ROUTE_HERE;
      if (isKeyless ? this.concernsAll(command) : owner !== this.#port.me) return false;
    }
    return true;
  }

  /** Tells the planner what an EXEC of this shard alone locks. */
  planHere(session: Session): void {
    const { queue } = session;
    const planner = this.#planner;
    planner.start();
    for (queue?.rewind(); queue?.next() === true;) {
      planner.add(this.#queued.look(queue), this.#queued.frame);
    }
    this.#shard.transactions.addWatchedSlots(session, planner);
    planner.finish();
  }

  /** EXEC of what cannot run over several shards: nothing of it runs. */
  refuseExec(session: Session, command: Command, error = execNotBuilt): number {
    this.unwatch(session.id, session.watchShards);
    session.watchShards = 0;
    this.#shard.transactions.reset(session);
    return this.#refuse(session, command, error);
  }

  /** Ends the client's watches on these shards. */
  unwatch(clientId: number, shards: number): void {
    for (let shard = 0; shard < this.#workerCount; shard++) {
      if ((shards & (1 << shard)) === 0) continue;
      if (shard === this.#port.me) {
        this.#participation.watches.drop(shard, clientId);
        continue;
      }
      const high = Math.floor(clientId / 2 ** 32);
      const peer = this.#port.peer(shard);
      this.#port.sendWords(peer, KIND_UNWATCH, clientId | 0, high, 0, 0, 0);
    }
  }

  #refuse(session: Session, command: Command, error: ReplyError): number {
    const window = this.#origin.windowFor(session);
    const place = window.addPending(
      -1, (command.flags & Flag.Write) !== 0, session.isMuted, false,
    );
    this.#origin.reply(window, place, (sink) => {
      sink.error(error);
    });
    return Step.Sent;
  }

  /**
   * Once a turn, at its end: what has begun gets its place.
   * @returns true: some of it has to wait for the next turn
   */
  sequence(): boolean {
    this.#coordinator.sequence();
    this.#lanes.unlock();
    return this.#coordinator.isSequencing();
  }

  // ------------------------------------------------------------------ words of the coordinator

  trySequence(transaction: MeshTransaction): boolean {
    return this.#hasRoom(transaction) && this.#take(transaction);
  }

  #take(transaction: MeshTransaction): boolean {
    const lanes = this.#lanes;
    if (!lanes.hold(transaction.shards)) return false;
    // Words that came with what ran meanwhile may have filled a lane.
    if (!this.#hasRoom(transaction)) return false;
    transaction.number = lanes.takeNumber();
    return true;
  }

  publish(): void {
    const isPublished = this.#lanes.publish();
    assert(isPublished, 'who holds the order publishes');
  }

  /** True when every ring has room for its intent. */
  #hasRoom({ shards, work }: MeshTransaction): boolean {
    let hasRoom = true;
    for (let left = shards & ~(1 << this.#port.me); left !== 0; left &= left - 1) {
      const shard = 31 - Math.clz32(left & -left);
      const peer = this.#port.peer(shard);
      const bytes = work?.parts[shard]?.bytes ?? 0;
      const out = peer.orderedOut;
      // Never before a release that waits in the outbox: the handle may be the same.
      if (peer.outbox.isEmpty && out.hasRoom(bytes <= out.bodyBytesMax ? bytes : INTENT_AT_BYTES)) {
        continue;
      }
      peer.wantsOrderedRoom = true;
      hasRoom = false;
    }
    return hasRoom;
  }

  mayRunAtOnce(transaction: MeshTransaction, shard: number): boolean {
    if (leaderOf(transaction) !== shard) return true;
    // What was lent here goes along the lane of replies, in one message that is there before.
    const { outbox, repliesOut } = this.#port.peer(shard);
    const bytes = transaction.replies[this.#port.me]?.bytes ?? 0;
    return outbox.isEmpty && bytes <= repliesOut.bodyBytesMax && repliesOut.hasRoom(bytes);
  }

  sendIntent(transaction: MeshTransaction, shard: number, form: number): void {
    const { work, handle } = transaction;
    const part = work?.parts[shard] ?? null;
    assert(work !== null && part !== null, 'an intent is of a transaction under way');
    work.parts[shard] = null;
    this.#blocks.complete(part.ref, transaction.number, form);
    if (form === IntentForm.RunAndRelease) this.#sendCargo(transaction, shard);
    if (shard === this.#port.me) this.#participation.admit(shard, handle, part.ref);
    else this.#send(this.#port.peer(shard), handle, part);
  }

  #send(peer: Peer, handle: number, part: PartBlock): void {
    const out = peer.orderedOut;
    const isInline = part.bytes <= out.bodyBytesMax;
    const bytes = isInline ? part.bytes : INTENT_AT_BYTES;
    const word = out.begin(isInline ? KIND_INTENT : KIND_INTENT_AT, bytes);
    assert(word >= 0, 'a transaction has a place when there is room for its intents');
    out.header(handle, 0, 0);
    if (isInline) {
      out.copyFrom(this.#shard.memory.i32, part.ref * 8, word, part.bytes);
      this.#parts.free(part);
    } else {
      out.words[word] = part.ref * 8;
      out.words[word + 1] = part.bytes;
      out.words[word + 2] = this.#parcels.lend(part.ref);
    }
    out.end(bytes);
    this.#lanes.note(peer);
  }

  sendRun(transaction: MeshTransaction, shard: number, thenRelease: boolean): void {
    const { handle } = transaction;
    const { me } = this.#port;
    this.#sendCargo(transaction, shard);
    if (shard === me) this.#participation.participant.onRun(me, handle, thenRelease);
    else this.#say(shard, KIND_RUN, handle, thenRelease ? 1 : 0);
  }

  sendRelease(transaction: MeshTransaction, shard: number): void {
    const { handle } = transaction;
    const { me } = this.#port;
    if (shard === me) this.#participation.release(me, handle);
    else this.#say(shard, KIND_RELEASE, handle, 0);
  }

  sendAbort(transaction: MeshTransaction, shard: number): void {
    const { handle } = transaction;
    const { me } = this.#port;
    if (shard === me) this.#participation.participant.onAbort(me, handle);
    else this.#say(shard, KIND_ABORT, handle, 0);
  }

  #say(shard: number, kind: number, handle: number, b: number): void {
    this.#port.sendWords(this.#port.peer(shard), kind, handle, b, 0, 0, 0);
  }

  nextRound(transaction: MeshTransaction): number {
    if (transaction.course === Course.Led) return this.#led.next(transaction);
    return this.#led.nextStage(transaction, leaderOf(transaction));
  }

  /** What the shard needs to run its step of a led transaction goes ahead of the word to run. */
  #sendCargo(transaction: MeshTransaction, shard: number): void {
    const leader = leaderOf(transaction);
    if (leader >= 0) this.#led.beforeRun(transaction, leader, shard);
  }

  #isConnected({ clientId }: Work): boolean {
    return this.#sessions.byId(clientId) !== undefined;
  }

  // ------------------------------------------------------------------ answers

  /** Bytes of an answer that is not whole yet, from the current message of a peer. */
  takePiece(peer: Peer): void {
    const { a, b, bodyAt, bodyBytes } = peer.repliesIn;
    if (b === 0) this.#piecesOf(a, peer.index).add(bodyAt, bodyBytes);
    else this.#led.addChanges(a, b - 1, bodyAt, bodyBytes);
  }

  /** A shard has answered. */
  takeAnswer(peer: Peer): void {
    const { a, b } = peer.repliesIn;
    const pieces = this.#pieces[a];
    const reply = pieces?.[peer.index] ?? null;
    if (pieces !== undefined) pieces[peer.index] = null;
    this.#coordinator.onAnswer(a, peer.index, b === 1, reply);
  }

  onOwnAnswer(handle: number, isAccepted: boolean, reply: ReplyBytes): void {
    this.#coordinator.onAnswer(handle, this.#port.me, isAccepted, reply);
  }

  onOwnChanges(handle: number, shard: number, at: number, bytes: number): void {
    this.#led.addChanges(handle, shard, at, bytes);
  }

  #piecesOf(handle: number, shard: number): ReplyBytes {
    while (this.#pieces.length <= handle) {
      this.#pieces.push(new Array<ReplyBytes | null>(this.#workerCount).fill(null));
    }
    const pieces = this.#pieces[handle];
    assert(pieces !== undefined, 'a handle has its answers');
    let reply = pieces[shard] ?? null;
    if (reply === null) {
      reply = new ReplyBytes(this.#shard.memory);
      pieces[shard] = reply;
    }
    return reply;
  }

  onFinished(transaction: MeshTransaction): void {
    const { work, refused, replies } = transaction;
    this.#led.end(transaction.handle);
    assert(work !== null, 'a transaction under way has its work');
    for (const part of work.parts) if (part !== null) this.#parts.free(part);
    this.#origin.reply(work.window, work.place, (sink, session) => {
      if (replies.some((reply) => reply?.isLost === true)) {
        session.loseOutput('no memory is left for its replies');
      } else if (refused !== 0) {
        const reply = replies[31 - Math.clz32(refused & -refused)] ?? null;
        assert(reply !== null, 'who refuses says why');
        sink.bulkPiece(reply.at, reply.bytes);
      } else if (work.command.name !== 'exec') {
        this.#replies.writeStep(work.steps[0], replies, sink);
      } else {
        this.#replies.writeExec(work.steps, work.queue, session, replies, sink);
      }
    });
    work.queue?.free();
    // A part of an EXEC that was refused before it was asked still watches; so does who has gone.
    const isVoid = work.command.name === 'exec' && refused !== 0;
    const isGone = work.command.name === 'watch' && !this.#isConnected(work);
    if (work.watched !== 0 && (isVoid || isGone)) this.unwatch(work.clientId, work.watched);
    for (const reply of replies) reply?.free();
  }
}

/** The shard that runs the transaction's command for all; -1 when it has none. */
function leaderOf({ work }: MeshTransaction): number {
  return work?.steps[0]?.leader ?? -1;
}

/** The database that the SELECT in the frame chooses. */
function selected(frame: ArgFrame, db: number): number {
  const text = argumentText(frame, 1);
  return /^\d{1,2}$/.test(text) && Number(text) < DATABASE_COUNT ? Number(text) : db;
}
