/**
 * Finding keys among arguments, with the specifications recorded from redis-server 7.0.15 and the
 * answers that its COMMAND GETKEYS gives for the same lines; then malformed lines, which are
 * refused and never read beyond the arguments.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SeededChance } from '../platform/platform.ts';
import type { RecordedSpec } from '../testing/recorded-key-spec.ts';
import { specFromRecorded } from '../testing/recorded-key-spec.ts';
import type { KeySpec } from './key-spec.ts';
import { findKeys, keysAt, keysCounted } from './key-spec.ts';

const file = new URL('../../../../tools/conformance/reference/command-info.json', import.meta.url);
// The recording has this shape: recorded-facts.ts writes it.
const recorded = JSON.parse(readFileSync(file, 'utf8')) as Record<
  string, { readonly keySpecs: readonly RecordedSpec[] }
>;

function specsOf(words: readonly string[]): KeySpec[] {
  const name = words[0]?.toLowerCase() ?? '';
  const family = `${name}|${words[1]?.toLowerCase() ?? ''}`;
  return (recorded[family] ?? recorded[name])?.keySpecs.map(specFromRecorded) ?? [];
}

/** The keys of a command line, or undefined when it is malformed. */
function keysOf(specs: readonly KeySpec[], words: readonly string[]): string[] | undefined {
  const indices: number[] = [];
  const text = (index: number): string => {
    const word = words[index];
    if (word === undefined) throw new RangeError(`argument ${index} of ${words.length}`);
    return word;
  };
  if (findKeys(specs, words.length, text, indices) < 0) return undefined;
  return indices.map((index) => text(index));
}

/** Lines and what COMMAND GETKEYS of the reference answers. */
const ANSWERS: readonly (readonly [string, string])[] = [
  ['EVAL s 2 a b c', 'a b'], ['ZUNIONSTORE d 2 a b WEIGHTS 1 2', 'd a b'],
  ['LMPOP 2 a b LEFT', 'a b'], ['SINTERCARD 2 a b LIMIT 1', 'a b'],
  ['BLMOVE a b LEFT LEFT 0', 'a b'], ['BZMPOP 0 2 a b MIN', 'a b'], ['BLPOP a b 0', 'a b'],
  ['XREAD COUNT 1 STREAMS a b 0 0', 'a b'], ['XREAD STREAMS a b c 0 0 0', 'a b c'],
  ['XREADGROUP GROUP g c STREAMS a b > >', 'a b'], ['MSET a 1 b 2', 'a b'],
  ['BITOP AND d a b', 'd a b'], ['COPY a b', 'a b'], ['SMOVE a b m', 'a b'],
  ['OBJECT ENCODING k', 'k'], ['GEORADIUS k 1 2 3 m STORE d', 'k d'],
  ['GEORADIUS k 1 2 3 m STOREDIST d', 'k d'], ['GEORADIUS k 1 2 3 m', 'k'], ['LCS a b', 'a b'],
  ['XADD k * f v', 'k'], ['ZDIFF 1 a', 'a'], ['ZMPOP 3 a b MIN', 'a b MIN'],
  ['FCALL f 1 a b', 'a'], ['PFMERGE d a b', 'd a b'],
];

describe('findKeys', () => {
  it.each(ANSWERS)('%s', (line, keys) => {
    const words = line.split(' ');
    expect(keysOf(specsOf(words), words)?.join(' ')).toBe(keys);
  });

  it('refuses counts that do not fit, and keywords without what they announce', () => {
    for (const line of [
      'EVAL s 3 a b', 'EVAL s x a', 'EVAL s -1 a', 'EVAL s 99999999 a', 'ZUNIONSTORE d', 'GET',
      'XREAD STREAMS', 'LMPOP',
    ]) {
      const words = line.split(' ');
      expect(keysOf(specsOf(words), words), line).toBeUndefined();
    }
  });

  it('never reads beyond the arguments, whatever they are', () => {
    const vocabulary = ['0', '1', '2', '7', '-1', 'a', 'KEYS', 'STREAMS', 'STORE', '999999'];
    const names = Object.keys(recorded);
    for (let seed = 1; seed <= 5000; seed++) {
      const chance = new SeededChance(seed);
      const below = (limit: number): number => (chance.next32() >>> 0) % limit;
      const name = names[below(names.length)] ?? '';
      const words = name.split('|');
      const more = below(6);
      for (let i = 0; i < more; i++) words.push(vocabulary[below(vocabulary.length)] ?? '');
      expect(() => keysOf(specsOf(words), words), `seed ${seed}: ${words.join(' ')}`).not.toThrow();
    }
  });

  it('counts places the same way for both makers', () => {
    const counted = keysCounted({ countAt: 1, step: 2, access: 'OW', effect: 'update' });
    expect(keysOf([counted], ['MSETEX', '2', 'a', '1', 'b', '2', 'NX'])).toEqual(['a', 'b']);
    const fixed = keysAt({ first: 2, last: -2, step: 1, access: 'RO' });
    expect(keysOf([fixed], ['X', 'word', 'a', 'b', 'last'])).toEqual(['a', 'b']);
  });
});
