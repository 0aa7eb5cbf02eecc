/**
 * Sees what the shards' executors run, and for which request of which client: hints of what ran
 * when. From outside a worker takes the requests of a connection in their order; each of them runs
 * there, or goes to others under a name that no other request has:
 *   a request to another worker   its worker / window / place in the window, in its message
 *   a part of a transaction       the number of the transaction, which has a window and a place
 * So what runs is never guessed by its words. Where the product mixes these up hints are wrong, and
 * the search for an order, which does not rest on them, finds none.
 */
import type { ArgFrame, Command } from '@kora/core';
import { ClientFlag } from '@kora/core';
import type { WorkerRig } from '@kora/server/testing';
import { Step } from '@kora/server/testing';
import type { History } from './history.ts';
import type { Asker, Note, Request } from './run-notes.ts';
import { longTokenOf, TOKEN_BYTES_MAX, tokenOf } from './run-notes.ts';

type Worker = WorkerRig['worker'];
type Mesh = NonNullable<Worker['mesh']>;

/** What it has to be told. */
export interface ObservedWorld {
  readonly history: History;
  readonly trace: (line: () => string) => void;
  /** Bytes of a worker's memory, one a character. */
  textAt(worker: number, at: number, bytes: number): string;
  /** Keys that a worker owns. */
  keysAt(worker: number): readonly string[];
  /** The next request of the connection is taken by its worker. */
  takeRequest(worker: number, slot: number, name: string): Request;
  /** The one that was taken last. */
  lastRequest(worker: number, slot: number): Request | undefined;
}

/** A lane, whose current message is a request. */
interface Lane {
  readonly a: number;
  readonly b: number;
}

export class RunObserver {
  readonly #world: ObservedWorld;
  /** What other workers were asked for, by worker, window and place. */
  readonly #sent = new Map<string, Asker>();
  /** Transactions by their number: worker, window and place. */
  readonly #transactions = new Map<number, string>();

  constructor(world: ObservedWorld) {
    this.#world = world;
  }

  /** Sees all that this worker takes and runs from now on. */
  attach(index: number, { worker }: WorkerRig): void {
    new WorkerObserver(this.#world, index, worker, this.#sent, this.#transactions);
  }
}

class WorkerObserver {
  readonly #world: ObservedWorld;
  readonly #index: number;
  readonly #worker: Worker;
  readonly #sent: Map<string, Asker>;
  readonly #transactions: Map<number, string>;
  /** What is run for another worker, or as a part. */
  #place: (() => string) | undefined;
  /** Own requests of a burst that are about to run. */
  readonly #burst: Request[] = [];
  #running: Note | undefined;

  constructor(
    world: ObservedWorld, index: number, worker: Worker, sent: Map<string, Asker>,
    transactions: Map<number, string>,
  ) {
    this.#world = world;
    this.#index = index;
    this.#worker = worker;
    this.#sent = sent;
    this.#transactions = transactions;
    const { mesh } = worker;
    if (mesh !== null) {
      this.#seeTaken(mesh);
      this.#seeSent(mesh);
      this.#seeForeign(mesh);
    }
    this.#seeRuns(worker);
  }

  /** Requests of own connections that leave, or run in bursts. */
  #seeTaken({ origin, bursts }: Mesh): void {
    const dispatch = origin.dispatch.bind(origin);
    origin.dispatch = (session, command, frame, known, isFollowed) => {
      const step = dispatch(session, command, frame, known, isFollowed);
      if (step !== Step.Sent) return step;
      const request = this.#world.takeRequest(this.#index, session.slot, command.name);
      const { window } = session;
      if (window !== null) this.#noteSent(window.index, window.tail - 1, request);
      return step;
    };
    const publish = bursts.publish.bind(bursts);
    bursts.publish = (session, pipeline, isFollowed) => {
      if (!publish(session, pipeline, isFollowed)) return false;
      for (let i = 0; i < pipeline.count; i++) {
        const name = pipeline.commands[i]?.name ?? '';
        const request = this.#world.takeRequest(this.#index, session.slot, name);
        if (pipeline.owners[i] === this.#index) this.#burst.push(request);
        else this.#noteSent(session.window?.index ?? -1, bursts.firstPlace + i, request);
      }
      return true;
    };
  }

  #noteSent(window: number, place: number, { operation }: Request): void {
    this.#askerAt(placeName(this.#index, window, place)).operation = operation;
  }

  /** A request under way; who runs it may know of it before its origin has gone on. */
  #askerAt(place: string): Asker {
    const asker = this.#sent.get(place) ?? { operation: undefined };
    this.#sent.set(place, asker);
    return asker;
  }

  #seeSent({ coordination }: Mesh): void {
    const sendIntent = coordination.sendIntent.bind(coordination);
    coordination.sendIntent = (transaction, shard, form) => {
      const { work, number } = transaction;
      const place = placeName(this.#index, work?.window.index ?? -1, work?.place ?? -1);
      this.#transactions.set(number, place);
      sendIntent(transaction, shard, form);
    };
  }

  /** What runs here for other workers, and parts of transactions. */
  #seeForeign({ owner, participation }: Mesh): void {
    const serve = owner.serve.bind(owner);
    // Of a burst in a lane the place is that of the request that runs.
    owner.serve = (peer) => {
      const { requestsIn: lane, index } = peer;
      return this.#within(() => placeName(index, lane.a, owner.place), () => serve(peer));
    };
    const takeOrdered = owner.takeOrdered.bind(owner);
    owner.takeOrdered = (peer) => {
      const { orderedIn: lane, index } = peer;
      return this.#within(() => placeName(index, lane.a, owner.place), () => takeOrdered(peer));
    };
    const runParked = owner.runParked.bind(owner);
    owner.runParked = (request) => {
      const { peerIndex, window: a, place: b } = request;
      this.#at(peerIndex, { a, b }, () => {
        runParked(request);
      });
    };
    const run = participation.run.bind(participation);
    participation.run = (intent) => {
      const place = this.#transactions.get(intent.transaction) ?? '';
      return this.#within(() => place, () => run(intent));
    };
    const { watches } = participation;
    const watch = watches.watch.bind(watches);
    watches.watch = (coordinator, clientId, frame) => {
      this.#note('watch', frame, this.#askerAt(this.#place?.() ?? ''), 'another worker');
      return watch(coordinator, clientId, frame);
    };
  }

  #at<T>(worker: number, lane: Lane, run: () => T): T {
    return this.#within(() => placeName(worker, lane.a, lane.b), run);
  }

  #within<T>(place: () => string, run: () => T): T {
    const before = this.#place;
    this.#place = place;
    try {
      return run();
    } finally {
      this.#place = before;
    }
  }

  #seeRuns({ executor, shard }: Worker): void {
    shard.journal.listen(({ keyAt, keyBytes }) => {
      this.#running?.changed.add(this.#world.textAt(this.#index, keyAt, keyBytes));
    });
    const run = executor.run.bind(executor);
    executor.run = (command, frame, out) => {
      // Within MULTI it is queued.
      const isQueued = (frame.client.flags & ClientFlag.InMulti) !== 0;
      const asker = this.#take(command, frame);
      this.#running = isQueued ? undefined : this.#noteOf(command, frame, asker);
      const outcome = run(command, frame, out);
      this.#end();
      return outcome;
    };
    const runAdmitted = executor.runAdmitted.bind(executor);
    executor.runAdmitted = (command, frame, out) => {
      const { client } = frame;
      const slot = 'slot' in client ? Number(client.slot) : -1;
      const request = this.#world.lastRequest(this.#index, slot);
      this.#running = this.#noteOf(command, frame, request);
      runAdmitted(command, frame, out);
      this.#end();
    };
  }

  #end(): void {
    if (this.#running !== undefined) this.#running.nowMs = this.#worker.shard.nowMs;
    this.#running = undefined;
  }

  /** Whose request runs: a connection's next one, or one that was sent. */
  #take(command: Command, { client }: ArgFrame): Asker {
    if (!('slot' in client)) return this.#askerAt(this.#place?.() ?? '');
    return this.#burst.shift() ??
      this.#world.takeRequest(this.#index, Number(client.slot), command.name);
  }

  #noteOf(command: Command, frame: ArgFrame, asker: Asker | undefined): Note {
    const who = 'slot' in frame.client ? 'its own' : 'another worker';
    return this.#note(command.name, frame, asker, who);
  }

  #note(name: string, frame: ArgFrame, asker: Asker | undefined, who: string): Note {
    const words: string[] = [];
    for (let i = 0; i < frame.count; i++) {
      const at = frame.at[i] ?? -1;
      const length = frame.bytes[i] ?? 0;
      words.push(at < 0 ? longTokenOf({ length })
        : tokenOf(this.#world.textAt(this.#index, at, Math.min(length, TOKEN_BYTES_MAX))));
    }
    const { history, trace } = this.#world;
    trace(() => `worker ${this.#index} runs ${words.join(' ')} of ` +
      `${asker?.operation?.client ?? who}`);
    const note = history.noteRun(words, asker);
    if (name === 'flushall') {
      for (const key of this.#world.keysAt(this.#index)) note.changed.add(key);
    }
    return note;
  }
}

function placeName(worker: number, window: number, place: number): string {
  return `${worker}/${window}/${place}`;
}
