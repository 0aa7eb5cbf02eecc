/**
 * Commands that one shard runs with what others lend it happen at one moment and lose nothing:
 * elements and values are moved between shards while readers look at all places at once, in any
 * interleaving of turns, and each is seen exactly once. What is announced is complete: every
 * shard's records, replayed into an empty shard, give its data. And whichever reserve of memory is
 * refused, on whichever worker, the command says so and nothing has changed anywhere.
 */
import type { Allocator } from '@kora/core';
import { CommandDriver, contentsOf, JournalRecorder, replayEffect } from '@kora/core/testing';
import { describe, expect, it } from 'vitest';
import { leftOf, repliesIn, shown } from '../testing/mesh-checks.ts';
import {
  ask, belowOf, connectTo, encodeRequest, repliesOf, send, someTurns,
} from '../testing/mesh-clients.ts';
import type { MeshClient } from '../testing/mesh-clients.ts';
import type { FaultOfMemory } from '../testing/mesh-faults.ts';
import { refuseReserve, starve } from '../testing/mesh-faults.ts';
import { MeshRig } from '../testing/mesh-rig.ts';
import { severalKeyCommand } from '../testing/several-key-commands.ts';
import { WorkerRig } from '../testing/worker-rig.ts';

const PLACES = 5;
const LISTS = Array.from({ length: PLACES }, (_, i) => `list${i}`);
const SETS = Array.from({ length: PLACES }, (_, i) => `set${i}`);
const NAMES = Array.from({ length: PLACES * 2 }, (_, i) => `name${i}`);
const ELEMENTS = Array.from({ length: 12 }, (_, i) => `t${i}`);
const MEMBERS = Array.from({ length: 12 }, (_, i) => `m${i}`);
const VALUES = Array.from({ length: 6 }, (_, i) => `v${i}`);

/** One at least of each kind; all succeed on what `prepare` makes. */
const COMMANDS: readonly (readonly string[])[] = [
  ['RENAME', 'string', 'fresh'], ['RENAME', 'list', 'other'], ['COPY', 'zset', 'fresh'],
  ['COPY', 'list', 'set', 'REPLACE'], ['SUNIONSTORE', 'fresh', 'set', 'set2'],
  ['LMOVE', 'list', 'fresh', 'LEFT', 'LEFT'], ['LMOVE', 'list', 'list2', 'LEFT', 'LEFT'],
  ['SMOVE', 'set', 'set2', 'a'], ['BITOP', 'OR', 'fresh', 'string', 'other'],
  ['PFMERGE', 'fresh', 'hll', 'hll2'], ['ZUNIONSTORE', 'fresh', '2', 'zset', 'set'],
  ['SORT', 'list', 'ALPHA', 'STORE', 'set'],
  ['SORT', 'list', 'BY', 'w*', 'ALPHA', 'GET', 'w*', 'STORE', 'set'],
  ['LMPOP', '2', 'nosuch', 'list', 'LEFT'],
];

function move(mesh: MeshRig, client: MeshClient, below: (bound: number) => number): void {
  const one = (places: readonly string[]): string => places[below(places.length)] ?? '';
  const end = (): string => (below(2) === 0 ? 'LEFT' : 'RIGHT');
  const kind = below(5);
  if (kind === 0) send(mesh, client, 'LMOVE', one(LISTS), one(LISTS), end(), end());
  else if (kind === 1) send(mesh, client, 'RPOPLPUSH', one(LISTS), one(LISTS));
  else if (kind === 2) send(mesh, client, 'SMOVE', one(SETS), one(SETS), one(MEMBERS));
  else send(mesh, client, 'RENAMENX', one(NAMES), one(NAMES));
}

/** Reads all places of all kinds at one moment. */
function read(mesh: MeshRig, client: MeshClient, below: (bound: number) => number): void {
  const kind = below(4);
  if (kind === 0) send(mesh, client, 'MGET', ...NAMES);
  else if (kind === 1) send(mesh, client, 'SUNION', ...SETS);
  else {
    send(mesh, client, 'MULTI');
    for (const key of LISTS) send(mesh, client, 'LRANGE', key, '0', '-1');
    for (const key of SETS) send(mesh, client, 'SMEMBERS', key);
    send(mesh, client, 'MGET', ...NAMES);
    send(mesh, client, 'EXEC');
  }
}

describe('commands that one shard runs for several', () => {
  it.each([[2, 1], [3, 2], [4, 3], [5, 4], [2, 5], [3, 6]])(
    'move elements and values that are never lost and never seen twice, %i workers, seed %i',
    (workerCount, seed) => {
      const below = belowOf(seed);
      const mesh = new MeshRig(workerCount, { seed });
      const movers = Array.from({ length: 5 }, () => connectTo(mesh, below(workerCount)));
      const readers = Array.from({ length: 4 }, () => connectTo(mesh, below(workerCount)));
      const [first] = movers;
      ask(mesh, first!, 'RPUSH', 'list0', ...ELEMENTS);
      ask(mesh, first!, 'SADD', 'set0', ...MEMBERS);
      for (const [i, value] of VALUES.entries()) ask(mesh, first!, 'SET', `name${i}`, value);
      for (let step = 0; step < 2500; step++) {
        if (below(2) === 0) move(mesh, movers[below(movers.length)]!, below);
        if (below(5) === 0) read(mesh, readers[below(readers.length)]!, below);
        someTurns(mesh, below, 4);
      }
      mesh.settle();
      const seen = { t: 0, m: 0, v: 0 };
      for (const reader of readers) {
        const text = repliesOf(mesh, reader);
        expect(text).not.toMatch(/-[A-Z]/);
        for (const reply of repliesIn(text).filter((one) => one.startsWith('*'))) {
          for (const [kind, all] of [['t', ELEMENTS], ['m', MEMBERS], ['v', VALUES]] as const) {
            const found = [...reply.matchAll(/\r\n([tmv])(\d+)(?=\r\n)/g)]
              .filter(([, type]) => type === kind).map(([, type, n]) => `${type}${n}`);
            if (found.length === 0) continue;
            seen[kind]++;
            expect(found.sort(), `${JSON.stringify(reply)}, seed ${seed}`).toEqual([...all].sort());
          }
        }
      }
      expect(Math.min(seen.t, seen.m, seen.v), 'replies that were checked').toBeGreaterThan(50);
      expect(leftOf(mesh)).toEqual([]);
    },
  );

  it.each([[2, 1], [3, 2], [5, 3]])(
    'are announced in full: replayed records give the data, %i workers, seed %i',
    (workerCount, seed) => {
      const below = belowOf(seed);
      const mesh = new MeshRig(workerCount, { seed });
      const shards = mesh.rigs.map(({ worker }) => worker.shard);
      const recorders = shards.map((shard) => new JournalRecorder(shard));
      const clients = Array.from({ length: 4 }, () => connectTo(mesh, below(workerCount)));
      for (let step = 0; step < 2000; step++) {
        // All clients share their keys: what is announced has an order on every shard.
        send(mesh, clients[below(clients.length)]!, ...severalKeyCommand(below, 'k'));
        someTurns(mesh, below, 4);
      }
      mesh.settle();
      for (const [i, shard] of shards.entries()) {
        const fresh = new CommandDriver({ seed: seed + 50, startMs: mesh.clock.nowMs() });
        for (const each of recorders[i]?.records ?? []) replayEffect(fresh.shard, each);
        expect(shown(contentsOf(fresh.shard)), `shard ${i}, seed ${seed}`)
          .toEqual(shown(contentsOf(shard)));
        recorders[i]?.close();
      }
      expect(leftOf(mesh)).toEqual([]);
    },
  );

  it.each([[2, 1], [4, 2]])(
    'make one set of many as one worker does, %i workers, seed %i',
    (workerCount, seed) => {
      const below = belowOf(seed);
      const mesh = new MeshRig(workerCount, { seed });
      const client = connectTo(mesh, 0);
      const one = new WorkerRig();
      const slot = one.connect();
      const key = (): string => `e${below(6)}`;
      for (let step = 0; step < 600; step++) {
        const words = below(3) > 0
          ? ['SADD', key(), `${below(20)}`, `${1000 + below(20)}`, `m${below(9)}`.slice(below(2))]
          : [['SUNION', 'SINTER', 'SDIFF'][below(3)] ?? '', key(), key(), key()];
        if (below(40) === 0) words.push('z'.repeat(below(200)));
        const before = one.repliesOf(slot).length;
        one.receive(slot, encodeRequest(words));
        const wanted = one.repliesOf(slot).slice(before).split('\r\n').sort();
        expect(ask(mesh, client, ...words).split('\r\n').sort(), `${words.join(' ')}, seed ${seed}`)
          .toEqual(wanted);
      }
      expect(leftOf(mesh)).toEqual([]);
    },
  );

  it('leave everything as it was when memory is refused anywhere, and give all of it back', () => {
    let refusals = 0;
    for (const command of COMMANDS) {
      for (let worker = 0; worker < 3; worker++) {
        for (let n = 1; ; n++) {
          const result = attempt(command, worker, (allocator) => refuseReserve(allocator, n));
          if (result === 'not met') break;
          if (result === 'refused') refusals++;
        }
      }
    }
    expect(refusals).toBeGreaterThan(30);
  });

  it('leave everything as it was where few pages are left', () => {
    let refusals = 0;
    const pending = ['XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 'stream', 'stream2', '>', '>'];
    for (const command of [...COMMANDS, pending]) {
      for (let worker = 0; worker < 3; worker++) {
        for (let pages = 0; pages <= 1024; pages = pages * 4 + 3) {
          const result = attempt(command, worker, (allocator) => starve(allocator, pages));
          if (result === 'refused') refusals++;
        }
      }
    }
    expect(refusals).toBeGreaterThan(30);
  });

  it('give back the memory that carries values between workers', () => {
    const mesh = new MeshRig(3);
    const client = connectTo(mesh, 0);
    const used: number[] = [];
    for (let round = 0; round < 30; round++) {
      ask(mesh, client, 'SET', 'a', 'x'.repeat(100_000));
      ask(mesh, client, 'RENAME', 'a', 'b');
      ask(mesh, client, 'RPUSH', 'l', 'y'.repeat(3000), 'z');
      for (const key of ['l2', 'l3', 'l4', 'l5']) ask(mesh, client, 'COPY', 'l', key, 'REPLACE');
      ask(mesh, client, 'LMOVE', 'l', 'l2', 'LEFT', 'LEFT');
      ask(mesh, client, 'DEL', 'l', 'l2', 'l3', 'l4', 'l5', 'b');
      used.push(mesh.rigs.reduce(
        (sum, { worker }) => sum + worker.shard.memory.lowAllocator.usedBytes(), 0,
      ));
    }
    expect(used[29]).toBe(used[9]);
    expect(leftOf(mesh)).toEqual([]);
  });
});

function prepare(mesh: MeshRig, client: MeshClient): void {
  for (const words of [
    ['SET', 'string', 'x'.repeat(5000)], ['SET', 'other', 'abc'], ['RPUSH', 'list', 'a', 'b', 'c'],
    ['MSET', 'wa', '3', 'wb', '2', 'wc', '1'], ['RPUSH', 'list2', 'z'],
    ['SADD', 'set', 'a', 'b'], ['SADD', 'set2', 'c'],
    ['ZADD', 'zset', '1', 'a', '2', 'b'], ['PFADD', 'hll', 'a'], ['PFADD', 'hll2', 'b'],
    ['XADD', 'stream', '1-1', 'f', 'v'], ['XADD', 'stream2', '1-1', 'f', 'v'],
    ['XGROUP', 'CREATE', 'stream', 'g', '0'], ['XGROUP', 'CREATE', 'stream2', 'g', '0'],
  ]) ask(mesh, client, ...words);
}

/** Runs the command on fresh workers, one of them with a fault. */
function attempt(
  command: readonly string[], workerIndex: number, injure: (allocator: Allocator) => FaultOfMemory,
): 'refused' | 'done' | 'not met' {
  const mesh = new MeshRig(3);
  const client = connectTo(mesh, 0);
  prepare(mesh, client);
  const shards = mesh.rigs.map(({ worker }) => worker.shard);
  const before = shards.map((shard) => shown(contentsOf(shard)));
  const sequences = shards.map(({ journal }) => journal.sequence);
  const usedBytes = shards.map((shard) => shard.memory.arenaAllocator.usedBytes());
  const fault = injure(shards[workerIndex]!.memory.arenaAllocator);
  const reply = ask(mesh, client, ...command);
  const isMet = fault.end();
  const where = `${command.join(' ')} on worker ${workerIndex}: ${reply}`;
  if (!isMet) return 'not met';
  expect(mesh.rigs.flatMap(({ log }) => log), where).toEqual([]);
  expect(leftOf(mesh)).toEqual([]);
  if (!reply.startsWith('-')) return 'done';
  expect(reply, where).toMatch(/^-OOM/);
  expect(shards.map((shard) => shown(contentsOf(shard))), where).toEqual(before);
  expect(shards.map(({ journal }) => journal.sequence), where).toEqual(sequences);
  for (const shard of shards) while (shard.lazyFree.step());
  expect(shards.map((shard) => shard.memory.arenaAllocator.usedBytes()), where).toEqual(usedBytes);
  return 'refused';
}
