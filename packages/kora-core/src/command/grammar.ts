/**
 * The argument grammar of a command: a tree of leaves that both documents the arguments (COMMAND
 * DOCS) and parses them into the ArgFrame. Matching has two passes, as Redis's parsers behave:
 * first the structure (a wrong token is a syntax error), then the numbers in order. Shape of every
 * grammar: required positions, then options in any order, then required positions. Repeating an
 * option is allowed and the last one counts; two different alternatives of a oneOf are a syntax
 * error. Cost: O(arguments x options), no allocation.
 */
import { assert } from '../assert.ts';
import { equalsIgnoreCase } from '../bytes/ascii.hot.ts';
import { parseDoubleStrict } from '../bytes/number-text.ts';
import { parseInteger, parsed } from '../bytes/number-text.hot.ts';
import type { ReplyError } from '../errors/reply-error.ts';
import { replyErrors } from '../errors/reply-error.ts';
import { GRAMMAR_SLOT_COUNT_MAX } from '../limits.ts';
import type { ArgFrame } from './arg-frame.hot.ts';

/**
 * Kinds of leaves; the names of COMMAND DOCS differ only in `bytes` (string) and `token`
 * (pure-token).
 */
export type LeafKind =
  'key' | 'bytes' | 'pattern' | 'integer' | 'unixTime' | 'double' | 'token' | 'oneOf' | 'block';

/** What COMMAND DOCS says of a leaf where it does not follow from the leaf itself. */
export interface LeafDocs {
  readonly name?: string;
  /** Version that brought the argument, where it is younger than its command. */
  readonly since?: string;
  readonly deprecatedSince?: string;
  /** Index of the key specification, where it is not the next one. */
  readonly keySpecIndex?: number;
  /** The token of a repeated leaf comes once, before the first value. */
  readonly hasTokenOnce?: boolean;
}

/** One node of the grammar. Immutable: the modifiers return changed copies. */
export class Leaf {
  readonly kind: LeafKind;
  readonly token: string | undefined;
  readonly isOptional: boolean;
  readonly isRepeated: boolean;
  readonly children: readonly (readonly [string, Leaf])[];
  readonly numberError: ReplyError | undefined;
  readonly docs: LeafDocs;
  /** Token bytes in upper case, ready for comparison. */
  readonly tokenBytes: Uint8Array;

  constructor(fields: {
    readonly kind: LeafKind;
    readonly token?: string | undefined;
    readonly isOptional?: boolean;
    readonly isRepeated?: boolean;
    readonly children?: readonly (readonly [string, Leaf])[];
    readonly numberError?: ReplyError | undefined;
    readonly docs?: LeafDocs;
  }) {
    this.kind = fields.kind;
    this.token = fields.token;
    this.isOptional = fields.isOptional ?? false;
    this.isRepeated = fields.isRepeated ?? false;
    this.children = fields.children ?? [];
    this.numberError = fields.numberError;
    this.docs = fields.docs ?? {};
    this.tokenBytes = Uint8Array.from(this.token ?? '', (letter) => letter.charCodeAt(0));
  }

  /** May be absent. */
  optional(): Leaf {
    return new Leaf({ ...this, isOptional: true });
  }

  /** Comes once or more; only as the last required item. */
  repeated(): Leaf {
    return new Leaf({ ...this, isRepeated: true });
  }

  /** Preceded by a word: for oneOf, whose maker takes none. */
  after(token: string): Leaf {
    return new Leaf({ ...this, token });
  }

  /** Tells COMMAND DOCS more; nothing changes in what is parsed. */
  documented(docs: LeafDocs): Leaf {
    return new Leaf({ ...this, docs: { ...this.docs, ...docs } });
  }

  /** The error when the text is not a number, where Redis has its own. */
  orError(error: ReplyError): Leaf {
    return new Leaf({ ...this, numberError: error });
  }

  /** Arguments this leaf takes after its token. */
  get width(): number {
    if (this.kind === 'token') return 0;
    if (this.kind !== 'block') return 1;
    return this.children.reduce((sum, [, child]) => sum + child.width, 0);
  }
}

type Alternatives = Readonly<Record<string, Leaf>>;

/** Makers of leaves. A `token` is the word that precedes the value. */
export const arg = Object.freeze({
  key: (token?: string): Leaf => new Leaf({ kind: 'key', token }),
  bytes: (token?: string): Leaf => new Leaf({ kind: 'bytes', token }),
  pattern: (token?: string): Leaf => new Leaf({ kind: 'pattern', token }),
  /** Signed 64-bit decimal. */
  integer: (token?: string): Leaf => new Leaf({ kind: 'integer', token }),
  /** An integer that is a point in time; documented as such. */
  unixTime: (token?: string): Leaf => new Leaf({ kind: 'unixTime', token }),
  double: (token?: string): Leaf => new Leaf({ kind: 'double', token }),
  /** A word alone. */
  token: (token: string): Leaf => new Leaf({ kind: 'token', token }),
  /** One of several words (by name: the words themselves), or of several leaves with tokens. */
  oneOf: (...alternatives: readonly string[] | readonly [Alternatives]): Leaf => {
    const children = alternatives.flatMap((item) =>
      typeof item === 'string'
        ? [[item.toLowerCase(), new Leaf({ kind: 'token', token: item })] as const]
        : Object.entries(item),
    );
    return new Leaf({ kind: 'oneOf', children });
  },
  /** Several leaves in a row, with or without a token before them. */
  block: (children: Readonly<Record<string, Leaf>>, token?: string): Leaf =>
    new Leaf({ kind: 'block', token, children: Object.entries(children) }),
  /** A leaf or a group of leaves once or more. */
  repeat: (item: Leaf | Readonly<Record<string, Leaf>>): Leaf =>
    item instanceof Leaf
      ? item.repeated()
      : new Leaf({ kind: 'block', children: Object.entries(item), isRepeated: true }),
});

/** Slot number of each argument name. */
export type SlotsOf<Args> = { readonly [Name in keyof Args]: number };

/** A grammar ready to match. */
export interface Grammar {
  readonly slots: Readonly<Record<string, number>>;
  readonly slotCount: number;
  /** Arity by the grammar, command words included; negative = at least. */
  readonly arity: number;
  readonly leaves: readonly (readonly [string, Leaf])[];
  /** Fills the frame; the first error in Redis's order, or null. */
  match(frame: ArgFrame): ReplyError | null;
}

/** Builds and checks the grammar of one command; `wordCount` is 1, or 2 for a subcommand. */
export function buildGrammar(
  args: Readonly<Record<string, Leaf>>,
  wordCount: number,
  statedArity: number,
  name: string,
): Grammar {
  const leaves = Object.entries(args);
  assert(leaves.length <= GRAMMAR_SLOT_COUNT_MAX, `${name}: too many arguments in the grammar`);
  const slots: Record<string, number> = {};
  leaves.forEach(([key], slot) => (slots[key] = slot));
  let fewest = wordCount;
  let isOpen = false;
  for (const [, leaf] of leaves) {
    if (leaf.isOptional || isOpenEnded(leaf)) isOpen = true;
    if (!leaf.isOptional) fewest += leastWidth(leaf);
  }
  const arity = isOpen ? -fewest : fewest;
  assert(statedArity === arity, `${name}: arity ${statedArity}, but the grammar gives ${arity}`);
  const matcher = new Matcher(
    leaves.map(([, leaf]) => leaf),
    wordCount,
  );
  return {
    slots: Object.freeze(slots),
    slotCount: leaves.length,
    arity,
    leaves,
    match: (frame) => matcher.match(frame),
  };
}

/** True when the leaf, or the last part of a block, may come any number of times. */
function isOpenEnded(leaf: Leaf): boolean {
  return leaf.isRepeated || leaf.children.at(-1)?.[1].isRepeated === true;
}

function leastWidth(leaf: Leaf): number {
  if (leaf.kind === 'oneOf') {
    return Math.min(...leaf.children.map(([, child]) => leastWidth(child)));
  }
  return leaf.width + (leaf.token === undefined ? 0 : 1);
}

class Matcher {
  readonly #leaves: readonly Leaf[];
  readonly #start: number;
  /** Leaves [0, firstOption) are required heads, [firstOption, firstTail) options, then tails. */
  readonly #firstOption: number;
  readonly #firstTail: number;

  constructor(leaves: readonly Leaf[], start: number) {
    this.#leaves = leaves;
    this.#start = start;
    const option = leaves.findIndex((leaf) => leaf.isOptional);
    this.#firstOption = option < 0 ? leaves.length : option;
    let tail = this.#firstOption;
    while (tail < leaves.length && leaves[tail]?.isOptional === true) tail++;
    this.#firstTail = tail;
  }

  match(frame: ArgFrame): ReplyError | null {
    frame.clear(this.#leaves.length);
    let position = this.#start;
    for (let slot = 0; slot < this.#firstOption; slot++) {
      position = this.#required(frame, slot, position);
      if (position < 0) return replyErrors.syntax;
    }
    position = this.#options(frame, position);
    if (position < 0) return replyErrors.syntax;
    for (let slot = this.#firstTail; slot < this.#leaves.length; slot++) {
      position = this.#required(frame, slot, position);
      if (position < 0) return replyErrors.syntax;
    }
    if (position !== frame.count) return replyErrors.syntax;
    return this.#numbers(frame);
  }

  /** Matches a required leaf; the next position or -1. */
  #required(frame: ArgFrame, slot: number, position: number): number {
    const leaf = this.#leaves[slot];
    if (leaf === undefined) return -1;
    if (!leaf.isRepeated) return this.#one(frame, slot, leaf, position);
    const width = leaf.width;
    const times = Math.floor((frame.count - position) / width);
    if (times < 1) return -1;
    frame.index[slot] = position;
    frame.times[slot] = times;
    return position + times * width;
  }

  /** Matches options in any order for as long as one fits. */
  #options(frame: ArgFrame, from: number): number {
    let position = from;
    while (position < frame.count) {
      let next = -1;
      for (let slot = this.#firstOption; slot < this.#firstTail && next < 0; slot++) {
        const leaf = this.#leaves[slot];
        if (leaf === undefined) break;
        // A position without a token is taken once, and only when no word fits it.
        const isPositional = leaf.token === undefined && leaf.kind !== 'oneOf';
        if (isPositional && (frame.index[slot] ?? 0) !== 0) continue;
        // A token comes again before each of its values.
        next = leaf.isRepeated && leaf.token === undefined
          ? this.#required(frame, slot, position)
          : this.#one(frame, slot, leaf, position);
        if (next === CLASH) return -1;
      }
      if (next < 0) return position;
      position = next;
    }
    return position;
  }

  #one(frame: ArgFrame, slot: number, leaf: Leaf, position: number): number {
    if (leaf.kind === 'oneOf') return this.#oneOf(frame, slot, leaf, position);
    const valueAt = afterToken(frame, leaf, position);
    if (valueAt < 0 || valueAt + leaf.width > frame.count) return -1;
    frame.index[slot] = leaf.width === 0 ? position : valueAt;
    frame.times[slot] = 1;
    return valueAt + leaf.width;
  }

  #oneOf(frame: ArgFrame, slot: number, leaf: Leaf, position: number): number {
    for (let i = 0; i < leaf.children.length; i++) {
      const child = leaf.children[i]?.[1];
      if (child === undefined) break;
      const valueAt = afterToken(frame, child, position);
      if (valueAt < 0 || valueAt + child.width > frame.count) continue;
      const taken = frame.choice[slot] ?? 0;
      if (taken !== 0 && taken !== i + 1) return CLASH;
      frame.choice[slot] = i + 1;
      frame.index[slot] = child.width === 0 ? position : valueAt;
      frame.times[slot] = 1;
      return valueAt + child.width;
    }
    return -1;
  }

  #numbers(frame: ArgFrame): ReplyError | null {
    for (let slot = 0; slot < this.#leaves.length; slot++) {
      const leaf = this.#leaves[slot];
      const at = frame.index[slot] ?? 0;
      if (leaf === undefined || at === 0 || leaf.isRepeated) continue;
      const chosen =
        leaf.kind === 'oneOf' ? leaf.children[(frame.choice[slot] ?? 1) - 1]?.[1] : leaf;
      if (chosen === undefined) continue;
      const error = readNumber(frame, slot, at, chosen);
      if (error !== null) return error;
    }
    return null;
  }
}

const CLASH = -2;

/** Position after the leaf's token, or -1 when the word at `position` is another one. */
function afterToken(frame: ArgFrame, leaf: Leaf, position: number): number {
  if (position >= frame.count) return -1;
  if (leaf.token === undefined) return position;
  return isWord(frame, position, leaf.tokenBytes) ? position + 1 : -1;
}

/** True when argument i is the ASCII word (given in upper case), whatever its case. */
export function isWord(frame: ArgFrame, i: number, upperCase: Uint8Array): boolean {
  const at = frame.at[i] ?? -1;
  if (at < 0) return false;
  return equalsIgnoreCase(frame.memory.low, at, frame.bytes[i] ?? 0, upperCase);
}

/** Parses a numeric leaf's argument into the frame's columns for `slot`. */
export function readNumber(
  frame: ArgFrame,
  slot: number,
  index: number,
  leaf: Leaf,
): ReplyError | null {
  if (leaf.kind === 'integer' || leaf.kind === 'unixTime') {
    return readInteger(frame, slot, index) ? null : (leaf.numberError ?? replyErrors.notInteger);
  }
  if (leaf.kind !== 'double') return null;
  const value = readDouble(frame, index);
  if (value === undefined) return leaf.numberError ?? replyErrors.notFloat;
  frame.number[slot] = value;
  return null;
}

/** Parses argument `index` as a signed 64-bit integer into the columns of `slot`. */
export function readInteger(frame: ArgFrame, slot: number, index: number): boolean {
  const at = frame.at[index] ?? -1;
  if (at < 0 || !parseInteger(frame.memory.low, at, frame.bytes[index] ?? 0)) return false;
  // Beyond 2^53 the nearest double, so that signs and rough sizes still hold.
  const { high, low } = parsed;
  frame.number[slot] = parsed.isSafe ? parsed.value : high * 2 ** 32 + (low >>> 0);
  frame.isExact[slot] = parsed.isSafe ? 1 : 0;
  frame.high[slot] = high;
  frame.low[slot] = low;
  return true;
}

/** Argument `index` as a double, undefined when it is none. */
export function readDouble(frame: ArgFrame, index: number): number | undefined {
  const at = frame.at[index] ?? -1;
  if (at < 0) return undefined;
  return parseDoubleStrict(frame.memory.low, at, frame.bytes[index] ?? 0);
}
