/**
 * ZUNION, ZINTER, ZDIFF, their STORE forms and ZINTERCARD side by side with a real redis-server
 * 7.0: the same random lines, many of them wrong in some way, must give the same replies: error
 * texts, the order of checks, sums of fractions and infinities, ties, destinations.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisServer } from '../../../reference/redis-server.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { splitCommandLine } from '../../testing/command-line.ts';
import { randomSource } from '../../testing/random-source.ts';
import { notationOf } from '../../testing/recorded-reply.ts';

const LINES_PER_SEED = 3000;
const ENTRIES_SETTING = 'zset-max-listpack-entries';
const KEYS = ['a', 'b', 'c', 's', 'integers', 'text', 'nokey'];
const SCORES = ['0', '-0', '1', '0.1', '0.2', '0.3', '-7', '1e308', '-1e308', 'inf', '-inf', '3'];
const WEIGHTS = [...SCORES, '2', '1e-300', '+5', 'x', 'nan', '""', '0x10', '1e400', ' 1'];
const MEMBERS = ['x', 'y', 'z', '1', '2', '10', '-3', '""', '"\\x00\\xff"', 'longer-member', '01'];
const COMMANDS = [
  'ZUNION', 'ZINTER', 'ZDIFF', 'ZINTERCARD', 'ZUNIONSTORE', 'ZINTERSTORE', 'ZDIFFSTORE',
];

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis.stop());

async function ask(lines: readonly string[]): Promise<string[]> {
  return (await redis.ask(lines.map(splitCommandLine))).map(notationOf);
}

function makeLines(seed: number): string[] {
  const random = randomSource(seed);
  const pick = (items: readonly string[]): string => items[random.below(items.length)] ?? '';
  const some = (most: number, items: readonly string[]): string[] =>
    Array.from({ length: random.below(most + 1) }, () => pick(items));

  function options(count: number): string {
    const makers = [
      () => ['WEIGHTS', ...Array.from({ length: count }, () => pick(WEIGHTS.slice(0, 16)))],
      () => ['weights', ...some(count + 1, WEIGHTS)],
      () => ['AGGREGATE', pick(['SUM', 'MIN', 'MAX', 'min', 'AVG'])],
      () => ['WITHSCORES'],
      () => ['LIMIT', pick(['0', '1', '2', '5', '-1', 'x', '99999999999999999999', '""'])],
      () => [pick(['FOO', 'WITHSCORE', 'AGGREGATE', 'WEIGHTS', 'LIMIT', '1', '""'])],
    ];
    const used = random.chance(0.6) ? makers.slice(0, 4) : makers;
    const times = random.below(3);
    return Array.from({ length: times }, () => (used[random.below(used.length)] ?? makers[0]!)())
      .flat().join(' ');
  }

  function algebra(): string {
    const name = pick(COMMANDS);
    const count = 1 + random.below(4);
    const keys = Array.from({ length: count }, () =>
      pick(random.chance(0.8) ? KEYS.filter((key) => key !== 'text') : KEYS));
    const wrong = ['0', '-1', 'x', '""', '99', String(count + 1), '9223372036854775808'];
    const stated = random.chance(0.9) ? String(count) : pick(wrong);
    const to = name.endsWith('STORE') ? `${pick(['a', 'd', 'd', 'text', 's'])} ` : '';
    return `${name} ${to}${stated} ${keys.join(' ')} ${options(count)}`.trim();
  }

  return Array.from({ length: LINES_PER_SEED }, () => {
    const draw = random.below(20);
    if (draw < 4) return `ZADD ${pick(['a', 'b', 'c'])} ${pick(SCORES)} ${pick(MEMBERS)}`;
    if (draw === 4) return `SADD s ${pick(MEMBERS)} ${pick(MEMBERS)}`;
    if (draw === 5) return `SADD integers ${random.below(12)} ${random.below(12)}`;
    if (draw === 6) return random.chance(0.3) ? `DEL ${pick(KEYS)}` : 'SET text v';
    if (draw < 10) return `ZRANGE ${pick(['a', 'd'])} 0 -1 WITHSCORES`;
    if (draw === 10) return `OBJECT ENCODING ${pick(['a', 'd'])}`;
    return algebra();
  });
}

describe('the algebra of sorted sets', () => {
  it('answers what redis-server answers', async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const lines = makeLines(seed);
      // Small in every second round, so that results are stored in both forms.
      const entriesMax = seed % 2 === 0 ? '3' : '128';
      await ask(['FLUSHALL', `CONFIG SET ${ENTRIES_SETTING} ${entriesMax}`]);
      const theirs = await ask(lines);
      const driver = new CommandDriver({ seed, settings: { [ENTRIES_SETTING]: entriesMax } });
      const differing = lines.map((line, i) => {
        const ours = driver.runLine(line);
        return ours === theirs[i] ? '' : `${i}: ${line}\n  ${ours}\n  ${theirs[i] ?? ''}`;
      });
      expect(theirs).toHaveLength(lines.length);
      expect(differing.filter((text) => text !== '').slice(0, 5), `seed ${seed}`).toEqual([]);
    }
  }, 60_000);
});
