/**
 * A program that keeps what it reads, over one RESP3 connection of a rig, as client libraries do:
 * replies and invalidations are taken in the order of their bytes. Its cache never keeps a value
 * that an invalidation named, nor one that it changed itself.
 */
import { PushReply, ReplyDecoder, replyValues } from '@kora/protocol';
import type { RespValue } from '@kora/protocol';
import type { MeshClient } from './mesh-clients.ts';
import { encodeRequest } from './mesh-clients.ts';
import type { WorkerRigOptions } from './worker-rig.ts';
import { WorkerRig } from './worker-rig.ts';

/** What is asked of the workers: a MeshRig, or a Loner. */
export interface Rigs {
  readonly rigs: readonly WorkerRig[];
  mayRun(index: number): boolean;
  turn(index: number): void;
  receive(index: number, slot: number, bytes: Uint8Array): void;
  rest(index: number): void;
  settle(): void;
}

/** A worker without others. */
export class Loner implements Rigs {
  readonly rigs: readonly WorkerRig[];
  readonly #rig: WorkerRig;

  constructor(options: WorkerRigOptions) {
    this.#rig = new WorkerRig(options);
    this.rigs = [this.#rig];
  }

  mayRun(): boolean {
    return this.#rig.engine.isTurnRequested;
  }

  turn(): void {
    this.#rig.turn();
  }

  receive(_index: number, slot: number, bytes: Uint8Array): void {
    this.#rig.receive(slot, bytes);
  }

  rest(): void {
    return;
  }

  settle(): void {
    while (this.mayRun()) this.turn();
  }
}

/** What is done with a reply. */
type Taker = (value: RespValue) => void;

export class TrackingClient {
  /** What it holds for true, by key; null: the key does not exist. */
  readonly cache = new Map<string, RespValue>();
  readonly at: MeshClient;
  /** Invalidations so far: keys, or `*` for everything. */
  readonly invalidated: string[] = [];
  readonly #mesh: Rigs;
  readonly #decoder = new ReplyDecoder(replyValues);
  readonly #takers: Taker[] = [];
  #taken = 0;

  constructor(mesh: Rigs, rig: number) {
    this.#mesh = mesh;
    this.at = { rig, slot: mesh.rigs[rig]?.connect() ?? 0 };
    mesh.rest(rig);
  }

  /** Requests whose replies have not come. */
  get waiting(): number {
    return this.#takers.length;
  }

  /** Sends commands in one piece; each has a taker of its reply. */
  send(...requests: readonly (readonly [words: readonly string[], take: Taker])[]): void {
    for (const [, take] of requests) this.#takers.push(take);
    const bytes = Buffer.concat(requests.map(([words]) => encodeRequest(words)));
    this.#mesh.receive(this.at.rig, this.at.slot, bytes);
  }

  /** Takes what has come. */
  listen(): void {
    const pieces = this.#mesh.rigs[this.at.rig]?.engine.replies[this.at.slot] ?? [];
    for (; this.#taken < pieces.length; this.#taken++) {
      for (const value of this.#decoder.feed(pieces[this.#taken] ?? new Uint8Array(0))) {
        if (value instanceof PushReply) this.#onPush(value);
        else this.#takers.shift()?.(value);
      }
    }
  }

  #onPush({ items }: PushReply): void {
    const [kind, keys] = items;
    if (kind !== 'invalidate') throw new Error(`an unexpected push: ${JSON.stringify(kind)}`);
    if (keys === null) {
      this.cache.clear();
      this.invalidated.push('*');
      return;
    }
    if (!Array.isArray(keys)) throw new Error('keys come in an array');
    for (const key of keys) {
      this.cache.delete(String(key));
      this.invalidated.push(String(key));
    }
  }
}
