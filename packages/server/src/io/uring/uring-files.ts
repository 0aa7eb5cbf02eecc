/**
 * Writes and syncs of files as submissions of the engine's ring: they leave with the system call of
 * the turn and never wait on the thread. For the log; see FileOperations.
 */
import { assert } from '@kora/core';
import type { FileOperations } from '../engine.ts';
import { FILE_TOKEN_MAX } from '../engine.ts';
import type { NativeMemory } from '../native/libc.ts';
import type { Ring } from './ring.hot.ts';
import { FSYNC_DATASYNC, OP_FSYNC, OP_WRITE, WRITE_DSYNC } from './uring-constants.ts';
import type { UringLoop } from './uring-loop.hot.ts';
import { KIND_BITS, KIND_FILE } from './uring-loop-parts.ts';

export class UringFiles implements FileOperations {
  readonly #ring: Ring;
  readonly #loop: UringLoop;
  readonly #native: NativeMemory;
  #isClosed = false;

  constructor(ring: Ring, loop: UringLoop, native: NativeMemory) {
    this.#ring = ring;
    this.#loop = loop;
    this.#native = native;
  }

  /** The engine has stopped: its queues are not there any more. */
  close(): void {
    this.#isClosed = true;
  }

  write(
    token: number, descriptor: number, at: number, bytes: number, offset: number,
    isDurable: boolean,
  ): void {
    assert(!this.#isClosed, 'files are used before the engine stops');
    assert(token >= 0 && token <= FILE_TOKEN_MAX, 'a token fits the user data');
    const user = (token << KIND_BITS) | KIND_FILE;
    const address = this.#native.addressOf(at);
    const flags = isDurable ? WRITE_DSYNC : 0;
    this.#ring.submit(OP_WRITE, 0, 0, descriptor, address, bytes, flags, user, 0);
    this.#ring.setOffset(offset);
    this.#loop.noteOperation();
  }

  sync(token: number, descriptor: number): void {
    assert(!this.#isClosed, 'files are used before the engine stops');
    assert(token >= 0 && token <= FILE_TOKEN_MAX, 'a token fits the user data');
    const user = (token << KIND_BITS) | KIND_FILE;
    this.#ring.submit(OP_FSYNC, 0, 0, descriptor, 0, 0, FSYNC_DATASYNC, user, 0);
    this.#loop.noteOperation();
  }
}
