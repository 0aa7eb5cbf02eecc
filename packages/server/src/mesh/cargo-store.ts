/**
 * Records that a coordinator has sent to this shard's part of a transaction, until the part runs:
 * values it needs, or changes of its own keys. They come before the word that runs the part, and
 * before the intent where that runs at its grant, so they are kept by the transaction's name.
 * Bound: one set of records for each transaction under way.
 */
import type { WorkerMemory } from '@kora/core';
import { TRANSACTION_COUNT_MAX } from '@kora/core';
import { ReplyBytes } from './reply-bytes.ts';

export class CargoStore {
  readonly #memory: WorkerMemory;
  readonly #cargo = new Map<number, ReplyBytes>();

  constructor(memory: WorkerMemory) {
    this.#memory = memory;
  }

  /** Transactions that have cargo here. */
  get count(): number {
    return this.#cargo.size;
  }

  /** Adds bytes of low memory. */
  add(coordinator: number, handle: number, at: number, bytes: number): void {
    this.#of(coordinator, handle).add(at, bytes);
  }

  /** Some of it was lost on the way. */
  lose(coordinator: number, handle: number): void {
    const cargo = this.#of(coordinator, handle);
    cargo.free();
    cargo.isLost = true;
  }

  /** What has come; the caller frees it. Null when nothing was sent. */
  take(coordinator: number, handle: number): ReplyBytes | null {
    const name = nameOf(coordinator, handle);
    const cargo = this.#cargo.get(name) ?? null;
    this.#cargo.delete(name);
    return cargo;
  }

  /** Keeps what was taken, for the next step of the part; more may come behind it. */
  keep(coordinator: number, handle: number, cargo: ReplyBytes): void {
    this.#cargo.set(nameOf(coordinator, handle), cargo);
  }

  /** The part does not run. */
  drop(coordinator: number, handle: number): void {
    if (this.#cargo.size !== 0) this.take(coordinator, handle)?.free();
  }

  #of(coordinator: number, handle: number): ReplyBytes {
    const name = nameOf(coordinator, handle);
    let cargo = this.#cargo.get(name);
    if (cargo === undefined) {
      cargo = new ReplyBytes(this.#memory);
      this.#cargo.set(name, cargo);
    }
    return cargo;
  }
}

function nameOf(coordinator: number, handle: number): number {
  return coordinator * TRANSACTION_COUNT_MAX + handle;
}
