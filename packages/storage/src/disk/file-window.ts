/**
 * A window that slides over a file: whole ranges in one array, however large the file is. Holds up
 * to two read sizes, reads one at a time.
 */
import { assert } from '@kora/core/control';
import { READ_BYTES } from '../limits.ts';
import type { Files } from './files.ts';

/** Sequential reading of an open file, with small steps back. */
export class FileWindow {
  readonly bytes: Uint8Array;
  /** Length of the file when the window was made; what is appended later is not seen. */
  readonly fileBytes: number;
  readonly #files: Files;
  readonly #file: number;
  #start = 0;
  #end = 0;

  constructor(files: Files, file: number) {
    this.#files = files;
    this.#file = file;
    this.fileBytes = files.size(file);
    this.bytes = new Uint8Array(Math.min(2 * READ_BYTES, this.fileBytes));
  }

  /**
   * Brings [position, position + length) of the file into `bytes`.
   * @param length at most READ_BYTES
   * @returns the index of `position` in `bytes`; valid until the next call
   */
  at(position: number, length: number): number {
    assert(length <= READ_BYTES, 'a range fits the window');
    const wanted = Math.min(length, Math.max(0, this.fileBytes - position));
    if (position >= this.#start && position + wanted <= this.#end) return position - this.#start;
    const isBehind = position >= this.#start && position < this.#end;
    const kept = isBehind ? this.#end - position : 0;
    if (isBehind) this.bytes.copyWithin(0, position - this.#start, this.#end - this.#start);
    this.#start = position;
    this.#end = position + kept;
    const toRead = Math.min(this.bytes.length - kept, Math.max(0, this.fileBytes - this.#end));
    this.#end += this.#files.read(this.#file, this.bytes, kept, toRead, this.#end);
    return 0;
  }

  /** Bytes of the file from `position` on that lie in `bytes` after `at`. */
  availableAt(position: number): number {
    return Math.max(0, this.#end - position);
  }
}
