/**
 * Notes with names to other workers: who counts them must hear of every one, in order, or its
 * counts are wrong for good. What finds no memory on its way waits here, and all that comes behind
 * it, and is tried again with the next one and in every tick.
 */
import { NoteTopic } from '../mesh/note-topics.ts';
import type { Notes } from '../mesh/notes.ts';
import { encodeNames } from './topic-notes.ts';
import type { NamesNote } from './topic-notes.ts';

interface Unsent {
  readonly worker: number;
  readonly id: number;
  readonly body: Uint8Array;
}

export class NamesOutbox {
  readonly #notes: Notes;
  #unsent: Unsent[] = [];

  constructor(notes: Notes) {
    this.#notes = notes;
  }

  get isEmpty(): boolean {
    return this.#unsent.length === 0;
  }

  /** @param id of the change, for the answer */
  send(worker: number, id: number, note: NamesNote): void {
    this.#unsent.push({ worker, id, body: encodeNames(note) });
    this.flush();
  }

  /** Sends what waits, as far as there is memory. */
  flush(): void {
    if (this.isEmpty) return;
    const left: Unsent[] = [];
    /** Workers for which something is left: a bit each. */
    let behind = 0;
    for (const unsent of this.#unsent) {
      const bit = 1 << unsent.worker;
      if ((behind & bit) === 0 && this.#trySend(unsent)) continue;
      behind |= bit;
      left.push(unsent);
    }
    this.#unsent = left;
  }

  #trySend({ worker, id, body }: Unsent): boolean {
    return this.#notes.send(worker, NoteTopic.PubSubNames, id, (sink) => {
      sink.raw(body);
    });
  }
}
