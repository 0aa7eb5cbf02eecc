/**
 * An I/O engine without sockets that takes the contract of engine.ts as cruelly as it allows, by
 * seeded dice: sends are taken at once, or read from memory later, in bits, in any order across
 * slots; receives are short; bytes come in the receive region although a range was asked for;
 * connections break at any moment. What is the engine's must stay as it was: a range that was given
 * to `send` keeps its bytes until it is named back, one that was given to `receiveInto` keeps the
 * poison it was filled with, and the receive region is poisoned after every call. Whoever breaks
 * that is named in `violations`.
 */
import type { WorkerMemory } from '@kora/core';
import { assert } from '@kora/core';
import type { EngineHandler, IoEngine, Peer } from '../io/engine.ts';
import { RECEIVE_BYTES_MAX } from '../io/engine.ts';

const POISON = 0xdb;
const PEER: Peer = Object.freeze({
  address: '127.0.0.1:1', localAddress: '127.0.0.1:2', isLoopback: true, isUnixSocket: false,
  descriptor: -1,
});

/** A number in [0, below). */
export type Dice = (below: number) => number;

/** A range given to `send`. */
interface SentRange {
  readonly at: number;
  readonly wanted: Buffer;
  /** Bytes that were read so far. */
  done: number;
}

/** A range given to `receiveInto`. */
interface AskedRange {
  readonly at: number;
  readonly bytes: number;
  /** Bytes that had arrived before: they may come in the receive region. */
  readonly early: number;
}

/** The program's end of one connection. */
export class PoisonPeer {
  readonly slot: number;
  /** What it received. */
  readonly received: Buffer[] = [];
  /** False once the connection is gone. */
  isOpen = true;
  /** True when the worker asked for its end. */
  isClosing = false;
  isGraceful = false;
  isPaused = false;
  /** What it has sent and nobody received. */
  unread: Buffer = Buffer.alloc(0);
  readonly held: SentRange[] = [];
  asked: AskedRange | null = null;

  constructor(slot: number) {
    this.slot = slot;
  }
}

export class PoisonEngine implements IoEngine {
  readonly name = 'poison';
  /** What was wrong, in words; empty when everybody kept to the contract. */
  readonly violations: string[] = [];
  /** Sends that were held. */
  heldCount = 0;
  /** Ranges of receiveInto that were named back. */
  landedCount = 0;
  /** False: receiveInto is refused. */
  takesRanges = true;
  isTurnRequested = false;
  readonly #dice: Dice;
  readonly #peers: (PoisonPeer | undefined)[] = [];
  #memory: WorkerMemory | null = null;
  #handler: EngineHandler | null = null;
  #receiveAt = 0;

  constructor(dice: Dice) {
    this.#dice = dice;
  }

  // ------------------------------------------------------------------ the engine

  start(memory: WorkerMemory, handler: EngineHandler): void {
    this.#memory = memory;
    this.#handler = handler;
    this.#receiveAt = memory.lowAllocator.alloc(RECEIVE_BYTES_MAX) * 8;
  }

  send(slot: number, at: number, bytes: number): boolean {
    const peer = this.#peers[slot];
    if (peer === undefined || peer.isClosing) return true;
    const wanted = Buffer.from(this.#view(at, bytes));
    if (peer.held.length === 0 && this.#dice(3) === 0) {
      peer.received.push(wanted);
      return true;
    }
    peer.held.push({ at, wanted, done: 0 });
    this.heldCount++;
    return false;
  }

  receiveInto(slot: number, at: number, bytes: number): boolean {
    const peer = this.#peers[slot];
    if (!this.takesRanges || peer === undefined || peer.isClosing) return false;
    if (peer.asked !== null) this.violations.push('two ranges were asked for at once');
    this.#view(at, bytes).fill(POISON);
    const early = this.#dice(3) === 0 ? this.#dice(peer.unread.length + 1) : 0;
    peer.asked = { at, bytes, early };
    return true;
  }

  pauseReceive(slot: number): void {
    const peer = this.#peers[slot];
    if (peer !== undefined) peer.isPaused = true;
  }

  resumeReceive(slot: number): void {
    const peer = this.#peers[slot];
    if (peer !== undefined) peer.isPaused = false;
  }

  close(slot: number, isGraceful: boolean): void {
    const peer = this.#peers[slot];
    if (peer === undefined) return;
    peer.isClosing = true;
    peer.isGraceful = isGraceful;
  }

  requestTurn(): void {
    this.isTurnRequested = true;
  }

  listen(): number {
    return 0;
  }

  setKeepAlive(): void {}
  stopListening(): void {}
  stop(): void {}

  // ------------------------------------------------------------------ the program's side

  /** A new connection; it may get the slot of one that is gone. */
  connect(): PoisonPeer {
    const free = this.#peers.indexOf(undefined);
    const peer = new PoisonPeer(free < 0 ? this.#peers.length : free);
    this.#peers[peer.slot] = peer;
    this.#turn((handler) => handler.onAccept(peer.slot, PEER));
    return peer;
  }

  /** True when nothing can happen any more without the program. */
  get isQuiet(): boolean {
    return this.#peers.every((peer) =>
      peer === undefined ||
      (peer.held.length === 0 && peer.unread.length === 0 && !peer.isClosing));
  }

  /** One turn with one to three events, whichever the dice say. */
  step(): void {
    this.checkRanges();
    this.#turn((handler) => {
      for (let events = 1 + this.#dice(3); events > 0; events--) this.#event(handler);
    });
    this.checkRanges();
  }

  /** The peer sends nothing more, what it has sent included; it goes on reading. */
  end(peer: PoisonPeer): void {
    if (!peer.isOpen || peer.isClosing) return;
    peer.unread = Buffer.alloc(0);
    this.#turn((handler) => {
      handler.onEnd(peer.slot);
    });
  }

  /** The connection breaks. */
  reset(peer: PoisonPeer): void {
    if (!peer.isOpen) return;
    this.#turn((handler) => {
      this.#gone(handler, peer);
    });
  }

  /** Everything that is the engine's must be as it was. */
  checkRanges(): void {
    for (const peer of this.#peers) {
      if (peer === undefined) continue;
      for (const { at, wanted } of peer.held) {
        if (!wanted.equals(this.#view(at, wanted.length))) {
          this.violations.push(`bytes of slot ${peer.slot} changed on their way`);
        }
      }
      if (peer.asked !== null) this.#checkPoison(peer.asked);
    }
  }

  #event(handler: EngineHandler): void {
    if (this.isTurnRequested && this.#dice(3) === 0) {
      this.isTurnRequested = false;
      handler.onTurn();
      return;
    }
    const first = this.#dice(this.#peers.length);
    const peer = this.#peers[first];
    if (peer === undefined) return;
    if (peer.held.length > 0 && this.#dice(2) === 0) this.#sendSome(handler, peer);
    else if (peer.isClosing) this.#mayEnd(handler, peer);
    else if (peer.unread.length > 0) this.#receiveSome(handler, peer);
  }

  #sendSome(handler: EngineHandler, peer: PoisonPeer): void {
    const range = peer.held[0];
    assert(range !== undefined, 'a range is held');
    const { at, wanted } = range;
    const left = wanted.length - range.done;
    const bytes = this.#dice(2) === 0 ? left : 1 + this.#dice(left);
    peer.received.push(Buffer.from(this.#view(at + range.done, bytes)));
    range.done += bytes;
    if (range.done < wanted.length) return;
    peer.held.shift();
    handler.onSent(peer.slot);
  }

  #mayEnd(handler: EngineHandler, peer: PoisonPeer): void {
    if (peer.isGraceful && peer.held.length > 0) return;
    if (this.#dice(10) === 0) this.#gone(handler, peer);
  }

  #gone(handler: EngineHandler, peer: PoisonPeer): void {
    this.checkRanges();
    peer.isOpen = false;
    this.#peers[peer.slot] = undefined;
    handler.onClosed(peer.slot);
  }

  #receiveSome(handler: EngineHandler, peer: PoisonPeer): void {
    if (peer.isPaused && this.#dice(20) !== 0) return;
    const lengthMax = [10, 2000, RECEIVE_BYTES_MAX, RECEIVE_BYTES_MAX][this.#dice(4)] ?? 1;
    const wanted = Math.min(1 + this.#dice(lengthMax), peer.unread.length);
    const { asked } = peer;
    if (asked === null || asked.early > 0) {
      const bytes = asked === null ? wanted : Math.min(wanted, asked.early);
      peer.asked = null; // Untouched, and the worker's again.
      this.#take(peer, this.#receiveAt, bytes);
      handler.onReceive(peer.slot, this.#receiveAt, bytes);
      this.#view(this.#receiveAt, RECEIVE_BYTES_MAX).fill(POISON);
      return;
    }
    this.#checkPoison(asked);
    const bytes = Math.min(wanted, asked.bytes);
    this.#take(peer, asked.at, bytes);
    peer.asked = null;
    this.landedCount++;
    handler.onReceive(peer.slot, asked.at, bytes);
  }

  /** Moves the next bytes that the peer sent into the memory. */
  #take(peer: PoisonPeer, at: number, bytes: number): void {
    this.#view(at, bytes).set(peer.unread.subarray(0, bytes));
    peer.unread = peer.unread.subarray(bytes);
  }

  #checkPoison({ at, bytes }: AskedRange): void {
    const isIntact = this.#view(at, bytes).every((byte) => byte === POISON);
    if (!isIntact) this.violations.push('a range that was asked for was written by another');
  }

  #turn(events: (handler: EngineHandler) => void): void {
    const handler = this.#handler;
    assert(handler !== null, 'a started engine has a handler');
    handler.onTurnStart();
    events(handler);
    handler.onTurnEnd();
  }

  #view(at: number, bytes: number): Uint8Array {
    const memory = this.#memory;
    assert(memory !== null, 'a started engine has a memory');
    return new Uint8Array(memory.memory.buffer, at, bytes);
  }
}
