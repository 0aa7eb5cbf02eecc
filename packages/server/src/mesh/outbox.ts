/**
 * What a worker has to tell a peer and finds no room for: a queue, oldest first. Bytes stay in the
 * chunk of low memory they were written to, which is pinned meanwhile.
 * Bound: no request of the peer is taken while it holds something (MeshPort), so it holds the rest
 * of one reply and the short words that answer what the peer had sent before.
 */
import type { ReplyChunk } from '../reply-chunks.ts';

/** Whose chunk it is: hears when it is pinned no longer. */
export interface ChunkHolder {
  unpin(chunk: ReplyChunk): void;
}

/** A message, or the rest of a reply that becomes several. */
export interface Waiting {
  readonly kind: number;
  readonly a: number;
  readonly b: number;
  /** The third word; of a reply that of its last message. */
  readonly c: number;
  readonly chunk: ReplyChunk | null;
  readonly holder: ChunkHolder | null;
  readonly at: number;
  readonly bytes: number;
}

export class Outbox {
  #waiting: Waiting[] = [];
  #from = 0;
  /** Bytes that wait. */
  bytes = 0;

  get isEmpty(): boolean {
    return this.#from === this.#waiting.length;
  }

  get first(): Waiting | undefined {
    return this.#waiting[this.#from];
  }

  get last(): Waiting | undefined {
    return this.isEmpty ? undefined : this.#waiting.at(-1);
  }

  add(waiting: Waiting): void {
    this.#waiting.push(waiting);
    this.bytes += waitingBytes(waiting);
  }

  /** The oldest has gone. */
  shift(): void {
    const { first } = this;
    if (first !== undefined) this.bytes -= waitingBytes(first);
    this.#from++;
    if (this.#from < this.#waiting.length) return;
    this.#waiting = [];
    this.#from = 0;
  }

  /** So many bytes of the oldest have gone. */
  shorten(bytes: number): void {
    const { first } = this;
    if (first === undefined) return;
    this.bytes -= bytes;
    this.#waiting[this.#from] = { ...first, at: first.at + bytes, bytes: first.bytes - bytes };
  }
}

/** Words carry an address and a length of something else where they have no chunk. */
function waitingBytes({ chunk, bytes }: Waiting): number {
  return chunk === null ? 0 : bytes;
}
