/**
 * Copies one bulk reply into the caller's array: nothing is allocated, so hot loops can read values
 * without work for the collector. What is no bulk string goes the way of every reply.
 */
import { ValueSink } from './value-sink.ts';

const NO_TARGET = new Uint8Array(0);

export class IntoSink extends ValueSink {
  /** Bytes of the value; -1 when there was none. */
  bytes = -1;
  /** False when the value did not fit; nothing was copied then. */
  isFitting = true;
  #target: Uint8Array = NO_TARGET;
  #offset = 0;

  /** The next bulk goes to `target` from `offset` on. */
  aim(target: Uint8Array, offset: number): void {
    this.#target = target;
    this.#offset = offset;
    this.bytes = -1;
    this.isFitting = true;
  }

  /** Lets go of the caller's array. */
  lower(): void {
    this.#target = NO_TARGET;
  }

  override bulk(at: number, bytes: number): void {
    this.bulkStart(bytes);
    this.bulkPiece(at, bytes);
  }

  override bulkStart(bytes: number): void {
    this.bytes = bytes;
    this.isFitting = this.#offset + bytes <= this.#target.length;
  }

  override bulkPiece(at: number, bytes: number): void {
    if (!this.isFitting) return;
    this.window.copyInto(at, bytes, this.#target, this.#offset);
    this.#offset += bytes;
  }

  override bulkEnd(): void {
    return;
  }
}
