/**
 * What a worker memory tells whoever can ask the system about its pages: that it has grown, and
 * that ranges lie free. The core knows no system calls; the server has an advisor by madvise, tests
 * have one that writes garbage.
 *
 * Rules: only pages of the arena are named, never the low region, whose pages an I/O engine may
 *   have pinned. A range that was given back holds undefined bytes until it is allocated again:
 *   zeroes where the system took the pages, what was there before where it did not. Nobody reads
 *   them, because a fresh block is undefined in any case (allocator.hot.ts).
 */

/** Called by the thread that owns the memory, between commands; must not throw. */
export interface MemoryAdvisor {
  /** Pages of bytes [fromByte, toByte) exist from now on; multiples of 4 KiB, ascending. */
  onGrow(fromByte: number, toByte: number): void;
  /**
   * Offers a free range to the system: the advisor may take the whole of it, or as much as whole
   * larger pages make of it. Both numbers are multiples of 4 KiB. Parts may be offered again.
   * @returns false when nothing of it was given back
   */
  giveBack(atByte: number, bytes: number): boolean;
}
