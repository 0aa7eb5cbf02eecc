/**
 * A thread for the files of one shard, where the I/O engine has no operations for them (epoll): it
 * writes and syncs in the order it is asked, and ends the wait of the shard's thread when it is
 * done. One for each shard: a process has few, and none waits for another's disk.
 * Cost: a thread; a wake-up of each side for an operation.
 */
import { Worker } from 'node:worker_threads';
import { assert } from '@kora/core';
import type { WorkerMemory } from '@kora/core';
import type { FilePort } from '@kora/storage/engine';
import type { Bell } from '../io/engine.ts';
import { FILE_SLOTS, FileKind, FileThreadWords } from './file-thread-words.ts';

/** What ends the wait of the shard's thread: an eventfd, -1 = none, or a word. */
export type FileWake = number | Bell;

/** The thread's `workerData`. */
export interface FileThreadPlan {
  readonly words: SharedArrayBuffer;
  readonly memory: WebAssembly.Memory;
  readonly lowBytes: number;
  /** An eventfd of its own, or a word. */
  readonly wake: FileWake;
}

/** How long one look for the end of an operation waits, and how many there are at the end. */
const IDLE_WAIT_MS = 100;
const IDLE_LOOKS_MAX = 100;
const PROGRAM = new URL('../../dist/store/file-thread-start.js', import.meta.url);

export class FileThread implements FilePort {
  readonly #words = new FileThreadWords();
  /** Tickets before this one have been taken. */
  #taken = 0;

  /** @param wake an eventfd is the thread's from here on */
  constructor({ memory, low }: WorkerMemory, wake: FileWake) {
    const plan: FileThreadPlan = {
      words: this.#words.buffer, memory, lowBytes: low.length, wake,
    };
    const thread = new Worker(PROGRAM, { workerData: plan, execArgv: [], name: 'kora files' });
    thread.unref();
  }

  write(
    token: number, file: number, at: number, bytes: number, position: number, isDurable: boolean,
  ): void {
    const kind = isDurable ? FileKind.WriteDurable : FileKind.Write;
    this.#submit({ kind, file, at, bytes, position, token });
  }

  sync(token: number, file: number): void {
    this.#submit({ kind: FileKind.Sync, file, at: 0, bytes: 0, position: 0, token });
  }

  #submit(operation: Parameters<FileThreadWords['submit']>[0]): void {
    const underWay = (this.#words.submitted - this.#taken) | 0;
    assert(underWay < FILE_SLOTS, 'operations on files under way are bounded');
    this.#words.submit(operation);
  }

  /** Gives what is done. */
  drain(listener: (token: number, result: number) => void): void {
    const { done } = this.#words;
    while (this.#taken !== done) {
      const { token, result } = this.#words.resultOf(this.#taken);
      this.#taken = (this.#taken + 1) | 0;
      listener(token, result);
    }
  }

  /** Blocks until nothing is under way, or the disk has taken far too long. */
  waitUntilIdle(): void {
    for (let look = 0; look < IDLE_LOOKS_MAX; look++) {
      const { done, submitted } = this.#words;
      if (done === submitted) return;
      this.#words.waitForMore(done, IDLE_WAIT_MS);
    }
  }

  /** The thread ends when it has done what it was asked. */
  end(): void {
    this.#words.end();
  }
}
