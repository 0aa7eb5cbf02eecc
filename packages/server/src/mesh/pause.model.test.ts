/**
 * CLIENT PAUSE WRITE among several workers, in random interleavings of their turns, with writes
 * under way everywhere, short and longer than a message, and transactions that hold locks: from the
 * moment a client has read OK no single-key write happens anywhere until UNPAUSE, reads and CLIENT
 * LIST go on, and afterwards every write has happened once.
 */
import { describe, expect, it } from 'vitest';
import { MeshRig } from '../testing/mesh-rig.ts';

/** xorshift32. */
function randomOf(seed: number): (bound: number) => number {
  let state = Math.imul(seed, 2654435761) | 1;
  return (bound) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % bound;
  };
}

const encode = (words: readonly string[]): Buffer => Buffer.from(
  `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`, 'latin1',
);
const LONG = 'l'.repeat(20_000);

interface Client {
  readonly rig: number;
  readonly slot: number;
  /** Bytes that its APPENDs have asked for, by key. */
  wanted: number;
}

class Model {
  readonly mesh: MeshRig;
  readonly random: (bound: number) => number;
  readonly clients: readonly Client[];

  constructor(workerCount: number, seed: number) {
    this.random = randomOf(seed);
    this.mesh = new MeshRig(workerCount, { seed });
    this.clients = Array.from({ length: 8 }, (_, i) => this.connect(i % workerCount));
  }

  connect(rig: number): Client {
    const slot = this.mesh.rigs[rig]!.connect();
    this.mesh.rest(rig);
    return { rig, slot, wanted: 0 };
  }

  send({ rig, slot }: Client, ...words: string[]): void {
    this.mesh.rigs[rig]!.receive(slot, encode(words));
    this.mesh.rest(rig);
  }

  replies({ rig, slot }: Client): string {
    return this.mesh.rigs[rig]!.repliesOf(slot);
  }

  ask(client: Client, ...words: string[]): string {
    const before = this.replies(client).length;
    this.send(client, ...words);
    this.mesh.settle();
    return this.replies(client).slice(before);
  }

  someTurns(): void {
    for (let turns = this.random(6); turns > 0; turns--) {
      const index = this.random(this.mesh.rigs.length);
      if (this.mesh.mayRun(index)) this.mesh.turn(index);
    }
  }

  /** A write of one key, or a read of several, which locks them. */
  act(): void {
    const { random } = this;
    const client = this.clients[random(this.clients.length)]!;
    const key = `k${random(30)}`;
    if (random(4) === 0) {
      this.send(client, 'MGET', key, `k${random(30)}`, `k${random(30)}`);
      return;
    }
    const text = random(8) === 0 ? LONG : 'short';
    client.wanted += text.length;
    this.send(client, 'APPEND', key, text);
  }

  /** Changes of all shards so far. */
  changes(): number {
    return this.mesh.rigs.reduce((sum, { composed }) => sum + composed.shard.journal.sequence, 0);
  }
}

describe('CLIENT PAUSE WRITE', () => {
  it.each([[2, 1], [3, 2], [4, 3], [2, 4], [5, 5], [3, 6]])(
    'lets no write through after its reply, %i workers, seed %i',
    (workerCount, seed) => {
      const model = new Model(workerCount, seed);
      const { mesh, random } = model;
      const asking = model.connect(random(workerCount));
      for (let round = 0; round < 40; round++) {
        for (let i = 0; i < 30; i++) {
          model.act();
          model.someTurns();
        }
        const before = model.replies(asking).length;
        model.send(asking, 'CLIENT', 'PAUSE', '1000000', 'WRITE');
        while (model.replies(asking).length === before) {
          model.act();
          model.someTurns();
        }
        expect(model.replies(asking).slice(before)).toBe('+OK\r\n');
        const changes = model.changes();
        for (let i = 0; i < 20; i++) {
          model.act();
          model.someTurns();
        }
        const other = model.connect(random(workerCount));
        const shown = `round ${round} of seed ${seed}`;
        expect(model.ask(other, 'CLIENT', 'LIST'), shown).toMatch(/^\$/);
        expect(model.ask(other, 'MGET', 'k1', 'k2', 'k3'), shown).toMatch(/^\*3\r\n/);
        expect(model.changes(), shown).toBe(changes);
        expect(model.ask(other, 'CLIENT', 'UNPAUSE'), shown).toBe('+OK\r\n');
        mesh.rigs[other.rig]!.disconnect(other.slot);
        mesh.rest(other.rig);
      }
      for (const [i, rig] of mesh.rigs.entries()) {
        rig.tick(i === 0 ? 100 : 0);
        mesh.rest(i);
      }
      mesh.settle();
      let bytes = 0;
      for (let i = 0; i < 30; i++) {
        bytes += Number(/:(\d+)/.exec(model.ask(asking, 'STRLEN', `k${i}`))![1]);
      }
      const wanted = model.clients.reduce((sum, client) => sum + client.wanted, 0);
      expect(bytes, `seed ${seed}`).toBe(wanted);
      for (const { worker } of mesh.rigs) {
        expect(worker.mesh?.origin.windowCount).toBe(0);
        expect(worker.mesh?.coordination.count).toBe(0);
        expect(worker.mesh?.parcels.count).toBe(0);
        expect(worker.mesh?.gate.isOpen).toBe(true);
      }
    },
  );
});
