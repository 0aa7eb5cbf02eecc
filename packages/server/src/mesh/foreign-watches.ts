/**
 * Keys of this shard that clients of any worker watch across workers, by worker and client id: the
 * owner holds the watch, for only it sees the changes. A watch ends with the EXEC that asks for it,
 * or when the client's worker says so.
 */
import type { ArgFrame, ReplyError, Shard } from '@kora/core';

export class ForeignWatches {
  readonly #shard: Shard;
  /** Watcher of the shard's table, by `worker:client`. */
  readonly #watchers = new Map<string, number>();

  constructor(shard: Shard) {
    this.#shard = shard;
  }

  get count(): number {
    return this.#watchers.size;
  }

  /** Watches the keys that are arguments from 1 on; the error when there is no room. */
  watch(worker: number, clientId: number, frame: ArgFrame): ReplyError | null {
    const { watches } = this.#shard.transactions;
    const name = nameOf(worker, clientId);
    const known = this.#watchers.get(name);
    if (known !== undefined && watches.isTouched(known)) return null; // Its EXEC fails anyhow.
    let keyBytes = 0;
    for (let i = 1; i < frame.count; i++) keyBytes += frame.bytes[i] ?? 0;
    const refusal = watches.reserve(frame.count - 1, keyBytes);
    if (refusal !== null) return refusal;
    const watcher = known ?? watches.open();
    this.#watchers.set(name, watcher);
    for (let i = 1; i < frame.count; i++) {
      watches.add(watcher, frame.client.db, frame.at[i] ?? 0, frame.bytes[i] ?? 0);
    }
    return null;
  }

  /** True when a watched key has changed; the watch is over in any case. */
  takeDirty(worker: number, clientId: number): boolean {
    const watcher = this.#watchers.get(nameOf(worker, clientId));
    if (watcher === undefined) return false;
    const isDirty = this.#shard.transactions.watches.isDirty(watcher);
    this.drop(worker, clientId);
    return isDirty;
  }

  /** Ends the client's watch, if it has one here. */
  drop(worker: number, clientId: number): void {
    const name = nameOf(worker, clientId);
    const watcher = this.#watchers.get(name);
    if (watcher === undefined) return;
    this.#watchers.delete(name);
    this.#shard.transactions.watches.drop(watcher);
  }
}

function nameOf(worker: number, clientId: number): string {
  return `${worker}:${clientId}`;
}
