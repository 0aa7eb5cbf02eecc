/**
 * A Disk that works at once, in the caller's thread: for tools, tests and programs that may wait.
 * Completions are kept until they are drained, in the order of the submits.
 */
import { DiskFault } from '../errors.ts';
import { perform } from './disk.ts';
import type { CompletionListener, Disk, DiskOperation } from './disk.ts';
import type { Files } from './files.ts';

/** Does each operation in `submit`. */
export class DirectDisk implements Disk {
  readonly #files: Files;
  readonly #tokens: number[] = [];
  readonly #results: number[] = [];

  constructor(files: Files) {
    this.#files = files;
  }

  submit(operation: DiskOperation, token: number): void {
    let result: number;
    try {
      result = perform(this.#files, operation);
    } catch (error) {
      if (!(error instanceof DiskFault)) throw error;
      result = -error.errno;
    }
    this.#tokens.push(token);
    this.#results.push(result);
  }

  drain(listener: CompletionListener): number {
    let count = 0;
    // The listener may submit: only what was there at the start is told in this round.
    for (let left = this.#tokens.length; left > 0; left--) {
      const token = this.#tokens.shift();
      const result = this.#results.shift();
      if (token === undefined || result === undefined) break;
      listener(token, result);
      count++;
    }
    return count;
  }
}
