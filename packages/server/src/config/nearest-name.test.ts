/**
 * Which name a slip is taken for, and the distance against a plain recursion on short words.
 */
import { SeededChance } from '@kora/core';
import { describe, expect, it } from 'vitest';
import { nearestName } from './nearest-name.ts';

/** Edits between two words, by definition and without a table. */
function plainDistance(a: string, b: string): number {
  if (a === '' || b === '') return a.length + b.length;
  const cost = a.at(-1) === b.at(-1) ? 0 : 1;
  const [shortA, shortB] = [a.slice(0, -1), b.slice(0, -1)];
  const isSwap = a.length > 1 && b.length > 1 && a.at(-1) === b.at(-2) && a.at(-2) === b.at(-1);
  return Math.min(
    plainDistance(shortA, b) + 1,
    plainDistance(a, shortB) + 1,
    plainDistance(shortA, shortB) + cost,
    isSwap ? plainDistance(a.slice(0, -2), b.slice(0, -2)) + 1 : Infinity,
  );
}

describe('nearestName', () => {
  it('finds the name a slip stands for, and nothing for another word', () => {
    const names = ['port', 'bind', 'maxclients', 'maxmemory', 'maxmemory-policy'];
    expect(nearestName('prot', names)).toBe('port');
    expect(nearestName('maxclinets', names)).toBe('maxclients');
    expect(nearestName('maxmemry', names)).toBe('maxmemory');
    expect(nearestName('maxmemory-polcy', names)).toBe('maxmemory-policy');
    expect(nearestName('elephant', names)).toBeUndefined();
    expect(nearestName('x', names)).toBeUndefined();
    expect(nearestName('', names)).toBeUndefined();
  });

  it('names the one with the fewest edits', () => {
    const seed = 3;
    const chance = new SeededChance(seed);
    const three = (): number => (chance.next32() >>> 0) % 3;
    const word = (): string =>
      Array.from({ length: 4 + three() }, () => 'abc'.charAt(three())).join('');
    for (let round = 0; round < 300; round++) {
      const given = word();
      const names = Array.from({ length: 5 }, word);
      const edits = names.map((name) => plainDistance(given, name));
      const fewest = Math.min(...edits);
      const expected = fewest <= Math.min(3, Math.floor(given.length / 2))
        ? names[edits.indexOf(fewest)]
        : undefined;
      expect(nearestName(given, names), `seed ${seed}, ${given} of ${names.join()}`).toBe(expected);
    }
  });
});
