/**
 * Random clients of several workers that wait for keys anywhere, against the engine of one shard,
 * which is held against redis-server itself (waiting.reference.test.ts): every reply, who is
 * served by which change and in which order, and what is left. Between steps all comes to rest; in
 * which order the workers have their turns is drawn.
 * Two kinds of runs, where one order is right: commands that wait for several keys, and changes
 * that make one of those ready at a time; and moves, with commands that wait for one key.
 */
import type { ClientState } from '@kora/core';
import type { RandomSource } from '@kora/core/testing';
import {
  CommandDriver, randomSource, RandomWaitingCommands, WaitingClients,
} from '@kora/core/testing';
import { describe, expect, it } from 'vitest';
import type { MeshClient } from '../testing/mesh-clients.ts';
import {
  ask, connectTo, keysOf, repliesOf, send, someTurns,
} from '../testing/mesh-clients.ts';
import { MeshRig } from '../testing/mesh-rig.ts';

const SEEDS = Array.from({ length: 24 }, (_, i) => i + 1);
const STEPS = 200;
const CLIENTS = 7;

/** One client on both sides. */
interface Pair {
  readonly mesh: MeshClient;
  readonly single: ClientState;
  /** Reply bytes that were looked at. */
  seen: number;
}

class Comparison {
  readonly mesh: MeshRig;
  readonly driver = new CommandDriver();
  readonly single = new WaitingClients(this.driver);
  readonly #control: MeshClient;
  readonly #random: RandomSource;
  readonly #pairs: Pair[] = [];
  readonly #where: () => string;

  constructor(workers: number, random: RandomSource, where: () => string) {
    this.mesh = new MeshRig(workers);
    this.#random = random;
    this.#where = where;
    this.#control = connectTo(this.mesh, random.below(workers));
  }

  open(): void {
    const mesh = connectTo(this.mesh, this.#random.below(this.mesh.rigs.length));
    this.#pairs.push({ mesh, single: this.single.open(), seen: 0 });
  }

  get free(): readonly Pair[] {
    return this.#pairs.filter(({ single }) => single.waiter === null);
  }

  get blocked(): readonly Pair[] {
    return this.#pairs.filter(({ single }) => single.waiter !== null);
  }

  wait(pair: Pair, command: readonly string[]): void {
    send(this.mesh, pair.mesh, ...command);
    someTurns(this.mesh, (bound) => this.#random.below(bound), 12);
    this.mesh.settle();
    const reply = this.single.run(pair.single, ...command);
    expect(this.#news(pair), `${this.#where()}: ${command.join(' ')}`).toBe(reply ?? '');
    this.#compareServed(command);
  }

  change(command: readonly string[]): void {
    const reply = ask(this.mesh, this.#control, ...command);
    expect(notationOf(reply), `${this.#where()}: ${command.join(' ')}`).toBe(
      this.driver.run(...command),
    );
    this.#compareServed(command);
  }

  drop(pair: Pair, isUnblocked: boolean): void {
    this.single.drop(pair.single);
    const { rig, slot } = pair.mesh;
    const id = String(this.mesh.rigs[rig]?.worker.sessions.atSlot(slot)?.id);
    if (isUnblocked) {
      expect(ask(this.mesh, this.#control, 'CLIENT', 'UNBLOCK', id), this.#where()).toBe(':1\r\n');
      expect(this.#news(pair), this.#where()).toBe('*_');
    } else {
      this.mesh.disconnect(rig, slot);
      this.mesh.settle();
      this.#pairs.splice(this.#pairs.indexOf(pair), 1);
      this.open();
    }
    this.#compareServed(['the end of', id]);
  }

  /** Nothing waits, and nothing is kept for it. */
  expectQuiet(): void {
    for (const { worker } of this.mesh.rigs) {
      expect(worker.waits.count, this.#where()).toBe(0);
      expect(worker.shard.waiting.count, this.#where()).toBe(0);
      expect(worker.shard.transactions.queues.bytes, this.#where()).toBe(0);
      expect(worker.mesh?.waitsAcross.count, this.#where()).toBe(0);
      expect(worker.mesh?.waitParts.count, this.#where()).toBe(0);
    }
  }

  #compareServed(command: readonly string[]): void {
    const served = new Map(this.single.takeServed());
    for (const pair of this.#pairs) {
      const expected = served.get(pair.single) ?? '';
      expect(this.#news(pair), `${this.#where()}: ${command.join(' ')}`).toBe(expected);
    }
  }

  #news(pair: Pair): string {
    const all = repliesOf(this.mesh, pair.mesh);
    const news = all.slice(pair.seen);
    pair.seen = all.length;
    return news === '' ? '' : notationOf(news);
  }
}

/** One RESP2 reply in the notation of the corpus; of several an error. */
function notationOf(reply: string): string {
  const [text, rest] = read(reply);
  if (rest !== '') throw new Error(`more than one reply: ${JSON.stringify(reply)}`);
  return text;
}

function read(reply: string): [string, string] {
  const end = reply.indexOf('\r\n');
  const line = reply.slice(1, end);
  let rest = reply.slice(end + 2);
  const count = Number(line);
  switch (reply[0]) {
    case ':': return [`:${line}`, rest];
    case '$':
      if (count < 0) return ['_', rest];
      return [`$${JSON.stringify(rest.slice(0, count))}`, rest.slice(count + 2)];
    case '*': {
      if (count < 0) return ['*_', rest];
      const items: string[] = [];
      for (let i = 0; i < count; i++) {
        const [item, left] = read(rest);
        items.push(item);
        rest = left;
      }
      return [`*[${items.join(' ')}]`, rest];
    }
    default: return [`${reply[0] ?? ''}${JSON.stringify(line)}`, rest];
  }
}

describe('waiting for keys of several workers', () => {
  it.each(SEEDS)('is as in an engine of one shard, seed %i', (seed) => {
    const random = randomSource(seed);
    const workers = 2 + random.below(3);
    const keys = Array.from({ length: workers }, (_, i) => keysOf(i, workers, 2)).flat();
    const isOfMoves = seed % 2 === 0;
    const commands = new RandomWaitingCommands(random, keys.slice(random.below(keys.length - 1)), {
      hasMoves: isOfMoves, hasSeveralKeys: !isOfMoves, hasRenames: isOfMoves,
    });
    let at = 0;
    const comparison = new Comparison(workers, random, () => `seed ${seed}, step ${at}`);
    for (let i = 0; i < CLIENTS; i++) comparison.open();
    for (; at < STEPS; at++) {
      const { free, blocked } = comparison;
      const one = free[random.below(Math.max(1, free.length))];
      const other = blocked[random.below(Math.max(1, blocked.length))];
      const kind = random.below(20);
      if (kind < 8 && one !== undefined) comparison.wait(one, commands.waiting());
      else if (kind < 10 && other !== undefined) comparison.drop(other, kind === 8);
      else comparison.change(commands.change());
    }
    for (const pair of comparison.blocked) comparison.drop(pair, true);
    comparison.expectQuiet();
  });
});
