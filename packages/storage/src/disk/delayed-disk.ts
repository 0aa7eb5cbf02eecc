/**
 * A Disk for tests that takes its time: each operation happens and completes in some later drain,
 * in any order among those under way, as a kernel's queue may do.
 * Whoever relies on an order that no completion gives is found by it.
 */
import type { Chance } from '@kora/core';
import { tryPerform } from './disk.ts';
import type { CompletionListener, Disk, DiskOperation } from './disk.ts';
import type { Files } from './files.ts';

/** Does operations late and out of order, by a seeded generator. */
export class DelayedDisk implements Disk {
  readonly #files: Files;
  readonly #chance: Chance;
  readonly #waiting: { readonly operation: DiskOperation; readonly token: number }[] = [];

  /** @param chance decides when and in which order */
  constructor(files: Files, chance: Chance) {
    this.#files = files;
    this.#chance = chance;
  }

  /** Operations under way. */
  get pendingCount(): number {
    return this.#waiting.length;
  }

  submit(operation: DiskOperation, token: number): void {
    this.#waiting.push({ operation, token });
  }

  drain(listener: CompletionListener): number {
    let count = 0;
    for (let left = this.#waiting.length; left > 0; left--) {
      if ((this.#chance.next32() & 1) === 0) continue;
      const index = (this.#chance.next32() >>> 0) % this.#waiting.length;
      const [next] = this.#waiting.splice(index, 1);
      if (next === undefined) break;
      listener(next.token, tryPerform(this.#files, next.operation));
      count++;
    }
    return count;
  }
}
