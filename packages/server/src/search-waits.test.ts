/**
 * Sessions whose searches threads make: what they are answered when everything may have changed
 * since they asked, in which order, and how such a wait ends. The threads do nothing before the
 * test says so; every reply is held against that of the same search in place.
 */
import { SeededChance } from '@kora/core';
import { NaiveThreads } from '@kora/core/testing';
import { encodeRequest } from '@kora/protocol';
import { describe, expect, it } from 'vitest';
import { WorkerRig } from './testing/index.ts';

const DIMENSION = 1024;
/** Elements from which a set of that dimension has an index. */
const BIG = 130;

function blobOf(i: number): Uint8Array {
  const vector = new Float32Array(DIMENSION).fill(1);
  vector[i] = 50;
  vector[(i * 7 + 1) % DIMENSION] = 10;
  return new Uint8Array(vector.buffer);
}

type Words = readonly (string | Uint8Array)[];

class Rig extends WorkerRig {
  readonly threads = new NaiveThreads();
  readonly control: number;

  constructor() {
    super();
    this.composed.shard.vectors.engine = this.threads;
    this.control = this.connect();
    for (let i = 0; i < BIG; i++) this.ask('VADD', 'v', 'FP32', blobOf(i), `e${i}`, 'NOQUANT');
    while (this.engine.isTurnRequested) this.turn();
  }

  send(slot: number, ...commands: readonly Words[]): void {
    this.receive(slot, Buffer.concat(commands.map((words) => encodeRequest(words))));
    this.turn();
  }

  /** What the control connection is answered. */
  ask(...words: Words): string {
    const before = this.repliesOf(this.control).length;
    this.send(this.control, words);
    return this.repliesOf(this.control).slice(before);
  }

  /** A connection that waits for a search. */
  search(...words: Words): number {
    const slot = this.connect();
    const { length } = this.threads.asked;
    this.send(slot, words);
    expect(this.repliesOf(slot)).toBe('');
    expect(this.threads.asked.length).toBe(length + 1);
    return slot;
  }

  /** Threads find what they were asked. */
  find(count?: number): void {
    this.threads.find(count);
    this.idle();
    this.turn();
  }

  expectQuiet(): void {
    const { shard, waits } = this.worker;
    expect(waits.count).toBe(0);
    expect(shard.vectors.searches.count).toBe(0);
    expect(shard.transactions.queues.bytes).toBe(0);
    expect(this.threads.asked.length).toBe(0);
  }
}

const asked: readonly Words[] = [
  ['VSIM', 'v', 'ELE', 'e5', 'WITHSCORES'], ['VSIM', 'v', 'FP32', blobOf(9), 'COUNT', '3'],
  ['VSIM', 'v', 'ELE', 'e5', 'EPSILON', '0.0001', 'WITHSCORES'],
  ['VECSEARCH', 'v', '4', 'FP32', blobOf(3), 'OFFSET', '1'],
  ['VECQUERY', 'v', '3', ...Array.from(new Float32Array(blobOf(8).buffer), String)],
];

describe('a search that threads make', () => {
  it.each(asked)('is answered as in place: %s', (...words) => {
    const rig = new Rig();
    rig.threads.isBusy = true;
    const wanted = rig.ask(...words);
    rig.threads.isBusy = false;
    const slot = rig.search(...words);
    rig.find();
    expect(rig.repliesOf(slot)).toBe(wanted);
    expect(wanted.length).toBeGreaterThan(10);
    rig.expectQuiet();
  });

  it('holds what its connection has sent behind, and nobody else', () => {
    const rig = new Rig();
    const slot = rig.search('VSIM', 'v', 'ELE', 'e1', 'COUNT', '1');
    rig.send(slot, ['PING'], ['VSIM', 'v', 'ELE', 'e2', 'COUNT', '1'], ['VCARD', 'v']);
    const other = rig.search('VSIM', 'v', 'ELE', 'e3', 'COUNT', '1');
    expect(rig.ask('PING')).toBe('+PONG\r\n');
    rig.find();
    expect(rig.repliesOf(slot)).toBe('*1\r\n$2\r\ne1\r\n+PONG\r\n');
    expect(rig.repliesOf(other)).toBe('*1\r\n$2\r\ne3\r\n');
    rig.find();
    expect(rig.repliesOf(slot)).toBe('*1\r\n$2\r\ne1\r\n+PONG\r\n*1\r\n$2\r\ne2\r\n:130\r\n');
    rig.expectQuiet();
  });

  it('is made in place where its client cannot wait, or was told not to', () => {
    const rig = new Rig();
    const reply = '*1\r\n$2\r\ne1\r\n';
    expect(rig.ask('VSIM', 'v', 'ELE', 'e1', 'COUNT', '1', 'NOTHREAD')).toBe(reply);
    expect(rig.ask('VSIM', 'v', 'ELE', 'e1', 'COUNT', '1', 'TRUTH')).toBe(reply);
    rig.ask('MULTI');
    rig.ask('VSIM', 'v', 'ELE', 'e1', 'COUNT', '1');
    expect(rig.ask('EXEC')).toBe(`*1\r\n${reply}`);
    rig.threads.isBusy = true;
    expect(rig.ask('VSIM', 'v', 'ELE', 'e1', 'COUNT', '1')).toBe(reply);
    rig.threads.isBusy = false;
    const tracking = rig.connect();
    rig.send(tracking, ['HELLO', '3'], ['CLIENT', 'TRACKING', 'ON']);
    rig.send(tracking, ['VSIM', 'v', 'ELE', 'e1', 'COUNT', '1']);
    expect(rig.repliesOf(tracking).endsWith(reply)).toBe(true);
    rig.expectQuiet();
  });

  it('counts as one command, one hit and no failure', () => {
    const rig = new Rig();
    const figures = (): string => ['keyspace_hits', 'keyspace_misses', 'total_commands_processed']
      .map((name) => new RegExp(`${name}:\\d+`).exec(rig.ask('INFO', 'stats'))?.[0]).join(' ');
    rig.ask('CONFIG', 'RESETSTAT');
    rig.threads.isBusy = true;
    rig.send(rig.connect(), ['VSIM', 'v', 'ELE', 'e1']);
    const wanted = figures();
    rig.threads.isBusy = false;
    rig.ask('CONFIG', 'RESETSTAT');
    rig.search('VSIM', 'v', 'ELE', 'e1');
    rig.find();
    expect(figures()).toBe(wanted);
  });
});

describe('while threads search', () => {
  const changes: Readonly<Record<string, readonly Words[]>> = {
    'the nearest is removed': [['VREM', 'v', 'e5']],
    'the nearest is overwritten': [['VADD', 'v', 'FP32', blobOf(900), 'e6', 'NOQUANT']],
    'a nearer one comes': [['VADD', 'v', 'FP32', blobOf(5), 'f5', 'NOQUANT']],
    'many go': Array.from({ length: 60 }, (_, i) => ['VREM', 'v', `e${i + 20}`]),
    'the set shrinks until it is scanned': Array.from({ length: 110 }, (_, i) =>
      ['VREM', 'v', `e${i + 20}`]),
    'the set goes': [['DEL', 'v']],
    'all goes': [['FLUSHALL']],
    'the set expires': [['PEXPIRE', 'v', '1']],
    'the set is renamed': [['RENAME', 'v', 'w']],
    'another takes its place': [['RENAME', 'v', 'w'], ['VADD', 'v', 'FP32', blobOf(1), 'other']],
    'a list takes its place': [['DEL', 'v'], ['RPUSH', 'v', 'x']],
    'it is copied back': [['COPY', 'v', 'w'], ['DEL', 'v'], ['RENAME', 'w', 'v']],
  };

  it.each(Object.keys(changes))('%s: the reply is one of then', (name) => {
    for (const words of asked) {
      const rig = new Rig();
      const slot = rig.search(...words);
      for (const change of changes[name] ?? []) expect(rig.ask(...change)[0]).not.toBe('-');
      if (name.includes('expires')) rig.clock.advance(5);
      rig.find();
      const reply = rig.repliesOf(slot);
      expect(reply).not.toBe('');
      rig.threads.isBusy = true;
      // One that came since the search began may be missing from its reply.
      if (name === 'a nearer one comes') {
        expect(reply).not.toContain('f5');
        rig.ask('VREM', 'v', 'f5');
      }
      if (name !== 'a nearer one comes' || words[2] !== 'ELE') {
        expect(reply, String(words.slice(0, 4))).toBe(rig.ask(...words));
      }
      rig.expectQuiet();
    }
  });

  it('attributes change: what no longer matches is not answered', () => {
    const rig = new Rig();
    for (let i = 0; i < BIG; i++) rig.ask('VSETATTR', 'v', `e${i}`, `{"n":${i % 2}}`);
    const words = ['VSIM', 'v', 'ELE', 'e4', 'FILTER', '.n == 1', 'COUNT', '70'];
    const slot = rig.search(...words);
    rig.ask('VSETATTR', 'v', 'e7', '{"n":0}');
    rig.ask('VSETATTR', 'v', 'e8', '{"n":1}');
    rig.find();
    expect(rig.repliesOf(slot)).toContain('$2\r\ne8\r\n');
    expect(rig.repliesOf(slot)).not.toContain('$2\r\ne7\r\n');
    rig.expectQuiet();
  });

  it('a thread dies: all are answered, and sets are searched in place from then on', () => {
    const rig = new Rig();
    rig.threads.isBusy = true;
    const wanted = rig.ask(...(asked[0] ?? []));
    rig.threads.isBusy = false;
    const slots = [1, 2, 3].map(() => rig.search(...(asked[0] ?? [])));
    rig.threads.fail();
    rig.idle();
    rig.turn();
    for (const slot of slots) expect(rig.repliesOf(slot)).toBe(wanted);
    rig.expectQuiet();
    expect(rig.worker.shard.vectors.count).toBe(0);
    expect(rig.ask(...(asked[0] ?? []))).toBe(wanted);
    while (rig.engine.isTurnRequested) rig.turn();
    expect(rig.worker.shard.vectors.count).toBe(1);
    expect(rig.ask(...(asked[0] ?? []))).toBe(wanted);
    expect(rig.ask('VADD', 'v', 'FP32', blobOf(200), 'new', 'NOQUANT')).toBe(':1\r\n');
  });

  it('keys are locked: it waits until they are not', () => {
    const rig = new Rig();
    const slot = rig.search('VSIM', 'v', 'ELE', 'e5', 'COUNT', '1');
    rig.worker.shard.waiting.guard = () => true;
    rig.find();
    expect(rig.repliesOf(slot)).toBe('');
    rig.ask('VREM', 'v', 'e6');
    rig.worker.shard.waiting.guard = null;
    rig.idle();
    expect(rig.repliesOf(slot)).toBe('*1\r\n$2\r\ne5\r\n');
    rig.expectQuiet();
  });
});

describe('the end of such a wait', () => {
  it('is not that of a client which is gone', () => {
    for (const how of ['gone', 'killed']) {
      const rig = new Rig();
      const slot = rig.search('VSIM', 'v', 'ELE', 'e5', 'COUNT', '1');
      if (how === 'gone') rig.disconnect(slot);
      else {
        rig.ask('CLIENT', 'KILL', 'ID', String(rig.worker.sessions.atSlot(slot)?.id));
        expect(rig.engine.closing.has(slot)).toBe(true);
      }
      rig.find();
      expect(rig.repliesOf(slot)).toBe('');
      rig.expectQuiet();
    }
  });

  it('comes to a client that has said its last word before its session ends', () => {
    const rig = new Rig();
    const slot = rig.search('VSIM', 'v', 'ELE', 'e5', 'COUNT', '1');
    rig.send(slot, ['VSIM', 'v', 'ELE', 'e6', 'COUNT', '1'], ['PING']);
    rig.halfClose(slot);
    expect(rig.engine.closing.has(slot)).toBe(false);
    rig.find();
    expect(rig.engine.closing.has(slot)).toBe(false);
    rig.find();
    expect(rig.repliesOf(slot)).toBe('*1\r\n$2\r\ne5\r\n*1\r\n$2\r\ne6\r\n+PONG\r\n');
    expect(rig.engine.closing.has(slot)).toBe(true);
    rig.expectQuiet();
  });

  it('is not brought about by CLIENT UNBLOCK', () => {
    const rig = new Rig();
    const slot = rig.search('VSIM', 'v', 'ELE', 'e5', 'COUNT', '1');
    const id = String(rig.worker.sessions.atSlot(slot)?.id);
    expect(rig.ask('CLIENT', 'UNBLOCK', id)).toBe(':0\r\n');
    rig.find();
    expect(rig.repliesOf(slot)).toBe('*1\r\n$2\r\ne5\r\n');
    rig.expectQuiet();
  });

  it('without replies is silent', () => {
    const rig = new Rig();
    const slot = rig.connect();
    rig.send(slot, ['CLIENT', 'REPLY', 'SKIP'], ['VSIM', 'v', 'ELE', 'e5'], ['PING']);
    rig.find();
    expect(rig.repliesOf(slot)).toBe('+PONG\r\n');
    rig.expectQuiet();
  });
});

describe('a crowd', () => {
  it('has those wait who store vectors, in their order, and nobody else', () => {
    const rig = new Rig();
    rig.threads.isCrowded = true;
    rig.ask('VADD', 'v', 'FP32', blobOf(300), 'first', 'NOQUANT');
    expect(rig.worker.shard.vectors.isCrowded).toBe(true);
    const slot = rig.connect();
    rig.send(slot, ['VADD', 'v', 'FP32', blobOf(301), 'second', 'NOQUANT'], ['VCARD', 'v']);
    expect(rig.repliesOf(slot)).toBe('');
    expect(rig.ask('VCARD', 'v')).toBe(':131\r\n');
    expect(rig.ask('SET', 'k', 'x')).toBe('+OK\r\n');
    expect(rig.ask('VREM', 'v', 'e9')).toBe(':1\r\n');
    rig.tick(100);
    expect(rig.repliesOf(slot)).toBe('');
    // EXEC waits for nobody.
    rig.ask('MULTI');
    rig.ask('VADD', 'v', 'FP32', blobOf(302), 'third', 'NOQUANT');
    expect(rig.ask('EXEC')).toBe('*1\r\n:1\r\n');
    rig.threads.isCrowded = false;
    rig.idle();
    rig.turn();
    expect(rig.repliesOf(slot)).toBe(':1\r\n:132\r\n');
    expect(rig.worker.shard.vectors.isCrowded).toBe(false);
  });
});

describe('random searches and changes', () => {
  it.each([1, 2, 3, 4, 5, 6])('answer what is there, seed %i', (seed) => {
    const rig = new Rig();
    const chance = new SeededChance(seed);
    const below = (bound: number): number => (chance.next32() >>> 0) % bound;
    const waiting = new Map<number, Uint8Array>();
    let answered = 0;
    for (let step = 0; step < 400; step++) {
      const draw = below(10);
      if (draw < 4) {
        const query = blobOf(below(BIG));
        const slot = rig.search('VSIM', 'v', 'FP32', query, 'COUNT', '3', 'WITHSCORES');
        waiting.set(slot, query);
      } else if (draw < 6) {
        rig.ask('VADD', 'v', 'FP32', blobOf(below(BIG)), `e${below(BIG)}`, 'NOQUANT');
      } else if (draw < 7) rig.ask('VREM', 'v', `e${below(BIG)}`);
      else {
        rig.find(below(4));
        for (const [slot, query] of waiting) {
          const reply = rig.repliesOf(slot);
          if (reply === '') continue;
          waiting.delete(slot);
          answered++;
          // Whoever is named is there now, and its score is that of what it is now.
          const all = rig.ask('VSIM', 'v', 'FP32', query, 'COUNT', '999', 'WITHSCORES', 'TRUTH');
          const pairs = reply.match(/[$]\d+\r\ne\d+\r\n[$]\d+\r\n[^\r]+\r\n/g) ?? [];
          expect(pairs.length).toBe(3);
          for (const pair of pairs) expect(all).toContain(pair);
        }
      }
      while (rig.engine.isTurnRequested) rig.turn();
    }
    expect(answered).toBeGreaterThan(50);
    rig.find();
    rig.expectQuiet();
  });
});
