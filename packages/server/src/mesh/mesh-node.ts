/**
 * A worker among others: its port, what it does for its own connections (origin, coordination) and
 * what it does for those of others (owner, participation). `poll` is called at the end of every
 * turn and does all steps: take what has come, let held sessions go on, tell what was written.
 */
import { Planner, Router, WorkerState } from '@kora/core';
import type { Worker } from '../worker.ts';
import { Coordination } from './coordination.ts';
import { ForeignMemory } from './foreign-memory.ts';
import { LockGate } from './lock-gate.ts';
import type { MeshPlan } from './mesh-plan.ts';
import type { Peer } from './mesh-port.ts';
import { MeshPort } from './mesh-port.ts';
import {
  KIND_ABORT, KIND_ACCEPT, KIND_ANSWER, KIND_CARGO, KIND_PIECE, KIND_RELEASE, KIND_RETURN, KIND_RUN,
  KIND_UNWATCH,
} from './message-kinds.ts';
import { Origin } from './origin.ts';
import { Owner } from './owner.ts';
import { ParcelsOut } from './parcels.ts';
import { Participation } from './participation.ts';
import { ProcessParts } from './process-parts.ts';
import { ProcessWords } from './process-words.ts';

export class MeshNode {
  readonly words: ProcessWords;
  readonly router: Router;
  readonly port: MeshPort;
  readonly gate: LockGate;
  readonly origin: Origin;
  readonly owner: Owner;
  readonly coordination: Coordination;
  readonly participation: Participation;
  readonly parcels: ParcelsOut;
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
    this.parcels = new ParcelsOut(shard);
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
      shard, executor, chunks, this.port, this.gate, foreign, this.participation, router,
    );
    this.origin = new Origin(worker, chunks, this.port, router, this.gate, this.parcels);
    this.coordination = new Coordination(
      worker, this.port, this.origin, this.participation, this.parcels, planner,
    );
    this.origin.attach(this.coordination);
  }

  /** The others have made their rings. */
  connect(): void {
    this.port.connect();
  }

  /** The end of a turn: everything that other workers sent, and everything for them. */
  poll(): void {
    const { port, origin, owner } = this;
    const news = port.control.take(port.me) | this.#left;
    this.#left = 0;
    owner.hasMore = false;
    owner.releasePaused();
    owner.waitsForGate = false;
    for (const peer of port.peers) {
      const isNews = (news & (1 << peer.index)) !== 0;
      if (isNews) {
        // Before the replies: what is seen of the requests came after all that is said there.
        peer.requestsIn.refresh();
        this.#takeReplies(peer);
      }
      const isDrained = peer.outbox.isEmpty || port.drain(peer);
      if (isNews && (!isDrained || owner.serve(peer))) this.#left |= 1 << peer.index;
    }
    const mustRetry = this.coordination.retry();
    origin.finish();
    const mayRest = port.publish();
    const isGateOpened = owner.waitsForGate && this.gate.isOpen;
    if (!mayRest || mustRetry || owner.hasMore || isGateOpened) this.#worker.engine.requestTurn();
  }

  /** Takes everything in the lane of replies of a peer. */
  #takeReplies(peer: Peer): void {
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
    const { participant } = this.participation;
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
        participant.onRun(peer.index, a, b === 1);
        return;
      case KIND_RELEASE:
        this.participation.release(peer.index, a);
        return;
      case KIND_ABORT:
        participant.onAbort(peer.index, a);
        return;
      case KIND_UNWATCH:
        this.participation.watches.drop(peer.index, b * 2 ** 32 + (a >>> 0));
        return;
      default:
        this.origin.takeReply(peer);
    }
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
