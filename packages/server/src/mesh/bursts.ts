/**
 * The requests of a connection that have come together, as far as they were found ahead
 * (pipeline.hot.ts): one message for each other shard that they go to (burst-message.hot.ts), and
 * those of the own shard run directly after that. Where their order matters they have one place in
 * the order of the mesh: published at once, and nothing else runs here before the own ones.
 *   messages written ──▶ plain, or published in a moment in which the shard has caught up
 *                    │       └▶ places, replies
 *                    └▶ not now: taken back, the requests go one by one (origin.ts)
 * Invariants: nothing of a burst is seen by anybody before all of it has its place; its commands
 *   are of the kinds that are found ahead, and change neither their session nor what is locked.
 * Cost: one lock for up to AHEAD_COUNT_MAX commands; nothing is allocated.
 */
import type { ArgFrame, Router } from '@kora/core';
import { assert, ClientFlag, isConfined, Outcome } from '@kora/core';
import type { Pipeline } from '../pipeline.hot.ts';
import { AHEAD_COUNT_MAX } from '../pipeline.hot.ts';
import type { Session } from '../session.ts';
import type { Worker } from '../worker.ts';
import { BURST_COUNT_MAX, writeBurst } from './burst-message.hot.ts';
import type { MeshPort } from './mesh-port.ts';
import { KIND_BURST } from './message-kinds.ts';
import type { OrderedLanes } from './ordered-lanes.ts';
import type { Origin } from './origin.ts';
import { PipelineOrder } from './origin.ts';
import type { ReplyWindow } from './reply-window.hot.ts';
import { burstTrackingOf, callBaseOf } from './request-message.ts';

assert(AHEAD_COUNT_MAX <= BURST_COUNT_MAX, 'all that is found ahead fits a burst');

/** Times that a worker catches up with the order before it publishes. */
const PUBLISH_TRIES_MAX = 4;

/** Which way a burst goes. */
const WAY_NONE = 0;
const WAY_PLAIN = 1;
const WAY_ORDERED = 2;

export class Bursts {
  /** Place in the window of the first request; those of the others follow. */
  firstPlace = 0;
  readonly #worker: Worker;
  readonly #port: MeshPort;
  readonly #lanes: OrderedLanes;
  readonly #origin: Origin;
  readonly #me: number;
  /** By peer: how far its lane was written before. */
  readonly #marks: Int32Array;
  /** Shards that messages were written to. */
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
   * Sends what the pipeline has found for other shards. When it is true, `runOwn` has to run the
   * others now; false: nothing has happened, and they go one by one.
   * @param isFollowed more of the connection has come behind them
   */
  publish(session: Session, pipeline: Pipeline, isFollowed: boolean): boolean {
    if (pipeline.mayShare === 0 || pipeline.shards === 0 || pipeline.count < 2) return false;
    if (this.#worker.hearsEvents) return false;
    for (let tries = 0; tries < PUBLISH_TRIES_MAX; tries++) {
      const { window } = session;
      if (!this.#mayRun(session, window)) return false;
      const way = this.#wayOf(session, window, pipeline, isFollowed);
      if (way === WAY_NONE) return false;
      const isOrdered = way === WAY_ORDERED;
      if (isOrdered && !this.#lanes.isCaughtUp()) {
        // It may end the session, or push messages that take places in its window.
        if (!this.#lanes.runPublished()) return false;
        continue;
      }
      if (this.#send(session, window, pipeline, isOrdered)) return true;
      if (!isOrdered || this.#lanes.isCaughtUp()) return false;
    }
    return false;
  }

  /**
   * True when all that the pipeline has found is this shard's, and nothing is in its way: it runs
   * as it would without other workers. What it may be made of changes none of that on the way.
   */
  areHere(session: Session, pipeline: Pipeline): boolean {
    if (pipeline.mayShare === 0 || pipeline.shards !== 0) return false;
    return session.window === null && this.#mayRun(session, null);
  }

  /** Runs what a published burst has for this shard. */
  runOwn(session: Session, pipeline: Pipeline, frame: ArgFrame): void {
    const { commands, ownCount, places } = pipeline;
    session.lastCommand = commands[pipeline.count - 1] ?? null;
    session.bigHeldBytes = 0;
    if (ownCount === 0) return;
    const { window } = session;
    assert(window !== null, 'a burst has a window');
    const { burst } = this.#origin.replies;
    const { executor } = this.#worker;
    const first = this.#me * BURST_COUNT_MAX;
    burst.begin(window);
    for (let k = 0; k < ownCount; k++) {
      const i = places[first + k] ?? 0;
      const command = commands[i];
      assert(command !== undefined, 'a place has its command');
      burst.start(this.firstPlace + i);
      pipeline.present(frame, i);
      const outcome = executor.run(command, frame, burst.sink);
      assert(outcome === Outcome.Done, 'what is paused is in no burst');
      burst.end();
    }
    burst.finish();
    const { following, pushes, tracking } = this.#worker;
    if (following === 0) return;
    pushes.followReply(session);
    tracking.tellOwn();
  }

  /** Nothing else runs here between the choice of the places and their publication. */
  #send(
    session: Session, window: ReplyWindow | null, pipeline: Pipeline, isOrdered: boolean,
  ): boolean {
    const { replies } = this.#origin;
    const into = window ?? replies.spare();
    const pendingBytes = window === null ? this.#worker.sink.pending : 0;
    const base = into.tail + (pendingBytes > 0 ? 1 : 0);
    if (!this.#write(session, pipeline, isOrdered, into.index, base) ||
      (isOrdered && !this.#lanes.publishCaughtUp())) {
      this.#takeBack(isOrdered);
      return false;
    }
    const opened = replies.windowFor(session);
    this.firstPlace = opened.addBurst(pipeline.owners, pipeline.count, pipeline.writes, isOrdered);
    assert(opened === into && this.firstPlace === base, 'replies come to the places named before');
    return true;
  }

  #mayRun(session: Session, window: ReplyWindow | null): boolean {
    if (this.#lanes.isBehind || session.turn !== null) return false;
    if (session.isMuted || session.isClosing) return false;
    if (isConfined(session) || !mayTrack(session)) return false;
    if (!this.#origin.gate.isOpen) return false;
    const { shard, sink } = this.#worker;
    if (shard.barrier !== null || shard.vectors.isCrowded) return false;
    if (shard.pause.isActive(shard.nowMs)) return false;
    // What confirms a subscription leaves first (reply-windows.ts).
    if (window === null) return (session.flags & ClientFlag.Subscribed) === 0 || sink.pending === 0;
    const hasRoom = window.pending > 0 && !window.isFull(AHEAD_COUNT_MAX);
    return hasRoom && this.#origin.replies.mayStage(window);
  }

  /** By the rules of origin.ts, for all of the burst as for one command. */
  #wayOf(
    session: Session, window: ReplyWindow | null, pipeline: Pipeline, isFollowed: boolean,
  ): number {
    const { order } = this.#origin;
    const { shards, writes, ownCount } = pipeline;
    const isOfOne = ownCount === 0 && (shards & (shards - 1)) === 0;
    if (window !== null) {
      if (window.isOrdered) return WAY_ORDERED;
      if (isOfOne && window.owner >= 0 && shards === 1 << window.owner) return WAY_PLAIN;
      if (order === PipelineOrder.Relaxed) return window.across === 0 ? WAY_PLAIN : WAY_NONE;
      if (order === PipelineOrder.Strict) return WAY_NONE;
      return writes !== 0 || window.writes !== 0 ? WAY_NONE : WAY_PLAIN;
    }
    // Nothing can come between what goes to one shard and is not followed.
    if (order === PipelineOrder.Relaxed || (isOfOne && !isFollowed)) return WAY_PLAIN;
    const isStrict = order === PipelineOrder.Strict || session.mixesPipelines;
    return writes !== 0 || isStrict ? WAY_ORDERED : WAY_PLAIN;
  }

  /** Writes the messages; false when one finds no room or is too long for a ring. */
  #write(
    session: Session, pipeline: Pipeline, isOrdered: boolean, window: number, base: number,
  ): boolean {
    const { tracker } = session;
    const headWords = tracker === 0 ? 0 : 1;
    const tracking = burstTrackingOf(session);
    const call = callBaseOf(session);
    const { i32 } = this.#worker.shard.memory;
    this.#touched = 0;
    for (let left = pipeline.shards; left !== 0; left &= left - 1) {
      const owner = 31 - Math.clz32(left & -left);
      const peer = this.#port.peer(owner);
      const out = isOrdered ? peer.orderedOut : peer.requestsOut;
      const bodyBytes = (pipeline.bytesOf[owner] ?? 0) + headWords * 4;
      const mark = out.mark();
      const bodyWord = bodyBytes > out.bodyBytesMax ? -1 : out.begin(KIND_BURST, bodyBytes);
      if (bodyWord < 0) return false;
      this.#marks[owner] = mark;
      this.#touched |= 1 << owner;
      if (tracker !== 0) out.words[bodyWord] = tracker;
      const first = writeBurst(out, bodyWord + headWords, pipeline, owner, call, i32);
      out.header(window, base + first, (pipeline.countOf[owner] ?? 0) | tracking);
      out.end(bodyBytes);
      if (isOrdered) this.#lanes.note(peer);
    }
    return true;
  }

  #takeBack(isOrdered: boolean): void {
    for (let left = this.#touched; left !== 0; left &= left - 1) {
      const owner = 31 - Math.clz32(left & -left);
      const peer = this.#port.peer(owner);
      const out = isOrdered ? peer.orderedOut : peer.requestsOut;
      out.rollBack(this.#marks[owner] ?? 0);
    }
    if (isOrdered) this.#lanes.lookAgain();
  }
}

/**
 * A client that tracks keys hears of changes behind its replies. Not when another connection hears
 * of them, and what CLIENT CACHING says is about one command: then they go one by one.
 */
function mayTrack({ flags, tracking }: Session): boolean {
  if (tracking === null) return true;
  return tracking.redirect === 0 && (flags & ClientFlag.CachingSaid) === 0;
}
