/**
 * An engine with a directory keeps what was acknowledged: through an ordinary end, through losses
 * of power at every operation of the disk, and through failures of every operation, after which
 * writes are refused for as long as the disk fails and no longer. The disk is simulated; the end of
 * the file uses a real one.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Fault, SeededChance, VirtualClock } from '@kora/core';
import { DirectDisk, Errno, recoverStore, ShardLog } from '@kora/storage';
import { SimulatedCrash, SimulatedFiles } from '@kora/storage/testing';
import { Engine } from './engine.ts';
import { Kora, openSync } from './kora.ts';
import { KoraReplyError } from './kora-reply-error.ts';
import type { OpenOptions } from './open-options.ts';
import { open } from './async-kora.ts';

const processes = { pid: 1, identityOf: () => undefined };

/** A disk, a clock, and engines on them one after the other. */
class Machine {
  readonly files: SimulatedFiles;
  readonly clock = new VirtualClock();
  readonly notices: string[] = [];
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed;
    this.files = new SimulatedFiles(new SeededChance(seed));
  }

  open(fsync: 'always' | 'everysec' | 'no', options: OpenOptions = {}): Kora {
    const platform = {
      clock: this.clock, chance: new SeededChance(this.#seed + 1),
      scheduler: { requestTurn: () => undefined },
    };
    const host = { files: this.files, processes, beginSync: () => undefined };
    const all = {
      dir: 'data', fsync, platform, memoryBytesMax: 64 * 1024 * 1024,
      onNotice: (message: string) => { this.notices.push(message); }, ...options,
    };
    return new Kora(new Engine(all, host));
  }
}

/** Everything in database 0, as text. */
function contentsOf(db: Kora): Map<string, string> {
  const keys = db.call('KEYS', '*');
  if (!Array.isArray(keys)) throw new Error('KEYS answers a list');
  return new Map(keys.map((key) => {
    const name = typeof key === 'string' ? key : '';
    const ttl = Number(db.call('PEXPIRETIME', name));
    const dump = db.callBytes('DUMP', name);
    return [name, `${ttl} ${dump instanceof Uint8Array ? Buffer.from(dump).toString('hex') : ''}`];
  }));
}

describe('an engine with a directory', () => {
  it('has everything again after it was closed, of every type, with deadlines', () => {
    for (const fsync of ['always', 'everysec', 'no'] as const) {
      const machine = new Machine(1);
      const db = machine.open(fsync);
      const at = machine.clock.nowMs() + 1e6;
      db.set('text', 'ä'.repeat(100), { ttlMs: 100_000 });
      db.set('big', 'x'.repeat(300_000));
      db.call('RPUSH', 'list', 'a', 'b', 'c');
      db.call('SADD', 'set', 'a', 'b');
      db.call('HSET', 'hash', 'f', '1', 'g', '2');
      db.call('PEXPIREAT', 'hash', String(at));
      db.call('ZADD', 'zset', '1.5', 'm', '2', 'n');
      db.call('XADD', 'stream', '1-1', 'f', 'v');
      db.call('XGROUP', 'CREATE', 'stream', 'group', '0');
      db.call('XREADGROUP', 'GROUP', 'group', 'me', 'STREAMS', 'stream', '>');
      db.call('VADD', 'vectors', 'VALUES', '2', '3', '4', 'a', 'SETATTR', '{"x":1}');
      db.call('VADD', 'vectors', 'VALUES', '2', '1', '0', 'b');
      db.call('VREM', 'vectors', 'b');
      db.call('VNEW', 'index', '4', 'METRIC', 'l2');
      db.call('INCR', 'number');
      db.call('APPEND', 'number', '7');
      db.call('SETRANGE', 'big', '10', 'yy');
      db.call('RENAME', 'list', 'other');
      db.call('SPOP', 'set');
      db.set('gone', '1');
      db.del('gone');
      const before = contentsOf(db);
      db.close();
      machine.files.crash('drop');
      const again = machine.open(fsync);
      expect(contentsOf(again), fsync).toEqual(before);
      expect(before.size).toBe(10);
      expect(machine.notices).toEqual([]);
      again.call('FLUSHALL');
      again.close();
      machine.files.crash('drop');
      expect(contentsOf(machine.open(fsync)).size).toBe(0);
    }
  });
  it('goes on with its sequence, start after start', () => {
    const machine = new Machine(2);
    for (let start = 0; start < 12; start++) {
      const db = machine.open('everysec');
      expect(db.incr('starts')).toBe(start + 1);
      db.call('RPUSH', 'list', String(start));
      db.close();
    }
    const db = machine.open('always');
    expect(db.call('LRANGE', 'list', '0', '-1')).toHaveLength(12);
  });
  it('never gives a key back whose time has come', () => {
    const machine = new Machine(3);
    const db = machine.open('always');
    db.set('soon', '1', { ttlMs: 50 });
    db.close();
    machine.clock.advance(60);
    const again = machine.open('always');
    expect(again.get('soon')).toBeNull();
  });
  it('says in CONFIG what it does, and takes another policy', () => {
    const machine = new Machine(4);
    const db = machine.open('everysec');
    expect(db.call('CONFIG', 'GET', 'appendonly')).toEqual(new Map([['appendonly', 'yes']]));
    expect(db.call('CONFIG', 'GET', 'dir')).toEqual(new Map([['dir', 'data']]));
    expect(db.call('CONFIG', 'SET', 'appendfsync', 'always')).toBe('OK');
    db.set('a', '1');
    machine.files.crash('drop');
    expect(machine.open('no').get('a')).toBe('1');
    expect(() => db.call('CONFIG', 'SET', 'appendonly', 'no')).toThrow(/chosen when it is opened/);
  });
  it('is of one engine at a time, and refuses impossible options', () => {
    const machine = new Machine(5);
    const first = machine.open('no');
    const processOne = { pid: 1, identityOf: (pid: number) => (pid === 1 ? 'x' : undefined) };
    const host = { files: machine.files, processes: processOne };
    machine.files.place('data/kora.lock', new TextEncoder().encode('1 x\n'));
    const options = { dir: 'data', memoryBytesMax: 64 * 1024 * 1024 };
    expect(() => new Engine(options, host)).toThrow(/in use by process 1/);
    first.close();
    expect(() => openSync({ fsync: 'always' })).toThrow(Fault);
    expect(() => openSync({ dir: '' })).toThrow(/dir is empty/);
    expect(() => openSync({ settings: { appendonly: 'yes' } })).toThrow(/say dir/);
  });
});

/** Random changes; the model is what was acknowledged. Returns what may be there besides. */
function change(db: Kora, chance: SeededChance, model: Map<string, string>, step: number): void {
  const key = `key:${(chance.next32() >>> 0) % 20}`;
  const value = `${step}:${'v'.repeat((chance.next32() >>> 0) % 300)}`;
  const kind = (chance.next32() >>> 0) % 8;
  if (kind === 0) {
    model.delete(key);
    db.del(key);
  } else if (kind === 1) {
    const other = `key:${(chance.next32() >>> 0) % 20}`;
    model.set(key, value);
    model.set(other, value);
    db.call('MULTI');
    db.call('SET', key, value);
    db.call('SET', other, value);
    db.call('EXEC');
  } else {
    model.set(key, value);
    db.set(key, value);
  }
}

function valuesOf(db: Kora): Map<string, string> {
  const names = db.call('KEYS', '*') as string[];
  return new Map(names.sort().map((name) => [name, db.get(name) ?? '']));
}

const sorted = (model: Map<string, string>): Map<string, string> =>
  new Map([...model].sort(([a], [b]) => (a < b ? -1 : 1)));

describe('with always', () => {
  it('a loss of power at any operation takes nothing that was acknowledged', () => {
    for (let at = 1; at <= 60; at++) {
      const machine = new Machine(at);
      const chance = new SeededChance(at);
      let acknowledged = new Map<string, string>();
      let attempted = new Map<string, string>();
      try {
        machine.files.crashAt(at);
        const db = machine.open('always');
        for (let step = 0; step < 100; step++) {
          attempted = new Map(acknowledged);
          change(db, chance, attempted, step);
          acknowledged = attempted;
        }
      } catch (error) {
        if (!(error instanceof SimulatedCrash)) throw error;
      }
      machine.files.crash(at % 2 === 0 ? 'drop' : 'chance');
      const found = valuesOf(machine.open('always'));
      const isOld = [...sorted(acknowledged)].join() === [...found].join();
      const isNew = [...sorted(attempted)].join() === [...found].join();
      expect(isOld || isNew, `power lost at operation ${at}`).toBe(true);
    }
  });
  it('any operation may fail: the call says so, writes are refused, and it recovers', () => {
    let failedCalls = 0;
    let refusedCalls = 0;
    for (let n = 1; n <= 50; n++) {
      const machine = new Machine(n);
      const chance = new SeededChance(n);
      let db = machine.open('always');
      const acknowledged = new Map<string, string>();
      const unknown = new Set<string>();
      const until = n % 3 === 0 ? 1 : 4;
      for (let i = 0; i < until; i++) machine.files.failAt(n + i, Errno.NoSpace);
      for (let step = 0; step < 60; step++) {
        const key = `key:${(chance.next32() >>> 0) % 10}`;
        try {
          db.set(key, String(step));
          acknowledged.set(key, String(step));
          unknown.delete(key);
        } catch (error) {
          if (error instanceof KoraReplyError) {
            expect(error.message).toBe(
              'MISCONF Errors writing to the AOF file: No space left on device',
            );
            expect(db.get('key:0')).toSatisfy((value) => value === null || value !== '');
            refusedCalls++;
          } else {
            expect(error).toHaveProperty('code', 'DISK_FAILED');
            unknown.add(key);
            failedCalls++;
          }
          machine.clock.advance(200);
        }
      }
      machine.clock.advance(1000);
      db.set('last', 'one');
      db.close();
      machine.files.crash('drop');
      db = machine.open('always');
      expect(db.get('last'), `failing operation ${n}`).toBe('one');
      for (const [key, value] of acknowledged) {
        if (!unknown.has(key)) expect(db.get(key), `operation ${n}, ${key}`).toBe(value);
      }
    }
    expect(failedCalls).toBeGreaterThan(10);
    expect(refusedCalls).toBeGreaterThan(10);
  });
});

describe('with everysec', () => {
  it('a loss of power takes what is younger than a second and a sync, in a busy loop too', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const machine = new Machine(seed);
      const chance = new SeededChance(seed);
      const db = machine.open('everysec');
      const history: { readonly atMs: number; readonly value: string }[] = [];
      const steps = 3000 + ((chance.next32() >>> 0) % 3000);
      for (let step = 0; step < steps; step++) {
        db.set('last', String(step));
        history.push({ atMs: machine.clock.nowMs(), value: String(step) });
        machine.clock.advance((chance.next32() & 3) === 0 ? 3 : 0);
      }
      machine.files.crash('drop');
      const found = Number(machine.open('everysec').get('last') ?? -1);
      const lostFromMs = history[found + 1]?.atMs ?? machine.clock.nowMs();
      expect(machine.clock.nowMs() - lostFromMs, `seed ${seed}`).toBeLessThan(2200);
    }
  });
  it('refuses writes while the disk fails, and reads go on', () => {
    const machine = new Machine(9);
    const db = machine.open('everysec');
    db.set('a', '1');
    machine.files.refuse = () => Errno.InputOutput;
    let refusal = '';
    for (let step = 0; step < 1000 && refusal === ''; step++) {
      machine.clock.advance(10);
      try {
        db.set('b', String(step));
      } catch (error) {
        refusal = error instanceof Error ? error.message : '';
      }
    }
    expect(refusal).toBe('MISCONF Errors writing to the AOF file: Input/output error');
    expect(db.get('a')).toBe('1');
    machine.files.refuse = () => 0;
    machine.clock.advance(1000);
    db.set('c', '1');
    db.close();
    machine.files.crash('drop');
    const again = machine.open('everysec');
    expect([again.get('a'), again.get('c')]).toEqual(['1', '1']);
  });
});

describe('what recovery finds', () => {
  it('a torn end is cut off and told, damage before it is refused', () => {
    const machine = new Machine(7);
    const db = machine.open('always');
    db.set('a', '1');
    db.set('b', '2');
    machine.files.kill();
    const name = machine.files.list('data').find((each) => each.startsWith('wal'));
    const path = `data/${name ?? ''}`;
    const bytes = machine.files.contentOf(path).slice();
    machine.files.place(path, bytes.slice(0, bytes.length - 5));
    const torn = machine.open('always');
    expect([torn.get('a'), torn.get('b')]).toEqual(['1', null]);
    expect(machine.notices.join()).toMatch(/the end was torn and is cut off at byte \d+/);
    torn.set('c', '3');
    torn.close();
    machine.files.flip(path, 100, 3);
    expect(() => machine.open('always')).toThrow(/is damaged at byte/);
  });
});

describe('a directory that cannot be had', () => {
  const codeOf = (machine: Machine): string => {
    try {
      machine.open('always').close();
      return 'none';
    } catch (error) {
      expect(error).toBeInstanceOf(Fault);
      return error instanceof Fault ? `${error.code}: ${error.message}` : '';
    }
  };

  it('is told with a code, whichever operation fails, and is whole the next time', () => {
    for (const [errno, name] of [[Errno.ReadOnly, 'EROFS'], [Errno.NoAccess, 'EACCES']] as const) {
      let isOver = false;
      for (let n = 1; !isOver; n++) {
        const machine = new Machine(n);
        const db = machine.open('always');
        db.set('a', '1');
        machine.files.kill();
        const before = machine.files.operationCount;
        machine.files.failAt(n, errno);
        const code = codeOf(machine);
        isOver = machine.files.operationCount - before < n;
        if (!isOver && code !== 'none') expect(code).toMatch(new RegExp(`^DISK_FAILED: .*${name}`));
        machine.files.crash('drop');
        expect(machine.open('always').get('a'), `operation ${n}`).toBe('1');
      }
    }
  });
  it('is told with the place of what is damaged, and of what no engine has written', () => {
    const machine = new Machine(8);
    machine.open('always').set('a', '1');
    machine.files.kill();
    const manifest = 'data/manifest-00000001';
    const bytes = machine.files.contentOf(manifest).slice();
    machine.files.flip(manifest, 20, 1);
    expect(codeOf(machine)).toMatch(/^CORRUPT_FILE: data\/manifest-00000001 is damaged at byte/);
    machine.files.place(manifest, bytes);
    machine.files.unlink(manifest);
    expect(codeOf(machine)).toMatch(/^CORRUPT_FILE: .* expected the manifest of wal-/);
    machine.files.place(manifest, bytes);
    const store = recoverStore(machine.files, {
      directory: 'data', shardCount: 1, processes, nowMs: 1,
    });
    const disk = new DirectDisk(machine.files);
    const [next] = store.next;
    if (next === undefined) throw new Error('a shard has a log');
    const log = new ShardLog({
      ...next, directory: 'data', shardCount: 1, disk, policy: 'every_write', tokenBase: 0, tag: 2,
    });
    log.append(Uint8Array.of(200, 1), 0, 2, 1);
    log.close();
    for (let turn = 0; turn < 20; turn++) {
      log.pump(1);
      disk.drain((token, result) => log.complete(token, result));
    }
    const place = /^CORRUPT_JOURNAL: data\/wal-.*\.log, in the frame at byte 64: /;
    expect(codeOf(machine)).toMatch(place);
  });
});

describe('on a real disk', () => {
  it('keeps data with openSync and open, through ends that close nothing', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'kora-embedded-'));
    try {
      const first = openSync({ dir, fsync: 'always' });
      first.set('a', '1');
      first.close();
      const second = await open({ dir });
      await second.set('b', '2');
      expect(await second.get('a')).toBe('1');
      await second.close();
      const third = openSync({ dir });
      expect([third.get('a'), third.get('b')]).toEqual(['1', '2']);
      expect(() => openSync({ dir })).toThrow(/is in use by process/);
      third.close();
      writeFileSync(join(dir, 'file'), '');
      expect(() => openSync({ dir: join(dir, 'file') })).toThrow(/cannot/);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});
