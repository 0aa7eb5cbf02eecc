/**
 * The replies that the connections of this worker wait for (reply-window.hot.ts): places are
 * opened, what comes for them from other workers, or is ready before its turn, is kept, and all
 * leaves in the order of the commands.
 *   a reply that comes in pieces    goes out at the oldest place, else is staged piece by piece
 *   a whole one of a burst          stays where it lies until all in front of it are there: those
 *                                   of a message leave straight from the ring, what has to wait of
 *                                   it is copied once
 * All that may leave is put together by one call of the kernel (RespSink.gather).
 */
import type { Shard } from '@kora/core';
import { assert, ClientFlag } from '@kora/core';
import type { ReplyChunk, ReplyChunks } from '../reply-chunks.ts';
import { RespSink } from '../resp-sink.ts';
import type { Session } from '../session.ts';
import type { Worker } from '../worker.ts';
import { BurstStage } from './burst-stage.ts';
import type { ForeignMemory } from './foreign-memory.ts';
import type { MeshPort, Peer } from './mesh-port.ts';
import { KIND_END, KIND_LENT, KIND_LOST, KIND_REPLY, KIND_RETURN } from './message-kinds.ts';
import { ReplyWindow, WINDOW_PLACES } from './reply-window.hot.ts';
import { StageTarget } from './stage-target.ts';
import { StagedRanges } from './staged-ranges.ts';

/** A connection with more staged than this sends no further commands to others. */
const STAGED_BYTES_MAX = 1024 * 1024;
/** A pair of words in the list of what leaves: byte offset, bytes. */
const PAIR_BYTES = 8;

export class ReplyWindows {
  readonly #worker: Worker;
  readonly #shard: Shard;
  readonly #port: MeshPort;
  readonly #foreign: ForeignMemory;
  readonly #onReplies: (session: Session) => void;
  readonly #ranges = new StagedRanges();
  readonly #windows: ReplyWindow[] = [];
  readonly #free: ReplyWindow[] = [];
  readonly #stage: RespSink;
  readonly #stageTarget = new StageTarget();
  /** Where own replies of a burst, and whole ones that wait, are noted. */
  readonly burst: BurstStage;
  /** Byte offset of the list of what leaves. */
  readonly #list: number;
  readonly #leftChunks: ReplyChunk[] = [];

  /** @param onReplies the session has got replies: it may go on */
  constructor(
    worker: Worker, chunks: ReplyChunks, port: MeshPort, foreign: ForeignMemory,
    onReplies: (session: Session) => void,
  ) {
    this.#worker = worker;
    this.#shard = worker.shard;
    this.#port = port;
    this.#foreign = foreign;
    this.#onReplies = onReplies;
    const { memory } = worker.shard;
    this.#stage = new RespSink(memory, chunks, this.#stageTarget, Infinity);
    this.burst = new BurstStage(this.#stage);
    this.#list = memory.lowAllocator.alloc(WINDOW_PLACES * PAIR_BYTES) * 8;
    assert(this.#list !== 0, 'low memory holds the list of a window');
  }

  /** Windows in use. */
  get count(): number {
    return this.#windows.length - this.#free.length;
  }

  /** Windows with commands under way at several workers. */
  mixed(): ReplyWindow[] {
    return this.#windows.filter(({ pending, owner }) => pending > 0 && owner < 0);
  }

  /** The session's window, or a new one. */
  windowFor(session: Session): ReplyWindow {
    return session.window ?? this.#open(session);
  }

  /** The window that the next session gets, without giving it. */
  spare(): ReplyWindow {
    const spare = this.#free.at(-1) ?? new ReplyWindow(this.#windows.length, this.#ranges);
    if (this.#free.length === 0) {
      this.#windows.push(spare);
      this.#free.push(spare);
    }
    return spare;
  }

  /** True when more replies may be staged in the window. */
  mayStage(window: ReplyWindow): boolean {
    return window.stagedBytes <= STAGED_BYTES_MAX;
  }

  /** Writes the whole reply of a pending place; a reply nobody waits for is not written. */
  reply(
    window: ReplyWindow, place: number, write: (sink: RespSink, session: Session) => void,
  ): void {
    const { session } = window;
    if (session !== null && !window.isMuted(place)) {
      const sink = this.#sinkFor(window, session, place);
      write(sink, session);
      if (sink === this.#stage) sink.flush();
    }
    this.#complete(window, place);
  }

  /** A window for the session; what it has written and not sent yet becomes its first place. */
  #open(session: Session): ReplyWindow {
    const window = this.spare();
    this.#free.pop();
    const { sink } = this.#worker;
    // A message goes out at once: it must not overtake what confirms its subscription.
    if ((session.flags & ClientFlag.Subscribed) !== 0) sink.flush();
    if (session.isClosing) return window; // Cut by that: its replies go nowhere.
    window.session = session;
    session.window = window;
    if (sink.pending === 0) return window;
    this.#stageTarget.begin(window, window.addReady());
    sink.begin(this.#stageTarget);
    sink.flush();
    sink.begin(session);
    return window;
  }

  /** The sink for a command that runs here while replies before it are under way. */
  stageFor(window: ReplyWindow): RespSink {
    this.#stageTarget.begin(window, window.readyPlace());
    this.#stage.begin(this.#stageTarget);
    return this.#stage;
  }

  /** The command has run and its reply is whole. */
  staged(session: Session): void {
    this.#stage.flush();
    session.window?.addReady();
  }

  /** The session is gone or will be cut: replies to it are dropped from now on. */
  abandon(session: Session): void {
    const { window } = session;
    if (window === null) return;
    session.window = null;
    window.session = null;
    this.#dropReady(window);
    if (window.isEmpty()) this.#close(window);
  }

  // ------------------------------------------------------------------ what comes

  /** Takes the current message of the lane of replies: a reply or a part of one. */
  take(peer: Peer): void {
    const { kind, a, b, c, bodyAt, bodyBytes, words } = peer.repliesIn;
    const window = this.#windows[a];
    assert(window !== undefined, 'a reply names a window');
    const { session } = window;
    if (kind === KIND_LOST) {
      if (session !== null) session.loseOutput('a command failed in the middle of its reply');
      this.#complete(window, b);
      return;
    }
    if (session !== null && !window.isMuted(b)) {
      const sink = this.#sinkFor(window, session, b);
      if (kind === KIND_LENT) {
        const at = (words[bodyAt >>> 2] ?? 0) >>> 0;
        sink.raw(this.#foreign.bytes(peer.index, at, words[(bodyAt >>> 2) + 1] ?? 0));
      } else if (kind === KIND_REPLY) {
        sink.bulkPiece(bodyAt, bodyBytes);
      }
      if (sink === this.#stage) sink.flush();
      else session.isMidReply = true;
    }
    if (kind === KIND_LENT) this.#port.sendWords(peer, KIND_RETURN, c, 0, 0, 0, 0);
    if (kind === KIND_END || (kind === KIND_REPLY && c === 1)) this.#complete(window, b);
  }

  /** Takes the current message of the lane of replies: whole replies of a burst. */
  takeBurst(peer: Peer): void {
    const { a, b, c: count, bodyAt, words } = peer.repliesIn;
    const window = this.#windows[a];
    assert(window !== undefined, 'replies name a window');
    const { session } = window;
    window.takeBurst(words, bodyAt >>> 2, count, b, bodyAt + count * 4);
    if (session !== null && window.isHeadReady()) session.isMidReply = false;
    this.bringUp(window);
    if (window.session !== null) this.#keepRest(window, peer);
    this.#afterReplies(window, session);
  }

  /** What has not left of the message leaves the ring. */
  #keepRest(window: ReplyWindow, { repliesIn: { b, c: count, bodyAt, words } }: Peer): void {
    const first = bodyAt >>> 2;
    if (b + ((words[first + count - 1] ?? 0) >>> 16) < window.head) return;
    const { burst } = this;
    burst.begin(window);
    let at = bodyAt + count * 4;
    let from = at;
    for (let i = 0; i < count; i++) {
      const word = words[first + i] ?? 0;
      const place = b + (word >>> 16);
      at += word & 0xffff;
      if (place < window.head) from = at;
      else burst.add(place, word & 0xffff);
    }
    burst.copy(from, at - from);
  }

  /** Where bytes of a reply go: out when all before them have left, else to the stage. */
  #sinkFor(window: ReplyWindow, session: Session, place: number): RespSink {
    if (place === window.head) {
      this.select(session);
      return this.#worker.sink;
    }
    this.#stageTarget.begin(window, place);
    this.#stage.begin(this.#stageTarget);
    return this.#stage;
  }

  /**
   * Replies that are written next are the session's. What a session begins or ends may let
   * transactions of others come to their end, and their replies be written, before it goes on.
   */
  select(session: Session): void {
    const { sink } = this.#worker;
    if (sink.target === session) return;
    sink.flush();
    sink.begin(session);
    if (session.isMuted) sink.mute();
  }

  // ------------------------------------------------------------------ what leaves

  /** The reply of a place is whole: it leaves, and what was ready behind it. */
  #complete(window: ReplyWindow, place: number): void {
    const { session } = window;
    if (session !== null && place === window.head) session.isMidReply = false;
    window.complete(place);
    this.bringUp(window);
    this.#afterReplies(window, session);
  }

  /** What is ready before the oldest pending place of a window leaves now, or is dropped. */
  bringUp(window: ReplyWindow): void {
    if (window.session === null) this.#dropReady(window);
    else this.#leaveReady(window);
  }

  /** @param session whose the window was before they left: the end of it may have abandoned it */
  #afterReplies(window: ReplyWindow, session: Session | null): void {
    if (session !== null && window.session === null) return;
    if (session !== null) this.#onReplies(session);
    if (!window.isEmpty()) {
      // What has come of the next reply leaves too: the rest of it will follow directly.
      if (this.#leaveRanges(window) && session !== null) session.isMidReply = true;
    } else {
      if (session !== null) session.window = null;
      this.#close(window);
    }
    if (session !== null && session.lateCount > 0) this.#worker.pushes.followReply(session);
  }

  /**
   * Everything that is ready at the head leaves. The session may end meanwhile: then it is
   * abandoned, and the rest dropped, before this returns.
   */
  #leaveReady(window: ReplyWindow): void {
    const { i32 } = this.#shard.memory;
    const list = this.#list >>> 2;
    let word = list;
    let total = 0;
    for (;;) {
      word = window.passKept(i32, word);
      total += window.passedBytes;
      if (!window.isHeadReady()) break;
      const bytes = window.headBytes();
      if (bytes !== 0) {
        i32[word] = window.headAt();
        i32[word + 1] = bytes;
        word += 2;
        total += bytes;
        const chunk = window.takeHeadChunk();
        if (chunk !== null) this.#leftChunks.push(chunk);
      } else if (window.hasHeadRanges()) {
        this.#gather(window, (word - list) >>> 1, total);
        if (window.session !== null) this.#leaveRanges(window);
        if (window.session === null) return;
        word = list;
        total = 0;
      }
      window.advance();
    }
    this.#gather(window, (word - list) >>> 1, total);
  }

  /** Copies what the list names behind what was written; its chunks are free of it then. */
  #gather(window: ReplyWindow, count: number, bytes: number): void {
    const { session } = window;
    if (count === 0 || session === null) return;
    this.select(session);
    this.#worker.sink.gather(this.#list, count, bytes);
    for (let chunk = this.#leftChunks.pop(); chunk !== undefined; chunk = this.#leftChunks.pop()) {
      this.#worker.chunks.unpin(chunk);
    }
  }

  /** Everything that is ready at the head of an abandoned window is dropped. */
  #dropReady(window: ReplyWindow): void {
    while (window.isHeadReady()) {
      const chunk = window.takeHeadChunk();
      if (chunk !== null) this.#worker.chunks.unpin(chunk);
      this.#leaveRanges(window);
      window.advance();
    }
  }

  /**
   * What is staged of the oldest place is copied behind what was written, or dropped.
   * @returns true when there was anything
   */
  #leaveRanges(window: ReplyWindow): boolean {
    const ranges = this.#ranges;
    let range = window.takeHeadRanges();
    const hasAny = range !== 0;
    while (range !== 0) {
      const bytes = ranges.bytes[range] ?? 0;
      window.stagedBytes -= bytes;
      if (window.session !== null) {
        this.select(window.session);
        this.#worker.sink.bulkPiece(ranges.at[range] ?? 0, bytes);
      }
      range = this.#release(range);
    }
    return hasAny;
  }

  /** Frees a staged range. @returns the next of its list */
  #release(range: number): number {
    const chunk = this.#ranges.chunks[range];
    const next = this.#ranges.give(range);
    assert(chunk !== null && chunk !== undefined, 'a staged range has a chunk');
    this.#worker.chunks.unpin(chunk);
    return next;
  }

  #close(window: ReplyWindow): void {
    assert(window.pending === 0, 'a window is closed when nothing is under way');
    window.session = null;
    window.stagedBytes = 0;
    this.#free.push(window);
  }
}
