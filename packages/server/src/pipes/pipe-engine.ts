/**
 * The I/O engine of a worker of the embedded engine: connections are slots in two rings, one in the
 * worker's low memory for what comes, one in the program's memory for what leaves
 * (@kora/embedded/workers has the contract). No sockets, no kernel but for the wait itself, which
 * is Atomics.wait on the worker's bell, no longer than until the next tick.
 * Requests are run where they lie in the ring. Replies are copied into the other one; what finds no
 * room waits in order, with its range, until the program has read.
 * A message for a slot that is not to be read (pauseReceive) stays in the ring, and all behind it:
 * what it waits for (room for replies, other workers) needs no further requests.
 * Bounds: a turn takes TURN_BYTES_MAX of requests, so that replies leave while more run.
 */
import type { WorkerMemory } from '@kora/core';
import { assert, createRing, lowWordsOf, RingReader, RingWriter } from '@kora/core';
import type { PipePlan } from '@kora/embedded/workers';
import { PIPE_RING_BYTES, PipeKind, PipeWords, replyRingAt } from '@kora/embedded/workers';
import type { Bell, EngineHandler, IoEngine, Peer } from '../io/engine.ts';
import { TICK_MS } from '../io/engine.ts';

/** Bytes of requests that a turn takes. */
const TURN_BYTES_MAX = 8 * 1024;

/** Where every connection comes from: the program itself. */
const PROGRAM: Peer = Object.freeze({
  address: 'program', localAddress: 'program', isLoopback: true, isUnixSocket: false,
  descriptor: -1,
});

/** What has found no room, or stands behind that. */
interface Waiting {
  readonly slot: number;
  /** Bytes: a range; Gone: the slot's end; Doubt: `at` is the error. */
  readonly kind: number;
  at: number;
  bytes: number;
}

export class PipeEngine implements IoEngine {
  readonly name = 'pipe';
  readonly isShared = true;
  readonly #index: number;
  readonly #wakeProgram: () => void;
  readonly #words: PipeWords;
  readonly #out: RingWriter;
  #requests: RingReader | undefined;
  #memory: WorkerMemory | undefined;
  #handler: EngineHandler | undefined;
  /** In the order they were sent. */
  readonly #waiting: Waiting[] = [];
  /** Slots whose oldest range has left, and slots that are gone: told in the next turn. */
  readonly #sent: number[] = [];
  readonly #gone: number[] = [];
  readonly #paused = new Set<number>();
  /** Slots whose end waits. */
  readonly #closing = new Set<number>();
  #isTurnRequested = false;
  /** There is more to do than the bell would say. */
  #hasMore = false;
  #isStopped = false;
  #nextTickMs = 0;
  /** What the bell showed before the last look for news. */
  #bell = 0;

  readonly bell: Bell;

  /** @param wakeProgram ends the sleep of the program in its event loop */
  constructor(plan: PipePlan, wakeProgram: () => void) {
    this.#wakeProgram = wakeProgram;
    this.#index = plan.index;
    this.#words = new PipeWords(plan.workerCount, plan.words);
    this.bell = { buffer: plan.words, word: PipeWords.bellWord(plan.index) };
    this.#out = new RingWriter(new Int32Array(plan.replies), replyRingAt(plan.index));
  }

  start(memory: WorkerMemory, handler: EngineHandler): void {
    const ring = createRing(memory, PIPE_RING_BYTES);
    assert(ring !== null, 'low memory holds a ring of requests');
    this.#requests = new RingReader(lowWordsOf(memory.memory, memory.lowBytes), ring.ringAt);
    this.#words.setRequestRing(this.#index, ring.ringAt);
    this.#memory = memory;
    this.#handler = handler;
    this.#nextTickMs = performance.now() + TICK_MS;
    this.#bell = this.#words.bell(this.#index);
  }

  /**
   * One turn: waits for news, no longer than until the next tick, and delivers them.
   * @param mayWait false: only what is there already
   * @returns false once the engine was stopped, or the program asked for the end
   */
  turn(mayWait: boolean): boolean {
    const handler = this.#handler;
    const requests = this.#requests;
    assert(handler !== undefined && requests !== undefined, 'an engine turns after its start');
    if (!requests.refresh() && mayWait && !this.#isTurnRequested && !this.#hasMore) this.#wait();
    this.#hasMore = false;
    // Whatever rings behind this is looked for in the next turn.
    this.#bell = this.#words.bell(this.#index);
    handler.onTurnStart();
    const nowMs = performance.now();
    if (nowMs >= this.#nextTickMs) {
      this.#nextTickMs = nowMs + TICK_MS;
      handler.onTick();
    }
    if (this.#waiting.length > 0) this.#sendWaiting();
    this.#tellEnds(handler);
    this.#receive(handler, requests);
    if (this.#isTurnRequested) {
      this.#isTurnRequested = false;
      handler.onTurn();
    }
    handler.onTurnEnd();
    if (this.#isStopped) return false;
    this.#publish(requests);
    return !this.#words.isAskedToEnd(this.#index);
  }

  /** Nobody listens here. */
  listen(): number {
    return 0;
  }

  send(slot: number, at: number, bytes: number): boolean {
    if (this.#waiting.length > 0) {
      this.#waiting.push({ slot, kind: PipeKind.Bytes, at, bytes });
      return false;
    }
    const done = this.#copy(slot, at, bytes);
    if (done === bytes) return true;
    this.#waiting.push({ slot, kind: PipeKind.Bytes, at: at + done, bytes: bytes - done });
    return false;
  }

  setDoubt(slot: number, errno: number): void {
    if (this.#waiting.length === 0 && this.#say(PipeKind.Doubt, slot, errno)) return;
    this.#waiting.push({ slot, kind: PipeKind.Doubt, at: errno, bytes: 0 });
  }

  receiveInto(): boolean {
    return false;
  }

  pauseReceive(slot: number): void {
    this.#paused.add(slot);
  }

  resumeReceive(slot: number): void {
    if (this.#paused.delete(slot)) this.#hasMore = true;
  }

  /** Graceful or not: a program reads what waits, so nothing is gained by dropping it. */
  close(slot: number): void {
    if (this.#closing.has(slot)) return;
    this.#closing.add(slot);
    this.#paused.delete(slot);
    this.#hasMore = true;
    this.#waiting.push({ slot, kind: PipeKind.Gone, at: 0, bytes: 0 });
  }

  setKeepAlive(): void {
    return;
  }

  requestTurn(): void {
    this.#isTurnRequested = true;
  }

  tickAfter(ms: number): void {
    this.#nextTickMs = performance.now() + ms;
  }

  stopListening(): void {
    return;
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** Waits for the bell, unless there are requests after all. */
  #wait(): void {
    const words = this.#words;
    words.setSleeps(this.#index, true);
    if (this.#requests?.refresh() === false) {
      const ms = Math.max(0, this.#nextTickMs - performance.now());
      words.wait(this.#index, this.#bell, ms);
      this.#requests.refresh();
    }
    words.setSleeps(this.#index, false);
  }

  #receive(handler: EngineHandler, requests: RingReader): void {
    let taken = 0;
    while (requests.next()) {
      if (taken >= TURN_BYTES_MAX) {
        this.#hasMore = true;
        return;
      }
      const { kind, a, bodyAt, bodyBytes } = requests;
      if (kind === PipeKind.Bytes) {
        if (this.#paused.has(a)) return;
        handler.onReceive(a, bodyAt, bodyBytes);
      } else if (kind === PipeKind.Open) {
        handler.onAccept(a, PROGRAM);
      } else {
        assert(kind === PipeKind.End, 'a program opens, sends and ends');
        handler.onEnd(a);
      }
      taken += bodyBytes;
      requests.consume();
    }
  }

  /** Sends what waits, as far as there is room. */
  #sendWaiting(): void {
    let count = 0;
    for (const waiting of this.#waiting) {
      if (!this.#sendOne(waiting)) break;
      count++;
    }
    this.#waiting.splice(0, count);
  }

  /** @returns false when there is no room for all of it */
  #sendOne(waiting: Waiting): boolean {
    const { slot, kind } = waiting;
    if (kind === PipeKind.Bytes) {
      const done = this.#copy(slot, waiting.at, waiting.bytes);
      waiting.at += done;
      waiting.bytes -= done;
      if (waiting.bytes > 0) return false;
      this.#sent.push(slot);
      return true;
    }
    if (!this.#say(kind, slot, waiting.at)) return false;
    if (kind === PipeKind.Doubt) return true;
    this.#gone.push(slot);
    this.#closing.delete(slot);
    return true;
  }

  #tellEnds(handler: EngineHandler): void {
    for (const slot of this.#sent.splice(0)) handler.onSent(slot);
    for (const slot of this.#gone.splice(0)) handler.onClosed(slot);
  }

  /** A message without bytes. @returns false when there is no room */
  #say(kind: number, slot: number, value: number): boolean {
    if (this.#out.begin(kind, 0) < 0) return false;
    this.#out.header(slot, value, 0);
    this.#out.end(0);
    return true;
  }

  /** Copies as many bytes of the worker memory as find room. @returns how many */
  #copy(slot: number, at: number, bytes: number): number {
    const memory = this.#memory;
    assert(memory !== undefined, 'an engine sends after its start');
    const out = this.#out;
    let done = 0;
    while (done < bytes) {
      const step = Math.min(bytes - done, out.bodyBytesMax);
      const word = out.begin(PipeKind.Bytes, step);
      if (word < 0) break;
      out.header(slot, 0, 0);
      out.copyFrom(memory.i32, at + done, word, step);
      out.end(step);
      done += step;
    }
    return done;
  }

  /** Lets the program see what was written, and that there is room for more. */
  #publish(requests: RingReader): void {
    let isNews = this.#out.publish();
    if (requests.flush()) isNews = true;
    const [first] = this.#waiting;
    if (first !== undefined) {
      const wanted = Math.min(first.bytes, this.#out.bodyBytesMax);
      if (this.#out.askForRoom(wanted)) this.#hasMore = true;
    }
    if (isNews && this.#words.mustWakeProgram()) this.#wakeProgram();
  }
}
