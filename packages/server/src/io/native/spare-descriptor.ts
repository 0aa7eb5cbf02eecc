/**
 * A descriptor kept for the time when there are no more: it is given up for a moment, so that
 * newcomers can be accepted and closed. Else they would wait in the backlog without a word, and the
 * listening socket would be reported as readable for ever. (libuv does the same.)
 */
import { CLOEXEC } from './descriptor-flags.ts';
import type { Libc } from './libc.ts';

/** Newcomers turned away at once. */
const TURNED_AWAY_MAX = 1000;

export class SpareDescriptor {
  readonly #libc: Libc;
  #descriptor: number;

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#descriptor = libc.eventfd(0, CLOEXEC);
  }

  /**
   * Accepts and closes those who wait at the listening socket.
   * @returns false when that is not possible at the moment: the socket should rest until the next
   *   tick
   */
  turnAway(listening: number): boolean {
    this.close();
    let count = 0;
    for (; count < TURNED_AWAY_MAX; count++) {
      const accepted = this.#libc.accept4(listening, 0, 0, CLOEXEC);
      if (accepted < 0) break;
      this.#libc.close(accepted);
    }
    this.#descriptor = this.#libc.eventfd(0, CLOEXEC);
    return count > 0;
  }

  close(): void {
    if (this.#descriptor >= 0) this.#libc.close(this.#descriptor);
    this.#descriptor = -1;
  }
}
