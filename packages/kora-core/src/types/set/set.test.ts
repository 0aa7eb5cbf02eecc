/**
 * What clients see of sets beyond single replies: events in Redis's order, encodings by Redis's
 * rule whatever the bytes are, faults of the first Kora that must not come back (a member lost by
 * SMOVE, a wrong type taken for an empty set), thousands of members at once, and hostile counts.
 */
import { describe, expect, it } from 'vitest';
import { keyEvents } from '../../keyspace/events.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { JournalRecorder } from '../../testing/journal-recorder.ts';
import { replayEffect } from '../../keyspace/effect-codec.ts';
import { contentsOf } from '../../testing/shard-contents.ts';

/** Events by command line, as recorded from redis-server 7.0.15. */
const recorded: readonly (readonly [line: string, events: string])[] = [
  ['SADD a 1 2 3', 'sadd a'],
  ['SADD a 1', ''],
  ['SADD a 1 4', 'sadd a'],
  ['SREM a 4 9', 'srem a'],
  ['SREM a 9', ''],
  ['SMOVE a b 1', 'srem a, sadd b'],
  ['SMOVE a a 2', ''],
  ['SMOVE a b 9', ''],
  ['SADD b 2', 'sadd b'],
  ['SMOVE a b 2', 'srem a'],
  ['SMOVE a b 3', 'srem a, del a, sadd b'],
  ['SPOP b', 'spop b'],
  ['SPOP b 1', 'spop b'],
  ['SPOP b 5', 'spop b, del b'],
  ['SPOP nokey 5', ''],
  ['SADD c x y z', 'sadd c'],
  ['SPOP c 0', ''],
  ['SPOP c 3', 'spop c, del c'],
  ['SADD c x', 'sadd c'],
  ['SPOP c', 'spop c, del c'],
  ['SADD a 1 2 3', 'sadd a'],
  ['SADD b 2 3 4', 'sadd b'],
  ['SINTERSTORE d a b', 'sinterstore d'],
  ['SINTERSTORE d a nokey', 'del d'],
  ['SINTERSTORE d a nokey', ''],
  ['SUNIONSTORE d a b', 'sunionstore d'],
  ['SDIFFSTORE d a b', 'sdiffstore d'],
  ['SDIFFSTORE a a a', 'del a'],
  ['SUNIONSTORE q nokey', ''],
  ['SREM b 2 3 4', 'srem b, del b'],
  ['RPUSH l 3 1 2', 'rpush l'],
  ['SORT l STORE l2', 'sortstore l2'],
  ['SORT nokey STORE l2', 'del l2'],
  ['SORT nokey STORE l2', ''],
  ['SORT_RO l', ''],
];

/** Collects `event key` of every change. */
function listen(driver: CommandDriver): string[] {
  const { memory, shard } = driver;
  const events: string[] = [];
  shard.journal.listen(({ event, secondEvent, keyAt, keyBytes }) => {
    const block = memory.lowAllocator.alloc(64);
    memory.kernel.copy(block * 8, keyAt, keyBytes);
    const key = String.fromCharCode(...memory.low.subarray(block * 8, block * 8 + keyBytes));
    memory.lowAllocator.free(block);
    for (const number of [event, secondEvent]) {
      if (number !== 0) events.push(`${keyEvents[number]?.name ?? ''} ${key}`);
    }
  });
  return events;
}

function numbers(from: number, count: number, prefix = ''): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${from + i}`);
}

describe('sets', () => {
  it('announce their changes in the order of Redis', () => {
    const driver = new CommandDriver();
    const events = listen(driver);
    for (const [line, wanted] of recorded) {
      driver.runLine(line);
      expect(events.splice(0).join(', '), line).toBe(wanted);
    }
  });

  it('answer the encoding that Redis 7.0 would have', () => {
    const driver = new CommandDriver({ settings: { 'set-max-intset-entries': '1000' } });
    const encoding = (): string => driver.run('OBJECT', 'ENCODING', 's');
    driver.run('SADD', 's', ...numbers(0, 1000));
    expect(encoding()).toBe('$"intset"');
    expect(driver.run('SCARD', 's')).toBe(':1000');
    driver.run('SADD', 's', '1000');
    expect(encoding()).toBe('$"hashtable"');
    driver.run('SREM', 's', ...numbers(5, 900));
    expect(encoding()).toBe('$"hashtable"');
    expect(driver.run('SUNIONSTORE', 's', 's')).toBe(':101');
    expect(encoding()).toBe('$"intset"');
    driver.run('SADD', 's', '05');
    expect(encoding()).toBe('$"hashtable"');
    driver.run('SREM', 's', '05');
    expect(driver.run('SPOP', 's', '99')).toMatch(/^\*\[/);
    expect(encoding(), 'Redis builds what SPOP leaves anew').toBe('$"intset"');
  });

  it('lose no member in SMOVE to a key of another type', () => {
    const driver = new CommandDriver();
    driver.run('SADD', 'a', 'm');
    driver.run('SET', 'b', 'text');
    expect(driver.run('SMOVE', 'a', 'b', 'm')).toMatch(/WRONGTYPE/);
    expect(driver.run('SMISMEMBER', 'a', 'm')).toBe('*[:1]');
    expect(driver.run('GET', 'b')).toBe('$"text"');
  });

  it('refuse a key of another type among sources, and keep the destination', () => {
    const driver = new CommandDriver();
    driver.run('SADD', 'a', 'm');
    driver.run('SADD', 'd', 'kept');
    driver.run('RPUSH', 'list', 'x');
    for (const name of ['SINTER', 'SUNION', 'SDIFF']) {
      const sources = [['list', 'a'], ['a', 'list'], ['nokey', 'list'], ['a', 'nokey', 'list']];
      for (const keys of sources) {
        expect(driver.run(name, ...keys), name).toMatch(/WRONGTYPE/);
        expect(driver.run(`${name}STORE`, 'd', ...keys), name).toMatch(/WRONGTYPE/);
      }
    }
    expect(driver.run('SMEMBERS', 'd')).toBe('*[$"kept"]');
  });

  it('take the deadline of the destination away when they are stored', () => {
    const driver = new CommandDriver();
    driver.run('SADD', 'a', 'm');
    driver.run('SET', 'd', 'x', 'EX', '100');
    expect(driver.run('SUNIONSTORE', 'd', 'a')).toBe(':1');
    expect(driver.run('TTL', 'd')).toBe(':-1');
    driver.run('EXPIRE', 'a', '100');
    driver.run('SPOP', 'a', '0');
    expect(driver.run('SINTERSTORE', 'a', 'a', 'd')).toBe(':1');
    expect(driver.run('TTL', 'a')).toBe(':-1');
  });

  it('take thousands of members in one command, and give them back', () => {
    const driver = new CommandDriver();
    const recorder = new JournalRecorder(driver.shard);
    const members = numbers(0, 20_000, 'member:');
    expect(driver.run('SADD', 'big', ...members, ...members)).toBe(':20000');
    expect(driver.run('SADD', 'big', ...members)).toBe(':0');
    expect(driver.run('SREM', 'big', ...members.slice(0, 5000))).toBe(':5000');
    const popped = driver.reply('SPOP', 'big', '7000');
    expect('items' in popped && popped.items.length).toBe(7000);
    expect(driver.run('SCARD', 'big')).toBe(':8000');
    const all = driver.reply('SMEMBERS', 'big');
    const left = 'items' in all ? all.items.map((item) => ('text' in item ? item.text : '')) : [];
    expect(new Set(left).size).toBe(8000);
    const gone = 'items' in popped
      ? popped.items.map((item) => ('text' in item ? item.text : '')) : [];
    expect(new Set([...left, ...gone]).size).toBe(15_000);
    const twin = new CommandDriver({ seed: 9 });
    for (const record of recorder.records) replayEffect(twin.shard, record);
    expect(contentsOf(twin.shard)).toEqual(contentsOf(driver.shard));
  });

  it('scan a big set in steps, and meet every member', () => {
    const driver = new CommandDriver();
    driver.run('SADD', 'big', ...numbers(0, 3000, 'm'));
    const met = new Set<string>();
    let cursor = '0';
    let steps = 0;
    do {
      const step = driver.reply('SSCAN', 'big', cursor, 'COUNT', '100', 'MATCH', 'm*');
      const [next, page] = 'items' in step ? step.items : [];
      cursor = next !== undefined && 'text' in next ? next.text : '0';
      const items = page !== undefined && 'items' in page ? page.items : [];
      expect(items.length).toBeLessThan(300);
      for (const item of items) if ('text' in item) met.add(item.text);
      if (++steps === 5) driver.run('SADD', 'big', ...numbers(0, 4000, 'other:'));
    } while (cursor !== '0' && steps < 1000);
    expect(met.size).toBe(3000);
  });

  it('refuse counts that no reply can hold', () => {
    const driver = new CommandDriver();
    driver.run('SADD', 's', 'a');
    expect(driver.run('SRANDMEMBER', 's', '-9223372036854775807')).toMatch(/out of range/);
    expect(driver.run('SRANDMEMBER', 's', '9223372036854775807')).toBe('*[$"a"]');
    expect(driver.run('SINTERCARD', '9223372036854775807', 's')).toMatch(/greater than number/);
    expect(driver.run('SPOP', 's', '9223372036854775807')).toBe('*[$"a"]');
    expect(driver.run('SPOP', 's', '9223372036854775808')).toMatch(/must be positive/);
  });

  it('hold long members beside short ones and integers', () => {
    const driver = new CommandDriver();
    const long = ['x'.repeat(65_535), 'y'.repeat(70_000), 'z'.repeat(300_000)];
    expect(driver.run('SADD', 's', '1', 'short', ...long)).toBe(':5');
    expect(driver.run('SADD', 's', ...long)).toBe(':0');
    expect(driver.run('SMISMEMBER', 's', ...long, '1')).toBe('*[:1 :1 :1 :1]');
    expect(driver.run('SUNIONSTORE', 't', 's')).toBe(':5');
    expect(driver.run('SREM', 's', ...long)).toBe(':3');
    expect(driver.run('SINTERCARD', '2', 's', 't')).toBe(':2');
  });
});
