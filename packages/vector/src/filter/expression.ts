/**
 * The filter language of Redis 8's VSIM, read into a tree.
 *   or ||   and &&   not !   == != < <= > >= in   + -   * / %   **   ( )
 *   .field   numbers   'text' or "text" with \-escapes   [list, of, literals]   true false null
 * Binding rises from left to right in that line; `**` binds to the right; comparisons do not chain
 * but apply from the left. Errors name the place, counted in characters from 1.
 */
import { FILTER_DEPTH_MAX, FILTER_UNITS_MAX } from '../limits.ts';
import { VectorError } from '../vector-error.ts';

export type Literal = string | number | boolean | null;
export type Comparison = '==' | '!=' | '<' | '<=' | '>' | '>=' | 'in';
export type Arithmetic = '+' | '-' | '*' | '/' | '%' | '**';

/** A node of a filter. */
export type Expression =
  | { readonly kind: 'literal'; readonly value: Literal }
  | { readonly kind: 'list'; readonly values: readonly Literal[] }
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'not'; readonly inner: Expression }
  | { readonly kind: 'negative'; readonly inner: Expression }
  | { readonly kind: 'and' | 'or'; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'compare'; readonly operator: Comparison;
    readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'compute'; readonly operator: Arithmetic;
    readonly left: Expression; readonly right: Expression };

interface Token {
  readonly kind: 'operator' | 'number' | 'text' | 'field' | 'word' | 'end';
  readonly text: string;
  readonly at: number;
}

const OPERATORS = [
  '**', '==', '!=', '<=', '>=', '&&', '||', '<', '>', '+', '-', '*', '/', '%', '(', ')', '[', ']',
  ',', '!',
];
const SAME_AS: Readonly<Record<string, string>> = { '&&': 'and', '||': 'or', '!': 'not' };
const LEVELS: readonly (readonly string[])[] = [
  ['or'], ['and'], ['==', '!=', '<', '<=', '>', '>=', 'in'], ['+', '-'], ['*', '/', '%'],
];

function refuse(what: string, at: number): VectorError {
  return new VectorError('FILTER', `filter: ${what} at character ${at + 1}`);
}

const NUMBER = /(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?/y;
const FIELD = /\.[\p{L}_][\p{L}\p{N}_]*/yu;
const WORD = /[A-Za-z_]+/y;

function readText(source: string, at: number): { value: string; end: number } {
  const quote = source[at];
  let value = '';
  for (let i = at + 1; i < source.length; i++) {
    const letter = source[i] ?? '';
    if (letter === quote) return { value, end: i + 1 };
    if (letter !== '\\') { value += letter; continue; }
    i++;
    const escaped = source[i] ?? '';
    value += escaped === 'n' ? '\n' : escaped === 't' ? '\t' : escaped === 'r' ? '\r' : escaped;
  }
  throw refuse('a text that does not end', at);
}

function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(source)?.[0];
  };
  while (at < source.length) {
    const letter = source[at] ?? '';
    if (/\s/.test(letter)) { at++; continue; }
    if (letter === '"' || letter === "'") {
      const { value, end } = readText(source, at);
      tokens.push({ kind: 'text', text: value, at });
      at = end;
      continue;
    }
    const field = match(FIELD);
    const number = field === undefined ? match(NUMBER) : undefined;
    const word = field === undefined && number === undefined ? match(WORD) : undefined;
    const operator = OPERATORS.find((each) => source.startsWith(each, at));
    if (field !== undefined) tokens.push({ kind: 'field', text: field.slice(1), at });
    else if (number !== undefined) tokens.push({ kind: 'number', text: number, at });
    else if (word !== undefined) tokens.push({ kind: 'word', text: word, at });
    else if (operator !== undefined) {
      tokens.push({ kind: 'operator', text: SAME_AS[operator] ?? operator, at });
    } else throw refuse(`unexpected ${JSON.stringify(letter)}`, at);
    at += (field ?? number ?? word ?? operator ?? ' ').length;
  }
  tokens.push({ kind: 'end', text: 'end', at });
  return tokens;
}

/** A reader of one expression, by precedence climbing. */
class Parser {
  private readonly tokens: readonly Token[];
  private at = 0;
  private depth = 0;

  constructor(tokens: readonly Token[]) { this.tokens = tokens; }

  whole(): Expression {
    const result = this.level(0);
    const rest = this.peek();
    if (rest.kind !== 'end') throw refuse(`unexpected ${rest.text}`, rest.at);
    return result;
  }

  private peek(): Token {
    return this.tokens[this.at] ?? { kind: 'end', text: 'end', at: 0 };
  }

  private take(): Token {
    const token = this.peek();
    this.at++;
    return token;
  }

  private isNext(text: string): boolean {
    const token = this.peek();
    return (token.kind === 'operator' || token.kind === 'word') && token.text === text;
  }

  private level(index: number): Expression {
    const names = LEVELS[index];
    if (names === undefined) return this.power();
    if (++this.depth > FILTER_DEPTH_MAX * LEVELS.length) {
      throw refuse('nesting too deep', this.peek().at);
    }
    let left = this.level(index + 1);
    for (;;) {
      const name = names.find((each) => this.isNext(each));
      if (name === undefined) break;
      this.take();
      left = combine(name, left, this.level(index + 1));
    }
    this.depth--;
    return left;
  }

  private power(): Expression {
    const base = this.unary();
    if (!this.isNext('**')) return base;
    this.take();
    if (++this.depth > FILTER_DEPTH_MAX * LEVELS.length) {
      throw refuse('nesting too deep', this.peek().at);
    }
    const right = this.power();
    this.depth--;
    return { kind: 'compute', operator: '**', left: base, right };
  }

  private unary(): Expression {
    if (this.isNext('not') || this.isNext('-')) {
      const token = this.take();
      if (++this.depth > FILTER_DEPTH_MAX * LEVELS.length) {
        throw refuse('nesting too deep', token.at);
      }
      const inner = this.unary();
      this.depth--;
      if (token.text === 'not') return { kind: 'not', inner };
      return inner.kind === 'literal' && typeof inner.value === 'number'
        ? { kind: 'literal', value: -inner.value } : { kind: 'negative', inner };
    }
    return this.primary();
  }

  private primary(): Expression {
    const token = this.take();
    if (token.kind === 'field') return { kind: 'field', name: token.text };
    if (token.kind === 'operator' && token.text === '(') {
      const inner = this.level(0);
      const close = this.take();
      if (close.text !== ')' || close.kind !== 'operator') throw refuse('wanted )', close.at);
      return inner;
    }
    if (token.kind === 'operator' && token.text === '[') return this.list();
    return { kind: 'literal', value: this.literal(token) };
  }

  private literal(token: Token): Literal {
    if (token.kind === 'text') return token.text;
    if (token.kind === 'number') return Number(token.text);
    if (token.kind === 'operator' && token.text === '-' && this.peek().kind === 'number') {
      return -Number(this.take().text);
    }
    if (token.kind === 'word') {
      if (token.text === 'true') return true;
      if (token.text === 'false') return false;
      if (token.text === 'null') return null;
    }
    throw refuse(`unexpected ${token.text}`, token.at);
  }

  private list(): Expression {
    const values: Literal[] = [];
    while (!this.isNext(']')) {
      if (values.length > 0) {
        const comma = this.take();
        if (comma.text !== ',') throw refuse('wanted , or ]', comma.at);
      }
      values.push(this.literal(this.take()));
    }
    this.take();
    return { kind: 'list', values };
  }
}

function combine(name: string, left: Expression, right: Expression): Expression {
  switch (name) {
    case 'and': case 'or': return { kind: name, left, right };
    case '+': case '-': case '*': case '/': case '%':
      return { kind: 'compute', operator: name, left, right };
    case '==': case '!=': case '<': case '<=': case '>': case '>=': case 'in':
      return { kind: 'compare', operator: name, left, right };
    default: throw new VectorError('FILTER', `filter: no operator ${name}`);
  }
}

/** Reads a filter. @throws VectorError FILTER */
export function parseFilter(source: string): Expression {
  if (source.length > FILTER_UNITS_MAX) {
    throw new VectorError('FILTER', `filter: ${source.length} characters, at most `
      + `${FILTER_UNITS_MAX} are allowed`);
  }
  return new Parser(tokenize(source)).whole();
}
