/**
 * Records about keys of other shards on their way through the coordinator of a command that one
 * shard, the leader, runs for several (led-parts.ts). By transaction and shard; what they say of
 * the shard's keys goes by who has told them:
 *   the shard itself   the values that it lends; for the leader
 *   the leader         what it changed of them, or names of keys that it asks for; for the shard
 * One of both is here at a time. Bound: one set of records for each shard of each transaction; low
 * memory, and what finds none is lost, which the leader is told.
 */
import type { WorkerMemory } from '@kora/core';
import { assert } from '@kora/core';
import type { CargoStore } from './cargo-store.ts';
import type { MeshPort } from './mesh-port.ts';
import { KIND_CARGO } from './message-kinds.ts';
import { ReplyBytes } from './reply-bytes.ts';
import { BlockSender } from './send-block.ts';

export class KeyRecords {
  readonly #memory: WorkerMemory;
  readonly #port: MeshPort;
  /** Where what goes to the own shard is kept for it. */
  readonly #cargo: CargoStore;
  readonly #sender: BlockSender;
  /** By handle and shard. */
  readonly #records = new Map<number, (ReplyBytes | null)[]>();

  constructor(memory: WorkerMemory, port: MeshPort, cargo: CargoStore) {
    this.#memory = memory;
    this.#port = port;
    this.#cargo = cargo;
    this.#sender = new BlockSender(memory, port);
  }

  /** Transactions that have records here. */
  get count(): number {
    return this.#records.size;
  }

  /** Adds bytes of low memory. */
  add(handle: number, shard: number, at: number, bytes: number): void {
    let records = this.#records.get(handle);
    if (records === undefined) {
      const { workerCount } = this.#port.control;
      records = new Array<ReplyBytes | null>(workerCount).fill(null);
      this.#records.set(handle, records);
    }
    const ofShard = records[shard] ?? new ReplyBytes(this.#memory);
    records[shard] = ofShard;
    ofShard.add(at, bytes);
  }

  /** Mask of the shards of whose keys something is said. */
  shardsOf(handle: number): number {
    let mask = 0;
    for (const [shard, records] of (this.#records.get(handle) ?? []).entries()) {
      if (records !== null) mask |= 1 << shard;
    }
    return mask;
  }

  /** Bytes about the keys of one shard. */
  bytesOf(handle: number, shard: number): number {
    return this.#records.get(handle)?.[shard]?.bytes ?? 0;
  }

  /** The leader has said what it changed: that is here, or half of a command would be lost. */
  checkChanges(handle: number): void {
    for (const records of this.#records.get(handle) ?? []) {
      assert(records?.isLost !== true, 'low memory holds the changes of a command');
    }
  }

  /** Sends the leader what all others lend it; the word to run follows. */
  sendLent(handle: number, leader: number): void {
    const { workerCount } = this.#port.control;
    for (let shard = 0; shard < workerCount; shard++) this.#send(handle, shard, leader);
  }

  /** Sends a shard what the leader has said of its keys; the word to run follows. */
  sendTold(handle: number, shard: number): void {
    this.#send(handle, shard, shard);
  }

  /** Tells the leader that some of what it was to get was lost. */
  lose(handle: number, leader: number): void {
    const { me } = this.#port;
    if (leader === me) this.#cargo.lose(me, handle);
    else this.#port.sendWords(this.#port.peer(leader), KIND_CARGO, handle, 1, 0, 0, 0);
  }

  /** Nobody gets what is here of a transaction. */
  drop(handle: number): void {
    for (const records of this.#records.get(handle) ?? []) records?.free();
    this.#records.delete(handle);
  }

  #send(handle: number, shard: number, to: number): void {
    const ofHandle = this.#records.get(handle);
    const records = ofHandle?.[shard] ?? null;
    if (ofHandle === undefined || records === null) return;
    ofHandle[shard] = null;
    if (ofHandle.every((left) => left === null)) this.#records.delete(handle);
    const { me } = this.#port;
    const { at, bytes, isLost } = records;
    if (isLost) {
      this.lose(handle, to);
    } else if (to === me) {
      this.#cargo.add(me, handle, at, bytes);
      records.free();
    } else if (bytes > 0) {
      this.#sender.send(this.#port.peer(to), KIND_CARGO, handle, 0, records.take(), bytes);
    } else {
      records.free();
    }
  }
}
