/**
 * The timeout that ends a turn's wait: one in the kernel at a time, armed at the end of the turn of
 * the tick before, so that it can be longer or shorter each time. One that is armed may still be
 * moved.
 *
 *   resting -- arm --> armed -- its completion: fired --> due -- take --> resting
 *                      armed -- after: another time, from now --> armed
 *
 *   timespec, 16 bytes of low memory   | seconds, i64 | nanoseconds, i64 |
 *
 * Invariant: the kernel reads the timespec when it takes a submission, at the latest with the next
 *   enter; two that leave together carry the later time.
 * Cost: one submission a tick, without a system call of its own.
 */
import { TICK_MS } from '../engine.ts';
import type { NativeMemory } from '../native/libc.ts';
import type { Ring } from './ring.hot.ts';
import { OP_TIMEOUT, OP_TIMEOUT_REMOVE, SQE_CQE_SKIP, TIMEOUT_UPDATE } from './uring-constants.ts';

/** Bytes of low memory that a timer needs. */
export const TIMESPEC_BYTES = 16;

export class TickTimer {
  /** The timeout is in the kernel. */
  isArmed: boolean;
  private isDue: boolean;
  private readonly address: number;
  private readonly ring: Ring;
  private readonly words: Int32Array;
  private readonly word: number;
  private readonly user: number;
  private readonly userOfMoves: number;

  /**
   * @param at TIMESPEC_BYTES of low memory, zeroed
   * @param user of the tick's completion; `userOfMoves` of what says that a move came too late
   */
  constructor(ring: Ring, native: NativeMemory, at: number, user: number, userOfMoves: number) {
    this.address = native.addressOf(at);
    this.isArmed = false;
    this.isDue = false;
    this.ring = ring;
    // A view that growth leaves behind still covers low memory.
    this.words = native.memory.i32;
    this.word = at >>> 2;
    this.user = user;
    this.userOfMoves = userOfMoves;
    this.set(TICK_MS);
  }

  /** Puts the timeout into the kernel; its one completion comes, whatever happens. */
  arm(): void {
    this.isArmed = true;
    this.ring.submit(OP_TIMEOUT, 0, 0, -1, this.address, 1, 0, this.user, 0);
  }

  /** The completion of the timeout has come. */
  fired(): void {
    this.isArmed = false;
    this.isDue = true;
  }

  /** True once after the timeout has ended; the next one takes TICK_MS unless `after` says else. */
  take(): boolean {
    if (!this.isDue) return false;
    this.isDue = false;
    this.set(TICK_MS);
    return true;
  }

  /** The timeout, the armed one or the next, ends `ms` from now. One that ends now is not moved. */
  after(ms: number): void {
    this.set(ms);
    if (!this.isArmed) return;
    this.ring.submit(
      OP_TIMEOUT_REMOVE, SQE_CQE_SKIP, 0, -1, this.user, 0, TIMEOUT_UPDATE, this.userOfMoves, 0,
    );
    this.ring.setOffset(this.address);
  }

  /** Where a timespec of TICK_MS lies; not while a timeout is to be armed. */
  usualTime(): number {
    this.set(TICK_MS);
    return this.address;
  }

  private set(ms: number): void {
    this.words[this.word] = (ms / 1000) | 0;
    this.words[this.word + 2] = ((ms % 1000) | 0) * 1_000_000;
  }
}
