/**
 * What workers tell each other about commands that wait for keys: an owner tells the origin of a
 * reply, or that a move to another shard has something to move; the origin tells owners that a
 * wait is over or goes on. Along the lane of replies, in order with the transactions that made the
 * waiters; what the origin's own shard has to say to itself is a call.
 */
import { assert } from '@kora/core';
import type { PushMessage } from '../pushes.ts';
import { NoteTopic } from './note-topics.ts';
import type { Notes } from './notes.ts';
import type { WaitParts } from './wait-parts.ts';
import type { WaitsAcross } from './waits-across.ts';

/** Hears of waiters of this shard, whoever their origin is. */
export interface NoteTaker {
  /** It was served: this is its reply, which is read before this returns. */
  sayReply(origin: number, handle: number, reply: PushMessage): void;
  /** The list that it moves from has something. */
  sayMovable(origin: number, handle: number): void;
}

export class WaitNotes implements NoteTaker {
  readonly #me: number;
  readonly #notes: Notes;
  readonly #parts: WaitParts;
  #across: WaitsAcross | null = null;
  readonly #low: Uint8Array;

  constructor(me: number, notes: Notes, parts: WaitParts, low: Uint8Array) {
    this.#me = me;
    this.#notes = notes;
    this.#parts = parts;
    this.#low = low;
    parts.attach(this);
    this.#on(NoteTopic.WaitReply, (_from, handle, body) => {
      this.#origin().onReply(handle, body.slice());
    });
    this.#on(NoteTopic.WaitLost, (_from, handle) => {
      this.#origin().onReply(handle, null);
    });
    this.#on(NoteTopic.WaitMovable, (from, handle) => {
      this.#origin().onMovable(handle, from);
    });
    this.#on(NoteTopic.WaitOver, (from, handle) => {
      parts.cancel(from, handle);
    });
    this.#on(NoteTopic.WaitOn, (from, handle) => {
      parts.release(from, handle);
    });
  }

  /** Who has the waits of this worker's connections; once. */
  attach(across: WaitsAcross): void {
    this.#across = across;
  }

  sayReply(origin: number, handle: number, reply: PushMessage): void {
    if (origin === this.#me) {
      this.#origin().onReply(handle, reply.isWhole ? this.#bytesOf(reply) : null);
      return;
    }
    if (reply.isWhole) this.#notes.sendEncoded(origin, NoteTopic.WaitReply, handle, reply.ranges);
    else this.#notes.send(origin, NoteTopic.WaitLost, handle);
  }

  sayMovable(origin: number, handle: number): void {
    if (origin === this.#me) this.#origin().onMovable(handle, this.#me);
    else this.#notes.send(origin, NoteTopic.WaitMovable, handle);
  }

  /** The origin: the wait is over on these shards. */
  sayOver(shards: number, handle: number): void {
    for (let left = shards; left !== 0; left &= left - 1) {
      const shard = 31 - Math.clz32(left & -left);
      if (shard === this.#me) this.#parts.cancel(this.#me, handle);
      else this.#notes.send(shard, NoteTopic.WaitOver, handle);
    }
  }

  /** The origin: there was nothing to move. */
  sayOn(shard: number, handle: number): void {
    if (shard === this.#me) this.#parts.release(this.#me, handle);
    else this.#notes.send(shard, NoteTopic.WaitOn, handle);
  }

  #bytesOf({ ranges }: PushMessage): Uint8Array {
    const bytes = new Uint8Array(ranges.reduce((sum, range) => sum + range.bytes, 0));
    let to = 0;
    for (const range of ranges) {
      bytes.set(this.#low.subarray(range.at, range.at + range.bytes), to);
      to += range.bytes;
    }
    return bytes;
  }

  #on(topic: number, take: (from: number, number: number, body: Uint8Array) => void): void {
    this.#notes.on(topic, take);
  }

  #origin(): WaitsAcross {
    assert(this.#across !== null, 'a worker among others has connections that may wait');
    return this.#across;
  }
}
