/**
 * Hashes as payloads: the bytes that redis-server writes, the older forms that it reads, deadlines
 * of fields in Valkey's form. What is no hash is refused: empty, a field twice, half a pair, a bad
 * deadline, and damaged bytes of every kind, of which none may leak or leave anything behind.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { verify } from '../../assert.ts';
import { DUMP_FOOTER_BYTES, writeDumpFooter } from '../../bytes/rdb-string.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { randomSource } from '../../testing/random-source.ts';

/** DEBUG RELOAD checks every value and saves and loads it. */
const settings = { 'enable-debug-command': 'yes' };
const BAD_FORMAT = '-"ERR Bad data format"';

beforeEach(() => {
  verify.enabled = true;
});
afterEach(() => {
  verify.enabled = false;
});

/** A payload with the right footer around a body. */
function payloadOf(body: readonly number[]): Uint8Array {
  const payload = new Uint8Array(body.length + DUMP_FOOTER_BYTES);
  payload.set(body);
  writeDumpFooter(payload, 0, body.length);
  return payload;
}

function text(value: string): number[] {
  return [value.length, ...Array.from(value, (character) => character.charCodeAt(0))];
}

/** A listpack of short texts as an RDB string. */
function listpack(...elements: readonly string[]): number[] {
  const entries = elements.flatMap((element) => {
    const [bytes = 0, ...rest] = text(element);
    return [0x80 | bytes, ...rest, bytes + 1];
  });
  const total = 6 + entries.length + 1;
  return [total, total, 0, 0, 0, elements.length, 0, ...entries, 0xff];
}

/** A ziplist of short texts as an RDB string. */
function ziplist(...elements: readonly string[]): number[] {
  let before = 0;
  let last = 10;
  let at = 10;
  const entries = elements.flatMap((element) => {
    const entry = [before, ...text(element)];
    last = at;
    before = entry.length;
    at += entry.length;
    return entry;
  });
  const total = at + 1;
  return [total, total, 0, 0, 0, last, 0, 0, 0, elements.length, 0, ...entries, 0xff];
}

function zipmap(...pairs: readonly string[]): number[] {
  const entries = pairs.flatMap((each, i) => {
    const [bytes = 0, ...rest] = text(each);
    return i % 2 === 0 ? [bytes, ...rest] : [bytes, 0, ...rest];
  });
  return [entries.length + 2, pairs.length / 2, ...entries, 0xff];
}

const deadline = [0x15, 0xcd, 0x5b, 0x07, 0x80, 0x1e, 0, 0];
const none = [255, 255, 255, 255, 255, 255, 255, 255];

const forms: readonly (readonly [string, readonly number[]])[] = [
  ['pairs', [4, 2, ...text('a'), ...text('1'), ...text('b'), ...text('2')]],
  ['a zipmap', [9, ...zipmap('a', '1', 'b', '2')]],
  ['a ziplist', [13, ...ziplist('a', '1', 'b', '2')]],
  ['a listpack', [16, ...listpack('a', '1', 'b', '2')]],
  ['pairs with deadlines',
    [22, 2, ...text('a'), ...text('1'), ...none, ...text('b'), ...text('2'), ...deadline]],
];

describe('payloads of hashes', () => {
  it.each(forms)('are read from %s', (_, body) => {
    const driver = new CommandDriver({ settings });
    expect(driver.run('RESTORE', 'h', '0', payloadOf(body))).toBe('+"OK"');
    expect(driver.run('HMGET', 'h', 'a', 'b', 'c')).toBe('*[$"1" $"2" _]');
    expect(driver.run('HLEN', 'h')).toBe(':2');
    expect(driver.run('OBJECT', 'ENCODING', 'h')).toBe('$"listpack"');
    expect(driver.run('DEBUG', 'RELOAD')).toBe('+"OK"');
  });

  it('carry deadlines of fields', () => {
    const driver = new CommandDriver();
    driver.run('RESTORE', 'h', '0', payloadOf(forms[4]?.[1] ?? []));
    const ms = 0x1e80 * 2 ** 32 + 0x075bcd15;
    expect(driver.run('HPEXPIRETIME', 'h', 'FIELDS', '2', 'a', 'b')).toBe(`*[:-1 :${ms}]`);
    const reply = driver.reply('DUMP', 'h');
    const dumped = 'text' in reply ? reply.text : '';
    expect(driver.run('RESTORE', 'again', '0', dumped)).toBe('+"OK"');
    expect(driver.run('HPEXPIRETIME', 'again', 'FIELDS', '2', 'a', 'b')).toBe(`*[:-1 :${ms}]`);
  });

  it('take the encoding that the settings of the reader ask for', () => {
    const writer = new CommandDriver();
    for (let i = 0; i < 20; i++) writer.run('HSET', 'h', `f${i}`, `v${i}`);
    const reply = writer.reply('DUMP', 'h');
    const dumped = 'text' in reply ? reply.text : '';
    const reader = new CommandDriver({ settings: { 'hash-max-listpack-entries': '10' } });
    reader.run('RESTORE', 'h', '0', dumped);
    expect(reader.run('OBJECT', 'ENCODING', 'h')).toBe('$"hashtable"');
  });

  it('are refused when they are no hash', () => {
    const a1 = [...text('a'), ...text('1')];
    const bodies: readonly (readonly number[])[] = [
      [4, 0], [16, ...listpack()], [13, ...ziplist()], [9, ...zipmap()], [22, 0],
      [4, 2, ...a1, ...a1], [16, ...listpack('a', '1', 'a', '2')], [16, ...listpack('a')],
      [13, ...ziplist('a', '1', 'b')], [9, ...zipmap('a', '1', 'a', '1')],
      [22, 1, ...a1, 254, ...none.slice(1)], [22, 1, ...a1, ...none.slice(1)],
      [22, 1, ...a1, 0, 0, 0, 0, 0, 0, 0x40, 0], [4, 0x80, 0xff, 0xff, 0xff, 0xff, ...a1],
    ];
    const driver = new CommandDriver();
    driver.run('RESTORE', 'h', '0', payloadOf(forms[0]?.[1] ?? []));
    driver.run('DEL', 'h');
    const used = driver.memory.usedBytes();
    for (const body of bodies) {
      expect(driver.run('RESTORE', 'h', '0', payloadOf(body)), body.join()).toBe(BAD_FORMAT);
    }
    expect(driver.memory.usedBytes()).toBe(used);
    expect(driver.run('DBSIZE')).toBe(':0');
  });

  it.each([1, 2, 3])('do no harm when they are damaged, seed %i', (seed) => {
    const random = randomSource(seed);
    const driver = new CommandDriver({ settings });
    const long = Array.from({ length: 90 }, (_, i) => [...text(`f${i}`), ...text(`v${i}`)]).flat();
    const bodies = [...forms.map(([, body]) => body), [4, 0x40, 90, ...long]];
    driver.run('SET', 'h', 'x');
    driver.run('DEL', 'h');
    for (let i = 0; i < 600; i++) {
      const body = [...(bodies[random.below(bodies.length)] ?? [])];
      for (let changes = 1 + random.below(3); changes > 0; changes--) {
        const at = 1 + random.below(body.length - 1);
        if (random.chance(0.2)) body.splice(at, 1 + random.below(3));
        else body[at] = random.below(256);
      }
      const reply = driver.run('RESTORE', 'h', '0', payloadOf(body), 'REPLACE');
      if (reply === '+"OK"') driver.run('DEBUG', 'RELOAD');
      expect(['+"OK"', BAD_FORMAT], `seed ${seed}: ${body.join()}`).toContain(reply);
    }
    driver.run('FLUSHALL');
    driver.settle();
    expect(driver.errors).toEqual([]);
    const fresh = new CommandDriver();
    fresh.run('SET', 'h', 'x');
    fresh.run('FLUSHALL');
    const leaked = driver.memory.arenaAllocator.usedBytes()
      - fresh.memory.arenaAllocator.usedBytes();
    expect(leaked, `seed ${seed}`).toBe(0);
  });
});
