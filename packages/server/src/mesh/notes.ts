/**
 * One-way messages between workers: a topic, a number and any bytes. They go along the lane of
 * replies, in order with replies and with each other: what was sent before a reply has been taken
 * before it. A long body comes in pieces and is put together here; handlers see whole ones.
 * Notes never wait for the receiver: what finds no room in the ring lies in the outbox. So whoever
 * makes notes out of requests of clients asks `isCrowded` first, and lets those requests wait;
 * receivers take notes in every turn, whatever else holds them up, so that ends.
 * A handler runs no commands and changes no data; it may push to sessions, end waits, send notes.
 */
import { assert } from '@kora/core';
import type { ReplyChunk } from '../reply-chunks.ts';
import type { ReplyTarget } from '../resp-sink.ts';
import type { PushRange } from '../pushes.ts';
import { RespSink } from '../resp-sink.ts';
import type { Worker } from '../worker.ts';
import type { MeshPort, Peer } from './mesh-port.ts';
import { KIND_NOTE, KIND_NOTE_END } from './message-kinds.ts';
import { TOPIC_COUNT_MAX } from './note-topics.ts';

/** More than this waits for a worker: nobody adds to it on behalf of a client. */
export const NOTES_BYTES_MAX = 1024 * 1024;

/**
 * With more than this nothing is added that nobody has asked for (events of keys, invalidations):
 * their receivers are told that they have missed some. Writers do not wait for listeners.
 */
export const UNASKED_BYTES_MAX = 64 * 1024 * 1024;

/**
 * @param from the worker that sent it
 * @param body its bytes; valid during the call
 */
export type NoteHandler = (from: number, number: number, body: Uint8Array) => void;

const EMPTY = new Uint8Array(0);

export class Notes implements ReplyTarget {
  readonly resp = 2;
  readonly #worker: Worker;
  readonly #port: MeshPort;
  readonly #sink: RespSink;
  readonly #handlers: (NoteHandler | undefined)[] = new Array<undefined>(TOPIC_COUNT_MAX);
  /** Pieces of a note that has not come whole, by worker. */
  readonly #pieces: Uint8Array[][] = [];
  #peer: Peer | undefined;
  #topic = 0;
  #number = 0;
  #isLast = false;
  #isLost = false;

  constructor(worker: Worker, port: MeshPort) {
    this.#worker = worker;
    this.#port = port;
    this.#sink = new RespSink(worker.shard.memory, worker.chunks, this, Infinity);
  }

  /** Who takes the notes of a topic; one. */
  on(topic: number, handler: NoteHandler): void {
    assert(topic < TOPIC_COUNT_MAX && this.#handlers[topic] === undefined, 'a topic has one taker');
    this.#handlers[topic] = handler;
  }

  /** True when much of what was sent to the worker still waits: see the head of this file. */
  isCrowded(worker: number): boolean {
    return this.#port.peer(worker).outbox.bytes > NOTES_BYTES_MAX;
  }

  /** True when something that was sent to the worker still waits. */
  isBehind(worker: number): boolean {
    return !this.#port.peer(worker).outbox.isEmpty;
  }

  /** True when `isCrowded` is of some worker. */
  get isAnyCrowded(): boolean {
    for (const peer of this.#port.peers) if (peer.outbox.bytes > NOTES_BYTES_MAX) return true;
    return false;
  }

  /** True when so much waits for the worker that what nobody has asked for is not sent. */
  isFlooded(worker: number): boolean {
    return this.#port.peer(worker).outbox.bytes > UNASKED_BYTES_MAX;
  }

  /** Sends a note without a body, unless it is the last thing that waits for the worker. */
  sendOnce(worker: number, topic: number): void {
    const { last } = this.#port.peer(worker).outbox;
    if (last?.kind === KIND_NOTE_END && last.a === topic) return;
    this.send(worker, topic, 0);
  }

  /**
   * Sends a note to another worker.
   * @param number a signed 32-bit integer
   * @param write writes the body; absent: it has none
   * @returns false when memory was short for the body: the note has not been sent
   */
  send(worker: number, topic: number, number: number, write?: (sink: RespSink) => void): boolean {
    const peer = this.#port.peer(worker);
    if (write === undefined) {
      this.#port.sendWords(peer, KIND_NOTE_END, topic, number, 1, 0, 0);
      return true;
    }
    this.#peer = peer;
    this.#topic = topic;
    this.#number = number;
    this.#isLast = false;
    this.#isLost = false;
    this.#sink.begin(this);
    write(this.#sink);
    this.#isLast = true;
    if (this.#sink.pending > 0) this.#sink.flush();
    else this.#port.sendWords(peer, KIND_NOTE_END, topic, number, this.#isLost ? 0 : 1, 0, 0);
    return !this.#isLost;
  }

  /** Sends a note whose body is encoded already; it is not copied, and cannot be lost. */
  sendEncoded(
    worker: number, topic: number, number: number, ranges: readonly PushRange[],
  ): void {
    const peer = this.#port.peer(worker);
    const { chunks } = this.#worker;
    const last = ranges.length - 1;
    ranges.forEach(({ chunk, at, bytes }, i) => {
      const isLast = i === last ? 1 : 0;
      this.#port.sendBytes(
        peer, KIND_NOTE, topic, number, isLast, chunk, at, bytes, chunks,
      );
    });
    if (last < 0) this.#port.sendWords(peer, KIND_NOTE_END, topic, number, 1, 0, 0);
  }

  /** Takes the current message of the lane of replies: a note or a piece of one. */
  take(peer: Peer): void {
    const { kind, a, b, c, bodyAt, bodyBytes } = peer.repliesIn;
    const pieces = this.#pieces[peer.index] ?? [];
    const here = this.#worker.shard.memory.low.subarray(bodyAt, bodyAt + bodyBytes);
    const isEnd = kind === KIND_NOTE_END;
    if (c === 1 && pieces.length === 0) {
      this.#handle(peer.index, a, b, isEnd ? EMPTY : here);
      return;
    }
    if (!isEnd) pieces.push(here.slice());
    this.#pieces[peer.index] = pieces;
    if (!isEnd && c === 0) return;
    this.#pieces[peer.index] = [];
    // It broke off: its sender knows.
    if (c === 1) this.#handle(peer.index, a, b, joined(pieces));
  }

  #handle(from: number, topic: number, number: number, body: Uint8Array): void {
    const handler = this.#handlers[topic];
    assert(handler !== undefined, 'a note has a taker');
    handler(from, number, body);
  }

  // ------------------------------------------------------------------ bodies on their way

  sendRange(chunk: ReplyChunk, at: number, bytes: number): boolean {
    const peer = this.#peer;
    assert(peer !== undefined, 'a note goes to a worker');
    return this.#port.sendBytes(
      peer, KIND_NOTE, this.#topic, this.#number, this.#isLast ? 1 : 0, chunk, at, bytes,
      this.#worker.chunks,
    );
  }

  lendRange(): void {
    assert(false, 'notes copy long values');
  }

  loseOutput(): void {
    this.#isLost = true;
  }
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((bytes, piece) => bytes + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
