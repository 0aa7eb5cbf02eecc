/**
 * A dump on its way to a file: written beside the place where it will be, made durable, and only
 * then given its name. Whoever reads under that name finds a whole dump or what was there before.
 */
import {
  closeSync, existsSync, fsyncSync, ftruncateSync, openSync, renameSync, rmSync, writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { Fault } from '@kora/core/control';

export class DumpFile {
  readonly #path: string;
  readonly #partPath: string;
  readonly #file: number;
  #isOpen = true;
  readonly #onExit = (): void => {
    this.dispose();
  };

  /** @param mayReplace true: what is there is replaced at the end; false: it is refused here
   * @throws {Fault} `TRANSFER_FAILED` when no file can be made there */
  constructor(path: string, mayReplace: boolean) {
    this.#path = path;
    this.#partPath = `${path}.part-${process.pid}`;
    if (!mayReplace && existsSync(path)) {
      throw new Fault('TRANSFER_FAILED', `${path} exists; --force replaces it`);
    }
    try {
      this.#file = openSync(this.#partPath, 'wx', 0o600);
    } catch (cause) {
      throw writeFault(cause);
    }
    process.once('exit', this.#onExit);
  }

  /** Appends the bytes. @throws {Fault} `TRANSFER_FAILED`, such as for a full disk */
  write(bytes: Uint8Array): void {
    try {
      for (let done = 0; done < bytes.length;) {
        done += writeSync(this.#file, bytes, done);
      }
    } catch (cause) {
      throw writeFault(cause);
    }
  }

  /** Gives the file its name, durably. @param bytes its length; what is behind is cut off */
  finish(bytes: number): void {
    try {
      ftruncateSync(this.#file, bytes);
      fsyncSync(this.#file);
      this.#close();
      renameSync(this.#partPath, this.#path);
      syncDirectory(dirname(this.#path));
    } catch (cause) {
      throw writeFault(cause);
    }
  }

  /** Removes what was written, unless it is finished; also done when the process ends. */
  dispose(): void {
    if (!this.#isOpen) return;
    this.#close();
    rmSync(this.#partPath, { force: true });
  }

  #close(): void {
    this.#isOpen = false;
    process.off('exit', this.#onExit);
    closeSync(this.#file);
  }
}

function syncDirectory(path: string): void {
  if (process.platform === 'win32') return; // Directories cannot be opened there.
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

function writeFault(cause: unknown): Fault {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new Fault('TRANSFER_FAILED', `cannot write the dump: ${message}`, { cause });
}
