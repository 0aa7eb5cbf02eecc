/**
 * COMMAND GETKEYS and GETKEYSANDFLAGS side by side with redis-server 7.0: for every command that
 * both know, lines of words that options, counts and keywords are made of, sound and odd ones, must
 * give the same keys, flags and errors. Counts that lie, keywords without a value, options twice.
 * Exceptions are named: ZRANK takes more than in 7.0; of SORT with a STORE that follows another
 * Redis shows a key that SORT does not use, and Kora the one that it does.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisServer } from '../../reference/redis-server.ts';
import { CommandDriver } from '../testing/command-driver.ts';
import { randomSource } from '../testing/random-source.ts';
import { notationOf } from '../testing/recorded-reply.ts';

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis.stop());

/** Lines of one command and seed. */
const LINES = 60;
const WORDS_MAX = 9;

/** What a key, a count or a keyword may be where a command looks for one. */
const WORDS = [
  'a', 'b', 'c', 'd', '0', '1', '2', '3', '-1', '1x', '99999999999', '', 'STORE', 'store',
  'STOREDIST', 'STREAMS', 'streams', 'COUNT', 'BLOCK', 'GROUP', 'BY', 'GET', 'LIMIT', 'NX', 'EX',
  'KEYS', 'AUTH', 'AUTH2', 'LEFT', 'MAXLEN', 'ASC', 'm', 'WITHDIST', 'SET', 'u8',
];

/** Commands whose keys stand behind a count or a keyword, and words of which they are made. */
const SOUND: readonly string[] = [
  'ZUNION 0 a', 'ZUNION 1 a', 'ZUNION 2 a b WEIGHTS 1 2', 'ZUNION 3 a b', 'ZUNION x a',
  'ZUNION -1 a', 'ZUNION 1 a WITHSCORES', 'ZUNIONSTORE d 0 a', 'ZUNIONSTORE d 2 a b',
  'ZUNIONSTORE d 3 a b', 'ZDIFF 1 a', 'ZDIFFSTORE d 1 a', 'ZINTERCARD 2 a b LIMIT 1',
  'SINTERCARD 0 a', 'SINTERCARD 2 a b', 'LMPOP 1 a LEFT', 'LMPOP 0 a LEFT', 'LMPOP 2 a LEFT',
  'LMPOP 3 a LEFT', 'BLMPOP 0 1 a LEFT', 'BLMPOP 0 0 a LEFT', 'BLMPOP 0 5 a LEFT',
  'ZMPOP 1 a MIN', 'BZMPOP 0 1 a MIN', 'BZMPOP 0 9 a MIN',
  'GEORADIUSBYMEMBER a m 1 km STORE', 'GEORADIUSBYMEMBER a m 1 km STORE b',
  'GEORADIUSBYMEMBER a m 1 km STORE b STORE c', 'GEORADIUSBYMEMBER a m 1 km STOREDIST b STORE c',
  'GEORADIUSBYMEMBER a m 1 km STORE STOREDIST b', 'GEORADIUSBYMEMBER a m 1 km STORE STORE',
  'GEORADIUSBYMEMBER a STORE 1 km STORE b', 'GEORADIUS a 1 2 3 km STORE',
  'GEORADIUS a 1 2 3 km STORE b STOREDIST c', 'GEORADIUS a STORE b 3 km', 'GEORADIUS_RO a 1 2 3 m',
  'SORT a STORE b', 'SORT a STORE', 'SORT a STORE b STORE c', 'SORT a BY STORE b',
  'SORT a GET STORE',
  'SORT a LIMIT 0 STORE b', 'SORT a BY x GET y STORE z', 'SORT_RO a BY x', 'SORT_RO a STORE b',
  'XREAD STREAMS a 0', 'XREAD STREAMS a b 0 0', 'XREAD STREAMS a b 0', 'XREAD COUNT 1 STREAMS a 0',
  'XREAD COUNT STREAMS a 0', 'XREAD STREAMS a', 'XREAD BLOCK 0 x 0', 'XREAD STREAMS STREAMS 0',
  'XREADGROUP GROUP g c STREAMS a >', 'XREADGROUP GROUP STREAMS c STREAMS a >',
  'XREADGROUP GROUP g c NOACK STREAMS a b > >', 'XREADGROUP GROUP g c STREAMS a b >',
  'XREADGROUP GROUP g c COUNT 1 x', 'MSET a 1 b', 'MSET a 1 b 2', 'MSETNX a 1 b', 'BITOP AND d',
  'BITOP AND d a b', 'PFMERGE d', 'PFCOUNT a b', 'BLPOP a b 0', 'BLPOP a', 'DEL a b c',
  'OBJECT ENCODING a', 'MEMORY USAGE a', 'XINFO STREAM a', 'XGROUP CREATE a g $', 'DEBUG OBJECT a',
  'SET a b GET', 'SET a b XX GET', 'SET a b EX GET', 'BITFIELD a GET u8 0', 'BITFIELD a SET u8 0 1',
  'BITFIELD a GET u8 0 INCRBY u8 0 1', 'BITFIELD a', 'BITFIELD a GET u8', 'BITFIELD a GET u8 0 x',
  'RENAME a b', 'COPY a b DB 1', 'LMOVE a b LEFT LEFT', 'SINTERSTORE d a b', 'SMOVE a b m',
  'GEOSEARCHSTORE d a FROMLONLAT 1 2 BYRADIUS 1 m', 'ZRANGESTORE d a 0 1', 'LCS a b', 'WATCH a b',
  'OBJECT FREQ', 'XINFO HELP', 'XGROUP HELP', 'MEMORY STATS', 'PFDEBUG GETREG a', 'PFSELFTEST',
  'RESTORE-ASKING a 0 b', 'GETEX a EX 1', 'HSET a f v', 'EXEC', 'MULTI', 'COMMAND GETKEYS GET a',
];

/** Words that make a line's keys differ, and why. */
function isException([name, ...words]: readonly string[]): boolean {
  if (/^z(rev)?rank$/.test(name ?? '')) return words.length > 2;
  return name === 'sort' && / store store /i.test(` ${words.join(' ')} `);
}

const FORMS = ['GETKEYS', 'GETKEYSANDFLAGS'];

async function expectSame(lines: readonly (readonly string[])[], where: string): Promise<void> {
  const driver = new CommandDriver();
  const asked = lines.flatMap((line) => FORMS.map((form) => ['COMMAND', form, ...line]));
  const wanted = (await redis.ask(asked)).map(notationOf);
  const differences = asked.flatMap((words, i) => {
    const got = driver.run(...words);
    const shown = words.slice(1).map((word) => (word === '' ? '""' : word)).join(' ');
    return got === wanted[i] ? [] : [`${where}${shown}: ${got}, not ${wanted[i]}`];
  });
  expect(differences).toEqual([]);
}

describe('keys of a command line', () => {
  it('are those that redis-server finds', () =>
    expectSame(SOUND.map((line) => line.split(' ')), ''));

  it.each([1, 2, 3])('are the same in lines of any words, seed %i', async (seed) => {
    const [known] = await redis.ask([['COMMAND', 'LIST']]);
    const names = known !== undefined && 'items' in known
      ? known.items.map((item) => ('text' in item ? item.text : '')) : [];
    const random = randomSource(seed);
    const driver = new CommandDriver();
    const lines = driver.registry.commands
      .filter(({ name, definition }) => names.includes(name) && definition.keys.length > 0)
      .flatMap(({ name }) => Array.from({ length: LINES }, () => [
        ...name.split('|'),
        ...Array.from({ length: random.below(WORDS_MAX) },
          () => WORDS[random.below(WORDS.length)] ?? ''),
      ]))
      .filter((line) => !isException(line));
    expect(lines.length).toBeGreaterThan(100 * LINES);
    await expectSame(lines, `seed ${seed}: `);
  });
});
