/**
 * What the workers of an engine share beside their memories: who has news for whom, who sleeps, who
 * is ready, where the rings are, and the one order (mesh-order.ts). One SharedArrayBuffer, in lines
 * of 64 bytes so that no two threads write one line, but under the lock of the order:
 *
 *   line 0         | workers |           written by the maker, then only read
 *   line 1         | changes |           one more with every change of a state
 *   a line each    | news |              bit i: worker i published something; bit 30: SLEEP
 *   a line each    | state |             WorkerState
 *   rows of lines  | ring from worker 0, lane 0 | lane 1 | from worker 1 ... |  of each receiver
 *   then           the order
 *
 * Proof that no wake-up is lost: docs/internals/mesh.md.
 */
import { assert } from '../assert.ts';
import { MESH_WORKER_COUNT_MAX } from '../limits.ts';
import { MeshOrder } from './mesh-order.ts';

/** What a worker has come to; only grows. */
export const WorkerState = Object.freeze({ Starting: 0, Ready: 1, Ended: 2, Failed: 3 } as const);
export type WorkerState = (typeof WorkerState)[keyof typeof WorkerState];

/**
 * The rings from a worker to another. What is in `Replies` can always be taken, with one's own
 * memory alone, and is taken in every turn; a request may be left where it is. In one ring it would
 * hold the replies behind it, and two workers could wait for each other for ever. What is in
 * `Ordered` has its place among all that goes along these lanes (MeshOrder) and is run in it.
 */
export const Lane = Object.freeze({ Requests: 0, Replies: 1, Ordered: 2 } as const);
export type Lane = (typeof Lane)[keyof typeof Lane];

const LANE_COUNT = 3;
/** In a news word: the worker waits in the kernel, or is about to. */
const SLEEP = 1 << 30;
const LINE_WORDS = 16;
const CHANGES = LINE_WORDS;
const NEWS = 2 * LINE_WORDS;

assert(MESH_WORKER_COUNT_MAX <= 30, 'the bits of all workers lie below SLEEP');

export class MeshControl {
  /** Give it to other threads; `new MeshControl(workerCount, buffer)` there is the same control. */
  readonly buffer: SharedArrayBuffer;
  readonly workerCount: number;
  /** The order of what concerns several shards. */
  readonly order: MeshOrder;
  readonly #words: Int32Array;
  readonly #stateLine: number;
  readonly #ringRow: number;
  readonly #ringRowWords: number;

  /**
   * A new control, or another thread's view of one.
   * @param workerCount 1 to MESH_WORKER_COUNT_MAX
   */
  constructor(workerCount: number, buffer?: SharedArrayBuffer) {
    assert(Number.isInteger(workerCount), 'workers are counted');
    assert(workerCount >= 1, 'an engine has a worker');
    assert(workerCount <= MESH_WORKER_COUNT_MAX, 'the mesh has a bit for every worker');
    this.workerCount = workerCount;
    this.#stateLine = NEWS + workerCount * LINE_WORDS;
    this.#ringRow = this.#stateLine + workerCount * LINE_WORDS;
    this.#ringRowWords = Math.ceil((workerCount * LANE_COUNT) / LINE_WORDS) * LINE_WORDS;
    const orderAt = (this.#ringRow + workerCount * this.#ringRowWords) * 4;
    const bytes = orderAt + MeshOrder.bytesFor(workerCount);
    this.buffer = buffer ?? new SharedArrayBuffer(bytes);
    this.#words = new Int32Array(this.buffer);
    this.order = new MeshOrder(workerCount, this.buffer, orderAt);
    // Who makes it stores the count before anybody else has the buffer.
    if (buffer === undefined) Atomics.store(this.#words, 0, workerCount);
    assert(Atomics.load(this.#words, 0) === workerCount, 'all threads count the same workers');
  }

  /**
   * Says that `from` has stored a tail (or freed room that was asked for) in a ring that `to` looks
   * at. Once a turn and target, after the stores.
   * @returns true when `to` sleeps and has to be woken, by the caller and nobody else
   */
  publish(to: number, from: number): boolean {
    assert(to >= 0 && to < this.workerCount, 'news go to a worker');
    assert(from >= 0 && from < this.workerCount, 'news come from a worker');
    // Pairs with the exchange in `take`, which comes before its worker looks at the tails, and with
    // the compare-exchange in `maySleep`.
    return Atomics.or(this.#words, NEWS + to * LINE_WORDS, 1 << from) === SLEEP;
  }

  /**
   * Takes the news of `me`; every turn, and after every wait. Look into the rings after this.
   * @returns a bit for each worker that published something since, 0 for nothing
   */
  take(me: number): number {
    const at = NEWS + me * LINE_WORDS;
    // A plain load, which may be late: `maySleep` is what must not miss anything.
    if (this.#words[at] === 0) return 0;
    // Clears the bits before the tails are read; pairs with `publish`. Ends SLEEP.
    return Atomics.exchange(this.#words, at, 0) & ~SLEEP;
  }

  /**
   * Asked before a wait in the kernel. True: there are no news, and who publishes some from now on
   * wakes `me`; take the news after the wait. False: there are some, do not wait.
   */
  maySleep(me: number): boolean {
    // Pairs with the `or` in `publish`: either this sees its bit, or it sees SLEEP.
    return Atomics.compareExchange(this.#words, NEWS + me * LINE_WORDS, 0, SLEEP) === 0;
  }

  /** Byte offset, in the low memory of `receiver`, of its ring from `sender`; 0 = none. */
  ringAt(receiver: number, sender: number, lane: Lane = Lane.Requests): number {
    // Pairs with the store below; who asks has seen the receiver ready.
    return Atomics.load(this.#words, this.#ringWord(receiver, sender, lane));
  }

  /** Receiver, before it reports that it is ready: its ring from `sender` is there. */
  setRingAt(receiver: number, sender: number, byte: number, lane: Lane = Lane.Requests): void {
    Atomics.store(this.#words, this.#ringWord(receiver, sender, lane), byte);
  }

  /** What a worker has come to. */
  state(worker: number): WorkerState {
    // Pairs with the exchange in `setState`: what a worker did before it was ready is there.
    const state = Atomics.load(this.#words, this.#stateWord(worker));
    if (state === WorkerState.Ready) return WorkerState.Ready;
    if (state === WorkerState.Ended) return WorkerState.Ended;
    if (state === WorkerState.Failed) return WorkerState.Failed;
    return WorkerState.Starting;
  }

  /**
   * Says what a worker has come to: it itself, or who saw its thread die. States only grow; a later
   * one stays. Ends the waits of `waitUntilReady`.
   * @returns false when the worker was as far already
   */
  setState(worker: number, state: WorkerState): boolean {
    const at = this.#stateWord(worker);
    for (;;) {
      const before = Atomics.load(this.#words, at);
      if (before >= state) return false;
      // Somebody else may have said more since the load; then it is asked again.
      if (Atomics.compareExchange(this.#words, at, before, state) === before) break;
    }
    // Pairs with the load in `waitUntilReady`, which comes before its look at the states.
    Atomics.add(this.#words, CHANGES, 1);
    Atomics.notify(this.#words, CHANGES);
    return true;
  }

  /** Workers that are in this state now. */
  countOf(state: WorkerState): number {
    let count = 0;
    for (let worker = 0; worker < this.workerCount; worker++) {
      if (this.state(worker) === state) count += 1;
    }
    return count;
  }

  /** Workers that are ready now. */
  get readyCount(): number {
    return this.countOf(WorkerState.Ready);
  }

  /**
   * Blocks the thread until every worker is ready: before the first look at another's rings.
   * @param timeoutMs how long to wait for each next report
   * @returns false when a worker has ended or failed instead, or nothing was heard for so long
   */
  waitUntilReady(timeoutMs: number): boolean {
    for (;;) {
      const changes = Atomics.load(this.#words, CHANGES); // Pairs with the add in `setState`.
      const ready = this.readyCount;
      if (ready === this.workerCount) return true;
      if (ready + this.countOf(WorkerState.Starting) < this.workerCount) return false;
      if (Atomics.wait(this.#words, CHANGES, changes, timeoutMs) === 'timed-out') return false;
    }
  }

  #stateWord(worker: number): number {
    assert(worker >= 0 && worker < this.workerCount, 'a state is of a worker');
    return this.#stateLine + worker * LINE_WORDS;
  }

  #ringWord(receiver: number, sender: number, lane: Lane): number {
    assert(receiver >= 0 && receiver < this.workerCount, 'a ring has a receiver');
    assert(sender >= 0 && sender < this.workerCount, 'a ring has a sender');
    return this.#ringRow + receiver * this.#ringRowWords + sender * LANE_COUNT + lane;
  }
}
