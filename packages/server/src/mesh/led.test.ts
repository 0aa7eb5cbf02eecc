/**
 * What clients and listeners see of commands whose keys lie on several workers and that one of them
 * runs: Redis's replies, errors and events, with nothing lost on the way. The three tests that are
 * named after them are faults that other multi-threaded engines have.
 */
import { keyEvents } from '@kora/core/testing';
import { describe, expect, it } from 'vitest';
import type { MeshClient } from '../testing/mesh-clients.ts';
import { ask, connectTo, encodeRequest, send } from '../testing/mesh-clients.ts';
import { MeshRig } from '../testing/mesh-rig.ts';
import { WorkerRig } from '../testing/worker-rig.ts';

const decoder = new TextDecoder('latin1');
/** Keys of three workers: the first three letters have slots of different thirds. */
const [HERE, THERE, ELSEWHERE] = ['c', 'b', 'a'] as const;

function meshOfThree(): { readonly mesh: MeshRig; readonly client: MeshClient } {
  const mesh = new MeshRig(3);
  return { mesh, client: connectTo(mesh, 0) };
}

/** The keys' places differ, or these tests would test nothing. */
function ownersOf(mesh: MeshRig, client: MeshClient, ...keys: string[]): number[] {
  for (const key of keys) ask(mesh, client, 'SET', key, '1');
  const owners = keys.map((key) => mesh.rigs.findIndex(({ worker: { shard } }) => {
    const { low } = shard.memory;
    low.set(new TextEncoder().encode(key), shard.scratchAt);
    return shard.keyspace.find(shard.keyspace.databases[0]!, shard.scratchAt, key.length) !== 0;
  }));
  ask(mesh, client, 'DEL', ...keys);
  return owners;
}

/** Events that all shards announce from now on, `worker event key`. */
function hearEvents(mesh: MeshRig): string[] {
  const heard: string[] = [];
  for (const [i, { worker: { shard } }] of mesh.rigs.entries()) {
    const keyText = (at: number, bytes: number): string => {
      shard.memory.kernel.copy(shard.scratchAt, at, bytes);
      return decoder.decode(shard.memory.low.slice(shard.scratchAt, shard.scratchAt + bytes));
    };
    shard.journal.listen(({ event, keyAt, keyBytes, secondEvent, otherAt, otherBytes }) => {
      heard.push(`${i} ${keyEvents[event]?.name ?? ''} ${keyText(keyAt, keyBytes)}`);
      if (secondEvent === 0) return;
      heard.push(`${i} ${keyEvents[secondEvent]?.name ?? ''} ${keyText(otherAt, otherBytes)}`);
    });
  }
  return heard;
}

describe('commands that one worker runs for several', () => {
  it('W-06: RENAME, RENAMENX and COPY go to other workers with value, type and deadline', () => {
    const { mesh, client } = meshOfThree();
    expect(new Set(ownersOf(mesh, client, HERE, THERE, ELSEWHERE)).size).toBe(3);
    ask(mesh, client, 'RPUSH', HERE, '1', '2');
    ask(mesh, client, 'EXPIRE', HERE, '100');
    ask(mesh, client, 'SET', THERE, 'old');
    const heard = hearEvents(mesh);
    expect(ask(mesh, client, 'RENAME', HERE, THERE)).toBe('+OK\r\n');
    expect(heard.map((line) => line.slice(2)).sort()).toEqual(['rename_from c', 'rename_to b']);
    expect(heard[0]?.[0]).not.toBe(heard[1]?.[0]);
    expect(ask(mesh, client, 'EXISTS', HERE)).toBe(':0\r\n');
    expect(ask(mesh, client, 'LRANGE', THERE, '0', '-1')).toBe('*2\r\n$1\r\n1\r\n$1\r\n2\r\n');
    expect(ask(mesh, client, 'TTL', THERE)).toBe(':100\r\n');
    expect(ask(mesh, client, 'COPY', THERE, ELSEWHERE)).toBe(':1\r\n');
    expect(ask(mesh, client, 'COPY', THERE, ELSEWHERE)).toBe(':0\r\n');
    expect(ask(mesh, client, 'COPY', THERE, ELSEWHERE, 'DB', '1')).toBe(':1\r\n');
    expect(ask(mesh, client, 'RENAMENX', THERE, ELSEWHERE)).toBe(':0\r\n');
    expect(ask(mesh, client, 'RENAMENX', THERE, HERE)).toBe(':1\r\n');
    expect(ask(mesh, client, 'RENAME', THERE, HERE)).toBe('-ERR no such key\r\n');
    expect(ask(mesh, client, 'EXISTS', HERE, THERE, ELSEWHERE)).toBe(':2\r\n');
    expect(ask(mesh, client, 'DBSIZE')).toBe(':2\r\n');
  });

  it('W-14: SMOVE and LMOVE lose nothing to a destination of another type', () => {
    const { mesh, client } = meshOfThree();
    ask(mesh, client, 'SADD', HERE, 'm');
    ask(mesh, client, 'RPUSH', THERE, 'e');
    ask(mesh, client, 'SET', ELSEWHERE, 'text');
    const heard = hearEvents(mesh);
    expect(ask(mesh, client, 'SMOVE', HERE, ELSEWHERE, 'm')).toMatch(/^-WRONGTYPE/);
    expect(ask(mesh, client, 'SMOVE', HERE, THERE, 'm')).toMatch(/^-WRONGTYPE/);
    expect(ask(mesh, client, 'SMOVE', HERE, THERE, 'absent')).toMatch(/^-WRONGTYPE/);
    expect(ask(mesh, client, 'SMOVE', 'nosuch', THERE, 'm')).toBe(':0\r\n');
    expect(ask(mesh, client, 'LMOVE', THERE, ELSEWHERE, 'LEFT', 'LEFT')).toMatch(/^-WRONGTYPE/);
    expect(ask(mesh, client, 'RPOPLPUSH', THERE, HERE)).toMatch(/^-WRONGTYPE/);
    expect(ask(mesh, client, 'RPOPLPUSH', HERE, THERE)).toMatch(/^-WRONGTYPE/);
    expect(heard).toEqual([]);
    expect(ask(mesh, client, 'SMEMBERS', HERE)).toBe('*1\r\n$1\r\nm\r\n');
    expect(ask(mesh, client, 'LRANGE', THERE, '0', '-1')).toBe('*1\r\n$1\r\ne\r\n');
    expect(ask(mesh, client, 'GET', ELSEWHERE)).toBe('$4\r\ntext\r\n');
  });

  it('W-19: a source of another type on another worker is an error, not an empty set', () => {
    const { mesh, client } = meshOfThree();
    ask(mesh, client, 'SADD', HERE, 'm');
    ask(mesh, client, 'SET', THERE, 'text');
    ask(mesh, client, 'SADD', ELSEWHERE, 'old');
    for (const words of [
      ['SUNION', HERE, THERE], ['SDIFF', HERE, THERE], ['SUNIONSTORE', ELSEWHERE, HERE, THERE],
      ['SINTERCARD', '2', HERE, THERE], ['ZUNION', '2', HERE, THERE], ['PFCOUNT', HERE, THERE],
      ['XREAD', 'STREAMS', HERE, THERE, '0', '0'], ['LMPOP', '2', THERE, HERE, 'LEFT'],
    ]) expect(ask(mesh, client, ...words), words.join(' ')).toMatch(/^-WRONGTYPE/);
    expect(ask(mesh, client, 'SMEMBERS', ELSEWHERE)).toBe('*1\r\n$3\r\nold\r\n');
  });

  it('announce a move as the plain commands do, where each key is', () => {
    const { mesh, client } = meshOfThree();
    ask(mesh, client, 'RPUSH', HERE, 'e', 'f');
    ask(mesh, client, 'SADD', THERE, 'm');
    const heard = hearEvents(mesh);
    expect(ask(mesh, client, 'LMOVE', HERE, 'b2', 'RIGHT', 'LEFT')).toBe('$1\r\nf\r\n');
    expect(ask(mesh, client, 'LMOVE', HERE, 'b2', 'LEFT', 'LEFT')).toBe('$1\r\ne\r\n');
    expect(ask(mesh, client, 'SMOVE', THERE, 'a2', 'm')).toBe(':1\r\n');
    expect(heard.map((line) => line.slice(2))).toEqual([
      'lpush b2', 'rpop c', 'lpush b2', 'lpop c', 'del c', 'sadd a2', 'srem b', 'del b',
    ]);
  });

  it('touch watched keys of every worker, and count one call', () => {
    const { mesh, client } = meshOfThree();
    const other = connectTo(mesh, 1);
    for (const words of [['RENAME', HERE, THERE], ['LMOVE', HERE, THERE, 'LEFT', 'RIGHT']]) {
      for (const watched of [HERE, THERE]) {
        ask(mesh, client, 'DEL', HERE, THERE);
        ask(mesh, client, 'RPUSH', HERE, '1', '2');
        ask(mesh, other, 'WATCH', watched);
        ask(mesh, client, ...words);
        for (const queued of [['MULTI'], ['PING']]) send(mesh, other, ...queued);
        expect(ask(mesh, other, 'EXEC'), `${words.join(' ')}, ${watched}`).toBe('*-1\r\n');
      }
    }
    const calls = ask(mesh, client, 'INFO', 'commandstats');
    expect(calls).toContain('cmdstat_lmove:calls=2,');
    expect(calls).toContain('cmdstat_rename:calls=2,');
    expect(calls).not.toContain('cmdstat_lpop');
  });

  it('move an element of a long list without carrying the list', () => {
    const { mesh, client } = meshOfThree();
    const elements = Array.from({ length: 500 }, (_, i) => `${'x'.repeat(1000)}${i}`);
    ask(mesh, client, 'RPUSH', HERE, ...elements);
    let sentBytes = 0;
    for (const { worker } of mesh.rigs) {
      const port = worker.mesh!.port;
      const sendBytes = port.sendBytes.bind(port);
      port.sendBytes = (...what) => {
        sentBytes += what[7];
        return sendBytes(...what);
      };
    }
    expect(ask(mesh, client, 'LMOVE', HERE, THERE, 'LEFT', 'LEFT')).toContain(elements[0]);
    expect(sentBytes).toBeGreaterThan(0);
    expect(sentBytes).toBeLessThan(4000);
  });

  it('happen although the client that asked is gone', () => {
    const { mesh, client } = meshOfThree();
    const other = connectTo(mesh, 1);
    for (let turns = 0; turns < 12; turns++) {
      ask(mesh, client, 'DEL', HERE, THERE);
      ask(mesh, client, 'RPUSH', HERE, 'e');
      send(mesh, other, 'LMOVE', HERE, THERE, 'LEFT', 'LEFT');
      for (let turn = 0; turn < turns; turn++) mesh.turn(turn % 3);
      const leaving = connectTo(mesh, 2);
      send(mesh, leaving, 'RENAME', THERE, ELSEWHERE);
      for (let turn = 0; turn < turns; turn++) mesh.turn((turn + 1) % 3);
      mesh.rigs[leaving.rig]?.disconnect(leaving.slot);
      mesh.rest(leaving.rig);
      mesh.settle();
      expect(ask(mesh, client, 'EXISTS', HERE, THERE, ELSEWHERE)).toBe(':1\r\n');
      ask(mesh, client, 'DEL', ELSEWHERE);
      for (const { worker } of mesh.rigs) {
        expect(worker.mesh?.coordination.count).toBe(0);
        expect(worker.mesh?.gate.isOpen).toBe(true);
        expect(worker.mesh?.participation.cargo.count).toBe(0);
      }
    }
  });

  it('carry values that are longer than a ring', () => {
    const { mesh, client } = meshOfThree();
    const value = 'v'.repeat(3_000_000);
    ask(mesh, client, 'SET', HERE, value);
    expect(ask(mesh, client, 'RENAME', HERE, THERE)).toBe('+OK\r\n');
    expect(ask(mesh, client, 'STRLEN', THERE)).toBe(':3000000\r\n');
    expect(ask(mesh, client, 'BITOP', 'NOT', ELSEWHERE, THERE)).toBe(':3000000\r\n');
    expect(ask(mesh, client, 'COPY', THERE, HERE)).toBe(':1\r\n');
    expect(ask(mesh, client, 'GET', HERE)).toBe(`$3000000\r\n${value}\r\n`);
  });

  it('evict nothing that was borrowed, and refuse what needs memory over the limit', () => {
    const { mesh, client } = meshOfThree();
    ask(mesh, client, 'SET', HERE, 'x'.repeat(100_000));
    ask(mesh, client, 'CONFIG', 'SET', 'maxmemory', '1');
    expect(ask(mesh, client, 'COPY', HERE, THERE)).toMatch(/^-OOM/);
    expect(ask(mesh, client, 'RENAME', HERE, THERE)).toBe('+OK\r\n');
    ask(mesh, client, 'CONFIG', 'SET', 'maxmemory', '0');
    expect(ask(mesh, client, 'STRLEN', THERE)).toBe(':100000\r\n');
    expect(ask(mesh, client, 'DBSIZE')).toBe(':1\r\n');
  });

  it('answer SORT with patterns as one worker does', () => {
    const { mesh, client } = meshOfThree();
    const one = new WorkerRig();
    const slot = one.connect();
    const askOne = (...words: string[]): string => {
      const { length } = one.repliesOf(slot);
      one.receive(slot, encodeRequest(words));
      return one.repliesOf(slot).slice(length);
    };
    const both = (...words: string[]): string => {
      const reply = ask(mesh, client, ...words);
      expect(reply, words.join(' ')).toBe(askOne(...words));
      return reply;
    };
    both('RPUSH', 'l', ...Array.from({ length: 30 }, (_, i) => String(i)));
    for (let i = 0; i < 30; i++) both('SET', `weight_${i}`, String((i * 7) % 30));
    for (let i = 0; i < 30; i += 2) both('HSET', `obj_${i}->x`, 'name', `n${i}`);
    for (let i = 0; i < 30; i++) both('HSET', `hash_${i}`, 'name', `n${(i * 11) % 30}`);
    both('SORT', 'l', 'BY', 'weight_*');
    both('SORT', 'l', 'BY', 'weight_*', 'DESC', 'GET', '#', 'GET', 'weight_*', 'GET', 'nosuch_*');
    both('SORT_RO', 'l', 'BY', 'hash_*->name', 'ALPHA', 'LIMIT', '3', '9', 'GET', 'hash_*->name');
    both('SORT', 'l', 'BY', 'nosort', 'GET', 'weight_*', 'GET', 'obj_*->x->name');
    const stored = both('SORT', 'l', 'BY', 'weight_*', 'GET', 'hash_*->name', 'STORE', 'to');
    expect(stored).toBe(':30\r\n');
    both('LRANGE', 'to', '0', '-1');
    both('SORT', 'nosuch', 'BY', 'weight_*', 'STORE', 'to');
    both('EXISTS', 'to');
    both('SET', 's', '1');
    both('SORT', 's', 'BY', 'weight_*');
  });
});
