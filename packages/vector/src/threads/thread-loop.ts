/**
 * What a thread of a shared index does, until it is told to stop: answer searches, link what waits
 * in the tail, take out what was deleted, sweep. One piece of work at a time, a search before
 * anything else, so a search waits for one link or one slice of removals at most. With nothing to
 * do it sleeps; it never returns to its event loop meanwhile and takes its messages by hand.
 *   asleep --wake--> at the gate --open--> one piece of work --> at the gate --nothing--> asleep
 */
import type { MessagePort } from 'node:worker_threads';
import { receiveMessageOnPort } from 'node:worker_threads';
import { Bitmap } from '../attributes/bitmap.ts';
import { searchSegment } from '../segment-search.ts';
import type { SlotHit } from '../segment-search.ts';
import { VectorError } from '../vector-error.ts';
import { ThreadBoard } from './thread-board.ts';
import type { SearchRequest, ThreadMessage, ThreadPlan } from './thread-messages.ts';
import { ThreadSegment } from './thread-segment.ts';

export class ThreadLoop {
  private readonly board: ThreadBoard;
  private readonly shared: ThreadSegment;
  private readonly thread: number;
  private readonly port: MessagePort;
  private takenCount = 0;

  /** @throws VectorError MEMORY_LIMIT */
  constructor(plan: ThreadPlan, port: MessagePort) {
    this.board = new ThreadBoard(plan.board);
    this.shared = new ThreadSegment(plan.options, plan.memory, this.board);
    this.thread = plan.thread;
    this.port = port;
    if (plan.isTailLate) this.shared.segment.engine.calls.setLate(1);
  }

  /** Works until it is told to stop. */
  run(): void {
    const { board, thread } = this;
    this.say({ kind: 'ready' });
    for (;;) {
      const wakeNumber = board.wakeNumber;
      if (board.isStopping) break;
      if (!board.enter(thread)) {
        this.say({ kind: 'news' });
        board.waitAtGate();
        continue;
      }
      this.shared.refresh();
      const hasWorked = this.step();
      board.leave(thread);
      if (board.isGateClosed) continue;
      if (board.isNewsWanted && board.takeAsk(this.backlog())) this.say({ kind: 'news' });
      if (!hasWorked) board.sleep(wakeNumber);
    }
    this.shared.segment.engine.calls.detach();
  }

  private say(message: ThreadMessage): void { this.port.postMessage(message); }

  private step(): boolean {
    return this.search() || this.shared.work(this.board.isSweepWanted);
  }

  /** Pieces of work that are left, about. */
  private backlog(): number {
    const { shared: { segment }, board } = this;
    const isSweeping = segment.isSweeping || (board.isSweepWanted && segment.deadCount > 0);
    return segment.tailCount + segment.goneCount + (isSweeping ? 1 : 0);
  }

  private search(): boolean {
    if (this.board.postedCount(this.thread) === this.takenCount) return false;
    const received = receiveMessageOnPort(this.port);
    if (received === undefined) return false;
    this.takenCount = (this.takenCount + 1) | 0;
    // The byte boundary: the owner sends nothing else.
    const request = received.message as SearchRequest;
    const { number } = request;
    try {
      this.say({ kind: 'answer', number, hits: this.answer(request) });
    } catch (error) {
      if (!(error instanceof VectorError)) throw error;
      this.say({ kind: 'refusal', number, code: error.code, message: error.message });
    }
    return true;
  }

  private answer(request: SearchRequest): SlotHit[][] {
    const { segment } = this.shared;
    const { dimension } = segment.options;
    const { queries, filter } = request;
    const bitmap = filter === undefined ? undefined : Bitmap.of(filter);
    const answers: SlotHit[][] = [];
    for (let at = 0; at < queries.length; at += dimension) {
      segment.engine.fit();
      segment.setQuery(queries.subarray(at, at + dimension));
      answers.push(searchSegment(segment, { ...request, filter: bitmap }));
    }
    return answers;
  }
}
