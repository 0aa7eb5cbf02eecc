/**
 * Sends against a kernel that is played here: it takes some of what it is given now and the rest
 * later, sockets have room for all, a part or nothing, and completions wait beside a full queue.
 * However that goes, every peer reads all bytes in order, and a range is named back once, in order,
 * and not before its bytes have left: then it is overwritten.
 */
import type { RandomSource } from '@kora/core/testing';
import { randomSource } from '@kora/core/testing';
import { describe, expect, it } from 'vitest';
import { Errno } from '../native/libc.ts';
import { SendQueue } from '../native/send-queue.hot.ts';
import { ConnectionTable } from './uring-connections.hot.ts';
import { MSG_DONTWAIT, MSG_WAITALL, SQE_CQE_SKIP } from './uring-constants.ts';
import type { LoopParts } from './uring-loop-parts.ts';
import { KIND_BITS, KIND_SEND, USER_HIGH_QUIET } from './uring-loop-parts.ts';
import { UringSends } from './uring-sends.hot.ts';

const SLOTS = 6;
const SLOT_BYTES = 1 << 20;
const TURNS = 3000;
const UNREAD_BYTES_MAX = 8192;
/** Bytes of a stream repeat after so many; the byte that ranges are overwritten with is none. */
const PERIOD = 251;
const POISON = 0xff;

interface Submission {
  readonly slot: number;
  readonly bytes: number;
  readonly isQuiet: boolean;
  at: number;
}

interface Completion {
  readonly userLow: number;
  readonly userHigh: number;
  readonly result: number;
}

/** Sockets: what their peers have read, and for how many bytes they have room. */
class Sockets {
  readonly memory = new Uint8Array(SLOTS * SLOT_BYTES);
  readonly read = new Array<number>(SLOTS).fill(0);
  readonly room = new Array<number>(SLOTS).fill(0);
  wrong = 0;

  write(slot: number, at: number, bytes: number): number {
    const taken = Math.min(bytes, this.room[slot] ?? 0);
    for (let i = 0; i < taken; i++) {
      if (this.memory[at + i] !== ((this.read[slot] ?? 0) + i) % PERIOD) this.wrong++;
    }
    this.read[slot] = (this.read[slot] ?? 0) + taken;
    this.room[slot] = (this.room[slot] ?? 0) - taken;
    return taken;
  }
}

/** The kernel's half of a ring, and what the loop sees of it. */
class PlayedRing {
  readonly mode = 'defer-taskrun';
  pending = 0;
  hasOverflow = false;
  userLow = 0;
  userHigh = 0;
  result = 0;
  failures = 0;
  overflows = 0;
  readonly #sockets: Sockets;
  readonly #random: RandomSource;
  readonly #queued: Submission[] = [];
  #blocked: Submission[] = [];
  #told: Completion[] = [];
  #kept: Completion[] = [];
  #walked = 0;

  constructor(sockets: Sockets, random: RandomSource) {
    this.#sockets = sockets;
    this.#random = random;
  }

  submit(
    _operation: number, flags: number, _priority: number, _descriptor: number, _address: number,
    bytes: number, operationFlags: number, userLow: number, userHigh: number,
  ): void {
    const isQuiet = userHigh === USER_HIGH_QUIET;
    expect(flags).toBe(isQuiet ? SQE_CQE_SKIP : 0);
    expect((operationFlags & MSG_DONTWAIT) !== 0).toBe(isQuiet);
    expect((operationFlags & MSG_WAITALL) !== 0).toBe(isQuiet);
    this.#queued.push({ slot: userLow >>> KIND_BITS, bytes, isQuiet, at: -1 });
    this.pending++;
  }

  setPlace(at: number): void {
    const last = this.#queued.at(-1);
    if (last !== undefined) last.at = at;
  }

  /** The system call: takes submissions, and tells of what has ended. */
  enter(): void {
    this.#told.push(...this.#kept.splice(0));
    this.hasOverflow = false;
    const blocked = this.#blocked;
    this.#blocked = [];
    for (const one of blocked) this.#send(one);
    const taken = this.#random.chance(0.9)
      ? this.#queued.length
      : this.#random.below(this.#queued.length + 1);
    this.pending -= taken;
    for (const one of this.#queued.splice(0, taken)) this.#send(one);
    if (!this.#random.chance(0.1) || this.#told.length === 0) return;
    this.#kept = this.#told.splice(this.#random.below(this.#told.length));
    this.hasOverflow = true;
    this.overflows++;
  }

  #send(one: Submission): void {
    const { slot, bytes, isQuiet } = one;
    const sent = this.#sockets.write(slot, one.at, bytes);
    if (!isQuiet && sent === 0) {
      this.#blocked.push(one);
      return;
    }
    if (isQuiet && sent === bytes) return;
    if (isQuiet) this.failures++;
    const result = sent === 0 ? -Errno.EAGAIN : sent;
    const userLow = (slot << KIND_BITS) | KIND_SEND;
    this.#told.push({ userLow, userHigh: isQuiet ? USER_HIGH_QUIET : 0, result });
  }

  next(): boolean {
    const one = this.#told[this.#walked];
    if (one === undefined) return false;
    this.#walked++;
    this.userLow = one.userLow;
    this.userHigh = one.userHigh;
    this.result = one.result;
    return true;
  }

  rewind(): void {
    this.#walked = 0;
  }

  end(): void {
    this.#told.splice(0, this.#walked);
    this.#walked = 0;
  }
}

class World {
  readonly sockets = new Sockets();
  readonly ring: PlayedRing;
  readonly sends: UringSends;
  /** By slot: end of each range that is the engine's, as a byte of the stream. */
  readonly held: { at: number; bytes: number; end: number }[][] = [];
  readonly given = new Array<number>(SLOTS).fill(0);
  readonly random: RandomSource;
  early = 0;

  constructor(random: RandomSource) {
    this.random = random;
    this.ring = new PlayedRing(this.sockets, random);
    const connections = new ConnectionTable();
    for (let slot = 0; slot < SLOTS; slot++) {
      connections.open(slot);
      this.held.push([]);
    }
    const parts = {
      ring: this.ring, connections, queue: new SendQueue(), missing: new Set(['SENDMSG']),
      native: { addressOf: (at: number) => at },
      libc: { send: (slot: number, at: number, bytes: number) => this.#sendNow(slot, at, bytes) },
      handler: {
        onSent: (slot: number) => {
          this.#onSent(slot);
        },
      },
    };
    // The parts that sends use, of a kernel that is none.
    this.sends = new UringSends(parts as unknown as LoopParts, {
      isStopped: false,
      begin: (slot) => {
        connections.inFlight[slot] = (connections.inFlight[slot] ?? 0) + 1;
      },
      finishIfIdle: () => expect.fail('nobody dies here'),
      kill: () => expect.fail('nothing fails for good here'),
      proceedClosing: () => expect.fail('nobody closes here'),
    });
  }

  #sendNow(slot: number, at: number, bytes: number): number {
    const sent = this.sockets.write(slot, at, bytes);
    return sent === 0 ? -1 : sent;
  }

  /** Sends a range behind the others of the slot. */
  send(slot: number, bytes: number): void {
    const given = this.given[slot] ?? 0;
    const at = slot * SLOT_BYTES + given % (SLOT_BYTES - 4096);
    const { memory } = this.sockets;
    for (let i = 0; i < bytes; i++) memory[at + i] = (given + i) % PERIOD;
    this.given[slot] = given + bytes;
    if (this.sends.send(slot, at, bytes)) memory.fill(POISON, at, at + bytes);
    else this.held[slot]?.push({ at, bytes, end: given + bytes });
  }

  #onSent(slot: number): void {
    const range = this.held[slot]?.shift();
    if (range === undefined) return expect.fail('a range is named back that was not given');
    if ((this.sockets.read[slot] ?? 0) < range.end) this.early++;
    this.sockets.memory.fill(POISON, range.at, range.at + range.bytes);
    // A session that was held for this one goes on, and others hear of it.
    if (this.random.chance(0.2)) this.send(this.random.below(SLOTS), 10);
  }

  turn(): void {
    const { ring } = this;
    ring.enter();
    this.sends.settle();
    while (ring.next()) {
      const slot = ring.userLow >>> KIND_BITS;
      if (ring.userHigh !== USER_HIGH_QUIET) this.sends.sent(slot, ring.result);
    }
    ring.end();
  }
}

describe('sends', () => {
  it.each([1, 2, 3, 4])('leave whole and in order, seed %i', (seed) => {
    const random = randomSource(seed);
    const world = new World(random);
    const { sockets, ring } = world;
    for (let turn = 0; turn < TURNS; turn++) {
      for (let slot = 0; slot < SLOTS; slot++) {
        const roomMax = random.chance(0.5) ? 60 : 65_536;
        if (random.chance(0.5)) sockets.room[slot] = random.below(roomMax);
        if (random.chance(0.05)) sockets.room[slot] = 0;
        const unread = (world.given[slot] ?? 0) - (sockets.read[slot] ?? 0);
        if (unread > UNREAD_BYTES_MAX || random.chance(0.8)) continue;
        const count = random.chance(0.8) ? 1 : 3;
        for (let i = 0; i < count; i++) {
          world.send(slot, 1 + random.below(random.chance(0.1) ? 3000 : 60));
        }
      }
      world.turn();
    }
    sockets.room.fill(SLOTS * SLOT_BYTES);
    for (let turn = 0; turn < 1000; turn++) world.turn();
    expect(sockets.read).toEqual(world.given);
    expect(world.held.flat()).toEqual([]);
    expect([sockets.wrong, world.early]).toEqual([0, 0]);
    expect(ring.failures).toBeGreaterThan(100);
    expect(ring.overflows).toBeGreaterThan(100);
  });
});
