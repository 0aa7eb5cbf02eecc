/**
 * Streams as payloads: what redis-server 7.0 writes, the older form of Redis 5 and the newer one of
 * 7.2. What is no stream is refused: unsorted, miscounted, a consumer twice, an entry pending for
 * nobody, and damaged bytes of every kind, of which none may leak or leave anything behind.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { verify } from '../../assert.ts';
import { DUMP_FOOTER_BYTES, writeDumpFooter } from '../../bytes/rdb-string.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { randomSource } from '../../testing/random-source.ts';

beforeEach(() => {
  verify.enabled = true;
});
afterEach(() => {
  verify.enabled = false;
});

const OK = '+"OK"';
const BAD_FORMAT = '-"ERR Bad data format"';

function payloadOf(body: readonly number[]): Uint8Array {
  const payload = new Uint8Array(body.length + DUMP_FOOTER_BYTES);
  payload.set(body);
  writeDumpFooter(payload, 0, body.length);
  return payload;
}

/** 16 bytes of an ID of small numbers. */
function key(ms: number, sequence: number): number[] {
  return [0, 0, 0, 0, 0, 0, 0, ms, 0, 0, 0, 0, 0, 0, 0, sequence];
}

/** A listpack of small integers and short texts as an RDB string. */
function listpack(...elements: readonly (number | string)[]): number[] {
  const entries = elements.flatMap((element) => {
    if (typeof element === 'number') return [element, 1];
    const letters = Array.from(element, (letter) => letter.charCodeAt(0));
    return [0x80 | letters.length, ...letters, letters.length + 1];
  });
  const total = 6 + entries.length + 1;
  return [total, total, 0, 0, 0, elements.length, 0, ...entries, 0xff];
}

const time = [1, 0, 0, 0, 0, 0, 0, 0];
/** Entries 5-1 {a: x}, 5-2 {b: y} and the dead 6-0 under the ID 5-1. */
const block = [16, ...key(5, 1), ...listpack(
  2, 1, 1, 'a', 0, 2, 0, 0, 'x', 4, 0, 0, 1, 1, 'b', 'y', 6, 3, 1, 0, 'z', 4,
)];
const pending = [1, ...key(5, 1), ...time, 3];
const consumer = [3, 97, 100, 97, ...time];
const counters = [5, 1, 6, 0, 3];
const entries = '*[*[$"5-1" *[$"a" $"x"]] *[$"5-2" *[$"b" $"y"]]]';

function load(body: readonly number[]): CommandDriver {
  const driver = new CommandDriver();
  expect(driver.run('RESTORE', 's', '0', payloadOf(body))).toBe(OK);
  expect(driver.run('XRANGE', 's', '-', '+')).toBe(entries);
  return driver;
}

describe('payloads of streams', () => {
  it('are read in the form of Redis 5', () => {
    const driver = load([
      15, 1, ...block, 2, 7, 7, 1, 1, 103, 5, 1, ...pending, 1, ...consumer, 1, ...key(5, 1),
    ]);
    expect(driver.run('XPENDING', 's', 'g')).toBe('*[:1 $"5-1" $"5-1" *[*[$"ada" $"1"]]]');
    expect(driver.run('XADD', 's', '7-7', 'a', 'b')).toContain('equal or smaller');
    expect(driver.run('XINFO', 'GROUPS', 's')).toContain('$"entries-read" :1 $"lag" :1');
  });

  it('are read in the form of Redis 7.0', () => {
    const driver = load([
      19, 1, ...block, 2, 7, 7, ...counters, 1, 1, 103, 5, 1, 1, ...pending, 1, ...consumer, 1,
      ...key(5, 1),
    ]);
    expect(driver.run('XINFO', 'STREAM', 's')).toContain(
      '$"last-generated-id" $"7-7" $"max-deleted-entry-id" $"6-0" $"entries-added" :3',
    );
    expect(driver.run('XPENDING', 's', 'g', '-', '+', '9')).toContain(':3]');
  });

  it('are read in the form of Redis 7.2', () => {
    const driver = load([
      21, 1, ...block, 2, 7, 7, ...counters, 1, 1, 103, 5, 1, 1, ...pending, 1, ...consumer,
      ...time, 1, ...key(5, 1),
    ]);
    expect(driver.run('XPENDING', 's', 'g')).toBe('*[:1 $"5-1" $"5-1" *[*[$"ada" $"1"]]]');
  });

  const head = [19, 1, ...block, 2, 7, 7, ...counters];
  it.each([
    ['a wrong length', [19, 1, ...block, 3, 7, 7, ...counters, 0]],
    ['a last ID before the last entry', [19, 1, ...block, 2, 5, 1, ...counters, 0]],
    ['blocks in the wrong order', [19, 2, ...block, ...block, 4, 7, 7, ...counters, 0]],
    ['an ID of 15 bytes', [19, 1, 15, ...block.slice(2), 2, 7, 7, ...counters, 0]],
    ['a group twice', [...head, 2, 1, 103, 5, 1, 1, 0, 0, 1, 103, 5, 1, 1, 0, 0]],
    ['a consumer twice', [
      ...head, 1, 1, 103, 5, 1, 1, 0, 2, ...consumer, 0, ...consumer, 0,
    ]],
    ['a pending entry without a consumer', [...head, 1, 1, 103, 5, 1, 1, ...pending, 0]],
    ['a consumer of what is not pending', [
      ...head, 1, 1, 103, 5, 1, 1, 0, 1, ...consumer, 1, ...key(5, 1),
    ]],
    ['an entry pending for two', [
      ...head, 1, 1, 103, 5, 1, 1, ...pending, 2, ...consumer, 1, ...key(5, 1), 3, 98, 98, 98,
      ...time, 1, ...key(5, 1),
    ]],
    ['more after the end', [...head, 0, 0]],
    ['a miscounted block', [19, 1, 16, ...key(5, 1),
      ...listpack(2, 0, 1, 'a', 0, 2, 0, 0, 'x', 4), 1, 7, 7, ...counters, 0]],
    ['an entry with a wrong number of elements', [19, 1, 16, ...key(5, 1),
      ...listpack(1, 0, 1, 'a', 0, 2, 0, 0, 'x', 5), 1, 7, 7, ...counters, 0]],
  ])('are refused with %s', (_, body) => {
    const driver = new CommandDriver();
    driver.run('SET', 'warm', '1');
    const used = driver.memory.usedBytes();
    expect(driver.run('RESTORE', 's', '0', payloadOf(body))).toBe(BAD_FORMAT);
    expect(driver.run('EXISTS', 's')).toBe(':0');
    expect(driver.memory.usedBytes()).toBe(used);
  });

  it('are refused or sound when they are damaged', () => {
    const seed = 7;
    const random = randomSource(seed);
    const whole = [
      ...head, 1, 1, 103, 5, 1, 1, ...pending, 1, ...consumer, 1, ...key(5, 1),
    ];
    const driver = new CommandDriver();
    driver.run('SET', 'warm', '1');
    const used = driver.memory.usedBytes();
    for (let i = 0; i < 3000; i++) {
      const body = [...whole];
      const damages = 1 + random.below(3);
      for (let k = 0; k < damages; k++) body[1 + random.below(body.length - 1)] = random.below(256);
      if (random.chance(0.2)) body.length = 1 + random.below(body.length);
      const reply = driver.run('RESTORE', 's', '0', payloadOf(body));
      expect([OK, BAD_FORMAT], `seed ${seed}, ${i}: ${reply}`).toContain(reply);
      expect(driver.errors).toEqual([]);
      if (reply === OK) {
        driver.run('XINFO', 'STREAM', 's', 'FULL');
        driver.run('DEL', 's');
      }
      expect(driver.memory.usedBytes(), `seed ${seed}, ${i}`).toBe(used);
    }
  });
});
