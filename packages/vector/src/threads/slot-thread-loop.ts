/**
 * What a thread of several indexes does until it is told to stop: answer searches, link what waits
 * in the tails, take out what was deleted, sweep. One piece of work at a time; where there are both
 * searches and vectors to link it does them in turns, so that neither waits for ever. With nothing
 * to do it sleeps; it never returns to its event loop and takes its orders by hand.
 *   asleep --wake--> at the gate --open--> one piece of work --> at the gate --nothing--> asleep
 */
import type { MessagePort } from 'node:worker_threads';
import { receiveMessageOnPort } from 'node:worker_threads';
import { Bitmap } from '../attributes/bitmap.ts';
import { searchSegment } from '../segment-search.ts';
import { VectorError } from '../vector-error.ts';
import { SearchBoard } from './search-board.ts';
import type { SearchAsked } from './search-board.ts';
import { STRATEGIES } from './slot-thread-messages.ts';
import type { SlotThreadOrder, SlotThreadPlan } from './slot-thread-messages.ts';
import { ThreadBoard } from './thread-board.ts';
import { ThreadSegment } from './thread-segment.ts';

export class SlotThreadLoop {
  private readonly board: ThreadBoard;
  private readonly searches: SearchBoard;
  private readonly thread: number;
  private readonly port: MessagePort;
  private readonly ring: () => void;
  private readonly indexes = new Map<number, ThreadSegment>();
  /** The same, to be gone through in turns. */
  private list: ThreadSegment[] = [];
  private next = 0;
  private takenCount = 0;
  private isSearchFirst = true;

  constructor(plan: SlotThreadPlan, port: MessagePort, ring: () => void) {
    this.board = new ThreadBoard(plan.board);
    this.searches = new SearchBoard(plan.searches);
    this.thread = plan.thread;
    this.port = port;
    this.ring = ring;
  }

  /** Works until it is told to stop. */
  run(): void {
    const { board, searches, thread } = this;
    for (;;) {
      const wakeNumber = board.wakeNumber;
      if (board.isStopping) break;
      searches.beat(thread);
      this.takeOrders();
      if (!board.enter(thread)) {
        this.tell();
        board.waitAtGate();
        continue;
      }
      const hasWorked = this.step();
      board.leave(thread);
      if (!hasWorked && !board.isGateClosed) board.sleep(wakeNumber);
    }
  }

  /** Has the owner look. */
  private tell(): void { if (this.searches.raiseBell()) this.ring(); }

  private takeOrders(): void {
    while (this.board.postedCount(this.thread) !== this.takenCount) {
      const received = receiveMessageOnPort(this.port);
      if (received === undefined) return;
      this.takenCount = (this.takenCount + 1) | 0;
      // The byte boundary: the owner sends nothing else.
      const order = received.message as SlotThreadOrder;
      if (order.kind === 'open') this.open(order);
      else this.close(order.index);
    }
  }

  /** @throws VectorError MEMORY_LIMIT: nobody else would do what this thread cannot */
  private open({ index, options, memory }: SlotThreadOrder & { readonly kind: 'open' }): void {
    this.indexes.set(index, new ThreadSegment(options, memory, this.board));
    this.list = [...this.indexes.values()];
  }

  private close(index: number): void {
    this.indexes.delete(index);
    this.list = [...this.indexes.values()];
    this.searches.noteLeft(this.thread);
    this.tell();
  }

  private step(): boolean {
    this.isSearchFirst = !this.isSearchFirst;
    return this.isSearchFirst ? this.search() || this.build() : this.build() || this.search();
  }

  /** Links or removes something of one index; of all in turns. */
  private build(): boolean {
    const { list } = this;
    for (let i = 0; i < list.length; i++) {
      this.next = (this.next + 1) % list.length;
      const shared = list[this.next];
      if (shared !== undefined && this.buildOne(shared)) return true;
    }
    return false;
  }

  private buildOne(shared: ThreadSegment): boolean {
    const { board } = this;
    const { segment } = shared;
    shared.refresh();
    const hasWorked = shared.work(false);
    // The owner lets go on whoever waits for room in the tail, or in the ring of what is gone.
    const backlog = Math.max(segment.tailCount, segment.goneCount);
    if (hasWorked && board.isNewsWanted && board.takeAsk(backlog)) this.tell();
    return hasWorked;
  }

  private search(): boolean {
    const { searches } = this;
    const ticket = searches.claim();
    if (ticket < 0) return false;
    const asked = searches.askedOf(ticket);
    // It may be of an index that was opened since orders were taken.
    if (!this.indexes.has(asked.index)) this.takeOrders();
    const shared = this.indexes.get(asked.index);
    const count = shared === undefined ? -1 : this.answer(shared, asked);
    if (count < 0) searches.refuse(ticket);
    else searches.answer(ticket, count);
    this.tell();
    return true;
  }

  /** Writes slots into the block. @returns how many, -1: there is no such search, or no memory */
  private answer(shared: ThreadSegment, asked: SearchAsked): number {
    const { segment } = shared;
    const { at, k, ef, strategy, filterWords } = asked;
    shared.refresh();
    const { engine, options: { dimension } } = segment;
    const word = at / 4;
    const filterAt = word + dimension;
    const filter = filterWords < 0 ? undefined
      : Bitmap.of(new Uint32Array(engine.i32.slice(filterAt, filterAt + filterWords).buffer));
    try {
      segment.setQuery(engine.f32.slice(word, filterAt));
      const hits = searchSegment(segment, {
        k, ef, isExact: false, filter, strategy: STRATEGIES[strategy] ?? 'auto',
      });
      const answersAt = filterAt + Math.max(0, filterWords);
      for (const [i, { slot }] of hits.entries()) engine.i32[answersAt + i] = slot;
      return hits.length;
    } catch (error) {
      if (error instanceof VectorError) return -1;
      throw error;
    }
  }
}
