/**
 * The heart of the open-loop generator: which operation is due when, over which connection it goes,
 * and how long its reply took, counted from the time it was due. A server that stops for a second
 * is charged for every operation of that second (no coordinated omission).
 * It knows no socket and no clock: the time comes in, bytes go out through `write`.
 * Invariants: a connection has at most IN_FLIGHT_MAX operations under way, and their requests lie
 *   in as many places of its own, so bytes that have not left are never overwritten; replies come
 *   in the order of requests. When every connection is full, what is due waits, and its time runs.
 * No garbage in the steady state: requests are written in place, times lie in typed arrays.
 * Values and keys have a fixed length: a request is its digits put into a prepared frame.
 */
import { LatencyHistogram } from './latency-histogram.ts';
import { ReplyCounter } from './reply-counter.ts';

/** Operations under way on one connection at most. */
export const IN_FLIGHT_MAX = 64;
/** Digits of a key, after its prefix. */
const KEY_DIGITS = 12;
const KEY_PREFIX = 'load:';
/** A GET takes a key written at least this many SETs ago, so that it is there. */
const SETTLED_KEYS = 8192;
const ZERO = 0x30;

/** What is generated. */
export interface OpenLoopOptions {
  /** Operations a second. */
  readonly rate: number;
  /** `poisson`: independent arrivals; `fixed`: one every 1/rate. */
  readonly schedule: 'poisson' | 'fixed';
  /** Percent of the operations that SET a new key; the others GET. */
  readonly writePercent: number;
  readonly valueBytes: number;
  /** Keys that are there already, numbered from 0; more than 8192. */
  readonly keys: number;
  readonly seed: number;
  /** Latencies of operations due before this time do not count, ms. */
  readonly countFromMs: number;
  /** The first operation is due then, ms. */
  readonly startMs: number;
}

/** Prepared requests of one connection, and what is under way on it. */
class Lane {
  readonly write: (request: Uint8Array) => void;
  readonly replies = new ReplyCounter();
  readonly dueMs = new Float64Array(IN_FLIGHT_MAX);
  readonly gets: Uint8Array[] = [];
  readonly sets: Uint8Array[] = [];
  sent = 0;
  answered = 0;

  constructor(write: (request: Uint8Array) => void, valueBytes: number) {
    this.write = write;
    for (let i = 0; i < IN_FLIGHT_MAX; i++) {
      this.gets.push(getRequest(0));
      this.sets.push(setRequest(0, valueBytes));
    }
  }
}

const keyText = (number: number): string => KEY_PREFIX + String(number).padStart(KEY_DIGITS, '0');
const KEY_BYTES = KEY_PREFIX.length + KEY_DIGITS;
const GET_HEAD = `*2\r\n$3\r\nGET\r\n$${KEY_BYTES}\r\n`;
const SET_HEAD = `*3\r\n$3\r\nSET\r\n$${KEY_BYTES}\r\n`;
/** Where the digits begin; the two heads are equally long. */
const DIGITS_AT = GET_HEAD.length + KEY_PREFIX.length;

function getRequest(key: number): Uint8Array {
  return Buffer.from(`${GET_HEAD}${keyText(key)}\r\n`);
}

/** The request that sets a key as the generator does: for filling before. */
export function setRequest(key: number, valueBytes: number): Uint8Array {
  const value = 'v'.repeat(valueBytes);
  return Buffer.from(`${SET_HEAD}${keyText(key)}\r\n$${valueBytes}\r\n${value}\r\n`);
}

/** Puts another key into a prepared request. */
function putKey(request: Uint8Array, key: number): void {
  let rest = key;
  for (let at = DIGITS_AT + KEY_DIGITS - 1; at >= DIGITS_AT; at--) {
    const next = Math.floor(rest / 10);
    request[at] = ZERO + (rest - next * 10);
    rest = next;
  }
}

export class OpenLoopGenerator {
  /** From due to answered. */
  readonly latency = new LatencyHistogram();
  /** From due to written: what the generator itself is late. */
  readonly lateness = new LatencyHistogram();
  /** Keys there are now. */
  keys: number;
  /** Operations answered; counted, not measured, are those before countFromMs too. */
  answered = 0;
  /** GETs that found nothing, and errors: both must stay 0. */
  misses = 0;
  errors = 0;
  readonly #options: OpenLoopOptions;
  readonly #lanes: Lane[] = [];
  #nextDueMs: number;
  #nextLane = 0;
  #random: number;

  constructor(options: OpenLoopOptions) {
    if (options.keys <= SETTLED_KEYS) throw new RangeError(`needs more than ${SETTLED_KEYS} keys`);
    this.#options = options;
    this.keys = options.keys;
    this.#nextDueMs = options.startMs;
    this.#random = options.seed === 0 ? 1 : options.seed | 0;
  }

  /** Adds a connection; returns its number. `write` gets bytes that stay as they are. */
  addConnection(write: (request: Uint8Array) => void): number {
    return this.#lanes.push(new Lane(write, this.#options.valueBytes)) - 1;
  }

  /** Sends what is due. @returns operations that are due and found every connection full: 0 or 1 */
  sendDue(nowMs: number): number {
    while (this.#nextDueMs <= nowMs) {
      const lane = this.#freeLane();
      if (lane === undefined) return 1;
      this.#send(lane, nowMs);
      this.#nextDueMs += this.#gapMs();
    }
    return 0;
  }

  /** Takes `bytes` bytes that a connection received. */
  onBytes(connection: number, source: Uint8Array, bytes: number, nowMs: number): void {
    const lane = this.#lanes[connection];
    if (lane === undefined) return;
    const { replies } = lane;
    const errors = replies.errors;
    const misses = replies.nulls;
    const count = replies.feed(source, bytes);
    this.errors += replies.errors - errors;
    this.misses += replies.nulls - misses;
    for (let i = 0; i < count; i++) {
      const dueMs = lane.dueMs[lane.answered % IN_FLIGHT_MAX] ?? nowMs;
      lane.answered++;
      this.answered++;
      if (dueMs >= this.#options.countFromMs) this.latency.record((nowMs - dueMs) * 1000);
    }
  }

  /** Operations under way. */
  get inFlight(): number {
    return this.#lanes.reduce((sum, lane) => sum + lane.sent - lane.answered, 0);
  }

  /** The next connection in turn that is not full. */
  #freeLane(): Lane | undefined {
    for (let tries = 0; tries < this.#lanes.length; tries++) {
      const lane = this.#lanes[this.#nextLane];
      this.#nextLane = (this.#nextLane + 1) % this.#lanes.length;
      if (lane !== undefined && lane.sent - lane.answered < IN_FLIGHT_MAX) return lane;
    }
    return undefined;
  }

  #send(lane: Lane, nowMs: number): void {
    const place = lane.sent % IN_FLIGHT_MAX;
    const isSet = this.#fraction() * 100 < this.#options.writePercent;
    const request = (isSet ? lane.sets : lane.gets)[place];
    if (request === undefined) return;
    putKey(request, isSet ? this.keys++ : Math.floor(this.#fraction() * this.#settledKeys()));
    lane.dueMs[place] = this.#nextDueMs;
    lane.sent++;
    if (this.#nextDueMs >= this.#options.countFromMs) {
      this.lateness.record((nowMs - this.#nextDueMs) * 1000);
    }
    lane.write(request);
  }

  #settledKeys(): number {
    return this.keys - SETTLED_KEYS;
  }

  #gapMs(): number {
    const meanMs = 1000 / this.#options.rate;
    return this.#options.schedule === 'fixed' ? meanMs : -Math.log(1 - this.#fraction()) * meanMs;
  }

  /** A number in [0, 1). */
  #fraction(): number {
    let word = this.#random;
    word ^= word << 13;
    word ^= word >>> 17;
    word ^= word << 5;
    this.#random = word;
    return (word >>> 0) / 2 ** 32;
  }
}
