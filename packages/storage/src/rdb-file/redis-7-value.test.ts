/**
 * A hash without the deadlines of its fields: the same fields and values in a shard, for every form
 * a string has in a dump.
 */
import { DUMP_FOOTER_BYTES, writeDumpFooter } from '@kora/core/rdb';
import { CommandDriver } from '@kora/core/testing';
import { describe, expect, it } from 'vitest';
import { bytesOf } from '../testing/dump-fixture.ts';
import { isBeyondRedis7, withoutDeadlines } from './redis-7-value.ts';

const FIELDS = ['f', 'v', '12', '-70000', 'packed', 'ab'.repeat(200), '', 'x'.repeat(100)];

describe('a hash whose fields have deadlines', () => {
  it('keeps everything else', () => {
    const driver = new CommandDriver();
    driver.run('HSET', 'h', ...FIELDS);
    driver.run('HSET', 'plain', ...FIELDS);
    driver.run('HPEXPIRE', 'h', 5000, 'FIELDS', 2, 'f', '12');
    const dump = driver.reply('DUMP', 'h');
    const payload = bytesOf(dump.kind === 'bulk' ? dump.text : '');
    const value = payload.subarray(0, payload.length - DUMP_FOOTER_BYTES);
    expect(isBeyondRedis7(value)).toBe(true);
    const plain = withoutDeadlines(value);
    expect(isBeyondRedis7(plain)).toBe(false);
    const sealed = new Uint8Array(plain.length + DUMP_FOOTER_BYTES);
    sealed.set(plain);
    writeDumpFooter(sealed, 0, plain.length);
    expect(driver.run('RESTORE', 'back', 0, sealed)).toBe('+"OK"');
    expect(driver.run('HTTL', 'back', 'FIELDS', 2, 'f', '12')).toBe('*[:-1 :-1]');
    for (let i = 0; i < FIELDS.length; i += 2) {
      const field = FIELDS[i] ?? '';
      expect(driver.run('HGET', 'back', field)).toBe(driver.run('HGET', 'plain', field));
    }
    expect(driver.run('HLEN', 'back')).toBe(':4');
  });
});
