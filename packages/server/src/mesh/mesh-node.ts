/**
 * A worker among others: its port, what it does for its own connections (origin, coordination) and
 * what it does for those of others (owner, participation). `poll` is called at the end of every
 * turn and does all steps: take what has come, let held sessions go on, tell what was written.
 * The order of the steps is part of the proof in docs/adr/0016.
 */
import { Planner, Router, slotOfKey, WorkerState } from '@kora/core';
import type { Worker } from '../worker.ts';
import { Bursts } from './bursts.ts';
import { Coordination } from './coordination.ts';
import { ForeignMemory } from './foreign-memory.ts';
import { LockGate } from './lock-gate.ts';
import type { MeshPlan } from './mesh-plan.ts';
import type { Peer } from './mesh-port.ts';
import { MeshPort } from './mesh-port.ts';
import {
  KIND_ABORT, KIND_ACCEPT, KIND_ANSWER, KIND_CARGO, KIND_INTENT, KIND_INTENT_AT, KIND_NOTE,
  KIND_NOTE_END, KIND_PIECE, KIND_RELEASE, KIND_REPLIES, KIND_RETURN, KIND_RUN, KIND_STEP,
  KIND_UNWATCH,
} from './message-kinds.ts';
import { NoteTopic } from './note-topics.ts';
import { Notes } from './notes.ts';
import type { OrderedHost } from './ordered-lanes.ts';
import { OrderedLanes } from './ordered-lanes.ts';
import { Origin } from './origin.ts';
import { Owner } from './owner.ts';
import { ParcelsOut } from './parcels.ts';
import { Participation } from './participation.ts';
import { ProcessParts } from './process-parts.ts';
import { ProcessWords } from './process-words.ts';
import type { EventOutlet } from './step-events.ts';
import { decodeEvents, encodeEvents } from './step-events.ts';
import { UnderWay } from './under-way.ts';
import { WaitNotes } from './wait-notes.ts';
import { WaitParts } from './wait-parts.ts';
import { WaitsAcross } from './waits-across.ts';

export class MeshNode implements OrderedHost {
  readonly words: ProcessWords;
  readonly router: Router;
  readonly port: MeshPort;
  readonly lanes: OrderedLanes;
  readonly gate: LockGate;
  readonly origin: Origin;
  readonly bursts: Bursts;
  readonly owner: Owner;
  readonly coordination: Coordination;
  readonly participation: Participation;
  readonly parcels: ParcelsOut;
  readonly waitParts: WaitParts;
  readonly waitsAcross: WaitsAcross;
  readonly underWay: UnderWay;
  readonly notes: Notes;
  readonly #worker: Worker;
  /** Peers whose requests could not all run: a bit each. */
  #left = 0;

  constructor(worker: Worker, plan: MeshPlan, wake: (worker: number) => void) {
    const { shard, executor, chunks } = worker;
    const { registry } = executor;
    const { index, workerCount } = plan;
    this.#worker = worker;
    this.words = new ProcessWords(workerCount, plan.words);
    this.port = new MeshPort(shard.memory, plan, wake);
    this.lanes = new OrderedLanes(this.port);
    this.lanes.attach(this);
    this.parcels = new ParcelsOut(shard);
    this.notes = new Notes(worker, this.port);
    this.router = new Router(shard, registry, index, workerCount);
    const { router } = this;
    const planner = new Planner({
      slotOwner: router.owners, workerCount, self: index,
      slotOf: (frame, i) => router.slotOf(frame, i),
    });
    const foreign = new ForeignMemory(this.port);
    this.gate = new LockGate(planner, index, {
      onTurn: (session) => {
        this.origin.goOnSoon(session);
      },
      runParked: (request) => {
        this.owner.runParked(request);
      },
    });
    const { locks } = this.gate;
    const process = new ProcessParts(worker);
    this.participation = new Participation(
      shard, executor, chunks, this.port, locks, foreign, process,
    );
    this.owner = new Owner(
      shard, executor, chunks, this.port, this.gate, foreign, router, this.notes,
    );
    this.origin = new Origin(
      worker, chunks, this.port, this.lanes, router, this.gate, this.parcels,
    );
    this.bursts = new Bursts(worker, this.port, this.lanes, this.origin, router);
    this.coordination = new Coordination(
      worker, chunks, this.port, this.lanes, this.origin, this.participation, this.parcels,
      planner, router,
    );
    this.waitParts = new WaitParts(worker, foreign, (frame, i) =>
      router.owners[router.slotOf(frame, i)] === index);
    this.participation.waits = this.waitParts;
    const waitNotes = new WaitNotes(index, this.notes, this.waitParts, shard.memory.low);
    this.waitsAcross = new WaitsAcross(worker, router, this.origin, this.coordination, waitNotes);
    waitNotes.attach(this.waitsAcross);
    this.underWay = new UnderWay(this.origin.replies);
    this.coordination.waits = this.waitsAcross;
    this.origin.attach(this.coordination);
    this.participation.scripts.outlet = this.#eventOutlet();
    this.notes.on(NoteTopic.StepEvents, (from, handle, body) => {
      this.coordination.takeEvents(handle, from, decodeEvents(body));
    });
    shard.waiting.guard = (at, bytes) =>
      !this.gate.isOpen && locks.conflictsWith(slotOfKey(shard.memory.low, at, bytes), true);
  }

  #eventOutlet(): EventOutlet {
    const { coordination, notes, port } = this;
    const worker = this.#worker;
    return {
      notifier: worker.shard.notifier,
      send: (coordinator, handle, events) => {
        if (coordinator === port.me) {
          coordination.takeEvents(handle, port.me, events);
          return;
        }
        const isSent = notes.send(coordinator, NoteTopic.StepEvents, handle, (sink) => {
          sink.raw(encodeEvents(events));
        });
        if (!isSent) worker.pubSub.across?.loseEvents();
      },
    };
  }

  /** The others have made their rings. */
  connect(): void {
    this.port.connect();
  }

  /**
   * Bytes of a connection have come: what had its place before them runs first. Not while one of
   * its requests is under way.
   */
  catchUp(): void {
    if (this.lanes.isCaughtUp()) return;
    this.lanes.catchUp();
    this.#worker.sink.flush();
  }

  /**
   * Takes what others have said by now, and tells what was put off here: a connection that tracks
   * keys hears of both before it is answered. Not while one of its requests is under way.
   */
  hear(): void {
    for (const peer of this.port.peers) this.takeWords(peer);
    this.#worker.sink.flush();
    this.#worker.tracking.tellAll();
  }

  /** The end of a turn: everything that other workers sent, and everything for them. */
  poll(): void {
    const { port, lanes, origin, owner, coordination } = this;
    const news = port.control.take(port.me) | this.#left;
    this.#left = 0;
    owner.hasMore = false;
    owner.releasePaused();
    owner.waitsForGate = false;
    for (const peer of port.peers) {
      if ((news & (1 << peer.index)) === 0) continue;
      // Before the order is looked at: what came before these requests has its place by then.
      peer.requestsIn.refresh();
      this.takeWords(peer);
    }
    for (const peer of port.peers) if (!peer.outbox.isEmpty) port.drain(peer);
    lanes.catchUp();
    for (const peer of port.peers) {
      if ((news & (1 << peer.index)) === 0) continue;
      const mustWait = lanes.isBehind || !peer.outbox.isEmpty;
      if (mustWait || owner.serve(peer)) this.#left |= 1 << peer.index;
    }
    origin.finish();
    this.underWay.look(this.#worker.shard.nowMs);
    this.waitsAcross.retry();
    let mustGoOn = coordination.sequence();
    this.participation.serveReady();
    // Some may have ended in there: their replies leave before another session writes its own.
    this.#worker.sink.flush();
    this.#worker.tracking.tellAll();
    if (!lanes.publish()) mustGoOn = true;
    if (!port.publish()) mustGoOn = true;
    if (owner.hasMore || origin.hasReady) mustGoOn = true;
    if (owner.waitsForGate && this.gate.isOpen) mustGoOn = true;
    if (mustGoOn) this.#worker.engine.requestTurn();
  }

  takeOrdered(peer: Peer): boolean {
    if (!peer.outbox.isEmpty && !this.port.drain(peer)) return false;
    const { kind } = peer.orderedIn;
    const isIntent = kind === KIND_INTENT || kind === KIND_INTENT_AT;
    return isIntent ? this.participation.receive(peer) : this.owner.takeOrdered(peer);
  }

  /** Takes everything in the lane of replies of a peer. */
  takeWords(peer: Peer): void {
    const { repliesIn } = peer;
    if (repliesIn.refresh()) {
      while (repliesIn.next()) {
        this.#takeReply(peer);
        repliesIn.consume();
      }
    }
    if (repliesIn.flush()) peer.owesNews = true;
  }

  /** Takes the current message of the lane of replies. */
  #takeReply(peer: Peer): void {
    const { kind, a, b } = peer.repliesIn;
    switch (kind) {
      case KIND_RETURN:
        this.owner.takeBack(a);
        return;
      case KIND_ACCEPT:
        this.parcels.release(a);
        return;
      case KIND_PIECE:
        this.coordination.takePiece(peer);
        return;
      case KIND_ANSWER:
        this.coordination.takeAnswer(peer);
        return;
      case KIND_CARGO:
        this.participation.takeCargo(peer);
        return;
      case KIND_RUN:
        this.participation.onRun(peer.index, a, b === 1);
        return;
      case KIND_STEP: {
        const { words, bodyAt } = peer.repliesIn;
        const from = words[bodyAt >>> 2] ?? 0;
        this.participation.onStep(peer.index, a, b, from, words[(bodyAt >>> 2) + 1] ?? 0);
        return;
      }
      case KIND_RELEASE:
        this.participation.release(peer.index, a);
        return;
      case KIND_ABORT:
        this.participation.participant.onAbort(peer.index, a);
        return;
      case KIND_NOTE:
      case KIND_NOTE_END:
        this.notes.take(peer);
        return;
      case KIND_UNWATCH:
        this.participation.watches.drop(peer.index, b * 2 ** 32 + (a >>> 0));
        return;
      case KIND_REPLIES:
        this.origin.replies.takeBurst(peer);
        return;
      default:
        this.origin.replies.take(peer);
    }
  }

  /** Makes the workers of these shards, a bit each, take a turn soon. */
  ringShards(shards: number): void {
    const { port } = this;
    for (const { index } of port.peers) {
      if ((shards & (1 << index)) !== 0) port.ring(index);
    }
  }

  /** True when nothing is under way between workers, which a tick would look after. */
  get isQuiet(): boolean {
    const { lanes, owner, origin, coordination, gate } = this;
    return this.#left === 0 && !lanes.isBehind && owner.pausedCount === 0 && gate.isOpen &&
      origin.windowCount === 0 && coordination.count === 0 && !this.waitsAcross.hasUnsaid;
  }

  /** Asked before a wait in the kernel: true when whoever has news wakes this worker. */
  maySleep(): boolean {
    return this.port.control.maySleep(this.port.me);
  }

  /** This worker is gone: nobody may wait for it. */
  end(): void {
    this.port.control.setState(this.port.me, WorkerState.Ended);
  }
}
