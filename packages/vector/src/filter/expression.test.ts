/**
 * The filter language: how it binds, what it means, what it refuses, and that no text makes it do
 * anything but answer or refuse by name.
 */
import { describe, expect, it } from 'vitest';
import { Chance } from '../testing/families.ts';
import { VectorError } from '../vector-error.ts';
import { evaluate } from './evaluate.ts';
import { parseFilter } from './expression.ts';

const film = {
  year: 1984, rating: 7.5, genre: 'action', tags: ['cult', 'robots'], isColour: true, text: '12',
  none: null, nested: { year: 1 },
};

describe('a filter', () => {
  const cases: readonly (readonly [string, boolean | undefined])[] = [
    ['.year == 1984', true], ['.year != 1984', false], ['.year > 1983 and .rating >= 7.5', true],
    ['.year < 1984 or .genre == "action"', true], ["not (.genre == 'drama')", true],
    ['!(.year > 2000)', true], ['.year > 1990 && .rating > 1', false],
    ['.genre in ["drama", "action"]', true], ['.year in [1, 2, -3]', false],
    ['"cult" in .tags', true], ['"silent" in .tags', false], ['"act" in .genre', true],
    ['.year - 1980 == 4', true], ['.rating * 2 > 14.9', true], ['2 ** 3 ** 2 == 512', true],
    ['.year % 10 == 4', true], ['-.rating < 0', true], ['1 + 2 * 3 == 7', true],
    ['(1 + 2) * 3 == 9', true], ['.isColour', true], ['.isColour == 1', true],
    ['.text == 12', true], ['.text > 11.5', true], ['.none == null', true],
    ['.missing == 1', undefined], ['not (.missing == 1)', undefined],
    ['.missing == 1 or .year == 1984', true], ['.missing == 1 and .year == 1', false],
    ['.genre > 3', undefined], ['.nested == 1', undefined], ['.year / 0 > 1', true],
    ['.constructor == 1', undefined], ['.genre == "ac\\"tion"', false], ['1984 == .year', true],
    ['.year == 1984 and not .none', true], ['1e3 == 1000 and .5 < 1', true],
  ];
  for (const [text, wanted] of cases) {
    it(`${text} is ${String(wanted)}`, () => {
      expect(evaluate(parseFilter(text), film)).toBe(wanted);
    });
  }

  for (const text of ['', '.', '.year ==', '(.year == 1', '.year = 1', '"open', '.year == 1 2',
    '[1, .year]', 'year == 1', '.a in [1', '.a @ 1', 'and', '.a == 1 and', '('.repeat(400),
    'not '.repeat(5000), '2 ** '.repeat(5000) + '1', 'x'.repeat(70_000)]) {
    it(`refuses ${text.slice(0, 20)}`, () => {
      expect(() => parseFilter(text)).toThrow(VectorError);
    });
  }

  it('answers or refuses by name, whatever the text', () => {
    const pieces = ['.year', '.tags', '"a"', '1', '(', ')', '[', ']', ',', 'and', 'or', 'not', 'in',
      '==', '<', '**', '-', '%', ' ', "'", '\\', '.', 'null', '\u{1f600}', 'é'];
    for (let seed = 1; seed <= 3000; seed++) {
      const chance = new Chance(seed * 2654435761);
      const text = Array.from({ length: chance.below(12) }, () =>
        pieces[chance.below(pieces.length)]!).join(chance.below(2) === 0 ? ' ' : '');
      try {
        evaluate(parseFilter(text), film);
      } catch (error) {
        expect(error, `seed ${seed}: ${text}`).toBeInstanceOf(VectorError);
      }
    }
  });
});
