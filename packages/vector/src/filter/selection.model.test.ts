/**
 * The slots found through the attribute index against evaluating the filter on every element:
 * random attributes set, changed and removed, random filters, with sets, columns and scans.
 */
import { describe, expect, it } from 'vitest';
import { AttributeIndex } from '../attributes/attribute-index.ts';
import type { Attributes, JsonValue } from '../attributes/attribute-index.ts';
import { Chance } from '../testing/families.ts';
import { evaluate } from './evaluate.ts';
import { parseFilter } from './expression.ts';
import { selectSlots } from './selection.ts';

const FIELDS = ['a', 'b', 'c', 'd'];

function valueFrom(chance: Chance): JsonValue {
  switch (chance.below(9)) {
    case 0: return chance.below(2) === 0;
    case 1: return null;
    case 2: return `${chance.below(4)}`;
    case 3: return [chance.below(3), 'x'];
    case 4: return { deep: 1 };
    case 5: case 6: return ['x', 'y', 'zebra', ''][chance.below(4)]!;
    default: return chance.below(5) - 1;
  }
}

function leaf(chance: Chance): string {
  const field = `.${FIELDS[chance.below(5)] ?? 'missing'}`;
  const literal = ['1', '0', '-1', '"x"', "'2'", 'true', 'null', '2.5', '""'][chance.below(9)]!;
  const operator = ['==', '!=', '<', '<=', '>', '>='][chance.below(6)]!;
  switch (chance.below(6)) {
    case 0: return `${field} in ["x", 1, null, "3"]`;
    case 1: return `${field} in ["x", "zebra"]`;
    case 2: return `${literal} ${operator} ${field}`;
    case 3: return `${field} + 1 > .a`;
    case 4: return field;
    default: return `${field} ${operator} ${literal}`;
  }
}

function filterFrom(chance: Chance, depth: number): string {
  if (depth === 0 || chance.below(3) === 0) return leaf(chance);
  const left = filterFrom(chance, depth - 1);
  if (chance.below(3) === 0) return `not (${left})`;
  return `(${left}) ${chance.below(2) === 0 ? 'and' : 'or'} (${filterFrom(chance, depth - 1)})`;
}

describe('selecting by the index', () => {
  it('finds what evaluating every element finds', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const chance = new Chance(seed * 40503);
      const index = new AttributeIndex();
      const model = new Map<number, Attributes>();
      for (let step = 0; step < 400; step++) {
        const slot = chance.below(150);
        if (chance.below(4) === 0) {
          index.remove(slot);
          model.delete(slot);
        } else {
          const attributes = Object.fromEntries(
            FIELDS.filter(() => chance.below(3) > 0).map((name) => [name, valueFrom(chance)]));
          index.set(slot, attributes);
          model.set(slot, attributes);
        }
        if (step % 20 !== 19) continue;
        const text = filterFrom(chance, 3);
        const expression = parseFilter(text);
        const found: number[] = [];
        selectSlots(expression, index).forEach((each) => { found.push(each); });
        const wanted = [...model].filter(([, each]) => evaluate(expression, each) === true)
          .map(([each]) => each).sort((a, b) => a - b);
        expect(found, `seed ${seed} step ${step}: ${text}`).toEqual(wanted);
      }
    }
  });

  it('still answers when a field has more values than get sets of their own', () => {
    const index = new AttributeIndex();
    for (let slot = 0; slot < 66_000; slot++) index.set(slot, { name: `n${slot}`, x: slot % 100 });
    const found = selectSlots(parseFilter('.name == "n65999" or .name == "n3"'), index);
    expect([found.count(), found.has(65_999), found.has(3)]).toEqual([2, true, true]);
    expect(selectSlots(parseFilter('.x == 7'), index).count()).toBe(660);
  });
});
