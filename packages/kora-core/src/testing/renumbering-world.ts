/**
 * The other way to order transactions over several shards, for comparison: a number is taken first,
 * intents race to all shards, and a shard that has granted a conflicting higher number refuses; the
 * coordinator takes back what it asked for elsewhere and begins again with a new number. Runs when
 * all have granted, and the locks go with the run. Transactions only.
 * Cost: O(intents at a shard) a message; for simulations.
 */
import { assert } from '../assert.ts';
import type { OrderHistory } from './order-history.ts';
import type { OrderNetwork } from './order-network.ts';
import { OrderLane } from './order-network.ts';
import type { Operation, OrderWorld, SlotUse } from './order-workload.ts';

interface Waiting {
  readonly number: number;
  readonly uses: readonly SlotUse[];
  readonly attempt: Attempt;
  isGranted: boolean;
}

/** One try of a transaction, with one number. */
interface Attempt {
  readonly operation: Operation;
  readonly number: number;
  readonly onEnd: () => void;
  pending: number;
  isOver: boolean;
}

interface Past {
  read: number;
  written: number;
}

export class RenumberingWorld implements OrderWorld {
  /** Intents that a shard refused. */
  refusalCount = 0;
  /** Tries of all transactions. */
  attemptCount = 0;
  /** Most tries of one transaction. */
  attemptsMax = 0;
  readonly #network: OrderNetwork;
  readonly #history: OrderHistory;
  readonly #shards: Waiting[][];
  /** By slot: the highest numbers that were granted. */
  readonly #past = new Map<number, Past>();
  readonly #triesOf = new Map<number, number>();
  #lastNumber = 0;

  constructor(workerCount: number, network: OrderNetwork, history: OrderHistory) {
    this.#network = network;
    this.#history = history;
    this.#shards = Array.from({ length: workerCount }, () => []);
  }

  begin(operation: Operation, onEnd: () => void): void {
    assert(operation.parts.size > 1, 'this world knows transactions only');
    const tries = (this.#triesOf.get(operation.id) ?? 0) + 1;
    this.#triesOf.set(operation.id, tries);
    this.attemptsMax = Math.max(this.attemptsMax, tries);
    this.attemptCount++;
    const attempt: Attempt = {
      operation, number: ++this.#lastNumber, onEnd, pending: operation.parts.size, isOver: false,
    };
    for (const [shard, uses] of operation.parts) {
      if (attempt.isOver) break;
      this.#send(operation.origin, shard, () => this.#onIntent(shard, uses, attempt));
    }
  }

  #onIntent(shard: number, uses: readonly SlotUse[], attempt: Attempt): void {
    const isLate = uses.some(({ slot, isWrite }) => {
      const { read, written } = this.#pastOf(slot);
      return written > attempt.number || (isWrite && read > attempt.number);
    });
    if (isLate) {
      this.refusalCount++;
      this.#send(shard, attempt.operation.origin, () => this.#onRefusal(attempt));
      return;
    }
    const present = this.#shardOf(shard);
    present.push({ number: attempt.number, uses, attempt, isGranted: false });
    present.sort((a, b) => a.number - b.number);
    this.#grant(shard);
  }

  /** Grants all that meet no lower number. */
  #grant(shard: number): void {
    const present = [...this.#shardOf(shard)];
    for (const [at, waiting] of present.entries()) {
      if (waiting.isGranted) continue;
      if (present.slice(0, at).some((other) => conflict(other.uses, waiting.uses))) continue;
      waiting.isGranted = true;
      for (const { slot, isWrite } of waiting.uses) {
        const past = this.#pastOf(slot);
        if (isWrite) past.written = Math.max(past.written, waiting.number);
        else past.read = Math.max(past.read, waiting.number);
      }
      const { attempt } = waiting;
      this.#send(shard, attempt.operation.origin, () => this.#onGranted(attempt));
    }
  }

  #onGranted(attempt: Attempt): void {
    if (attempt.isOver || --attempt.pending > 0) return;
    const { operation } = attempt;
    let left = operation.parts.size;
    for (const [shard, uses] of operation.parts) {
      this.#send(operation.origin, shard, () => {
        for (const { slot, isWrite } of uses) this.#history.access(operation.id, slot, isWrite);
        this.#send(shard, operation.origin, () => {
          if (--left === 0) attempt.onEnd();
        });
        this.#remove(shard, attempt);
      });
    }
  }

  /** Takes the intents of this number back and begins again; whichever refusal comes first. */
  #onRefusal(attempt: Attempt): void {
    if (attempt.isOver) return;
    attempt.isOver = true;
    const { operation, onEnd } = attempt;
    for (const shard of operation.parts.keys()) {
      this.#send(operation.origin, shard, () => this.#remove(shard, attempt));
    }
    this.begin(operation, onEnd);
  }

  #remove(shard: number, attempt: Attempt): void {
    const present = this.#shardOf(shard);
    const at = present.findIndex((waiting) => waiting.attempt === attempt);
    if (at >= 0) present.splice(at, 1);
    this.#grant(shard);
  }

  /** One way for all: what is taken back must not come before what it takes back. */
  #send(from: number, to: number, deliver: () => void): void {
    this.#network.send(from, to, OrderLane.Requests, deliver);
  }

  #shardOf(shard: number): Waiting[] {
    const present = this.#shards[shard];
    assert(present !== undefined, 'shards are numbered from 0');
    return present;
  }

  #pastOf(slot: number): Past {
    const known = this.#past.get(slot);
    if (known !== undefined) return known;
    const past = { read: 0, written: 0 };
    this.#past.set(slot, past);
    return past;
  }
}

function conflict(one: readonly SlotUse[], other: readonly SlotUse[]): boolean {
  return one.some(({ slot, isWrite }) =>
    other.some((use) => use.slot === slot && (isWrite || use.isWrite)));
}
