/**
 * SCAN over several workers against its promise: a key that is there during the whole scan is
 * found, whatever comes and goes between two calls and between two rounds of one; nothing is found
 * that was never there; a call meets about as many keys as COUNT says, also where it goes on from
 * shard to shard; it ends; nothing is left under way. Where nothing changes every key comes once,
 * and filters keep what they keep in one shard.
 */
import { describe, expect, it } from 'vitest';
import { leftOf } from '../testing/mesh-checks.ts';
import type { MeshClient } from '../testing/mesh-clients.ts';
import {
  ask, belowOf, connectTo, keysOf, pipe, repliesOf, send, someTurns,
} from '../testing/mesh-clients.ts';
import { MeshRig } from '../testing/mesh-rig.ts';

interface Step {
  readonly cursor: string;
  readonly keys: readonly string[];
}

function stepIn(reply: string): Step {
  const words = [...reply.matchAll(/\$\d+\r\n([^\r]*)\r\n/g)].map(([, word = '']) => word);
  const [cursor = '', ...keys] = words;
  const [, count = ''] = /^\*2\r\n\$\d+\r\n\d+\r\n\*(\d+)\r\n/.exec(reply) ?? [];
  if (count !== String(keys.length)) throw new Error(`no step of SCAN: ${reply}`);
  return { cursor, keys };
}

/** All steps of a scan while nothing else happens. */
function scanAll(mesh: MeshRig, client: MeshClient, ...options: string[]): Step[] {
  const steps: Step[] = [];
  for (let cursor = '0'; steps.length === 0 || cursor !== '0';) {
    const step = stepIn(ask(mesh, client, 'SCAN', cursor, ...options));
    steps.push(step);
    ({ cursor } = step);
    if (steps.length > 10_000) throw new Error('the scan does not end');
  }
  return steps;
}

const keysIn = (steps: readonly Step[]): string[] => steps.flatMap(({ keys }) => keys).sort();
const fill = (mesh: MeshRig, client: MeshClient, keys: readonly string[]): void => {
  for (const key of keys) ask(mesh, client, 'SET', key, 'v');
};

describe('SCAN over workers', () => {
  it.each([2, 3, 4])('gives all keys of %i shards in one call that asks for them', (count) => {
    const mesh = new MeshRig(count);
    const keys = Array.from({ length: 60 }, (_, i) => `k${i}`).sort();
    for (let worker = 0; worker < count; worker++) {
      const client = connectTo(mesh, worker);
      if (worker === 0) fill(mesh, client, keys);
      const [step, ...others] = scanAll(mesh, client, 'COUNT', '100');
      expect([...step?.keys ?? []].sort()).toEqual(keys);
      expect(others).toEqual([]);
    }
    expect(leftOf(mesh)).toEqual([]);
  });

  it('answers 0 for no keys, in whatever database, and for cursors behind all shards', () => {
    const mesh = new MeshRig(3);
    const client = connectTo(mesh, 1);
    expect(ask(mesh, client, 'SCAN', '0')).toBe('*2\r\n$1\r\n0\r\n*0\r\n');
    fill(mesh, client, ['a']);
    expect(ask(mesh, client, 'SELECT', '3')).toBe('+OK\r\n');
    expect(ask(mesh, client, 'SCAN', '0')).toBe('*2\r\n$1\r\n0\r\n*0\r\n');
    fill(mesh, client, ['b']);
    expect(ask(mesh, client, 'SCAN', '0')).toBe('*2\r\n$1\r\n0\r\n*1\r\n$1\r\nb\r\n');
    const behind = String(3 * 2 ** 32);
    expect(ask(mesh, client, 'SCAN', behind)).toBe('*2\r\n$1\r\n0\r\n*0\r\n');
    expect(ask(mesh, client, 'SCAN', '-1')).toBe('*2\r\n$1\r\n0\r\n*0\r\n');
    expect(ask(mesh, client, 'SCAN', 'x')).toBe('-ERR invalid cursor\r\n');
    expect(ask(mesh, client, 'SCAN', '0', 'COUNT', '0')).toBe('-ERR syntax error\r\n');
    expect(leftOf(mesh)).toEqual([]);
  });

  it('filters by MATCH and TYPE in every shard', () => {
    const mesh = new MeshRig(4);
    const client = connectTo(mesh, 2);
    fill(mesh, client, Array.from({ length: 50 }, (_, i) => `k${i}`));
    for (let i = 0; i < 50; i++) ask(mesh, client, 'RPUSH', `list${i}`, 'e');
    const lists = keysIn(scanAll(mesh, client, 'TYPE', 'LIST', 'COUNT', '7'));
    expect(lists).toEqual(Array.from({ length: 50 }, (_, i) => `list${i}`).sort());
    const matched = keysIn(scanAll(mesh, client, 'MATCH', 'x', 'MATCH', 'k1?', 'COUNT', '3'));
    expect(matched).toEqual(Array.from({ length: 10 }, (_, i) => `k1${i}`));
    expect(keysIn(scanAll(mesh, client, 'TYPE', 'hash'))).toEqual([]);
    const long = `k[${'x'.repeat(70_000)}0-9]*`;
    expect(keysIn(scanAll(mesh, client, 'MATCH', long, 'COUNT', '1000'))).toHaveLength(50);
    expect(leftOf(mesh)).toEqual([]);
  });

  it('meets about as many keys as COUNT says, and each once', () => {
    const mesh = new MeshRig(3);
    const client = connectTo(mesh, 0);
    const keys = [0, 1, 2].flatMap((worker) => keysOf(worker, 3, 2000)).sort();
    for (let at = 0; at < keys.length; at += 100) {
      pipe(mesh, client, ...keys.slice(at, at + 100).map((key) => ['SET', key, 'v']));
      mesh.settle();
    }
    for (const count of [10, 100, 1500, 5000]) {
      const steps = scanAll(mesh, client, 'COUNT', String(count));
      expect(keysIn(steps)).toEqual(keys);
      for (const step of steps) expect(step.keys.length).toBeLessThan(count + 40);
      for (const step of steps.slice(0, -1)) expect(step.keys.length).toBeGreaterThanOrEqual(count);
    }
    expect(scanAll(mesh, client, 'COUNT', '1000000')).toHaveLength(1);
    expect(scanAll(mesh, client, 'COUNT', '99999999999999')).toHaveLength(1);
    expect(leftOf(mesh)).toEqual([]);
  });

  it('keeps its place among the replies of a pipeline', () => {
    const mesh = new MeshRig(2);
    const client = connectTo(mesh, 1);
    pipe(mesh, client, ['SET', 'a', '1'], ['SCAN', '0'], ['DEL', 'a'], ['SCAN', '0'], ['PING']);
    mesh.settle();
    expect(repliesOf(mesh, client)).toBe(
      '+OK\r\n*2\r\n$1\r\n0\r\n*1\r\n$1\r\na\r\n:1\r\n*2\r\n$1\r\n0\r\n*0\r\n+PONG\r\n',
    );
    expect(leftOf(mesh)).toEqual([]);
  });

  it('ends quietly for a client that is gone', () => {
    const mesh = new MeshRig(4);
    const client = connectTo(mesh, 0);
    fill(mesh, client, Array.from({ length: 40 }, (_, i) => `k${i}`));
    for (let turns = 0; turns < 12; turns++) {
      const leaving = connectTo(mesh, 1);
      send(mesh, leaving, 'SCAN', '0', 'COUNT', '2000');
      for (let turn = 0; turn < turns; turn++) mesh.turn((turn + 1) % 4);
      mesh.disconnect(leaving.rig, leaving.slot);
      mesh.settle();
      expect(leftOf(mesh)).toEqual([]);
    }
  });

  const seeds = Array.from({ length: 12 }, (_, i) => i + 1);
  it.each(seeds)('misses no key that is there all along, seed %i', (seed) => {
    const below = belowOf(seed);
    const workers = 2 + (seed % 3);
    const mesh = new MeshRig(workers, { seed });
    const scanner = connectTo(mesh, below(workers));
    const writer = connectTo(mesh, below(workers));
    const pinned = Array.from({ length: 30 + below(60) }, (_, i) => `pinned${i}`);
    fill(mesh, writer, pinned);
    const found = new Set<string>();
    let cursor = '0';
    for (let calls = 0; calls === 0 || cursor !== '0'; calls++) {
      const before = repliesOf(mesh, scanner).length;
      send(mesh, scanner, 'SCAN', cursor, 'COUNT', String(1 + below(40)));
      for (let i = below(20); i > 0; i--) {
        const key = `${below(2) === 0 ? 'moving' : 'gone'}${below(400)}`;
        if (below(2) === 0) send(mesh, writer, 'SET', key, 'v');
        else send(mesh, writer, 'DEL', key, `moving${below(400)}`);
        someTurns(mesh, below, workers);
      }
      mesh.settle();
      const step = stepIn(repliesOf(mesh, scanner).slice(before));
      ({ cursor } = step);
      for (const key of step.keys) found.add(key);
      if (calls > 2000) throw new Error(`seed ${seed}: the scan does not end`);
    }
    const missing = pinned.filter((key) => !found.has(key));
    expect(missing, `seed ${seed}`).toEqual([]);
    const strange = [...found].filter((key) => !/^(?:pinned|moving|gone)\d+$/.test(key));
    expect(strange, `seed ${seed}`).toEqual([]);
    expect(leftOf(mesh), `seed ${seed}`).toEqual([]);
  });
});
