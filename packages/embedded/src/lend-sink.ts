/**
 * Notes where one bulk reply lies instead of copying it, for `with`. A value in pieces (64 KiB and
 * more) has no one place and is copied. The place stays right until the next change; the engine
 * lets none happen while the bytes are lent.
 */
import { BulkForm } from './open-values.ts';
import { ValueSink } from './value-sink.ts';

export class LendSink extends ValueSink {
  #at = 0;
  #bytes = -1;

  /** Forgets the last value. */
  aim(): void {
    this.#bytes = -1;
    this.begin(BulkForm.Bytes);
  }

  /** The value's bytes: a view of the engine's memory, or a copy; null when there was none. */
  view(): Uint8Array | null {
    if (this.#bytes >= 0) return new Uint8Array(this.memory.memory.buffer, this.#at, this.#bytes);
    const value = this.take();
    return value instanceof Uint8Array ? value : null;
  }

  override bulk(at: number, bytes: number): void {
    this.#at = at;
    this.#bytes = bytes;
  }
}
