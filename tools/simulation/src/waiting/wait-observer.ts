/**
 * Follows commands that wait through the workers: when they have been noted by all shards, who
 * serves them, and in which state the end of a connection finds them. What is right is judged by
 * that and by what clients hear; nothing is changed.
 */
import type { Waiter } from '@kora/core';
import type { WorkerRig } from '@kora/server/testing';
import { Step } from '@kora/server/testing';
import type { Stage } from '../scene.ts';
import type { BlockingOp } from './blocking-op.ts';
import { QUEUED_KINDS } from './blocking-op.ts';
import { WaitClient } from './wait-client.ts';

type Worker = WorkerRig['worker'];
type Mesh = NonNullable<Worker['mesh']>;

/** Words of the argument that says who waits (mesh/wait-parts.ts). */
const ASKING_WORDS = 4;

export class WaitObserver {
  readonly #stage: Stage;
  readonly #tick: () => number;
  /** Commands under way, by their origin and handle. */
  readonly #ops = new Map<string, BlockingOp>();
  readonly #byWaiter = new Map<Waiter, BlockingOp>();

  constructor(stage: Stage, tick: () => number) {
    this.#stage = stage;
    this.#tick = tick;
  }

  attach(index: number, { worker }: WorkerRig): void {
    this.#seeOwn(index, worker);
    this.#seeEnds(index, worker);
    if (worker.mesh === null) return;
    this.#seeAsked(index, worker.mesh);
    this.#seeParts(index, worker.mesh);
  }

  /** Where the claim words of commands under way are, by worker and byte. */
  hasClaimAt(worker: number, at: number): boolean {
    return [...this.#ops.values()].some(({ claim }) => claim?.origin === worker && claim.at === at);
  }

  #clientAt(worker: number, slot: number): WaitClient | undefined {
    const actor = this.#stage.actorAt(worker, slot);
    return actor instanceof WaitClient ? actor : undefined;
  }

  readonly #wordAt = (worker: number, at: number): number =>
    this.#stage.mesh.rigs[worker]?.composed.memory.i32[at >>> 2] ?? 0;

  // ------------------------------------------------------------------ on the own shard

  #seeOwn(index: number, { keyWaits }: Worker): void {
    const begin = keyWaits.begin.bind(keyWaits);
    keyWaits.begin = (waiter) => {
      begin(waiter);
      const { client } = waiter;
      const op = 'slot' in client ? this.#clientAt(index, Number(client.slot))?.op : undefined;
      if (op === undefined) return;
      op.waiter = waiter;
      op.waitingSince = this.#tick();
      op.untilMs = waiter.untilMs;
      this.#byWaiter.set(waiter, op);
      this.#stage.trace(() => `worker ${index} notes ${op.toString()}`);
    };
    const answer = keyWaits.answer.bind(keyWaits);
    keyWaits.answer = (waiter, write) => {
      this.#onServed(index, this.#byWaiter.get(waiter));
      answer(waiter, write);
    };
  }

  // ------------------------------------------------------------------ across workers

  #seeAsked(index: number, { coordination, waitsAcross }: Mesh): void {
    const { clock } = this.#stage.mesh;
    const begin = waitsAcross.begin.bind(waitsAcross);
    waitsAcross.begin = (session, command, frame) => {
      const op = this.#clientAt(index, session.slot)?.op;
      if (op !== undefined && op.asked.timeoutMs > 0) {
        op.untilMs = clock.nowMs() + op.asked.timeoutMs;
      }
      return begin(session, command, frame);
    };
    const beginWaiting = coordination.beginWaiting.bind(coordination);
    coordination.beginWaiting = (session, command, frame, asking, done) => {
      const op = this.#clientAt(index, session.slot)?.op;
      const askingAt = asking.at[asking.count - 1] ?? 0;
      const [handle = 0, at = 0, waiting = 0] = this.#words(index, askingAt);
      if (op !== undefined) {
        op.rejoin({ origin: index, handle, at: at >>> 0, waiting });
        this.#ops.set(`${index}/${handle}`, op);
      }
      const step = beginWaiting(session, command, frame, asking, done);
      if (step === Step.Sent && op !== undefined) {
        op.shards = coordination.plannedShards;
        this.#lookWhetherAll(op);
      }
      return step;
    };
    const beginTrying = coordination.beginTrying.bind(coordination);
    coordination.beginTrying = (session, command, frame, done) => {
      const op = this.#clientAt(index, session.slot)?.op;
      if (op !== undefined) op.isTrying = true;
      return beginTrying(session, command, frame, (outcome) => {
        if (op !== undefined) op.isTrying = false;
        done(outcome);
      });
    };
  }

  #seeParts(index: number, { waitParts }: Mesh): void {
    let running: BlockingOp | undefined;
    const run = waitParts.run.bind(waitParts);
    waitParts.run = (command, frame, origin, sink) => {
      const [handle = 0, , , isWhole = 0] = this.#words(index, frame.at[frame.count - 1] ?? 0);
      const op = this.#ops.get(`${origin}/${handle}`);
      const { progress } = sink;
      running = op;
      run(command, frame, origin, sink);
      running = undefined;
      if (op === undefined) return;
      if (isWhole === 1 && sink.progress !== progress) op.isServed = true;
      // Also the shard of a destination, which has nothing to note.
      else this.#onNoted(index, op);
    };
    const begin = waitParts.begin.bind(waitParts);
    waitParts.begin = (waiter) => {
      begin(waiter);
      if (running === undefined) return;
      this.#byWaiter.set(waiter, running);
    };
    const claim = waitParts.claim.bind(waitParts);
    waitParts.claim = (waiter) => {
      const isServed = this.#stage.steadily(() => claim(waiter));
      const op = this.#byWaiter.get(waiter);
      if (op !== undefined && waiter.isElsewhere) {
        op.isMoving = !isServed && op.isTaken(this.#wordAt);
      }
      return isServed;
    };
    for (const end of ['cancel', 'release'] as const) {
      const told = waitParts[end].bind(waitParts);
      waitParts[end] = (origin, handle) => {
        const op = this.#ops.get(`${origin}/${handle}`);
        if (op !== undefined) op.isMoving = false;
        told(origin, handle);
      };
    }
    const answer = waitParts.answer.bind(waitParts);
    waitParts.answer = (waiter, write) => {
      this.#onServed(index, this.#byWaiter.get(waiter));
      answer(waiter, write);
    };
  }

  #onNoted(index: number, op: BlockingOp): void {
    this.#stage.trace(() => `worker ${index} notes ${op.toString()}`);
    op.joined |= 1 << index;
    this.#lookWhetherAll(op);
  }

  #lookWhetherAll(op: BlockingOp): void {
    const { shards, joined } = op;
    if (shards !== 0 && (shards & ~joined) === 0) op.waitingSince = this.#tick();
  }

  #words(worker: number, at: number): number[] {
    const bytes = Buffer.from(this.#stage.textAt(worker, at, ASKING_WORDS * 4), 'latin1');
    return Array.from({ length: ASKING_WORDS }, (_, i) => bytes.readInt32LE(i * 4));
  }

  // ------------------------------------------------------------------ what becomes of them

  /** The command is taken to its end: who waits freely, and longer, for the same? */
  #onServed(index: number, op: BlockingOp | undefined): void {
    if (op === undefined) return;
    op.isServed = true;
    const { kind, keys, askedAt } = op.asked;
    this.#stage.trace(() => `worker ${index} serves ${op.toString()}`);
    if (!QUEUED_KINDS.has(kind)) return;
    op.overtaken = this.#present().filter((other) => other.asked.kind === kind &&
      other.waitingSince < askedAt && other.asked.keys.some((key) => keys.includes(key)) &&
      (other.isMoving || other.isFree(this.#wordAt)));
  }

  /** Commands of all who are connected. */
  #present(): BlockingOp[] {
    return this.#stage.mesh.rigs.flatMap(({ worker }, index) =>
      [...worker.sessions.open()].flatMap(({ slot }) => this.#clientAt(index, slot)?.op ?? []));
  }

  /** True when the command waits and nothing has been done for it. */
  isFree(op: BlockingOp): boolean {
    return op.isFree(this.#wordAt);
  }

  #seeEnds(index: number, worker: Worker): void {
    const beginClosing = worker.beginClosing.bind(worker);
    worker.beginClosing = (session) => {
      const op = this.#clientAt(index, session.slot)?.op;
      const isFree = !session.isClosing && op !== undefined && op.isFree(this.#wordAt);
      beginClosing(session);
      // A shard that has all its keys may have served it before the claim was cancelled.
      if (!isFree || op.isServed) return;
      op.hasLeftFreely = true;
      this.#stage.trace(() => `${op.toString()} leaves while it waits`);
    };
  }
}
