/**
 * The eras in which searches of one shared index began, and which of them threads have to mind. A
 * slot that is found must still be the same vector's when its owner reads it, so the era of the
 * oldest search is announced from before it is sent until its slots have been read
 * (assembly/removal.as.ts frees nothing of that era or later). The owner announces it for all
 * threads: one that dies blocks nothing, and nobody has to wait for an acknowledgement.
 * Cost: a word or two a search.
 */
import { HEADER_WORDS, READER_WORDS_FROM } from '../engine/layout.ts';
import type { Segment } from '../segment.ts';

export class SearchEras {
  private readonly segment: Segment;
  private readonly isAnnouncing: boolean;
  /** Era of each search that is under way, oldest first. */
  private readonly open = new Map<number, number>();

  /** @param isAnnouncing false for the litmus, which shows what goes wrong then */
  constructor(segment: Segment, isAnnouncing = true) {
    this.segment = segment;
    this.isAnnouncing = isAnnouncing;
  }

  /** Searches under way. */
  get count(): number { return this.open.size; }

  /** A search begins: what it will find stays what it is until `end`. */
  begin(number: number): void {
    this.open.set(number, this.announce());
  }

  /** Its slots have been read. */
  end(number: number): void {
    this.open.delete(number);
    if (!this.isAnnouncing) return;
    let oldest = 0;
    for (const era of this.open.values()) { oldest = era; break; }
    Atomics.store(this.segment.engine.i32, READER_WORDS_FROM, oldest);
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
}
