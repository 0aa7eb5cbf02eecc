/**
 * Groups of keys on several workers that writers change together, to values that only grow, by all
 * that keeps locks while it runs: MSET, and EXECs of clients that watch something. Readers watch
 * one key of a group, read it, and read another one in an EXEC: when that succeeds, both had the
 * same value, in any interleaving of the workers' turns; else what changed both came before the
 * EXEC.
 */
import { describe, expect, it } from 'vitest';
import type { MeshClient } from '../testing/mesh-clients.ts';
import {
  ask, belowOf, connectTo, keysOf, pipe, repliesOf, someTurns,
} from '../testing/mesh-clients.ts';
import { MeshRig } from '../testing/mesh-rig.ts';

const STEPS = 2500;
const WATCHED = /^\+OK\r\n\$\d+\r\n(\d+)\r\n$/;
const READ = /^\+OK\r\n\+QUEUED\r\n(?:\*1\r\n\$\d+\r\n(\d+)|\*-1)\r\n$/;
const NOTHING = /^$/;
const WRITTEN = /^\+OK\r\n$/;
const EXECUTED = /\*\d+\r\n(?:\+OK\r\n)+$/;

/** A client with at most one thing under way. */
class Side {
  readonly mesh: MeshRig;
  readonly client: MeshClient;
  #seenBytes = 0;

  constructor(mesh: MeshRig, rig: number) {
    this.mesh = mesh;
    this.client = connectTo(mesh, rig);
  }

  send(...commands: string[][]): void {
    this.#seenBytes = repliesOf(this.mesh, this.client).length;
    pipe(this.mesh, this.client, ...commands);
  }

  /** What has come since. */
  get reply(): string {
    return repliesOf(this.mesh, this.client).slice(this.#seenBytes);
  }
}

class Reader extends Side {
  #group: readonly string[] = [];
  #value = '';
  /** 0 = nothing is under way, 1 = WATCH and GET, 2 = EXEC. */
  #stage = 0;
  failedCount = 0;
  /** What each EXEC has seen that succeeded: the watched key, the other one. */
  readonly pairs: (readonly [string, string])[] = [];

  step(groups: readonly string[][], below: (bound: number) => number): void {
    if (this.#stage === 1) {
      const [, value] = WATCHED.exec(this.reply) ?? [];
      if (value === undefined) return;
      this.#value = value;
      this.send(['MULTI'], ['GET', this.#group[1]!], ['EXEC']);
      this.#stage = 2;
      return;
    }
    if (this.#stage === 2) {
      const match = READ.exec(this.reply);
      if (match === null) return;
      if (match[1] === undefined) this.failedCount++;
      else this.pairs.push([this.#value, match[1]]);
    }
    const group = groups[below(groups.length)]!;
    this.#group = [...group].sort(() => below(3) - 1);
    this.send(['WATCH', this.#group[0]!], ['GET', this.#group[0]!]);
    this.#stage = 1;
  }
}

class Writer extends Side {
  /** What the answer to all that was sent last looks like. */
  #whole = NOTHING;

  step(groups: readonly string[][], below: (bound: number) => number, value: number): void {
    if (!this.#whole.test(this.reply)) return;
    const keys = [...groups[below(groups.length)]!].sort(() => below(3) - 1);
    const sets = keys.map((key) => ['SET', key, String(value)]);
    const isSingle = below(2) === 0;
    this.#whole = isSingle ? WRITTEN : EXECUTED;
    if (isSingle) this.send(['MSET', ...sets.flatMap(([, ...pair]) => pair)]);
    else this.send(['WATCH', `other${below(20)}`], ['MULTI'], ...sets, ['EXEC']);
  }
}

describe('an EXEC that depends on a key it does not touch', () => {
  it.each([[2, 1], [3, 2], [3, 3], [4, 4], [4, 5], [5, 6]])(
    'succeeds only where nothing before it has changed the key, %i workers, seed %i',
    (workerCount, seed) => {
      const below = belowOf(seed);
      const mesh = new MeshRig(workerCount, { seed });
      const groups = [0, 1].map((group) => Array.from(
        { length: workerCount }, (_, worker) => keysOf(worker, workerCount, 2)[group]!,
      ));
      const readers = Array.from({ length: 6 }, () => new Reader(mesh, below(workerCount)));
      const writers = Array.from({ length: 3 }, () => new Writer(mesh, below(workerCount)));
      for (const group of groups) {
        ask(mesh, writers[0]!.client, 'MSET', ...group.flatMap((key) => [key, '0']));
      }
      for (let step = 1; step <= STEPS; step++) {
        readers[below(readers.length)]!.step(groups, below);
        if (below(3) === 0) writers[below(writers.length)]!.step(groups, below, step);
        someTurns(mesh, below, 3);
      }
      mesh.settle();
      const pairs = readers.flatMap((reader) => reader.pairs);
      for (const [watched, read] of pairs) expect(read, `seed ${seed}`).toBe(watched);
      expect(pairs.length).toBeGreaterThan(100);
      expect(readers.reduce((sum, { failedCount }) => sum + failedCount, 0)).toBeGreaterThan(20);
    },
  );
});
