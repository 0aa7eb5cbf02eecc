/**
 * The plain twin of the request parser: takes a whole text at once, works on latin1 strings with
 * regular expressions, and copies everything. Slow and short, so that reading it convinces. The
 * model tests and the fuzz target hold the fast parser against it.
 */
import { UNAUTHENTICATED_ARGUMENTS_MAX, UNAUTHENTICATED_BULK_BYTES_MAX } from '../limits.ts';
import type { RequestLimits } from '../limits.ts';

/** All requests in a text, and how it ended. Arguments are latin1: one character per byte. */
export interface ParsedRequests {
  readonly requests: string[][];
  /** `idle`: ended between frames. `partial`: inside one. Otherwise the error's message. */
  readonly outcome: string;
}

/** What both parsers are told. */
export interface ParseSettings {
  readonly limits: RequestLimits;
  readonly isAuthenticated: boolean;
}

const INT64 = /^(0|-?[1-9]\d{0,18})$/;
const PARTIAL = 'partial';

/** A step's answer: either it ends everything, or it goes on at `next`. */
type Step<Value> =
  { readonly stop: string } | { readonly stop: undefined; next: number; value: Value };

/** Parses the whole text. */
export function parseNaively(text: string, settings: ParseSettings): ParsedRequests {
  const requests: string[][] = [];
  let at = 0;
  while (at < text.length) {
    const step = text[at] === '*' ? multibulk(text, at, settings) : inline(text, at, settings);
    if (step.stop !== undefined) return { requests, outcome: step.stop };
    if (step.value.length > 0) requests.push(step.value);
    at = step.next;
  }
  return { requests, outcome: 'idle' };
}

function problem(reason: string): { readonly stop: string } {
  return { stop: `Protocol error: ${reason}` };
}

function inline(text: string, at: number, { limits }: ParseSettings): Step<string[]> {
  const end = lineEnd(text, at, '\n', limits.inlineBytesMax);
  if (end === 'long') return problem('too big inline request');
  if (end === 'more') return { stop: PARTIAL };
  const words = wordsOf(text.slice(at, end).replace(/\r$/, ''));
  if (words === undefined) return problem('unbalanced quotes in request');
  return { stop: undefined, next: end + 1, value: words };
}

function multibulk(text: string, start: number, settings: ParseSettings): Step<string[]> {
  const { limits, isAuthenticated } = settings;
  const countEnd = lineEnd(text, start, '\r', limits.inlineBytesMax);
  if (countEnd === 'long') return problem('too big mbulk count string');
  if (countEnd === 'more') return { stop: PARTIAL };
  const count = int64Of(text.slice(start + 1, countEnd));
  if (count === undefined || count > limits.argumentsMax) {
    return problem('invalid multibulk length');
  }
  if (!isAuthenticated && count > UNAUTHENTICATED_ARGUMENTS_MAX) {
    return problem('unauthenticated multibulk length');
  }
  const value: string[] = [];
  let at = countEnd + 2;
  while (value.length < count) {
    const bulk = oneBulk(text, at, start, settings);
    if (bulk.stop !== undefined) return bulk;
    value.push(bulk.value);
    at = bulk.next;
  }
  return { stop: undefined, next: at, value };
}

function oneBulk(
  text: string, at: number, frameStart: number, settings: ParseSettings,
): Step<string> {
  const { limits, isAuthenticated } = settings;
  const end = lineEnd(text, at, '\r', limits.inlineBytesMax);
  if (end === 'long') return problem('too big bulk count string');
  if (end === 'more') return { stop: PARTIAL };
  const first = text[at] ?? '';
  if (first !== '$') return problem(`expected '$', got '${first.replace(/[\r\n\0]/, ' ')}'`);
  const bytes = int64Of(text.slice(at + 1, end));
  if (bytes === undefined || bytes < 0 || bytes > limits.bulkBytesMax) {
    return problem('invalid bulk length');
  }
  if (!isAuthenticated && bytes > UNAUTHENTICATED_BULK_BYTES_MAX) {
    return problem('unauthenticated bulk length');
  }
  const from = end + 2;
  if (from + bytes - frameStart > limits.frameBytesMax) return problem('too big request frame');
  if (text.length < from + bytes + 2) return { stop: PARTIAL };
  return { stop: undefined, next: from + bytes + 2, value: text.slice(from, from + bytes) };
}

/** Where the line ends; a NUL hides what follows it, and a CR counts once a byte follows it. */
function lineEnd(
  text: string, from: number, mark: '\r' | '\n', bytesMax: number,
): number | 'more' | 'long' {
  const window = text.slice(from, from + bytesMax + 1).replace(/\0.*/s, '');
  const offset = window.indexOf(mark);
  if (offset < 0) return text.length - from > bytesMax ? 'long' : 'more';
  if (mark === '\r' && from + offset + 1 >= text.length) return 'more';
  return from + offset;
}

function int64Of(text: string): number | undefined {
  if (!INT64.test(text)) return undefined;
  return BigInt.asIntN(64, BigInt(text)) === BigInt(text) ? Number(text) : undefined;
}

/** Words of an inline command, or undefined when its quotes are unbalanced. */
function wordsOf(line: string): string[] | undefined {
  const words: string[] = [];
  let rest = line.replace(/^[ \t\n\v\f\r]+/, '');
  while (rest !== '') {
    const bare = /^[^ \t\n\r"']*/.exec(rest)?.[0] ?? '';
    rest = rest.slice(bare.length);
    const quoted = /^"((?:\\[^]|[^"\\])*)"/.exec(rest) ?? /^'((?:\\'|[^'\\]|\\(?!'))*)'/.exec(rest);
    if (/^["']/.test(rest) && quoted === null) return undefined;
    const [whole, inner] = [quoted?.[0] ?? '', quoted?.[1] ?? ''];
    rest = rest.slice(whole.length);
    if (whole !== '' && /^[^ \t\n\v\f\r]/.test(rest)) return undefined;
    words.push(bare + (whole.startsWith('"') ? unescaped(inner) : inner.replaceAll("\\'", "'")));
    rest = rest.replace(/^[ \t\n\v\f\r]+/, '');
  }
  return words;
}

const ESCAPES: Readonly<Record<string, string>> =
  { n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' };

function unescaped(inner: string): string {
  return inner.replace(/\\(?:x([0-9a-fA-F]{2})|([^]))/g, (_whole, hex?: string, one?: string) =>
    hex === undefined ? ESCAPES[one ?? ''] ?? one ?? '' : String.fromCharCode(parseInt(hex, 16)));
}
