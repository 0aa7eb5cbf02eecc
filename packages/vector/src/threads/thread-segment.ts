/**
 * A shared index as one of its threads has it, and what the thread does to its graph, a piece at a
 * time: link a vector of the tail, or one slice of removals (some of those that were marked, a part
 * of a sweep if one is due, slots that no search can hold any more are free again). Removals have
 * the graph to themselves: one thread at a time, while none links.
 */
import { SWEEP_SLOTS } from '../limits.ts';
import type { CheckedOptions } from '../options.ts';
import { Segment } from '../segment.ts';
import type { ThreadBoard } from './thread-board.ts';

/** Deleted slots taken out in one turn: what other threads wait for that would link. */
const REMOVALS_PER_TURN = 8;

export class ThreadSegment {
  readonly segment: Segment;
  private readonly board: ThreadBoard;
  /** Of the gate when it looked last: behind a closed one the owner may have changed the layout. */
  private gateNumber: number;
  private isRemovalFirst = false;

  /** @throws VectorError MEMORY_LIMIT */
  constructor(options: CheckedOptions, memory: WebAssembly.Memory, board: ThreadBoard) {
    this.segment = Segment.beside(options, memory);
    this.board = board;
    this.gateNumber = board.gateNumber;
  }

  /** Sees what the owner has changed behind the closed gate, and memory that has been added. */
  refresh(): void {
    const { engine } = this.segment;
    const { gateNumber } = this.board;
    if (gateNumber !== this.gateNumber) {
      engine.calls.refresh();
      this.gateNumber = gateNumber;
    }
    engine.fit();
  }

  /** Links or removes, whichever was second the last time. @returns false: nothing to do */
  work(isSweepWanted: boolean): boolean {
    this.isRemovalFirst = !this.isRemovalFirst;
    return this.isRemovalFirst ? this.remove(isSweepWanted) || this.link()
      : this.link() || this.remove(isSweepWanted);
  }

  private link(): boolean {
    const { engine, options } = this.segment;
    return engine.calls.linkNext(options.efConstruction) === 1;
  }

  /** @returns false when there is nothing to do, or another thread is at it */
  private remove(isSweepWanted: boolean): boolean {
    const { segment } = this;
    const { calls } = segment.engine;
    const isSweepDue = segment.isSweepDue || (isSweepWanted && segment.deadCount > 0);
    if (!isSweepDue && segment.goneCount === 0 && calls.aloneCount() === 0) return false;
    if (calls.beginRemoval() === 0) return false;
    calls.removeGone(REMOVALS_PER_TURN);
    if (isSweepDue) calls.sweep(SWEEP_SLOTS);
    calls.reclaim();
    calls.endRemoval();
    // Who would have linked meanwhile may sleep.
    this.board.wake();
    return true;
  }
}
