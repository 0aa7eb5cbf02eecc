/**
 * Why a pair of workers has two rings in each direction. Two workers with clients that ask for
 * nothing but foreign keys play on real rings, in one thread and in random order. The rule: replies
 * are always taken; a reply that finds no room waits in an outbox, and while that is not empty no
 * request of that peer is taken. With requests and replies in one ring the two come to wait for
 * each other, which has to be seen first; in two lanes every request of every run is answered.
 */
import { describe, expect, it } from 'vitest';
import { randomSource } from '../testing/random-source.ts';
import type { RandomSource } from '../testing/random-source.ts';
import { formatRing, ringBytes } from './ring-layout.ts';
import { RingReader } from './ring-reader.hot.ts';
import { RingWriter } from './ring-writer.hot.ts';

const DATA_BYTES = 256;
const REQUEST = 1;
const REPLY = 2;
const REQUESTS_EACH = 200;
/** Turns of both in which nothing moves before we say that nothing ever will. */
const IDLE_TURNS_MAX = 100;

interface Lanes {
  readonly requests: Int32Array;
  readonly replies: Int32Array;
}

function makeLanes(count: 1 | 2): Lanes {
  const ring = (): Int32Array => {
    const words = new Int32Array(new SharedArrayBuffer(ringBytes(DATA_BYTES)));
    formatRing(words, 0, DATA_BYTES);
    return words;
  };
  const requests = ring();
  return { requests, replies: count === 1 ? requests : ring() };
}

/** One worker: its clients' requests go to the peer, the peer's are answered. */
class PlayedWorker {
  readonly #random: RandomSource;
  readonly #requestsIn: RingReader;
  readonly #repliesIn: RingReader;
  readonly #requestsOut: RingWriter;
  readonly #repliesOut: RingWriter;
  readonly #outbox: number[] = [];
  #asked = 0;
  /** Requests that were answered: replies come in the order of the requests. */
  answered = 0;
  hasMoved = false;

  constructor(random: RandomSource, inward: Lanes, outward: Lanes) {
    this.#random = random;
    this.#requestsIn = new RingReader(inward.requests, 0);
    this.#requestsOut = new RingWriter(outward.requests, 0);
    const isOneLane = inward.requests === inward.replies;
    this.#repliesIn = isOneLane ? this.#requestsIn : new RingReader(inward.replies, 0);
    this.#repliesOut = isOneLane ? this.#requestsOut : new RingWriter(outward.replies, 0);
  }

  turn(): void {
    const parts = [() => { this.#ask(); }, () => { this.#take(); }, () => { this.#drain(); }];
    while (parts.length > 0) parts.splice(this.#random.below(parts.length), 1)[0]?.();
    this.#requestsOut.publish();
    this.#repliesOut.publish();
    this.#requestsIn.flush();
    this.#repliesIn.flush();
  }

  #ask(): void {
    while (this.#asked < REQUESTS_EACH && this.#send(this.#requestsOut, REQUEST, this.#asked)) {
      this.#asked += 1;
    }
  }

  #take(): void {
    this.#takeFrom(this.#repliesIn);
    if (this.#requestsIn !== this.#repliesIn) this.#takeFrom(this.#requestsIn);
  }

  #takeFrom(reader: RingReader): void {
    reader.refresh();
    while (reader.next()) {
      if (reader.kind === REPLY) {
        expect(reader.a).toBe(this.answered);
        this.answered += 1;
      } else {
        if (this.#outbox.length > 0) return;
        if (!this.#send(this.#repliesOut, REPLY, reader.a)) this.#outbox.push(reader.a);
      }
      reader.consume();
      this.hasMoved = true;
    }
  }

  #drain(): void {
    while (this.#outbox.length > 0 && this.#send(this.#repliesOut, REPLY, this.#outbox[0]!)) {
      this.#outbox.shift();
    }
  }

  #send(writer: RingWriter, kind: number, a: number): boolean {
    const bytes = this.#random.below(writer.bodyBytesMax);
    if (writer.begin(kind, bytes) < 0) return false;
    writer.header(a, 0, 0);
    writer.end(bytes);
    this.hasMoved = true;
    return true;
  }
}

/** Plays until all is answered or nothing moves; how many requests were answered. */
function play(seed: number, laneCount: 1 | 2): number {
  const random = randomSource(seed);
  const [toFirst, toSecond] = [makeLanes(laneCount), makeLanes(laneCount)];
  const workers = [
    new PlayedWorker(random, toFirst, toSecond), new PlayedWorker(random, toSecond, toFirst),
  ];
  const answered = (): number => workers.reduce((sum, worker) => sum + worker.answered, 0);
  for (let idle = 0; idle < IDLE_TURNS_MAX && answered() < 2 * REQUESTS_EACH; idle++) {
    for (const worker of workers) worker.hasMoved = false;
    for (let i = 0; i < 2; i++) workers[random.below(2)]?.turn();
    if (workers.some((worker) => worker.hasMoved)) idle = -1;
  }
  return answered();
}

describe('requests and replies', () => {
  it('in one ring come to a stop (or this test shows nothing)', () => {
    const stopped = Array.from({ length: 50 }, (_, seed) => play(seed + 1, 1))
      .filter((answered) => answered < 2 * REQUESTS_EACH);
    expect(stopped.length).toBeGreaterThan(0);
  });

  it('in two lanes are all answered', () => {
    for (let seed = 1; seed <= 50; seed++) {
      expect(play(seed, 2), `seed ${seed}`).toBe(2 * REQUESTS_EACH);
    }
  });
});
