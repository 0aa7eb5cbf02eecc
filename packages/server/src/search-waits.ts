/**
 * Sessions whose commands wait for vector threads (kora-core/src/types/vector-set/parked-searches).
 * Such a wait is short and ends by itself: nothing else ends it, and a peer that has said its last
 * word is answered before its session ends. Who is gone is answered nothing.
 */
import type { ClientState, ParkedSearch, ReplySink, SearchHost } from '@kora/core';
import { assert } from '@kora/core';
import { Session } from './session.ts';
import type { Waited } from './waits.ts';
import type { Worker } from './worker.ts';

/** What such a session waits for. */
class SearchWait implements Waited {
  readonly isOwed = true;
  readonly search: ParkedSearch;

  constructor(search: ParkedSearch) {
    this.search = search;
  }

  cancel(): boolean {
    return false;
  }

  writeNothing(): void {
    assert(false, 'a search has no deadline');
  }
}

export class SearchWaits implements SearchHost {
  readonly #worker: Worker;

  constructor(worker: Worker) {
    this.#worker = worker;
  }

  /** Replies of other workers, which it waits for, have their order elsewhere. */
  mayPark(client: ClientState): boolean {
    return sessionOfClient(client).window === null;
  }

  begin(search: ParkedSearch): void {
    const session = sessionOfClient(search.client);
    const { store, waits } = this.#worker;
    store?.noteAsked(session.slot);
    waits.begin(session, new SearchWait(search), Infinity);
  }

  answer(search: ParkedSearch, write: (out: ReplySink) => void): void {
    const session = sessionOfClient(search.client);
    const waited = session.wait?.waited;
    if (!(waited instanceof SearchWait) || waited.search !== search) return;
    this.#worker.waits.answer(session, write);
  }
}

function sessionOfClient(client: ClientState): Session {
  assert(client instanceof Session, 'whose searches threads make is a session');
  return client;
}
