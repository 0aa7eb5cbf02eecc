/**
 * Which operations of a connection come before which, as the order of its pipeline promises:
 *   strict    every operation comes before the next one
 *   writes    a write comes after all before it and before all after it; reads may overlap
 *   relaxed   operations of one shard keep their order; those of several come alone
 * A WATCH comes before all that is asked after it, else what was read under it could be older.
 */
import { slotOfKey } from '@kora/core';
import { PipelineOrder } from '@kora/server/testing';
import { isReadCommand, keysOf } from './command-models.ts';

const SLOT_COUNT = 16_384;
const SEVERAL = -1;

/** The shard that owns a key. */
export function ownerOf(key: string, workerCount: number): number {
  const bytes = Buffer.from(key, 'latin1');
  return Math.floor((slotOfKey(bytes, 0, bytes.length) * workerCount) / SLOT_COUNT);
}

export class SessionOrder {
  readonly #order: number;
  readonly #workerCount: number;
  readonly #worker: number;
  /** The last one that all later ones come after; -1: none. */
  #barrier = -1;
  /** Since then. */
  #since: number[] = [];
  readonly #lastOf = new Map<number, number>();

  /** @param worker where the connection is */
  constructor(order: number, workerCount: number, worker: number) {
    this.#order = order;
    this.#workerCount = workerCount;
    this.#worker = worker;
  }

  /** @returns those that come right before the next operation, whose number this is */
  next(
    index: number, kind: 'command' | 'exec' | 'watch', words: readonly string[],
  ): readonly number[] {
    const before = this.#barrier < 0 ? [] : [this.#barrier];
    if (this.#order === PipelineOrder.Strict) {
      this.#barrier = index;
      return before;
    }
    if (this.#order === PipelineOrder.Relaxed) return this.#nextRelaxed(index, kind, words, before);
    if (kind === 'watch') {
      this.#barrier = index;
      return before;
    }
    const isRead = kind === 'command' && isReadCommand(words[0] ?? '');
    if (!isRead) before.push(...this.#since);
    if (isRead) {
      this.#since.push(index);
    } else {
      this.#since = [];
      this.#barrier = index;
    }
    return before;
  }

  #nextRelaxed(
    index: number, kind: string, words: readonly string[], before: number[],
  ): readonly number[] {
    const owners = new Set(keysOf(words).map((key) => ownerOf(key, this.#workerCount)));
    const [owner = SEVERAL] = owners;
    const isForeignWatch = kind === 'watch' && owner !== this.#worker;
    if (kind === 'exec' || owners.size !== 1 || isForeignWatch) {
      before.push(...this.#since);
      this.#since = [];
      this.#lastOf.clear();
      this.#barrier = index;
      return before;
    }
    const last = this.#lastOf.get(owner);
    if (last !== undefined) before.push(last);
    this.#lastOf.set(owner, index);
    this.#since.push(index);
    return before;
  }
}
