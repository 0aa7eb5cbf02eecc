/**
 * Bytes for sessions outside of their replies: messages of channels, invalidations, lines of
 * MONITOR, and replies to commands that had to wait. A message is encoded once, into chunks of its
 * own sink; sessions get ranges of them, however many they are.
 *
 * Order of a session: what was pushed before a reply was written leaves before it, and what follows
 * it behind it; a reply that has begun to leave, or is being written, ends first (`late`). Messages
 * that lie behind each other leave in one send, at the latest at the end of the turn.
 * Invariants: a range that waits here holds a pin of its chunk; the bytes of `late` count as output
 *   of the session, so client-output-buffer-limit bounds them.
 * Cost: no copy per session, but where the session is writing replies at that moment.
 */
import type { ReplySink } from '@kora/core';
import { assert } from '@kora/core';
import type { ReplyChunk } from './reply-chunks.ts';
import type { ReplyTarget } from './resp-sink.ts';
import { RespSink } from './resp-sink.ts';
import type { Session } from './session.ts';
import type { Worker } from './worker.ts';

/** Bytes of a chunk. */
export interface PushRange {
  readonly chunk: ReplyChunk;
  readonly at: number;
  readonly bytes: number;
}

/** An encoded message; its chunks are pinned until it is released. */
export interface PushMessage {
  readonly ranges: readonly PushRange[];
  /** False when memory was short: it must not be sent, and the session that needs it is cut. */
  readonly isWhole: boolean;
}

/** Takes what is encoded, range by range. */
class Encoding implements ReplyTarget {
  resp = 2;
  ranges: PushRange[] = [];
  isWhole = true;

  sendRange(chunk: ReplyChunk, at: number, bytes: number): boolean {
    chunk.pins++;
    this.ranges.push({ chunk, at, bytes });
    return false;
  }

  lendRange(): void {
    this.isWhole = false;
  }

  loseOutput(): void {
    this.isWhole = false;
  }
}

/** A message, and one that is encoded on the way. */
const ENCODERS_KEPT = 2;

/** A sink and what it encodes. */
interface Encoder {
  readonly encoding: Encoding;
  readonly sink: RespSink;
}

export class Pushes {
  readonly #worker: Worker;
  /** By depth: a reply that is encoded while its command runs may push messages on the way. */
  readonly #encoders: Encoder[] = [];
  #depth = 0;
  /** Sessions that have something to leave at the end of the turn. */
  #sessions: Session[] = [];
  #spare: Session[] = [];

  constructor(worker: Worker) {
    this.#worker = worker;
    // Also for what others are told while a reply is encoded: later there may be no memory for it.
    for (let depth = 0; depth < ENCODERS_KEPT; depth++) this.#encoderAt(depth);
  }

  /** True when something leaves at the end of the turn. */
  get hasAny(): boolean {
    return this.#sessions.length > 0;
  }

  /**
   * Keeps memory for a message of so many bytes, until the next one was encoded. Not while one is.
   * @returns false: there is none
   */
  reserve(bytes: number): boolean {
    assert(this.#depth === 0, 'memory is kept between messages');
    return this.#encoderAt(0).sink.reserve(bytes);
  }

  /** Nothing is encoded with what was reserved. */
  letGo(): void {
    this.#encoderAt(0).sink.letGo();
  }

  /**
   * Encodes a message. The caller releases it when all sessions have been given it.
   * @param resp 2 or 3
   */
  encode(resp: number, write: (sink: RespSink) => void): PushMessage {
    const { encoding, sink } = this.#encoderAt(this.#depth++);
    encoding.resp = resp;
    encoding.ranges = [];
    encoding.isWhole = true;
    sink.begin(encoding);
    write(sink);
    sink.flush();
    sink.letGo();
    this.#depth--;
    return { ranges: encoding.ranges, isWhole: encoding.isWhole };
  }

  #encoderAt(depth: number): Encoder {
    const known = this.#encoders[depth];
    if (known !== undefined) return known;
    const encoding = new Encoding();
    const { chunks, shard } = this.#worker;
    const sink = new RespSink(shard.memory, chunks, encoding, Infinity);
    this.#encoders[depth] = { encoding, sink };
    return { encoding, sink };
  }

  /** Everybody has it. */
  release({ ranges }: PushMessage): void {
    for (const { chunk } of ranges) this.#worker.chunks.unpin(chunk);
  }

  /** One message for one session. */
  push(session: Session, write: (sink: ReplySink) => void): void {
    if (session.isClosing) return;
    const message = this.encode(session.resp, write);
    this.send(session, message);
    this.release(message);
  }

  /** The session gets the message. It may be cut by that. */
  send(session: Session, message: PushMessage): void {
    if (session.isClosing) return;
    if (!message.isWhole) {
      session.loseOutput('no memory is left for a message to it');
      return;
    }
    if (session.isMidReply || this.#worker.isAnswering(session) || session.lateCount > 0) {
      for (const range of message.ranges) session.addLate(range);
      return;
    }
    const { sink } = this.#worker;
    if (sink.target === session && sink.pending > 0) {
      for (const { at, bytes } of message.ranges) sink.bulkPiece(at, bytes);
      return;
    }
    for (const range of message.ranges) this.#add(session, range);
  }

  #add(session: Session, { chunk, at, bytes }: PushRange): void {
    if (session.pushChunk === chunk && session.pushAt + session.pushBytes === at) {
      session.pushBytes += bytes;
      return;
    }
    session.sendPushed();
    if (session.isClosing) return;
    chunk.pins++;
    session.pushChunk = chunk;
    session.pushAt = at;
    session.pushBytes = bytes;
    if (session.isPushListed) return;
    session.isPushListed = true;
    this.#sessions.push(session);
  }

  /** The reply that messages of the session waited for has ended. */
  followReply(session: Session): void {
    if (session.isMidReply || session.isClosing) return;
    const { sink } = this.#worker;
    const isWriting = sink.target === session && sink.pending > 0;
    for (const range of session.takeLate()) {
      if (isWriting) sink.bulkPiece(range.at, range.bytes);
      else if (!session.isClosing) this.#add(session, range);
      this.#worker.chunks.unpin(range.chunk);
    }
  }

  /** The end of a turn: everything leaves. */
  flush(): void {
    while (this.#sessions.length > 0) {
      const sessions = this.#sessions;
      this.#sessions = this.#spare;
      for (const session of sessions) {
        session.isPushListed = false;
        session.sendPushed();
      }
      sessions.length = 0;
      this.#spare = sessions;
    }
  }
}
