/**
 * The searches that the owner of a shared index has given to its threads. A slot that is found must
 * still be the same vector's when it becomes an id, so the era in which the oldest search began is
 * announced from before it is sent until its slots have been read (assembly/removal.as.ts frees
 * nothing of that era or later). The owner announces it for all threads: one that dies blocks
 * nothing, and nobody has to wait for an acknowledgement.
 * Each thread has few searches at a time; the others wait here, SEARCHES_WAITING_MAX at most.
 */
import { HEADER_WORDS, READER_WORDS_FROM } from '../engine/layout.ts';
import type { SlotHit } from '../segment-search.ts';
import type { Segment } from '../segment.ts';
import { VectorError } from '../vector-error.ts';
import type { SearchRequest, ThreadMessage } from './thread-messages.ts';
import type { ThreadPool } from './thread-pool.ts';

/** Searches that wait for a thread; more are refused. */
export const SEARCHES_WAITING_MAX = 16_384;
/** Searches that one thread has: one that it is at, one that it will find then. */
const PER_THREAD_MAX = 2;

interface Ticket {
  readonly request: SearchRequest;
  readonly era: number;
  readonly answer: (hits: readonly (readonly SlotHit[])[]) => void;
  readonly refuse: (error: VectorError) => void;
}

export class SearchDesk {
  private readonly segment: Segment;
  private readonly pool: ThreadPool;
  private readonly isAnnouncing: boolean;
  /** All that are not answered, oldest first. */
  private readonly open = new Map<number, Ticket>();
  private readonly waiting: Ticket[] = [];
  private waitingFrom = 0;
  private readonly loads: number[];
  private nextNumber = 0;

  /** @param isAnnouncing false for the litmus, which shows what goes wrong then */
  constructor(segment: Segment, pool: ThreadPool, isAnnouncing: boolean) {
    this.segment = segment;
    this.pool = pool;
    this.isAnnouncing = isAnnouncing;
    this.loads = Array.from({ length: pool.threadCount }, () => 0);
  }

  get openCount(): number { return this.open.size; }

  /**
   * Has a request made and sent. `read` turns slots into what the caller wants, at once, while the
   * slots are still what they were.
   * @throws VectorError BUSY, and whatever a search refuses
   */
  ask<Result>(
    make: (number: number) => SearchRequest,
    read: (hits: readonly (readonly SlotHit[])[]) => Result,
  ): Promise<Result> {
    if (this.waiting.length - this.waitingFrom >= SEARCHES_WAITING_MAX) {
      throw new VectorError('BUSY',
        `${SEARCHES_WAITING_MAX} searches wait already; await some before you ask for more`);
    }
    return new Promise((resolve, reject) => {
      const number = this.nextNumber++;
      const era = this.announce();
      // The slots of a filter are collected here: within the era.
      const request = make(number);
      this.open.set(number, {
        request, era, refuse: reject, answer: (hits) => { resolve(read(hits)); },
      });
      this.pool.hold(1);
      this.send(number);
    });
  }

  private send(number: number): void {
    const ticket = this.open.get(number);
    if (ticket === undefined) return;
    const thread = this.freeThread();
    if (thread < 0) { this.waiting.push(ticket); return; }
    this.loads[thread] = (this.loads[thread] ?? 0) + 1;
    this.pool.post(thread, ticket.request);
  }

  private freeThread(): number {
    let best = -1;
    let least = PER_THREAD_MAX;
    for (const [thread, load] of this.loads.entries()) {
      if (load < least) { least = load; best = thread; }
    }
    return best;
  }

  /** An answer or a refusal of a thread. */
  onMessage(thread: number, message: ThreadMessage & { readonly number: number }): void {
    this.loads[thread] = (this.loads[thread] ?? 0) - 1;
    const ticket = this.open.get(message.number);
    if (ticket === undefined) return;
    if (message.kind === 'answer') ticket.answer(message.hits);
    else if (message.kind === 'refusal') {
      ticket.refuse(new VectorError(message.code, message.message));
    }
    this.close(message.number);
    this.sendWaiting();
  }

  private sendWaiting(): void {
    while (this.waitingFrom < this.waiting.length && this.freeThread() >= 0) {
      const next = this.waiting[this.waitingFrom++];
      if (next !== undefined) this.send(next.request.number);
    }
    if (this.waitingFrom > 1024 || this.waitingFrom === this.waiting.length) {
      this.waiting.splice(0, this.waitingFrom);
      this.waitingFrom = 0;
    }
  }

  /** Refuses all. */
  fail(error: VectorError): void {
    for (const [number, ticket] of this.open) {
      ticket.refuse(error);
      this.close(number);
    }
    this.waiting.length = 0;
    this.waitingFrom = 0;
  }

  /** Announces the present era when no search is open; the era that holds for a new one. */
  private announce(): number {
    const { i32 } = this.segment.engine;
    let era = Atomics.load(i32, HEADER_WORDS.era);
    if (this.open.size > 0 || !this.isAnnouncing) return era;
    // A new era may begin between the two; pairs with the loads in `reclaim`.
    for (;;) {
      Atomics.store(i32, READER_WORDS_FROM, era);
      const now = Atomics.load(i32, HEADER_WORDS.era);
      if (now === era) return era;
      era = now;
    }
  }

  private close(number: number): void {
    this.open.delete(number);
    this.pool.hold(-1);
    if (!this.isAnnouncing) return;
    let oldest = 0;
    for (const ticket of this.open.values()) { oldest = ticket.era; break; }
    Atomics.store(this.segment.engine.i32, READER_WORDS_FROM, oldest);
  }
}
