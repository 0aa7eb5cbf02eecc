/**
 * Keys by prefix against the plain way: every prefix of every subscriber is compared with every
 * key. Subscribers come and go between changes.
 */
import { describe, expect, it } from 'vitest';
import { BROADCAST_KEY_COUNT_MAX } from '../limits.ts';
import { SeededChance } from '../platform/platform.ts';
import { PrefixTable } from './prefix-table.ts';

const PREFIXES = ['', 'a', 'ab', 'user:', 'user:1', '\xff', 'b'];
const KEYS = ['a', 'ab', 'abc', 'user:1', 'user:2', 'user:17', '\xff\x00', 'zzz', ''];

function heardOf(table: PrefixTable<number>): string[] {
  const heard: string[] = [];
  table.tell(({ prefix, subscribers, writerOfKey }, keys) => {
    for (const key of keys) {
      for (const one of subscribers) {
        heard.push(`${one} ${prefix}|${key} by ${writerOfKey.get(key) ?? -1}`);
      }
    }
  });
  return heard;
}

describe('the table of prefixes', () => {
  it('tells every subscriber of the keys that begin so, once, with who changed them last', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const chance = new SeededChance(seed);
      const below = (bound: number): number => (chance.next32() >>> 0) % bound;
      const table = new PrefixTable<number>();
      const wanted = new Set<string>();
      let changes = new Map<string, number>();
      for (let step = 0; step < 400; step++) {
        const prefix = PREFIXES[below(PREFIXES.length)] ?? '';
        const subscriber = below(3);
        const kind = below(10);
        if (kind === 0) {
          table.add(prefix, subscriber);
          // Only what changes from now on is told to who comes first.
          if (changes.size === 0) wanted.add(`${subscriber} ${prefix}`);
          else table.remove(prefix, wanted.has(`${subscriber} ${prefix}`) ? -1 : subscriber);
        } else if (kind === 1) {
          table.remove(prefix, subscriber);
          wanted.delete(`${subscriber} ${prefix}`);
        } else if (kind < 8) {
          const key = KEYS[below(KEYS.length)] ?? '';
          changes.set(key, step);
          table.note(key, step);
        } else {
          const expected: string[] = [];
          for (const each of wanted) {
            const [one = '', wantedPrefix = ''] = each.split(/ (.*)/s);
            for (const [key, writer] of changes) {
              if (!key.startsWith(wantedPrefix)) continue;
              expected.push(`${one} ${wantedPrefix}|${key} by ${writer}`);
            }
          }
          expect(heardOf(table).sort(), `seed ${seed}, step ${step}`).toEqual(expected.sort());
          changes = new Map();
          expect(table.hasKeys).toBe(false);
        }
      }
    }
  });

  it('tells some earlier, each change once, and leaves all for the others', () => {
    const table = new PrefixTable<number>();
    for (const prefix of ['a', '']) table.add(prefix, 1);
    const early = (): string[] => {
      const told: string[] = [];
      table.tellEarly(({ prefix }, keys) => told.push(...keys.map((key) => `${prefix}|${key}`)));
      return told;
    };
    expect(early()).toEqual([]);
    for (const key of ['b', 'a2', 'a1']) table.note(key, 0);
    expect(early()).toEqual(['|a1', '|a2', '|b', 'a|a1', 'a|a2']);
    expect(early()).toEqual([]);
    table.note('a1', 2);
    expect(early()).toEqual(['|a1', 'a|a1']);
    table.note('a2', 3);
    table.remove('a', 1);
    expect(heardOf(table)).toEqual(['1 |a1 by 2', '1 |a2 by 3', '1 |b by 0']);
    expect(early()).toEqual([]);
    table.note('c', 0);
    expect(early()).toEqual(['|c']);
  });

  it('is full after a bounded number of keys, and empty when they were told', () => {
    const table = new PrefixTable<number>();
    table.add('', 1);
    for (let i = 0; !table.isFull; i++) table.note(`key:${i}`, 0);
    expect(heardOf(table).length).toBe(BROADCAST_KEY_COUNT_MAX);
    expect(table.isFull).toBe(false);
  });

  it('tells prefixes and keys in the order of their bytes', () => {
    const table = new PrefixTable<number>();
    for (const prefix of ['b', '', 'a']) table.add(prefix, 1);
    for (const key of ['b2', 'a\xff', 'a1', 'b1']) table.note(key, 0);
    expect(heardOf(table).map((line) => line.split(' ')[1])).toEqual([
      '|a1', '|a\xff', '|b1', '|b2', 'a|a1', 'a|a\xff', 'b|b1', 'b|b2',
    ]);
  });
});
