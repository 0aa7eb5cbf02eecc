/**
 * The order of writes to a shared index: one after the other, in the order of the calls. A write
 * that can be done at once is done at once, while nobody is before it; others stand in line, since
 * they wait for room or for all threads to stand still. WRITES_WAITING_MAX may stand there.
 */
import { VectorError } from '../vector-error.ts';

/** Writes that wait for the one before; more are refused. */
export const WRITES_WAITING_MAX = 4096;

export class WriteLine {
  private last: Promise<void> = Promise.resolve();
  private count = 0;

  /** Nobody is at a write or waits with one. */
  get isFree(): boolean { return this.count === 0; }

  /** Does a write when all before it are done. @throws VectorError BUSY, and what it throws */
  async run<Result>(write: () => Promise<Result>): Promise<Result> {
    if (this.count >= WRITES_WAITING_MAX) {
      throw new VectorError('BUSY',
        `${WRITES_WAITING_MAX} writes wait already; await some before you give more`);
    }
    this.count++;
    const before = this.last;
    let done = (): void => undefined;
    this.last = new Promise((resolve) => { done = resolve; });
    await before;
    try {
      return await write();
    } finally {
      this.count--;
      done();
    }
  }
}
