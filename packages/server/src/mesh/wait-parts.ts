/**
 * Commands of other workers' connections, and of the own ones whose keys lie on several shards,
 * that wait for keys of this shard. They come as parts of a transaction, so all shards of a command
 * look at one moment whether there is something for it, and if there is not, all note it:
 *   vote   a shard that has something says no; nothing has changed, and the origin runs the command
 *          as one that does not wait
 *   run    the command waits for the shard's keys; a shard that has all keys of it runs it whole
 * Behind the command's arguments the part has one of ours: who waits.
 *
 *   handle at the origin | byte of its claim word | the word | 1 = these are all keys of it
 *
 * A key that is ready serves the waiter once its claim word is taken; the reply goes to the origin
 * as a note. A move to a list of another shard is the origin's to do: the waiter is held, first in
 * its queue, until that says what became of it.
 * Cost: one compare-exchange a wake-up beside that of an own connection. Owner: one worker.
 */
import type { ArgFrame, Command, ReplySink, Shard, Waiter, WaitHost } from '@kora/core';
import { assert, ClientFlag, ClientState, Flag, ReplyError, replyErrors } from '@kora/core';
import type { Worker } from '../worker.ts';
import { giveClaimBack, takeClaim } from './claims.ts';
import type { ForeignMemory } from './foreign-memory.ts';
import { runWithRoom } from './reply-room.ts';
import type { NoteTaker } from './wait-notes.ts';
import type { RespSink } from '../resp-sink.ts';

/** Words of the argument behind the command's own. */
export const WAIT_HANDLE = 0;
export const WAIT_CLAIM_AT = 1;
export const WAIT_CLAIM = 2;
export const WAIT_WHOLE = 3;
export const WAIT_BYTES = 16;

/** Who waits, as the origin has said. */
interface Asked {
  readonly origin: number;
  readonly handle: number;
  readonly claimAt: number;
  readonly claim: number;
  readonly isWhole: boolean;
}

export class WaitParts implements WaitHost {
  readonly #worker: Worker;
  readonly #shard: Shard;
  readonly #foreign: ForeignMemory;
  readonly #owns: (frame: ArgFrame, i: number) => boolean;
  #notes: NoteTaker | null = null;
  /** By origin and handle. */
  readonly #waiters: Map<number, Waiter>[] = [];
  readonly #asked = new Map<Waiter, Asked>();
  /** Of the command that runs. */
  #current: Asked | null = null;

  /** @param owns true when argument i is a key of this shard */
  constructor(
    worker: Worker, foreign: ForeignMemory, owns: (frame: ArgFrame, i: number) => boolean,
  ) {
    this.#worker = worker;
    this.#shard = worker.shard;
    this.#foreign = foreign;
    this.#owns = owns;
  }

  /** Who hears of what becomes of waiters; once. */
  attach(notes: NoteTaker): void {
    this.#notes = notes;
  }

  /** Waiters of connections of all workers. */
  get count(): number {
    return this.#asked.size;
  }

  /** The vote: false when the shard has something for the command. */
  mayWait(command: Command, frame: ArgFrame, origin: number): boolean {
    const asked = this.#read(frame, origin);
    const { waiting } = command;
    assert(waiting !== null, 'only what waits asks whether it may');
    if (asked.isWhole) return true;
    const error = command.parse(frame);
    assert(error === null, 'a part of what has parsed parses');
    return this.#ownKeys(command, frame).every((key) =>
      !waiting.hasSomething(this.#shard, frame, key));
  }

  /** Runs the command, or lets it wait: then nothing is written. */
  run(command: Command, frame: ArgFrame, origin: number, sink: RespSink): void {
    const asked = this.#read(frame, origin);
    const { client } = frame;
    // The waiter keeps it.
    const waiting = new ClientState(0);
    waiting.db = client.db;
    waiting.resp = client.resp;
    waiting.flags = client.flags & (ClientFlag.NoTouch | ClientFlag.Internal);
    waiting.waitHost = this;
    frame.client = waiting;
    this.#current = asked;
    if (asked.isWhole) this.#runWhole(command, frame, sink, asked);
    else this.#wait(command, frame, sink);
    this.#current = null;
    frame.client = client;
  }

  /** Under the claim: of one whose connection has ended meanwhile nothing happens. */
  #runWhole(command: Command, frame: ArgFrame, sink: RespSink, asked: Asked): void {
    const { origin, claimAt, claim } = asked;
    const words = this.#foreign.words(origin, claimAt + 4);
    if (!takeClaim(words, claimAt, claim)) return;
    const shard = this.#shard;
    const isLimited = shard.settings.maxmemoryBytes !== 0 && (command.flags & Flag.DenyOom) !== 0;
    if (isLimited && !shard.ensureMemory()) sink.error(replyErrors.outOfMemory);
    else runWithRoom(this.#worker.executor, shard, command, frame, sink);
    // Whether it waits now or was answered: the origin ends it.
    giveClaimBack(words, claimAt, claim);
  }

  #wait(command: Command, frame: ArgFrame, sink: RespSink): void {
    const error = command.parse(frame);
    assert(error === null, 'a part of what has parsed parses');
    const keys = this.#ownKeys(command, frame);
    if (keys.length === 0) return;
    const waiter = this.#shard.waiting.add(command, frame, this, keys, Infinity);
    if (waiter instanceof ReplyError) {
      sink.error(waiter);
      return;
    }
    const destination = command.waiting?.destination ?? 0;
    waiter.isElsewhere = destination !== 0 && !this.#owns(frame, destination);
    this.begin(waiter);
  }

  #ownKeys({ waiting }: Command, frame: ArgFrame): number[] {
    const keys: number[] = [];
    if (waiting === null) return keys;
    const first = waiting.firstKey(frame);
    const end = first + waiting.keyCount(frame);
    for (let i = first; i < end; i++) if (this.#owns(frame, i)) keys.push(i);
    return keys;
  }

  /** Takes the argument that says who waits off the frame. */
  #read(frame: ArgFrame, origin: number): Asked {
    frame.count--;
    const at = frame.at[frame.count] ?? 0;
    assert(frame.bytes[frame.count] === WAIT_BYTES, 'the last argument says who waits');
    const { lowView } = frame.memory;
    const word = (i: number): number => lowView.getInt32(at + i * 4, true);
    return {
      origin, handle: word(WAIT_HANDLE), claimAt: word(WAIT_CLAIM_AT) >>> 0,
      claim: word(WAIT_CLAIM), isWhole: word(WAIT_WHOLE) === 1,
    };
  }

  // ------------------------------------------------------------------ the host of waiters

  begin(waiter: Waiter): void {
    const asked = this.#current;
    assert(asked !== null, 'a command begins to wait while it runs');
    waiter.client.waiter = null;
    this.#asked.set(waiter, asked);
    this.#ofOrigin(asked.origin).set(asked.handle, waiter);
  }

  /** What is moved elsewhere is answered there. */
  hasRoom(waiter: Waiter, bytes: number): boolean {
    return waiter.isElsewhere || this.#worker.pushes.reserve(bytes);
  }

  claim(waiter: Waiter): boolean {
    const { origin, handle, claimAt, claim } = this.#askedOf(waiter);
    const words = this.#foreign.words(origin, claimAt + 4);
    if (!takeClaim(words, claimAt, claim)) {
      this.#worker.pushes.letGo();
      return false;
    }
    if (!waiter.isElsewhere) return true;
    waiter.isHeld = true;
    this.#taker().sayMovable(origin, handle);
    return false;
  }

  answer(waiter: Waiter, write: (out: ReplySink) => void): void {
    const { origin, handle } = this.#askedOf(waiter);
    this.#forget(waiter);
    const { pushes } = this.#worker;
    const reply = pushes.encode(waiter.client.resp, write);
    this.#shard.tracking.beforeReply();
    this.#taker().sayReply(origin, handle, reply);
    pushes.release(reply);
  }

  // ------------------------------------------------------------------ words of the origin

  /** The wait is over; of one that is over here already nothing happens. */
  cancel(origin: number, handle: number): void {
    const waiter = this.#ofOrigin(origin).get(handle);
    if (waiter === undefined) return;
    this.#forget(waiter);
    this.#shard.waiting.cancel(waiter);
    this.#serveSoon();
  }

  /** There was nothing to move in the end: the waiter waits on, first in its queue. */
  release(origin: number, handle: number): void {
    const waiter = this.#ofOrigin(origin).get(handle);
    assert(waiter !== undefined, 'who is held stays until the origin says what became of it');
    this.#shard.waiting.release(waiter);
    this.#serveSoon();
  }

  #serveSoon(): void {
    if (this.#shard.waiting.hasReady) this.#worker.engine.requestTurn();
  }

  #forget(waiter: Waiter): void {
    const { origin, handle } = this.#askedOf(waiter);
    this.#asked.delete(waiter);
    this.#ofOrigin(origin).delete(handle);
  }

  #askedOf(waiter: Waiter): Asked {
    const asked = this.#asked.get(waiter);
    assert(asked !== undefined, 'a waiter of a part is known');
    return asked;
  }

  #ofOrigin(origin: number): Map<number, Waiter> {
    return (this.#waiters[origin] ??= new Map<number, Waiter>());
  }

  #taker(): NoteTaker {
    assert(this.#notes !== null, 'a worker among others tells what became of waiters');
    return this.#notes;
  }
}
