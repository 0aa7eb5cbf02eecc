/**
 * Memory that is short on a worker while it takes part in transactions over several, and tells the
 * others that its parts are durable: wherever it ends, a transaction happens on all shards or is
 * refused before anything has changed; what happened is told when all of it is durable, and changes
 * wait meanwhile and go on when there is memory again; a loss of power finds it whole.
 */
import { describe, expect, it } from 'vitest';
import { NoteTopic } from '../mesh/note-topics.ts';
import { REPLY_CHUNK_BYTES } from '../reply-chunks.ts';
import { StoredMesh } from '../testing/stored-mesh.ts';
import type { WorkerRig } from '../testing/worker-rig.ts';

/** More than a ring holds, in whole chunks: what follows it waits too, and needs another one. */
const CROWD_BYTES = 16 * REPLY_CHUNK_BYTES;
/** The transactions; each writes its number under a key of every worker. */
const TRANSACTIONS = 3;

/** From the n-th on, allocations of low memory fail until `end`, which says whether one did. */
function refuseLow({ composed }: WorkerRig, n: number): { readonly end: () => boolean } {
  const { lowAllocator } = composed.memory;
  const alloc = lowAllocator.alloc.bind(lowAllocator);
  let calls = 0;
  lowAllocator.alloc = (bytes) => (++calls >= n ? 0 : alloc(bytes));
  return {
    end: () => {
      Reflect.deleteProperty(lowAllocator, 'alloc');
      return calls >= n;
    },
  };
}

/** While parts are told, and at no other time, the n-th allocation and those behind it fail. */
function refuseTelling(rig: WorkerRig, n: number): { readonly end: () => boolean } {
  const log = rig.worker.mesh?.participation.log;
  if (log === undefined || log === null) throw new Error('a worker that keeps data logs parts');
  const announce = log.announce.bind(log);
  let wasMet = false;
  log.announce = (parts) => {
    const fault = refuseLow(rig, n);
    const isTold = announce(parts);
    wasMet = fault.end() || wasMet;
    return isTold;
  };
  return {
    end: () => {
      Reflect.deleteProperty(log, 'announce');
      return wasMet;
    },
  };
}

interface Scene {
  readonly stored: StoredMesh;
  readonly injured: WorkerRig;
  /** A key of each worker. */
  readonly keys: readonly string[];
}

/** The others have not taken what the first worker has sent them, so that more finds no room. */
function crowded(workers: number): Scene {
  const stored = new StoredMesh(workers);
  const [injured] = stored.rigs as [WorkerRig];
  for (const { worker } of stored.rigs) worker.mesh?.notes.on(NoteTopic.Test, () => undefined);
  return { stored, injured, keys: stored.rigs.map((_, i) => stored.keyOf(i)) };
}

function crowd({ injured, stored }: Scene): void {
  for (let other = 1; other < stored.rigs.length; other++) {
    injured.worker.mesh?.notes.send(other, NoteTopic.Test, 0, (sink) => {
      sink.raw(Buffer.alloc(CROWD_BYTES));
    });
  }
}

/** What the keys hold, on a disk that has lost what was not durable. */
function valuesAfterCrash({ stored, keys }: Scene): string {
  stored.files.crash('drop');
  const again = new StoredMesh(keys.length, stored.files);
  const slot = again.rigs[0]!.connect();
  again.ask(0, slot, 'MGET', ...keys);
  again.settle();
  return again.rigs[0]!.repliesOf(slot);
}

/** What MGET says of keys that all hold this. */
function all(keys: readonly string[], value: string): string {
  return `*${keys.length}\r\n${keys.map(() => value).join('')}`;
}

describe.each([2, 3])('parts of transactions over %i workers, short of memory', (workers) => {
  it('are told when there is memory again, and changes wait until then', () => {
    let metCount = 0;
    for (let n = 1; ; n++) {
      const scene = crowded(workers);
      const { stored, injured, keys } = scene;
      const [writer, other] = [injured.connect(), injured.connect()];
      stored.ask(0, writer, 'MSET', ...keys.flatMap((key) => [key, '1']));
      for (let index = 1; index < workers; index++) stored.turn(index);
      crowd(scene);
      const fault = refuseTelling(injured, n);
      // Its disk has done the write; the others do not take what they are told.
      for (let turn = 0; turn < 3; turn++) stored.turn(0);
      const wasMet = injured.store?.persistence?.isQuiet === false;
      const { sequence } = injured.composed.shard.journal;
      stored.ask(0, other, 'APPEND', keys[0]!, '2');
      stored.turn(0);
      expect([injured.repliesOf(writer), injured.repliesOf(other)]).toEqual(['', '']);
      if (wasMet) expect(injured.composed.shard.journal.sequence).toBe(sequence);
      expect(fault.end()).toBe(wasMet);
      stored.settle();
      expect([injured.repliesOf(writer), injured.repliesOf(other)]).toEqual(['+OK\r\n', ':2\r\n']);
      expect(injured.log).toEqual([]);
      const rest = keys.slice(1).map(() => '$1\r\n1\r\n').join('');
      expect(valuesAfterCrash(scene)).toBe(`*${workers}\r\n$2\r\n12\r\n${rest}`);
      if (!wasMet) break;
      metCount++;
    }
    expect(metCount).toBe(1);
  });

  it.each([
    ['MSET', (pairs: string[]) => [['MSET', ...pairs]]],
    ['EXEC', (pairs: string[]) => [['MULTI'], ['MSET', ...pairs], ['EXEC']]],
  ])('%s happens as a whole or is refused, wherever memory ends', (_name, commandsOf) => {
    const outcomes = new Set<string>();
    for (let n = 1; ; n++) {
      const scene = crowded(workers);
      const { stored, injured, keys } = scene;
      let writer = injured.connect();
      stored.ask(0, writer, 'MSET', ...keys.flatMap((key) => [key, '0']));
      stored.settle();
      crowd(scene);
      const fault = refuseLow(injured, n);
      // What the keys may hold: what was acknowledged last, and what nobody was told of since.
      let possible = ['0'];
      for (let i = 1; i <= TRANSACTIONS; i++) {
        const before = injured.repliesOf(writer).length;
        stored.turn(0, (rig) => {
          for (const words of commandsOf(keys.flatMap((key) => [key, String(i)]))) {
            stored.say(rig, writer, ...words);
          }
        });
        for (let turn = 0; turn < 3; turn++) stored.turn(0);
        for (let round = 0; round < 20; round++) stored.round();
        const reply = injured.repliesOf(writer).slice(before);
        const end = /(?:\+OK|-(?:OOM|ERR|EXECABORT) .*)\r\n$/.exec(reply)?.[0] ?? 'no reply';
        outcomes.add(end.slice(0, 4));
        if (end === '+OK\r\n') possible = [String(i)];
        else if (end === 'no reply') possible.push(String(i));
        if (!injured.engine.closing.has(writer)) continue;
        injured.disconnect(writer);
        writer = injured.connect();
      }
      const wasMet = fault.end();
      stored.settle();
      expect(possible.map((value) => all(keys, `$1\r\n${value}\r\n`)), `allocation ${n}`)
        .toContain(valuesAfterCrash(scene));
      if (!wasMet) break;
    }
    expect([...outcomes]).toEqual(expect.arrayContaining(['+OK\r', '-OOM']));
  });
});
