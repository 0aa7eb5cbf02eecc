/**
 * LMPOP and ZMPOP whose keys lie on several workers, of which the owners lend only the ends: every
 * reply is the one that a worker alone gives, and so is what is left, whatever lies at the keys:
 * long and short lists and sorted sets, values of other types, nothing. The same within EXEC.
 */
import { describe, expect, it } from 'vitest';
import { leftOf } from '../testing/mesh-checks.ts';
import type { MeshClient } from '../testing/mesh-clients.ts';
import { ask, belowOf, connectTo, encodeRequest } from '../testing/mesh-clients.ts';
import { MeshRig } from '../testing/mesh-rig.ts';
import { WorkerRig } from '../testing/worker-rig.ts';

const KEYS = ['a', 'b', 'c', 'd', 'e', 'f'] as const;
const COMMANDS = 250;

/** A mesh and a worker alone that are asked the same. */
class Pair {
  readonly mesh: MeshRig;
  readonly #client: MeshClient;
  readonly #model = new WorkerRig({});
  readonly #slot: number;

  constructor(workers: number, seed: number) {
    this.mesh = new MeshRig(workers, { seed });
    this.#client = connectTo(this.mesh, seed % workers);
    this.#slot = this.#model.connect();
  }

  /** The replies to a command of both. */
  ask(...words: string[]): readonly [string, string] {
    const before = this.#model.repliesOf(this.#slot).length;
    this.#model.receive(this.#slot, encodeRequest(words));
    this.#model.turn();
    const wanted = this.#model.repliesOf(this.#slot).slice(before);
    return [ask(this.mesh, this.#client, ...words), wanted];
  }
}

function valueOf(below: (bound: number) => number, key: string): string[] {
  const kind = below(10);
  const count = 1 + (below(4) === 0 ? below(400) : below(6));
  const names = Array.from({ length: count }, (_, i) => `${key}${i}`);
  if (kind < 4) return ['RPUSH', key, ...names];
  if (kind === 9) return ['SET', key, 'text'];
  return ['ZADD', key, ...names.flatMap((name, i) => [below(20) === 0 ? '-0' : String(i), name])];
}

function popOf(below: (bound: number) => number): string[] {
  const keys = Array.from({ length: 1 + below(4) }, () => KEYS[below(KEYS.length)] ?? 'a');
  const isList = below(2) === 0;
  const end = isList ? ['LEFT', 'right'][below(2)] : ['min', 'MAX'][below(2)];
  const count = below(3) === 0 ? [] : ['COUNT', String(1 + below(below(5) === 0 ? 500 : 4))];
  return [isList ? 'LMPOP' : 'ZMPOP', String(keys.length), ...keys, end ?? '', ...count];
}

describe('pops over workers', () => {
  const seeds = Array.from({ length: 8 }, (_, i) => i + 1);
  it.each(seeds)('are those of one worker, seed %i', (seed) => {
    const below = belowOf(seed);
    const pair = new Pair(2 + (seed % 3), seed);
    for (let i = 0; i < COMMANDS; i++) {
      const kind = below(12);
      const key = KEYS[below(KEYS.length)] ?? 'a';
      const commands = kind < 3 ? [['DEL', key], valueOf(below, key)]
        : kind === 3 ? [['MULTI'], popOf(below), ['TYPE', key], popOf(below), ['EXEC']]
          : [popOf(below)];
      for (const words of commands) {
        const [got, wanted] = pair.ask(...words);
        expect(got, `seed ${seed}, ${i}: ${words.join(' ').slice(0, 200)}`).toBe(wanted);
      }
    }
    for (const key of KEYS) {
      for (const words of [['LRANGE', key, '0', '-1'], ['ZRANGE', key, '0', '-1', 'WITHSCORES']]) {
        const [got, wanted] = pair.ask(...words);
        expect(got, `seed ${seed}: ${words.join(' ')}`).toBe(wanted);
      }
    }
    expect(leftOf(pair.mesh), `seed ${seed}`).toEqual([]);
  });
});
