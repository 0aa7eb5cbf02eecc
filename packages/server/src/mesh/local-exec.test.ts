/**
 * An EXEC whose keys are all on its own worker is a command of that worker like any other: while a
 * transaction over several workers has locked one of its keys, it waits. Else it would run between
 * the vote of that transaction, which found its watched keys unchanged, and its writes.
 */
import { describe, expect, it } from 'vitest';
import { encodeRequest } from '@kora/protocol';
import { MeshRig } from '../testing/mesh-rig.ts';

interface Client {
  readonly rig: number;
  readonly slot: number;
}

class Mesh {
  readonly mesh = new MeshRig(2);

  connect(rig: number): Client {
    const slot = this.mesh.rigs[rig]?.connect() ?? 0;
    this.mesh.rest(rig);
    return { rig, slot };
  }

  send({ rig, slot }: Client, ...commands: readonly (readonly string[])[]): void {
    const bytes = Buffer.concat(commands.map((words) => encodeRequest(words)));
    this.mesh.rigs[rig]?.receive(slot, bytes);
    this.mesh.rest(rig);
  }

  replies({ rig, slot }: Client): string {
    return this.mesh.rigs[rig]?.repliesOf(slot) ?? '';
  }

  /** The reply to one command, when all have come to rest. */
  ask(client: Client, ...words: string[]): string {
    const before = this.replies(client).length;
    this.send(client, words);
    this.mesh.settle();
    return this.replies(client).slice(before);
  }

  /** A key of the worker. */
  keyOf(worker: number): string {
    const client = this.connect(worker);
    for (let i = 0; ; i++) {
      const before = this.mesh.rigs[worker]?.worker.shard.stats.calls.reduce((a, b) => a + b, 0);
      this.send(client, ['GET', `key${i}`]);
      const after = this.mesh.rigs[worker]?.worker.shard.stats.calls.reduce((a, b) => a + b, 0);
      this.mesh.settle();
      if (before !== after) return `key${i}`;
    }
  }
}

describe('an EXEC of one worker', () => {
  it.each([['MULTI'], []])('waits for locks, as a plain command does: %j', (...begin) => {
    const mesh = new Mesh();
    const [far, near] = [mesh.keyOf(0), mesh.keyOf(1)];
    const [watching, writing] = [mesh.connect(1), mesh.connect(1)];
    expect(mesh.ask(watching, 'WATCH', near)).toBe('+OK\r\n');
    // The own part of this EXEC is prepared, its key locked; the other worker has not heard of it.
    mesh.send(watching, ['MULTI'], ['SET', far, '1'], ['SET', near, '1'], ['EXEC']);
    const isMulti = begin.length > 0;
    const commands = [['APPEND', near, '2']];
    mesh.send(writing, ...(isMulti ? [['MULTI'], ...commands, ['EXEC']] : commands));
    mesh.mesh.turn(1);
    expect(mesh.replies(writing)).toBe(isMulti ? '+OK\r\n+QUEUED\r\n' : '');
    mesh.mesh.settle();
    expect(mesh.replies(watching)).toMatch(/\*2\r\n\+OK\r\n\+OK\r\n$/);
    expect(mesh.replies(writing)).toMatch(isMulti ? /\*1\r\n:2\r\n$/ : /^:2\r\n$/);
    expect(mesh.ask(writing, 'GET', near)).toBe('$2\r\n12\r\n');
  });
});
