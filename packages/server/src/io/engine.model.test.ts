/**
 * Every engine that can be had here against a model of it: random clients write, stop reading, end
 * and reset, while the worker's side echoes, pauses, asks for bytes elsewhere, closes and cuts, in
 * any order. The model is the stream of bytes a client has written: what the worker got is a prefix
 * of it, what the client got back is a prefix of that, and both are whole after an orderly end.
 * Odd seeds over TCP, even ones over a unix socket.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeededChance } from '@kora/core';
import { describe, expect, it } from 'vitest';
import { EngineRig, engineKinds, pattern, someTurns, until } from '../testing/engine-rig.ts';
import type { RigConnection } from '../testing/engine-rig.ts';

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8];
const STEPS = 400;
const PEERS_MAX = 12;

/** One client and what is known of it. */
interface Peer {
  readonly client: Socket;
  readonly connection: RigConnection;
  written: number;
  hasEnded: boolean;
  isReset: boolean;
  /** The worker has closed it, in order or not. */
  isClosed: boolean;
  isCut: boolean;
  readonly got: Buffer[];
}

class World {
  readonly rig: EngineRig;
  readonly chance: SeededChance;
  readonly peers: Peer[] = [];
  readonly #weights: readonly number[];
  readonly #folder: string | undefined;
  #target: { port: number } | { path: string } = { port: 0 };

  /** @param folder a place for a unix socket; absent: TCP */
  constructor(rig: EngineRig, seed: number, folder?: string) {
    this.rig = rig;
    this.#folder = folder;
    this.chance = new SeededChance(seed);
    this.#weights = Array.from({ length: 10 }, () => this.below(4));
    rig.script = {
      onReceive: (connection, bytes) => {
        rig.send(connection, bytes);
        this.#meddle(connection);
      },
      onSent: (connection) => {
        this.#meddle(connection);
      },
      onTurn: () => {
        for (const { connection } of this.peers) {
          if (!connection.isClosed && this.below(3) === 0) {
            rig.call(() => {
              rig.engine.resumeReceive(connection.slot);
            });
          }
        }
      },
      onEnd: (connection) => {
        rig.close(connection, true);
      },
    };
  }

  below(limit: number): number {
    return (this.chance.next32() >>> 0) % limit;
  }

  async open(): Promise<void> {
    if (this.#folder === undefined) {
      this.#target = { port: (await this.rig.listen()).port };
      return;
    }
    this.#target = { path: join(this.#folder, 'model.sock') };
    await this.rig.listen(this.#target);
  }

  async step(): Promise<void> {
    const total = this.#weights.reduce((sum, weight) => sum + weight, 1);
    let ticket = this.below(total);
    const action = this.#weights.findIndex((weight) => (ticket -= weight) < 0);
    if (this.peers.length < PEERS_MAX && this.below(4) === 0) await this.#join();
    const peer = this.peers[this.below(Math.max(1, this.peers.length))];
    if (peer === undefined) return;
    await this.#act(action, peer);
  }

  async #join(): Promise<void> {
    const before = this.rig.connections.length;
    const client = await this.rig.connect(this.#target);
    await until(() => this.rig.connections.length > before);
    const peer: Peer = {
      client, connection: this.rig.connections[before]!, written: 0, hasEnded: false,
      isReset: false, isClosed: false, isCut: false, got: [],
    };
    client.on('data', (piece: Buffer) => peer.got.push(piece));
    this.peers.push(peer);
  }

  async #act(action: number, peer: Peer): Promise<void> {
    const { client, connection } = peer;
    const { rig } = this;
    switch (action) {
      case 0: case 1: case 2: this.#write(peer); return;
      case 3: client.pause(); return;
      case 4: client.resume(); return;
      case 5: rig.engine.requestTurn(); return;
      case 6:
        if (!peer.hasEnded && this.below(4) === 0) {
          peer.hasEnded = true;
          client.end();
        }
        return;
      case 7:
        if (this.below(10) === 0) {
          peer.isReset = true;
          // A unix socket has no reset: what it does not read is lost by closing.
          if (this.#folder === undefined) client.resetAndDestroy();
          else client.destroy();
        }
        return;
      case 8:
        if (this.below(10) === 0 && !connection.isClosed) {
          peer.isClosed = true;
          rig.close(connection, true);
        }
        return;
      case 9:
        if (this.below(10) === 0 && !connection.isClosed) {
          peer.isCut = true;
          rig.close(connection, false);
        }
        return;
      default: await someTurns();
    }
  }

  #write(peer: Peer): void {
    if (peer.hasEnded || peer.isReset || !peer.client.writable) return;
    const bytes = 1 + this.below(this.below(5) === 0 ? 300_000 : 500);
    peer.client.write(pattern(bytes, peer.written));
    peer.written += bytes;
  }

  /** What a worker may do with a connection from within an event of it. */
  #meddle(connection: RigConnection): void {
    const { rig } = this;
    const { slot } = connection;
    const what = this.below(12);
    if (what === 0) {
      rig.call(() => {
        rig.engine.pauseReceive(slot);
      });
      rig.engine.requestTurn();
    } else if (what === 1) {
      rig.call(() => {
        rig.engine.resumeReceive(slot);
      });
    } else if (what < 4 && connection.asked === undefined) {
      rig.receiveInto(connection, 1 + this.below(100_000));
    }
  }

  /** Lets everybody finish and looks at what they got. */
  async settle(): Promise<void> {
    for (const peer of this.peers) {
      peer.client.resume();
      if (!peer.hasEnded && !peer.isReset) peer.client.end();
    }
    await until(() => {
      this.rig.engine.requestTurn();
      return this.peers.every(({ client, connection }) =>
        connection.isClosed && (client.destroyed || client.readableEnded));
    });
    for (const [i, peer] of this.peers.entries()) {
      const back = Buffer.concat(peer.got);
      const came = peer.connection.bytes;
      const sent = pattern(peer.written);
      expect(came.equals(sent.subarray(0, came.length)), `peer ${i}: arrived`).toBe(true);
      expect(back.equals(came.subarray(0, back.length)), `peer ${i}: came back`).toBe(true);
      if (peer.isReset || peer.isCut) continue;
      expect(back.length, `peer ${i}: all that arrived came back`).toBe(came.length);
      if (!peer.isClosed) expect(came.length, `peer ${i}: all arrived`).toBe(sent.length);
    }
  }
}

describe.each(engineKinds())('the engine $name against a model', (kind) => {
  it.each(SEEDS)('seed %i', async (seed) => {
    const rig = new EngineRig(kind);
    const folder = mkdtempSync(join(tmpdir(), 'kora-model-'));
    try {
      const world = new World(rig, seed, seed % 2 === 0 ? folder : undefined);
      await world.open();
      for (let step = 0; step < STEPS; step++) {
        await world.step();
        if (step % 7 === 0) {
          await new Promise((resolve) => {
            setImmediate(resolve);
          });
        }
      }
      await world.settle();
      expect(rig.broken, `seed ${seed}`).toEqual([]);
    } finally {
      rig.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
