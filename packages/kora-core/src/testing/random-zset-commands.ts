/**
 * Random commands for sorted sets: all of the group that do not draw by chance, over a few keys and
 * names, so that they meet. For tests against the naive model and against redis-server.
 */
import type { RandomSource } from './random-source.ts';
import { randomSource } from './random-source.ts';

/** The keys that the commands name. */
export const ZSET_KEYS: readonly string[] = ['z', 'y', 'other'];

export interface RandomZsetOptions {
  readonly seed: number;
  /** Different members; 12 without. */
  readonly names?: number;
  /** All members have one score: ranges of names are defined then. */
  readonly isLexical?: boolean;
}

/** Draws commands; weights differ from seed to seed, and some are 0. */
export class RandomZsetCommands {
  readonly #random: RandomSource;
  readonly #names: number;
  readonly #isLexical: boolean;
  readonly #weights: readonly number[];

  constructor({ seed, names = 12, isLexical = false }: RandomZsetOptions) {
    this.#random = randomSource(seed);
    this.#names = names;
    this.#isLexical = isLexical;
    this.#weights = Array.from({ length: 10 }, () => this.#random.below(5));
  }

  next(): string[] {
    const makers = [
      () => this.#add(), () => ['ZREM', this.#key(), this.#name(), this.#name(), this.#name()],
      () => this.#increment(),
      () => [this.#pick(['ZPOPMIN', 'ZPOPMAX']), this.#key(), String(this.#random.below(4))],
      () => ['ZREMRANGEBYRANK', this.#key(), this.#index(), this.#index()],
      () => this.#byValue('ZREMRANGEBYSCORE', 'ZREMRANGEBYLEX'),
      () => ['ZRANGESTORE', this.#key(), ...this.#range()],
      () => ['ZRANGE', ...this.#range(), ...(this.#random.chance(0.4) ? this.#withScores() : [])],
      () => [this.#pick(['ZRANK', 'ZREVRANK', 'ZSCORE', 'ZMSCORE']), this.#key(), this.#name()],
      () => this.#byValue('ZCOUNT', 'ZLEXCOUNT'),
    ];
    const weights = this.#weights.map((weight, i) => (i === 0 ? 6 : weight));
    let drawn = this.#random.below(weights.reduce((sum, weight) => sum + weight, 0));
    for (const [i, weight] of weights.entries()) {
      if (drawn < weight) return makers[i]?.() ?? [];
      drawn -= weight;
    }
    return this.#add();
  }

  /** A command with odd words: bad numbers, clashing options, other types, too few arguments. */
  messy(): string[] {
    const odd = (): string => this.#pick([
      'inf', '(inf', 'nan', 'abc', '', '0x10', ' 1', '1 ', '-0', '1e400', '(', '(1', '[a', '+', '-',
      '9223372036854775807', '-9223372036854775808', '99999999999999999999', '1.5', 'LIMIT', 'REV',
      'WITHSCORES', 'BYLEX', 'BYSCORE', 'NX', 'GT', 'LT', 'XX', 'INCR', 'MIN', 'max', 'COUNT', '2',
    ]);
    const args = this.#random.chance(0.6) ? this.next() : [this.#pick([
      'ZADD', 'ZINCRBY', 'ZREM', 'ZCARD', 'ZSCORE', 'ZMSCORE', 'ZCOUNT', 'ZRANGE', 'ZPOPMIN',
      'ZRANGEBYSCORE', 'ZREVRANGEBYSCORE', 'ZREVRANGE', 'ZREMRANGEBYRANK', 'ZMPOP', 'ZRANGESTORE',
      'ZREMRANGEBYSCORE', 'ZPOPMAX',
    ]), ...(this.#random.chance(0.3) ? ['2'] : []), this.#key(), this.#score(), this.#score()];
    const place = 2 + this.#random.below(args.length);
    if (this.#random.chance(0.5)) args.splice(place, this.#random.below(2), odd());
    else if (this.#random.chance(0.3)) args[1] = 'text';
    else args.push(odd(), odd());
    return args;
  }

  #pick(words: readonly string[]): string {
    return words[this.#random.below(words.length)] ?? '';
  }

  #key(): string {
    return this.#pick(['z', 'z', 'z', ...ZSET_KEYS]);
  }

  #name(): string {
    const name = `m${this.#random.below(this.#names)}`;
    return this.#random.chance(0.02) ? name.repeat(30) : name;
  }

  #score(): string {
    if (this.#isLexical) return '3';
    if (this.#random.chance(0.03)) return this.#pick(['inf', '-inf']);
    return String(this.#random.below(40) / 4 - 5);
  }

  #index(): string {
    return String(this.#random.below(this.#names * 2) - this.#names);
  }

  #add(): string[] {
    const options = this.#random.chance(0.3)
      ? [this.#pick(['NX', 'XX', 'GT', 'LT', 'CH']), ...(this.#random.chance(0.3) ? ['CH'] : [])]
      : [];
    const pairs = this.#random.chance(0.2) ? 1 + this.#random.below(this.#names) : 1;
    const args = ['ZADD', this.#key(), ...options];
    for (let i = 0; i < pairs; i++) args.push(this.#score(), this.#name());
    return args;
  }

  /** Names have no order of their own once scores differ. */
  #increment(): string[] {
    if (this.#isLexical) return ['ZCARD', this.#key()];
    return ['ZINCRBY', this.#key(), this.#score(), this.#name()];
  }

  #bound(): string {
    if (this.#isLexical) {
      if (this.#random.chance(0.2)) return this.#pick(['-', '+']);
      return this.#pick(['[', '(']) + this.#name();
    }
    return (this.#random.chance(0.3) ? '(' : '') + this.#score();
  }

  #byValue(ofScores: string, ofNames: string): string[] {
    return [this.#isLexical ? ofNames : ofScores, this.#key(), this.#bound(), this.#bound()];
  }

  #range(): string[] {
    const reverse = this.#random.chance(0.3) ? ['REV'] : [];
    if (this.#random.chance(0.5)) return [this.#key(), this.#index(), this.#index(), ...reverse];
    const limit = this.#random.chance(0.4)
      ? ['LIMIT', String(this.#random.below(6) - 1), String(this.#random.below(8) - 2)] : [];
    const kind = this.#isLexical ? 'BYLEX' : 'BYSCORE';
    return [this.#key(), this.#bound(), this.#bound(), kind, ...reverse, ...limit];
  }

  #withScores(): string[] {
    return this.#isLexical ? [] : ['WITHSCORES'];
  }
}
