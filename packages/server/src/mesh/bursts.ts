/**
 * The requests of a connection that have come together, as far as they were found ahead
 * (pipeline.hot.ts), with one place in the order of the mesh: those for other shards are published
 * at once, and those of the own shard run directly after that, before anything else does. So a
 * pipeline over all shards is one publication, and every shard gets its part in one piece.
 *   messages written ──▶ published in a moment in which the shard has caught up ──▶ places, replies
 *                     └▶ not now: taken back, the requests go one by one (origin.ts)
 * Invariants: nothing of a burst is seen by anybody before all of it has its place; its commands
 *   are of the kinds that are found ahead, and change neither their session nor what is locked.
 * Cost: one lock for up to AHEAD_COUNT_MAX commands; nothing is allocated.
 */
import type { ArgFrame, Router } from '@kora/core';
import { assert, fitsArity, Flag, isConfined } from '@kora/core';
import type { Pipeline } from '../pipeline.hot.ts';
import { AHEAD_COUNT_MAX } from '../pipeline.hot.ts';
import type { Session } from '../session.ts';
import type { Worker } from '../worker.ts';
import type { MeshPort } from './mesh-port.ts';
import { KIND_REQUEST } from './message-kinds.ts';
import type { OrderedLanes } from './ordered-lanes.ts';
import type { Origin } from './origin.ts';
import { PipelineOrder } from './origin.ts';
import type { ReplyWindow } from './reply-window.hot.ts';
import { WINDOW_PLACES } from './reply-window.hot.ts';
import { callOf, requestBytes, writeRequest } from './request-message.ts';

export class Bursts {
  /** By request of the burst: its place in the window. */
  readonly places = new Int32Array(AHEAD_COUNT_MAX);
  readonly #worker: Worker;
  readonly #port: MeshPort;
  readonly #lanes: OrderedLanes;
  readonly #origin: Origin;
  readonly #me: number;
  /** By peer: how far its lane was written before. */
  readonly #marks: Int32Array;
  /** Peers that messages were written to: a bit each. */
  #touched = 0;

  constructor(
    worker: Worker, port: MeshPort, lanes: OrderedLanes, origin: Origin, router: Router,
  ) {
    this.#worker = worker;
    this.#port = port;
    this.#lanes = lanes;
    this.#origin = origin;
    this.#me = router.me;
    this.#marks = new Int32Array(port.control.workerCount);
  }

  /**
   * Publishes what the pipeline has found for other shards. When it is true, the own ones have to
   * run now, with their replies at `places`; false: nothing has happened, and they go one by one.
   */
  publish(session: Session, pipeline: Pipeline, frame: ArgFrame): boolean {
    const { window } = session;
    if (!this.#mayRun(session, window) || !this.#isMixed(session, window, pipeline)) return false;
    const into = window ?? this.#origin.spareWindow();
    const pendingBytes = window === null ? this.#worker.sink.pending : 0;
    const base = into.tail + (pendingBytes > 0 ? 1 : 0);
    this.#touched = 0;
    if (!this.#write(session, pipeline, frame, into.index, base) ||
      !this.#lanes.publishCaughtUp()) {
      this.#takeBack();
      return false;
    }
    const opened = this.#origin.windowFor(session);
    for (let i = 0; i < pipeline.count; i++) {
      const isWrite = ((pipeline.commands[i]?.flags ?? 0) & Flag.Write) !== 0;
      this.places[i] = opened.addPending(pipeline.owners[i] ?? 0, isWrite, false, true);
    }
    assert(opened === into && this.places[0] === base, 'replies come to the places named before');
    return true;
  }

  #mayRun(session: Session, window: ReplyWindow | null): boolean {
    if (this.#lanes.isBehind || session.turn !== null || session.isMuted) return false;
    if (isConfined(session)) return false;
    if (this.#origin.order === PipelineOrder.Relaxed || !this.#origin.gate.isOpen) return false;
    const { shard } = this.#worker;
    if (shard.pause.isActive(shard.nowMs)) return false;
    if (window === null) return true;
    const places = window.tail - window.head + AHEAD_COUNT_MAX;
    return window.isOrdered && window.pending > 0 && places <= WINDOW_PLACES &&
      this.#origin.mayStage(window);
  }

  /** True when there are some for here and some for others, whose order matters. */
  #isMixed(session: Session, window: ReplyWindow | null, pipeline: Pipeline): boolean {
    const { count, owners, commands, argc } = pipeline;
    let needsOrder = window !== null || session.mixesPipelines ||
      this.#origin.order === PipelineOrder.Strict;
    let own = 0;
    for (let i = 0; i < count; i++) {
      const command = commands[i];
      const owner = owners[i] ?? -1;
      if (command === undefined || owner < 0 || !fitsArity(command, argc[i] ?? 0)) return false;
      if ((command.flags & Flag.Write) !== 0) needsOrder = true;
      if (owner === this.#me) own++;
    }
    return needsOrder && own > 0 && own < count;
  }

  /** Writes the messages; false when one finds no room or is too long for a ring. */
  #write(
    session: Session, pipeline: Pipeline, frame: ArgFrame, window: number, base: number,
  ): boolean {
    const { count, owners, commands } = pipeline;
    const { i32 } = this.#worker.shard.memory;
    for (let i = 0; i < count; i++) {
      const owner = owners[i] ?? 0;
      const command = commands[i];
      if (owner === this.#me || command === undefined) continue;
      const peer = this.#port.peer(owner);
      const out = peer.orderedOut;
      if ((this.#touched & (1 << owner)) === 0) this.#marks[owner] = out.mark();
      this.#touched |= 1 << owner;
      pipeline.present(frame, i);
      const bytes = requestBytes(frame, session.tracker);
      const word = bytes < 0 || bytes > out.bodyBytesMax ? -1 : out.begin(KIND_REQUEST, bytes);
      if (word < 0) return false;
      writeRequest(i32, frame, out, word, session.tracker);
      out.header(window, base + i, callOf(session, command));
      out.end(bytes);
      this.#lanes.note(peer);
    }
    return true;
  }

  #takeBack(): void {
    for (let left = this.#touched; left !== 0; left &= left - 1) {
      const owner = 31 - Math.clz32(left & -left);
      this.#port.peer(owner).orderedOut.rollBack(this.#marks[owner] ?? 0);
    }
    this.#lanes.lookAgain();
  }
}
