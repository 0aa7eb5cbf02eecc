/**
 * Snapshots of an engine in this thread: whole within a call, in slices beside a program's work, or
 * by themselves when the log has grown; after them the log before is gone. Whichever operation of
 * the disk fails or is the last one, what was acknowledged is there.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Fault, SeededChance, VirtualClock } from '@kora/core';
import { Errno } from '@kora/storage';
import { SimulatedCrash, SimulatedFiles } from '@kora/storage/testing';
import { open } from './async-kora.ts';
import { Engine } from './engine.ts';
import { Kora, openSync } from './kora.ts';

const processes = { pid: 1, identityOf: () => undefined };

/** A disk, a clock, and engines on them one after the other. */
class Machine {
  readonly files: SimulatedFiles;
  readonly clock = new VirtualClock();
  readonly notices: string[] = [];

  constructor(seed: number) {
    this.files = new SimulatedFiles(new SeededChance(seed));
  }

  open(settings: Record<string, string> = {}): Kora {
    const platform = {
      clock: this.clock, chance: new SeededChance(3), scheduler: { requestTurn: () => undefined },
    };
    const host = { files: this.files, processes, beginSync: () => undefined };
    return new Kora(new Engine({
      dir: 'data', fsync: 'always', platform, memoryBytesMax: 64 * 1024 * 1024, settings,
      onNotice: (message) => { this.notices.push(message); },
    }, host));
  }

  names(prefix: string): string[] {
    return this.files.list('data').filter((name) => name.startsWith(prefix));
  }
}

/** Everything in database 0, as text. */
function contentsOf(db: Kora): Map<string, string> {
  const keys = db.call('KEYS', '*');
  if (!Array.isArray(keys)) throw new Error('KEYS answers a list');
  return new Map(keys.map(String).sort().map((name) => {
    const dump = db.callBytes('DUMP', name);
    const bytes = dump instanceof Uint8Array ? Buffer.from(dump).toString('hex') : '';
    return [name, `${Number(db.call('PEXPIRETIME', name))} ${bytes}`];
  }));
}

function fill(db: Kora, round: number): void {
  for (let i = 0; i < 30; i++) db.set(`string:${i}`, `${round}:${'v'.repeat(i * 40)}`);
  for (let i = 0; i < 60; i++) db.call('RPUSH', 'list', `${round}:${i}`);
  for (let i = 0; i < 300; i++) db.call('HSET', 'hash', `f${i}`, `${round}`);
  db.call('ZADD', 'zset', String(round), 'm', '2', `n${round}`);
  db.call('SADD', 'set', 'a', `b${round}`);
  db.call('XADD', 'stream', `${round + 1}-1`, 'f', 'v');
  db.set('big', 'x'.repeat(200_000 + round));
  db.set('soon', '1', { ttlMs: 1e6 });
}

describe('a snapshot within a call', () => {
  it('counts when it returns, and takes the place of the log', () => {
    const machine = new Machine(1);
    const db = machine.open();
    for (let round = 0; round < 3; round++) {
      fill(db, round);
      db.snapshot();
      expect(machine.names('snapshot')).toHaveLength(1);
      expect(machine.names('manifest')).toHaveLength(1);
    }
    db.set('after', '1');
    db.snapshot();
    expect(machine.names('wal').length).toBeLessThanOrEqual(2);
    db.set('behind', '2');
    const wanted = contentsOf(db);
    machine.files.crash('drop');
    const again = machine.open();
    expect(contentsOf(again)).toEqual(wanted);
    expect(again.call('INCR', 'starts')).toBe(1);
    again.close();
    expect(contentsOf(machine.open()).get('starts')).toBeDefined();
  });
  it('goes on with what was under way, and answers SAVE, BGSAVE and LASTSAVE', () => {
    const machine = new Machine(2);
    const db = machine.open();
    const startSeconds = Number(db.call('LASTSAVE'));
    machine.clock.advance(5000);
    fill(db, 0);
    expect(db.call('BGSAVE')).toBe('Background saving started');
    expect(() => db.call('BGSAVE')).toThrow('ERR Background save already in progress');
    expect(db.call('BGREWRITEAOF')).toBe('Background append only file rewriting scheduled');
    db.set('a', '1');
    db.snapshot();
    expect(db.call('SAVE')).toBe('OK');
    expect(db.call('LASTSAVE')).toBe(startSeconds + 5);
    db.set('b', '2');
    const info = db.call('INFO', 'persistence');
    expect(info).toContain('rdb_changes_since_last_save:1\r\n');
    expect(info).toContain('rdb_saves:3\r\n');
    expect(info).toContain('aof_enabled:1\r\n');
    expect(info).toContain('rdb_last_bgsave_status:ok\r\n');
    const wanted = contentsOf(db);
    machine.files.crash('drop');
    expect(contentsOf(machine.open())).toEqual(wanted);
  });
  it('needs a directory', () => {
    const db = openSync();
    expect(() => { db.snapshot(); }).toThrow(Fault);
    expect(() => db.call('SAVE')).toThrow(/nothing is kept on disk/);
    db.close();
  });
  it('keeps as many as snapshot-retain says', () => {
    const machine = new Machine(3);
    const db = machine.open({ 'snapshot-retain': '3' });
    for (let round = 0; round < 5; round++) {
      fill(db, round);
      db.snapshot();
    }
    expect(machine.names('snapshot')).toHaveLength(3);
    expect(machine.names('manifest')).toHaveLength(3);
  });
});

describe('a log that grows', () => {
  it('is cut short by itself', () => {
    const machine = new Machine(4);
    const db = machine.open({
      'auto-aof-rewrite-min-size': '100kb', 'auto-aof-rewrite-percentage': '100',
    });
    const bytesOnDisk = (): number => machine.names('').reduce(
      (sum, name) => sum + machine.files.contentOf(`data/${name}`).length, 0,
    );
    let bytesLeast = Infinity;
    for (let step = 0; step < 4500; step++) {
      db.set(`key:${step % 10}`, 'v'.repeat(1000));
      machine.clock.advance(30);
      db.call('CONFIG', 'SET', 'appendfsync', step % 2 === 0 ? 'everysec' : 'always');
      if (step > 3000 && step % 50 === 0) bytesLeast = Math.min(bytesLeast, bytesOnDisk());
    }
    // Of more than 3 MB: what was written before a snapshot has gone in the end.
    expect(bytesLeast).toBeLessThan(1_600_000);
    const wanted = contentsOf(db);
    db.close();
    expect(contentsOf(machine.open())).toEqual(wanted);
  });
});

describe('a disk that fails', () => {
  it('leaves the snapshot before, for every operation, and the next is whole', () => {
    let failures = 0;
    for (let n = 1; n <= 40; n++) {
      const machine = new Machine(n);
      const db = machine.open();
      fill(db, 0);
      db.snapshot();
      fill(db, 1);
      machine.files.failAt(n, Errno.NoSpace);
      try {
        db.snapshot();
      } catch (error) {
        failures++;
        expect(error).toHaveProperty('code', 'DISK_FAILED');
        expect(String(error)).toMatch(/ENOSPC/);
      }
      const wanted = contentsOf(db);
      machine.files.crash('drop');
      const again = machine.open();
      expect(contentsOf(again), `operation ${n}`).toEqual(wanted);
      again.snapshot();
      expect(machine.names('snapshot'), `operation ${n}`).toHaveLength(1);
      machine.files.crash('drop');
      expect(contentsOf(machine.open()), `operation ${n}`).toEqual(wanted);
    }
    expect(failures).toBeGreaterThan(5);
  });
  it('a loss of power at any operation takes nothing', () => {
    for (let at = 1; at <= 40; at++) {
      const machine = new Machine(at);
      const db = machine.open();
      fill(db, 0);
      if (at % 2 === 0) db.snapshot();
      fill(db, 1);
      const wanted = contentsOf(db);
      machine.files.crashAt(at);
      try {
        db.snapshot();
      } catch (error) {
        if (!(error instanceof SimulatedCrash)) throw error;
      }
      machine.files.crash(at % 3 === 0 ? 'drop' : 'chance');
      expect(contentsOf(machine.open()), `power lost at operation ${at}`).toEqual(wanted);
    }
  });
});

describe('an engine on workers', () => {
  it('says that a snapshot needs a directory', async () => {
    const db = await open({ workers: 1 });
    await expect(db.snapshot()).rejects.toThrow(/open the database with dir/);
    await db.close();
    await expect(db.snapshot()).rejects.toThrow(/was closed/);
  });
});

describe('on a real disk', () => {
  it('open makes snapshots beside calls, which openSync finds', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'kora-embedded-snapshot-'));
    try {
      const db = await open({ dir });
      for (let i = 0; i < 2000; i++) await db.set(`k${i}`, `v${i}`);
      const saved = db.snapshot();
      const written: Promise<boolean>[] = [];
      for (let i = 0; i < 100; i++) written.push(db.set(`later${i}`, '1'));
      await Promise.all(written);
      await saved;
      await db.snapshot();
      expect(readdirSync(dir).filter((name) => name.startsWith('snapshot'))).toHaveLength(1);
      await db.close();
      const again = openSync({ dir });
      expect(again.size).toBe(2100);
      again.snapshot();
      again.close();
      const last = await open({ dir });
      expect(await last.get('k1999')).toBe('v1999');
      await last.close();
      await expect(last.snapshot()).rejects.toThrow(/was closed/);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});
