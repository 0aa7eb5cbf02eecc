/**
 * Patterns without a server: Redis's corners as a table (each line answered by redis-server 7.0.15
 * through KEYS, which alone takes a lone star to mean everything), a naive twin that tries every
 * split at a star, and patterns that take naive matchers ages. Random comparison with the
 * server is in bytes.reference.test.ts.
 */
import { describe, expect, it } from 'vitest';
import { SeededChance } from '../platform/platform.ts';
import { globMatch } from './glob.ts';

function matches(pattern: string, text: string, ignoreCase = false): boolean {
  const p = Buffer.from(`*${pattern}*`, 'latin1');
  const t = Buffer.from(`?${text}?`, 'latin1');
  return globMatch(p, 1, p.length - 2, t, 1, t.length - 2, ignoreCase);
}

/** The twin for stars, "?" and letters: tries each way a star can go. */
function plainMatches(pattern: string, text: string): boolean {
  if (pattern === '') return text === '';
  const rest = pattern.slice(1);
  if (pattern.startsWith('*')) {
    return plainMatches(rest, text) || (text !== '' && plainMatches(pattern, text.slice(1)));
  }
  return text !== '' && (pattern[0] === '?' || pattern[0] === text[0]) &&
    plainMatches(rest, text.slice(1));
}

const yes: readonly (readonly [string, string])[] = [
  ['', ''], ['a', 'a'], ['?', 'a'], ['*', 'a'], ['a*', 'a'], ['a***', 'a'], ['*a', 'ba'],
  ['a*b*c', 'axxbxc'], ['[abc]', 'b'], ['[^abc]', 'd'], ['[a-c]', 'b'], ['[c-a]', 'b'],
  ['[\\]]', ']'], ['[\\a-c]', '-'], ['\\*', '*'], ['\\a', 'a'], ['\\', '\\'], ['a\\', 'a\\'],
  ['[^', 'x'], ['[^a', 'b'], ['[ab', 'b'], ['[a-', '-'], ['[a-]', '`'], ['[^]', 'x'],
  ['h[^e]llo', 'hallo'], ['h[a-b]llo', 'hbllo'], ['[a\\', '\\'], ['[\x80-\xff]', '\x90'],
  ['[\xff-a]', '\0'], ['[a-\xff]', 'A'], ['?', '\xff'], ['*?', 'x'],
];

const no: readonly (readonly [string, string])[] = [
  ['', 'a'], ['a', ''], ['*', ''], ['**', ''], ['a', 'A'], ['?', ''], ['[^abc]', 'a'],
  ['[', '['], ['[]', 'x'], ['[]a]', 'a'], ['h[^e]llo', 'hello'], ['a*b', 'axc'], ['[a-c]', 'd'],
  ['[\\a-c]', 'b'], ['\\*', 'a'], ['[a-\x7f]', '\xff'], ['[\x01-\xff]', '\x02'], ['a?', 'a'],
];

describe('globMatch', () => {
  it.each(yes)('%j matches %j', (pattern, text) => {
    expect(matches(pattern, text)).toBe(true);
  });

  it.each(no)('%j does not match %j', (pattern, text) => {
    expect(matches(pattern, text)).toBe(false);
  });

  it('folds letters only when asked', () => {
    expect(matches('MaX*', 'maxmemory', true)).toBe(true);
    expect(matches('[M-N]ax', 'max', true)).toBe(true);
    expect(matches('[m]AX', 'Max', true)).toBe(true);
    expect(matches('[\\M]ax', 'max', true)).toBe(false);
    expect(matches('M', 'm')).toBe(false);
    expect(matches('[', '{', true)).toBe(false);
    expect(matches('\xc9', '\xe9', true)).toBe(false);
  });

  it('agrees with the twin on stars and questions', () => {
    const seed = 42;
    const chance = new SeededChance(seed);
    const draw = (letters: string, countMax: number): string => {
      let text = '';
      for (let left = (chance.next32() >>> 0) % (countMax + 1); left > 0; left--) {
        text += letters.charAt((chance.next32() >>> 0) % letters.length);
      }
      return text;
    };
    for (let round = 0; round < 20_000; round++) {
      const pattern = draw('ab?**', 8);
      const text = `${draw('ab', 8)}a`;
      const note = `seed ${String(seed)}: ${pattern} ${text}`;
      expect(matches(pattern, text), note).toBe(plainMatches(pattern, text));
    }
  });

  it('does not explode on many stars', () => {
    const stars = 'a*'.repeat(2000);
    const text = 'a'.repeat(20_000);
    expect(matches(`${stars}b`, text)).toBe(false);
    expect(matches(`${stars}[b]c`, text)).toBe(false);
    expect(matches(stars, text)).toBe(true);
  });
});
