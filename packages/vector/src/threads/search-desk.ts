/**
 * The searches that the owner of a shared index has given to its threads. Their eras are announced
 * from before they are sent until their slots have become ids (search-eras.ts).
 * Each thread has few searches at a time; the others wait here, SEARCHES_WAITING_MAX at most.
 */
import type { SlotHit } from '../segment-search.ts';
import type { Segment } from '../segment.ts';
import { VectorError } from '../vector-error.ts';
import { SearchEras } from './search-eras.ts';
import type { SearchRequest, ThreadMessage } from './thread-messages.ts';
import type { ThreadPool } from './thread-pool.ts';

/** Searches that wait for a thread; more are refused. */
export const SEARCHES_WAITING_MAX = 16_384;
/** Searches that one thread has: one that it is at, one that it will find then. */
const PER_THREAD_MAX = 2;

interface Ticket {
  readonly request: SearchRequest;
  readonly answer: (hits: readonly (readonly SlotHit[])[]) => void;
  readonly refuse: (error: VectorError) => void;
}

export class SearchDesk {
  private readonly eras: SearchEras;
  private readonly pool: ThreadPool;
  /** All that are not answered, oldest first. */
  private readonly open = new Map<number, Ticket>();
  private readonly waiting: Ticket[] = [];
  private waitingFrom = 0;
  private readonly loads: number[];
  private nextNumber = 0;

  /** @param isAnnouncing false for the litmus, which shows what goes wrong then */
  constructor(segment: Segment, pool: ThreadPool, isAnnouncing: boolean) {
    this.eras = new SearchEras(segment, isAnnouncing);
    this.pool = pool;
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
      this.eras.begin(number);
      try {
        // The slots of a filter are collected here: within the era.
        this.open.set(number, {
          request: make(number), refuse: reject, answer: (hits) => { resolve(read(hits)); },
        });
      } catch (error) {
        this.eras.end(number);
        throw error;
      }
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

  private close(number: number): void {
    this.open.delete(number);
    this.pool.hold(-1);
    this.eras.end(number);
  }
}
