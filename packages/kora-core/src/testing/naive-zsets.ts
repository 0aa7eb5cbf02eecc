/**
 * Sorted sets once more, as plainly as possible: a Map of members and scores, sorted whenever order
 * is asked for. The other side of the model tests. Replies are given in the corpus's notation.
 * Members are strings of one character a byte. What chance decides it leaves to the test.
 */
import { doubleToText17 } from '../bytes/number-text.ts';

/** One sorted set. */
export class NaiveZset {
  readonly scores = new Map<string, number>();
  /** Redis would have given up the listpack. */
  isWide = false;
}

export type NaivePair = readonly [string, number];

const bulk = (text: string): string => `$"${text}"`;
const double = (value: number): string => bulk(doubleToText17(value));
const array = (items: readonly string[]): string => `*[${items.join(' ')}]`;

/** A bound of a score range: `(5`, `-inf`. True when the score is on the right side of it. */
function isAbove(bound: string, score: number): boolean {
  return bound.startsWith('(') ? score > numberOf(bound.slice(1)) : score >= numberOf(bound);
}

function isBelow(bound: string, score: number): boolean {
  return bound.startsWith('(') ? score < numberOf(bound.slice(1)) : score <= numberOf(bound);
}

function numberOf(text: string): number {
  if (text.endsWith('inf')) return text.startsWith('-') ? -Infinity : Infinity;
  return Number(text);
}

function isNameAbove(bound: string, name: string): boolean {
  if (bound === '-' || bound === '+') return bound === '-';
  return bound.startsWith('(') ? name > bound.slice(1) : name >= bound.slice(1);
}

function isNameBelow(bound: string, name: string): boolean {
  if (bound === '-' || bound === '+') return bound === '+';
  return bound.startsWith('(') ? name < bound.slice(1) : name <= bound.slice(1);
}

/** All sorted sets of a database; thresholds as CONFIG names them. */
export class NaiveZsets {
  readonly sets = new Map<string, NaiveZset>();
  entriesMax = 128;
  valueBytesMax = 64;

  /** Members in order. */
  pairs(key: string): NaivePair[] {
    const pairs = [...(this.sets.get(key)?.scores ?? [])];
    return pairs.sort((a, b) => a[1] - b[1] || (a[0] < b[0] ? -1 : 1));
  }

  /** Runs a command; its reply in notation. */
  run(args: readonly string[]): string {
    const [name = '', key = '', ...rest] = args;
    if (name === 'ZADD') return this.add(key, rest);
    if (name === 'ZINCRBY') return this.add(key, ['INCR', rest[0] ?? '', rest[1] ?? '']);
    if (name === 'ZREM') return `:${this.remove(key, [...new Set(rest)])}`;
    if (name === 'ZPOPMIN' || name === 'ZPOPMAX') return this.pop(key, name === 'ZPOPMAX', rest[0]);
    if (name === 'ZRANK' || name === 'ZREVRANK') return this.rank(key, rest[0] ?? '', name);
    if (name === 'ZSCORE') return this.score(key, rest[0] ?? '');
    if (name === 'ZMSCORE') return array(rest.map((member) => this.score(key, member)));
    if (name === 'ZCARD') return `:${this.pairs(key).length}`;
    if (name === 'ZCOUNT') return `:${this.select(key, ['BYSCORE', ...rest]).length}`;
    if (name === 'ZLEXCOUNT') return `:${this.select(key, ['BYLEX', ...rest]).length}`;
    if (name.startsWith('ZREMRANGEBY')) {
      const kind = name.slice('ZREMRANGE'.length);
      const gone = this.select(key, [kind, ...rest]);
      return `:${this.remove(key, gone.map(([member]) => member))}`;
    }
    if (name === 'ZRANGESTORE') {
      const [source = '', from = '', to = '', ...options] = rest;
      return this.store(key, this.range(source, from, to, options));
    }
    const [from = '', to = '', ...options] = rest;
    const pairs = this.range(key, from, to, options);
    const showsScores = options.includes('WITHSCORES');
    return array(pairs.flatMap(([member, score]) =>
      showsScores ? [bulk(member), double(score)] : [bulk(member)]));
  }

  private put(key: string, member: string, score: number): void {
    const set = this.sets.get(key) ?? new NaiveZset();
    this.sets.set(key, set);
    const isNew = !set.scores.has(member);
    const count = set.scores.size + (isNew ? 1 : 0);
    if (isNew && (count > this.entriesMax || member.length > this.valueBytesMax)) set.isWide = true;
    set.scores.set(member, score);
  }

  private add(key: string, args: readonly string[]): string {
    const options = new Set<string>();
    let at = 0;
    for (; /^(NX|XX|GT|LT|CH|INCR)$/.test(args[at] ?? ''); at++) options.add(args[at] ?? '');
    let added = 0;
    let moved = 0;
    let last = '_';
    for (; at < args.length; at += 2) {
      const member = args[at + 1] ?? '';
      const before = this.sets.get(key)?.scores.get(member);
      let score = numberOf(args[at] ?? '');
      if (options.has(before === undefined ? 'XX' : 'NX')) continue;
      if (before !== undefined) {
        if (options.has('INCR')) score += before;
        if (Number.isNaN(score)) return '-"ERR resulting score is not a number (NaN)"';
        if (options.has('GT') && score <= before) continue;
        if (options.has('LT') && score >= before) continue;
      }
      last = double(score);
      if (before === undefined) added++;
      else if (before !== score) moved++;
      if (before !== score) this.put(key, member, score);
    }
    if (options.has('INCR')) return last;
    return `:${options.has('CH') ? added + moved : added}`;
  }

  private remove(key: string, members: readonly string[]): number {
    const set = this.sets.get(key);
    if (set === undefined) return 0;
    const removed = members.filter((member) => set.scores.delete(member)).length;
    if (set.scores.size === 0) this.sets.delete(key);
    return removed;
  }

  private pop(key: string, isMax: boolean, count = '1'): string {
    const pairs = this.pairs(key);
    if (isMax) pairs.reverse();
    const popped = pairs.slice(0, Number(count));
    this.remove(key, popped.map(([member]) => member));
    return array(popped.flatMap(([member, score]) => [bulk(member), double(score)]));
  }

  private rank(key: string, member: string, name: string): string {
    const pairs = this.pairs(key);
    if (name === 'ZREVRANK') pairs.reverse();
    const rank = pairs.findIndex(([other]) => other === member);
    return rank < 0 ? '_' : `:${rank}`;
  }

  private score(key: string, member: string): string {
    const score = this.sets.get(key)?.scores.get(member);
    return score === undefined ? '_' : double(score);
  }

  /** Members of [kind, from, to], lowest first. */
  private select(key: string, [kind, from = '', to = '']: readonly string[]): NaivePair[] {
    const pairs = this.pairs(key);
    if (kind === 'BYSCORE') {
      return pairs.filter(([, score]) => isAbove(from, score) && isBelow(to, score));
    }
    if (kind === 'BYLEX') {
      return pairs.filter(([name]) => isNameAbove(from, name) && isNameBelow(to, name));
    }
    return ranksOf(pairs, Number(from), Number(to));
  }

  /** What ZRANGE answers with. */
  private range(
    key: string, from: string, to: string, options: readonly string[],
  ): NaivePair[] {
    const isReverse = options.includes('REV');
    const kind = options.find((word) => word.startsWith('BY'));
    if (kind === undefined) {
      const pairs = this.pairs(key);
      return ranksOf(isReverse ? pairs.reverse() : pairs, Number(from), Number(to));
    }
    const pairs = this.select(key, isReverse ? [kind, to, from] : [kind, from, to]);
    if (isReverse) pairs.reverse();
    const limitAt = options.indexOf('LIMIT');
    if (limitAt < 0) return pairs;
    const offset = Number(options[limitAt + 1]);
    const count = Number(options[limitAt + 2]);
    if (offset < 0) return [];
    return count < 0 ? pairs.slice(offset) : pairs.slice(offset, offset + count);
  }

  private store(key: string, pairs: readonly NaivePair[]): string {
    this.sets.delete(key);
    for (const [member, score] of pairs) this.put(key, member, score);
    return `:${pairs.length}`;
  }
}

function ranksOf(pairs: readonly NaivePair[], from: number, to: number): NaivePair[] {
  const first = from < 0 ? Math.max(from + pairs.length, 0) : from;
  const last = to < 0 ? to + pairs.length : to;
  return pairs.slice(first, Math.max(last + 1, 0));
}
