/**
 * What a filter says of one element's attributes: true, false, or undefined where it cannot tell
 * (a field is missing, a value has the wrong type). Undefined is no match, also under `not`;
 * `or` with something true is true, `and` with something false is false.
 * Equality: two texts by their letters, a text and a number by the number the text reads as, null
 * only with null. Order: by number. `in`: member of a list, or part of a text.
 */
import { numberOf } from '../attributes/attribute-index.ts';
import type { Attributes, JsonValue } from '../attributes/attribute-index.ts';
import type { Arithmetic, Comparison, Expression } from './expression.ts';

/** Whether two values are the same to a filter; undefined for lists and objects. */
export function areEqual(left: JsonValue, right: JsonValue): boolean | undefined {
  if (left === null || right === null) return left === right;
  if (typeof left === 'object' || typeof right === 'object') return undefined;
  if (typeof left === 'string' && typeof right === 'string') return left === right;
  const a = numberOf(left);
  return a !== undefined && a === numberOf(right);
}

function isIn(left: JsonValue, right: JsonValue): boolean | undefined {
  if (Array.isArray(right)) {
    return (right as readonly JsonValue[]).some((each) => areEqual(left, each) === true);
  }
  if (typeof right === 'string' && typeof left === 'string') return right.includes(left);
  return undefined;
}

function compare(operator: Comparison, left: JsonValue, right: JsonValue): boolean | undefined {
  if (operator === 'in') return isIn(left, right);
  if (operator === '==') return areEqual(left, right);
  if (operator === '!=') {
    const same = areEqual(left, right);
    return same === undefined ? undefined : !same;
  }
  const a = numberOf(left);
  const b = numberOf(right);
  if (a === undefined || b === undefined) return undefined;
  switch (operator) {
    case '<': return a < b;
    case '<=': return a <= b;
    case '>': return a > b;
    case '>=': return a >= b;
  }
}

function compute(operator: Arithmetic, left: JsonValue, right: JsonValue): number | undefined {
  const a = numberOf(left);
  const b = numberOf(right);
  if (a === undefined || b === undefined) return undefined;
  let result: number;
  switch (operator) {
    case '+': result = a + b; break;
    case '-': result = a - b; break;
    case '*': result = a * b; break;
    case '/': result = a / b; break;
    case '%': result = a % b; break;
    case '**': result = a ** b; break;
  }
  return Number.isNaN(result) ? undefined : result;
}

function valueOf(expression: Expression, attributes: Attributes): JsonValue | undefined {
  switch (expression.kind) {
    case 'literal': return expression.value;
    case 'list': return expression.values;
    case 'field':
      return Object.hasOwn(attributes, expression.name) ? attributes[expression.name] : undefined;
    case 'negative': {
      const inner = valueOf(expression.inner, attributes);
      const number = inner === undefined ? undefined : numberOf(inner);
      return number === undefined ? undefined : -number;
    }
    case 'compute': {
      const left = valueOf(expression.left, attributes);
      const right = valueOf(expression.right, attributes);
      if (left === undefined || right === undefined) return undefined;
      return compute(expression.operator, left, right);
    }
    case 'not': case 'and': case 'or': case 'compare': return evaluate(expression, attributes);
  }
}

/** Whether attributes meet a filter; undefined when it cannot tell. */
export function evaluate(expression: Expression, attributes: Attributes): boolean | undefined {
  switch (expression.kind) {
    case 'and': {
      const left = evaluate(expression.left, attributes);
      if (left === false) return false;
      const right = evaluate(expression.right, attributes);
      return right === false ? false : left === undefined ? undefined : right;
    }
    case 'or': {
      const left = evaluate(expression.left, attributes);
      if (left === true) return true;
      const right = evaluate(expression.right, attributes);
      return right === true ? true : left === undefined ? undefined : right;
    }
    case 'not': {
      const inner = evaluate(expression.inner, attributes);
      return inner === undefined ? undefined : !inner;
    }
    case 'compare': {
      const left = valueOf(expression.left, attributes);
      const right = valueOf(expression.right, attributes);
      if (left === undefined || right === undefined) return undefined;
      return compare(expression.operator, left, right);
    }
    default: return isTrue(valueOf(expression, attributes));
  }
}

/** A value alone: numbers are true unless 0, texts unless empty, lists and objects cannot tell. */
function isTrue(value: JsonValue | undefined): boolean | undefined {
  if (value === undefined || (typeof value === 'object' && value !== null)) return undefined;
  if (value === null) return false;
  return typeof value === 'string' ? value !== '' : Boolean(value);
}
