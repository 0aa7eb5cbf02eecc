/**
 * The index of patterns against a list of all of them, each asked: random patterns of few letters,
 * with every corner of the syntax, added and removed; random names, the empty one among them.
 */
import { globMatch } from '@kora/core';
import { randomSource } from '@kora/core/testing';
import type { RandomSource } from '@kora/core/testing';
import { describe, expect, it } from 'vitest';
import { bytesOf } from './binary-text.ts';
import { literalEnds, PatternIndex } from './pattern-index.ts';

const PIECES = [
  'a', 'b', 'ab', 'aab', '*', '?', '[ab]', '[^a]', '[a-b]', '[b-', '[', ']', '\\*', '\\', '\\[',
  '[\\]a]', '\u00ff', '-', '^', '[]',
];
const LETTERS = ['a', 'b', '*', '[', ']', '\\', '\u00ff', '-'];

function textOfPieces(random: RandomSource, pieces: readonly string[], most: number): string {
  let text = '';
  for (let left = random.below(most + 1); left > 0; left--) {
    text += pieces[random.below(pieces.length)] ?? '';
  }
  return text;
}

function matches(pattern: string, name: string): boolean {
  return globMatch(
    bytesOf(pattern), 0, pattern.length, bytesOf(name), 0, name.length, false,
  );
}

describe('an index of patterns', () => {
  it.each([1, 2, 3, 4, 5, 6])('finds what a list would, seed %i', (seed) => {
    const random = randomSource(seed);
    const index = new PatternIndex<string>();
    const list = new Set<string>();
    for (let step = 0; step < 1500; step++) {
      const pattern = textOfPieces(random, PIECES, 5);
      if (list.has(pattern)) {
        expect(index.remove(pattern), `seed ${seed}, step ${step}`).toBe(true);
        list.delete(pattern);
      } else if (random.below(3) === 0 && list.size > 0) {
        const known = [...list][random.below(list.size)] ?? '';
        expect(index.remove(known)).toBe(true);
        list.delete(known);
      } else {
        expect(index.remove(pattern)).toBe(false);
        index.add(pattern, pattern);
        list.add(pattern);
      }
      const name = textOfPieces(random, LETTERS, 6);
      const wanted = [...list].filter((one) => matches(one, name)).sort();
      expect([...index.matches(name)].sort(), `seed ${seed}, step ${step}`).toEqual(wanted);
    }
    expect(index.size).toBe(list.size);
    expect([...index.values()].sort()).toEqual([...list].sort());
    for (const pattern of list) index.remove(pattern);
    expect(index.matches('a')).toEqual([]);
  });

  it('asks few of many patterns', () => {
    const index = new PatternIndex<number>();
    for (let i = 0; i < 100_000; i++) {
      const forms = [`user:${i}:*`, `*:log:${i}`, `room:*:member:${i}`, `h[ae]llo:${i}`];
      index.add(forms[i % 4] ?? '', i);
    }
    // Those that share both ends are three of all; the rest of them would take seconds.
    for (let round = 0; round < 20_000; round++) {
      const i = round * 4;
      expect(index.matches(`user:${i}:mail`)).toEqual([i]);
      expect(index.matches(`any:log:${i + 1}`)).toEqual([i + 1]);
      expect(index.matches(`room:7:member:${i + 2}`)).toEqual([i + 2]);
    }
  });

  it('matches names longer than its scratch', () => {
    const index = new PatternIndex<string>();
    const long = 'x'.repeat(5000);
    for (const pattern of [`${long}*`, `*${long}`, `*y*`, `${long}?`]) index.add(pattern, pattern);
    expect([...index.matches(`${long}y`)].sort()).toEqual([`${long}*`, '*y*', `${long}?`].sort());
  });
});

describe('literal ends', () => {
  it.each([
    ['news.*', 'news.', ''], ['*.log', '', '.log'], ['a*b', 'a', 'b'], ['abc', 'abc', 'abc'],
    ['h[ae]llo', 'h', 'llo'], ['\\*a?', '*a', ''], ['a[b', 'a', ''], ['', '', ''],
    ['a\\', 'a\\', 'a\\'], ['?[\\]x]z', '', 'z'], ['[^]]q', '', ']q'],
  ])('of %j are %j and %j', (pattern, prefix, suffix) => {
    expect(literalEnds(pattern)).toEqual({ prefix, suffix });
  });
});
