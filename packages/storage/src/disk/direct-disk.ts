/**
 * A Disk that works at once, in the caller's thread: for tools, tests and programs that may wait.
 * Completions are kept until they are drained, in the order of the submits.
 */
import { Completions } from './completions.ts';
import { tryPerform } from './disk.ts';
import type { CompletionListener, Disk, DiskOperation } from './disk.ts';
import type { Files } from './files.ts';

/** Does each operation in `submit`. */
export class DirectDisk implements Disk {
  readonly #files: Files;
  readonly #done = new Completions();

  constructor(files: Files) {
    this.#files = files;
  }

  submit(operation: DiskOperation, token: number): void {
    this.#done.add(token, tryPerform(this.#files, operation));
  }

  drain(listener: CompletionListener): number {
    return this.#done.drain(listener);
  }
}
