/**
 * Commands of this worker's connections whose keys lie on several shards: planned, cut into parts,
 * put in order with all other transactions of the process, and answered when every part has
 * answered. The coordinator of the core decides; its words become messages (part-sender.ts), and
 * what needs several rounds has its own plan (script.ts).
 * A connection waits for such a command like for any foreign one, by a place in its window.
 */
import type { ArgFrame, Command, CoordinatorPort, Planner, Router, Shard } from '@kora/core';
import {
  AcrossShards, assert, ClientFlag, Coordinator, Course, Flag, IntentForm, ReplyError, ROUTE_HERE,
} from '@kora/core';
import type { ReplyChunks } from '../reply-chunks.ts';
import type { Session } from '../session.ts';
import type { Worker } from '../worker.ts';
import { AnswerPieces } from './answer-pieces.ts';
import { endWatches } from './foreign-watches.ts';
import { KeyRecords } from './key-records.ts';
import type { MeshPort, Peer } from './mesh-port.ts';
import type { OrderedLanes } from './ordered-lanes.ts';
import { CALL_UNCOUNTED } from './message-kinds.ts';
import type { Origin } from './origin.ts';
import { Step } from './origin.ts';
import { callFor, callOf, rememberedCall } from './request-message.ts';
import type { ParcelsOut } from './parcels.ts';
import { PART_EVENTS, PART_EXEC, PART_WAITS, PART_WATCHES } from './part-block.ts';
import { PartPlanner } from './part-planner.ts';
import { chosen, selected } from './planned-connection.ts';
import { PartSender } from './part-sender.ts';
import type { OwnAnswers, Participation } from './participation.ts';
import { processRuleOf } from './process-commands.ts';
import { QueuedFrame } from './queued-frame.ts';
import type { ReplyBytes } from './reply-bytes.ts';
import type { ScanRun } from './scan-run.ts';
import type { ScanAsker } from './scans-across.ts';
import { ScansAcross } from './scans-across.ts';
import { ScriptRounds } from './script-rounds.ts';
import type { StepPlan } from './step-plan.ts';
import type { StepEvent } from './step-events.ts';
import { hasOrderedEvents, isStaged, needsScript } from './step-plan.ts';
import { TransactionReplies } from './transaction-replies.ts';
import type { MeshTransaction, Work, WorkPlan } from './transaction-work.ts';
import { hasTaken } from './transaction-work.ts';
import type { WaitOutcome, WaitsAcross } from './waits-across.ts';

const tooLong = new ReplyError('ERR argument too large for a command over several workers');

export class Coordination implements CoordinatorPort<Work, ReplyBytes>, OwnAnswers, ScanAsker {
  readonly #shard: Shard;
  readonly #port: MeshPort;
  readonly #lanes: OrderedLanes;
  readonly #router: Router;
  readonly #origin: Origin;
  readonly #participation: Participation;
  readonly #coordinator: Coordinator<Work, ReplyBytes>;
  readonly #planner: Planner;
  readonly #parts: PartPlanner;
  readonly #queued: QueuedFrame;
  readonly #replies: TransactionReplies;
  readonly #worker: Worker;
  readonly #sender: PartSender;
  readonly #pieces: AnswerPieces;
  readonly #records: KeyRecords;
  readonly #scripts: ScriptRounds;
  readonly #scans: ScansAcross;
  /** Commands that wait for keys of several shards, or of others. Set once. */
  waits: WaitsAcross | null = null;
  /** Mask of the shards that have keys of the command of the last `beginWaiting`. */
  plannedShards = 0;

  constructor(
    worker: Worker, chunks: ReplyChunks, port: MeshPort, lanes: OrderedLanes, origin: Origin,
    participation: Participation, parcels: ParcelsOut, planner: Planner, router: Router,
  ) {
    this.#router = router;
    this.#lanes = lanes;
    const { workerCount } = port.control;
    const { shard, executor } = worker;
    this.#worker = worker;
    this.#queued = new QueuedFrame(shard, executor.registry);
    this.#parts = new PartPlanner(shard, planner, workerCount);
    this.#replies = new TransactionReplies(shard, executor, this.#queued);
    this.#shard = shard;
    this.#port = port;
    this.#origin = origin;
    this.#participation = participation;
    this.#sender = new PartSender(shard, port, lanes, parcels, participation);
    this.#pieces = new AnswerPieces(shard.memory, workerCount);
    this.#records = new KeyRecords(shard.memory, port, participation.cargo);
    this.#scripts = new ScriptRounds(shard, chunks, origin, this.#records, this.#replies);
    this.#scans = new ScansAcross(worker, origin, this);
    this.#coordinator = new Coordinator({ workerCount, self: port.me, port: this });
    this.#planner = planner;
    participation.attach(this);
  }

  /** Transactions under way. */
  get count(): number {
    return this.#coordinator.count;
  }

  /** Transactions for which records are on their way between shards. */
  get recordCount(): number {
    return this.#records.count;
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
    if (command.name === 'scan') return this.#scans.begin(session, command, frame);
    return this.#begin(session, command, frame, null);
  }

  /** As `begin`, for a command that waits and is run as one that does not; `done` answers. */
  beginTrying(
    session: Session, command: Command, frame: ArgFrame, done: (outcome: WaitOutcome) => void,
  ): number {
    return this.#begin(session, command, frame, done);
  }

  /**
   * Asks all shards that have keys of a command that waits, as `begin`.
   * @param asking its arguments, and who waits (wait-parts.ts)
   */
  beginWaiting(
    session: Session, command: Command, frame: ArgFrame, asking: ArgFrame,
    done: (outcome: WaitOutcome) => void,
  ): number {
    this.#parts.start(session, PART_WAITS);
    const step = this.#parts.addWaiting(command, frame, asking, callOf(session, command));
    if (step.reach === null) {
      this.#parts.drop();
      return Step.Here;
    }
    this.plannedShards = step.shards;
    return this.#beginWith(session, command, 0, {
      steps: [step], queue: null, course: Course.Voted, leader: -1, done,
    });
  }

  hasRoom(shardCount: number): boolean {
    return this.#coordinator.hasRoom(shardCount);
  }

  askScan(
    session: Session, command: Command, frame: ArgFrame, run: ScanRun,
    done: (replies: readonly (ReplyBytes | null)[]) => void,
  ): boolean {
    this.#parts.start(session, 0);
    const call = callOf(session, command) | (run.rounds > 1 ? CALL_UNCOUNTED : 0);
    const step = this.#parts.addScan(command, frame, call, run.shards);
    return this.#beginWith(session, command, 0, {
      steps: [step], queue: null, course: Course.Certain, leader: -1, at: run,
      done: ({ replies }) => {
        done(replies);
      },
    }) === Step.Sent;
  }

  /** PART_EVENTS while events of the key space are heard. */
  get #heardFlag(): number {
    return this.#worker.hearsEvents ? PART_EVENTS : 0;
  }

  #begin(
    session: Session, command: Command, frame: ArgFrame,
    done: ((outcome: WaitOutcome) => void) | null,
  ): number {
    // A script keeps a reply that nobody wants to itself; who hears of the outcome needs it.
    const heard = done === null || !session.isMuted ? this.#heardFlag : 0;
    this.#parts.start(session, heard);
    const step = this.#parts.add(command, frame, callOf(session, command), true);
    const { reach, shards } = step;
    if (reach === null) {
      this.#parts.drop();
      return Step.Here;
    }
    const isWatch = command.name === 'watch';
    if (isWatch) session.watchShards |= shards;
    const isInScript = isStaged(step) || (heard !== 0 && hasOrderedEvents(step));
    const course = step.process?.rule.course ?? (isInScript ? Course.Scripted : reach.course);
    const sent = this.#beginWith(session, command, isWatch ? shards : 0, {
      steps: [step], queue: null, course, leader: course === Course.Led ? step.leader : -1, done,
    });
    if (done !== null) return sent;
    return sent === Step.Here ? this.#refuse(session, command, tooLong) : sent;
  }

  /**
   * Begins the EXEC of a session whose commands or watches are not all of this shard. As `begin`.
   */
  beginExec(session: Session, exec: Command): number {
    const { queue } = session;
    const watches = session.watchShards !== 0 || session.watcher !== 0;
    const heard = this.#heardFlag;
    this.#parts.start(session, PART_EXEC | (watches ? PART_WATCHES : 0) | heard);
    const steps = this.#planQueue(session);
    const { watchShards } = session;
    const isInScript = heard !== 0 || needsScript(steps, session.isMuted);
    // Commands of an EXEC fail one by one: only a watch can stop all of them.
    const course = isInScript ? Course.Scripted : watches ? Course.Voted : Course.Certain;
    const result = this.#beginWith(session, exec, watchShards | (1 << this.#port.me), {
      steps, queue, course, leader: -1, done: null,
    });
    if (result === Step.Here) return this.#refuseExec(session, exec, tooLong);
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

  /** Plans the commands of the session's EXEC, each as those before it leave the connection. */
  #planQueue(session: Session): StepPlan[] {
    const { queue } = session;
    const steps: StepPlan[] = [];
    let { db } = session;
    let isNoTouch = (session.flags & ClientFlag.NoTouch) !== 0;
    let saysCaching = false;
    for (queue?.rewind(); queue?.next() === true;) {
      const command = this.#queued.look(queue);
      const { frame } = this.#queued;
      const call = callFor(session, command, db, isNoTouch) |
        (saysCaching ? rememberedCall(session, command) : 0);
      steps.push(this.#parts.add(command, frame, call, false));
      if (command.name === 'select') db = selected(frame, db);
      else if (command.name === 'client|no-touch') isNoTouch = chosen(frame, isNoTouch);
      else if (command.name === 'client|caching') saysCaching = true;
    }
    return steps;
  }

  /**
   * Sends what was planned; `extra` are shards that take part without a command.
   * @returns Step.Here when its parts cannot be had
   */
  #beginWith(session: Session, command: Command, extra: number, plan: WorkPlan): number {
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
    const isInScript = plan.course === Course.Scripted;
    if (isInScript) this.#parts.markScript();
    const parts = this.#parts.build(shards);
    if (parts.some((part, shard) => part === null && (shards & (1 << shard)) !== 0)) {
      for (const part of parts) if (part !== null) this.#parts.free(part);
      return Step.Here;
    }
    const window = plan.at?.window ?? this.#origin.replies.windowFor(session);
    // Nothing of the connection overlaps its EXEC.
    const isProcess = (plan.steps[0]?.process ?? null) !== null;
    // What is watched has to be watched before anything behind it is read.
    const isWatch = command.name === 'watch';
    const isWrite = (command.flags & Flag.Write) !== 0 || plan.queue !== null || isProcess ||
      isWatch;
    // A script keeps what it is not to say to itself, for CLIENT REPLY may be one of its commands.
    const isMuted = session.isMuted && !(isInScript && plan.queue !== null);
    const place = plan.at?.place ?? window.addPending(-1, isWrite, isMuted, false);
    const run = isInScript ? this.#scripts.begin(window, plan.steps, plan.queue) : null;
    const work: Work = {
      window, place, command, parts, steps: plan.steps, queue: plan.queue, clientId: session.id,
      watched: extra, run, done: plan.done, keepsPlace: plan.at !== undefined,
    };
    const hasBegun = this.#coordinator.begin(shards, plan.course, plan.leader, lockCount, work);
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
  #refuseExec(session: Session, command: Command, error: ReplyError): number {
    this.unwatch(session.id, session.watchShards);
    session.watchShards = 0;
    this.#shard.transactions.reset(session);
    return this.#refuse(session, command, error);
  }

  /** Ends the client's watches on these shards. */
  unwatch(clientId: number, shards: number): void {
    endWatches(this.#port, this.#participation.watches, clientId, shards);
  }

  #refuse(session: Session, command: Command, error: ReplyError): number {
    const window = this.#origin.replies.windowFor(session);
    const place = window.addPending(
      -1, (command.flags & Flag.Write) !== 0, session.isMuted, false,
    );
    this.#origin.replies.reply(window, place, (sink) => {
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

  #hasRoom({ shards, work }: MeshTransaction): boolean {
    return this.#sender.hasRoom(shards, work?.parts ?? []);
  }

  publish(): void {
    const isPublished = this.#lanes.publish();
    assert(isPublished, 'who holds the order publishes');
  }

  mayRunAtOnce({ leader, handle }: MeshTransaction, shard: number): boolean {
    if (leader !== shard) return true;
    // What was lent here goes along the lane of replies, in one message that is there before.
    const { outbox, repliesOut } = this.#port.peer(shard);
    const bytes = this.#records.bytesOf(handle, this.#port.me);
    return outbox.isEmpty && bytes <= repliesOut.bodyBytesMax && repliesOut.hasRoom(bytes);
  }

  sendIntent(transaction: MeshTransaction, shard: number, form: number): void {
    const { work } = transaction;
    const part = work?.parts[shard] ?? null;
    assert(work !== null && part !== null, 'an intent is of a transaction under way');
    work.parts[shard] = null;
    if (form === IntentForm.RunAndRelease) this.#sendRecords(transaction, shard);
    this.#sender.sendIntent(shard, transaction, form, part, work);
  }

  sendRun(transaction: MeshTransaction, shard: number, thenRelease: boolean): void {
    const { handle, work } = transaction;
    const run = work?.run ?? null;
    if (run === null) {
      this.#sendRecords(transaction, shard);
      this.#sender.sendRun(shard, handle, thenRelease);
      return;
    }
    this.#scripts.beforeStep(handle, run, shard);
    this.#sender.sendStep(shard, handle, run.wordOf(shard), run.resp);
  }

  /** What the shard needs to run its part of a led command goes ahead of the word to run. */
  #sendRecords({ leader, handle }: MeshTransaction, shard: number): void {
    if (leader < 0) return;
    if (shard === leader) this.#records.sendLent(handle, leader);
    else this.#records.sendTold(handle, shard);
  }

  sendRelease({ handle }: MeshTransaction, shard: number): void {
    this.#sender.sendRelease(shard, handle);
  }

  sendAbort({ handle }: MeshTransaction, shard: number): void {
    this.#sender.sendAbort(shard, handle);
  }

  nextRound(transaction: MeshTransaction): number {
    const { handle, work } = transaction;
    const run = work?.run ?? null;
    if (run !== null) return this.#scripts.next(transaction, run);
    this.#records.checkChanges(handle);
    return this.#records.shardsOf(handle);
  }

  // ------------------------------------------------------------------ answers

  /** Bytes of an answer, or records, from the current message of a peer. */
  takePiece(peer: Peer): void {
    const { a, b, bodyAt: at, bodyBytes: bytes } = peer.repliesIn;
    if (b === 0) this.#pieces.add(a, peer.index, at, bytes, hasTaken(this.#coordinator.find(a)));
    else this.#records.add(a, b - 1, at, bytes);
  }

  /** Events of the key space that a shard's part has made. */
  takeEvents(handle: number, shard: number, events: readonly StepEvent[]): void {
    const run = this.#coordinator.find(handle).work?.run ?? null;
    run?.addEvents(shard, events);
  }

  /** A shard has answered. */
  takeAnswer(peer: Peer): void {
    const { a, b } = peer.repliesIn;
    this.#coordinator.onAnswer(a, peer.index, b === 1, this.#pieces.take(a, peer.index));
  }

  onOwnAnswer(handle: number, isAccepted: boolean, reply: ReplyBytes): void {
    this.#coordinator.onAnswer(handle, this.#port.me, isAccepted, reply);
  }

  onOwnRecords(handle: number, shard: number, at: number, bytes: number): void {
    this.#records.add(handle, shard, at, bytes);
  }

  onFinished(transaction: MeshTransaction): void {
    const { work, refused, replies } = transaction;
    this.#records.drop(transaction.handle);
    assert(work !== null, 'a transaction under way has its work');
    for (const part of work.parts) if (part !== null) this.#parts.free(part);
    const { done } = work;
    if (done !== null) {
      if (!work.keepsPlace) {
        this.#origin.replies.reply(work.window, work.place, () => undefined);
      }
      const { run, steps: [step] } = work;
      done(run?.outcome ?? { refused, replies, leader: step?.leader ?? -1 });
      run?.free();
      for (const reply of replies) reply?.free();
      return;
    }
    this.#origin.replies.reply(work.window, work.place, (sink, session) => {
      if (replies.some((reply) => reply?.isLost === true)) {
        session.loseOutput('no memory is left for its replies');
      } else if (refused !== 0) {
        const reply = replies[31 - Math.clz32(refused & -refused)] ?? null;
        assert(reply !== null, 'who refuses says why');
        sink.bulkPiece(reply.at, reply.bytes);
      } else if (work.run !== null) {
        this.#scripts.finish(work.run, session, sink);
      } else if (work.command.name !== 'exec') {
        this.#replies.writeStep(work.steps[0], replies, sink);
      } else {
        this.#replies.writeExec(work.steps, work.queue, session, replies, sink);
      }
    });
    work.run?.free();
    work.queue?.free();
    // A part of an EXEC that was refused before it was asked still watches; so does who has gone.
    const isVoid = work.command.name === 'exec' && refused !== 0;
    const isGone = work.command.name === 'watch' &&
      this.#worker.sessions.byId(work.clientId) === undefined;
    if (work.watched !== 0 && (isVoid || isGone)) this.unwatch(work.clientId, work.watched);
    for (const reply of replies) reply?.free();
  }
}
