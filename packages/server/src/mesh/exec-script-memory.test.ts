/**
 * Memory that is refused while an EXEC runs over several workers: the command that meets it answers
 * so and has changed nothing anywhere, the others run, and no byte is lost. Whatever was refused,
 * the workers are as they would be had the refused commands not been among those of the EXEC.
 */
import type { Allocator } from '@kora/core';
import { contentsOf } from '@kora/core/testing';
import { describe, expect, it } from 'vitest';
import { elementsOf, leftOf, shown } from '../testing/mesh-checks.ts';
import type { MeshClient } from '../testing/mesh-clients.ts';
import { ask, connectTo, pipe, repliesOf } from '../testing/mesh-clients.ts';
import type { FaultOfMemory } from '../testing/mesh-faults.ts';
import { refuseHold, refuseReserve, starve } from '../testing/mesh-faults.ts';
import { MeshRig } from '../testing/mesh-rig.ts';

const WORKER_COUNT = 3;

/** One at least of each way in which shards run a command together. */
const COMMANDS: readonly (readonly string[])[] = [
  ['RENAME', 'string', 'fresh'], ['COPY', 'list', 'set', 'REPLACE'],
  ['SUNIONSTORE', 'fresh', 'set', 'set2'], ['LMOVE', 'list', 'fresh', 'LEFT', 'LEFT'],
  ['SMOVE', 'set', 'set2', 'a'], ['BITOP', 'OR', 'fresh', 'string', 'other'],
  ['SORT', 'list', 'BY', 'w*', 'ALPHA', 'GET', 'w*', 'STORE', 'set'],
  ['MSETNX', 'fresh', 'x'.repeat(200), 'fresh2', 'y', 'fresh3', 'z'],
  ['MSETEX', '3', 'string', 'u', 'other', 'v', 'wa', 'w', 'XX', 'EX', '100'],
  ['MSET', 'string', 'u', 'fresh', 'v', 'wa', 'w', 'wb', 'x'],
  ['XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 'stream', 'stream2', '>', '>'],
];

interface Meshed {
  readonly mesh: MeshRig;
  readonly client: MeshClient;
}

function prepared(): Meshed {
  const mesh = new MeshRig(WORKER_COUNT);
  const client = connectTo(mesh, 0);
  for (const words of [
    ['SET', 'string', 'x'.repeat(5000)], ['SET', 'other', 'abc'], ['RPUSH', 'list', 'a', 'b', 'c'],
    ['MSET', 'wa', '3', 'wb', '2', 'wc', '1'], ['SADD', 'set', 'a', 'b'], ['SADD', 'set2', 'c'],
    ['XADD', 'stream', '1-1', 'f', 'v'], ['XADD', 'stream2', '1-1', 'f', 'v'],
    ['XGROUP', 'CREATE', 'stream', 'g', '0'], ['XGROUP', 'CREATE', 'stream2', 'g', '0'],
  ]) expect(ask(mesh, client, ...words)).not.toMatch(/^-/);
  return { mesh, client };
}

/** The replies of an EXEC of the commands. */
function exec({ mesh, client }: Meshed, commands: readonly (readonly string[])[]): string[] {
  const before = repliesOf(mesh, client).length;
  pipe(mesh, client, ['MULTI'], ...commands, ['EXEC']);
  mesh.settle();
  const reply = repliesOf(mesh, client).slice(before).split('+QUEUED\r\n').at(-1) ?? '';
  expect(reply).toMatch(/^\*/);
  return elementsOf(reply);
}

/** Data and what was announced of every worker. */
function stateOf({ mesh }: Meshed): unknown {
  expect(leftOf(mesh)).toEqual([]);
  return mesh.rigs.map(({ worker: { shard } }) =>
    [shown(contentsOf(shard)), shard.journal.sequence]);
}

/**
 * Memory that every worker uses when its data is gone: where pages are few a small value may have a
 * whole one, so with the data there it says nothing.
 */
function emptiedBytesOf({ mesh, client }: Meshed): number[] {
  ask(mesh, client, 'FLUSHALL');
  return mesh.rigs.map(({ worker: { shard } }) => {
    while (shard.lazyFree.step());
    return shard.memory.arenaAllocator.usedBytes();
  });
}

/** Runs an EXEC with the command on fresh workers, one of them with a fault. */
function attempt(
  command: readonly string[], workerIndex: number, injure: (allocator: Allocator) => FaultOfMemory,
): 'refused' | 'done' | 'not met' {
  const commands = [
    ['APPEND', 'other', 'tail'], ['RPUSH', 'list', 'before'], command, ['INCR', 'n1'],
    ['MGET', 'n1', 'other', 'wa'], ['SADD', 'set2', 'behind'],
  ];
  const injured = prepared();
  const { mesh } = injured;
  const { arenaAllocator } = mesh.rigs[workerIndex]!.worker.shard.memory;
  const fault = injure(arenaAllocator);
  const replies = exec(injured, commands);
  if (!fault.end()) return 'not met';
  const where = `${command.join(' ').slice(0, 60)} on worker ${workerIndex}: ${replies.join('')}`;
  expect(mesh.rigs.flatMap(({ log }) => log), where).toEqual([]);
  const isRefused = (i: number): boolean => replies[i]?.startsWith('-OOM') === true;
  const rest = prepared();
  const wanted = exec(rest, commands.filter((_, i) => !isRefused(i)));
  expect(replies.filter((_, i) => !isRefused(i)), where).toEqual(wanted);
  expect(stateOf(injured), where).toEqual(stateOf(rest));
  expect(emptiedBytesOf(injured), where).toEqual(emptiedBytesOf(rest));
  return isRefused(2) ? 'refused' : 'done';
}

describe('an EXEC over several workers, short of memory', () => {
  it.each(COMMANDS.map((command) => [command[0] ?? '', command] as const))(
    'leaves out %s alone where memory is refused, wherever that is',
    (_name, command) => {
      let refusals = 0;
      for (let worker = 0; worker < WORKER_COUNT; worker++) {
        for (const refuse of [refuseReserve, refuseHold]) {
          for (let n = 1; ; n++) {
            const result = attempt(command, worker, (allocator) => refuse(allocator, n));
            if (result === 'not met') break;
            if (result === 'refused') refusals++;
          }
        }
      }
      expect(refusals).toBeGreaterThan(0);
    },
  );

  it('leaves out what finds none where few pages are left', () => {
    let refusals = 0;
    for (const command of COMMANDS) {
      for (let worker = 0; worker < WORKER_COUNT; worker++) {
        for (let pages = 0; pages <= 1024; pages = pages * 8 + 3) {
          const result = attempt(command, worker, (allocator) => starve(allocator, pages));
          if (result === 'refused') refusals++;
        }
      }
    }
    expect(refusals).toBeGreaterThan(20);
  });
});
