/**
 * The slots that meet a filter, as a bitmap, found through the attribute index: equality with a
 * text by its set, numbers by the field's column, and/or/not by words of bits. What the index
 * cannot answer (arithmetic, two fields, lists) is evaluated element by element.
 * Two bitmaps travel: `yes` and `no`; what is in neither cannot be told and is no match.
 * Holds for the attributes of one segment; the same answer as `evaluate` on every element.
 */
import { numberOf } from '../attributes/attribute-index.ts';
import type { AttributeIndex, Field } from '../attributes/attribute-index.ts';
import { Bitmap } from '../attributes/bitmap.ts';
import { evaluate } from './evaluate.ts';
import type { Comparison, Expression, Literal } from './expression.ts';

interface Split {
  readonly yes: Bitmap;
  readonly no: Bitmap;
}

const MIRRORED: Readonly<Record<Comparison, Comparison | undefined>> = {
  '==': '==', '!=': '!=', '<': '>', '<=': '>=', '>': '<', '>=': '<=', in: undefined,
};

function one(expression: Expression, index: AttributeIndex): Split {
  const yes = new Bitmap();
  const no = new Bitmap();
  for (const [slot, attributes] of index.entries()) {
    const result = evaluate(expression, attributes);
    if (result === true) yes.add(slot);
    else if (result === false) no.add(slot);
  }
  return { yes, no };
}

/** Slots of a field whose number stands so to a number. */
function byNumber(field: Field, operator: Comparison, bound: number): Split {
  const yes = new Bitmap();
  const no = new Bitmap();
  const { numbers } = field;
  for (let slot = 0; slot < numbers.length; slot++) {
    const x = numbers[slot] ?? NaN;
    if (Number.isNaN(x)) continue;
    const isMet = operator === '<' ? x < bound : operator === '<=' ? x <= bound
      : operator === '>' ? x > bound : operator === '>=' ? x >= bound : x === bound;
    (isMet ? yes : no).add(slot);
  }
  return { yes, no };
}

/** Slots of a field that equal a literal; undefined when the index cannot tell. */
function equalTo(field: Field, literal: Literal): Bitmap | undefined {
  if (literal === null) return undefined;
  const number = numberOf(literal);
  if (typeof literal === 'string') {
    // A text that reads as a number equals numbers too, but other spellings of it do not.
    return number === undefined ? field.slotsOfText(literal) : undefined;
  }
  return number === undefined ? undefined : byNumber(field, '==', number).yes;
}

function compareField(
  name: string, operator: Comparison, literals: readonly Literal[], index: AttributeIndex,
): Split | undefined {
  const field = index.field(name);
  if (field === undefined) {
    return index.hasAllFields ? { yes: new Bitmap(), no: new Bitmap() } : undefined;
  }
  if (operator === '==' || operator === '!=' || operator === 'in') {
    const equal = new Bitmap();
    for (const literal of literals) {
      const part = equalTo(field, literal);
      if (part === undefined) return undefined;
      equal.or(part);
    }
    // Lists and objects equal nothing and differ from nothing; in a list of literals they are not.
    const others = field.holders.copy().andNot(equal);
    if (operator !== 'in') for (const slot of field.nestedSlots) others.delete(slot);
    return operator === '!=' ? { yes: others, no: equal } : { yes: equal, no: others };
  }
  const [literal] = literals;
  const bound = literal === undefined ? undefined : numberOf(literal);
  if (bound === undefined) return { yes: new Bitmap(), no: new Bitmap() };
  return byNumber(field, operator, bound);
}

function fromIndex(expression: Expression, index: AttributeIndex): Split | undefined {
  if (expression.kind !== 'compare') return undefined;
  const { operator, left, right } = expression;
  if (left.kind === 'field') {
    if (operator === 'in') {
      return right.kind === 'list' ? compareField(left.name, 'in', right.values, index) : undefined;
    }
    if (right.kind !== 'literal') return undefined;
    return compareField(left.name, operator, [right.value], index);
  }
  const mirrored = MIRRORED[operator];
  if (right.kind !== 'field' || left.kind !== 'literal' || mirrored === undefined) return undefined;
  return compareField(right.name, mirrored, [left.value], index);
}

function split(expression: Expression, index: AttributeIndex): Split {
  switch (expression.kind) {
    case 'not': {
      const { yes, no } = split(expression.inner, index);
      return { yes: no, no: yes };
    }
    case 'and': case 'or': {
      const left = split(expression.left, index);
      const right = split(expression.right, index);
      return expression.kind === 'and'
        ? { yes: left.yes.and(right.yes), no: left.no.or(right.no) }
        : { yes: left.yes.or(right.yes), no: left.no.and(right.no) };
    }
    default: return fromIndex(expression, index) ?? one(expression, index);
  }
}

/** The slots of this index that meet the filter. The bitmap is the caller's. */
export function selectSlots(expression: Expression, index: AttributeIndex): Bitmap {
  return split(expression, index).yes;
}
