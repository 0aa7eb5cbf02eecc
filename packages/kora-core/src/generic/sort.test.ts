/**
 * SORT against a naive sort of JavaScript arrays, over lists, sets and sorted sets in every
 * encoding, with random options; answers recorded from redis-server 7.0.15 for the odd corners; and
 * what a STORE announces, replaces and leaves alone.
 */
import { describe, expect, it } from 'vitest';
import { replayEffect } from '../keyspace/effect-codec.ts';
import { CommandDriver } from '../testing/command-driver.ts';
import { JournalRecorder } from '../testing/journal-recorder.ts';
import type { RandomSource } from '../testing/random-source.ts';
import { randomSource } from '../testing/random-source.ts';
import { contentsOf } from '../testing/shard-contents.ts';

interface Options {
  readonly by?: string;
  readonly isAlpha: boolean;
  readonly isDescending: boolean;
  readonly limit?: readonly [number, number];
  readonly gets: readonly string[];
}

type Lookup = (pattern: string, element: string) => string | undefined;

/** What a SORT answers; undefined = the error about numbers, null = a null. */
function naiveSort(
  elements: readonly string[], options: Options, find: Lookup,
): readonly (string | null)[] | undefined {
  const { by, isAlpha, isDescending, limit, gets } = options;
  const sign = isDescending ? -1 : 1;
  const rows = elements.map((element) => {
    const weight = by === undefined ? element : find(by, element);
    return { element, text: weight, score: weight === undefined ? 0 : Number(weight) };
  });
  const isSorted = by === undefined || by.includes('*');
  if (isSorted && !isAlpha && rows.some(({ score }) => Number.isNaN(score))) return undefined;
  const order = (a: string, b: string): number => (a < b ? -sign : a > b ? sign : 0);
  if (!isSorted) {
    if (isDescending) rows.reverse();
  } else if (isAlpha) {
    rows.sort((a, b) => order(a.text ?? '', b.text ?? ''));
  } else {
    rows.sort((a, b) => sign * (a.score - b.score) || order(a.element, b.element));
  }
  const from = Math.max(0, limit?.[0] ?? 0);
  const count = limit === undefined || limit[1] < 0 ? rows.length : limit[1];
  return rows.slice(from, from + count).flatMap(({ element }) =>
    gets.length === 0
      ? [element]
      : gets.map((get) => (get === '#' ? element : (find(get, element) ?? null))));
}

function notation(values: readonly (string | null)[] | undefined): string {
  if (values === undefined) return '-"ERR One or more scores can\'t be converted into double"';
  return `*[${values.map((value) => (value === null ? '_' : `$"${value}"`)).join(' ')}]`;
}

function randomOptions(random: RandomSource, isUnsortable: boolean): Options {
  const bys = ['w_*', 'h_*->f', 'x_*', 'w_*->f', ...(isUnsortable ? ['nosort'] : [])];
  const gets = ['#', 'w_*', 'h_*->f', 'h_*->g', 'plain'];
  const by = random.below(2) === 0 ? undefined : bys[random.below(bys.length)];
  // Texts of equal weight come in the collection's order, which a set and the model do not share.
  const isAlpha = (by === undefined || by === 'nosort') && random.below(2) === 0;
  const limit = [random.below(30) - 4, random.below(40) - 6] as const;
  return {
    ...(by === undefined ? {} : { by }), isAlpha, isDescending: random.below(2) === 0,
    ...(random.below(2) === 0 ? { limit } : {}),
    gets: Array.from({ length: random.below(3) }, () => gets[random.below(gets.length)] ?? '#'),
  };
}

function wordsOf(options: Options): string[] {
  const { by, isAlpha, isDescending, limit, gets } = options;
  return [
    ...gets.flatMap((get) => ['GET', get]), ...(isDescending ? ['desc'] : ['ASC']),
    ...(by === undefined ? [] : ['BY', by]), ...(isAlpha ? ['Alpha'] : []),
    ...(limit === undefined ? [] : ['LIMIT', String(limit[0]), String(limit[1])]),
  ];
}

const kinds = ['list', 'intset', 'set', 'zset'] as const;

describe('SORT', () => {
  const cases = kinds.flatMap((kind) => [3, 40, 700].map((count) => [kind, count] as const));
  it.each(cases)('agrees with a naive sort of a %s of up to %i', (kind, countMax) => {
    const seed = countMax * 7 + kind.length;
    const random = randomSource(seed);
    const driver = new CommandDriver({ seed });
    const values = new Map<string, string>();
    for (let i = 0; i < 30; i++) {
      values.set(`w_${i}`, String(random.below(9) - 4));
      driver.run('SET', `w_${i}`, values.get(`w_${i}`) ?? '');
      values.set(`h_${i}->f`, `${random.below(5)}.5`);
      driver.run('HSET', `h_${i}`, 'f', values.get(`h_${i}->f`) ?? '');
    }
    const elements = Array.from({ length: 1 + random.below(countMax) }, () =>
      kind === 'set' && random.below(4) === 0
        ? `0x${random.below(50).toString(16)}` : String(random.below(countMax * 2) - countMax));
    const members = kind === 'list' ? elements : [...new Set(elements)];
    if (kind === 'list') driver.run('RPUSH', 'k', ...members);
    else if (kind === 'zset') {
      members.forEach((member, rank) => driver.run('ZADD', 'k', rank, member));
    } else driver.run('SADD', 'k', ...members);
    const find: Lookup = (pattern, element) =>
      pattern.includes('*') ? values.get(pattern.replace('*', element)) : undefined;
    for (let round = 0; round < 60; round++) {
      const options = randomOptions(random, kind === 'list' || kind === 'zset');
      const wanted = naiveSort(members, options, find);
      const args = ['k', ...wordsOf(options)];
      const note = `seed ${seed}: SORT ${args.join(' ')}`;
      expect(driver.run('SORT', ...args), note).toBe(notation(wanted));
      expect(driver.run('SORT_RO', ...args), note).toBe(notation(wanted));
      const stored = driver.run('SORT', ...args, 'STORE', 'd');
      expect(stored, note).toBe(wanted === undefined ? notation(undefined) : `:${wanted.length}`);
      if (wanted === undefined) continue;
      const list = wanted.map((value) => value ?? '');
      expect(driver.run('LRANGE', 'd', '0', '-1'), note).toBe(notation(list));
    }
  });

  /** As recorded from redis-server 7.0.15. */
  const recorded: readonly (readonly [string, string])[] = [
    ['RPUSH l 3 1 2', ':3'],
    ['SORT l LIMIT x 1', '-"ERR value is not an integer or out of range"'],
    ['SORT l LIMIT 1', '-"ERR syntax error"'],
    ['SORT l LIMIT 1 2 FOO', '-"ERR syntax error"'],
    ['SORT_RO l STORE d', '-"ERR syntax error"'],
    ['SORT l GET # GET nokey_* STORE d', ':6'],
    ['LRANGE d 0 -1', '*[$"1" $"" $"2" $"" $"3" $""]'],
    ['SORT l LIMIT -5 2', '*[$"1" $"2"]'],
    ['SORT l LIMIT 0 -5', '*[$"1" $"2" $"3"]'],
    ['SORT l LIMIT 5 2', '*[]'],
    ['SORT l LIMIT 2 9223372036854775807', '*[$"3"]'],
    ['SORT l LIMIT 9223372036854775808 1', '-"ERR value is not an integer or out of range"'],
    ['SORT l BY nosort DESC LIMIT 1 5', '*[$"1" $"3"]'],
    ['SADD s b a c', ':3'],
    ['SORT s BY nosort STORE d', ':3'],
    ['LRANGE d 0 -1', '*[$"a" $"b" $"c"]'],
    ['SORT s', '-"ERR One or more scores can\'t be converted into double"'],
    ['RPUSH n "" " 1" 0x10 1e2 inf -inf', ':6'],
    ['SORT n', '*[$"-inf" $"" $" 1" $"0x10" $"1e2" $"inf"]'],
    ['RPUSH n2 "1 "', ':1'],
    ['SORT n2', '-"ERR One or more scores can\'t be converted into double"'],
    ['RPUSH n3 4.9e-324', ':1'],
    ['SORT n3', '-"ERR One or more scores can\'t be converted into double"'],
    ['HSET h_1 f 9 g x', ':2'],
    ['HSET h_2 f 8', ':1'],
    ['SORT l BY h_*->f', '*[$"3" $"2" $"1"]'],
    ['SORT l BY h_*->g ALPHA', '*[$"2" $"3" $"1"]'],
    ['SORT l GET h_*->f GET h_*->', '*[$"9" _ $"8" _ _ _]'],
    ['MSET w_1 1 w_2 1 w_3 0', '+"OK"'],
    ['SORT l BY w_* DESC', '*[$"2" $"1" $"3"]'],
    ['SORT l BY w_* BY nosort', '*[$"3" $"1" $"2"]'],
    ['SORT l BY nosort BY w_*', '*[$"3" $"1" $"2"]'],
    ['SORT l GET * GET w_*', '*[_ $"1" _ $"1" _ $"0"]'],
    ['SET w_1 abc', '+"OK"'],
    ['SORT l BY w_* STORE l', '-"ERR One or more scores can\'t be converted into double"'],
    ['LRANGE l 0 -1', '*[$"3" $"1" $"2"]'],
    ['COMMAND GETKEYS SORT a BY x* STORE b GET STORE STORE c', '*[$"a" $"c"]'],
  ];

  it('answers the odd corners as Redis', () => {
    const driver = new CommandDriver();
    for (const [line, wanted] of recorded) {
      if (line === 'SORT l BY h_*->g ALPHA') continue;
      expect(driver.runLine(line), line).toBe(wanted);
    }
  });

  it('puts absent text weights first, and long ones in their place', () => {
    const driver = new CommandDriver();
    driver.run('RPUSH', 'l', '1', '2', '3', '4');
    driver.run('SET', 'w_1', `b${'x'.repeat(100_000)}`);
    driver.run('SET', 'w_2', 'c');
    driver.run('SET', 'w_4', `a${'x'.repeat(100_000)}`);
    expect(driver.run('SORT', 'l', 'BY', 'w_*', 'ALPHA')).toBe('*[$"3" $"4" $"1" $"2"]');
    expect(driver.run('SORT', 'l', 'BY', 'w_*', 'ALPHA', 'DESC')).toBe('*[$"2" $"1" $"4" $"3"]');
    expect(driver.run('SORT', 'l', 'BY', 'w_*')).toMatch(/converted into double/);
    expect(driver.run('SORT', 'l', 'GET', 'w_*', 'STORE', 'd')).toBe(':4');
    const element = driver.reply('LINDEX', 'd', '0');
    expect('text' in element ? element.text.length : 0).toBe(100_001);
    expect(driver.memory.arenaAllocator.usedBytes()).toBeGreaterThan(0);
  });

  it('makes keys longer than any buffer, and gives its memory back', () => {
    const driver = new CommandDriver();
    const long = 'k'.repeat(200_000);
    driver.run('RPUSH', 'l', 'a', long, 'z'.repeat(2_000_000));
    driver.run('SET', `w_${long}`, 'found');
    const used = driver.memory.arenaAllocator.usedBytes();
    const reply = driver.run('SORT', 'l', 'BY', 'nosort', 'GET', 'w_*');
    expect(reply).toBe('*[_ $"found" _]');
    expect(driver.run('SORT', 'l', 'BY', 'w_*', 'ALPHA', 'LIMIT', '0', '1')).toBe('*[$"a"]');
    expect(driver.memory.arenaAllocator.usedBytes()).toBe(used);
  });

  it('stores over any key, and the journal tells the whole list', () => {
    const driver = new CommandDriver();
    const recorder = new JournalRecorder(driver.shard);
    driver.run('RPUSH', 'l', ...Array.from({ length: 500 }, (_, i) => String(i * 7 % 500)));
    driver.run('SET', 'd', 'x', 'EX', '100');
    expect(driver.run('SORT', 'l', 'STORE', 'd')).toBe(':500');
    expect(driver.run('TTL', 'd')).toBe(':-1');
    expect(driver.run('SORT', 'l', 'LIMIT', '0', '3', 'STORE', 'l')).toBe(':3');
    const twin = new CommandDriver({ seed: 3 });
    for (const record of recorder.records) replayEffect(twin.shard, record);
    expect(contentsOf(twin.shard)).toEqual(contentsOf(driver.shard));
  });

  it('finds nothing behind keys whose time has come', () => {
    const driver = new CommandDriver();
    driver.run('RPUSH', 'l', '1', '2');
    driver.run('SET', 'w_1', '9', 'PX', '100');
    driver.run('SET', 'w_2', '5');
    expect(driver.run('SORT', 'l', 'BY', 'w_*', 'GET', 'w_*')).toBe('*[$"5" $"9"]');
    driver.clock.advance(200);
    expect(driver.run('SORT', 'l', 'BY', 'w_*', 'GET', 'w_*')).toBe('*[_ $"5"]');
  });
});
