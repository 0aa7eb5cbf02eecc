/**
 * One epoll set and the memory its calls use.
 *
 *   struct epoll_event   x64: | events 4 | data 8 |   arm64: | events 4 | - 4 | data 8 |
 *   data                 low word: a slot, or a negative number of the engine's own
 *                        high word: the generation of the slot
 *
 * Cost: what the system calls cost; nothing is allocated.
 */
import { boxedAddresses } from '../native/boxed-addresses.ts';
import type { Libc, NativeMemory } from '../native/libc.ts';

export const EPOLLIN = 0x001;
/** Urgent data: a receive stops short of it. */
export const EPOLLPRI = 0x002;
export const EPOLLOUT = 0x004;
export const EPOLLERR = 0x008;
export const EPOLLHUP = 0x010;
/** The peer has ended its half. */
export const EPOLLRDHUP = 0x2000;
/** Edge-triggered; the sign bit, as a word has it. */
export const EPOLLET = 0x80000000 | 0;

const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLL_CTL_MOD = 3;

/** Events of one wait. */
export const EVENTS_MAX = 512;
/** Bytes of memory a poller needs: the events, and one more for epoll_ctl. */
export const POLLER_BYTES = (EVENTS_MAX + 1) * 16;

const EVENTS = 1;
const CHANGE = 2;

export class Poller {
  readonly descriptor: number;
  readonly libc: Libc;
  /** The worker memory's words; a view that growth leaves behind still covers low memory. */
  private readonly words: Int32Array;
  private readonly eventWords: number;
  private readonly dataWord: number;
  private readonly eventsWord: number;
  private readonly changeWord: number;
  private readonly addresses: readonly (number | null)[];

  /** @param at POLLER_BYTES of low memory that live as long as the poller */
  constructor(libc: Libc, native: NativeMemory, at: number, descriptor: number, isPacked: boolean) {
    this.libc = libc;
    this.descriptor = descriptor;
    this.words = native.memory.i32;
    this.eventWords = isPacked ? 3 : 4;
    this.dataWord = isPacked ? 1 : 2;
    this.eventsWord = at >>> 2;
    const changeAt = at + EVENTS_MAX * 16;
    this.changeWord = changeAt >>> 2;
    this.addresses = boxedAddresses(native.addressOf(at), native.addressOf(changeAt));
  }

  /** Takes a descriptor into the set. */
  add(descriptor: number, events: number, low: number, high: number): boolean {
    return this.control(EPOLL_CTL_ADD, descriptor, events, low, high);
  }

  /** Changes what is watched. */
  change(descriptor: number, events: number, low: number, high: number): boolean {
    return this.control(EPOLL_CTL_MOD, descriptor, events, low, high);
  }

  remove(descriptor: number): boolean {
    return this.control(EPOLL_CTL_DEL, descriptor, 0, 0, 0);
  }

  /** Waits for events; -1 = a signal came or worse. @param timeoutMs -1 = as long as it takes */
  wait(timeoutMs: number): number {
    return this.libc.epoll_wait(
      this.descriptor, this.addresses[EVENTS]!, EVENTS_MAX, timeoutMs,
    );
  }

  eventsOf(index: number): number {
    return this.words[this.eventsWord + index * this.eventWords]!;
  }

  lowOf(index: number): number {
    return this.words[this.eventsWord + index * this.eventWords + this.dataWord]!;
  }

  highOf(index: number): number {
    return this.words[this.eventsWord + index * this.eventWords + this.dataWord + 1]!;
  }

  private control(
    operation: number, descriptor: number, events: number, low: number, high: number,
  ): boolean {
    const words = this.words;
    const changeWord = this.changeWord;
    words[changeWord] = events;
    words[changeWord + this.dataWord] = low;
    words[changeWord + this.dataWord + 1] = high;
    const address = this.addresses[CHANGE]!;
    return this.libc.epoll_ctl(this.descriptor, operation, descriptor, address) === 0;
  }
}
