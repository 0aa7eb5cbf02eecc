/**
 * Keys of this shard that clients of any worker watch across workers, by worker and client id: the
 * owner holds the watch, for only it sees the changes. A watch ends with the EXEC that asks for it,
 * or when the client's worker says so. An EXEC over several shards brings what its client watches
 * on its own worker's shard alone: whether the client is still there makes no difference then.
 */
import type { ArgFrame, ReplyError, Shard, SlotTaker } from '@kora/core';
import type { MeshPort } from './mesh-port.ts';
import { KIND_UNWATCH } from './message-kinds.ts';

const NOBODY: readonly number[] = Object.freeze([]);

export class ForeignWatches {
  readonly #shard: Shard;
  /** Watchers of the shard's table, by `worker:client`: a client of the own worker may have two. */
  readonly #watchers = new Map<string, number[]>();

  constructor(shard: Shard) {
    this.#shard = shard;
  }

  /** Clients that watch something here. */
  get count(): number {
    return this.#watchers.size;
  }

  /** Watches the keys that are arguments from 1 on; the error when there is no room. */
  watch(worker: number, clientId: number, frame: ArgFrame): ReplyError | null {
    const { watches } = this.#shard.transactions;
    const known = this.#of(worker, clientId)[0];
    if (known !== undefined && watches.isTouched(known)) return null; // Its EXEC fails anyhow.
    let keyBytes = 0;
    for (let i = 1; i < frame.count; i++) keyBytes += frame.bytes[i] ?? 0;
    const refusal = watches.reserve(frame.count - 1, keyBytes);
    if (refusal !== null) return refusal;
    const watcher = known ?? watches.open();
    if (known === undefined) this.adopt(worker, clientId, watcher);
    for (let i = 1; i < frame.count; i++) {
      watches.add(watcher, frame.client.db, frame.at[i] ?? 0, frame.bytes[i] ?? 0);
    }
    return null;
  }

  /** A watcher of the shard's table becomes the client's, beside what it may watch by others. */
  adopt(worker: number, clientId: number, watcher: number): void {
    const watchers = this.#watchers.get(nameOf(worker, clientId));
    if (watchers === undefined) this.#watchers.set(nameOf(worker, clientId), [watcher]);
    else watchers.push(watcher);
  }

  /** Tells of the slots of all keys that the client watches here. */
  addSlots(worker: number, clientId: number, into: SlotTaker): void {
    const { watches } = this.#shard.transactions;
    for (const watcher of this.#of(worker, clientId)) watches.addSlots(watcher, into);
  }

  /** True when a watched key has changed; the watch is over in any case. */
  takeDirty(worker: number, clientId: number): boolean {
    const { watches } = this.#shard.transactions;
    const isDirty = this.#of(worker, clientId).some((watcher) => watches.isDirty(watcher));
    this.drop(worker, clientId);
    return isDirty;
  }

  /** Ends the client's watch, if it has one here. */
  drop(worker: number, clientId: number): void {
    const { watches } = this.#shard.transactions;
    for (const watcher of this.#of(worker, clientId)) watches.drop(watcher);
    this.#watchers.delete(nameOf(worker, clientId));
  }

  #of(worker: number, clientId: number): readonly number[] {
    return this.#watchers.get(nameOf(worker, clientId)) ?? NOBODY;
  }
}

function nameOf(worker: number, clientId: number): string {
  return `${worker}:${clientId}`;
}

/** Ends the watches of a client of this worker on shards, a bit each. */
export function endWatches(
  port: MeshPort, own: ForeignWatches, clientId: number, shards: number,
): void {
  for (let left = shards; left !== 0; left &= left - 1) {
    const shard = 31 - Math.clz32(left & -left);
    if (shard === port.me) {
      own.drop(shard, clientId);
      continue;
    }
    const high = Math.floor(clientId / 2 ** 32);
    port.sendWords(port.peer(shard), KIND_UNWATCH, clientId | 0, high, 0, 0, 0);
  }
}
