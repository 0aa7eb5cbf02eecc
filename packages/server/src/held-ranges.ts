/**
 * Ranges of replies that the engine holds for one session, oldest first: a ring of three columns,
 * so that neither holding a range nor letting go of it allocates. A range lies in a reply chunk, or
 * in the pieces of a rope whose value is sent from where it is.
 *
 *   chunk | rope root, 0 = a chunk's | bytes        at (head + i) & mask, i < count
 *
 * Bound: HELD_RANGES_MAX for one session; who needs more is cut. Rings go round in a pool: a
 * session has one only while two or more of its ranges are held (session.ts keeps the first).
 */
import { assert } from '@kora/core';
import type { ReplyChunk } from './reply-chunks.ts';

/** Ranges that one session may have on their way: the longest value, in single pieces, and more. */
export const HELD_RANGES_MAX = 65_536;

/** Places of a fresh ring, and most of one that is kept for reuse; powers of two. */
const RING_PLACES_MIN = 16;
const RING_PLACES_KEPT_MAX = 1024;
/** Rings kept for reuse. */
const SPARE_RINGS_MAX = 64;

export class HeldRanges {
  count = 0;
  /** Chunk of the range taken last, null when it lay in a rope. */
  chunk: ReplyChunk | null = null;
  /** Rope of the range taken last, 0 when it lay in a chunk. */
  root = 0;
  /** Bytes of the range taken last. */
  bytes = 0;
  #head = 0;
  #chunks: (ReplyChunk | null)[] = new Array<ReplyChunk | null>(RING_PLACES_MIN).fill(null);
  #roots = new Int32Array(RING_PLACES_MIN);
  #bytes = new Int32Array(RING_PLACES_MIN);

  /** Ranges it can hold without growing. */
  get places(): number {
    return this.#roots.length;
  }

  push(chunk: ReplyChunk | null, root: number, bytes: number): void {
    if (this.count === this.#roots.length) this.#grow();
    const place = (this.#head + this.count) & (this.#roots.length - 1);
    this.#chunks[place] = chunk;
    this.#roots[place] = root;
    this.#bytes[place] = bytes;
    this.count++;
  }

  /** Takes the oldest range out, into `chunk`, `root` and `bytes`. */
  take(): void {
    assert(this.count > 0, 'a ring that is asked holds a range');
    const head = this.#head;
    this.chunk = this.#chunks[head] ?? null;
    this.root = this.#roots[head] ?? 0;
    this.bytes = this.#bytes[head] ?? 0;
    this.#chunks[head] = null;
    this.#head = (head + 1) & (this.#roots.length - 1);
    this.count--;
  }

  #grow(): void {
    const places = this.#roots.length;
    const chunks = new Array<ReplyChunk | null>(places * 2).fill(null);
    const roots = new Int32Array(places * 2);
    const bytes = new Int32Array(places * 2);
    for (let i = 0; i < this.count; i++) {
      const from = (this.#head + i) & (places - 1);
      chunks[i] = this.#chunks[from] ?? null;
      roots[i] = this.#roots[from] ?? 0;
      bytes[i] = this.#bytes[from] ?? 0;
    }
    this.#chunks = chunks;
    this.#roots = roots;
    this.#bytes = bytes;
    this.#head = 0;
  }
}

/** Empty rings of one worker. */
export class HeldRangesPool {
  readonly #spares: HeldRanges[] = [];

  /** An empty ring. */
  take(): HeldRanges {
    return this.#spares.pop() ?? new HeldRanges();
  }

  /** Takes an empty ring back; one that grew long is left to the collector. */
  give(ring: HeldRanges): void {
    assert(ring.count === 0, 'a ring that is given back is empty');
    ring.chunk = null;
    if (ring.places > RING_PLACES_KEPT_MAX || this.#spares.length >= SPARE_RINGS_MAX) return;
    this.#spares.push(ring);
  }
}
