/**
 * Second descriptors of files, for writes past the system's cache (O_DIRECT): what nobody reads
 * soon need not be copied into pages that push others out. Made when first asked for; a file system
 * that cannot do it says so when it is opened, or at the first write, and then the file is written
 * through the cache, as what is no whole block always is. Linux keeps both views of a file alike.
 * Cost: a descriptor for each file that is written directly.
 */
import { DiskFault } from '../errors.ts';
import type { Files } from './files.ts';
import { OpenMode } from './files.ts';

interface Opened {
  readonly path: string;
  /** -1: not made so far; null: cannot be had. */
  twin: number | null;
}

/** The second descriptors of the files of one disk. */
export class DirectTwins {
  readonly #files: Files;
  readonly #opened = new Map<number, Opened>();

  constructor(files: Files) {
    this.#files = files;
  }

  /** A file was opened under this number. */
  opened(file: number, path: string): void {
    this.#opened.set(file, { path, twin: -1 });
  }

  /** The number to write the file directly with; -1 where that is not possible. */
  of(file: number): number {
    const opened = this.#opened.get(file);
    if (opened === undefined) return -1;
    if (opened.twin === -1) opened.twin = this.#open(opened.path);
    return opened.twin ?? -1;
  }

  /** A direct write of the file was refused as such. */
  refused(file: number): void {
    const opened = this.#opened.get(file);
    if (opened === undefined) return;
    this.#close(opened);
    opened.twin = null;
  }

  /** The file is closed. */
  closed(file: number): void {
    const opened = this.#opened.get(file);
    if (opened === undefined) return;
    this.#close(opened);
    this.#opened.delete(file);
  }

  #open(path: string): number | null {
    try {
      return this.#files.open(path, OpenMode.Direct);
    } catch (error) {
      if (!(error instanceof DiskFault)) throw error;
      return null;
    }
  }

  #close({ twin }: Opened): void {
    if (twin === null || twin === -1) return;
    try {
      this.#files.close(twin);
    } catch (error) {
      // What was written was told by its completion; nothing hangs on this descriptor.
      if (!(error instanceof DiskFault)) throw error;
    }
  }
}
