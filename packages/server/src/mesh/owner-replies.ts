/**
 * Replies to what peers have asked for: RESP bytes, which the origin only copies. Those of a burst
 * (burst-message.hot.ts) collect in the sink, and leave as one message; what does not fit one goes
 * reply by reply, in as many messages as each needs. Long values are lent: the rope stays pinned
 * until the origin has copied it.
 *   begin ─▶ start ─▶ the command writes ─▶ end ─▶ start ... ─▶ finish
 * Owner: the thread of the shard; nothing is allocated for a reply that finds room.
 */
import type { Ropes, Shard } from '@kora/core';
import { assert } from '@kora/core';
import type { ReplyChunk, ReplyChunks } from '../reply-chunks.ts';
import type { ReplyTarget } from '../resp-sink.ts';
import { RespSink } from '../resp-sink.ts';
import { BURST_COUNT_MAX } from './burst-message.hot.ts';
import type { MeshPort, Peer } from './mesh-port.ts';
import { KIND_END, KIND_LENT, KIND_LOST, KIND_REPLY } from './message-kinds.ts';

export class OwnerReplies implements ReplyTarget {
  /** Version of the reply under way. */
  resp = 2;
  /** Its place in the window of its connection. */
  place = 0;
  readonly sink: RespSink;
  readonly #shard: Shard;
  readonly #port: MeshPort;
  /** Whom replies go to. */
  #peer: Peer | undefined;
  #window = 0;
  /** Replies that are whole and have not left: where they go, bytes of each and of all. */
  readonly #places = new Int32Array(BURST_COUNT_MAX);
  readonly #bytes = new Int32Array(BURST_COUNT_MAX);
  #count = 0;
  #wholeBytes = 0;
  /** A part of the reply under way has left. */
  #isPartial = false;
  #isLast = false;
  #isLost = false;
  /** Ropes that are lent, by loan. */
  readonly #loans = new Map<number, number>();
  #nextLoan = 1;

  constructor(shard: Shard, chunks: ReplyChunks, port: MeshPort) {
    this.#shard = shard;
    this.#port = port;
    this.sink = new RespSink(shard.memory, chunks, this);
  }

  /** Values lent and not returned. */
  get loanCount(): number {
    return this.#loans.size;
  }

  /** Replies that are written from here on go to this window. */
  begin(peer: Peer, window: number): void {
    this.#peer = peer;
    this.#window = window;
    this.#count = 0;
    this.#wholeBytes = 0;
    this.sink.begin(this);
  }

  /** What is written next is the reply of this place. */
  start(place: number, resp: number): void {
    if (this.#isLost) this.sink.begin(this);
    this.place = place;
    this.resp = resp;
    this.#isPartial = false;
    this.#isLast = false;
    this.#isLost = false;
  }

  /** The reply is whole. @param isAlone no other is collected with it */
  end(isAlone: boolean): void {
    const peer = this.#peer;
    if (this.#isLost || peer === undefined) return;
    this.#shard.tracking.beforeReply();
    const { pending } = this.sink;
    const bytes = pending - this.#wholeBytes;
    if (isAlone || this.#isPartial || bytes <= 0) {
      this.#isLast = true;
      if (pending > 0) this.sink.flush();
      else this.#port.sendWords(peer, KIND_END, this.#window, this.place, 0, 0, 0);
      return;
    }
    // It goes with the next ones, or with those before it.
    if ((this.#count + 1) * 4 + pending > peer.repliesOut.bodyBytesMax) {
      this.#isLast = true;
      this.sink.flush();
      return;
    }
    this.#places[this.#count] = this.place;
    this.#bytes[this.#count] = bytes;
    this.#count++;
    this.#wholeBytes = pending;
  }

  /** Nothing is collected any longer. */
  finish(): void {
    if (this.#count > 0) this.sink.flush();
  }

  sendRange(chunk: ReplyChunk, at: number, bytes: number): boolean {
    const peer = this.#peer;
    if (peer === undefined) return true;
    const wholeBytes = this.#wholeBytes;
    let isFree = true;
    if (this.#count > 0) isFree = this.#sendWhole(peer, chunk, at);
    if (wholeBytes === bytes) return isFree;
    this.#isPartial = true;
    const last = this.#isLast ? 1 : 0;
    const isSent = this.#port.sendBytes(
      peer, KIND_REPLY, this.#window, this.place, last, chunk, at + wholeBytes,
      bytes - wholeBytes, this.sink,
    );
    return isSent && isFree;
  }

  /** Sends what is collected. @returns false: some of it has pinned the chunk */
  #sendWhole(peer: Peer, chunk: ReplyChunk, at: number): boolean {
    const count = this.#count;
    const total = this.#wholeBytes;
    this.#count = 0;
    this.#wholeBytes = 0;
    const window = this.#window;
    const places = this.#places;
    if (this.#port.sendReplies(peer, window, places, this.#bytes, count, at, total)) return true;
    let isFree = true;
    let from = at;
    for (let i = 0; i < count; i++) {
      const bytes = this.#bytes[i] ?? 0;
      const place = places[i] ?? 0;
      const isSent = this.#port.sendBytes(
        peer, KIND_REPLY, window, place, 1, chunk, from, bytes, this.sink,
      );
      if (!isSent) isFree = false;
      from += bytes;
    }
    return isFree;
  }

  lendRange(ropes: Ropes, root: number, at: number, bytes: number): void {
    const peer = this.#peer;
    if (peer === undefined) return;
    // What is written behind it belongs to a reply of which a part has left.
    this.#isPartial = true;
    ropes.pin(root);
    const loan = this.#nextLoan;
    this.#nextLoan = (loan + 1) & 0x3fff_ffff;
    this.#loans.set(loan, root);
    this.#port.sendWords(peer, KIND_LENT, this.#window, this.place, loan, at, bytes);
  }

  /** The origin has copied what was lent. */
  takeBack(loan: number): void {
    const root = this.#loans.get(loan);
    assert(root !== undefined, 'a loan comes back once');
    this.#loans.delete(loan);
    this.#shard.ropes.unpin(root);
  }

  loseOutput(_reason: string): void {
    const peer = this.#peer;
    if (this.#isLost || peer === undefined) return;
    // Replies before it are whole; the sink drops what is not sent by now.
    if (this.#count > 0) this.sink.flush();
    this.#isLost = true;
    this.#port.sendWords(peer, KIND_LOST, this.#window, this.place, 0, 0, 0);
  }
}
