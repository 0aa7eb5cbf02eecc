/**
 * What the main thread and the thread of a shard share beside messages: three words. The shard's
 * thread never returns to Node's loop, so messages to it would never be delivered; it looks at
 * these words after every turn, and a write to its eventfd ends a wait in the kernel.
 *   word 0  what is asked of the shard (Asked); only grows. Main writes, the thread reads.
 *   word 1  the eventfd, lent: 0 = none, or in somebody's hands. Whoever takes it puts it back, so
 *           that main cannot write to a number that the thread has closed and somebody else got.
 *   word 2  log lines under way. The thread adds, main takes away.
 */
import { writeSync } from 'node:fs';

/** What main asks of the shard's thread. */
export const Asked = Object.freeze({ Nothing: 0, End: 1, Stop: 2 } as const);
export type Asked = (typeof Asked)[keyof typeof Asked];

const ASKED = 0;
const WAKE_DESCRIPTOR = 1;
const LINES_UNDER_WAY = 2;
const WORD_COUNT = 3;
/** How long a look for the lent eventfd sleeps; the other side holds it for microseconds. */
const LENT_MS = 1;

/** A 64-bit 1 in the machine's order, as an eventfd wants it. */
const ONE = new Uint8Array(new BigUint64Array([1n]).buffer);

export class ThreadControl {
  readonly shared: SharedArrayBuffer;
  readonly #words: Int32Array;

  /** @param shared of the other thread's control; absent: a new one */
  constructor(shared: SharedArrayBuffer = new SharedArrayBuffer(WORD_COUNT * 4)) {
    this.shared = shared;
    this.#words = new Int32Array(shared);
  }

  /** Main: asks, and ends the thread's wait. Pairs with `asked`. Any number of times. */
  ask(what: Asked): void {
    if (what > Atomics.load(this.#words, ASKED)) Atomics.store(this.#words, ASKED, what);
    // Not there yet: the thread stores it before it looks at what is asked.
    const descriptor = Atomics.exchange(this.#words, WAKE_DESCRIPTOR, 0);
    if (descriptor === 0) return;
    try {
      writeSync(descriptor, ONE);
    } finally {
      Atomics.store(this.#words, WAKE_DESCRIPTOR, descriptor);
    }
  }

  /** Thread: what is asked of it now. */
  asked(): number {
    return Atomics.load(this.#words, ASKED);
  }

  /** Thread: main may write there from now on. */
  lend(descriptor: number): void {
    Atomics.store(this.#words, WAKE_DESCRIPTOR, descriptor);
  }

  /** Thread: nobody writes there any more when it returns. Pairs with the exchange in `ask`. */
  takeBack(): void {
    while (Atomics.exchange(this.#words, WAKE_DESCRIPTOR, 0) === 0) {
      Atomics.wait(this.#words, WAKE_DESCRIPTOR, 0, LENT_MS);
    }
  }

  /** Thread: a line goes on its way, unless `most` are. False: it may not. */
  addLine(most: number): boolean {
    if (Atomics.load(this.#words, LINES_UNDER_WAY) >= most) return false;
    Atomics.add(this.#words, LINES_UNDER_WAY, 1);
    return true;
  }

  /** Main: a line has arrived. */
  takeLine(): void {
    Atomics.sub(this.#words, LINES_UNDER_WAY, 1);
  }
}
