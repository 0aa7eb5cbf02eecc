/**
 * `maxmemory` of several workers: what all of them use stays below it, whoever fills how fast, set
 * by a client of any worker; a worker with few keys keeps them while another is full; and where
 * nothing may be evicted all refuse writes.
 */
import { describe, expect, it } from 'vitest';
import { MeshRig } from '../testing/mesh-rig.ts';

const encode = (words: readonly string[]): Buffer => Buffer.from(
  `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`, 'latin1',
);
const VALUE = 'v'.repeat(1000);
/** A shard below its share may use so much more until the others have given way, and one key. */
const GRACE_BYTES = 262_144 + 2_000;

class Process {
  readonly mesh: MeshRig;
  readonly slots: readonly number[];

  constructor(workerCount: number) {
    this.mesh = new MeshRig(workerCount);
    this.slots = this.mesh.rigs.map((rig) => rig.connect());
    this.mesh.settle();
  }

  /** Commands of one connection at once, after which all come to rest. */
  ask(rig: number, ...commands: (readonly string[])[]): string {
    const slot = this.slots[rig]!;
    const before = this.mesh.rigs[rig]!.repliesOf(slot).length;
    this.mesh.rigs[rig]!.receive(slot, Buffer.concat(commands.map(encode)));
    this.mesh.rest(rig);
    this.mesh.settle();
    return this.mesh.rigs[rig]!.repliesOf(slot).slice(before);
  }

  tick(): void {
    for (const [i, rig] of this.mesh.rigs.entries()) {
      rig.tick(i === 0 ? 100 : 0);
      this.mesh.rest(i);
    }
    this.mesh.settle();
  }

  used(): number {
    return this.mesh.rigs.reduce((sum, { composed }) => sum + composed.shard.usedBytes(), 0);
  }

  keys(worker: number): number {
    return this.mesh.rigs[worker]!.composed.shard.keyspace.databases[0]!.count;
  }

  /** A hashtag of each worker. */
  tags(): string[] {
    const found: string[] = [];
    for (let i = 0; found.filter(() => true).length < this.mesh.rigs.length; i++) {
      this.ask(0, ['SET', `{t${i}}`, '']);
      const owner = this.mesh.rigs.findIndex((_, worker) => this.keys(worker) > 0);
      found[owner] ??= `{t${i}}`;
      this.ask(0, ['FLUSHALL']);
    }
    return found;
  }
}

/** A limit so far above what is used now. */
function limit(process: Process, bytes: number, policy: string): number {
  const limitBytes = process.used() + bytes;
  const set = ['CONFIG', 'SET', 'maxmemory', String(limitBytes), 'maxmemory-policy', policy];
  expect(process.ask(1, set)).toBe('+OK\r\n');
  return limitBytes;
}

describe('maxmemory of three workers', () => {
  it.each(['allkeys-lru', 'allkeys-random', 'volatile-ttl'])(
    'bounds what all use, however uneven, and takes from who has most: %s',
    (policy) => {
      const process = new Process(3);
      const tags = process.tags();
      const limitBytes = limit(process, 9_000_000, policy);
      const setOf = (tag: string, i: number): string[] =>
        ['SET', `${tag}${i}`, VALUE, 'EX', String(100_000 + i)];
      for (let i = 0; i < 50; i++) process.ask(2, setOf(tags[2]!, i));
      for (let i = 0; i < 20_000; i += 20) {
        const batch = Array.from({ length: 20 }, (_, k) => setOf(tags[k === 0 ? 1 : 0]!, i + k));
        expect(process.ask(i % 3, ...batch)).toBe('+OK\r\n'.repeat(20));
        if (i % 1000 === 0) process.tick();
        expect(process.used(), `after ${i} keys`).toBeLessThan(limitBytes + GRACE_BYTES);
      }
      expect(process.keys(2)).toBe(50);
      expect(process.keys(1)).toBe(1000);
      expect(process.keys(0)).toBeGreaterThan(3000);
      for (let i = 0; i < 5; i++) process.tick();
      expect(process.used()).toBeLessThanOrEqual(limitBytes);
      const info = process.ask(2, ['INFO', 'stats']);
      const evicted = Number(/evicted_keys:(\d+)/.exec(info)![1]);
      expect(evicted).toBe(20_050 - process.keys(0) - process.keys(1) - process.keys(2));
    },
  );

  it('refuses writes of all where nothing may go, and takes them when some were deleted', () => {
    const process = new Process(3);
    const tags = process.tags();
    limit(process, 3_000_000, 'noeviction');
    let replies = '';
    let i = 0;
    while (!replies.includes('-OOM')) replies = process.ask(0, ['SET', `${tags[0]}${i++}`, VALUE]);
    process.tick();
    for (const [worker, tag] of tags.entries()) {
      expect(process.ask(worker, ['SET', tag, VALUE.repeat(100)])).toMatch(/^(?:\+OK|-OOM)/);
      expect(process.ask(worker, ['MSET', ...tags.flatMap((one) => [one, VALUE.repeat(100)])]))
        .toMatch(/^-OOM/);
    }
    process.ask(0, ['FLUSHALL', 'SYNC']);
    process.tick();
    expect(process.ask(1, ['MSET', ...tags.flatMap((one) => [one, VALUE])])).toBe('+OK\r\n');
  });
});

describe('maxmemory-clients of two workers', () => {
  it('bounds the clients of both together', () => {
    const process = new Process(2);
    for (const rig of process.mesh.rigs) for (let i = 0; i < 5; i++) rig.connect();
    const clientCount = (): number =>
      process.mesh.rigs.reduce((sum, { worker }) => sum + worker.sessions.count, 0);
    expect(clientCount()).toBe(12);
    const bytes = process.mesh.rigs[0]!.worker.sessions.open()[0]!.memoryBytes;
    process.ask(0, ['CLIENT', 'NO-EVICT', 'ON']);
    process.ask(1, ['CLIENT', 'NO-EVICT', 'ON']);
    const set = ['CONFIG', 'SET', 'maxmemory-clients', String(bytes * 8)];
    expect(process.ask(0, set)).toBe('+OK\r\n');
    process.tick();
    process.tick();
    expect(clientCount()).toBeLessThanOrEqual(8);
    expect(clientCount()).toBeGreaterThanOrEqual(6);
    for (const { worker } of process.mesh.rigs) expect(worker.sessions.count).toBeGreaterThan(1);
  });
});
