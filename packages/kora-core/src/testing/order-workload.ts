/**
 * Clients of a simulated mesh: each has a connection at one worker and sends single-shard commands
 * (several ahead, while they go to one shard or the order keeps them) and transactions over several
 * shards (one at a time, when nothing else of it is under way), until all have been done. The world
 * that carries them out is an argument, so that protocols can be compared on the same work.
 */
import type { OrderHistory } from './order-history.ts';
import type { RandomSource } from './random-source.ts';

/** What an operation does to a slot. */
export interface SlotUse {
  readonly slot: number;
  readonly isWrite: boolean;
}

/** One operation; slots ascend and each is named once. */
export interface Operation {
  /** Number in the history. */
  readonly id: number;
  readonly connection: number;
  /** Worker of the connection. */
  readonly origin: number;
  /** It is one of a pipeline over several shards, and has a place in the order. */
  readonly isOrdered: boolean;
  /** Slots by shard. */
  readonly parts: ReadonlyMap<number, readonly SlotUse[]>;
}

/** Carries operations out. `onEnd` is called once each, when the client would have its reply. */
export interface OrderWorld {
  begin(operation: Operation, onEnd: () => void): void;
}

export interface WorkloadOptions {
  readonly workerCount: number;
  readonly random: RandomSource;
  readonly history: OrderHistory;
  readonly world: OrderWorld;
  readonly connectionCount: number;
  /** Operations each connection sends. */
  readonly operationsEach: number;
  /** Slots there are, dealt to the shards in turn. */
  readonly slotCount: number;
  /** Slots a transaction uses at most; at least two shards take part. */
  readonly slotsEach: number;
  /** Part of the operations that are transactions. */
  readonly transactionShare: number;
  /** Part of the slot uses that are writes. */
  readonly writeShare: number;
  /** Commands a connection has under way at most. */
  readonly pipelineMax: number;
  /** Every other connection has commands of several shards under way. */
  readonly pipelinesAcross?: boolean;
}

interface Connection {
  readonly number: number;
  readonly origin: number;
  /** Commands of several shards may be under way. */
  readonly isOrdered: boolean;
  left: number;
  underWay: number;
  /** Shard of the commands under way; -1 = a transaction, or nothing. */
  shard: number;
  /** What it sends next, as soon as it may. */
  next: ReadonlyMap<number, readonly SlotUse[]> | null;
}

/** The shard of a slot in simulated meshes. */
export function shardOfSlot(slot: number, workerCount: number): number {
  return slot % workerCount;
}

export class OrderWorkload {
  readonly operations: Operation[] = [];
  readonly #options: WorkloadOptions;
  readonly #connections: Connection[];
  readonly #gone = new Set<number>();

  constructor(options: WorkloadOptions) {
    this.#options = options;
    this.#connections = Array.from({ length: options.connectionCount }, (_, number) => ({
      number, origin: number % options.workerCount, left: options.operationsEach, underWay: 0,
      shard: -1, next: null, isOrdered: options.pipelinesAcross === true && number % 2 === 1,
    }));
  }

  /** Sends what every connection may send now. */
  start(): void {
    for (const connection of this.#connections) this.#fill(connection);
  }

  /** The connection sends nothing more. */
  vanish(connection: number): void {
    this.#gone.add(connection);
  }

  /** Connections that have operations under way or to send. */
  busyConnections(): number[] {
    return this.#connections
      .filter(({ left, underWay, number }) => underWay > 0 || (left > 0 && !this.#gone.has(number)))
      .map(({ number }) => number);
  }

  #fill(connection: Connection): void {
    const { random, pipelineMax, transactionShare } = this.#options;
    while (connection.left > 0 && !this.#gone.has(connection.number)) {
      connection.next ??= random.chance(transactionShare)
        ? this.#transactionParts() : this.#singleParts(connection);
      const parts = connection.next;
      const [shard = -1] = parts.size === 1 ? parts.keys() : [];
      const follows = connection.isOrdered
        ? shard >= 0 && connection.shard >= 0 : shard >= 0 && shard === connection.shard;
      if (connection.underWay > 0 && (!follows || connection.underWay >= pipelineMax)) return;
      connection.next = null;
      connection.shard = shard;
      this.#send(connection, parts);
    }
  }

  #send(connection: Connection, parts: ReadonlyMap<number, readonly SlotUse[]>): void {
    const { history, world } = this.#options;
    connection.left--;
    connection.underWay++;
    const operation: Operation = {
      id: history.begin(connection.number), connection: connection.number,
      origin: connection.origin, parts, isOrdered: connection.isOrdered && parts.size === 1,
    };
    this.operations.push(operation);
    world.begin(operation, () => {
      history.end(operation.id);
      connection.underWay--;
      if (connection.underWay === 0) connection.shard = -1;
      this.#fill(connection);
    });
  }

  #singleParts(connection: Connection): Map<number, readonly SlotUse[]> {
    const { random, slotCount, workerCount, writeShare } = this.#options;
    let slot = random.below(slotCount);
    // Half of the commands follow the one before to its shard, and so need not wait for it.
    if (connection.shard >= 0 && random.chance(0.5)) {
      slot -= shardOfSlot(slot, workerCount);
      slot += connection.shard;
    }
    return new Map([
      [shardOfSlot(slot, workerCount), [{ slot, isWrite: random.chance(writeShare) }]],
    ]);
  }

  #transactionParts(): Map<number, readonly SlotUse[]> {
    const { random, slotCount, workerCount, slotsEach, writeShare } = this.#options;
    const slots = new Map<number, boolean>();
    const wanted = Math.min(2 + random.below(slotsEach - 1), slotCount);
    const shards = new Set<number>();
    while (slots.size < wanted || shards.size < 2) {
      const slot = random.below(slotCount);
      slots.set(slot, random.chance(writeShare));
      shards.add(shardOfSlot(slot, workerCount));
    }
    const parts = new Map<number, SlotUse[]>();
    for (const [slot, isWrite] of [...slots].sort(([a], [b]) => a - b)) {
      const shard = shardOfSlot(slot, workerCount);
      const uses = parts.get(shard) ?? [];
      uses.push({ slot, isWrite });
      parts.set(shard, uses);
    }
    return parts;
  }
}
