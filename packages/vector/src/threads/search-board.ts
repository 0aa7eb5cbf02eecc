/**
 * Searches between the thread that owns indexes and the threads that answer them, without messages:
 * a ring of tickets in a SharedArrayBuffer. Query, filter and answers lie in the memory of the
 * index that is searched, in a block that the ticket names.
 *   ticket  STATE | INDEX | AT | K | EF | STRATEGY | FILTER_WORDS | COUNT     64 bytes
 *   block   query f32 x dimension | words of the filter | slots of the answers i32 x K
 *   free --owner: ask--> asked --a thread: claim--> answered or refused --owner: free--> free
 * Beside them: END and CLAIM of the ring, the BELL (raised by the thread that rings, lowered by the
 * owner before it looks, so that one ring is enough for many answers), and of each thread a count
 * of its turns (BEAT), by which the owner knows that it lives, and of the indexes that it has left.
 * All words that both sides write or wait for are atomic; a ticket's other words are written before
 * END, or STATE, is, and read after it.
 * Bound: SEARCH_TICKETS searches under way.
 */
import { THREADS_MAX } from './thread-board.ts';

/** Searches under way for one owner; a power of two. */
export const SEARCH_TICKETS = 1024;

/** What a ticket is. */
export const TicketState = { Free: 0, Asked: 1, Answered: 2, Refused: 3 } as const;

const LINE = 16;
const END = 0;
const CLAIM = LINE;
const BELL = 2 * LINE;
const FAILED = 2 * LINE + 1;
const THREADS_AT = 3 * LINE;
const BEAT = 0;
const LEFT = 1;
const TICKETS_AT = THREADS_AT + THREADS_MAX * LINE;
const STATE = 0;
const COUNT = 7;
const WORDS = TICKETS_AT + SEARCH_TICKETS * LINE;
/** Bytes behind the words: what a thread died of, UTF-8, ended by a zero. */
const TEXT_BYTES = 512;

/** What is asked, without the query. */
export interface SearchAsked {
  /** Number of the index. */
  readonly index: number;
  /** The block, by its byte in the memory of the index. */
  readonly at: number;
  readonly k: number;
  readonly ef: number;
  /** Place in STRATEGIES. */
  readonly strategy: number;
  /** Words of the filter, -1 = none. */
  readonly filterWords: number;
}

/** Bytes of the block of a search. */
export function blockBytes(dimension: number, filterWords: number, k: number): number {
  return (dimension + Math.max(0, filterWords) + k) * 4;
}

export class SearchBoard {
  readonly buffer: SharedArrayBuffer;
  private readonly words: Int32Array;

  /** A new one, or another thread's view of one. */
  constructor(buffer = new SharedArrayBuffer(WORDS * 4 + TEXT_BYTES)) {
    this.buffer = buffer;
    this.words = new Int32Array(buffer, 0, WORDS);
  }

  // ------------------------------------------------------------------ the owner

  /** @returns the ticket; -1: all places are taken */
  ask(asked: SearchAsked): number {
    const { words } = this;
    const ticket = (words[END] ?? 0) & (SEARCH_TICKETS - 1);
    const at = TICKETS_AT + ticket * LINE;
    if (Atomics.load(words, at + STATE) !== TicketState.Free) return -1;
    words[at + 1] = asked.index;
    words[at + 2] = asked.at;
    words[at + 3] = asked.k;
    words[at + 4] = asked.ef;
    words[at + 5] = asked.strategy;
    words[at + 6] = asked.filterWords;
    Atomics.store(words, at + STATE, TicketState.Asked);
    Atomics.add(words, END, 1); // Publishes the ticket; pairs with the load in `claim`.
    return ticket;
  }
  stateOf(ticket: number): number {
    return Atomics.load(this.words, TICKETS_AT + ticket * LINE + STATE);
  }
  /** Answers that a thread has written. */
  countOf(ticket: number): number {
    return this.words[TICKETS_AT + ticket * LINE + COUNT] ?? 0;
  }
  free(ticket: number): void {
    Atomics.store(this.words, TICKETS_AT + ticket * LINE + STATE, TicketState.Free);
  }
  /** Whoever has news from here on rings again. */
  lowerBell(): void { Atomics.store(this.words, BELL, 0); }
  beatOf(thread: number): number {
    return Atomics.load(this.words, THREADS_AT + thread * LINE + BEAT);
  }
  /** Indexes that the thread has left, and will not touch again. */
  leftOf(thread: number): number {
    return Atomics.load(this.words, THREADS_AT + thread * LINE + LEFT);
  }
  get hasFailed(): boolean { return Atomics.load(this.words, FAILED) === 1; }
  get failureText(): string {
    const bytes = new Uint8Array(this.buffer, WORDS * 4).slice();
    const end = bytes.indexOf(0);
    return new TextDecoder().decode(bytes.subarray(0, end < 0 ? bytes.length : end));
  }

  // ------------------------------------------------------------------ a thread

  /** @returns a ticket that is this thread's now, -1 when none is asked */
  claim(): number {
    const { words } = this;
    let at = Atomics.load(words, CLAIM);
    while (at !== Atomics.load(words, END)) {
      const seen = Atomics.compareExchange(words, CLAIM, at, (at + 1) | 0);
      if (seen === at) return at & (SEARCH_TICKETS - 1);
      at = seen;
    }
    return -1;
  }
  get isAsked(): boolean {
    return Atomics.load(this.words, CLAIM) !== Atomics.load(this.words, END);
  }
  askedOf(ticket: number): SearchAsked {
    const { words } = this;
    const at = TICKETS_AT + ticket * LINE;
    return {
      index: words[at + 1] ?? 0, at: (words[at + 2] ?? 0) >>> 0, k: words[at + 3] ?? 0,
      ef: words[at + 4] ?? 0, strategy: words[at + 5] ?? 0, filterWords: words[at + 6] ?? 0,
    };
  }
  answer(ticket: number, count: number): void {
    const at = TICKETS_AT + ticket * LINE;
    this.words[at + COUNT] = count;
    Atomics.store(this.words, at + STATE, TicketState.Answered); // Pairs with `stateOf`.
  }
  refuse(ticket: number): void {
    Atomics.store(this.words, TICKETS_AT + ticket * LINE + STATE, TicketState.Refused);
  }
  /** @returns true for who has to ring: the owner does not know yet that there are news */
  raiseBell(): boolean { return Atomics.exchange(this.words, BELL, 1) === 0; }
  beat(thread: number): void { Atomics.add(this.words, THREADS_AT + thread * LINE + BEAT, 1); }
  noteLeft(thread: number): void { Atomics.add(this.words, THREADS_AT + thread * LINE + LEFT, 1); }
  /** The thread dies of this; nobody may use what it worked at. */
  fail(text: string): void {
    const bytes = new TextEncoder().encode(text).subarray(0, TEXT_BYTES - 1);
    new Uint8Array(this.buffer, WORDS * 4).set(bytes);
    Atomics.store(this.words, FAILED, 1);
  }
}
