/**
 * Tells the system about the arena's pages, by madvise through koffi: huge pages for what grows
 * (fewer TLB misses: random gets get faster), and ranges that lie free to take back. Works beside
 * every I/O engine, also `node`: it only needs koffi and Linux.
 *
 *   arena      | ...:====2 MiB====:====2 MiB====:.. |      : multiples of 2 MiB of the address
 *   huge pages        advised as soon as they exist whole, none twice
 *   give back  rounded inwards: to 64 KiB, with huge pages to 2 MiB
 *
 * Why inwards: madvise rounds a length up to the system's page, 64 KiB on some machines, so
 *   4 KiB would take bytes that are used. With huge pages, giving back a part of one splits it,
 *   and the kernel's collapsing thread would fill the hole again; whole ones stay away.
 * Invariants: only addresses of the arena are named; a refused call changes nothing.
 */
import type { MemoryAdvisor, WorkerMemory } from '@kora/core';
import type { Address, Libc } from './libc.ts';
import { loadLibc, nativeMemory } from './libc.ts';

/** What may be asked for. */
export const MEMORY_ADVICES = Object.freeze(['off', 'huge-pages', 'give-back', 'all'] as const);
export type MemoryAdvice = (typeof MEMORY_ADVICES)[number];

const MADV_DONTNEED = 4;
const MADV_HUGEPAGE = 14;
const HUGE_PAGE_BYTES = 2 * 1024 * 1024;
/** The largest page of the system that Linux runs Node with. */
const SYSTEM_PAGE_BYTES_MAX = 65_536;

/** An advisor by madvise. Owner: the thread of the memory. */
export class MadviseAdvisor implements MemoryAdvisor {
  /** Calls that the system refused. */
  refusals = 0;
  /** Bytes for which huge pages were asked. */
  hugeBytes = 0;
  readonly #libc: Pick<Libc, 'madvise'>;
  readonly #base: Address;
  readonly #wantsHugePages: boolean;
  readonly #givesBack: boolean;
  /** Huge pages were asked for below this address; 0 before the first growth. */
  #advisedEnd: Address = 0;

  /** @param base address of byte 0 of the memory */
  constructor(libc: Pick<Libc, 'madvise'>, base: Address, advice: MemoryAdvice) {
    this.#libc = libc;
    this.#base = base;
    this.#wantsHugePages = advice === 'huge-pages' || advice === 'all';
    this.#givesBack = advice === 'give-back' || advice === 'all';
  }

  onGrow(fromByte: number, toByte: number): void {
    if (!this.#wantsHugePages) return;
    if (this.#advisedEnd === 0) {
      this.#advisedEnd = roundUp(this.#base + fromByte, HUGE_PAGE_BYTES);
    }
    // From where the last call ended: a huge page that the last growth began is whole only now.
    const from = this.#advisedEnd;
    const end = roundDown(this.#base + toByte, HUGE_PAGE_BYTES);
    if (end <= from) return;
    if (this.#libc.madvise(from, end - from, MADV_HUGEPAGE) === 0) this.hugeBytes += end - from;
    else this.refusals++;
    this.#advisedEnd = end;
  }

  giveBack(atByte: number, bytes: number): boolean {
    if (!this.#givesBack) return false;
    const granule = this.#wantsHugePages ? HUGE_PAGE_BYTES : SYSTEM_PAGE_BYTES_MAX;
    const from = roundUp(this.#base + atByte, granule);
    const end = roundDown(this.#base + atByte + bytes, granule);
    if (end <= from) return false;
    if (this.#libc.madvise(from, end - from, MADV_DONTNEED) === 0) return true;
    this.refusals++;
    return false;
  }
}

/**
 * An advisor for this memory, to be attached by the caller.
 * @returns why it cannot be had, on one line, where koffi or the system's part is missing
 */
export function openMemoryAdvisor(
  advice: Exclude<MemoryAdvice, 'off'>, memory: WorkerMemory,
): MadviseAdvisor | string {
  const libc = loadLibc();
  if (typeof libc === 'string') return libc;
  const native = nativeMemory(memory);
  if (typeof native === 'string') return native;
  // Advice about no bytes shows whether the kernel knows the word.
  if (advice !== 'give-back' && libc.madvise(0, 0, MADV_HUGEPAGE) !== 0) {
    return `the kernel has no transparent huge pages (errno ${libc.errno()})`;
  }
  return new MadviseAdvisor(libc, native.base, advice);
}

function roundUp(address: Address, granule: number): Address {
  return Math.ceil(address / granule) * granule;
}

function roundDown(address: Address, granule: number): Address {
  return Math.floor(address / granule) * granule;
}
