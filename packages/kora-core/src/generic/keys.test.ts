/**
 * DEL UNLINK EXISTS TOUCH TYPE KEYS RANDOMKEY as clients see them, under a virtual clock. Replies
 * are in the notation of the conformance corpus. Many of the cases here are about keys whose time
 * has come, which no command may show, and about keys that are not text.
 */
import { describe, expect, it } from 'vitest';
import { ClientFlag } from '../command/client-state.ts';
import { CommandDriver } from '../testing/command-driver.ts';
import type { RecordedReply } from '../testing/recorded-reply.ts';

function texts(reply: RecordedReply): string[] {
  if (!('items' in reply)) throw new Error(`an array, not ${reply.kind}`);
  return reply.items.map((item) => ('text' in item ? item.text : '')).sort();
}

/** Announced removals as `reason:key`, in order. */
function listenToRemovals(driver: CommandDriver): string[] {
  const seen: string[] = [];
  driver.shard.journal.listen((effect) => {
    const { kernel, low } = driver.memory;
    kernel.copy(driver.shard.scratchAt, effect.keyAt, effect.keyBytes);
    const at = driver.shard.scratchAt;
    const key = String.fromCharCode(...low.slice(at, at + effect.keyBytes));
    seen.push(`${effect.op}/${effect.reason}/${effect.event}:${key}`);
  });
  return seen;
}

describe('DEL and UNLINK', () => {
  it('count the keys that existed and announce each', () => {
    const driver = new CommandDriver();
    driver.run('MSET', 'a', '1', 'b', '2', 'c', '3');
    const seen = listenToRemovals(driver);
    expect(driver.run('DEL', 'a', 'nokey', 'a', 'b')).toBe(':2');
    expect(driver.run('UNLINK', 'c', 'c')).toBe(':1');
    expect(seen).toEqual(['4/0/2:a', '4/0/2:b', '4/0/2:c']);
    expect(driver.run('DBSIZE')).toBe(':0');
  });

  it('do not count a key whose time has come, which is announced as expired', () => {
    const driver = new CommandDriver();
    driver.run('SET', 'a', '1', 'PX', '10');
    driver.clock.advance(11);
    const seen = listenToRemovals(driver);
    expect(driver.run('DEL', 'a')).toBe(':0');
    expect(seen).toEqual(['4/1/11:a']);
  });

  it('give every byte of a long value and a long key back', () => {
    const driver = new CommandDriver();
    driver.run('SET', 'warm', '1');
    driver.run('DEL', 'warm');
    const used = driver.memory.usedBytes();
    const key = 'k'.repeat(200_000);
    expect(driver.run('SET', key, new Uint8Array(300_000))).toBe('+"OK"');
    expect(driver.run('EXISTS', key)).toBe(':1');
    expect(driver.run('UNLINK', key)).toBe(':1');
    expect(driver.memory.usedBytes()).toBe(used);
  });
});

describe('EXISTS, TOUCH and TYPE', () => {
  it('count a key as often as it is named', () => {
    const driver = new CommandDriver();
    driver.run('SET', 'a', '1');
    expect(driver.run('EXISTS', 'a', 'b', 'a')).toBe(':2');
    expect(driver.run('TOUCH', 'a', 'b', 'a')).toBe(':2');
  });

  it('TOUCH notes an access, also for a client that does not touch; EXISTS and TYPE do not', () => {
    const driver = new CommandDriver();
    driver.run('SET', 'a', '1');
    driver.clock.advance(60_000);
    driver.run('EXISTS', 'a');
    driver.run('TYPE', 'a');
    expect(driver.run('OBJECT', 'IDLETIME', 'a')).toBe(':60');
    driver.client.flags |= ClientFlag.NoTouch;
    driver.run('TOUCH', 'a');
    expect(driver.run('OBJECT', 'IDLETIME', 'a')).toBe(':0');
  });

  it('TYPE names the type, none without the key', () => {
    const driver = new CommandDriver();
    driver.run('SET', 'a', '1', 'PX', '5');
    expect(driver.run('TYPE', 'a')).toBe('+"string"');
    driver.clock.advance(6);
    expect(driver.run('TYPE', 'a')).toBe('+"none"');
  });
});

describe('KEYS', () => {
  it('finds what a pattern matches, with binary and empty keys', () => {
    const driver = new CommandDriver();
    const all = ['', 'a\0b', '\xff\xfe', 'h[llo', 'hello', 'hallo'];
    for (const key of all) driver.run('SET', key, '1');
    expect(texts(driver.reply('KEYS', '*'))).toEqual(
      ['', 'a\0b', 'h[llo', 'hallo', 'hello', '\xff\xfe'],
    );
    expect(driver.run('KEYS', 'a\0?')).toBe('*[$"a\\x00b"]');
    expect(driver.run('KEYS', '\xff*')).toBe('*[$"\\xff\\xfe"]');
    expect(texts(driver.reply('KEYS', 'h[ae]llo'))).toEqual(['hallo', 'hello']);
    expect(driver.run('KEYS', '')).toBe('*[$""]');
  });

  it('matches keys longer than the scratch area', () => {
    const driver = new CommandDriver();
    const long = `${'x'.repeat(150_000)}yz`;
    driver.run('SET', long, '1');
    expect(texts(driver.reply('KEYS', 'x*yz'))).toEqual([long]);
    expect(driver.run('KEYS', 'x*yy')).toBe('*[]');
  });

  it('passes over keys whose time has come and leaves them to others', () => {
    const driver = new CommandDriver();
    for (let i = 0; i < 200; i++) driver.run('SET', `gone:${i}`, '1', 'PX', '10');
    driver.run('SET', 'stays', '1');
    driver.clock.advance(11);
    expect(driver.run('KEYS', '*')).toBe('*[$"stays"]');
    expect(driver.run('DBSIZE')).toBe(':201');
  });

  it('answers an empty array in an empty database', () => {
    expect(new CommandDriver().run('KEYS', '*')).toBe('*[]');
  });
});

describe('RANDOMKEY', () => {
  it('comes to every key in the end', () => {
    const driver = new CommandDriver();
    const expected: string[] = [];
    for (let i = 0; i < 50; i++) {
      driver.run('SET', `k${i}`, '1');
      expected.push(`$"k${i}"`);
    }
    const seen = new Set<string>();
    for (let i = 0; i < 5000; i++) seen.add(driver.run('RANDOMKEY'));
    expect([...seen].sort()).toEqual(expected.sort());
  });

  it('finds the one living key among a thousand that are due', () => {
    const driver = new CommandDriver();
    for (let i = 0; i < 1000; i++) driver.run('SET', `gone:${i}`, '1', 'PX', '10');
    driver.run('SET', 'alive', '1');
    driver.clock.advance(11);
    expect(driver.run('RANDOMKEY')).toBe('$"alive"');
    driver.run('DEL', 'alive');
    expect(driver.run('RANDOMKEY')).toBe('_');
  });
});
