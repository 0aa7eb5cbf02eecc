/**
 * An advisor for tests that gives back what it is offered by the worst that can happen to it: every
 * byte becomes 0xDB. So a byte that was still used shows, and so does code that expects zeroes of
 * fresh blocks. It also proves from the page map that each range lies inside one free run, behind
 * the page with the run's links, or above the top.
 */
import { assert } from '../assert.ts';
import type { MemoryAdvisor } from '../structs/memory-advisor.ts';
import { PAGE_BYTES } from '../structs/memory-layout.ts';
import type { WorkerMemory } from '../structs/worker-memory.ts';

/** A range that was offered, in pages. */
export interface Offer {
  readonly page: number;
  readonly pages: number;
}

const KIND_FREE = 3;
const KIND_LARGE = 2;
const PAGE_MASK = 0xfffff;
const GARBAGE_WORD = 0xdbdbdbdb | 0;

export class GarbageAdvisor implements MemoryAdvisor {
  /** All offers so far, the oldest first. */
  readonly offers: Offer[] = [];
  /** One past the last byte that onGrow named. */
  grownToByte: number;
  readonly #memory: WorkerMemory;

  /** Attaches itself. */
  constructor(memory: WorkerMemory) {
    this.#memory = memory;
    this.grownToByte = memory.arenaFirstPage * PAGE_BYTES;
    memory.attachAdvisor(this);
  }

  onGrow(fromByte: number, toByte: number): void {
    assert(fromByte === this.grownToByte, 'growth is told without a gap');
    assert(toByte > fromByte && toByte % PAGE_BYTES === 0, 'growth is whole pages');
    this.grownToByte = toByte;
  }

  giveBack(atByte: number, bytes: number): boolean {
    assert(atByte % PAGE_BYTES === 0 && bytes % PAGE_BYTES === 0, 'an offer is whole pages');
    const page = atByte / PAGE_BYTES;
    const end = page + bytes / PAGE_BYTES;
    assert(end > page, 'an offer has a page');
    assert(end <= this.#memory.pages, 'an offer lies in the memory');
    assert(this.#isFree(page, end), `pages ${page} to ${end} are free`);
    this.#memory.i32.fill(GARBAGE_WORD, atByte / 4, (end * PAGE_BYTES) / 4);
    this.offers.push({ page, pages: end - page });
    return true;
  }

  /** Pages offered so far; what was offered twice counts twice. */
  offeredPages(): number {
    return this.offers.reduce((sum, { pages }) => sum + pages, 0);
  }

  #isFree(page: number, end: number): boolean {
    const { arenaAllocator, arenaFirstPage, i32, pageMapWord } = this.#memory;
    const { topPage } = arenaAllocator.runs;
    if (page >= topPage) return true;
    for (let at = arenaFirstPage; at < topPage;) {
      const mapped = i32[pageMapWord + at] ?? 0;
      const kind = mapped >>> 30;
      // Every page of a slab names it; a run says its length in its first page.
      const length = kind === KIND_FREE || kind === KIND_LARGE ? mapped & PAGE_MASK : 1;
      if (kind === KIND_FREE && at < page && end <= at + length) return true;
      at += length;
    }
    return false;
  }
}
