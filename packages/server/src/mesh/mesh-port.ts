/**
 * A worker's end of the mesh: the rings from and to every peer, and what did not fit into them yet.
 * The ordered lanes are published by their order (ordered-lanes.ts), the others here.
 * Requests wait at their connection when a ring is full; what goes along the lane of replies never
 * waits for anything: where the ring has no room it stays in the outbox, and while an outbox holds
 * something no requests of that peer are taken. So outboxes hold what was asked for, and the wait
 * graph is request -> reply -> nothing (docs/internals/mesh.md).
 * Everything written in a turn becomes visible in `publish`, with one wake-up word per peer.
 */
import type { WorkerMemory } from '@kora/core';
import {
  assert, createRing, Lane, lowWordsOf, MeshControl, RingReader, RingWriter, WorkerState,
} from '@kora/core';
import type { ReplyChunk } from '../reply-chunks.ts';
import type { MeshPlan } from './mesh-plan.ts';
import { KIND_REPLIES } from './message-kinds.ts';
import type { ChunkHolder } from './outbox.ts';
import { Outbox } from './outbox.ts';

/** The rings between this worker and one peer. */
export class Peer {
  readonly index: number;
  readonly requestsIn: RingReader;
  readonly repliesIn: RingReader;
  /** Its tail is told by the order. */
  readonly orderedIn: RingReader;
  readonly requestsOut: RingWriter;
  readonly repliesOut: RingWriter;
  readonly orderedOut: RingWriter;
  readonly outbox = new Outbox();
  /** A request found no room since the last publish. */
  wantsRoom = false;
  /** The same of the ordered lane. */
  wantsOrderedRoom = false;
  /** Room was freed that the peer has asked for. */
  owesNews = false;

  constructor(index: number, into: readonly RingReader[], out: readonly RingWriter[]) {
    this.index = index;
    this.requestsIn = laneOf(into, Lane.Requests);
    this.repliesIn = laneOf(into, Lane.Replies);
    this.orderedIn = laneOf(into, Lane.Ordered);
    this.requestsOut = laneOf(out, Lane.Requests);
    this.repliesOut = laneOf(out, Lane.Replies);
    this.orderedOut = laneOf(out, Lane.Ordered);
  }
}

function laneOf<Ring>(rings: readonly Ring[], lane: Lane): Ring {
  const ring = rings[lane];
  assert(ring !== undefined, 'a peer has a ring of every lane');
  return ring;
}

const LANES = [Lane.Requests, Lane.Replies, Lane.Ordered] as const;

export class MeshPort {
  readonly me: number;
  readonly control: MeshControl;
  /** Every other worker. */
  peers: readonly Peer[] = [];
  readonly #byIndex: (Peer | undefined)[] = [];
  readonly #memory: WorkerMemory;
  readonly #plan: MeshPlan;
  readonly #wake: (worker: number) => void;

  /**
   * Makes the rings that this worker receives through, and says that it is ready.
   * @param wake ends the wait of a worker that sleeps
   */
  constructor(memory: WorkerMemory, plan: MeshPlan, wake: (worker: number) => void) {
    this.me = plan.index;
    this.#memory = memory;
    this.#plan = plan;
    this.#wake = wake;
    this.control = new MeshControl(plan.workerCount, plan.control);
    for (let sender = 0; sender < plan.workerCount; sender++) {
      if (sender === this.me) continue;
      for (const lane of LANES) {
        const ring = createRing(memory);
        assert(ring !== null, 'low memory holds the rings of a worker');
        this.control.setRingAt(this.me, sender, ring.ringAt, lane);
      }
    }
    this.control.setState(this.me, WorkerState.Ready);
  }

  /** Opens the rings to the peers. All of them are ready. */
  connect(): void {
    const { workerCount, memories, lowBytes } = this.#plan;
    const mine = lowWordsOf(this.#memory.memory, lowBytes);
    for (let index = 0; index < workerCount; index++) {
      const memory = memories[index];
      if (index === this.me || memory === undefined) continue;
      const theirs = lowWordsOf(memory, lowBytes);
      const { control, me } = this;
      this.#byIndex[index] = new Peer(
        index, LANES.map((lane) => new RingReader(mine, control.ringAt(me, index, lane))),
        LANES.map((lane) => new RingWriter(theirs, control.ringAt(index, me, lane))),
      );
    }
    this.peers = this.#byIndex.filter((peer) => peer !== undefined);
  }

  peer(index: number): Peer {
    const peer = this.#byIndex[index];
    assert(peer !== undefined, 'a peer is another worker');
    return peer;
  }

  /** The memory of a worker, to read what it lends. */
  memoryOf(index: number): WebAssembly.Memory {
    const memory = this.#plan.memories[index];
    assert(memory !== undefined, 'every worker has a memory');
    return memory;
  }

  /** Sends five words along the lane of replies: a, b, c and a body of two. */
  sendWords(
    peer: Peer, kind: number, a: number, b: number, c: number, at: number, bytes: number,
  ): void {
    if (!peer.outbox.isEmpty || !writeWords(peer.repliesOut, kind, a, b, c, at, bytes)) {
      peer.outbox.add({ kind, a, b, c, chunk: null, holder: null, at, bytes });
    }
  }

  /**
   * Sends bytes of a chunk along the lane of replies, in as many messages as they need.
   * @param last c of the last message; all others have 0
   * @returns false when some of them wait in the outbox: the chunk is pinned until the
   *   holder hears of it
   */
  sendBytes(
    peer: Peer, kind: number, a: number, b: number, last: number, chunk: ReplyChunk, at: number,
    bytes: number, holder: ChunkHolder,
  ): boolean {
    let done = 0;
    if (peer.outbox.isEmpty) {
      do {
        const step = this.#sendPiece(peer.repliesOut, kind, a, b, last, at + done, bytes - done);
        if (step < 0) break;
        done += step;
        if (done === bytes) return true;
      } while (done < bytes);
    }
    chunk.pins++;
    peer.outbox.add({ kind, a, b, c: last, chunk, holder, at: at + done, bytes: bytes - done });
    return false;
  }

  /**
   * Sends whole replies of a connection, one behind the other in a chunk, as one message.
   * @param places place of each, ascending
   * @param bytes of each, `total` together
   * @returns false: there is no room, or they are too long for a message; nothing has happened
   */
  sendReplies(
    peer: Peer, window: number, places: Int32Array, bytes: Int32Array, count: number, at: number,
    total: number,
  ): boolean {
    const out = peer.repliesOut;
    const bodyBytes = count * 4 + total;
    if (!peer.outbox.isEmpty || bodyBytes > out.bodyBytesMax) return false;
    const word = out.begin(KIND_REPLIES, bodyBytes);
    if (word < 0) return false;
    const first = places[0] ?? 0;
    out.header(window, first, count);
    for (let i = 0; i < count; i++) {
      out.words[word + i] = (((places[i] ?? 0) - first) << 16) | (bytes[i] ?? 0);
    }
    out.copyFrom(this.#memory.i32, at, word + count, total);
    out.end(bodyBytes);
    return true;
  }

  /** @returns bytes that went, -1 when there is no room */
  #sendPiece(
    out: RingWriter, kind: number, a: number, b: number, last: number, at: number, bytes: number,
  ): number {
    const step = Math.min(bytes, out.bodyBytesMax);
    const word = out.begin(kind, step);
    if (word < 0) return -1;
    out.header(a, b, step === bytes ? last : 0);
    out.copyFrom(this.#memory.i32, at, word, step);
    out.end(step);
    return step;
  }

  /** Sends what waits; false when something still does. */
  drain(peer: Peer): boolean {
    const { outbox, repliesOut } = peer;
    for (let waiting = outbox.first; waiting !== undefined; waiting = outbox.first) {
      const { kind, a, b, c, chunk, holder } = waiting;
      if (chunk === null) {
        if (!writeWords(repliesOut, kind, a, b, c, waiting.at, waiting.bytes)) return false;
        outbox.shift();
        continue;
      }
      const step = this.#sendPiece(repliesOut, kind, a, b, c, waiting.at, waiting.bytes);
      if (step < 0) return false;
      if (step < waiting.bytes) {
        outbox.shorten(step);
        continue;
      }
      outbox.shift();
      holder?.unpin(chunk);
    }
    return true;
  }

  /**
   * Lets a peer see at once what was said to it, before replies of this turn that tell of the same
   * can leave.
   */
  publishWords(peer: Peer): void {
    if (!peer.repliesOut.publish()) return;
    if (this.control.publish(peer.index, this.me)) this.#wake(peer.index);
  }

  /** Makes a peer look what there is: it is woken where it sleeps. */
  ring(index: number): void {
    if (this.control.publish(index, this.me)) this.#wake(index);
  }

  /** Lets the peers see what was written in this turn. @returns false: take another turn */
  publish(): boolean {
    let mayRest = true;
    for (const peer of this.peers) {
      // Replies first: who sees a request has seen what was said along the other lane before it.
      const hasReplies = peer.repliesOut.publish();
      const hasRequests = peer.requestsOut.publish();
      const { first } = peer.outbox;
      if (first !== undefined) {
        const bytes = first.chunk === null ? WORDS_BODY_BYTES : first.bytes;
        const wanted = Math.min(bytes, peer.repliesOut.bodyBytesMax);
        if (peer.repliesOut.askForRoom(wanted)) mayRest = false;
      }
      const { requestsOut } = peer;
      if (peer.wantsRoom && requestsOut.askForRoom(requestsOut.bodyBytesMax)) mayRest = false;
      peer.wantsRoom = false;
      const { orderedOut } = peer;
      if (peer.wantsOrderedRoom && !orderedOut.hasUnpublished) {
        if (orderedOut.askForRoom(orderedOut.bodyBytesMax)) mayRest = false;
        peer.wantsOrderedRoom = false;
      }
      if (!hasRequests && !hasReplies && !peer.owesNews) continue;
      peer.owesNews = false;
      if (this.control.publish(peer.index, this.me)) this.#wake(peer.index);
    }
    return mayRest;
  }
}

/** Two words. */
const WORDS_BODY_BYTES = 8;

function writeWords(
  out: RingWriter, kind: number, a: number, b: number, c: number, at: number, bytes: number,
): boolean {
  const word = out.begin(kind, WORDS_BODY_BYTES);
  if (word < 0) return false;
  out.header(a, b, c);
  out.words[word] = at;
  out.words[word + 1] = bytes;
  out.end(WORDS_BODY_BYTES);
  return true;
}
