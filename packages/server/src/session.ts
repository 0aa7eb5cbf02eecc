/**
 * One connection: its protocol state, the bytes of a request that has not arrived whole, the
 * replies that are still on their way, and the limits that guard all three. The worker drives it;
 * nothing here waits, so a session is the same on every I/O engine.
 *
 *   open --QUIT, error, limit, end of the peer--> closing (no requests, replies leave) --> gone
 *   open --PAUSE, WAIT, unread replies--> held (bytes kept, up to a bound) --> open
 *   open --MULTI--> open, commands are queued (ClientState) --EXEC, DISCARD--> open
 *
 * Bytes of a partial request lie in `input`, a block of low memory of the session's own; when none
 * is partial there is no block and no parser, so an idle connection costs a small object.
 */
import type { ArgFrame, Command, ParkedCommand, Ropes } from '@kora/core';
import { assert, ClientFlag, ClientState, ROPE_PIECE_BYTES, Stat } from '@kora/core';
import type { RequestParser } from '@kora/protocol';
import type { HeldRanges } from './held-ranges.ts';
import { HELD_RANGES_MAX } from './held-ranges.ts';
import { HEAD_BYTES } from './input.ts';
import type { Peer } from './io/engine.ts';
import type { ReplyWindow } from './mesh/reply-window.hot.ts';
import type { SessionSubscriber } from './pubsub/session-subscriber.ts';
import type { PushRange } from './pushes.ts';
import type { ReplyChunk } from './reply-chunks.ts';
import { REPLY_CHUNK_BYTES } from './reply-chunks.ts';
import type { ReplyTarget } from './resp-sink.ts';
import type { SessionTracking } from './tracking/session-tracking.ts';
import type { Wait } from './waits.ts';
import type { Worker } from './worker.ts';

/** Classes of client-output-buffer-limit. */
export const OutputClass = Object.freeze({ Normal: 0, Replica: 1, PubSub: 2 } as const);

/** Why a session does not run requests at the moment. */
export const Hold = Object.freeze({
  None: 0,
  /** The gate parked a command (CLIENT PAUSE). */
  Parked: 1,
  /** The peer does not read its replies. */
  Unread: 2,
  /** A command waits for its reply (WAIT). */
  Waiting: 3,
  /** A command waits for replies of other workers, or for room on its way there. */
  Foreign: 4,
} as const);

/** Estimate of a session's JavaScript objects and socket, so that idle clients weigh something. */
export const SESSION_OBJECT_BYTES = 1024;

export class Session extends ClientState implements ReplyTarget {
  readonly worker: Worker;
  readonly slot: number;
  readonly peer: Peer;
  /** It came in by the port of its worker alone: databases as a whole are that one's part. */
  isOfNode = false;
  readonly createdMs: number;
  lastActiveMs: number;
  /** The command that ran last; null before the first one and after an unknown one. */
  lastCommand: Command | null = null;
  libraryName = '';
  libraryVersion = '';
  hold: number = Hold.None;
  /** What it has subscribed to, null before the first time. */
  subscriber: SessionSubscriber | null = null;
  /** How it tracks what it reads, null while it does not (CLIENT TRACKING). */
  tracking: SessionTracking | null = null;
  /** What it waits for with Hold.Waiting, else null. */
  wait: Wait | null = null;
  /** Of the waits that it has had: the next one is the same object. */
  spareWait: Wait | null = null;
  /** True while `parser` holds a whole request that the gate parked. */
  isRequestHeld = false;
  /** True when it is authenticated only because no password is set at the moment. */
  isLetIn = false;
  /** CLIENT REPLY SKIP: the next command's reply is dropped. */
  isSkippingNext = false;
  isClosing = false;
  /** When it began to close, or when its peer last read something since. */
  closingSinceMs = 0;
  outputClass: number = OutputClass.Normal;

  /** Replies that other workers owe it, null when there are none. */
  window: ReplyWindow | null = null;
  /** The parked command whose turn it is, null when it waits for none. */
  turn: ParkedCommand<Session> | null = null;
  /** Mask of the workers that hold watches of it beside its own shard's. */
  watchShards = 0;
  /** It goes on after it was held for other workers. */
  isLate = false;
  /** It is among those that go on at the end of the turn. */
  isResumable = false;
  /** A write had to wait for reads elsewhere: from now on its pipelines have their places. */
  mixesPipelines = false;
  /** Its peer has ended: so does the session, after the replies that are under way. */
  endsAfterReplies = false;
  /** The protocol error that is said after the replies under way, empty without. */
  protocolError = '';

  /** Parser with a frame in progress, else null. */
  parser: RequestParser | null = null;
  /** Block of low memory with the kept bytes, 0 = none. */
  inputRef = 0;
  inputCapacity = 0;
  /** Kept bytes at the start of the block. */
  inputBytes = 0;
  /** Rope that receives a big argument, 0 = none; how many bytes have arrived. */
  bigRoot = 0;
  bigArrived = 0;
  /** Bytes of big arguments of the frame in progress. */
  bigHeldBytes = 0;
  /**
   * Block of a piece into which the engine receives, 0 = none. Bytes [0, landingBytes) of it are
   * in; those up to its end are the engine's until it gives them back (IoEngine.receiveInto).
   */
  landingRef = 0;
  landingBytes = 0;
  /** A big argument has come to its end before; and: one has since the session was idle. */
  hasSentBig = false;
  expectsBig = false;
  /** Block for the head of the next request, 0 = none, and whether the engine has it. */
  headRef = 0;
  isHeadAsked = false;

  /** What was pushed and leaves before the next reply (pushes.ts): one range, null = none. */
  pushChunk: ReplyChunk | null = null;
  pushAt = 0;
  pushBytes = 0;
  /** It is among those whose pushes leave at the end of the turn. */
  isPushListed = false;
  /** A part of a reply has left, and the rest has not come yet. */
  isMidReply = false;
  /** Pushed while a reply was being written: they follow it. Null without. */
  #late: PushRange[] | null = null;

  /** Bytes of replies that the engine holds, or that follow a reply under way. */
  outputBytes = 0;
  /** Since when outputBytes is above the soft limit, 0 = not. */
  softLimitSinceMs = 0;
  /** Ranges that the engine holds. The oldest is in these fields, the others in the ring. */
  #heldCount = 0;
  #firstChunk: ReplyChunk | null = null;
  #firstRoot = 0;
  #firstBytes = 0;
  #more: HeldRanges | null = null;
  /** Those of them that lie in reply chunks, and their bytes. */
  #chunkRanges = 0;
  #chunkBytes = 0;

  constructor(worker: Worker, id: number, slot: number, peer: Peer, nowMs: number) {
    super(id);
    this.worker = worker;
    const mayWait = worker.engine.isShared !== true;
    this.waitHost = mayWait ? worker.keyWaits : null;
    this.searchHost = mayWait ? worker.searchWaits : null;
    this.slot = slot;
    this.peer = peer;
    this.createdMs = nowMs;
    this.lastActiveMs = nowMs;
  }

  override get address(): string {
    return this.peer.address;
  }

  /** Bytes that count towards client-query-buffer-limit. */
  get queryBytes(): number {
    return this.inputBytes + this.bigHeldBytes + this.queuedBytes;
  }

  /** Bytes of the commands that wait for EXEC. */
  get queuedBytes(): number {
    return this.queue === null ? 0 : this.queue.bytes;
  }

  /** Memory of the session, bytes: blocks, held replies, and a flat estimate of its objects. */
  get memoryBytes(): number {
    const landing = this.landingRef === 0 ? 0 : ROPE_PIECE_BYTES;
    const head = this.headRef === 0 ? 0 : HEAD_BYTES;
    const waiting = (this.waiter?.bytes ?? 0) + (this.wait?.waited.bytes ?? 0);
    const received = this.inputCapacity + this.bigHeldBytes + landing + head + waiting;
    const subscribed = this.subscriber === null ? 0 : this.subscriber.bytes;
    return SESSION_OBJECT_BYTES + received + this.queuedBytes + this.outputBytes + subscribed;
  }

  /** Ranges of replies that the engine holds. */
  get pinnedCount(): number {
    return this.#heldCount;
  }

  /**
   * Bytes of chunks that its held replies may keep from others: a range of few bytes pins a whole
   * chunk. Lent values take none.
   */
  get pinnedBytesMax(): number {
    return Math.max(this.#chunkBytes, this.#chunkRanges * REPLY_CHUNK_BYTES);
  }

  /** True when the replies of its commands are dropped. */
  get isMuted(): boolean {
    return this.isSkippingNext || (this.flags & ClientFlag.ReplyOff) !== 0;
  }

  sendRange(chunk: ReplyChunk, at: number, bytes: number): boolean {
    if (this.pushChunk !== null) this.sendPushed();
    return this.#send(chunk, at, bytes);
  }

  #send(chunk: ReplyChunk, at: number, bytes: number): boolean {
    const { worker } = this;
    worker.shard.tracking.beforeReply();
    worker.countMany(Stat.OutputBytes, bytes);
    if (worker.engine.send(this.slot, at, bytes)) return true;
    chunk.pins++;
    this.#chunkRanges++;
    this.#chunkBytes += bytes;
    this.#hold(chunk, 0, bytes);
    if (worker.chunks.isScarce) worker.limits.relieveChunks(worker);
    return false;
  }

  lendRange(ropes: Ropes, root: number, at: number, bytes: number): void {
    if (this.pushChunk !== null) this.sendPushed();
    const { worker } = this;
    worker.shard.tracking.beforeReply();
    worker.countMany(Stat.OutputBytes, bytes);
    if (worker.engine.send(this.slot, at, bytes)) return;
    ropes.pin(root);
    this.#hold(null, root, bytes);
  }

  /** What was pushed leaves. */
  sendPushed(): void {
    const chunk = this.pushChunk;
    if (chunk === null) return;
    this.pushChunk = null;
    if (!this.isClosing) this.#send(chunk, this.pushAt, this.pushBytes);
    this.worker.chunks.unpin(chunk);
  }

  /** Messages that follow the reply under way. */
  get lateCount(): number {
    return this.#late === null ? 0 : this.#late.length;
  }

  /** The range follows the reply under way. */
  addLate(range: PushRange): void {
    range.chunk.pins++;
    if (this.#late === null) {
      this.#late = [];
      this.worker.following++;
    }
    this.#late.push(range);
    this.outputBytes += range.bytes;
    if (!this.isClosing) this.worker.limits.checkOutput(this.worker, this);
  }

  /** What was to follow the reply; its pins are the caller's. */
  takeLate(): readonly PushRange[] {
    const late = this.#late;
    if (late === null) return [];
    this.#late = null;
    this.worker.following--;
    for (const { bytes } of late) this.outputBytes -= bytes;
    return late;
  }

  /** Nothing that was pushed will leave any more. */
  dropPushed(): void {
    this.sendPushed();
    for (const { chunk } of this.takeLate()) this.worker.chunks.unpin(chunk);
  }

  #hold(chunk: ReplyChunk | null, root: number, bytes: number): void {
    const { worker } = this;
    if (this.#heldCount === 0) {
      this.#firstChunk = chunk;
      this.#firstRoot = root;
      this.#firstBytes = bytes;
    } else {
      this.#more ??= worker.chunks.rings.take();
      this.#more.push(chunk, root, bytes);
    }
    this.#heldCount++;
    this.outputBytes += bytes;
    if (this.isClosing) return;
    worker.limits.checkOutput(worker, this);
    if (this.#heldCount > HELD_RANGES_MAX) this.loseOutput('it holds too many replies');
  }

  /** The oldest held range has left: its chunk or rope is free of it. False: none is held. */
  releaseOldest(): boolean {
    if (this.#heldCount === 0) return false;
    const { worker } = this;
    const chunk = this.#firstChunk;
    const root = this.#firstRoot;
    this.outputBytes -= this.#firstBytes;
    if (chunk !== null) {
      this.#chunkRanges--;
      this.#chunkBytes -= this.#firstBytes;
    }
    this.#heldCount--;
    this.#firstChunk = null;
    if (this.#more !== null) this.#advance(this.#more);
    if (chunk === null) worker.shard.ropes.unpin(root);
    else worker.sink.unpin(chunk);
    return true;
  }

  /** The oldest range of the ring becomes the first one. */
  #advance(ring: HeldRanges): void {
    ring.take();
    this.#firstChunk = ring.chunk;
    this.#firstRoot = ring.root;
    this.#firstBytes = ring.bytes;
    if (ring.count > 0) return;
    this.worker.chunks.rings.give(ring);
    this.#more = null;
  }

  loseOutput(reason: string): void {
    if (this.isClosing) return;
    this.worker.log('warning', `client ${this.id} cut: ${reason}`);
    this.worker.cut(this);
  }
}

/** The session that sent a command of this package. */
export function sessionOf(frame: ArgFrame): Session {
  const { client } = frame;
  assert(client instanceof Session, 'a command of the server comes from a session');
  return client;
}
