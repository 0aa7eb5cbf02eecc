/**
 * Sessions whose commands wait for keys of this worker's own shard: BLPOP, BZPOPMIN, XREAD BLOCK
 * and their kin. The shard's table (kora-core/src/waiting) knows who waits for what and serves
 * them; the worker's waits (waits.ts) know until when, and who goes on. This holds both together:
 * whichever ends a wait tells the other, and a session that is gone is served nothing.
 */
import type { ReplySink, Shard, Waiter, WaitHost } from '@kora/core';
import { assert } from '@kora/core';
import { Session } from './session.ts';
import type { Waited } from './waits.ts';
import type { Worker } from './worker.ts';

/** What such a session waits for. */
class KeyWait implements Waited {
  readonly #shard: Shard;
  readonly #waiter: Waiter;

  constructor(shard: Shard, waiter: Waiter) {
    this.#shard = shard;
    this.#waiter = waiter;
  }

  cancel(): boolean {
    this.#waiter.client.waiter = null;
    this.#shard.waiting.cancel(this.#waiter);
    return true;
  }

  writeNothing(sink: ReplySink): void {
    sink.nullArray();
  }
}

export class KeyWaits implements WaitHost {
  readonly #worker: Worker;

  constructor(worker: Worker) {
    this.#worker = worker;
  }

  begin(waiter: Waiter): void {
    const { shard, store, waits } = this.#worker;
    const session = sessionOfWaiter(waiter);
    store?.noteAsked(session.slot);
    waits.begin(session, new KeyWait(shard, waiter), waiter.untilMs);
  }

  hasRoom(_waiter: Waiter, bytes: number): boolean {
    return this.#worker.pushes.reserve(bytes);
  }

  /** Nobody but this thread could end it. */
  claim(): boolean {
    return true;
  }

  answer(waiter: Waiter, write: (out: ReplySink) => void): void {
    const session = sessionOfWaiter(waiter);
    const { pushes, waits } = this.#worker;
    session.waiter = null;
    // Nobody reads the reply, but what it tells of happens.
    if (session.wait?.isMuted === true) pushes.release(pushes.encode(session.resp, write));
    waits.answer(session, write);
  }
}

function sessionOfWaiter({ client }: Waiter): Session {
  assert(client instanceof Session, 'who waits here is a session');
  return client;
}
