/**
 * The words by which a program and its workers wake each other. One SharedArrayBuffer, in lines of
 * 64 bytes so that no two threads write one:
 *   line 0        | the program sleeps |            set by the program, cleared by who wakes it
 *   line 1        | workers that are over |         nobody of them writes into another's memory
 *   a line each   | bell | sleeps | ring | asked |  of worker i
 * A worker sleeps in Atomics.wait on its bell, a number that only grows: it reads the bell first,
 * then looks at everything that may be news, then waits while the bell is still that number. So a
 * ring of the bell after any of these looks ends the wait, and none is lost. `sleeps` saves the
 * program the call when the worker is up: it stores its tail and then loads `sleeps`, the worker
 * stores `sleeps` and then loads the tail, so one of the two sees the other.
 * The program sleeps in its event loop, with the same pair of steps; what wakes it is a message.
 */
import { assert } from '@kora/core';

const LINE_WORDS = 16;
/** Lines before those of the workers. */
const HEAD_LINES = 2;
const OVER = LINE_WORDS;
const BELL = 0;
const SLEEPS = 1;
const RING = 2;
const ASKED = 3;

export class PipeWords {
  readonly buffer: SharedArrayBuffer;
  readonly words: Int32Array;

  /** New words, or another thread's view of them. */
  constructor(workerCount: number, buffer?: SharedArrayBuffer) {
    this.buffer = buffer ?? new SharedArrayBuffer((workerCount + HEAD_LINES) * LINE_WORDS * 4);
    this.words = new Int32Array(this.buffer);
    assert(this.words.length >= (workerCount + HEAD_LINES) * LINE_WORDS, 'every worker has a line');
  }

  // ---------------------------------------------------------------- workers

  /** Index of a worker's bell in the words: whoever works for it may ring there too. */
  static bellWord(worker: number): number {
    return wordOf(worker, BELL);
  }

  /** What the worker's bell shows; before it looks for news. */
  bell(worker: number): number {
    return Atomics.load(this.words, wordOf(worker, BELL)); // Pairs with the add in `ring`.
  }

  /** Worker: waits until its bell shows something else than `seen`, or so long. */
  wait(worker: number, seen: number, ms: number): void {
    Atomics.wait(this.words, wordOf(worker, BELL), seen, ms);
  }

  /** Ends the wait of a worker, or its next one. */
  ring(worker: number): void {
    const bell = wordOf(worker, BELL);
    Atomics.add(this.words, bell, 1); // Pairs with the load in `bell`.
    Atomics.notify(this.words, bell);
  }

  /** Worker: it is about to wait, or up again. Look at the ring of requests after saying so. */
  setSleeps(worker: number, sleeps: boolean): void {
    // Pairs with the load in `wakeWorker`.
    Atomics.store(this.words, wordOf(worker, SLEEPS), sleeps ? 1 : 0);
  }

  /** Program, after it has stored a tail or a head: the worker is up or will be. */
  wakeWorker(worker: number): void {
    if (Atomics.load(this.words, wordOf(worker, SLEEPS)) !== 0) this.ring(worker);
  }

  /** Worker: where its ring of requests lies in its low memory. */
  setRequestRing(worker: number, at: number): void {
    Atomics.store(this.words, wordOf(worker, RING), at);
  }

  /** Byte offset of the ring of requests; the worker has said that it is ready. */
  requestRing(worker: number): number {
    return Atomics.load(this.words, wordOf(worker, RING));
  }

  /** Program: the worker shall end after this turn. */
  askToEnd(worker: number): void {
    Atomics.store(this.words, wordOf(worker, ASKED), 1); // Pairs with the load in `isAskedToEnd`.
    this.ring(worker);
  }

  /** Worker: asked after `bell`, so that a wait cannot miss it. */
  isAskedToEnd(worker: number): boolean {
    return Atomics.load(this.words, wordOf(worker, ASKED)) !== 0;
  }

  /**
   * Worker, when it touches no memory but its own any more: waits for all others to be as far.
   * @param ms how long to wait for each next one
   * @returns false when one of them was not within that time
   */
  endTogether(workerCount: number, ms: number): boolean {
    Atomics.add(this.words, OVER, 1); // Pairs with the loads below, of this worker and others.
    Atomics.notify(this.words, OVER);
    for (;;) {
      const over = Atomics.load(this.words, OVER);
      if (over >= workerCount) return true;
      if (Atomics.wait(this.words, OVER, over, ms) === 'timed-out') return false;
    }
  }

  // ---------------------------------------------------------------- the program

  /** Program: it is about to return to its event loop for good. Look at the rings after this. */
  sleep(): void {
    Atomics.store(this.words, 0, 1); // Pairs with the compare-exchange in `mustWakeProgram`.
  }

  /** Program: it is up, whoever woke it. */
  wake(): void {
    Atomics.store(this.words, 0, 0);
  }

  /** Worker, after it has stored a tail or a head. @returns true when it has to send a message */
  mustWakeProgram(): boolean {
    // Pairs with the store in `sleep`. One worker of several is the first.
    return Atomics.compareExchange(this.words, 0, 1, 0) === 1;
  }
}

function wordOf(worker: number, word: number): number {
  return (worker + HEAD_LINES) * LINE_WORDS + word;
}
