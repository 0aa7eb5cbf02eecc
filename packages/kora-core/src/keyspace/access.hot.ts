/**
 * The access field of an entry: 24 bits that eviction and OBJECT IDLETIME / FREQ read, kept as
 * Redis keeps them.
 *
 *   LRU:  seconds of the clock, modulo 2^24                       (194 days)
 *   LFU:  minutes of the last decay, 16 bits | counter, 8 bits    logarithmic, random increments
 *
 * Which of the two a field holds follows from maxmemory-policy at the time of the write, as in
 * Redis. A touch costs one load and one store; the LFU touch a random number and at most two
 * divisions.
 */
import type { Chance } from '../platform/platform.ts';
import { entryAccess, setEntryAccess } from '../structs/entry.hot.ts';

/** Counter of a new key, so that it is not evicted at once. */
export const LFU_INITIAL = 5;
/** The counter's ceiling. */
export const LFU_COUNTER_MAX = 255;
const CLOCK_MASK = 0xffffff;
const MINUTE_MASK = 0xffff;
const MINUTE_MS = 60_000;

/** The current time in both forms, and the settings of LFU. One per shard. */
export class AccessClock {
  isLfu: number;
  seconds: number;
  minutes: number;
  logFactor: number;
  decayMinutes: number;
  readonly chance: Chance;

  constructor(chance: Chance) {
    this.isLfu = 0;
    this.seconds = 0;
    this.minutes = 0;
    this.logFactor = 10;
    this.decayMinutes = 1;
    this.chance = chance;
  }

  /** Follows the shard's clock. */
  setNow(nowMs: number): void {
    this.seconds = Math.floor(nowMs / 1000) % (CLOCK_MASK + 1);
    this.minutes = Math.floor(nowMs / MINUTE_MS) % (MINUTE_MASK + 1);
  }

  /** Access field of a new entry. */
  initial(): number {
    return this.isLfu !== 0 ? (this.minutes << 8) | LFU_INITIAL : this.seconds;
  }
}

/** Notes an access to the entry. */
export function touchAccess(i32: Int32Array, ref: number, clock: AccessClock): void {
  if (clock.isLfu === 0) {
    setEntryAccess(i32, ref, clock.seconds);
    return;
  }
  const counter = lfuIncrement(lfuCounter(entryAccess(i32, ref), clock), clock);
  setEntryAccess(i32, ref, (clock.minutes << 8) | counter);
}

/** The counter after the decay that is due: one less per `lfu-decay-time` minutes. */
export function lfuCounter(access: number, clock: AccessClock): number {
  const counter = access & 0xff;
  if (clock.decayMinutes === 0) return counter;
  const then = access >>> 8;
  const elapsed =
    clock.minutes >= then ? clock.minutes - then : clock.minutes + MINUTE_MASK + 1 - then;
  const periods = Math.floor(elapsed / clock.decayMinutes);
  return periods > counter ? 0 : counter - periods;
}

/** Raises the counter with probability 1 / (above-initial x log factor + 1). */
export function lfuIncrement(counter: number, clock: AccessClock): number {
  if (counter >= LFU_COUNTER_MAX) return counter;
  const above = counter > LFU_INITIAL ? counter - LFU_INITIAL : 0;
  const threshold = 4294967296 / (above * clock.logFactor + 1);
  return clock.chance.next32() >>> 0 < threshold ? counter + 1 : counter;
}

/** Seconds since the last access, for OBJECT IDLETIME and LRU. */
export function idleSeconds(access: number, clock: AccessClock): number {
  return (clock.seconds - access) & CLOCK_MASK;
}
