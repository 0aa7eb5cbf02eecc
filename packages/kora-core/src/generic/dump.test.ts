/**
 * DUMP and RESTORE: round trips of every size, payloads recorded from redis-server 7.0.15, the
 * order of errors, deadlines and access fields, and damaged payloads, of which none may do harm.
 */
import { describe, expect, it } from 'vitest';
import { DUMP_FOOTER_BYTES, writeDumpFooter } from '../bytes/rdb-string.ts';
import { EffectOp } from '../keyspace/effect.ts';
import { KeyEvent } from '../keyspace/events.ts';
import { SeededChance } from '../platform/platform.ts';
import { CommandDriver } from '../testing/command-driver.ts';

const HELLO = '\x00\x05hello\n\x00cr\xdfve4 \n';

function dumpOf(driver: CommandDriver, key: string): string {
  const reply = driver.reply('DUMP', key);
  if (!('text' in reply)) throw new Error(`a payload, not ${reply.kind}`);
  return reply.text;
}

describe('DUMP', () => {
  it('answers what the reference answers', () => {
    const driver = new CommandDriver();
    driver.run('MSET', 'text', 'hello', 'int16', '30000', 'int40', '5000000000');
    driver.run('SET', 'bin', '\x00\xff\r\n');
    expect(dumpOf(driver, 'text')).toBe(HELLO);
    expect(dumpOf(driver, 'int16')).toBe('\x00\xc10u\n\x00I\x97\x7f\x92\x98\x8c6[');
    expect(dumpOf(driver, 'int40')).toBe('\x00\n5000000000\n\x00i\xa9\x0f\xd5~\x0f\xf4%');
    expect(dumpOf(driver, 'bin')).toBe('\x00\x04\x00\xff\r\n\n\x00\x8d\x10\xd1\x9eB\x16\xece');
    expect(driver.run('DUMP', 'nokey')).toBe('_');
  });

  it('round trips values of every kind of length, ropes included', () => {
    const driver = new CommandDriver();
    const chance = new SeededChance(11);
    for (const bytes of [0, 1, 20, 21, 63, 64, 16_383, 16_384, 65_535, 65_536, 65_537, 300_000]) {
      for (const isRandom of [true, false]) {
        const value = Uint8Array.from({ length: bytes }, (_, i) =>
          isRandom ? chance.next32() & 0xff : 97 + (i % 7));
        driver.run('SET', 'a', value);
        const payload = dumpOf(driver, 'a');
        expect(driver.run('RESTORE', 'b', '0', payload, 'REPLACE'), `${bytes}`).toBe('+"OK"');
        expect(driver.run('GET', 'b') === driver.run('GET', 'a'), `${bytes}`).toBe(true);
      }
    }
    driver.run('DEL', 'a', 'b');
    expect(driver.run('DBSIZE')).toBe(':0');
  });
});

describe('RESTORE', () => {
  it('sets deadlines from now or absolute, and announces', () => {
    const driver = new CommandDriver();
    const seen: number[][] = [];
    driver.shard.journal.listen((effect) => seen.push([effect.op, effect.event]));
    expect(driver.run('RESTORE', 'a', '5000', HELLO)).toBe('+"OK"');
    expect(driver.run('PTTL', 'a')).toBe(':5000');
    expect(driver.run('RESTORE', 'a', '33177117420123', HELLO, 'ABSTTL', 'REPLACE')).toBe('+"OK"');
    expect(driver.run('PEXPIRETIME', 'a')).toBe(':33177117420123');
    expect(driver.run('RESTORE', 'a', '0', HELLO, 'REPLACE')).toBe('+"OK"');
    expect(driver.run('TTL', 'a')).toBe(':-1');
    expect(driver.run('RESTORE', 'a', '5', HELLO, 'ABSTTL', 'REPLACE')).toBe('+"OK"');
    expect(driver.run('EXISTS', 'a')).toBe(':0');
    expect(driver.run('RESTORE', 'a', '5', HELLO, 'ABSTTL')).toBe('+"OK"');
    expect(driver.run('EXISTS', 'a')).toBe(':0');
    const restored = [EffectOp.StringSet, KeyEvent.Restore];
    expect(seen).toEqual([restored, restored, restored, [EffectOp.KeyRemove, KeyEvent.Del]]);
    expect(driver.run('RESTORE', 'a', '9223372036854775807', HELLO, 'ABSTTL')).toBe('+"OK"');
    expect(driver.run('PEXPIRETIME', 'a')).toBe(':9223372036854775807');
  });

  it('answers errors in the order of the reference', () => {
    const driver = new CommandDriver();
    driver.run('SET', 'busy', '1');
    const checksum = '-"ERR DUMP payload version or checksum are wrong"';
    const notInteger = '-"ERR value is not an integer or out of range"';
    const badFrequency = '-"ERR Invalid FREQ value, must be >= 0 and <= 255"';
    const busy = '-"BUSYKEY Target key name already exists."';
    const replies: readonly (readonly [readonly string[], string])[] = [
      [['busy', 'x', 'garbage'], busy],
      [['busy', '0', 'garbage', 'FOO'], '-"ERR syntax error"'],
      [['busy', 'x', 'garbage', 'REPLACE'], notInteger],
      [['busy', '0', 'garbage', 'REPLACE'], checksum],
      [['a', '-1', 'garbage'], '-"ERR Invalid TTL value, must be >= 0"'],
      [['a', '0', ''], checksum],
      [['a', '0', `x${HELLO}`], checksum],
      [['a', '0', '\x00\x01v\xff\x00\x91\x08\xce\xb2\x198\x8a\xce'], checksum],
      [['a', '0', HELLO, 'IDLETIME'], '-"ERR syntax error"'],
      [['a', '0', HELLO, 'IDLETIME', 'x', 'FOO'], notInteger],
      [['a', '0', HELLO, 'IDLETIME', '-1'], '-"ERR Invalid IDLETIME value, must be >= 0"'],
      [['a', '0', HELLO, 'FREQ', '256'], badFrequency],
      [['a', '0', HELLO, 'FREQ', '5', 'IDLETIME', '5'], '-"ERR syntax error"'],
      [['a', '0', HELLO, 'IDLETIME', '5', 'FREQ', '5'], '-"ERR syntax error"'],
      [['a', '0', HELLO, 'FREQ', '5', 'FREQ', '300'], badFrequency],
    ];
    for (const [args, reply] of replies) {
      expect(driver.run('RESTORE', ...args), args.join(' ')).toBe(reply);
    }
    expect(driver.run('GET', 'busy')).toBe('$"1"');
    expect(driver.run('DBSIZE')).toBe(':1');
  });

  it('refuses types that it does not know: modules, and numbers that nobody has', () => {
    const driver = new CommandDriver();
    for (const type of [6, 7, 8, 99, 255]) {
      const payload = new Uint8Array(3 + DUMP_FOOTER_BYTES).fill(1);
      payload[0] = type;
      writeDumpFooter(payload, 0, 3);
      expect(driver.run('RESTORE', 'a', '0', payload)).toBe('-"ERR Bad data format"');
    }
    expect(driver.run('EXISTS', 'a')).toBe(':0');
  });

  it('keeps idle time or frequency, as the policy has it', () => {
    const lru = new CommandDriver();
    lru.run('RESTORE', 'a', '0', HELLO, 'IDLETIME', '500');
    expect(lru.run('OBJECT', 'IDLETIME', 'a')).toBe(':500');
    lru.run('RESTORE', 'b', '0', HELLO, 'FREQ', '10');
    expect(lru.run('OBJECT', 'IDLETIME', 'b')).toBe(':0');
    const lfu = new CommandDriver({ settings: { 'maxmemory-policy': 'allkeys-lfu' } });
    lfu.run('RESTORE', 'a', '0', HELLO, 'FREQ', '77');
    expect(lfu.run('OBJECT', 'FREQ', 'a')).toBe(':77');
  });

  it('survives damage anywhere in a payload, with and without a checksum that fits', () => {
    const driver = new CommandDriver();
    driver.run('SET', 'source', `${'abc'.repeat(50)}xyz`);
    const payload = Uint8Array.from(dumpOf(driver, 'source'), (letter) => letter.charCodeAt(0));
    const bodyEnd = payload.length - DUMP_FOOTER_BYTES;
    const used = driver.memory.usedBytes();
    for (let i = 0; i < payload.length; i++) {
      const damaged = payload.slice();
      damaged[i] = (damaged[i] ?? 0) ^ 0x41;
      expect(driver.run('RESTORE', 'a', '0', damaged), `byte ${i}`).toMatch(/^-"ERR DUMP /);
      const cut = payload.slice(0, i);
      expect(driver.run('RESTORE', 'a', '0', cut), `cut at ${i}`).toMatch(/^-"ERR DUMP /);
      for (let bit = 0; bit < 8 && i < bodyEnd; bit++) {
        const sealed = payload.slice();
        sealed[i] = (sealed[i] ?? 0) ^ (1 << bit);
        writeDumpFooter(sealed, 0, bodyEnd);
        const reply = driver.run('RESTORE', 'a', '0', sealed);
        expect(reply, `byte ${i}, bit ${bit}`).toMatch(/^\+"OK"$|^-"ERR Bad data format"$/);
        driver.run('DEL', 'a');
      }
    }
    expect(driver.memory.usedBytes()).toBe(used);
    expect(driver.errors).toEqual([]);
  });

  it('gives long payloads and values back to the allocator', () => {
    const driver = new CommandDriver();
    driver.run('SET', 'a', '1');
    driver.run('DEL', 'a');
    const used = driver.memory.usedBytes();
    driver.run('SET', 'a', Uint8Array.from({ length: 200_000 }, (_, i) => (i * i) & 0xff));
    const payload = dumpOf(driver, 'a');
    driver.run('RESTORE', 'a', '5', payload, 'ABSTTL', 'REPLACE');
    driver.run('RESTORE', 'b', '0', payload);
    driver.run('RESTORE', 'b', '0', payload);
    driver.run('RESTORE', 'c', '0', `${payload}x`);
    driver.run('DEL', 'b');
    expect(driver.memory.usedBytes()).toBe(used);
  });

  it('gives the long value of a short payload back when it is not stored', () => {
    const driver = new CommandDriver();
    driver.run('SET', 'a', '1');
    driver.run('DEL', 'a');
    const used = driver.memory.usedBytes();
    driver.run('SET', 'a', new Uint8Array(500_000));
    const payload = dumpOf(driver, 'a');
    expect(payload.length).toBeLessThan(65_536);
    driver.run('DEL', 'a');
    expect(driver.run('RESTORE', 'b', '5', payload, 'ABSTTL')).toBe('+"OK"');
    expect(driver.memory.usedBytes()).toBe(used);
    // Refused between the value and the entry: what was made is given back too.
    const allocator = driver.memory.arenaAllocator;
    const reserve = allocator.reserve.bind(allocator);
    let calls = 0;
    allocator.reserve = (blocks, bytes) => ++calls !== 2 && reserve(blocks, bytes);
    expect(driver.run('RESTORE', 'b', '0', payload)).toMatch(/^-"OOM /);
    Reflect.deleteProperty(allocator, 'reserve');
    expect(driver.memory.usedBytes()).toBe(used);
    expect(driver.run('RESTORE', 'b', '0', payload)).toBe('+"OK"');
    expect(driver.run('STRLEN', 'b')).toBe(':500000');
  });
});
