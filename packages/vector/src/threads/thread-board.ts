/**
 * The words by which the owner of a shared index and its threads meet, in a SharedArrayBuffer:
 *   WAKE      raised by whoever has made work; a thread with none sleeps on it
 *   GATE      odd while all threads shall stand still (new codes); a thread enters by raising its
 *             STATE first and looking at the gate then, the owner closes first and looks then
 *   WAITS     the owner wants news when less than this many pieces of work are left; 0: none wanted
 *   POSTED    messages that the owner has sent to a thread, so that it need not look in vain
 * Each has a line of 64 bytes of its own. All accesses are sequentially consistent, so of two that
 * write and then read the other's word at least one sees it.
 */

const LINE = 16;
const WAKE = 0;
const GATE = LINE;
const WAITS = 2 * LINE;
const STOP = 3 * LINE;
const SWEEP = STOP + 1;
const SLEEPERS = 4 * LINE;
const THREADS_AT = 5 * LINE;
const STATE = 0;
const POSTED = 1;

/** Threads of one index. */
export const THREADS_MAX = 16;

const WORDS = THREADS_AT + THREADS_MAX * LINE;

export class ThreadBoard {
  readonly buffer: SharedArrayBuffer;
  private readonly words: Int32Array;

  /** A new one, or another thread's view of one. */
  constructor(buffer = new SharedArrayBuffer(WORDS * 4)) {
    this.buffer = buffer;
    this.words = new Int32Array(buffer);
  }

  /** There is something to do: for one thread, or for all. */
  wake(threads = THREADS_MAX): void {
    Atomics.add(this.words, WAKE, 1);
    if (Atomics.load(this.words, SLEEPERS) > 0) Atomics.notify(this.words, WAKE, threads);
  }
  get wakeNumber(): number { return Atomics.load(this.words, WAKE); }
  /** Sleeps until somebody wakes after `number` was read. */
  sleep(number: number): void {
    Atomics.add(this.words, SLEEPERS, 1);
    Atomics.wait(this.words, WAKE, number);
    Atomics.sub(this.words, SLEEPERS, 1);
  }

  stop(): void {
    Atomics.store(this.words, STOP, 1);
    this.wake();
  }
  get isStopping(): boolean { return Atomics.load(this.words, STOP) === 1; }

  /** Threads are asked to sweep whatever is dead, also when that is little. */
  setSweeping(on: boolean): void { Atomics.store(this.words, SWEEP, on ? 1 : 0); }
  get isSweepWanted(): boolean { return Atomics.load(this.words, SWEEP) === 1; }

  closeGate(): void { if (!this.isGateClosed) Atomics.add(this.words, GATE, 1); }
  openGate(): void {
    if (!this.isGateClosed) return;
    Atomics.add(this.words, GATE, 1);
    Atomics.notify(this.words, GATE);
  }
  get gateNumber(): number { return Atomics.load(this.words, GATE); }
  get isGateClosed(): boolean { return (this.gateNumber & 1) === 1; }
  waitAtGate(): void {
    const number = this.gateNumber;
    if ((number & 1) === 1) Atomics.wait(this.words, GATE, number);
  }

  /** A thread begins a piece of work; false when the gate is closed. */
  enter(thread: number): boolean {
    Atomics.store(this.words, THREADS_AT + thread * LINE + STATE, 1);
    if (!this.isGateClosed) return true;
    this.leave(thread);
    return false;
  }
  leave(thread: number): void {
    Atomics.store(this.words, THREADS_AT + thread * LINE + STATE, 0);
  }
  isWorking(thread: number): boolean {
    return Atomics.load(this.words, THREADS_AT + thread * LINE + STATE) === 1;
  }

  /** A message has been sent to a thread. */
  notePosted(thread: number): void {
    Atomics.add(this.words, THREADS_AT + thread * LINE + POSTED, 1);
    this.wake();
  }
  postedCount(thread: number): number {
    return Atomics.load(this.words, THREADS_AT + thread * LINE + POSTED);
  }

  /** The owner wants a message once less than `count` pieces of work are left. */
  askForNews(count: number): void {
    const asked = Atomics.load(this.words, WAITS);
    Atomics.store(this.words, WAITS, Math.max(asked, count));
  }
  get isNewsWanted(): boolean { return Atomics.load(this.words, WAITS) !== 0; }
  /** True for the one thread that shall send the news, when so little is left. */
  takeAsk(backlog: number): boolean {
    const asked = Atomics.load(this.words, WAITS);
    return asked !== 0 && backlog < asked
      && Atomics.compareExchange(this.words, WAITS, asked, 0) === asked;
  }
}
