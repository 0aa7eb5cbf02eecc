/**
 * Waiting for keys of several workers while nothing comes to rest: pushes, moves, EXECs, time,
 * CLIENT UNBLOCK and clients that vanish meet commands that are still being asked about, in turns
 * drawn at random. At the end every element is in one place: in a list, or in one reply; only what
 * was on its way to a client that vanished may be gone with it. No key has something for which
 * somebody waits, and nothing is kept for anybody who does not.
 */
import type { RandomSource } from '@kora/core/testing';
import { randomSource } from '@kora/core/testing';
import { describe, expect, it } from 'vitest';
import type { MeshClient } from '../testing/mesh-clients.ts';
import {
  ask, connectTo, keysOf, pipe, repliesOf, send, someTurns,
} from '../testing/mesh-clients.ts';
import { MeshRig } from '../testing/mesh-rig.ts';

const SEEDS = Array.from({ length: 20 }, (_, i) => i + 1);
const STEPS = 250;
const WAITING_CLIENTS = 8;
const ENDS = ['LEFT', 'RIGHT'];

/** A client that has sent a command, or none. */
interface Waiting {
  readonly client: MeshClient;
  /** Reply bytes before its command. */
  before: number;
  keys: readonly string[];
}

class Races {
  readonly mesh: MeshRig;
  readonly keys: readonly string[];
  readonly pushed: string[] = [];
  readonly #random: RandomSource;
  readonly #control: MeshClient;
  readonly #pushers: readonly MeshClient[];
  readonly #waiting: Waiting[] = [];
  /** Clients that vanished while a command of theirs was under way. */
  vanished = 0;
  readonly #gone: MeshClient[] = [];

  constructor(random: RandomSource) {
    const workers = 2 + random.below(3);
    this.mesh = new MeshRig(workers);
    this.#random = random;
    const all = Array.from({ length: workers }, (_, i) => keysOf(i, workers, 2)).flat();
    this.keys = all.slice(0, 2 + random.below(all.length - 1));
    this.#control = connectTo(this.mesh, 0);
    this.#pushers = Array.from({ length: workers }, (_, i) => connectTo(this.mesh, i));
    for (let i = 0; i < WAITING_CLIENTS; i++) this.#open();
  }

  step(): void {
    const { below } = { below: (bound: number) => this.#random.below(bound) };
    const one = this.#waiting[below(this.#waiting.length)];
    const kind = below(16);
    if (kind < 7 && one !== undefined) this.#ask(one);
    else if (kind === 7 && one !== undefined) this.#vanish(one);
    else if (kind === 8 && one !== undefined) this.#unblock(one);
    else if (kind === 9) this.#tick(below(120));
    else this.#push();
    someTurns(this.mesh, below, below(3) === 0 ? 20 : 4);
  }

  /** Everything that is under way comes to its end. */
  settle(): void {
    this.mesh.settle();
    this.#tick(0);
  }

  /** What is where: the elements of all lists, then those of all replies. */
  found(): string[] {
    const elements: string[] = [];
    for (const key of this.keys) {
      elements.push(...elementsOf(ask(this.mesh, this.#control, 'LRANGE', key, '0', '-1')));
    }
    const clients = [...this.#waiting.map(({ client }) => client), ...this.#gone];
    for (const client of clients) elements.push(...takenIn(repliesOf(this.mesh, client)));
    return elements;
  }

  /** Keys that have something while somebody waits for them. */
  missed(): string[] {
    const waited = this.#waiting.filter((one) => this.#isUnderWay(one)).flatMap(({ keys }) => keys);
    return waited.filter((key) => ask(this.mesh, this.#control, 'LLEN', key) !== ':0\r\n');
  }

  /** Ends all waits; then nothing is kept. */
  leftOver(): number {
    for (const { client } of this.#waiting) this.mesh.disconnect(client.rig, client.slot);
    this.mesh.settle();
    return this.mesh.rigs.reduce((sum, { worker }) => {
      const { mesh, shard, waits } = worker;
      const kept = (mesh?.waitsAcross.count ?? 0) + (mesh?.waitParts.count ?? 0);
      return sum + kept + waits.count + shard.waiting.count + shard.transactions.queues.bytes;
    }, 0);
  }

  #open(): void {
    const client = connectTo(this.mesh, this.#random.below(this.mesh.rigs.length));
    this.#waiting.push({ client, before: 0, keys: [] });
  }

  #isUnderWay({ client, before, keys }: Waiting): boolean {
    return keys.length > 0 && repliesOf(this.mesh, client).length === before;
  }

  #key(): string {
    return this.keys[this.#random.below(this.keys.length)] ?? '';
  }

  #ask(one: Waiting): void {
    if (this.#isUnderWay(one)) return;
    const timeout = ['0', '0', '0.1'][this.#random.below(3)] ?? '0';
    one.before = repliesOf(this.mesh, one.client).length;
    if (this.#random.chance(0.3)) {
      const source = this.#key();
      const end = (): string => ENDS[this.#random.below(2)] ?? '';
      one.keys = [source];
      send(this.mesh, one.client, 'BLMOVE', source, this.#key(), end(), end(), timeout);
    } else {
      one.keys = Array.from({ length: 1 + this.#random.below(3) }, () => this.#key());
      send(this.mesh, one.client, 'BLPOP', ...one.keys, timeout);
    }
  }

  #vanish(one: Waiting): void {
    if (this.#isUnderWay(one)) this.vanished++;
    this.#waiting.splice(this.#waiting.indexOf(one), 1);
    this.#gone.push(one.client);
    this.mesh.disconnect(one.client.rig, one.client.slot);
    this.#open();
  }

  #unblock({ client }: Waiting): void {
    const id = this.mesh.rigs[client.rig]?.worker.sessions.atSlot(client.slot)?.id ?? 0;
    send(this.mesh, this.#pusher(), 'CLIENT', 'UNBLOCK', String(id));
  }

  #push(): void {
    const elements = Array.from({ length: 1 + this.#random.below(3) }, () => {
      const element = `e${this.pushed.length}`;
      this.pushed.push(element);
      return element;
    });
    if (this.#random.chance(0.6)) {
      send(this.mesh, this.#pusher(), 'RPUSH', this.#key(), ...elements);
      return;
    }
    const pushes = elements.map((element) => ['LPUSH', this.#key(), element]);
    pipe(this.mesh, this.#pusher(), ['MULTI'], ...pushes, ['EXEC']);
  }

  #pusher(): MeshClient {
    return this.#pushers[this.#random.below(this.#pushers.length)] ?? this.#control;
  }

  #tick(ms: number): void {
    this.mesh.clock.advance(ms);
    for (const [index, rig] of this.mesh.rigs.entries()) {
      rig.tick(0);
      this.mesh.wakeUp(index);
    }
    if (ms === 0) this.mesh.settle();
  }
}

/** Elements in a reply of LRANGE. */
function elementsOf(reply: string): string[] {
  return reply.split('\r\n').filter((line) => /^e\d+$/.test(line));
}

/** Elements that replies of BLPOP tell of; those of BLMOVE are in a list, or in another reply. */
function takenIn(replies: string): string[] {
  const popped = replies.matchAll(/\*2\r\n\$\d+\r\nkey\d+\r\n\$\d+\r\n(e\d+)\r\n/g);
  return [...popped].map(([, element = '']) => element);
}

describe('waiting for keys while nothing is at rest', () => {
  it.each(SEEDS)('loses nothing and wakes everybody, seed %i', (seed) => {
    const races = new Races(randomSource(seed));
    for (let i = 0; i < STEPS; i++) races.step();
    races.settle();
    const found = races.found();
    expect(new Set(found).size, `seed ${seed}: every element is in one place`).toBe(found.length);
    const lost = races.pushed.filter((element) => !found.includes(element));
    expect(lost.length, `seed ${seed}: ${lost.join(' ')}`).toBeLessThanOrEqual(races.vanished);
    expect(races.missed(), `seed ${seed}`).toEqual([]);
    expect(races.leftOver(), `seed ${seed}`).toBe(0);
  });
});
