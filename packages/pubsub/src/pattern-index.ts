/**
 * Glob patterns by what a name that fits them must begin and end with, so that a message asks few
 * of many: first a tree of literal beginnings, in each of its places a tree of literal endings,
 * read backwards, and there the patterns themselves.
 *
 *   user:*:mail   begins "user:"  ends ":mail"       *.log   begins ""  ends ".log"
 *   h[ae]llo      begins "h"      ends "llo"         \*x     begins "*x" ends "*x" (it is literal)
 *
 * Invariant: a name that a pattern matches begins and ends so; whether it matches is for globMatch
 *   to say, which knows every corner of the syntax.
 * Cost of a message: O(length of the name) a place, and a match for each pattern that shares both
 *   ends with the name. Patterns without literal ends (`*a*`) are asked every time.
 */
import { assert, globMatch } from '@kora/core';
import { bytesOf } from './binary-text.ts';
import { LiteralTrie } from './literal-trie.ts';

const BACKSLASH = 0x5c;
const STAR = 0x2a;
const QUESTION = 0x3f;
const OPEN_BRACKET = 0x5b;
/** A name of so many bytes is matched in a buffer of its own. */
const SCRATCH_BYTES = 1024;

/** A pattern with what belongs to it. */
interface Entry<Value> {
  readonly pattern: string;
  readonly bytes: Uint8Array;
  readonly value: Value;
}

type Endings<Value> = LiteralTrie<Map<string, Entry<Value>>>;

/** What every name that fits a pattern begins and ends with. */
export interface LiteralEnds {
  readonly prefix: string;
  readonly suffix: string;
}

/** The literal ends of a pattern; of one that is all literal, all of it. */
export function literalEnds(pattern: string): LiteralEnds {
  let prefix = '';
  let run = '';
  let hasSpecial = false;
  for (let at = 0; at < pattern.length; at++) {
    const code = pattern.charCodeAt(at);
    if (code === STAR || code === QUESTION || code === OPEN_BRACKET) {
      if (!hasSpecial) prefix = run;
      hasSpecial = true;
      run = '';
      if (code === OPEN_BRACKET) at = setEnd(pattern, at);
      continue;
    }
    if (code === BACKSLASH && at + 1 < pattern.length) at++;
    run += pattern.charAt(at);
  }
  return { prefix: hasSpecial ? prefix : run, suffix: run };
}

/**
 * Place of the bracket that ends the set which begins at `at`. Where it is hard to say, the end of
 * the pattern: the ending is then taken as empty, which is always right.
 */
function setEnd(pattern: string, at: number): number {
  const start = pattern.charAt(at + 1) === '^' ? at + 2 : at + 1;
  for (let i = start; i < pattern.length; i++) {
    const character = pattern.charAt(i);
    if (character === ']') return i;
    if (character === '\\' && i + 1 < pattern.length) i++;
    else if (i + 2 < pattern.length && pattern.charAt(i + 1) === '-') i += 2;
  }
  return pattern.length;
}

export class PatternIndex<Value> {
  /** All patterns with what belongs to them, by their binary strings. */
  readonly #entries = new Map<string, Entry<Value>>();
  readonly #beginnings = new LiteralTrie<Endings<Value>>();
  readonly #scratch = new Uint8Array(SCRATCH_BYTES);

  get size(): number {
    return this.#entries.size;
  }

  get(pattern: string): Value | undefined {
    return this.#entries.get(pattern)?.value;
  }

  /** Adds a pattern, which is not there. */
  add(pattern: string, value: Value): void {
    assert(!this.#entries.has(pattern), 'a pattern is added once');
    const entry = { pattern, bytes: bytesOf(pattern), value };
    this.#entries.set(pattern, entry);
    const { prefix, suffix } = literalEnds(pattern);
    const endings = this.#beginnings.ensure(prefix, () => new LiteralTrie());
    endings.ensure(reversed(suffix), () => new Map()).set(pattern, entry);
  }

  /** Removes a pattern. @returns false when it is not there */
  remove(pattern: string): boolean {
    if (!this.#entries.delete(pattern)) return false;
    const { prefix, suffix } = literalEnds(pattern);
    const ending = reversed(suffix);
    const endings = this.#beginnings.ensure(prefix, () => new LiteralTrie());
    const entries = endings.ensure(ending, () => new Map());
    entries.delete(pattern);
    if (entries.size === 0) endings.remove(ending);
    if (endings.isEmpty) this.#beginnings.remove(prefix);
    return true;
  }

  /** All values, in the order their patterns came. */
  *values(): Iterable<Value> {
    for (const { value } of this.#entries.values()) yield value;
  }

  /** Values of the patterns that match the name. They may be removed while that is walked. */
  matches(name: string): readonly Value[] {
    if (this.#entries.size === 0) return [];
    const found: Value[] = [];
    const bytes = this.#bytesOf(name);
    let backwards: string | null = null;
    this.#beginnings.forEachPrefixOf(name, (endings) => {
      backwards ??= reversed(name);
      endings.forEachPrefixOf(backwards, (entries) => {
        for (const { bytes: pattern, value } of entries.values()) {
          if (globMatch(pattern, 0, pattern.length, bytes, 0, name.length, false)) {
            found.push(value);
          }
        }
      });
    });
    return found;
  }

  #bytesOf(name: string): Uint8Array {
    if (name.length > SCRATCH_BYTES) return bytesOf(name);
    const bytes = this.#scratch;
    for (let i = 0; i < name.length; i++) bytes[i] = name.charCodeAt(i);
    return bytes;
  }
}

function reversed(text: string): string {
  let backwards = '';
  for (let i = text.length - 1; i >= 0; i--) backwards += text.charAt(i);
  return backwards;
}
