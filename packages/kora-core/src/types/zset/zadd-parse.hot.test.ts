/**
 * The hand-written parser of ZADD against one written from Redis's description: random option
 * words, clashes, odd arguments and bad scores give the same options and scores, or the same error.
 */
import { describe, expect, it } from 'vitest';
import { CommandDriver } from '../../testing/command-driver.ts';
import { randomSource } from '../../testing/random-source.ts';
import { parseZadd, zaddArguments } from './zadd-parse.hot.ts';
import { ADD_GT, ADD_INCREMENT, ADD_LT, ADD_NX, ADD_XX } from './zset-layout.ts';

const BITS: Readonly<Record<string, number>> = {
  NX: ADD_NX, XX: ADD_XX, GT: ADD_GT, LT: ADD_LT, INCR: ADD_INCREMENT, CH: 0,
};
const WORDS = [
  'NX', 'xx', 'Gt', 'LT', 'ch', 'INCR', 'incr', 'N', 'NXX', 'GX', 'XT', 'INCB', '1', '2.5', '-inf',
  'nan', 'x', '', '1e3',
];

/** What the words say: options, first score and scores; or the text of the error. */
function parsedPlainly(words: readonly string[]): unknown {
  let at = 0;
  const options = new Set<string>();
  for (; BITS[words[at]?.toUpperCase() ?? ''] !== undefined; at++) {
    options.add(words[at]?.toUpperCase() ?? '');
  }
  const left = words.length - at;
  if (left === 0 || left % 2 === 1) return 'ERR syntax error';
  const has = (word: string): boolean => options.has(word);
  if (has('NX') && has('XX')) {
    return 'ERR XX and NX options at the same time are not compatible';
  }
  if ((has('NX') && (has('GT') || has('LT'))) || (has('GT') && has('LT'))) {
    return 'ERR GT, LT, and/or NX options at the same time are not compatible';
  }
  if (has('INCR') && left > 2) return 'ERR INCR option supports a single increment-element pair';
  const scores: number[] = [];
  for (let i = at; i < words.length; i += 2) {
    const word = words[i] ?? '';
    const score = word === '-inf' ? -Infinity : Number(word);
    if (word === '' || Number.isNaN(score)) return 'ERR value is not a valid float';
    scores.push(score);
  }
  let flags = 0;
  for (const option of options) flags |= BITS[option] ?? 0;
  return { flags, countsChanged: has('CH'), first: at + 2, scores };
}

describe('the parser of ZADD', () => {
  it('says what a plain one says', () => {
    const driver = new CommandDriver();
    const { frame, memory } = driver;
    const block = memory.lowAllocator.alloc(4096) * 8;
    for (const seed of [1, 2, 3]) {
      const random = randomSource(seed);
      for (let round = 0; round < 4000; round++) {
        const words = Array.from({ length: 1 + random.below(7) }, () =>
          WORDS[random.below(WORDS.length)] ?? '');
        const all = ['ZADD', 'key', ...words];
        const at = new Int32Array(all.length);
        let next = block;
        all.forEach((word, i) => {
          at[i] = next;
          memory.low.set(Buffer.from(word), next);
          next += word.length;
        });
        frame.bind(at, Int32Array.from(all, (word) => word.length), all.length);
        const error = parseZadd(frame);
        const { flags, countsChanged, first, pairs, scores } = zaddArguments;
        const got = error !== null
          ? error.text
          : { flags, countsChanged, first, scores: [...scores.values.slice(0, pairs)] };
        expect(got, `seed ${seed}: ${all.join(' ')}`).toEqual(parsedPlainly(words));
      }
    }
  });

  it('keeps no long column', () => {
    const driver = new CommandDriver();
    const long = Array.from({ length: 20_000 }, (_, i) => [String(i), `m${i}`]).flat();
    expect(driver.run('ZADD', 'z', ...long)).toBe(':20000');
    expect(zaddArguments.scores.values.length).toBeGreaterThanOrEqual(20_000);
    driver.run('ZADD', 'z', '1', 'a');
    expect(zaddArguments.scores.values.length).toBeLessThan(1000);
  });
});
