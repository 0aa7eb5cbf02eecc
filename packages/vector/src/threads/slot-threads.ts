/**
 * The threads that work at the indexes of one owner, a shard: started with the first index, ended
 * with the owner. What the owner asks and what it is told lies in shared memory, for it may live in
 * a loop of its own that never takes a message; it calls `look` whenever it was rung, and at the
 * end of its turns.
 *   none --first index: start--> working --a thread dies, or is silent: fail--> failed, for good
 * A thread that dies may have held locks and left half a list: all indexes are given up, every
 * search is refused, and the owner makes what it needs again from what it keeps.
 * A thread is taken for dead when it has been at one piece of work, or has left a search lying, for
 * SILENT_MS_MAX; one that ends by itself says so.
 */
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { CheckedOptions } from '../options.ts';
import { VectorError } from '../vector-error.ts';
import { SearchBoard, TicketState } from './search-board.ts';
import type { SearchAsked } from './search-board.ts';
import type { SlotThreadOrder, SlotThreadPlan } from './slot-thread-messages.ts';
import { ThreadBoard } from './thread-board.ts';
import { threadCountOf } from './thread-pool.ts';

/** The program of a thread, by the name under which this package has it. */
const PROGRAM = '@kora/vector/slot-thread-program';
/** How long a thread may be at one thing. */
const SILENT_MS_MAX = 5000;
/** How often it is looked whether all live. */
const CHECK_MS = 250;
/** How long the owner waits until all threads stand still, and for room in a ring. */
const WAIT_MS_MAX = 5000;
const WAIT_SLICE_MS = 0.1;

/** Whom the threads work for. */
export interface SlotThreadsHost {
  /** How many: 1..16. */
  readonly threads: number;
  /** An eventfd for a thread, which closes it, that ends the owner's wait; -1: there is none. */
  shareWake(): number;
  /** `look` is to be called soon: a thread without an eventfd has news, or one has died. */
  onNews(): void;
  /** All indexes are given up; called by `look`, once. */
  onFailure(error: VectorError): void;
}

/** Who has all threads stand still. */
export interface StillAsker {
  /** They do. It calls `goOn` when it has done what it wanted. */
  onStill(): void;
}

/** Called with the answers of a search, or null: it was refused. */
type OnAnswer = (answeredCount: number | null) => void;

/** An index that was closed and that threads may still look at. */
interface Leaving {
  /** Threads have left it when they have left so many. */
  readonly number: number;
  readonly onLeft: () => void;
}

export class SlotThreads {
  failure: VectorError | undefined;
  private readonly host: SlotThreadsHost;
  private readonly board = new ThreadBoard();
  private readonly searches = new SearchBoard();
  private readonly workers: Worker[] = [];
  private readonly answers = new Map<number, OnAnswer>();
  private readonly still = new Set<StillAsker>();
  private readonly waiting = new Int32Array(new SharedArrayBuffer(4));
  private leaving: Leaving[] = [];
  private openedCount = 0;
  private leftCount = 0;
  private beats: number[] = [];
  private beatsSinceMs: number[] = [];
  private checkedMs = 0;
  private isEnding = false;
  private isGivenUp = false;

  /** @throws VectorError OPTION */
  constructor(host: SlotThreadsHost) {
    this.host = host;
    threadCountOf({ threads: host.threads });
  }

  // ------------------------------------------------------------------ indexes

  /** Threads work at an index from now on. @returns its number */
  open(options: CheckedOptions, memory: WebAssembly.Memory): number {
    if (this.workers.length === 0) this.start();
    const index = this.openedCount++;
    this.order({ kind: 'open', index, options, memory });
    return index;
  }

  /** The index is of no use any more. `onLeft` is called when no thread will touch it. */
  close(index: number, onLeft: () => void): void {
    this.leftCount++;
    this.leaving.push({ number: this.leftCount, onLeft });
    this.order({ kind: 'close', index });
  }

  /** There is something to link, or to take out. */
  wake(): void { this.board.wake(1); }

  /** Has threads tell when less than `count` vectors of an index wait. */
  askForNews(count: number): void { this.board.askForNews(count); }

  private start(): void {
    const program = pathToFileURL(createRequire(import.meta.url).resolve(PROGRAM));
    const { host } = this;
    for (let thread = 0; thread < host.threads; thread++) {
      const plan: SlotThreadPlan = {
        thread, wakeDescriptor: host.shareWake(), board: this.board.buffer,
        searches: this.searches.buffer,
      };
      const worker = new Worker(program, {
        // It closes a descriptor that it has not opened, of which Node would warn.
        workerData: plan, execArgv: ['--no-warnings'], name: 'kora vectors',
      });
      // Heard only by an owner in Node's loop; any other finds it out by looking.
      worker.on('message', () => { host.onNews(); });
      worker.on('error', (cause) => { this.fail(cause.message); });
      worker.on('exit', (code) => { this.fail(`it exited with ${code}`); });
      worker.unref();
      this.workers.push(worker);
    }
  }

  private order(order: SlotThreadOrder): void {
    for (const [thread, worker] of this.workers.entries()) {
      worker.postMessage(order);
      this.board.notePosted(thread);
    }
  }

  // ------------------------------------------------------------------ searches

  /** Has a thread search. @returns false: too many are under way, or no thread lives */
  ask(asked: SearchAsked, onAnswer: OnAnswer): boolean {
    if (this.failure !== undefined) return false;
    const ticket = this.searches.ask(asked);
    if (ticket < 0) return false;
    this.answers.set(ticket, onAnswer);
    this.board.wake(1);
    return true;
  }

  /** Takes all answers and other news. */
  look(): void {
    if (this.workers.length === 0 || this.isGivenUp) return;
    const { searches } = this;
    // First, so that whoever has news from here on rings again.
    searches.lowerBell();
    if (searches.hasFailed) this.fail(searches.failureText);
    else this.checkAtTimes();
    if (this.failure !== undefined) {
      this.giveUp(this.failure);
      return;
    }
    for (const [ticket, onAnswer] of this.answers) {
      const state = searches.stateOf(ticket);
      if (state === TicketState.Asked) continue;
      const count = state === TicketState.Answered ? searches.countOf(ticket) : null;
      searches.free(ticket);
      this.answers.delete(ticket);
      onAnswer(count);
    }
    if (this.still.size > 0 && !this.isWorking) for (const asker of this.still) asker.onStill();
    if (this.leaving.length > 0) this.lookWhoLeft();
  }

  private lookWhoLeft(): void {
    let least = this.leftCount;
    for (const thread of this.workers.keys()) least = Math.min(least, this.searches.leftOf(thread));
    const left = this.leaving.filter(({ number }) => number <= least);
    this.leaving = this.leaving.filter(({ number }) => number > least);
    for (const { onLeft } of left) onLeft();
  }

  private checkAtTimes(): void {
    const nowMs = performance.now();
    if (nowMs - this.checkedMs < CHECK_MS) return;
    this.checkedMs = nowMs;
    this.check(nowMs);
  }

  /** @internal Finds out whether a thread has died without a word. */
  check(nowMs: number): void {
    for (const thread of this.workers.keys()) {
      const beat = this.searches.beatOf(thread);
      // At a closed gate nobody takes what is asked.
      const isAsked = this.searches.isAsked && this.still.size === 0;
      const isBusy = this.board.isWorking(thread) || isAsked;
      if (!isBusy || this.beats[thread] !== beat) {
        this.beats[thread] = beat;
        this.beatsSinceMs[thread] = nowMs;
      } else if (nowMs - (this.beatsSinceMs[thread] ?? nowMs) > SILENT_MS_MAX) {
        this.fail(`thread ${thread} has not moved for ${SILENT_MS_MAX} ms`);
        return;
      }
    }
  }

  // ------------------------------------------------------------------ standing still

  /** Has all threads stand still. @returns whether they do; else `onStill` will be called */
  standStill(asker: StillAsker): boolean {
    this.still.add(asker);
    this.board.closeGate();
    return !this.isWorking;
  }

  goOn(asker: StillAsker): void {
    this.still.delete(asker);
    if (this.still.size > 0) return;
    this.board.openGate();
    this.board.wake();
  }

  /** @internal The threads stand still, and nobody knows why: as if they had died. */
  forget(asker: StillAsker): void { this.still.delete(asker); }

  /** Blocks until it is so: threads are at a piece of work each. @returns false: too long */
  waitUntil(isSo: () => boolean): boolean {
    const endMs = performance.now() + WAIT_MS_MAX;
    while (!isSo()) {
      if (this.failure !== undefined || this.searches.hasFailed) return false;
      if (performance.now() > endMs) {
        this.fail(`threads have not moved for ${WAIT_MS_MAX} ms`);
        return false;
      }
      Atomics.wait(this.waiting, 0, 0, WAIT_SLICE_MS);
    }
    return true;
  }

  private get isWorking(): boolean {
    for (const thread of this.workers.keys()) if (this.board.isWorking(thread)) return true;
    return false;
  }

  // ------------------------------------------------------------------ endings

  /** From anywhere, also in the middle of a command: what follows from it is done by `look`. */
  private fail(what: string): void {
    if (this.failure !== undefined || this.isEnding) return;
    this.failure = new VectorError('THREAD', `a vector thread has ended: ${what}`);
    for (const worker of this.workers) void worker.terminate();
    this.host.onNews();
  }

  /** Says once that all is given up, and refuses what is under way. */
  private giveUp(failure: VectorError): void {
    this.isGivenUp = true;
    this.still.clear();
    this.leaving = [];
    this.host.onFailure(failure);
    const answers = [...this.answers.values()];
    this.answers.clear();
    for (const onAnswer of answers) onAnswer(null);
  }

  /** The owner ends: so do the threads, when they have done what they are at. */
  end(): void {
    this.isEnding = true;
    this.board.stop();
    this.board.openGate();
  }

  /** @internal Terminates a thread, as a fault would. */
  async terminate(thread: number): Promise<void> { await this.workers[thread]?.terminate(); }
}
