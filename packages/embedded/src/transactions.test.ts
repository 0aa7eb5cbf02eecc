/**
 * MULTI and WATCH through `call`: one connection object is one client. Typed methods have no way to
 * be queued, so they are refused while their object is in MULTI.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { KoraReplyError, openSync } from './index.ts';
import type { Kora } from './index.ts';

const opened: Kora[] = [];

function open(): Kora {
  const db = openSync();
  opened.push(db);
  return db;
}

afterEach(() => {
  for (const db of opened.splice(0)) db.close();
});

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
  return 'nothing was thrown';
}

describe('transactions', () => {
  it('run at once at EXEC, with errors as values in the list', () => {
    const db = open();
    expect(db.call('MULTI')).toBe('OK');
    expect(db.call('SET', 'k', 'v')).toBe('QUEUED');
    expect(db.call('INCR', 'k')).toBe('QUEUED');
    expect(db.call('HSET', 'h', 'f', '1')).toBe('QUEUED');
    expect(db.call('HGETALL', 'h')).toBe('QUEUED');
    expect(db.connection().call('EXISTS', 'k')).toBe(0);
    const replies = db.call('EXEC');
    expect(replies).toEqual(['OK', expect.any(KoraReplyError), 1, new Map([['f', '1']])]);
    expect(db.get('k')).toBe('v');
  });

  it('are null when a watched key has changed, by whoever and however', () => {
    const db = open();
    const other = db.connection();
    other.call('WATCH', 'k');
    db.set('k', '1');
    other.call('MULTI');
    other.call('GET', 'k');
    expect(other.call('EXEC')).toBeNull();
    other.call('WATCH', 'k');
    other.call('MULTI');
    expect(other.call('EXEC')).toEqual([]);
  });

  it('belong to one object each; typed methods of one in MULTI are refused', () => {
    const db = open();
    const other = db.connection();
    db.call('MULTI');
    expect(codeOf(() => db.get('k'))).toBe('ENGINE_BUSY');
    expect(codeOf(() => db.set('k', 'v'))).toBe('ENGINE_BUSY');
    expect(codeOf(() => db.set('k', 'v'.repeat(100_000), { ttlMs: 5 }))).toBe('ENGINE_BUSY');
    expect(codeOf(() => db.incr('k'))).toBe('ENGINE_BUSY');
    expect(codeOf(() => db.del('k'))).toBe('ENGINE_BUSY');
    expect(codeOf(() => db.with('k', () => 0))).toBe('ENGINE_BUSY');
    expect(codeOf(() => db.getInto('k', new Uint8Array(9)))).toBe('ENGINE_BUSY');
    expect(codeOf(() => other.call('EXEC'))).toBe('ERR');
    expect(db.call('EXEC')).toEqual([]);
    expect(db.set('k', 'v')).toBe(true);
  });

  it('are forgotten with their connection', () => {
    const db = open();
    const before = db.stats.usedBytes;
    const other = db.connection();
    other.call('WATCH', 'a', 'b');
    other.call('MULTI');
    for (let i = 0; i < 1_000; i++) other.call('SET', 'k', 'v'.repeat(1_000));
    expect(db.stats.usedBytes).toBeGreaterThan(before + 1_000_000);
    other.close();
    other.close();
    expect(db.stats.usedBytes).toBe(before);
    expect(codeOf(() => other.call('PING'))).toBe('ENGINE_CLOSED');
    const last = db.connection();
    last.call('MULTI');
    db.close();
    last.close();
  });

  it('refuse more than there is room for, and run nothing of it', () => {
    const db = open();
    db.call('MULTI');
    let refusal = '';
    for (let i = 0; refusal === ''; i++) {
      refusal = codeOf(() => db.call('SET', `k${i}`, 'v'.repeat(10_000))).replace(/^nothing.*/, '');
    }
    expect(refusal).toBe('OOM');
    expect(codeOf(() => db.call('EXEC'))).toBe('EXECABORT');
    expect(db.size).toBe(0);
  });
});
