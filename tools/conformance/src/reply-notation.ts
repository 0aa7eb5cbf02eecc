/**
 * Replies as values, and the text form in which case files write them down.
 *
 * Why its own model: the judge shares no code with the server it judges. A text holds one
 *   character per byte (latin1), so binary replies survive; numbers stay the text that was sent.
 * Invariants: parseReply(renderReply(x)) equals x for every reply a server can send; rendering
 *   is plain ASCII on one line, whatever bytes the reply holds.
 * Notation: +"s" simple, -"s" error, $"s" bulk, ="s" verbatim, :n ,n #t (n scalars, _ null,
 *   *_ null array, $_ null bulk in RESP3, *[..] %[..] ~[..] >[..] aggregates,
 *   $#100 and *#3 type and length only, ? anything.
 * Cost: O(characters).
 */

export type TextKind = 'simple' | 'error' | 'bulk' | 'verbatim';
export type ScalarKind = 'integer' | 'double' | 'boolean' | 'big-number';
export type NullKind = 'null' | 'null-array' | 'null-bulk';
export type AggregateKind = 'array' | 'map' | 'set' | 'push';

export interface TextReply {
  readonly kind: TextKind;
  readonly text: string;
}
export interface ScalarReply {
  readonly kind: ScalarKind;
  readonly text: string;
}
export interface NullReply {
  readonly kind: NullKind;
}
/** A map holds its keys and values one after the other. */
export interface AggregateReply {
  readonly kind: AggregateKind;
  readonly items: readonly Reply[];
}
/** A reply as it arrives. */
export type Reply = TextReply | ScalarReply | NullReply | AggregateReply;

/** Written in case files only: a reply of which just type and length matter. */
export interface SizedReply {
  readonly kind: 'sized';
  readonly of: TextKind | AggregateKind;
  readonly count: number;
}
/** What a case file expects: a reply, its outline, or anything at all. */
export type ExpectedReply = Reply | SizedReply | { readonly kind: 'anything' };

/** What reading a connection gives when no reply could be had. */
export interface NoReply {
  readonly kind: 'closed' | 'timeout' | 'unreadable';
  readonly text: string;
}
export type Outcome = Reply | NoReply;

const SIGN_OF_TEXT = { simple: '+', error: '-', bulk: '$', verbatim: '=' } as const;
const SIGN_OF_SCALAR = { integer: ':', double: ',', boolean: '#', 'big-number': '(' } as const;
const SIGN_OF_AGGREGATE = { array: '*', map: '%', set: '~', push: '>' } as const;
const SIGN_OF_NULL = { null: '_', 'null-array': '*_', 'null-bulk': '$_' } as const;
const SIGN_OF_SIZED = { ...SIGN_OF_TEXT, ...SIGN_OF_AGGREGATE } as const;

const TEXT_OF_SIGN = new Map<string, TextKind>([
  ['+', 'simple'],
  ['-', 'error'],
  ['$', 'bulk'],
  ['=', 'verbatim'],
]);
const SCALAR_OF_SIGN = new Map<string, ScalarKind>([
  [':', 'integer'],
  [',', 'double'],
  ['#', 'boolean'],
  ['(', 'big-number'],
]);
const AGGREGATE_OF_SIGN = new Map<string, AggregateKind>([
  ['*', 'array'],
  ['%', 'map'],
  ['~', 'set'],
  ['>', 'push'],
]);

const ESCAPE_OF_CHARACTER = new Map([
  ['"', '\\"'],
  ['\\', '\\\\'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
]);
const CHARACTER_OF_ESCAPE = new Map([
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['a', '\x07'],
  ['b', '\b'],
]);

/** True for replies whose payload is one text: strings, errors and scalars. */
export function hasText(reply: ExpectedReply | NoReply): reply is TextReply | ScalarReply {
  return TEXT_KINDS.has(reply.kind) || SCALAR_KINDS.has(reply.kind);
}
const TEXT_KINDS: ReadonlySet<string> = new Set(TEXT_OF_SIGN.values());
const SCALAR_KINDS: ReadonlySet<string> = new Set(SCALAR_OF_SIGN.values());

/** The members of an aggregate, or undefined for every other reply. */
export function itemsOf(reply: ExpectedReply): readonly Reply[] | undefined {
  return 'items' in reply ? reply.items : undefined;
}

export function isNoReply(outcome: Outcome): outcome is NoReply {
  return outcome.kind === 'closed' || outcome.kind === 'timeout' || outcome.kind === 'unreadable';
}

/** A text of bytes as a double-quoted ASCII literal. */
export function quoteText(text: string): string {
  let quoted = '"';
  for (const character of text) {
    const code = character.charCodeAt(0);
    const isPrintable = code >= 32 && code <= 126;
    const plain = isPrintable ? character : `\\x${code.toString(16).padStart(2, '0')}`;
    quoted += ESCAPE_OF_CHARACTER.get(character) ?? plain;
  }
  return `${quoted}"`;
}

/** Reads the double-quoted literal that starts at `at`.
 * @returns its text and the index after the closing quote
 * @throws {Error} when the literal is not closed */
export function readQuotedText(source: string, at: number): { text: string; next: number } {
  let text = '';
  let index = at + 1;
  for (;;) {
    const character = source[index];
    if (character === undefined) throw new Error(`unterminated string in: ${source}`);
    if (character === '"') return { text, next: index + 1 };
    if (character !== '\\') {
      text += character;
      index += 1;
      continue;
    }
    const escape = source[index + 1] ?? '';
    if (escape === 'x') {
      text += String.fromCharCode(Number.parseInt(source.slice(index + 2, index + 4), 16));
      index += 4;
    } else {
      text += CHARACTER_OF_ESCAPE.get(escape) ?? escape;
      index += 2;
    }
  }
}

/** The notation of one reply, on one line. */
export function renderReply(reply: ExpectedReply): string {
  switch (reply.kind) {
    case 'simple':
    case 'error':
    case 'bulk':
    case 'verbatim':
      return SIGN_OF_TEXT[reply.kind] + quoteText(reply.text);
    case 'integer':
    case 'double':
    case 'boolean':
    case 'big-number':
      return SIGN_OF_SCALAR[reply.kind] + reply.text;
    case 'null':
    case 'null-array':
    case 'null-bulk':
      return SIGN_OF_NULL[reply.kind];
    case 'sized':
      return `${SIGN_OF_SIZED[reply.of]}#${String(reply.count)}`;
    case 'anything':
      return '?';
    default:
      return `${SIGN_OF_AGGREGATE[reply.kind]}[${reply.items.map(renderReply).join(' ')}]`;
  }
}

/** As renderReply, and a bracketed word where there was no reply. */
export function renderOutcome(outcome: Outcome): string {
  if (!isNoReply(outcome)) return renderReply(outcome);
  return outcome.text === '' ? `(${outcome.kind})` : `(${outcome.kind}: ${outcome.text})`;
}

/** Reads one value in the notation of case files.
 * @throws {Error} naming what is wrong in which text */
export function parseReply(source: string): ExpectedReply {
  const reader = new NotationReader(source);
  const reply = reader.read();
  reader.skipSpaces();
  if (!reader.isAtEnd()) throw new Error(`trailing text in value: ${source}`);
  return reply;
}

class NotationReader {
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  isAtEnd(): boolean {
    return this.#at >= this.#source.length;
  }

  skipSpaces(): void {
    while (this.#source[this.#at] === ' ') this.#at += 1;
  }

  read(): ExpectedReply {
    this.skipSpaces();
    if (this.#take('?')) return { kind: 'anything' };
    return this.#readSized() ?? this.#readReply();
  }

  #readReply(): Reply {
    this.skipSpaces();
    if (this.#take('_')) return { kind: 'null' };
    if (this.#take('*_')) return { kind: 'null-array' };
    if (this.#take('$_')) return { kind: 'null-bulk' };
    const sign = this.#source[this.#at] ?? '';
    const aggregate = AGGREGATE_OF_SIGN.get(sign);
    if (aggregate !== undefined) return this.#readAggregate(aggregate);
    const text = TEXT_OF_SIGN.get(sign);
    if (text !== undefined && this.#source[this.#at + 1] === '"') return this.#readText(text);
    const scalar = SCALAR_OF_SIGN.get(sign);
    if (scalar !== undefined) return this.#readScalar(scalar);
    throw new Error(`no value at ${String(this.#at)} in: ${this.#source}`);
  }

  #take(word: string): boolean {
    if (!this.#source.startsWith(word, this.#at)) return false;
    this.#at += word.length;
    return true;
  }

  #readSized(): SizedReply | undefined {
    const match = /^([$=*~%>])#(\d+)/.exec(this.#source.slice(this.#at));
    const sign = match?.[1] ?? '';
    const of = TEXT_OF_SIGN.get(sign) ?? AGGREGATE_OF_SIGN.get(sign);
    if (match === null || of === undefined) return undefined;
    this.#at += match[0].length;
    return { kind: 'sized', of, count: Number(match[2]) };
  }

  #readAggregate(kind: AggregateKind): AggregateReply {
    this.#at += 1;
    if (!this.#take('[')) throw new Error(`bad aggregate in: ${this.#source}`);
    const items: Reply[] = [];
    for (;;) {
      this.skipSpaces();
      if (this.#take(']')) return { kind, items };
      if (this.isAtEnd()) throw new Error(`unterminated aggregate in: ${this.#source}`);
      items.push(this.#readReply());
    }
  }

  #readText(kind: TextKind): TextReply {
    const { text, next } = readQuotedText(this.#source, this.#at + 1);
    this.#at = next;
    return { kind, text };
  }

  #readScalar(kind: ScalarKind): ScalarReply {
    const match = /^[^ \]]*/.exec(this.#source.slice(this.#at + 1));
    const text = match?.[0] ?? '';
    this.#at += 1 + text.length;
    return { kind, text };
  }
}
