/**
 * Is a reply what the case file says? Exact by default, relaxed only by markers.
 *
 * Two ways of looking: replies of equal meaning have equal canonical text (maps and sets have no
 *   order there), and two replies of equal shape are walked leaf by leaf (numbers within a
 *   tolerance, types only).
 * Invariants: with no marker a reply matches only its own notation, texts of errors included;
 *   closed, silent and unreadable connections match nothing.
 * Cost: O(n log n) in the members of a reply, for sorting.
 */
import type { Expectation } from './case-file.ts';
import type { Markers } from './markers.ts';
import {
  hasText,
  isNoReply,
  itemsOf,
  renderReply,
  type ExpectedReply,
  type Outcome,
  type Reply,
} from './reply-notation.ts';

const VERBATIM_PREFIX_CHARACTERS = 4;
const NUMERIC_TEXT = /^-?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** True when `outcome` is what `expectation` describes. */
export function isExpected(expectation: Expectation, outcome: Outcome): boolean {
  if (isNoReply(outcome)) return false;
  const { reply: expected, markers } = expectation;
  const { flags } = markers;
  if (flags.has('any')) return true;
  if (markers.match !== undefined) return markers.match.test(matchedText(outcome));
  if (flags.has('distinct') && !hasDistinctItems(outcome)) return false;
  if (markers.oneOf !== undefined) return isOneOf(expected, outcome, markers.oneOf);
  if (flags.has('type')) return kindOf(expected) === outcome.kind;
  if (flags.has('len')) return hasSameLength(expected, outcome);
  if (flags.has('shape')) return walk(expected, outcome, (left, right) => left.kind === right.kind);
  if (flags.has('err') && expected.kind === 'error') {
    return outcome.kind === 'error' && firstWord(expected.text) === firstWord(outcome.text);
  }
  const { approx } = markers;
  if (approx !== undefined) {
    return walk(expected, outcome, (left, right) => isNear(left, right, approx));
  }
  return canonicalText(expected, markers, 0) === canonicalText(outcome, markers, 0);
}

/** The text that `match=` is tried on; a verbatim string goes without its `txt:`. */
function matchedText(reply: Reply): string {
  if (!hasText(reply)) return renderReply(reply);
  return reply.kind === 'verbatim' ? reply.text.slice(VERBATIM_PREFIX_CHARACTERS) : reply.text;
}

function hasDistinctItems(reply: Reply): boolean {
  const items = itemsOf(reply) ?? [];
  return new Set(items.map(renderReply)).size === items.length;
}

function isOneOf(expected: ExpectedReply, reply: Reply, allowed: readonly string[]): boolean {
  if (!areAllLeaves(reply, (leaf) => isAllowedLeaf(leaf, allowed))) return false;
  if (expected.kind === 'sized') return hasSameLength(expected, reply);
  if (itemsOf(expected) === undefined) return kindOf(expected) === reply.kind;
  return walk(expected, reply, (left, right) => left.kind === right.kind || right.kind === 'null');
}

function isAllowedLeaf(leaf: Reply, allowed: readonly string[]): boolean {
  if (leaf.kind === 'null') return allowed.includes('nil');
  return hasText(leaf) && allowed.includes(leaf.text);
}

function areAllLeaves(reply: Reply, isFine: (leaf: Reply) => boolean): boolean {
  const items = itemsOf(reply);
  return items === undefined ? isFine(reply) : items.every((item) => areAllLeaves(item, isFine));
}

function kindOf(expected: ExpectedReply): string {
  return expected.kind === 'sized' ? expected.of : expected.kind;
}

function hasSameLength(expected: ExpectedReply, reply: Reply): boolean {
  return kindOf(expected) === reply.kind && lengthOf(expected) === lengthOf(reply);
}

/** Characters of a text, or members of an aggregate (a map counts keys and values). */
function lengthOf(reply: ExpectedReply): number {
  if (reply.kind === 'sized') return reply.count;
  if (hasText(reply)) return reply.text.length;
  return itemsOf(reply)?.length ?? 0;
}

function firstWord(text: string): string {
  return text.split(' ', 1)[0] ?? '';
}

/** Both are aggregates of one shape whose leaves all satisfy `isFine`, or both leaves that do. */
function walk(
  expected: ExpectedReply,
  reply: Reply,
  isFine: (expectedLeaf: ExpectedReply, leaf: Reply) => boolean,
): boolean {
  const left = itemsOf(expected);
  const right = itemsOf(reply);
  if (left === undefined || right === undefined) {
    return left === undefined && right === undefined && isFine(expected, reply);
  }
  if (expected.kind !== reply.kind || left.length !== right.length) return false;
  return left.every((item, index) => {
    const other = right[index];
    return other !== undefined && walk(item, other, isFine);
  });
}

function isNear(expected: ExpectedReply, reply: Reply, tolerance: number): boolean {
  const left = numberOf(expected);
  const right = numberOf(reply);
  if (expected.kind !== reply.kind || Number.isNaN(left) || Number.isNaN(right)) {
    return renderReply(expected) === renderReply(reply);
  }
  // -1 and -2 (no expiry, no key) never match a time within tolerance of zero
  const isWhole = Number.isInteger(left) && Number.isInteger(tolerance);
  if (expected.kind === 'integer' && isWhole && left < 0 !== right < 0) return false;
  return Math.abs(left - right) <= tolerance;
}

/** The number a reply stands for, also as text; NaN when it is none. */
function numberOf(reply: ExpectedReply): number {
  if (reply.kind === 'integer' || reply.kind === 'double') return Number(reply.text);
  return reply.kind === 'bulk' && NUMERIC_TEXT.test(reply.text) ? Number(reply.text) : Number.NaN;
}

/** A text that is equal for replies of equal meaning, given the markers that relax order. */
function canonicalText(reply: ExpectedReply, markers: Markers, depth: number): string {
  const items = itemsOf(reply);
  if (items === undefined) return renderReply(reply);
  const { flags } = markers;
  const arePairs = reply.kind === 'map' || (flags.has('pairs') && depth === 0);
  const parts = items.map((item, index) =>
    isSkippedValue(items, index, markers) ? '?' : canonicalText(item, markers, depth + 1),
  );
  if (arePairs) return bracketed(reply, joinPairs(parts).sort());
  if (flags.has('scanpairs') && depth === 1) return bracketed(reply, joinPairs(parts).sort());
  const isUnordered =
    reply.kind === 'set' ||
    flags.has('deep') ||
    (flags.has('unordered') && depth === 0) ||
    (flags.has('scan') && depth === 1);
  return bracketed(reply, isUnordered ? parts.sort() : parts);
}

function bracketed(reply: ExpectedReply, parts: readonly string[]): string {
  return `${reply.kind}[${parts.join(' ')}]`;
}

function joinPairs(parts: readonly string[]): string[] {
  const pairs: string[] = [];
  for (let index = 0; index < parts.length; index += 2) {
    pairs.push(`${parts[index] ?? ''} ${parts[index + 1] ?? ''}`);
  }
  return pairs;
}

/** True for the value after a field name that `skip=` lists. */
function isSkippedValue(items: readonly Reply[], index: number, markers: Markers): boolean {
  const field = index % 2 === 1 ? items[index - 1] : undefined;
  if (field === undefined || field.kind === 'integer' || !hasText(field)) return false;
  return markers.skipped.has(field.text);
}
